// A connection of the table as plain data, for traces.
import { f64, u8, u32 } from '../base/columns.ts';
import { DCCP_STATE_NAMES } from '../netfilter/conntrack/dccp.ts';
import { SCTP_STATE_NAMES } from '../netfilter/conntrack/sctp.ts';
import * as S from '../netfilter/conntrack/status.ts';
import { type ConntrackTable, ENTRY_TUPLE_WORDS } from '../netfilter/conntrack/table.ts';
import { TCP_STATE_NAMES } from '../netfilter/conntrack/tcp-states.ts';
import * as T from '../netfilter/conntrack/tuple.ts';
import { formatAddress, formatIpv4 } from '../packet/address.ts';
import type { TracedConnection, TracedTuple } from './trace-steps.ts';

/** IPS_* bits that say something to a reader. */
const STATUS_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [S.IPS_EXPECTED, 'EXPECTED'],
  [S.IPS_SEEN_REPLY, 'SEEN_REPLY'],
  [S.IPS_ASSURED, 'ASSURED'],
  [S.IPS_CONFIRMED, 'CONFIRMED'],
  [S.IPS_SRC_NAT, 'SRC_NAT'],
  [S.IPS_DST_NAT, 'DST_NAT'],
  [S.IPS_DYING, 'DYING'],
  [S.IPS_NAT_CLASH, 'NAT_CLASH'],
  [S.IPS_HELPER, 'HELPER'],
  [S.IPS_OFFLOAD, 'OFFLOAD'],
  [S.IPS_HW_OFFLOAD, 'HW_OFFLOAD'],
];

/** Names of IP protocols as conntrack(8) prints them. */
export const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
const STATE_NAMES: Readonly<Record<number, readonly string[]>> = {
  [T.PROTOCOL_TCP]: TCP_STATE_NAMES,
  [T.PROTOCOL_SCTP]: SCTP_STATE_NAMES,
  [T.PROTOCOL_DCCP]: DCCP_STATE_NAMES,
};

/** The connection `entry` as it is now. */
export function tracedConnection(table: ConntrackTable, entry: number, nowNs: number): TracedConnection {
  const at = entry * ENTRY_TUPLE_WORDS;
  const status = u32(table.status, entry);
  const protocol = T.tupleProtocol(u32(table.tuples, at + T.TUPLE_PROTOCOL));
  const state = STATE_NAMES[protocol]?.[u8(table.tcpState, entry)];
  return {
    flow: f64(table.flowNumber, entry),
    original: tracedTuple(table.tuples, at),
    reply: tracedTuple(table.tuples, at + T.TUPLE_WORDS),
    ...(state === undefined ? {} : { state }),
    status: STATUS_NAMES.filter(([bit]) => (status & bit) !== 0).map(([, name]) => name),
    timeoutSeconds: Math.max(0, Math.round((f64(table.expiresNs, entry) - nowNs) / 1e9)),
    mark: u32(table.mark, entry),
  };
}

function tracedTuple(words: Uint32Array, at: number): TracedTuple {
  const word = u32(words, at + T.TUPLE_PROTOCOL);
  const protocol = T.tupleProtocol(word);
  const ports = u32(words, at + T.TUPLE_PORTS);
  const tuple: TracedTuple = {
    protocol: PROTOCOL_NAMES[protocol] ?? `protocol ${protocol}`,
    source: address(words, at + T.TUPLE_SOURCE, T.tupleFamily(word)),
    destination: address(words, at + T.TUPLE_DESTINATION, T.tupleFamily(word)),
  };
  switch (protocol) {
    case T.PROTOCOL_TCP:
    case T.PROTOCOL_UDP:
    case T.PROTOCOL_UDPLITE:
    case T.PROTOCOL_SCTP:
    case T.PROTOCOL_DCCP:
      return { ...tuple, sourcePort: ports >>> 16, destinationPort: ports & 0xffff };
    case T.PROTOCOL_ICMP:
    case T.PROTOCOL_ICMPV6:
      return { ...tuple, extra: `type ${(ports >>> 8) & 0xff} id ${ports >>> 16}` };
    case T.PROTOCOL_GRE:
      return ports === 0 ? tuple : { ...tuple, extra: `key 0x${ports.toString(16)}` };
    default:
      return tuple;
  }
}

function address(words: Uint32Array, at: number, family: number): string {
  if (family === 4) return formatIpv4(u32(words, at));
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  for (let i = 0; i < 4; i++) view.setUint32(i * 4, u32(words, at + i));
  return formatAddress(octets, 0, 16);
}
