// The parts of a split replay, merged, are the single replay: paths, drops, flows, counters, connections, events, frames.
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { mergeEventRows } from '../../src/replay/event-rows.ts';
import { mergeFrameRows } from '../../src/replay/frame-rows.ts';
import { mergeResults } from '../../src/replay/merge.ts';
import { runTask } from '../../src/replay/session.ts';
import { SpillReader } from '../../src/replay/spill.ts';
import type { ReplayTask } from '../../src/replay/task.ts';
import { withoutIcmpLimits } from '../../src/suite/icmp-limits.ts';
import { router, ruleset, withFolder, writeCapture } from './fixture.ts';
import { type Step, shots, steps } from './traffic.ts';

const RULES = ruleset(`
table inet f {
	flowtable ft { hook ingress priority 0; devices = { lan, wan }; counter; }
	counter seen { packets 5 bytes 500 }
	set ports { type inet_service; flags interval; counter; elements = { 1-70 counter packets 3 bytes 30, 443, 5000-6000 } }
	map verdicts { type inet_service : verdict; elements = { 22 : drop } }
	chain early { type filter hook prerouting priority -150; ct state new counter packets 10 bytes 1000 }
	chain forward {
		type filter hook forward priority 0; policy drop;
		meta l4proto { tcp, udp } ct state established flow add @ft
		counter name seen
		tcp dport @ports counter
		tcp dport vmap @verdicts
		ct state established,related counter accept
		iifname "lan" accept
		udp dport 40000-50000 counter reject
		meta l4proto tcp counter reject with tcp reset
	}
	chain input { type filter hook input priority 0; policy drop; ct state established accept; counter reject }
}
`);

async function replay(
  path: string,
  folder: string,
  shares: number,
  offload: ReplayTask['offload'],
  rules: Ruleset = RULES,
) {
  const tasks = Array.from(
    { length: shares },
    (_, index): ReplayTask => ({
      ruleset: rules,
      // Limits in rate are shared: replay() looks whether the parts can have felt them (isIndependent).
      router: withoutIcmpLimits(router().spec),
      inferred: false,
      captures: [{ path }],
      offload,
      seed: 1,
      keepDropped: false,
      countsWork: true,
      listsConntrack: true,
      ...(shares > 1 ? { shard: { index, of: shares } } : {}),
      eventsSpill: join(folder, `events-${shares}-${index}`),
      framesSpill: join(folder, `frames-${shares}-${index}`),
    }),
  );
  const parts = [];
  for (const task of tasks) parts.push(await runTask(task));
  const { result, pathOf } = mergeResults(parts, rules);
  const spills = tasks.map((task, index) => ({
    spill: new SpillReader(task.eventsSpill ?? ''),
    pathOf: pathOf[index] ?? new Uint32Array(0),
  }));
  const events = [...mergeEventRows(spills)].length === 0 ? [] : rows(tasks, pathOf);
  for (const row of spills) row.spill.close();
  const readers = tasks.map((task) => new SpillReader(task.framesSpill ?? ''));
  const frames = [];
  for (const row of mergeFrameRows(readers)) frames.push({ ...row, octets: Buffer.from(row.octets).toString('hex') });
  for (const reader of readers) reader.close();
  const { conntrackBound: _, ...comparable } = result;
  return { result: comparable, events, frames };
}

function rows(tasks: ReplayTask[], pathOf: Uint32Array[]) {
  const readers = tasks.map((task) => new SpillReader(task.eventsSpill ?? ''));
  const all = [];
  const parts = readers.map((spill, index) => ({ spill, pathOf: pathOf[index] ?? new Uint32Array(0) }));
  for (const row of mergeEventRows(parts)) all.push({ ...row, outs: [...row.outs] });
  for (const reader of readers) reader.close();
  return all;
}

async function compare(list: Step[], shares: number, offload: ReplayTask['offload']): Promise<boolean> {
  return withFolder(async (folder) => {
    const path = join(folder, 'traffic.pcap');
    writeCapture(path, shots(list));
    const whole = await replay(path, folder, 1, offload);
    const split = await replay(path, folder, shares, offload);
    if (!split.result.isExact) return false;
    expect(split).toEqual(whole);
    return true;
  });
}

describe('a split replay, merged', () => {
  it('equals the single one', async () => {
    let exact = 0;
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 2, max: 5 }),
        fc.constantFrom<ReplayTask['offload']>('as-ruled', 'off'),
        async (list, shares, offload) => {
          if (await compare(list, shares, offload)) exact++;
        },
      ),
      { numRuns: 60 },
    );
    expect(exact).toBeGreaterThan(30);
  }, 120_000);

  it('ends the connections at the time of the last packet, whoever replayed that one', async () => {
    const talk = (host: number, waitSeconds: number): Step => ({
      host,
      server: 1,
      port: 53,
      isIpv6: false,
      kind: 'udp',
      waitSeconds,
    });
    const list = [talk(10, 0), talk(11, 1), talk(12, 20), talk(13, 5)];
    expect(await compare(list, 4, 'as-ruled')).toBe(true);
    await withFolder(async (folder) => {
      const path = join(folder, 'traffic.pcap');
      writeCapture(path, shots(list));
      const { result } = await replay(path, folder, 3, 'as-ruled');
      expect(result.conntrack.map((row) => row.line.split(/\s+/)[4])).toEqual(['4', '5', '25', '30']);
    });
  });

  it('of nothing is nothing', async () => {
    expect(await compare([], 3, 'as-ruled')).toBe(true);
  });

  it('adds counters up and their start values once', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'traffic.pcap');
      const hosts = [10, 11, 12, 13, 14, 15];
      writeCapture(
        path,
        shots(hosts.map((host) => ({ host, server: 1, port: 443, isIpv6: false, kind: 'syn', waitSeconds: 0 }))),
      );
      const { result } = await replay(path, folder, 4, 'as-ruled');
      const [table] = result.state.tables;
      expect(table?.objects[0]).toEqual({ kind: 'counter', packets: 5 + 6, bytes: 500 + 6 * 40 });
      expect(table?.chains[0]?.rules[0]?.find((row) => row?.kind === 'counter')).toMatchObject({ packets: 10 + 6 });
      const counters = table?.sets[0]?.elements.flatMap((element) => element.expressions ?? []) ?? [];
      expect(counters).toContainEqual(expect.objectContaining({ kind: 'counter', packets: 6, bytes: 240 }));
      expect(counters).toContainEqual(expect.objectContaining({ kind: 'counter', packets: 3, bytes: 30 }));
    });
  });
});

it('parts cannot be merged out of none', () => {
  expect(() => mergeResults([], RULES)).toThrow('nothing to merge');
});
