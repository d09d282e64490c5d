// Asks the real kernel (../shared/kernel-oracle) about kernel-cases.ts and writes kernel-golden.json:
//   npx tsc --outDir /tmp/built && node /tmp/built/test/netfilter/flowtable/make-kernel-golden.js ORACLE_FOLDER OUTPUT.json
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KERNEL_CASES, routerOf, textOf } from './kernel-cases.ts';

/** A classic pcap with nanoseconds. */
function pcap(frames: [number, Uint8Array][]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b23c4d, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65535, 16);
  head.writeUInt32LE(1, 20);
  const parts: Buffer[] = [head];
  for (const [ms, frame] of frames) {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1700000000 + Math.floor(ms / 1000), 0);
    record.writeUInt32LE((ms % 1000) * 1e6, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    parts.push(record, Buffer.from(frame));
  }
  return Buffer.concat(parts);
}

const folder = mkdtempSync(join(tmpdir(), 'flow-golden-'));
const batch = KERNEL_CASES.map((one) => {
  const names = [...new Set(one.frames.map(([, name]) => name))];
  const pcaps = names.map((name) => {
    const file = `${one.id}.${name}.pcap`;
    const frames = one.frames.filter(([, other]) => other === name);
    writeFileSync(join(folder, file), pcap(frames.map(([ms, , frame]) => [ms, frame])));
    return [name, file];
  });
  const { interfaces, routes, neighbours, sysctl, defaultNeighbourMac } = routerOf(one);
  // The oracle's plain interfaces and routes have no type.
  const plain = interfaces.map(({ type, ...rest }) => (type === 'physical' ? rest : { ...rest, type }));
  const ways = routes.map(({ dst, via, dev }) => ({ dst, via, dev }));
  const topology = { interfaces: plain, routes: ways, neighbours, sysctl, defaultNeighbourMac };
  const probes = one.probesMs ? { probes_ms: one.probesMs } : {};
  return { id: one.id, ruleset_text: textOf(one), topology, pcaps, ct_each: true, tail_ms: 2, ...probes };
});
writeFileSync(join(folder, 'batch.json'), JSON.stringify(batch));
const result = join(folder, 'result.json');
execFileSync(join(process.argv[2] ?? '.', 'run'), ['--batch', join(folder, 'batch.json'), '--out', result], {
  stdio: 'inherit',
});

interface Entry {
  orig: { src: string; sport?: number };
  status: number;
  timeout: number | null;
  orig_counters: number[];
  reply_counters: number[];
}
interface Row {
  id: string;
  ok: boolean;
  errors?: unknown;
  packets: {
    ts: number;
    in_iface: string;
    in_hex: string;
    verdict: string;
    outputs: { iface: string; hex: string; kind: string }[];
    conntrack: Entry[];
  }[];
  probes?: { at_ms?: number; ms?: number; conntrack: Entry[] }[];
  async_outputs: { outputs: { iface: string; hex: string }[] }[];
  ruleset: { rule?: { expr: { counter?: { packets: number; bytes: number } }[] } }[];
}

function entries(list: Entry[]): unknown[] {
  return list.map((e) => [
    `${e.orig.src}:${e.orig.sport ?? ''}`,
    e.status,
    e.timeout,
    ...e.orig_counters,
    ...e.reply_counters,
  ]);
}
const rows = JSON.parse(readFileSync(result, 'utf8')) as Row[];
const lines = rows.map((row) => {
  if (!row.ok) throw new Error(`${row.id}: ${JSON.stringify(row.errors)}`);
  const packets = row.packets.map((p) => [
    p.in_iface,
    p.in_hex,
    p.verdict,
    p.outputs.map((o) => [o.iface, o.hex]),
    entries(p.conntrack),
  ]);
  const probes = (row.probes ?? []).map((probe) => entries(probe.conntrack));
  const slow = row.ruleset.flatMap(({ rule }) => rule?.expr.flatMap(({ counter }) => counter ?? []) ?? [])[0];
  return JSON.stringify({
    id: row.id,
    slow: [slow?.packets, slow?.bytes],
    packets,
    probes,
    late: row.async_outputs.flatMap(({ outputs }) => outputs.map((o) => [o.iface, o.hex])),
  });
});
writeFileSync(process.argv[3] ?? 'kernel-golden.json', `[\n${lines.join(',\n')}\n]\n`);
