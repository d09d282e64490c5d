// From a routed datagram to the neighbour: postrouting hook, fragmentation, neighbour address, device
// (net/ipv4/ip_output.c ip_output, ip_finish_output2; net/ipv6/ip6_output.c ip6_output, ip6_finish_output2), and for
// datagrams that the router made the output hook before that (ip_local_out, ip6_local_out).
import { be32 } from '../base/columns.ts';
import { eventKind, HOOK_NAMES } from '../event/vocabulary.ts';
import type { Route } from '../net/fib.ts';
import type { FlowKey } from '../net/flow-key.ts';
import type { Interface } from '../net/interfaces.ts';
import { NF_ACCEPT } from '../netfilter/verdict.ts';
import { writeTransportChecksum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { fragment } from './fragment.ts';
import { drop, passes, reason } from './outcome.ts';
import { octets4, octets6 } from './reply.ts';
import type { Stack } from './stack.ts';
import { neighbourTransmit } from './transmit.ts';

const OUTPUT_EVENT = eventKind('output');
const ROUTE_OUTPUT = eventKind('route-output');
const OUTPUT = HOOK_NAMES.indexOf('output');
const POSTROUTING = HOOK_NAMES.indexOf('postrouting');
const MTU = reason('mtu');
export const FAMILY_IPV4 = 2;
export const FAMILY_IPV6 = 10;
const IP_MAX_MTU = 0xffff;
const IPV6_MIN_MTU = 1280;
const ICMP_DEST_UNREACH = 3;
const ICMP_FRAG_NEEDED = 4;
const ICMPV6_PKT_TOOBIG = 2;

/** ip_dst_mtu_maybe_forward and ip6_dst_mtu_maybe_forward: the MTU of a way out. */
export function routeMtu(route: Route, version: number): number {
  if (route.mtu !== 0) return route.mtu;
  const { mtu } = route.oif;
  return version === 4 && mtu > IP_MAX_MTU ? IP_MAX_MTU : mtu;
}

/** ip6_dst_hoplimit. */
export function hopLimitOf(stack: Stack, route: Route): number {
  return stack.settings.hopLimits[outDevice(stack, route).index] as number;
}

/**
 * ip_local_out: a datagram of the router's own, complete and decoded, whose route is known.
 * Sets: oif, verdict. Events: hook and what its chains record, then those of output().
 */
export function localOut(stack: Stack, packet: Packet, route: Route): void {
  packet.oif = outDevice(stack, route).index;
  stack.rerouted = undefined;
  const answer = stack.hooks.run(OUTPUT, packet.ipVersion === 4 ? FAMILY_IPV4 : FAMILY_IPV6, packet);
  if (answer !== NF_ACCEPT) {
    passes(stack.recorder, packet, answer);
    return;
  }
  const rerouted = stack.rerouted;
  stack.rerouted = undefined;
  output(stack, packet, rerouted ?? route);
}

/** Routes to the router itself leave by the loopback. */
function outDevice(stack: Stack, route: Route): Interface {
  return route.kind === 'local' ? stack.interfaces.loopback : route.oif;
}

/**
 * ip_output: postrouting and out. Uses: route, fragMaxSize, isSuperPacket. Sets: oif, verdict.
 * Events: hook, output, fragment, and those of the transmit stage.
 */
export function output(stack: Stack, packet: Packet, route: Route): void {
  const dev = outDevice(stack, route);
  packet.oif = dev.index;
  const version = packet.ipVersion;
  const answer = stack.hooks.run(POSTROUTING, version === 4 ? FAMILY_IPV4 : FAMILY_IPV6, packet);
  if (answer !== NF_ACCEPT) {
    passes(stack.recorder, packet, answer);
    return;
  }
  trimPadding(packet);
  if (packet.checksumPartial && !packet.isSuperPacket) fillChecksum(packet);
  let mtu = routeMtu(route, version);
  if (!stack.pathMtus.isEmpty) mtu = stack.pathMtus.limit(packet, mtu);
  const { networkLength, fragMaxSize } = packet;
  if (packet.isSuperPacket) {
    outputToNeighbour(stack, packet, route, dev);
  } else if (version === 4 ? networkLength > mtu || fragMaxSize !== 0 : networkLength > mtu || tooLong6(packet)) {
    outputFragments(stack, packet, route, dev, mtu);
  } else {
    outputToNeighbour(stack, packet, route, dev);
  }
}

function tooLong6(packet: Packet): boolean {
  return packet.fragMaxSize !== 0 && packet.networkLength > packet.fragMaxSize;
}

/** ip_fragment and the beginning of ip6_fragment: whether it may be cut at all. */
function outputFragments(stack: Stack, packet: Packet, route: Route, dev: Interface, mtu: number): void {
  const wasFragments = packet.fragMaxSize !== 0;
  // ignore_df: what was reassembled may be cut again, and what a socket of the router sent.
  const mayCut = wasFragments || packet.fragmentCount !== 0 || packet.isGenerated;
  if (packet.ipVersion === 4) {
    const dontFragment = ((packet.data[packet.network + 6] as number) & 0x40) !== 0;
    if (dontFragment && (!mayCut || packet.fragMaxSize > mtu)) {
      drop(stack.recorder, packet, MTU);
      stack.icmpError(packet, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu, false);
      return;
    }
  } else if ((!mayCut && packet.networkLength > mtu) || packet.fragMaxSize > mtu) {
    drop(stack.recorder, packet, MTU);
    stack.icmpError(packet, ICMPV6_PKT_TOOBIG, 0, mtu, false);
    return;
  }
  let size = wasFragments && packet.fragMaxSize < mtu ? packet.fragMaxSize : mtu;
  if (packet.ipVersion === 6 && wasFragments && size < IPV6_MIN_MTU) size = IPV6_MIN_MTU;
  if (!fragment(stack, packet, size, route, dev, outputToNeighbour)) {
    drop(stack.recorder, packet, MTU);
  }
}

const nexthop6 = new Uint32Array(4);

/** ip_finish_output2: to the gateway, or to the destination itself when it is on the link. */
export function outputToNeighbour(stack: Stack, packet: Packet, route: Route, dev: Interface): void {
  const { data, network } = packet;
  stack.recorder.event(OUTPUT_EVENT, packet.ipVersion);
  let mac: Uint8Array | undefined;
  if (packet.ipVersion === 4) {
    const nexthop = route.gateway4 !== 0 ? route.gateway4 : be32(data, network + 16);
    mac = stack.neighbours.resolve4(dev, nexthop | 0, route.kind === 'broadcast');
  } else if (route.gateway6 !== undefined) {
    mac = stack.neighbours.resolve6(dev, route.gateway6);
  } else {
    for (let i = 0; i < 4; i++) nexthop6[i] = be32(data, network + 24 + 4 * i);
    mac = stack.neighbours.resolve6(dev, nexthop6);
  }
  if (mac !== undefined) neighbourTransmit(stack, packet, dev, mac);
  else stack.resolution.hold(packet, dev, nexthopOctets(packet, route));
}

/** Whom the router has to ask for. */
function nexthopOctets(packet: Packet, route: Route): Uint8Array {
  const { data, network } = packet;
  if (packet.ipVersion === 6)
    return route.gateway6 === undefined ? data.slice(network + 24, network + 40) : octets6(route.gateway6);
  return route.gateway4 === 0 ? data.slice(network + 16, network + 20) : octets4(route.gateway4);
}

/** Ethernet padding was trimmed by ip_rcv; here the frame's end follows. A cut frame keeps its wire length. */
function trimPadding(packet: Packet): void {
  packet.end = packet.networkEnd;
  packet.wireLength = packet.network - packet.start + packet.networkLength;
}

/** skb_checksum_help: fills in what the sender's hardware would have. Not possible when the capture cut the payload. */
export function fillChecksum(packet: Packet): void {
  const { transport, networkEnd, network, networkLength } = packet;
  if (transport < 0 || networkEnd - network < networkLength) return;
  const version = packet.ipVersion === 6 ? 6 : 4;
  writeTransportChecksum(packet.data, network, version, packet.protocol, transport, networkEnd);
  packet.checksumPartial = false;
}

/** ip_route_output for a datagram of the router's own: undefined when there is no usable route. Events: route-output. */
export function routeOutput4(stack: Stack, daddr: number, mark: number, key?: FlowKey): Route | undefined {
  stack.recorder.event(ROUTE_OUTPUT, 4);
  return usable(stack.fib.lookup4(daddr, mark, 0, key));
}

/** The same for IPv6: 16 octets of the address at data[offset]; `oif` 0: any. */
export function routeOutput6(
  stack: Stack,
  data: Uint8Array,
  offset: number,
  oif: number,
  key?: FlowKey,
  mark = 0,
): Route | undefined {
  stack.recorder.event(ROUTE_OUTPUT, 6);
  return usable(stack.fib.lookup6At(data, offset, mark, oif, key));
}

function usable(route: Route | undefined): Route | undefined {
  if (route === undefined) return undefined;
  return route.kind === 'unicast' || route.kind === 'local' || route.kind === 'broadcast' || route.kind === 'multicast'
    ? route
    : undefined;
}
