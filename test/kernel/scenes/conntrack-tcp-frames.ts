// TCP segments for scenes.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ip, tcp } from '../../../src/packet/build.ts';
import { LAN, open, type Row, STATES, scene, V4 } from './talk.ts';

export const { out, back } = V4;
export const TCP = 'net.netfilter.nf_conntrack_tcp_';
export const options = (...octets: number[]): { options: Uint8Array } => ({ options: Uint8Array.from(octets) });
export const scale = (shift: number): { options: Uint8Array } => options(1, 3, 3, shift);
export const SACK_OK = options(1, 1, 4, 2);
/** SACK blocks, after two NOPs. */
export const sack = (...edges: number[]): { options: Uint8Array } => {
  const octets = edges.flatMap((edge) => [edge >>> 24, (edge >>> 16) & 255, (edge >>> 8) & 255, edge & 255]);
  return options(1, 1, 5, 2 + octets.length, ...octets);
};
/** Changes the flags octet after the checksum was made, and the checksum with it. */
export const flagged = (ms: number, flags: number): Row => {
  const datagram = ip({ src: LAN, dst: '198.51.100.7' }, flaggedSegment(flags));
  return [ms, 'lan0', datagram];
};
export function flaggedSegment(flags: number): { protocol: number; bytes: Uint8Array } {
  const segment = tcp({ sport: 41000 + flags, dport: 80, seq: 1, ack: 1, window: 8000 });
  segment.bytes[13] = flags;
  return segment;
}

export const names = (text: string): string => `tcp: ${text}`;
export const tcpScene = (
  name: string,
  rows: Row[],
  sysctl: Record<string, number> = {},
  tailMs = 2,
  ruleset = STATES,
): KernelScene =>
  scene(
    names(name),
    ruleset,
    rows,
    Object.fromEntries(Object.entries(sysctl).map(([key, value]) => [key.includes('.') ? key : TCP + key, value])),
    { tailNs: tailMs * 1e6 },
  );

/** A connection that closed: TIME_WAIT. */
export const closed = (): Row[] => [
  ...open(V4),
  out(30, 'FA', { seq: 1001, ack: 5001 }),
  back(40, 'A', { seq: 5001, ack: 1002 }),
  back(50, 'FA', { seq: 5001, ack: 1002 }),
  out(60, 'A', { seq: 1002, ack: 5002 }),
];

export const every = Object.fromEntries(
  ['syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack', 'time_wait', 'close'].map((key, i) => [
    `timeout_${key}`,
    100 + 10 * i,
  ]),
);
