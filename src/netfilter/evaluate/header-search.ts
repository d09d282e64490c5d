// Headers that a walk must find: IPv6 extension headers (ipv6_find_hdr of net/ipv6/exthdrs_core.c) and IPv4 options
// (ipv4_find_option of nft_exthdr.c, which has ip_options_compile look).
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
const RECORD_ROUTE = 7;
const TIMESTAMP = 0x44;
const LOOSE_SOURCE_ROUTE = 0x83;
const CIPSO = 0x86;
const STRICT_SOURCE_ROUTE = 0x89;
const ROUTER_ALERT = 0x94;
const TS_AND_ADDRESS = 1;
const TS_PRESPECIFIED = 3;

/**
 * Absolute offset of the IPv4 option of this type, or -1: when it is not there, or any option is malformed
 * (__ip_options_compile). A router alert is one only with value 0.
 */
export function findIpv4Option(packet: Packet, type: number): number {
  const { data, network } = packet;
  const end = network + (u8(data, network) & 15) * 4;
  let found = -1;
  // Source routes, recorded routes, timestamps and CIPSO labels may stand there once.
  let seen = 0;
  if (end > packet.end) return -1;
  for (let at = network + 20; at < end; ) {
    const option = u8(data, at);
    if (option === END_OF_OPTIONS) break;
    if (option === NO_OPERATION) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8(data, at + 1) : 0;
    if (length < 2 || at + length > end) return -1;
    const once = onceBit(option);
    if ((seen & once) !== 0 || !isSound(data, at, option, length)) return -1;
    seen |= once;
    if (option === type && (option !== ROUTER_ALERT || be16(data, at + 2) === 0)) found = at;
    at += length;
  }
  return found;
}

/** A bit for each kind of option that may stand there once; 0: any number. */
function onceBit(option: number): number {
  switch (option) {
    case LOOSE_SOURCE_ROUTE:
    case STRICT_SOURCE_ROUTE:
      return 1;
    case RECORD_ROUTE:
      return 2;
    case TIMESTAMP:
      return 4;
    case CIPSO:
      return 8;
    default:
      return 0;
  }
}

/** What __ip_options_compile asks of a whole option when it has no packet. */
function isSound(data: Uint8Array, at: number, option: number, length: number): boolean {
  const pointer = length > 2 ? u8(data, at + 2) : 0;
  switch (option) {
    case LOOSE_SOURCE_ROUTE:
    case STRICT_SOURCE_ROUTE:
      return pointer === 4 && length >= 7 && ((length - 3) & 3) === 0;
    case RECORD_ROUTE:
      return pointer >= 4 && (pointer > length || pointer + 3 <= length);
    case TIMESTAMP: {
      if (length < 4 || pointer < 5) return false;
      const flag = u8(data, at + 3) & 15;
      if (pointer > length) return flag === TS_PRESPECIFIED || u8(data, at + 3) >>> 4 !== 15;
      const reach = flag === TS_AND_ADDRESS || flag === TS_PRESPECIFIED ? 7 : 3;
      return pointer + reach <= length;
    }
    case ROUTER_ALERT:
      return length >= 4;
    default:
      return true;
  }
}
