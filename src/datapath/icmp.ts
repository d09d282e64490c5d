// ICMP and ICMPv6 errors as real packets: when one is sent, from which address, how much it quotes (__icmp_send of
// net/ipv4/icmp.c, icmp6_send of net/ipv6/icmp.c).
// What the capture cut is not quoted; IPv4 identifications are hashed from the packet in question where the kernel counts up by destination.
import { be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import { eventKind, HOOK_NAMES } from '../event/vocabulary.ts';
import type { Route } from '../net/fib.ts';
import { internetChecksum, pseudoHeaderSum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { buildOptions, echoedOptions } from './ip-options-echo.ts';
import { hopLimitOf, localOut, routeMtu, routeOutput4, routeOutput6 } from './output.ts';
import { mayAnswer } from './reject-checksum.ts';
import {
  copyAddress6,
  dsField,
  finishIpv4,
  finishIpv6,
  isForHost,
  isLinkLocal6,
  isUnicast6,
  putAddress6,
  replyMark,
  writeIpv6Header,
} from './reply.ts';
import type { Stack } from './stack.ts';

const ICMP_ERROR = eventKind('icmp-error');
const ICMP = 1;
const ICMPV6 = 58;
const INPUT = HOOK_NAMES.indexOf('input');
const PREROUTING = HOOK_NAMES.indexOf('prerouting');
export const ICMP_DEST_UNREACH = 3;
export const ICMP_REDIRECT = 5;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_PKT_FILTERED = 13;
export const ICMPV6_DEST_UNREACH = 1;
export const ICMPV6_PKT_TOOBIG = 2;
export const ICMPV6_TIME_EXCEED = 3;
export const ICMPV6_PARAMPROB = 4;
export const ICMPV6_NOROUTE = 0;
export const ICMPV6_ADM_PROHIBITED = 1;
export const ICMPV6_NOT_NEIGHBOUR = 2;
export const ICMPV6_ADDR_UNREACH = 3;
export const ICMPV6_PORT_UNREACH = 4;
/** NR_ICMP_TYPES, and the types that are errors (icmp_pointers). */
const ICMP_TYPES = 18;
const ICMP_ERROR_TYPES = (1 << 3) | (1 << 4) | (1 << 5) | (1 << 11) | (1 << 12);
/** IPTOS_PREC_INTERNETCONTROL and what RT_TOS keeps. */
const INTERNET_CONTROL = 0xc0;
const IPTOS_TOS_MASK = 0x1e;
const INADDR_DUMMY = 0xc0000008;
const QUOTE_LIMIT = 576;
const IPV6_MIN_MTU = 1280;

/** icmp_send or icmpv6_send. `isLocal`: the packet's route leads to the router itself. Events: icmp-error and output's. */
export function icmpError(
  stack: Stack,
  packet: Packet,
  type: number,
  code: number,
  info: number,
  isLocal: boolean,
): void {
  if (packet.ipVersion === 4) icmpSend(stack, packet, type, code, info, isLocal, true);
  else if (packet.ipVersion === 6) icmp6Send(stack, packet, type, code, info);
}

function icmpSend(
  stack: Stack,
  about: Packet,
  type: number,
  code: number,
  info: number,
  isLocal: boolean,
  isRouted: boolean,
): void {
  const { data, network } = about;
  if (stack.icmpSending & 1 || !isForHost(about) || about.fragmentOffset !== 0) return;
  const daddr = be32(data, network + 16);
  if (isRouted) {
    const destination = stack.fib.addressType4(daddr);
    if (destination === 'broadcast' || destination === 'multicast') return;
  }
  if (isIcmpError(about)) return;
  const { icmpRate } = stack;
  const isLimited = icmpRate.isLimited4(type, code);
  if (isLimited && !icmpRate.allowsAny(about.timeNs)) return;
  const to = be32(data, network + 12);
  const mark = replyMark(stack.settings, about);
  const route = routeOutput4(stack, to, mark);
  if (route === undefined) return;
  // Before routing the way back stands for the packet's: where that leads here, the answer would come from whom it was for.
  if (!isRouted && route.kind === 'local' && stack.fib.addressType4(daddr) !== 'local') return;
  let saddr = route.kind === 'local' ? to : route.source4;
  if (isLocal) saddr = daddr;
  else if (stack.settings.icmpErrorsUseInboundAddress && about.iif !== 0) {
    saddr = stack.fib.sourceAddress4(stack.interfaces.at(about.iif), to);
  }
  if (saddr === 0) saddr = INADDR_DUMMY;
  const options = echoedOptions(stack, about);
  if (options < 0) return;
  if (isLimited && !icmpRate.allows4(to, about.timeNs, route.kind === 'local')) return;
  let mtu = routeMtu(route, 4);
  if (!stack.pathMtus.isEmpty) mtu = stack.pathMtus.limit4(to, mtu, false, about.timeNs);
  const room = Math.min(QUOTE_LIMIT, mtu) - 28 - options;
  if (room <= 20) return;
  const quoted = Math.min(about.networkEnd - network, room);
  const packet = stack.pool.acquire(about, 28 + options + quoted);
  if (packet === undefined) return;
  packet.mark = mark;
  const at = packet.network + 20 + options;
  const own = packet.data;
  own[at] = type;
  own[at + 1] = code;
  putBe16(own, at + 2, 0);
  putBe32(own, at + 4, info);
  for (let i = 0; i < quoted; i++) own[at + 8 + i] = data[network + i] as number;
  putBe16(own, at + 2, internetChecksum(own, at, at + 8 + quoted));
  const tos = (dsField(about) & IPTOS_TOS_MASK) | INTERNET_CONTROL;
  if (options > 0) buildOptions(stack, own, packet.network + 20, options, saddr, about.timeNs);
  const { defaultTtl } = stack.settings;
  finishIpv4(packet, saddr, to, ICMP, 28 + options + quoted, tos, defaultTtl, stack.ipId(about), false, options);
  stack.hooks.conntrack?.attach(packet, about);
  stack.recorder.event(ICMP_ERROR, 4);
  icmpOut(stack, packet, route);
  stack.pool.release();
}

/** icmp_push_reply: until the message is out, no other one is sent, so none about this one. */
export function icmpOut(stack: Stack, packet: Packet, route: Route): void {
  const family = packet.ipVersion === 4 ? 1 : 2;
  stack.icmpSending |= family;
  localOut(stack, packet, route);
  stack.icmpSending &= ~family;
}

/**
 * nf_send_unreach and nf_send_unreach6: about a packet that a rule rejects in `hook`, if its checksum is right. Before
 * routing nobody knows yet whether its destination is a broadcast address.
 */
export function rejectWithIcmp(stack: Stack, packet: Packet, type: number, code: number, hook: number): void {
  if (packet.fragmentOffset !== 0) return;
  if (!mayAnswer(stack, packet)) return;
  if (packet.ipVersion === 4) icmpSend(stack, packet, type, code, 0, hook === INPUT, hook !== PREROUTING);
  else if (packet.ipVersion === 6) icmp6Send(stack, packet, type, code, 0);
}

/** No error about an ICMP error; an unknown type counts as one, and so does a header that is not there. */
function isIcmpError(packet: Packet): boolean {
  const { data, network } = packet;
  if (u8(data, network + 9) !== ICMP) return false;
  const at = network + (u8(data, network) & 15) * 4;
  if (at >= packet.networkEnd) return true;
  const type = u8(data, at);
  return type > ICMP_TYPES || ((ICMP_ERROR_TYPES >>> type) & 1) !== 0;
}

function icmp6Send(stack: Stack, about: Packet, type: number, code: number, info: number): void {
  const { data, network } = about;
  const source = network + 8;
  const destination = network + 24;
  const isMulticast = u8(data, destination) === 0xff;
  if (stack.icmpSending & 2) return;
  if ((isMulticast || !isForHost(about)) && type !== ICMPV6_PKT_TOOBIG) return;
  if (!isUnicast6(data, source) || isIneligible6(about)) return;
  const { icmpRate } = stack;
  const isLimited = icmpRate.isLimited6(type);
  if (isLimited && !icmpRate.allowsAny(about.timeNs)) return;
  const oif = isLinkLocal6(data, source) ? about.iif : 0;
  const mark = replyMark(stack.settings, about);
  const route = routeOutput6(stack, data, source, oif, undefined, mark);
  if (route === undefined) return;
  const isAllowed =
    !isLimited ||
    icmpRate.allows6(data.subarray(source, source + 16), route.length, about.timeNs, route.kind === 'local');
  if (!isAllowed) return;
  const quoted = Math.min(about.networkEnd - network, IPV6_MIN_MTU - 48);
  const packet = stack.pool.acquire(about, 48 + quoted);
  if (packet === undefined) return;
  packet.mark = mark;
  const own = packet.data;
  const net = packet.network;
  writeIpv6Header(packet, ICMPV6, 8 + quoted, 0, hopLimitOf(stack, route));
  copyAddress6(own, net + 24, data, source);
  if (!isMulticast && stack.fib.addressType6At(data, destination) === 'local') {
    copyAddress6(own, net + 8, data, destination);
  } else if (!sourceOf6(stack, packet, about, route.oif.index)) {
    stack.pool.release();
    return;
  }
  const at = net + 40;
  own[at] = type;
  own[at + 1] = code;
  putBe16(own, at + 2, 0);
  putBe32(own, at + 4, info);
  for (let i = 0; i < quoted; i++) own[at + 8 + i] = data[network + i] as number;
  const end = at + 8 + quoted;
  putBe16(own, at + 2, internetChecksum(own, at, end, pseudoHeaderSum(own, net, 6, ICMPV6, 8 + quoted)));
  finishIpv6(packet);
  stack.hooks.conntrack?.attach(packet, about);
  stack.recorder.event(ICMP_ERROR, 6);
  icmpOut(stack, packet, route);
  stack.pool.release();
}

const target = new Uint32Array(4);

/** Writes the source for the destination that stands in the packet: as seen from the way in, else from the way out. */
function sourceOf6(stack: Stack, packet: Packet, about: Packet, oif: number): boolean {
  const { data, network } = packet;
  for (let i = 0; i < 4; i++) target[i] = be32(data, network + 24 + 4 * i);
  const dev = stack.interfaces.at(about.iif !== 0 ? about.iif : oif);
  const address = stack.fib.sourceAddress6(dev, target) ?? stack.fib.sourceAddress6(stack.interfaces.at(oif), target);
  if (address === undefined) return false;
  putAddress6(data, network + 8, address);
  return true;
}

/** is_ineligible: an ICMPv6 error, or an ICMPv6 header that is not there (but for later fragments). */
function isIneligible6(packet: Packet): boolean {
  if (packet.protocol !== ICMPV6) return false;
  if (packet.transport < 0 || packet.transport >= packet.networkEnd) return packet.fragmentOffset === 0;
  return (u8(packet.data, packet.transport) & 0x80) === 0;
}
