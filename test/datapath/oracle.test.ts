// The oracle's own demonstration cases, whole: every frame out octet for octet, every verdict, every connection after every
// packet, every counter at the end. Results of a real Linux 6.12; absent on other machines, then skipped.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileText } from './compile.ts';
import {
  type OracleCase,
  type OraclePacket,
  oracleConnection,
  oracleCounters,
  ourConnections,
  ourCounters,
} from './oracle-result.ts';
import { masked, octets, Scene } from './scene.ts';

const ORACLE = process.env.ORACLE_DIR ?? '/work/shared/kernel-oracle';
const RUNS = [
  ['cases/batch.json', 'results/demo.json'],
  ['cases/batch2.json', 'results/demo2.json'],
] as const;

interface BatchCase {
  id: string;
  ruleset?: string;
  ruleset_text?: string;
  topology: string | object;
}

interface Pair {
  id: string;
  batch: BatchCase;
  result: OracleCase;
  folder: string;
}

function pairs(): Pair[] {
  return RUNS.flatMap(([batchFile, resultFile]) => {
    const batchPath = join(ORACLE, batchFile);
    const resultPath = join(ORACLE, resultFile);
    if (!existsSync(batchPath) || !existsSync(resultPath)) return [];
    const batch = JSON.parse(readFileSync(batchPath, 'utf8')) as BatchCase[];
    const results = JSON.parse(readFileSync(resultPath, 'utf8')) as OracleCase[];
    return batch.flatMap((one) => {
      const result = results.find((row) => row.id === one.id);
      return result === undefined ? [] : [{ id: one.id, batch: one, result, folder: join(batchPath, '..') }];
    });
  });
}

/** What the oracle may call a packet that ours calls so. */
const VERDICTS: Record<string, string[]> = {
  forwarded: ['forward'],
  dropped: ['drop'],
  local: ['local', 'forward'],
  consumed: ['consumed', 'local', 'drop'],
  not_sent: ['forward', 'local', 'drop'],
};

/** Packets whose source port the kernel drew by lot: address clash under masquerade. Only their way and length are compared. */
const RANDOM_PORTS: Record<string, number[]> = { 'c-masq': [14] };

const found = pairs();

describe.skipIf(found.length === 0)('the kernel oracle', () => {
  test.each(found)('$id: frames, verdicts, connections and counters', ({ batch, result, folder }) => {
    const text = batch.ruleset_text ?? readFileSync(join(folder, batch.ruleset ?? ''), 'utf8');
    const topology =
      typeof batch.topology === 'string'
        ? JSON.parse(readFileSync(join(folder, batch.topology), 'utf8'))
        : batch.topology;
    const ruleset = compileText(text);
    const scene = new Scene(topology, ruleset);
    const differences = result.packets.flatMap((packet, i) =>
      RANDOM_PORTS[result.id]?.includes(i) ? compareWay(scene, packet, i) : comparePacket(scene, packet, i),
    );
    expect(differences.join('\n')).toBe('');
    expect(ourCounters(ruleset, scene.router.netfilter.state())).toEqual(oracleCounters(result.ruleset));
  });
});

function comparePacket(scene: Scene, packet: OraclePacket, index: number): string[] {
  const { verdict, reason, outputs } = scene.send(packet.in_iface, octets(packet.in_hex), packet.guest_ns);
  const differences: string[] = [];
  if (!VERDICTS[packet.verdict]?.includes(verdict)) {
    differences.push(`kernel ${packet.verdict} ${packet.drop?.reason ?? ''}, ours ${verdict} ${reason}`);
  }
  const theirs = packet.outputs.map((out) => `${out.iface} ${masked(out.hex, out.kind !== 'forwarded')}`);
  const ours = outputs.map((out, j) => `${out.iface} ${masked(out.hex, packet.outputs[j]?.kind !== 'forwarded')}`);
  if (theirs.join() !== ours.join())
    differences.push(...theirs.map((one) => `kernel ${one}`), ...ours.map((one) => `ours   ${one}`));
  if (packet.conntrack !== undefined) differences.push(...compareConnections(scene, packet));
  return differences.length === 0 ? [] : [`packet ${index} in ${packet.in_iface} ${packet.in_hex}`, ...differences];
}

function compareWay(scene: Scene, packet: OraclePacket, index: number): string[] {
  const { outputs } = scene.send(packet.in_iface, octets(packet.in_hex), packet.guest_ns);
  const way = (rows: { iface: string; hex: string }[]): string =>
    rows.map((row) => `${row.iface} ${row.hex.length}`).join();
  return way(outputs) === way(packet.outputs)
    ? []
    : [`packet ${index}: kernel ${way(packet.outputs)}, ours ${way(outputs)}`];
}

/** Timeouts may differ by the second that the kernel's dump truncates and the time until the dump. */
function compareConnections(scene: Scene, packet: OraclePacket): string[] {
  const theirs = (packet.conntrack ?? []).map((row) => ({ text: oracleConnection(row), timeout: row.timeout }));
  const ours = ourConnections(scene.router.netfilter.conntrack.table, packet.guest_ns);
  const sorted = (rows: { text: string }[]): string =>
    rows
      .map((row) => row.text)
      .sort()
      .join('\n');
  if (sorted(theirs) !== sorted(ours)) return ['kernel connections:', sorted(theirs), 'ours:', sorted(ours)];
  return theirs.flatMap((row) => {
    const mine = ours.find((one) => one.text === row.text);
    if (row.timeout === undefined || mine?.timeout === undefined) return [];
    const difference = mine.timeout - row.timeout;
    return difference < -0.1 || difference > 1.6 ? [`timeout ${row.timeout} of ${row.text}, ours ${mine.timeout}`] : [];
  });
}
