// A tuple names one direction of a connection: ten 32-bit words, so that it can stand in a column, be hashed and
// compared without an object (struct nf_conntrack_tuple; nf_ct_get_tuple, nf_ct_invert_tuple of nf_conntrack_core.c).
//
// Words: source address [0..3], destination address [4..7] (IPv4 in the first of the four, rest 0; the value of the
// big-endian number), [8] source port << 16 | destination port (ICMP: id << 16 | type << 8 | code; GRE: keys),
// [9] IP protocol | family (4 or 6) << 8 | zone << 16. What the kernel calls src.u.all and dst.u.all are the halves of [8].
import { be16, be32, u8, u32 } from '../../base/columns.ts';

export const TUPLE_WORDS = 10;
export const TUPLE_SOURCE = 0;
export const TUPLE_DESTINATION = 4;
export const TUPLE_PORTS = 8;
export const TUPLE_PROTOCOL = 9;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_DCCP = 33;
export const PROTOCOL_GRE = 47;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_SCTP = 132;
export const PROTOCOL_UDPLITE = 136;

/** IP protocol number of word [9]. */
export function tupleProtocol(word: number): number {
  return word & 0xff;
}
/** 4 or 6, of word [9]. */
export function tupleFamily(word: number): number {
  return (word >>> 8) & 0xff;
}
/** Zone of word [9]. */
export function tupleZone(word: number): number {
  return word >>> 16;
}

/** Whether two tuples are the same, zone included. */
export function tupleEqual(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  return tupleEqualButZone(a, aAt, b, bAt) && u32(a, aAt + 9) === u32(b, bAt + 9);
}

/** Whether two tuples are the same but for their zone (nf_ct_tuple_equal). */
export function tupleEqualButZone(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  return (
    u32(a, aAt + 8) === u32(b, bAt + 8) &&
    ((u32(a, aAt + 9) ^ u32(b, bAt + 9)) & 0xffff) === 0 &&
    addressEqual(a, aAt, b, bAt) &&
    addressEqual(a, aAt + 4, b, bAt + 4)
  );
}

/** Whether two addresses of four words are the same (nf_inet_addr_cmp). */
export function addressEqual(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  return (
    u32(a, aAt) === u32(b, bAt) &&
    u32(a, aAt + 1) === u32(b, bAt + 1) &&
    u32(a, aAt + 2) === u32(b, bAt + 2) &&
    u32(a, aAt + 3) === u32(b, bAt + 3)
  );
}

/** Copies an address of four words. */
export function copyAddress(from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number): void {
  to[toAt] = u32(from, fromAt);
  to[toAt + 1] = u32(from, fromAt + 1);
  to[toAt + 2] = u32(from, fromAt + 2);
  to[toAt + 3] = u32(from, fromAt + 3);
}

/** Copies a tuple. */
export function copyTuple(from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number): void {
  for (let i = 0; i < TUPLE_WORDS; i++) to[toAt + i] = u32(from, fromAt + i);
}

/** What answers each ICMP type, plus 1; 0 = nothing does (invmap of nf_conntrack_proto_icmp.c). */
const ICMP_INVERSE = new Uint8Array(256);
/** The same for ICMPv6 (nf_conntrack_proto_icmpv6.c). */
const ICMPV6_INVERSE = new Uint8Array(256);
for (const [request, reply] of [
  [8, 0], // echo
  [13, 14], // timestamp
  [15, 16], // information
  [17, 18], // address mask
] as const) {
  ICMP_INVERSE[request] = reply + 1;
  ICMP_INVERSE[reply] = request + 1;
}
for (const [request, reply] of [
  [128, 129], // echo
  [139, 140], // node information
] as const) {
  ICMPV6_INVERSE[request] = reply + 1;
  ICMPV6_INVERSE[reply] = request + 1;
}

/**
 * Writes the tuple of the other direction (nf_ct_invert_tuple). `to` must not overlap `from`.
 * Returns false for an ICMP type that nothing answers; `to` is then not to be used.
 */
export function invertTuple(from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number): boolean {
  copyAddress(from, fromAt, to, toAt + 4);
  copyAddress(from, fromAt + 4, to, toAt);
  const protocolWord = u32(from, fromAt + 9);
  const ports = u32(from, fromAt + 8);
  to[toAt + 9] = protocolWord;
  const protocol = protocolWord & 0xff;
  if (protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6) {
    const inverse = u8(protocol === PROTOCOL_ICMP ? ICMP_INVERSE : ICMPV6_INVERSE, (ports >>> 8) & 0xff);
    if (inverse === 0) return false;
    to[toAt + 8] = ((ports & 0xffff00ff) | ((inverse - 1) << 8)) >>> 0;
    return true;
  }
  to[toAt + 8] = ((ports << 16) | (ports >>> 16)) >>> 0;
  return true;
}

/**
 * Reads a tuple from a packet, or from the packet that an ICMP error quotes (nf_ct_get_tuple): `network` and
 * `transport` are offsets of the headers, `end` one past the last octet that may be read. Zone is left 0.
 * Returns false when the layer-4 header does not reach far enough.
 */
export function readTuple(
  data: Uint8Array,
  network: number,
  transport: number,
  end: number,
  version: number,
  protocol: number,
  to: Uint32Array,
  at: number,
): boolean {
  if (version === 4) {
    to[at] = be32(data, network + 12);
    to[at + 1] = 0;
    to[at + 2] = 0;
    to[at + 3] = 0;
    to[at + 4] = be32(data, network + 16);
    to[at + 5] = 0;
    to[at + 6] = 0;
    to[at + 7] = 0;
  } else {
    for (let i = 0; i < 8; i++) to[at + i] = be32(data, network + 8 + i * 4);
  }
  to[at + 9] = protocol | (version << 8);
  to[at + 8] = 0;
  switch (protocol) {
    case PROTOCOL_TCP:
    case PROTOCOL_UDP:
    case PROTOCOL_UDPLITE:
    case PROTOCOL_SCTP:
    case PROTOCOL_DCCP:
      if (transport + 4 > end) return false;
      to[at + 8] = be32(data, transport);
      return true;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      if (transport + 8 > end) return false;
      to[at + 8] = ((be16(data, transport + 4) << 16) | be16(data, transport)) >>> 0;
      return true;
    case PROTOCOL_GRE:
      return readGreKey(data, transport, end, to, at);
    default:
      return true;
  }
}

/**
 * GRE version 1 (PPTP) has a call id as destination key (gre_pkt_to_tuple).
 * The source key is 0: keys come from the pptp helper alone, which is one of the helpers that read nothing here.
 */
function readGreKey(data: Uint8Array, transport: number, end: number, to: Uint32Array, at: number): boolean {
  if (transport + 4 > end || (u8(data, transport + 1) & 7) !== 1) return true;
  if (transport + 8 > end) return true;
  if (be16(data, transport + 2) !== 0x880b) return false;
  to[at + 8] = be16(data, transport + 6);
  return true;
}

/**
 * Transport offset of a quoted IP packet at `network`, its protocol in the low octet: offset * 256 + protocol; or -1
 * when it has no layer-4 header to speak of (get_l4proto: a non-first fragment, a cut header).
 */
export function quotedTransport(data: Uint8Array, network: number, end: number, version: number): number {
  if (version === 4) {
    if (network + 20 > end) return -1;
    if ((be16(data, network + 6) & 0x1fff) !== 0) return -1;
    const transport = network + (u8(data, network) & 15) * 4;
    return transport > end ? -1 : transport * 256 + u8(data, network + 9);
  }
  return quotedTransport6(data, network, end);
}

/** ipv6_skip_exthdr: at most 16 extension headers here (the kernel has no bound but the packet's length). */
function quotedTransport6(data: Uint8Array, network: number, end: number): number {
  if (network + 40 > end) return -1;
  let next = u8(data, network + 6);
  let at = network + 40;
  for (let i = 0; i < 16; i++) {
    // Hop-by-hop, routing, fragment, AH, no next header, destination options.
    const isExtension = next === 0 || next === 43 || next === 44 || next === 51 || next === 59 || next === 60;
    if (!isExtension) return at > end ? -1 : at * 256 + next;
    if (next === 59 || at + 8 > end) return -1;
    let length = (u8(data, at + 1) + 1) * 8;
    if (next === 44) {
      if ((be16(data, at + 2) & 0xfff8) !== 0) return -1;
      length = 8;
    } else if (next === 51) length = (u8(data, at + 1) + 2) * 4;
    next = u8(data, at);
    at += length;
  }
  return -1;
}
