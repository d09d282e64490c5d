// Cases that a real kernel (6.12) has judged, packet by packet: frames in, and after each one the connection table
// (see make-golden.py beside this file).
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { listedEntries } from '../../../src/netfilter/conntrack/listing.ts';
import type { ConntrackTable } from '../../../src/netfilter/conntrack/table.ts';
import { ENTRY_TUPLE_WORDS, PROTOCOL_WORDS } from '../../../src/netfilter/conntrack/table.ts';
import { TCP_STATE_NAMES } from '../../../src/netfilter/conntrack/tcp-states.ts';
import { formatAddress, formatIpv4 } from '../../../src/packet/address.ts';

type Tuple = (string | number)[];
/** original, reply, status, timeout, TCP state, window scales, TCP flags, counters of both directions. */
export type Entry = [
  Tuple,
  Tuple,
  number,
  number | null,
  string | null,
  number[] | null,
  number[] | null,
  number[],
  number[],
];
/** time, interface in, datagram, verdict, [interface out, datagram], entries. */
export type Row = [number, string, string, string, [string, string][], Entry[]];
export interface GoldenCase {
  id: string;
  nat: string;
  sysctl: Record<string, number>;
  packets: Row[];
}

/** All cases of a golden file beside this one. */
export function readGolden(file: string): GoldenCase[] {
  const octets = readFileSync(file.startsWith('/') ? file : new URL(file, import.meta.url));
  return (file.endsWith('.gz') ? gunzipSync(octets) : octets)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as GoldenCase);
}

/** The table in the golden's words, ordered as there. */
export function snapshot(table: ConntrackTable, nowNs: number): Entry[] {
  return listedEntries(table, nowNs)
    .map((entry) => snapshotEntry(table, entry, nowNs))
    .sort((a, b) => (python(a) < python(b) ? -1 : 1));
}

/** json.dumps of the original tuple and so on: the golden's sort key. */
function python(entry: Entry): string {
  return JSON.stringify(entry).replaceAll(',', ', ');
}

function snapshotEntry(table: ConntrackTable, entry: number, nowNs: number): Entry {
  const at = entry * ENTRY_TUPLE_WORDS;
  const original = tuple(table, at);
  const protocol = original[2];
  const state = table.tcpState[entry] ?? 0;
  const words = table.protocol;
  const base = entry * PROTOCOL_WORDS;
  const isTcp = protocol === 6;
  const stateName = isTcp ? TCP_STATE_NAMES[state] : undefined;
  return [
    original,
    tuple(table, at + 10),
    table.status[entry] ?? 0,
    Math.floor(((table.expiresNs[entry] ?? 0) - nowNs) / 1e9),
    stateName ?? null,
    isTcp ? [words[base + 4] ?? 0, words[base + 10] ?? 0] : null,
    isTcp ? [words[base + 5] ?? 0, words[base + 11] ?? 0] : null,
    [table.packetsOriginal[entry] ?? 0, table.bytesOriginal[entry] ?? 0],
    [table.packetsReply[entry] ?? 0, table.bytesReply[entry] ?? 0],
  ];
}

function tuple(table: ConntrackTable, at: number): Tuple {
  const { tuples } = table;
  const word = tuples[at + 9] ?? 0;
  const protocol = word & 0xff;
  const ports = tuples[at + 8] ?? 0;
  const parts: Tuple = [address(tuples, at, word), address(tuples, at + 4, word), protocol];
  if (protocol === 1 || protocol === 58) parts.push((ports >>> 8) & 0xff, ports & 0xff, ports >>> 16);
  else if ([6, 17, 33, 47, 132, 136].includes(protocol)) parts.push(ports >>> 16, ports & 0xffff);
  return parts;
}

function address(words: Uint32Array, at: number, protocolWord: number): string {
  if (((protocolWord >>> 8) & 0xff) === 4) return formatIpv4(words[at] ?? 0);
  const octets = new Uint8Array(16);
  for (let i = 0; i < 16; i++) octets[i] = (words[at + (i >> 2)] ?? 0) >>> (24 - (i & 3) * 8);
  return formatAddress(octets, 0, 16);
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
export function toHex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}
