// The IP headers of datagrams that the router makes: ip_push_pending_frames (net/ipv4/ip_output.c) and
// ip6_push_pending_frames (net/ipv6/ip6_output.c) in short, and what is asked of a datagram before one answers it.
import { be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import { writeIpv4Checksum } from '../packet/checksum.ts';
import { decodeNetwork, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../packet/decode.ts';
import { PACKET_HOST, type Packet } from '../packet/packet.ts';
import type { Settings } from './settings.ts';

const DONT_FRAGMENT = 0x4000;

/**
 * Writes an IPv4 header at packet.network; the payload, and options before it, stand behind it already. `length`: of the
 * whole datagram. Decodes the packet.
 */
export function finishIpv4(
  packet: Packet,
  saddr: number,
  daddr: number,
  protocol: number,
  length: number,
  tos: number,
  ttl: number,
  id: number,
  dontFragment: boolean,
  optionOctets = 0,
): void {
  const { data, network } = packet;
  data[network] = 0x45 + optionOctets / 4;
  data[network + 1] = tos;
  putBe16(data, network + 2, length);
  putBe16(data, network + 4, id);
  putBe16(data, network + 6, dontFragment ? DONT_FRAGMENT : 0);
  data[network + 8] = ttl;
  data[network + 9] = protocol;
  putBe32(data, network + 12, saddr);
  putBe32(data, network + 16, daddr);
  writeIpv4Checksum(data, network);
  packet.etherType = ETHERTYPE_IPV4;
  decodeNetwork(packet);
}

/** Writes an IPv6 header but for its addresses. */
export function writeIpv6Header(packet: Packet, protocol: number, payload: number, tclass: number, hops: number): void {
  const { data, network } = packet;
  putBe32(data, network, ((6 << 28) | (tclass << 20)) >>> 0);
  putBe16(data, network + 4, payload);
  data[network + 6] = protocol;
  data[network + 7] = hops;
}

/** Decodes an IPv6 packet of the router's own when it is complete. */
export function finishIpv6(packet: Packet): void {
  packet.etherType = ETHERTYPE_IPV6;
  decodeNetwork(packet);
}

/** IP4_REPLY_MARK and IP6_REPLY_MARK: the mark of what answers `about`. */
export function replyMark(settings: Settings, about: Packet): number {
  const isReflected = about.ipVersion === 4 ? settings.fwmarkReflect4 : settings.fwmarkReflect6;
  return isReflected ? about.mark : 0;
}

/** Copies a 16-octet address. */
export function copyAddress6(to: Uint8Array, at: number, from: Uint8Array, offset: number): void {
  for (let i = 0; i < 16; i++) to[at + i] = from[offset + i] as number;
}

/** Writes an address of four words. */
export function putAddress6(to: Uint8Array, at: number, words: Uint32Array): void {
  for (let i = 0; i < 4; i++) putBe32(to, at + 4 * i, words[i] as number);
}

/** An IPv4 address as octets. */
export function octets4(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
}

/** Four words as octets. */
export function octets6(words: Uint32Array): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => (words[i >> 2] as number) >>> (24 - 8 * (i & 3)));
}

/** The DS field of a datagram (tos or traffic class). */
export function dsField(packet: Packet): number {
  const { data, network } = packet;
  return packet.ipVersion === 4
    ? u8(data, network + 1)
    : ((u8(data, network) & 15) << 4) | (u8(data, network + 1) >>> 4);
}

/** Whether the 16 octets are an address that a single node has: not unspecified, not multicast. */
export function isUnicast6(data: Uint8Array, at: number): boolean {
  if (u8(data, at) === 0xff) return false;
  return be32(data, at) !== 0 || be32(data, at + 4) !== 0 || be32(data, at + 8) !== 0 || be32(data, at + 12) !== 0;
}

/** fe80::/10. */
export function isLinkLocal6(data: Uint8Array, at: number): boolean {
  return u8(data, at) === 0xfe && (u8(data, at + 1) & 0xc0) === 0x80;
}

/** Whether the frame was addressed to this host at the link layer. */
export function isForHost(packet: Packet): boolean {
  return packet.packetType === PACKET_HOST;
}
