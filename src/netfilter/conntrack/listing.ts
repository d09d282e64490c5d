// The connection table as `conntrack -L -o extended` prints it (libnetfilter_conntrack's snprintf_default.c, of which
// this follows the output).
// SIMPLIFIED: use-count: `use=` is 2 while a flowtable holds the connection, else 1; the kernel counts other references too.
import { f64, u8, u32 } from '../../base/columns.ts';
import { formatAddress, formatIpv4 } from '../../packet/address.ts';
import { DCCP_STATE_NAMES } from './dccp.ts';
import { SCTP_STATE_NAMES } from './sctp.ts';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_HW_OFFLOAD,
  IPS_NAT_CLASH,
  IPS_OFFLOAD,
  IPS_SEEN_REPLY,
} from './status.ts';
import type { ConntrackTable } from './table.ts';
import { ENTRY_TUPLE_WORDS } from './table.ts';
import { TCP_STATE_NAMES } from './tcp-states.ts';
import {
  PROTOCOL_DCCP,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PROTOCOL_UDPLITE,
  TUPLE_DESTINATION,
  TUPLE_PORTS,
  TUPLE_PROTOCOL,
  TUPLE_WORDS,
  tupleZone,
} from './tuple.ts';

const PROTOCOL_NAMES: Record<number, string> = {
  [PROTOCOL_ICMP]: 'icmp',
  [PROTOCOL_TCP]: 'tcp',
  [PROTOCOL_UDP]: 'udp',
  [PROTOCOL_DCCP]: 'dccp',
  [PROTOCOL_GRE]: 'gre',
  [PROTOCOL_ICMPV6]: 'icmpv6',
  [PROTOCOL_SCTP]: 'sctp',
  [PROTOCOL_UDPLITE]: 'udplite',
};
const STATE_NAMES: Record<number, readonly string[]> = {
  [PROTOCOL_TCP]: TCP_STATE_NAMES,
  [PROTOCOL_SCTP]: SCTP_STATE_NAMES,
  [PROTOCOL_DCCP]: DCCP_STATE_NAMES,
};

export interface ListingOptions {
  /** Accounting is on: packets and bytes are printed. */
  accounting: boolean;
  /** Names of helpers by the numbers in table.helper. */
  helperNames?: readonly string[];
}

/** Entries that a dump shows, in the order of their creation: confirmed, not expired by `nowNs`, not dying. */
export function listedEntries(table: ConntrackTable, nowNs: number): number[] {
  const entries: number[] = [];
  for (let entry = 0; entry < table.bound; entry++) {
    const status = u32(table.status, entry);
    const isListed = (status & (IPS_CONFIRMED | IPS_DYING | IPS_NAT_CLASH)) === IPS_CONFIRMED;
    if (f64(table.flowNumber, entry) !== 0 && isListed && f64(table.expiresNs, entry) > nowNs) entries.push(entry);
  }
  return entries.sort((a, b) => f64(table.flowNumber, a) - f64(table.flowNumber, b));
}

/** All lines of the table, in the order of creation. */
export function conntrackLines(table: ConntrackTable, nowNs: number, options: ListingOptions): string[] {
  return listedEntries(table, nowNs).map((entry) => conntrackLine(table, entry, nowNs, options));
}

/** One connection: 'ipv4     2 tcp      6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… [ASSURED] mark=0 use=1'. */
export function conntrackLine(table: ConntrackTable, entry: number, nowNs: number, options: ListingOptions): string {
  const original = entry * ENTRY_TUPLE_WORDS;
  const reply = original + TUPLE_WORDS;
  const word = u32(table.tuples, original + TUPLE_PROTOCOL);
  const protocol = word & 0xff;
  const status = u32(table.status, entry);
  const isOffloaded = (status & (IPS_OFFLOAD | IPS_HW_OFFLOAD)) !== 0;
  const zone = tupleZone(word);
  const replyZone = tupleZone(u32(table.tuples, reply + TUPLE_PROTOCOL));
  const parts = [
    ((word >>> 8) & 0xff) === 4 ? 'ipv4     2' : 'ipv6     10',
    `${(PROTOCOL_NAMES[protocol] ?? 'unknown').padEnd(8)} ${protocol}`,
  ];
  if (!isOffloaded) {
    parts.push(String(Math.max(0, Math.floor((f64(table.expiresNs, entry) - nowNs) / 1e9))));
    const state = STATE_NAMES[protocol]?.[u8(table.tcpState, entry)];
    if (state !== undefined) parts.push(state);
  }
  parts.push(...tupleParts(table, original));
  if (zone !== replyZone && zone !== 0) parts.push(`zone-orig=${zone}`);
  if (options.accounting) parts.push(...counters(table.packetsOriginal, table.bytesOriginal, entry));
  if ((status & IPS_SEEN_REPLY) === 0) parts.push('[UNREPLIED]');
  parts.push(...tupleParts(table, reply));
  if (zone !== replyZone && replyZone !== 0) parts.push(`zone-reply=${replyZone}`);
  if (options.accounting) parts.push(...counters(table.packetsReply, table.bytesReply, entry));
  if ((status & IPS_HW_OFFLOAD) !== 0) parts.push('[HW_OFFLOAD]');
  else if ((status & IPS_OFFLOAD) !== 0) parts.push('[OFFLOAD]');
  else if ((status & IPS_ASSURED) !== 0) parts.push('[ASSURED]');
  parts.push(`mark=${u32(table.mark, entry)}`);
  if (zone === replyZone && zone !== 0) parts.push(`zone=${zone}`);
  const helper = options.helperNames?.[table.helper[entry] as number];
  if (helper !== undefined) parts.push(`helper=${helper}`);
  parts.push(`use=${isOffloaded ? 2 : 1}`);
  return parts.join(' ');
}

function counters(packets: Float64Array, bytes: Float64Array, entry: number): string[] {
  return [`packets=${f64(packets, entry)}`, `bytes=${f64(bytes, entry)}`];
}

/** One tuple: 'src=…', 'dst=…', and what its protocol has for ports. */
function tupleParts(table: ConntrackTable, at: number): string[] {
  const { tuples } = table;
  const word = u32(tuples, at + TUPLE_PROTOCOL);
  const ports = u32(tuples, at + TUPLE_PORTS);
  const family = (word >>> 8) & 0xff;
  const parts = [
    `src=${addressText(tuples, at, family)}`,
    `dst=${addressText(tuples, at + TUPLE_DESTINATION, family)}`,
  ];
  switch (word & 0xff) {
    case PROTOCOL_TCP:
    case PROTOCOL_UDP:
    case PROTOCOL_UDPLITE:
    case PROTOCOL_SCTP:
    case PROTOCOL_DCCP:
      parts.push(`sport=${ports >>> 16}`, `dport=${ports & 0xffff}`);
      break;
    case PROTOCOL_GRE:
      parts.push(`srckey=0x${(ports >>> 16).toString(16)}`, `dstkey=0x${(ports & 0xffff).toString(16)}`);
      break;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      parts.push(`type=${(ports >>> 8) & 0xff}`, `code=${ports & 0xff}`, `id=${ports >>> 16}`);
      break;
  }
  return parts;
}

function addressText(words: Uint32Array, at: number, family: number): string {
  if (family === 4) return formatIpv4(u32(words, at));
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  for (let i = 0; i < 4; i++) view.setUint32(i * 4, u32(words, at + i));
  return formatAddress(octets, 0, 16);
}
