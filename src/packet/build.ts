// Frames from a few words, for tests and for the scripts that make captures: headers with right lengths and
// checksums around a payload. Not for the hot path: everything here allocates.
import { putBe16, putBe32 } from '../base/columns.ts';
import { parseAddress, parseMac } from './address.ts';
import { internetChecksum, writeIpv4Checksum, writeTransportChecksum } from './checksum.ts';

export interface TcpFields {
  sport: number;
  dport: number;
  seq?: number;
  ack?: number;
  /** Letters of FSRPAUEC, e.g. 'SA'. */
  flags?: string;
  window?: number;
  /** Raw option octets; padded to a multiple of 4. */
  options?: Uint8Array;
}

export interface IpFields {
  src: string;
  dst: string;
  /** TTL or hop limit, 64 when absent. */
  ttl?: number;
  /** DSCP and ECN octet. */
  tos?: number;
  /** IPv4 identification. */
  id?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** Octets; a multiple of 8. */
  fragmentOffset?: number;
  /** IPv4 options, padded to a multiple of 4. */
  options?: Uint8Array;
}

export interface EtherFields {
  src?: string;
  dst?: string;
  /** VLAN ids, outermost first; 'ad' tags use 0x88a8. */
  vlans?: { id: number; protocol?: number; priority?: number }[];
  /** PPPoE session id. */
  pppoe?: number;
}

const TCP_FLAGS = 'FSRPAUEC';

/** A TCP segment (checksum zero until ip() puts it into a datagram). */
export function tcp(fields: TcpFields, payload: Uint8Array = EMPTY): Layer4 {
  const options = padded(fields.options ?? EMPTY, 4);
  const bytes = new Uint8Array(20 + options.length + payload.length);
  putBe16(bytes, 0, fields.sport);
  putBe16(bytes, 2, fields.dport);
  putBe32(bytes, 4, fields.seq ?? 0);
  putBe32(bytes, 8, fields.ack ?? 0);
  bytes[12] = (5 + options.length / 4) << 4;
  bytes[13] = [...(fields.flags ?? 'A')].reduce((bits, letter) => bits | (1 << TCP_FLAGS.indexOf(letter)), 0);
  putBe16(bytes, 14, fields.window ?? 65535);
  bytes.set(options, 20);
  bytes.set(payload, 20 + options.length);
  return { protocol: 6, bytes };
}

/** A UDP datagram. */
export function udp(fields: { sport: number; dport: number }, payload: Uint8Array = EMPTY): Layer4 {
  const bytes = new Uint8Array(8 + payload.length);
  putBe16(bytes, 0, fields.sport);
  putBe16(bytes, 2, fields.dport);
  putBe16(bytes, 4, bytes.length);
  bytes.set(payload, 8);
  return { protocol: 17, bytes };
}

/** An ICMP message: `rest` is the second 32-bit word (echo: id << 16 | sequence). */
export function icmp(type: number, code: number, rest: number, payload: Uint8Array = EMPTY): Layer4 {
  return { protocol: 1, bytes: icmpBytes(type, code, rest, payload) };
}

/** An ICMPv6 message. */
export function icmpv6(type: number, code: number, rest: number, payload: Uint8Array = EMPTY): Layer4 {
  return { protocol: 58, bytes: icmpBytes(type, code, rest, payload) };
}

function icmpBytes(type: number, code: number, rest: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = type;
  bytes[1] = code;
  putBe32(bytes, 4, rest);
  bytes.set(payload, 8);
  return bytes;
}

export interface Layer4 {
  protocol: number;
  bytes: Uint8Array;
}

/** An IPv4 or IPv6 datagram (by the addresses' family) with checksums; a fragment keeps the payload's own checksum. */
export function ip(fields: IpFields, inner: Layer4): Uint8Array {
  const src = parseAddress(fields.src);
  const dst = parseAddress(fields.dst);
  if (src === undefined || dst === undefined || src.length !== dst.length) {
    throw new Error(`not two addresses of one family: ${fields.src}, ${fields.dst}`);
  }
  return src.length === 4 ? ipv4(fields, src, dst, inner) : ipv6(fields, src, dst, inner);
}

function ipv4(fields: IpFields, src: Uint8Array, dst: Uint8Array, inner: Layer4): Uint8Array {
  const options = padded(fields.options ?? EMPTY, 4);
  const header = 20 + options.length;
  const bytes = new Uint8Array(header + inner.bytes.length);
  bytes[0] = 0x40 | (header / 4);
  bytes[1] = fields.tos ?? 0;
  putBe16(bytes, 2, bytes.length);
  putBe16(bytes, 4, fields.id ?? 1);
  const flags = (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0);
  putBe16(bytes, 6, flags | ((fields.fragmentOffset ?? 0) >>> 3));
  bytes[8] = fields.ttl ?? 64;
  bytes[9] = inner.protocol;
  bytes.set(src, 12);
  bytes.set(dst, 16);
  bytes.set(options, 20);
  bytes.set(inner.bytes, header);
  writeIpv4Checksum(bytes, 0);
  if (!fields.moreFragments && !fields.fragmentOffset)
    writeTransportChecksum(bytes, 0, 4, inner.protocol, header, bytes.length);
  return bytes;
}

function ipv6(fields: IpFields, src: Uint8Array, dst: Uint8Array, inner: Layer4): Uint8Array {
  const bytes = new Uint8Array(40 + inner.bytes.length);
  putBe32(bytes, 0, ((6 << 28) | ((fields.tos ?? 0) << 20)) >>> 0);
  putBe16(bytes, 4, inner.bytes.length);
  bytes[6] = inner.protocol;
  bytes[7] = fields.ttl ?? 64;
  bytes.set(src, 8);
  bytes.set(dst, 24);
  bytes.set(inner.bytes, 40);
  writeTransportChecksum(bytes, 0, 6, inner.protocol, 40, bytes.length);
  return bytes;
}

/** An IPv4 datagram cut into fragments of at most `mtu` octets each. */
export function fragmentIpv4(datagram: Uint8Array, mtu: number): Uint8Array[] {
  const header = ((datagram[0] ?? 0) & 15) * 4;
  const step = (mtu - header) & ~7;
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < datagram.length - header; at += step) {
    const last = at + step >= datagram.length - header;
    const part = datagram.slice(header + at, last ? datagram.length : header + at + step);
    const bytes = new Uint8Array(header + part.length);
    bytes.set(datagram.subarray(0, header));
    bytes.set(part, header);
    putBe16(bytes, 2, bytes.length);
    putBe16(bytes, 6, (last ? 0 : 0x2000) | (at >>> 3));
    writeIpv4Checksum(bytes, 0);
    fragments.push(bytes);
  }
  return fragments;
}

/** An IPv6 datagram (without extension headers) cut into fragments of at most `mtu` octets each. */
export function fragmentIpv6(datagram: Uint8Array, mtu: number, id: number): Uint8Array[] {
  const step = (mtu - 48) & ~7;
  const payload = datagram.subarray(40);
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += step) {
    const part = payload.subarray(at, at + step);
    const bytes = new Uint8Array(48 + part.length);
    bytes.set(datagram.subarray(0, 40));
    putBe16(bytes, 4, 8 + part.length);
    bytes[6] = 44;
    bytes[40] = datagram[6] ?? 0;
    putBe16(bytes, 42, at | (at + step < payload.length ? 1 : 0));
    putBe32(bytes, 44, id);
    bytes.set(part, 48);
    fragments.push(bytes);
  }
  return fragments;
}

/** An Ethernet frame around a datagram (EtherType from the IP version unless given). */
export function ether(fields: EtherFields, datagram: Uint8Array, etherType?: number): Uint8Array {
  const type = etherType ?? ((datagram[0] ?? 0) >>> 4 === 6 ? 0x86dd : 0x0800);
  const head: number[] = [...mac(fields.dst ?? '02:00:00:00:00:01'), ...mac(fields.src ?? '02:ee:00:00:00:01')];
  for (const tag of fields.vlans ?? []) {
    const protocol = tag.protocol ?? 0x8100;
    const tci = ((tag.priority ?? 0) << 13) | tag.id;
    head.push(protocol >>> 8, protocol & 255, tci >>> 8, tci & 255);
  }
  if (fields.pppoe === undefined) {
    head.push(type >>> 8, type & 255);
  } else {
    const length = datagram.length + 2;
    const protocol = type === 0x86dd ? 0x0057 : 0x0021;
    head.push(0x88, 0x64, 0x11, 0, fields.pppoe >>> 8, fields.pppoe & 255, length >>> 8, length & 255);
    head.push(protocol >>> 8, protocol & 255);
  }
  const frame = new Uint8Array(head.length + datagram.length);
  frame.set(head);
  frame.set(datagram, head.length);
  return frame;
}

/** An ARP request or reply frame's payload (28 octets), to go into ether(…, 0x0806). */
export function arp(
  operation: 1 | 2,
  sender: { mac: string; ip: string },
  target: { mac: string; ip: string },
): Uint8Array {
  const bytes = new Uint8Array(28);
  bytes.set([0, 1, 8, 0, 6, 4, 0, operation]);
  bytes.set(mac(sender.mac), 8);
  bytes.set(parseAddress(sender.ip) ?? EMPTY, 14);
  bytes.set(mac(target.mac), 18);
  bytes.set(parseAddress(target.ip) ?? EMPTY, 24);
  return bytes;
}

/** The IPv4 header checksum is right (for tests). */
export function hasGoodIpv4Checksum(data: Uint8Array, network: number): boolean {
  return internetChecksum(data, network, network + ((data[network] ?? 0) & 15) * 4) === 0;
}

const EMPTY = new Uint8Array(0);

function padded(bytes: Uint8Array, multiple: number): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / multiple) * multiple);
  whole.set(bytes);
  return whole;
}

function mac(text: string): Uint8Array {
  const octets = parseMac(text);
  if (octets === undefined) throw new Error(`not a MAC address: ${text}`);
  return octets;
}
