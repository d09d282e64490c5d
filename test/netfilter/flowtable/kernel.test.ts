// Flowtable and defragmentation against Linux 6.12: every frame out, every connection after every packet, and how many
// packets met the forward chain. kernel-cases.ts has the questions, kernel-golden.json the kernel's answers.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Router } from '../../../src/datapath/router.ts';
import { Recorder } from '../../../src/event/recorder.ts';
import { IPS_OFFLOAD } from '../../../src/netfilter/conntrack/status.ts';
import { HEADROOM, Packet, VERDICTS } from '../../../src/packet/packet.ts';
import { KERNEL_CASES, type KernelCase, routerOf, rulesetOf } from './kernel-cases.ts';

/** [source, status, seconds left or null, packets and octets of both directions]. */
type Entry = [string, number, number | null, number, number, number, number];
interface Golden {
  id: string;
  /** Packets and octets that the forward chain counted. */
  slow: [number, number];
  /** [interface, frame, verdict, frames out, connections]. */
  packets: [string, string, string, [string, string][], Entry[]][];
  probes: Entry[][];
  late: [string, string][];
}

const GOLDEN = JSON.parse(readFileSync(new URL('kernel-golden.json', import.meta.url), 'utf8')) as Golden[];
const VERDICT_NAMES: Record<string, string> = {
  forward: 'forwarded',
  drop: 'dropped',
  local: 'local',
  consumed: 'consumed',
};

class Replay {
  readonly frames: [string, string][] = [];
  readonly router: Router;
  readonly packet = new Packet();
  readonly #recorder = new Recorder();

  constructor(one: KernelCase) {
    this.router = new Router({
      spec: routerOf(one),
      ruleset: rulesetOf(one),
      recorder: this.#recorder,
      sink: {
        frame: (ifindex, data, start, end) => {
          this.frames.push([
            this.router.interfaces.at(ifindex).name,
            Buffer.from(data.slice(start, end)).toString('hex'),
          ]);
        },
      },
      seed: 1,
      epochNs: 0n,
      offload: 'as-ruled',
    });
  }

  send(name: string, hex: string, timeNs: number): string {
    const frame = Buffer.from(hex, 'hex');
    const data = new Uint8Array(HEADROOM + frame.length);
    data.set(frame, HEADROOM);
    this.packet.attach(data, HEADROOM, data.length, frame.length);
    this.packet.timeNs = timeNs;
    this.#recorder.begin();
    this.router.process(this.packet, this.router.interfaces.byName(name)?.index ?? 0);
    return VERDICT_NAMES[VERDICTS[this.packet.verdict] ?? ''] ?? '';
  }

  /** The connection table as the golden file has it. */
  entries(nowNs: number): Entry[] {
    const { table } = this.router.netfilter.conntrack;
    const list: Entry[] = [];
    for (let entry = 0; entry < table.bound; entry++) {
      const status = table.status[entry] ?? 0;
      if (table.flowNumber[entry] === 0 || (status & 8) === 0) continue;
      const left = status & IPS_OFFLOAD ? null : Math.max(0, Math.floor(((table.expiresNs[entry] ?? 0) - nowNs) / 1e9));
      const at = entry * 20;
      const protocol = (table.tuples[at + 9] ?? 0) & 255;
      const port = protocol === 1 ? '' : `${(table.tuples[at + 8] ?? 0) >>> 16}`;
      const counters = [table.packetsOriginal, table.bytesOriginal, table.packetsReply, table.bytesReply];
      const [a = 0, b = 0, c = 0, d = 0] = counters.map((column) => column[entry] ?? 0);
      list.push([`${source(table.tuples, at)}:${port}`, status, left, a, b, c, d]);
    }
    return list;
  }
}

function source(tuples: Uint32Array, at: number): string {
  const word = tuples[at] ?? 0;
  if (word === 0xfd000001) return 'fd00:1::10';
  return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
}

/** Timeouts may be a second off; dump order is not ours. */
function sameEntries(mine: Entry[], theirs: Entry[]): Entry[] {
  const sorted = [...mine].sort((a, b) => (a[0] < b[0] ? 1 : -1));
  const order = [...theirs].sort((a, b) => (a[0] < b[0] ? 1 : -1));
  return sorted.map((entry, i) => {
    const other = order[i]?.[2];
    const [left] = [entry[2]];
    const close = typeof left === 'number' && typeof other === 'number' && Math.abs(left - other) <= 1;
    return close ? (entry.with(2, other) as Entry) : entry;
  });
}

/** What is random in both: identification of ICMP errors that the router makes, of IPv6 fragments. */
function withoutRandom(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  const isIcmp = bytes.readUInt16BE(12) === 0x0800 && bytes[23] === 1 && (bytes[34] === 3 || bytes[34] === 11);
  if (isIcmp) bytes.fill(0, 18, 20).fill(0, 24, 26);
  if (bytes.readUInt16BE(12) === 0x86dd && bytes[20] === 44) bytes.fill(0, 58, 62);
  return bytes.toString('hex');
}

describe('judged by Linux 6.12', () => {
  test.each(KERNEL_CASES)('$id', (one) => {
    const golden = GOLDEN.find(({ id }) => id === one.id);
    if (golden === undefined) throw new Error(`no answer to ${one.id}: run make-kernel-golden.ts`);
    const replay = new Replay(one);
    const order = one.frames.map((frame, i) => ({ frame, i })).sort((a, b) => a.frame[0] - b.frame[0] || a.i - b.i);
    const probes = [...(one.probesMs ?? [])];
    golden.packets.forEach(([name, hex, verdict, outputs, entries], i) => {
      const timeNs = (order[i]?.frame[0] ?? 0) * 1e6;
      while ((probes[0] ?? Number.POSITIVE_INFINITY) * 1e6 <= timeNs) probe(probes.shift() ?? 0);
      replay.router.advance(timeNs);
      const late = replay.frames.splice(0).map(([device, frame]) => [device, withoutRandom(frame)]);
      if (late.length > 0) expect(late).toEqual(golden.late.map(([device, frame]) => [device, withoutRandom(frame)]));
      const sent = replay.send(name, hex, timeNs);
      const mine = one.quietDrops?.includes(i) && sent === 'dropped' ? 'consumed' : sent;
      const frames = replay.frames.splice(0).map(([device, frame]) => [device, withoutRandom(frame)]);
      const where = `packet ${i}`;
      expect([where, mine, frames]).toEqual([
        where,
        verdict,
        outputs.map(([device, frame]) => [device, withoutRandom(frame)]),
      ]);
      expect([where, sameEntries(replay.entries(timeNs), entries)]).toEqual([
        where,
        [...entries].sort((a, b) => (a[0] < b[0] ? 1 : -1)),
      ]);
    });
    while (probes.length > 0) probe(probes.shift() ?? 0);
    const state = replay.router.netfilter
      .state()
      .tables[0]?.chains[0]?.rules.flat()
      .find((x) => x?.kind === 'counter');
    expect(state).toEqual({ kind: 'counter', packets: golden.slow[0], bytes: golden.slow[1] });

    function probe(ms: number): void {
      replay.router.advance(ms * 1e6);
      const wanted = golden?.probes[(one.probesMs ?? []).indexOf(ms)] ?? [];
      expect([`probe at ${ms}`, sameEntries(replay.entries(ms * 1e6), wanted)]).toEqual([`probe at ${ms}`, wanted]);
    }
  });
});
