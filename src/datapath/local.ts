// Datagrams for the router itself: input hook and what the router answers (ip_local_deliver, net/ipv4/ip_input.c;
// icmp_rcv; udp_rcv and tcp_v4_rcv without a socket; ip6_input and kin of net/ipv6).
// SIMPLIFIED: closed-ports: nobody listens on the router: TCP gets a RST, UDP a port unreachable.
import { be16, be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import { eventKind, HOOK_NAMES } from '../event/vocabulary.ts';
import { hasGoodChecksum, isCut, transportLength } from '../netfilter/conntrack/verify.ts';
import { NF_ACCEPT } from '../netfilter/verdict.ts';
import { internetChecksum, pseudoHeaderSum } from '../packet/checksum.ts';
import { PACKET_HOST, type Packet, VERDICT_DROP } from '../packet/packet.ts';
import * as icmp from './icmp.ts';
import { icmpError, icmpOut } from './icmp.ts';
import { specificDestination } from './ip-options.ts';
import { buildOptions, echoedOptions } from './ip-options-echo.ts';
import { neighbourAdvertised, neighbourAdvertisement } from './ndisc.ts';
import { deliver, drop, passes, reason, simplification } from './outcome.ts';
import { FAMILY_IPV4, FAMILY_IPV6, hopLimitOf, routeOutput4, routeOutput6 } from './output.ts';
import {
  copyAddress6,
  dsField,
  finishIpv4,
  finishIpv6,
  isLinkLocal6,
  isUnicast6,
  putAddress6,
  replyMark,
  writeIpv6Header,
} from './reply.ts';
import type { Stack } from './stack.ts';
import { resetClosedPort } from './tcp-reset.ts';

const CLOSED_PORTS = simplification('closed-ports');
const LOCAL = eventKind('local');
const ICMP_REPLY = eventKind('icmp-reply');
const INPUT = HOOK_NAMES.indexOf('input');
const NO_SOCKET = reason('no-socket');
const MALFORMED = reason('malformed');
const OTHER_HOST = reason('other-host');
const UNKNOWN_PROTOCOL = reason('unknown-protocol');
const ICMP = 1;
const IGMP = 2;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const NO_NEXT_HEADER = 59;
const UDP_LITE = 136;
/** CONFIG_IP_PIMSM_V2 and IPV6_PIMSM_V2, which distributions set: pim_rcv takes it, no router listens. */
const PIM = 103;
/** NR_ICMP_TYPES. */
const ICMP_TYPES = 18;
const ICMP_ECHO_REPLY = 0;
const ICMP_ECHO = 8;
const ICMP_TIMESTAMP = 13;
const ICMP_TIMESTAMP_REPLY = 14;
const ICMPV6_ECHO_REQUEST = 128;
const ICMPV6_ECHO_REPLY = 129;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const HEADER_FIELD = 0;
const UNKNOWN_NEXT_HEADER = 1;

/**
 * ip_local_deliver. `isBroadcast`: the route is a broadcast or multicast one.
 * Verdicts: local (reason no-socket where nobody listens), drop by a rule, consumed (fragments).
 * Events: local, hook, icmp-reply, icmp-error and what the answers record.
 */
export function local4(stack: Stack, packet: Packet, isBroadcast: boolean): void {
  stack.recorder.event(LOCAL, 4);
  packet.oif = 0;
  if (packet.moreFragments || packet.fragmentOffset !== 0) {
    const gathered = stack.defragLocal(packet);
    if (gathered !== NF_ACCEPT) {
      passes(stack.recorder, packet, gathered);
      return;
    }
  }
  const answer = stack.hooks.run(INPUT, FAMILY_IPV4, packet);
  if (answer !== NF_ACCEPT) {
    passes(stack.recorder, packet, answer);
    return;
  }
  deliver(packet, 0);
  switch (packet.protocol) {
    case ICMP:
      icmpReceive(stack, packet, isBroadcast);
      return;
    case UDP:
    case UDP_LITE:
      if (!hasWholeHeader(stack, packet, 8)) return;
      if (isBroadcast) {
        drop(stack.recorder, packet, NO_SOCKET);
        return;
      }
      stack.recorder.simplified(CLOSED_PORTS);
      packet.reason = NO_SOCKET;
      icmpError(stack, packet, icmp.ICMP_DEST_UNREACH, icmp.ICMP_PORT_UNREACH, 0, true);
      return;
    case TCP:
      if (packet.packetType !== PACKET_HOST) {
        drop(stack.recorder, packet, OTHER_HOST);
        return;
      }
      if (!hasWholeHeader(stack, packet, 20)) return;
      stack.recorder.simplified(CLOSED_PORTS);
      packet.reason = NO_SOCKET;
      if (!isBroadcast) resetClosedPort(stack, packet);
      return;
    case IGMP:
      return;
    case PIM:
      drop(stack.recorder, packet, NO_SOCKET);
      return;
    default:
      drop(stack.recorder, packet, UNKNOWN_PROTOCOL);
      icmpError(stack, packet, icmp.ICMP_DEST_UNREACH, icmp.ICMP_PROT_UNREACH, 0, true);
  }
}

/** The transport header is there, its lengths are sane, and its checksum is right; else the packet ends here, malformed. */
function hasWholeHeader(stack: Stack, packet: Packet, length: number): boolean {
  const { data, transport, networkEnd, protocol } = packet;
  let good = transport >= 0 && transport + length <= networkEnd;
  if (good && protocol === TCP) good = u8(data, transport + 12) >>> 4 >= 5;
  if (good && protocol === UDP) good = isUdpLengthSane(packet);
  if (good && !isCut(packet) && !isUnverified(packet)) {
    good = isShortUdp(packet)
      ? hasGoodShortSum(packet)
      : hasGoodChecksum(packet, transportLength(packet), stack.recorder);
  }
  if (!good) packet.reason = MALFORMED;
  else if (isShortUdp(packet)) trimUdp(packet);
  return good;
}

/** __udp4_lib_rcv: a datagram may be longer than UDP says, not shorter. */
function isUdpLengthSane(packet: Packet): boolean {
  const length = be16(packet.data, packet.transport + 4);
  if (packet.ipVersion === 6 && length === 0) return true;
  return length >= 8 && length <= transportLength(packet);
}

/** UDP ends before the datagram does. */
function isShortUdp(packet: Packet): boolean {
  if (packet.protocol !== UDP) return false;
  const length = be16(packet.data, packet.transport + 4);
  return length !== 0 && length < transportLength(packet);
}

/** What lies behind the end that UDP gives is cut off (pskb_trim_rcsum): a port unreachable does not quote it. */
function trimUdp(packet: Packet): void {
  const end = packet.transport + be16(packet.data, packet.transport + 4);
  packet.networkLength = end - packet.network;
  packet.networkEnd = Math.min(packet.networkEnd, end);
}

/** The checksum of a datagram that is longer than UDP says. */
function hasGoodShortSum(packet: Packet): boolean {
  const { data, network, transport } = packet;
  const length = be16(data, transport + 4);
  const seed = pseudoHeaderSum(data, network, packet.ipVersion === 4 ? 4 : 6, UDP, length);
  return internetChecksum(data, transport, transport + length, seed) === 0;
}

/** UDP over IPv4 without a checksum; UDP-Lite, whose coverage is its own. */
function isUnverified(packet: Packet): boolean {
  if (packet.protocol === UDP_LITE) return true;
  const { data, transport } = packet;
  return packet.protocol === UDP && packet.ipVersion === 4 && u8(data, transport + 6) + u8(data, transport + 7) === 0;
}

/** icmp_rcv: echo and timestamp requests are answered, everything else ends here. */
function icmpReceive(stack: Stack, packet: Packet, isBroadcast: boolean): void {
  if (!hasWholeHeader(stack, packet, 8)) return;
  const { settings, recorder } = stack;
  const { data, transport, networkEnd } = packet;
  const type = u8(data, transport);
  if (type > ICMP_TYPES) drop(recorder, packet, UNKNOWN_PROTOCOL);
  if (type === icmp.ICMP_DEST_UNREACH && u8(data, transport + 1) === icmp.ICMP_FRAG_NEEDED) {
    stack.pathMtus.tooBig4(stack, packet);
  }
  if (type !== ICMP_TIMESTAMP && (type !== ICMP_ECHO || settings.icmpEchoIgnoreAll)) return;
  if (isBroadcast && settings.icmpEchoIgnoreBroadcasts) {
    drop(recorder, packet, NO_SOCKET);
    return;
  }
  if (type === ICMP_ECHO) {
    icmpReply(stack, packet, isBroadcast, ICMP_ECHO_REPLY, networkEnd - transport);
  } else if (transport + 12 <= networkEnd) {
    icmpReply(stack, packet, isBroadcast, ICMP_TIMESTAMP_REPLY, 20);
  }
}

/** icmp_reply: `length` octets that begin like the request's. */
function icmpReply(stack: Stack, packet: Packet, isBroadcast: boolean, type: number, length: number): void {
  const { data, network, transport } = packet;
  const to = be32(data, network + 12);
  const mark = replyMark(stack.settings, packet);
  const { icmpRate } = stack;
  // By default the mask has no replies.
  const isLimited = icmpRate.isLimited4(type, 0);
  if (isLimited && !icmpRate.allowsAny(packet.timeNs)) return;
  const route = routeOutput4(stack, to, mark);
  if (route === undefined) return;
  if (isLimited && !icmpRate.allows4(to, packet.timeNs, route.kind === 'local')) return;
  const saddr = isBroadcast ? specificDestination(stack, packet) : be32(data, network + 16);
  const options = echoedOptions(stack, packet);
  if (options < 0) return;
  const reply = stack.pool.acquire(packet, 20 + options + length);
  if (reply === undefined) return;
  reply.mark = mark;
  const own = reply.data;
  const at = reply.network + 20 + options;
  for (let i = 0; i < length; i++) own[at + i] = data[transport + i] as number;
  own[at] = type;
  if (type === ICMP_TIMESTAMP_REPLY) {
    const time = stack.millisecondsOfDay(packet.timeNs);
    putBe32(own, at + 12, time);
    putBe32(own, at + 16, time);
  }
  putBe16(own, at + 2, 0);
  putBe16(own, at + 2, internetChecksum(own, at, at + length));
  const { defaultTtl } = stack.settings;
  if (options > 0) buildOptions(stack, own, reply.network + 20, options, saddr, packet.timeNs);
  const total = 20 + options + length;
  finishIpv4(reply, saddr, to, ICMP, total, dsField(packet), defaultTtl, stack.ipId(packet), false, options);
  stack.recorder.event(ICMP_REPLY, 4);
  icmpOut(stack, reply, route);
  stack.pool.release();
}

/** ip6_input: as local4(); `isMulticast`: to a group that the router is in. */
export function local6(stack: Stack, packet: Packet, isMulticast: boolean): void {
  stack.recorder.event(LOCAL, 6);
  packet.oif = 0;
  const answer = stack.hooks.run(INPUT, FAMILY_IPV6, packet);
  if (answer !== NF_ACCEPT) {
    passes(stack.recorder, packet, answer);
    return;
  }
  deliver(packet, 0);
  if (packet.moreFragments || packet.fragmentOffset !== 0) {
    const gathered = stack.defragLocal(packet);
    if (gathered !== NF_ACCEPT) {
      packet.verdict = VERDICT_DROP;
      passes(stack.recorder, packet, gathered);
      return;
    }
    deliver(packet, 0);
  }
  const problem = unreadableAt(packet);
  if (problem >= 0) {
    drop(stack.recorder, packet, problemCode === HEADER_FIELD ? MALFORMED : UNKNOWN_PROTOCOL);
    icmpError(stack, packet, icmp.ICMPV6_PARAMPROB, problemCode, problem, true);
    return;
  }
  switch (packet.protocol) {
    case ICMPV6:
      icmp6Receive(stack, packet, isMulticast);
      return;
    case UDP:
    case UDP_LITE:
      if (!hasWholeHeader(stack, packet, 8)) return;
      if (isMulticast) {
        drop(stack.recorder, packet, NO_SOCKET);
        return;
      }
      stack.recorder.simplified(CLOSED_PORTS);
      packet.reason = NO_SOCKET;
      icmpError(stack, packet, icmp.ICMPV6_DEST_UNREACH, icmp.ICMPV6_PORT_UNREACH, 0, true);
      return;
    case TCP:
      if (packet.packetType !== PACKET_HOST) {
        drop(stack.recorder, packet, OTHER_HOST);
        return;
      }
      if (!hasWholeHeader(stack, packet, 20)) return;
      stack.recorder.simplified(CLOSED_PORTS);
      packet.reason = NO_SOCKET;
      if (!isMulticast) resetClosedPort(stack, packet);
      return;
    case PIM:
    case NO_NEXT_HEADER:
      drop(stack.recorder, packet, NO_SOCKET);
      return;
    default:
      drop(stack.recorder, packet, UNKNOWN_PROTOCOL);
      icmpError(stack, packet, icmp.ICMPV6_PARAMPROB, UNKNOWN_NEXT_HEADER, nextHeaderOffset(packet), true);
  }
}

/** Offset in the datagram of the octet that names the header which nobody knows. */
function nextHeaderOffset(packet: Packet): number {
  const { data, network, transport } = packet;
  let octet = 6;
  let at = 40;
  while (transport >= 0 && network + at < transport) {
    octet = at;
    at += (u8(data, network + at + 1) + 1) * 8;
  }
  return octet;
}

/** Code of the parameter problem that unreadableAt() found. */
let problemCode = 0;

/**
 * ip6_protocol_deliver_rcu's walk as far as it may fail: where an authentication header is named, which nobody reads here, or
 * where a second fragment header begins (ipv6_frag_rcv: what was put together may not be a fragment again). -1: nowhere.
 */
function unreadableAt(packet: Packet): number {
  const { data, network, networkEnd } = packet;
  let wasFragmented = packet.fragMaxSize !== 0;
  let octet = 6;
  let at = 40;
  for (;;) {
    const type = u8(data, network + octet);
    if (type === AUTHENTICATION) {
      problemCode = UNKNOWN_NEXT_HEADER;
      return octet;
    }
    if (type === FRAGMENT && wasFragmented) {
      problemCode = HEADER_FIELD;
      return at;
    }
    if (!isOwnExtension(type) || network + at + 8 > networkEnd) return -1;
    if (type === FRAGMENT) wasFragmented = true;
    octet = at;
    at += type === FRAGMENT ? 8 : (u8(data, network + at + 1) + 1) * 8;
  }
}

/** Headers that the router reads on its own: hop-by-hop, routing, fragment, destination options. */
function isOwnExtension(type: number): boolean {
  return type === 0 || type === 43 || type === FRAGMENT || type === 60;
}

function icmp6Receive(stack: Stack, packet: Packet, isMulticast: boolean): void {
  if (!hasWholeHeader(stack, packet, 8)) return;
  const type = u8(packet.data, packet.transport);
  if (type === icmp.ICMPV6_PKT_TOOBIG) stack.pathMtus.tooBig6(stack, packet);
  if (type === NEIGHBOUR_SOLICITATION) neighbourAdvertisement(stack, packet);
  else if (type === NEIGHBOUR_ADVERTISEMENT) neighbourAdvertised(stack, packet);
  else if (type === ICMPV6_ECHO_REQUEST) echoReply6(stack, packet, isMulticast);
}

const target = new Uint32Array(4);

/** icmpv6_echo_reply. */
function echoReply6(stack: Stack, packet: Packet, isMulticast: boolean): void {
  const { data, network, transport, networkEnd } = packet;
  const source = network + 8;
  if (!isUnicast6(data, source) || stack.settings.icmpEchoIgnoreAll6) return;
  if (isMulticast && stack.settings.icmpEchoIgnoreMulticast6) return;
  const mark = replyMark(stack.settings, packet);
  const oif = isLinkLocal6(data, source) ? packet.iif : 0;
  const route = routeOutput6(stack, data, source, oif, undefined, mark);
  if (route === undefined) return;
  const length = networkEnd - transport;
  const reply = stack.pool.acquire(packet, 40 + length);
  if (reply === undefined) return;
  reply.mark = mark;
  const own = reply.data;
  const net = reply.network;
  const at = net + 40;
  for (let i = 0; i < length; i++) own[at + i] = data[transport + i] as number;
  writeIpv6Header(reply, ICMPV6, length, dsField(packet), hopLimitOf(stack, route));
  copyAddress6(own, net + 24, data, source);
  const destination = stack.fib.lookup6At(data, network + 24, 0, 0);
  if (isMulticast || destination?.anycast === true) {
    for (let i = 0; i < 4; i++) target[i] = be32(data, source + 4 * i);
    const address = stack.fib.sourceAddress6(route.oif, target);
    if (address === undefined) {
      stack.pool.release();
      return;
    }
    putAddress6(own, net + 8, address);
  } else {
    copyAddress6(own, net + 8, data, network + 24);
  }
  own[at] = ICMPV6_ECHO_REPLY;
  putBe16(own, at + 2, 0);
  putBe16(own, at + 2, internetChecksum(own, at, at + length, pseudoHeaderSum(own, net, 6, ICMPV6, length)));
  finishIpv6(reply);
  stack.recorder.event(ICMP_REPLY, 6);
  icmpOut(stack, reply, route);
  stack.pool.release();
}
