// Hop-by-hop options of IPv6 as a router reads them on receipt (ipv6_parse_hopopts, ip6_parse_tlv of
// net/ipv6/exthdrs.c): padding is checked, options that nobody knows say themselves what to do with the datagram.
// SIMPLIFIED: hop-by-hop: what IOAM, CALIPSO and jumbo payload options say is not read.
import { u8 } from '../base/columns.ts';
import type { Packet } from '../packet/packet.ts';
import { ICMPV6_PARAMPROB, icmpError } from './icmp.ts';
import { drop, reason, simplification } from './outcome.ts';
import type { Stack } from './stack.ts';

const UNREAD = simplification('hop-by-hop');
const MALFORMED = reason('malformed');
const UNKNOWN_OPTION = 2;
const HEADER = 40;
const PAD1 = 0;
const PADN = 1;
const ROUTER_ALERT = 5;
const CALIPSO = 7;
const IOAM = 0x31;
const JUMBO = 0xc2;
/** IP6_DEFAULT_MAX_HBH_OPTS_CNT. */
const MAX_OPTIONS = 8;

/**
 * Reads the options that begin behind the IPv6 header. False: the packet was dropped, with an ICMPv6 error where an
 * unknown option asks for one.
 */
export function passesHopByHop(stack: Stack, packet: Packet): boolean {
  const { data, network, networkEnd } = packet;
  const options = network + HEADER;
  const end = options + 8 <= networkEnd ? options + (u8(data, options + 1) + 1) * 8 : networkEnd + 1;
  if (end > networkEnd) return refuse(stack, packet);
  let padding = 0;
  let count = 0;
  for (let at = options + 2; at < end; ) {
    const type = u8(data, at);
    if (type === PAD1) {
      if (++padding > 7) return refuse(stack, packet);
      at++;
      continue;
    }
    const length = at + 2 > end ? 0 : u8(data, at + 1) + 2;
    if (length === 0 || at + length > end) return refuse(stack, packet);
    if (type === PADN) {
      padding += length;
      if (padding > 7 || !isZero(data, at + 2, at + length)) return refuse(stack, packet);
    } else {
      padding = 0;
      if (++count > MAX_OPTIONS || !isAccepted(stack, packet, at)) return refuse(stack, packet);
    }
    at += length;
  }
  return true;
}

function refuse(stack: Stack, packet: Packet): false {
  drop(stack.recorder, packet, MALFORMED);
  return false;
}

/** One option at `at`; ip6_tlvopt_unknown: its two high bits are what to do when one does not know it. */
function isAccepted(stack: Stack, packet: Packet, at: number): boolean {
  const { data, network } = packet;
  const type = u8(data, at);
  switch (type) {
    case ROUTER_ALERT:
      return u8(data, at + 1) === 2;
    case CALIPSO:
    case IOAM:
    case JUMBO:
      stack.recorder.simplified(UNREAD);
      return true;
    default: {
      const action = type >>> 6;
      if (action === 0) return true;
      const isMulticast = u8(data, network + 24) === 0xff;
      if (action === 2 || (action === 3 && !isMulticast)) {
        icmpError(stack, packet, ICMPV6_PARAMPROB, UNKNOWN_OPTION, at - network, false);
      }
      return false;
    }
  }
}

function isZero(data: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (data[i] !== 0) return false;
  return true;
}
