// May this connection be offloaded by this packet? The ladder of nft_flow_offload_eval
// (net/netfilter/nft_flow_offload.c), guard by guard in the kernel's order, and the reasons it gives.
//
// SIMPLIFIED: ipsec: there is no IPsec, so the guard on a security path never fires.
import { u8, u32 } from '../../base/columns.ts';
import { refusalIndex } from '../../event/refusals.ts';
import type { Packet } from '../../packet/packet.ts';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_NAT_CLASH,
  IPS_NAT_MASK,
  IPS_OFFLOAD,
  IPS_SEQ_ADJUST,
} from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { ENTRY_TUPLE_WORDS, NO_HELPER } from '../conntrack/table.ts';
import { TCP_ESTABLISHED } from '../conntrack/tcp-states.ts';
import {
  PROTOCOL_GRE,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TUPLE_PORTS,
  TUPLE_PROTOCOL,
  tupleProtocol,
} from '../conntrack/tuple.ts';

const OFFLOADED = refusalIndex('offloaded');
const NO_RULE = refusalIndex('no-rule');
const NOT_CONFIRMED = refusalIndex('not-confirmed');
const TCP_NOT_ESTABLISHED = refusalIndex('tcp-not-established');
const TCP_CLOSING = refusalIndex('tcp-closing');
const HELPER = refusalIndex('helper');
const SEQUENCE_ADJUSTMENT = refusalIndex('sequence-adjustment');
const IP_OPTIONS = refusalIndex('ip-options');
const PROTOCOL = refusalIndex('protocol');
const NO_ROUTE = refusalIndex('no-route');

/** How far a refusal got on the ladder: a later one of the same connection replaces it only from at least as far. */
const PROGRESS = new Uint8Array(256).fill(255);
for (const [step, refusals] of [
  [NO_RULE],
  [TCP_CLOSING, IP_OPTIONS],
  [TCP_NOT_ESTABLISHED, PROTOCOL],
  [HELPER, SEQUENCE_ADJUSTMENT],
  [NOT_CONFIRMED],
  [NO_ROUTE],
].entries()) {
  for (const refusal of refusals) PROGRESS[refusal] = step;
}

const TCP_FIN_RST = 5;

/** May this packet offload its connection? */
export const MAY_OFFLOAD = 0;
/** No, and the connection's offloadRefusal says why. */
export const MAY_NOT = 1;
/** It is offloaded already (or there is no connection). */
export const IS_OFFLOADED = 2;

/** Runs the guards up to test_and_set_bit(IPS_OFFLOAD_BIT), which is the caller's. Returns one of the three. */
export function judgeOffload(packet: Packet, table: ConntrackTable, entry: number): number {
  if (entry < 0) return IS_OFFLOADED;
  if (packet.ipVersion === 4 && packet.hasOptions) return refuse(table, entry, IP_OPTIONS);
  const status = u32(table.status, entry);
  const original = entry * ENTRY_TUPLE_WORDS;
  switch (tupleProtocol(u32(table.tuples, original + TUPLE_PROTOCOL))) {
    case PROTOCOL_TCP: {
      const refusal = judgeTcp(packet, table, entry, status);
      if (refusal !== OFFLOADED) return refuse(table, entry, refusal);
      break;
    }
    case PROTOCOL_UDP:
      break;
    case PROTOCOL_GRE:
      // Neither translated GRE nor PPTP's, which has keys.
      if ((status & IPS_NAT_MASK) !== 0) return refuse(table, entry, PROTOCOL);
      if (u32(table.tuples, original + TUPLE_PORTS) !== 0) return refuse(table, entry, PROTOCOL);
      break;
    default:
      return refuse(table, entry, PROTOCOL);
  }
  if (table.helper[entry] !== NO_HELPER) return refuse(table, entry, HELPER);
  if ((status & (IPS_SEQ_ADJUST | IPS_NAT_CLASH)) !== 0) return refuse(table, entry, SEQUENCE_ADJUSTMENT);
  if ((status & IPS_CONFIRMED) === 0) return refuse(table, entry, NOT_CONFIRMED);
  return (status & IPS_OFFLOAD) !== 0 ? IS_OFFLOADED : MAY_OFFLOAD;
}

/**
 * The TCP header is read where nft_thoff() is, whatever the packet is: an ICMP error about a connection is judged by
 * octet 13 of its message, as the kernel does.
 */
function judgeTcp(packet: Packet, table: ConntrackTable, entry: number, status: number): number {
  const at = packet.transport;
  if (at < 0 || at + 14 > packet.networkEnd || at + 20 > packet.network + packet.networkLength)
    return TCP_NOT_ESTABLISHED;
  if ((u8(packet.data, at + 13) & TCP_FIN_RST) !== 0) return TCP_CLOSING;
  const isEstablished = u8(table.tcpState, entry) === TCP_ESTABLISHED && (status & IPS_ASSURED) !== 0;
  return isEstablished ? OFFLOADED : TCP_NOT_ESTABLISHED;
}

/** Notes why a connection was not offloaded, unless something that got farther is known already. */
function refuse(table: ConntrackTable, entry: number, refusal: number): number {
  const before = u8(table.offloadRefusal, entry);
  if (u8(PROGRESS, refusal) >= u8(PROGRESS, before)) table.offloadRefusal[entry] = refusal;
  return MAY_NOT;
}

/** Why this packet may not offload its connection, whatever earlier ones found: row of REFUSALS. Changes nothing. */
export function packetRefusal(packet: Packet, table: ConntrackTable, entry: number): number {
  if (entry < 0) return NO_RULE;
  const known = u8(table.offloadRefusal, entry);
  table.offloadRefusal[entry] = NO_RULE;
  const judged = judgeOffload(packet, table, entry);
  const refusal = judged === MAY_NOT ? u8(table.offloadRefusal, entry) : judged === MAY_OFFLOAD ? NO_ROUTE : OFFLOADED;
  table.offloadRefusal[entry] = known;
  return refusal;
}

/** Notes that a connection has no route for one of its directions. */
export function refuseNoRoute(table: ConntrackTable, entry: number): void {
  refuse(table, entry, NO_ROUTE);
}
