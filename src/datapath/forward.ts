// Datagrams that go through the router: ip_forward (net/ipv4/ip_forward.c) and ip6_forward (net/ipv6/ip6_output.c).
import { be16, putBe16, u8 } from '../base/columns.ts';
import { eventKind, HOOK_NAMES } from '../event/vocabulary.ts';
import type { Route } from '../net/fib.ts';
import { NF_ACCEPT } from '../netfilter/verdict.ts';
import { PACKET_HOST, type Packet, VERDICT_FORWARD } from '../packet/packet.ts';
import * as icmp from './icmp.ts';
import { forwardOptions } from './ip-options.ts';
import { drop, passes, reason } from './outcome.ts';
import { FAMILY_IPV4, FAMILY_IPV6, output, routeMtu } from './output.ts';
import { redirect4, redirect6 } from './redirect.ts';
import { isLinkLocal6, isUnicast6 } from './reply.ts';
import { isSourceOnLink } from './rp-filter.ts';
import type { Stack } from './stack.ts';

const FORWARD_EVENT = eventKind('forward');
const FORWARD = HOOK_NAMES.indexOf('forward');
const TTL = reason('ttl');
const MTU = reason('mtu');
const OTHER_HOST = reason('other-host');
const MARTIAN = reason('martian');
const FORWARDING_OFF = reason('forwarding-off');
const CUT_PAYLOAD = reason('cut-payload');
const IPV6_MIN_MTU = 1280;
/** ip_tos2prio: best effort, bulk, interactive, interactive bulk (net.ipv4.ip_forward_update_priority is 1). */
const TOS_PRIORITY = Uint8Array.of(0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4);
/** IPTOS_TOS_MASK. */
const TOS_MASK = 0x1e;

/**
 * ip_forward. `record`: ip-options' recordRoute. Uses: packetType, fragMaxSize, isSuperPacket. Sets: oif, priority, verdict, reason;
 * decrements the TTL.
 * Verdicts: forward, drop (ttl, mtu, other-host, or a rule's). Events: forward, hook, icmp-error, and output's.
 */
export function forward4(stack: Stack, packet: Packet, route: Route, record: number): void {
  const { data, network } = packet;
  const { recorder } = stack;
  recorder.event(FORWARD_EVENT, 4);
  if (packet.packetType !== PACKET_HOST) {
    drop(recorder, packet, OTHER_HOST);
    return;
  }
  if (u8(data, network + 8) <= 1) {
    drop(recorder, packet, TTL);
    icmp.icmpError(stack, packet, icmp.ICMP_TIME_EXCEEDED, 0, 0, false);
    return;
  }
  let mtu = routeMtu(route, 4);
  if (!stack.pathMtus.isEmpty) mtu = stack.pathMtus.limit(packet, mtu);
  if (packet.networkLength > mtu && (u8(data, network + 6) & 0x40) !== 0 && exceeds(packet, mtu)) {
    drop(recorder, packet, MTU);
    icmp.icmpError(stack, packet, icmp.ICMP_DEST_UNREACH, icmp.ICMP_FRAG_NEEDED, mtu, false);
    return;
  }
  decrementTtl(data, network);
  if (packet.iif === route.oif.index && isSourceOnLink) redirect4(stack, packet, route);
  packet.priority = u8(TOS_PRIORITY, (u8(data, network + 1) & TOS_MASK) >>> 1);
  packet.oif = route.oif.index;
  const answer = stack.hooks.run(FORWARD, FAMILY_IPV4, packet);
  if (answer !== NF_ACCEPT) {
    passes(recorder, packet, answer);
    return;
  }
  forwardOptions(packet, route, record);
  finish(stack, packet, route);
}

/** ip_exceeds_mtu and ip6_pkt_too_big for a packet longer than the MTU: reassembled ones go by their fragments. */
function exceeds(packet: Packet, mtu: number): boolean {
  if (packet.fragMaxSize !== 0) return packet.fragMaxSize > mtu;
  // What a bridge gathered may be cut again (ignore_df), whatever its fragments were.
  return !packet.isSuperPacket && packet.fragmentCount === 0;
}

/** ip_decrease_ttl: the checksum follows by RFC 1141. */
function decrementTtl(data: Uint8Array, network: number): void {
  const sum = be16(data, network + 10) + 0x100;
  putBe16(data, network + 10, (sum + (sum >= 0xffff ? 1 : 0)) & 0xffff);
  data[network + 8] = u8(data, network + 8) - 1;
}

function finish(stack: Stack, packet: Packet, route: Route): void {
  const isCut = packet.networkEnd - packet.network < packet.networkLength;
  output(stack, packet, route);
  if (isCut && packet.verdict === VERDICT_FORWARD) packet.reason = CUT_PAYLOAD;
}

/** ip6_forward: as forward4(), with checks of the source's scope. */
export function forward6(stack: Stack, packet: Packet, route: Route): void {
  const { data, network } = packet;
  const { recorder } = stack;
  recorder.event(FORWARD_EVENT, 6);
  if (!stack.settings.forwarding6) {
    drop(recorder, packet, FORWARDING_OFF);
    return;
  }
  if (packet.packetType !== PACKET_HOST) {
    drop(recorder, packet, OTHER_HOST);
    return;
  }
  if (u8(data, network + 7) <= 1) {
    drop(recorder, packet, TTL);
    icmp.icmpError(stack, packet, icmp.ICMPV6_TIME_EXCEED, 0, 0, false);
    return;
  }
  if (packet.iif !== route.oif.index) {
    if (!isUnicast6(data, network + 8)) {
      drop(recorder, packet, MARTIAN);
      return;
    }
    if (isLinkLocal6(data, network + 8)) {
      drop(recorder, packet, MARTIAN);
      icmp.icmpError(stack, packet, icmp.ICMPV6_DEST_UNREACH, icmp.ICMPV6_NOT_NEIGHBOUR, 0, false);
      return;
    }
  } else {
    redirect6(stack, packet, route);
  }
  // ip6_dst_mtu_maybe_forward: an MTU of the route counts at output only.
  const mtu = Math.max(route.oif.mtu, IPV6_MIN_MTU);
  if (packet.networkLength > mtu && exceeds(packet, mtu)) {
    drop(recorder, packet, MTU);
    icmp.icmpError(stack, packet, icmp.ICMPV6_PKT_TOOBIG, 0, mtu, false);
    return;
  }
  data[network + 7] = u8(data, network + 7) - 1;
  packet.oif = route.oif.index;
  const answer = stack.hooks.run(FORWARD, FAMILY_IPV6, packet);
  if (answer !== NF_ACCEPT) passes(recorder, packet, answer);
  else finish(stack, packet, route);
}
