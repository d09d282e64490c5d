// Headers that a walk must find: IPv6 extension headers (ipv6_find_hdr of net/ipv6/exthdrs_core.c) and IPv4 options
// (ipv4_find_option of nft_exthdr.c).
import { be16, u8 } from '../../base/columns.ts';
import type { Packet } from '../../packet/packet.ts';

const FRAGMENT = 44;
const AUTHENTICATION = 51;
const NO_NEXT = 59;
/** Hop-by-hop, routing, fragment, authentication, no next header, destination options (ipv6_ext_hdr). */
const EXTENSIONS = [0, 43, FRAGMENT, AUTHENTICATION, NO_NEXT, 60];
const IS_EXTENSION = Uint8Array.from({ length: 256 }, (_, i) => (EXTENSIONS.includes(i) ? 1 : 0));

/** Absolute offset of the first header of this type (extension or upper layer), or -1. */
export function findIpv6Header(packet: Packet, end: number, type: number): number {
  const { data, network } = packet;
  if (network + 40 > end) return -1;
  let next = u8(data, network + 6);
  let at = network + 40;
  while (next !== type) {
    if (IS_EXTENSION[next] === 0 || next === NO_NEXT || at + 8 > end) return -1;
    let length = (u8(data, at + 1) + 1) * 8;
    if (next === FRAGMENT) {
      if ((be16(data, at + 2) & 0xfff8) !== 0) return -1;
      length = 8;
    } else if (next === AUTHENTICATION) length = (u8(data, at + 1) + 2) * 4;
    next = u8(data, at);
    at += length;
  }
  return at <= end ? at : -1;
}

const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;

/** Absolute offset of the IPv4 option of this type, or -1: when it is not there, or the options are malformed. */
export function findIpv4Option(packet: Packet, type: number): number {
  const { data, network } = packet;
  const end = network + (u8(data, network) & 15) * 4;
  let found = -1;
  if (end > packet.end) return -1;
  for (let at = network + 20; at < end; ) {
    const option = u8(data, at);
    if (option === END_OF_OPTIONS) break;
    if (option === NO_OPERATION) {
      at++;
      continue;
    }
    if (at + 1 >= end || u8(data, at + 1) < 2 || at + u8(data, at + 1) > end) return -1;
    if (option === type && found < 0) found = at;
    at += u8(data, at + 1);
  }
  return found;
}
