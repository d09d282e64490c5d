// What the IP layers do with a datagram before it is routed, and the routing decision: ip_rcv_core, ip_rcv_finish
// (net/ipv4/ip_input.c), ip_route_input_slow (net/ipv4/route.c); ip6_rcv_core, ip6_rcv_finish (net/ipv6/ip6_input.c).
import { be16, be32, putBe16, u8 } from '../base/columns.ts';
import type { Recorder } from '../event/recorder.ts';
import { eventKind, HOOK_NAMES } from '../event/vocabulary.ts';
import type { Route } from '../net/fib.ts';
import { NF_ACCEPT } from '../netfilter/verdict.ts';
import { internetChecksum, writeIpv4Checksum } from '../packet/checksum.ts';
import { PACKET_OTHERHOST, type Packet } from '../packet/packet.ts';
import { forward4, forward6 } from './forward.ts';
import { passesHopByHop } from './hop-by-hop.ts';
import * as icmp from './icmp.ts';
import { compileOptions, isRouteRefused, problemOffset, recordRoute, specificDestination } from './ip-options.ts';
import { local4, local6 } from './local.ts';
import { drop, passes, reason, simplification } from './outcome.ts';
import { FAMILY_IPV4, FAMILY_IPV6 } from './output.ts';
import { validateSource } from './rp-filter.ts';
import type { Stack } from './stack.ts';

const IP_RECEIVE = eventKind('ip-receive');
const ROUTE = eventKind('route');
const PREROUTING = HOOK_NAMES.indexOf('prerouting');
const TRUNCATED = reason('truncated');
const MALFORMED = reason('malformed');
const BAD_CHECKSUM = reason('bad-checksum');
const OTHER_HOST = reason('other-host');
const MARTIAN = reason('martian');
const RP_FILTER = reason('rp-filter');
const MULTICAST = reason('multicast');
const NO_ROUTE = reason('no-route');
const BLACKHOLE = reason('blackhole');
const UNREACHABLE = reason('unreachable');
const PROHIBIT = reason('prohibit');
const SOURCE_ROUTE = reason('source-route');
const FORWARDING_OFF = reason('forwarding-off');
const IP_CHECKSUM = simplification('ip-checksum');
const ALL_HOSTS = 0xe0000001;

/**
 * ip_rcv: header checks, prerouting, routing decision.
 * Uses: network, packetType, iif, wireLength. Sets: what decode did not know. Verdicts: those of the stages behind it;
 * drop (other-host, truncated, malformed, bad-checksum, martian, rp-filter, no-route, …).
 * Events: ip-receive, hook, route, then those of local or forward.
 */
export function ipReceive(stack: Stack, packet: Packet): void {
  const { recorder } = stack;
  recorder.event(IP_RECEIVE, 4);
  if (packet.packetType === PACKET_OTHERHOST) {
    drop(recorder, packet, OTHER_HOST);
    return;
  }
  const fault = headerFault4(packet, recorder);
  if (fault !== 0) {
    drop(recorder, packet, fault);
    return;
  }
  const answer = stack.hooks.run(PREROUTING, FAMILY_IPV4, packet);
  if (answer !== NF_ACCEPT) {
    passes(recorder, packet, answer);
    return;
  }
  route4(stack, packet);
}

/** ip_rcv_core: the reason to drop, or 0. A header that the capture cut is not the packet's fault. */
function headerFault4(packet: Packet, recorder: Recorder): number {
  const { data, network, end } = packet;
  const wireLength = packet.wireLength - (network - packet.start);
  if (network + 20 > end) return wireLength >= 20 ? TRUNCATED : MALFORMED;
  const headerLength = (u8(data, network) & 15) * 4;
  if (u8(data, network) >>> 4 !== 4 || headerLength < 20) return MALFORMED;
  if (network + headerLength > end) return wireLength >= headerLength ? TRUNCATED : MALFORMED;
  if (be16(data, network + 2) === 0 && packet.isSuperPacket) putBe16(data, network + 2, packet.networkLength & 0xffff);
  if (internetChecksum(data, network, network + headerLength) !== 0) {
    // SIMPLIFIED: ip-checksum: a sender with checksum offload leaves 0 here in its own capture.
    if (be16(data, network + 10) !== 0) return BAD_CHECKSUM;
    recorder.simplified(IP_CHECKSUM);
    writeIpv4Checksum(data, network);
  }
  if (packet.ipVersion !== 4 || packet.networkLength > wireLength) return MALFORMED;
  return cutInTransport(packet) ? TRUNCATED : 0;
}

/** The capture (not the sender) cut the packet inside the headers that the router reads. */
function cutInTransport(packet: Packet): boolean {
  const kept = packet.networkEnd - packet.network;
  if (kept >= packet.networkLength || packet.fragmentOffset !== 0) return false;
  if (packet.transport < 0) return true;
  const needed =
    packet.protocol === 6 ? 20 : packet.protocol === 17 || packet.protocol === 1 || packet.protocol === 58 ? 8 : 4;
  const there = packet.networkEnd - packet.transport;
  return there < needed && there < packet.network + packet.networkLength - packet.transport;
}

/** ip_route_input_slow and dst_input. */
function route4(stack: Stack, packet: Packet): void {
  const { data, network } = packet;
  const { recorder, settings } = stack;
  const saddr = be32(data, network + 12);
  const daddr = be32(data, network + 16);
  recorder.event(ROUTE, 4);
  if (saddr >>> 28 === 14 || saddr === 0xffffffff) {
    drop(recorder, packet, MARTIAN);
    return;
  }
  if (daddr >>> 28 === 14) {
    if (daddr !== ALL_HOSTS) drop(recorder, packet, MULTICAST);
    else if (isMulticastSourceGood(stack, packet, saddr)) localInput(stack, packet, true);
    return;
  }
  const isLimited = daddr === 0xffffffff || (saddr === 0 && daddr === 0);
  if (!isLimited && isMartian(saddr, daddr, settings.routeLocalnet[packet.iif] === 1)) {
    drop(recorder, packet, MARTIAN);
    return;
  }
  const route = isLimited ? undefined : stack.fib.lookup4(daddr | 0, packet.mark, 0, stack.fib.keyOf(packet));
  const kind = isLimited ? 'broadcast' : route === undefined ? 'none' : route.kind;
  const isBroadcast = kind === 'broadcast' && (isLimited || settings.bcForwarding[packet.iif] === 0);
  if (isBroadcast || kind === 'local') {
    if (saddr === 0 || isSourceGood(stack, packet, 0)) localInput(stack, packet, isBroadcast);
    return;
  }
  if (route === undefined || (kind !== 'unicast' && kind !== 'broadcast')) {
    if (!packet.hasOptions || areOptionsGood(stack, packet, false)) noRoute4(stack, packet, route);
    return;
  }
  if (settings.forwarding4[packet.iif] === 0) {
    drop(recorder, packet, FORWARDING_OFF);
    return;
  }
  if (!isSourceGood(stack, packet, route.oif.index)) return;
  if (!packet.hasOptions) forward4(stack, packet, route, 0);
  else if (areOptionsGood(stack, packet, false)) forward4(stack, packet, route, recordRoute);
}

function isMartian(saddr: number, daddr: number, localnet: boolean): boolean {
  if (saddr === 0 || daddr === 0) return true;
  return (daddr >>> 24 === 127 || saddr >>> 24 === 127) && !localnet;
}

function localInput(stack: Stack, packet: Packet, isBroadcast: boolean): void {
  if (packet.hasOptions && !areOptionsGood(stack, packet, !isBroadcast)) return;
  local4(stack, packet, isBroadcast);
}

/** ip_rcv_options. */
function areOptionsGood(stack: Stack, packet: Packet, isLocal: boolean): boolean {
  const specDst = isLocal ? be32(packet.data, packet.network + 16) : specificDestination(stack, packet);
  if (compileOptions(stack, packet, specDst)) {
    if (!isRouteRefused) return true;
    drop(stack.recorder, packet, SOURCE_ROUTE);
    return false;
  }
  drop(stack.recorder, packet, MALFORMED);
  icmp.icmpError(stack, packet, icmp.ICMP_PARAMETER_PROBLEM, 0, (problemOffset << 24) >>> 0, isLocal);
  return false;
}

/** ip_mc_validate_source for a group of the link: who has no address yet may speak. */
function isMulticastSourceGood(stack: Stack, packet: Packet, saddr: number): boolean {
  if (saddr >>> 24 === 127 && stack.settings.routeLocalnet[packet.iif] !== 1) {
    drop(stack.recorder, packet, MARTIAN);
    return false;
  }
  return saddr === 0 || isSourceGood(stack, packet, 0);
}

function isSourceGood(stack: Stack, packet: Packet, oif: number): boolean {
  const verdict = validateSource(stack, packet, oif);
  if (verdict === 0) return true;
  drop(stack.recorder, packet, verdict === 1 ? MARTIAN : RP_FILTER);
  return false;
}

/** ip_error. */
function noRoute4(stack: Stack, packet: Packet, route: Route | undefined): void {
  const { recorder } = stack;
  if (stack.settings.forwarding4[packet.iif] === 0) {
    drop(recorder, packet, FORWARDING_OFF);
    return;
  }
  if (route?.kind === 'blackhole') {
    drop(recorder, packet, BLACKHOLE);
    return;
  }
  const isTold = stack.icmpRate.allowsError(be32(packet.data, packet.network + 12), packet.timeNs);
  let why = NO_ROUTE;
  let code = icmp.ICMP_NET_UNREACH;
  if (route?.kind === 'unreachable') {
    why = UNREACHABLE;
    code = icmp.ICMP_HOST_UNREACH;
  } else if (route?.kind === 'prohibit') {
    why = PROHIBIT;
    code = icmp.ICMP_PKT_FILTERED;
  }
  drop(recorder, packet, why);
  if (isTold) icmp.icmpError(stack, packet, icmp.ICMP_DEST_UNREACH, code, 0, false);
}

/** ipv6_rcv: as ipReceive(). */
export function ip6Receive(stack: Stack, packet: Packet): void {
  const { recorder } = stack;
  recorder.event(IP_RECEIVE, 6);
  if (packet.packetType === PACKET_OTHERHOST) {
    drop(recorder, packet, OTHER_HOST);
    return;
  }
  const fault = headerFault6(packet);
  if (fault !== 0) {
    drop(recorder, packet, fault);
    return;
  }
  if (packet.hasOptions && !passesHopByHop(stack, packet)) return;
  const answer = stack.hooks.run(PREROUTING, FAMILY_IPV6, packet);
  if (answer !== NF_ACCEPT) {
    passes(recorder, packet, answer);
    return;
  }
  route6(stack, packet);
}

/** ip6_rcv_core: the reason to drop, or 0. */
function headerFault6(packet: Packet): number {
  const { data, network, end } = packet;
  const wireLength = packet.wireLength - (network - packet.start);
  if (network + 40 > end) return wireLength >= 40 ? TRUNCATED : MALFORMED;
  if (u8(data, network) >>> 4 !== 6) return MALFORMED;
  if (isLoopback6(data, network + 8) || isLoopback6(data, network + 24)) return MARTIAN;
  if (u8(data, network + 24) === 0xff && (u8(data, network + 25) & 15) <= 1) return MARTIAN;
  if (u8(data, network + 8) === 0xff) return MARTIAN;
  if (packet.networkLength > wireLength) return MALFORMED;
  return cutInTransport(packet) ? TRUNCATED : 0;
}

function isLoopback6(data: Uint8Array, at: number): boolean {
  return be32(data, at) === 0 && be32(data, at + 4) === 0 && be32(data, at + 8) === 0 && be32(data, at + 12) === 1;
}

/** ip6_route_input and dst_input. */
function route6(stack: Stack, packet: Packet): void {
  const { data, network } = packet;
  const { recorder } = stack;
  const destination = network + 24;
  recorder.event(ROUTE, 6);
  if (u8(data, destination) === 0xff) {
    if (!isJoined6(stack, packet)) {
      drop(recorder, packet, MULTICAST);
      return;
    }
    local6(stack, packet, true);
    return;
  }
  // Link-local destinations have a meaning only on the link.
  const isLinkLocal = be32(data, destination) >>> 22 === 0x3fa;
  const route = stack.fib.lookup6At(
    data,
    destination,
    packet.mark,
    isLinkLocal ? packet.iif : 0,
    stack.fib.keyOf(packet),
  );
  const kind = route === undefined ? 'none' : route.kind;
  if (kind === 'unicast' && route !== undefined) {
    forward6(stack, packet, route);
    return;
  }
  if (kind === 'local') {
    local6(stack, packet, false);
    return;
  }
  if (kind === 'blackhole') {
    drop(recorder, packet, BLACKHOLE);
    return;
  }
  const why = kind === 'prohibit' ? PROHIBIT : kind === 'unreachable' ? UNREACHABLE : NO_ROUTE;
  drop(recorder, packet, why);
  const code = kind === 'prohibit' ? icmp.ICMPV6_ADM_PROHIBITED : icmp.ICMPV6_NOROUTE;
  icmp.icmpError(stack, packet, icmp.ICMPV6_DEST_UNREACH, code, 0, false);
}

/** ipv6_chk_mcast_addr: all nodes, all routers, and the solicited-node groups of the interface's addresses. */
function isJoined6(stack: Stack, packet: Packet): boolean {
  const at = packet.network + 24;
  const { data } = packet;
  const b = be32(data, at + 4);
  const c = be32(data, at + 8);
  const d = be32(data, at + 12);
  if (b !== 0) return false;
  const scope = u8(data, at + 1);
  if (c === 0) {
    if (d === 1) return scope === 2;
    return d === 2 && (scope === 2 || scope === 5) && stack.settings.forwarding6;
  }
  if (scope !== 2 || c !== 1 || d >>> 24 !== 0xff) return false;
  const { addresses6 } = stack.interfaces.at(packet.iif);
  for (let i = 0; i < addresses6.length; i++) {
    const own = addresses6[i]?.address[3];
    if (own !== undefined && (own & 0xffffff) === (d & 0xffffff)) return true;
  }
  // The subnet-router anycast addresses (…::) have their group too.
  return (d & 0xffffff) === 0 && addresses6.length > 0;
}
