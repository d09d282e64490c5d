// Rewriting a packet's addresses and ports with its checksums (nf_nat_proto.c: nf_nat_manip_pkt, *_manip_pkt,
// nf_nat_icmp_reply_translation). Checksums are updated by the difference; what holds only the pseudo-header
// sum (checksumPartial) is kept so; an SCTP CRC is computed anew.
//
// SIMPLIFIED: cut-nat: a packet that the capture cut keeps its SCTP CRC, and a quotation that it cut is translated as far as it goes.
import { be16, be32, putBe16, putBe32, u8, u32 } from '../../base/columns.ts';
import { foldSum, sctpChecksum, sumWords, writeTransportChecksum } from '../../packet/checksum.ts';
import type { Packet } from '../../packet/packet.ts';
import {
  PROTOCOL_DCCP,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PROTOCOL_UDPLITE,
  quotedTransport,
  TUPLE_DESTINATION,
  TUPLE_PORTS,
  TUPLE_PROTOCOL,
  TUPLE_SOURCE,
} from '../conntrack/tuple.ts';
import { isCut } from '../conntrack/verify.ts';
import { MANIP_DESTINATION, MANIP_SOURCE } from './range.ts';

/** What is to be written where: one object, filled for each mangling. */
class Mangling {
  data: Uint8Array = new Uint8Array(0);
  version = 4;
  network = 0;
  /** -1: no layer-4 header that could be changed. */
  transport = -1;
  /** One past the last octet there is. */
  end = 0;
  /** One past the last octet there would be without the capture's cut. */
  fullEnd = 0;
  protocol = 0;
  manip = MANIP_SOURCE;
  /** The new address: four words. */
  words: Uint32Array = new Uint32Array(4);
  address = 0;
  port = 0;
  isPartial = false;
}
const hand = new Mangling();

/**
 * Makes a packet look like the inverse of the tuple at `tuples[at]` (the other direction's), source or destination.
 * False: a header is too short, the packet is to be dropped.
 */
export function manglePacket(packet: Packet, tuples: Uint32Array, at: number, manip: number): boolean {
  setOuter(packet, manip);
  setTarget(tuples, at, manip === MANIP_SOURCE);
  return mangle();
}

/**
 * Translates an ICMP or ICMPv6 error: the packet that it quotes, and its own address. `tuples[at]` is the other
 * direction's tuple of the connection. False: the packet is to be dropped.
 */
export function mangleError(packet: Packet, tuples: Uint32Array, at: number, manip: number): boolean {
  const { data, transport, networkEnd } = packet;
  const version = packet.ipVersion === 6 ? 6 : 4;
  const inner = transport + 8;
  if (inner + (version === 4 ? 20 : 40) > networkEnd) return isCut(packet);
  const found = quotedTransport(data, inner, networkEnd, version);
  const before = isCut(packet) ? sumWords(data, transport + 4, networkEnd) : 0;
  hand.data = data;
  hand.version = version;
  hand.network = inner;
  hand.transport = found < 0 ? -1 : Math.floor(found / 256);
  hand.end = networkEnd;
  hand.fullEnd = packet.network + packet.networkLength;
  hand.manip = manip === MANIP_SOURCE ? MANIP_DESTINATION : MANIP_SOURCE;
  hand.isPartial = false;
  // The quotation looks like the tuple itself, not like its inverse.
  setTarget(tuples, at, hand.manip === MANIP_DESTINATION);
  if (!mangle()) return false;
  const protocol = version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
  if (isCut(packet)) adjust(data, transport + 2, sumWords(data, transport + 4, networkEnd) + notSum(before));
  else writeTransportChecksum(data, packet.network, version, protocol, transport, networkEnd);
  setOuter(packet, manip);
  setTarget(tuples, at, manip === MANIP_SOURCE);
  hand.protocol = protocol;
  return mangle();
}

function setOuter(packet: Packet, manip: number): void {
  hand.data = packet.data;
  hand.version = packet.ipVersion;
  hand.network = packet.network;
  hand.transport = packet.transport;
  hand.end = packet.networkEnd;
  hand.fullEnd = packet.network + packet.networkLength;
  hand.manip = manip;
  hand.isPartial = packet.checksumPartial;
}

/** Takes address and port from the destination or the source half of a tuple. */
function setTarget(tuples: Uint32Array, at: number, fromDestination: boolean): void {
  const ports = u32(tuples, at + TUPLE_PORTS);
  const protocol = u32(tuples, at + TUPLE_PROTOCOL) & 0xff;
  const isIcmp = protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
  hand.words = tuples;
  hand.address = at + (fromDestination ? TUPLE_DESTINATION : TUPLE_SOURCE);
  hand.port = fromDestination && !isIcmp ? ports & 0xffff : ports >>> 16;
  hand.protocol = protocol;
}

function mangle(): boolean {
  if (hand.transport >= 0 && !mangleTransport()) return false;
  const { data, version, network, manip, words, address } = hand;
  if (version === 4) {
    const field = network + (manip === MANIP_SOURCE ? 12 : 16);
    adjust(data, network + 10, addressDifference());
    putBe32(data, field, u32(words, address));
    return true;
  }
  const field = network + (manip === MANIP_SOURCE ? 8 : 24);
  for (let i = 0; i < 4; i++) putBe32(data, field + i * 4, u32(words, address + i));
  return true;
}

/** The layer-4 header; to be called before the address is written. */
function mangleTransport(): boolean {
  switch (hand.protocol) {
    case PROTOCOL_TCP:
      return manglePort(20, 16);
    case PROTOCOL_DCCP:
      return manglePort(12, 6);
    case PROTOCOL_UDP:
      return mangleUdp();
    case PROTOCOL_UDPLITE:
      return mangleUdp();
    case PROTOCOL_SCTP:
      return mangleSctp();
    case PROTOCOL_ICMP:
      return mangleIcmp();
    case PROTOCOL_ICMPV6:
      return mangleIcmpv6();
    case PROTOCOL_GRE:
      return mangleGre();
    default:
      return true;
  }
}

/** Whether `octets` of the header are there; when the capture cut them off, nothing is changed and nothing dropped. */
function has(octets: number): boolean {
  return hand.transport + octets <= hand.end;
}
function isMissing(octets: number): boolean {
  return hand.transport + octets > hand.fullEnd;
}

/** TCP and DCCP: of a quotation only 8 octets are sure to be there; then the checksum is not. */
function manglePort(header: number, checksum: number): boolean {
  if (isMissing(8)) return false;
  if (!has(4)) return true;
  const { data, transport } = hand;
  const field = portField();
  const old = be16(data, field);
  putBe16(data, field, hand.port);
  if (isMissing(header) || !has(checksum + 2)) return true;
  adjustTransport(transport + checksum, addressDifference(), difference16(old, hand.port));
  return true;
}

function mangleUdp(): boolean {
  if (isMissing(8)) return false;
  if (!has(4)) return true;
  const { data, transport } = hand;
  const field = portField();
  const old = be16(data, field);
  putBe16(data, field, hand.port);
  if (!has(8)) return true;
  const checksum = transport + 6;
  if (hand.protocol === PROTOCOL_UDP && be16(data, checksum) === 0) return true;
  adjustTransport(checksum, addressDifference(), difference16(old, hand.port));
  if (be16(data, checksum) === 0) putBe16(data, checksum, 0xffff);
  return true;
}

function mangleSctp(): boolean {
  if (isMissing(8)) return false;
  if (!has(4)) return true;
  const { data, transport } = hand;
  putBe16(data, portField(), hand.port);
  if (has(12) && hand.end === hand.fullEnd) putBe32(data, transport + 8, sctpChecksum(data, transport, hand.end));
  return true;
}

function mangleIcmp(): boolean {
  if (isMissing(8)) return false;
  if (!has(8)) return true;
  const { data, transport, port } = hand;
  const type = u8(data, transport);
  // Echo, timestamp, information and address mask, requests and replies.
  const hasId = type === 0 || type === 8 || (type >= 13 && type <= 18);
  if (!hasId) return true;
  adjust(data, transport + 2, difference16(be16(data, transport + 4), port));
  putBe16(data, transport + 4, port);
  return true;
}

function mangleIcmpv6(): boolean {
  if (isMissing(8)) return false;
  if (!has(8)) return true;
  const { data, transport, port } = hand;
  const type = u8(data, transport);
  const isEcho = type === 128 || type === 129;
  const old = be16(data, transport + 4);
  adjustTransport(transport + 2, addressDifference(), isEcho ? difference16(old, port) : 0);
  if (isEcho) putBe16(data, transport + 4, port);
  return true;
}

/** PPTP's call id is the destination's key; other GRE has nothing to change. */
function mangleGre(): boolean {
  if (isMissing(8)) return false;
  if (!has(8) || hand.manip !== MANIP_DESTINATION) return true;
  const { data, transport } = hand;
  const version = u8(data, transport + 1) & 7;
  if (version === 1) putBe16(data, transport + 6, hand.port);
  return version <= 1;
}

function portField(): number {
  return hand.manip === MANIP_SOURCE ? hand.transport : hand.transport + 2;
}

/** What the address that is about to be written adds to a one's complement sum. */
function addressDifference(): number {
  const { data, version, network, manip, words, address } = hand;
  if (version === 4) return difference32(be32(data, network + (manip === MANIP_SOURCE ? 12 : 16)), u32(words, address));
  const field = network + (manip === MANIP_SOURCE ? 8 : 24);
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += difference32(be32(data, field + i * 4), u32(words, address + i));
  return sum;
}

function difference16(old: number, fresh: number): number {
  return (~old & 0xffff) + fresh;
}
function difference32(old: number, fresh: number): number {
  return difference16(old >>> 16, fresh >>> 16) + difference16(old & 0xffff, fresh & 0xffff);
}
/** The one's complement of a sum. */
function notSum(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}

/** A checksum field after the sum it covers changed (RFC 1624, equation 3). */
function adjust(data: Uint8Array, field: number, difference: number): void {
  putBe16(data, field, ~foldSum((~be16(data, field) & 0xffff) + difference));
}

/** A layer-4 checksum after addresses and ports changed: a partial one holds the pseudo header's sum, uncomplemented. */
function adjustTransport(field: number, address: number, port: number): void {
  const { data } = hand;
  if (hand.isPartial) putBe16(data, field, foldSum(be16(data, field) + address));
  else adjust(data, field, address + port);
}
