// ICMP redirects about packets that leave where they came in: the sender could have reached the next hop itself
// (ip_rt_send_redirect of net/ipv4/route.c; ip6_forward of net/ipv6/ip6_output.c, ndisc_send_redirect of net/ipv6/ndisc.c).
import { be32, putBe16, u8 } from '../base/columns.ts';
import { eventKind } from '../event/vocabulary.ts';
import type { Route } from '../net/fib.ts';
import type { Interface } from '../net/interfaces.ts';
import { internetChecksum, pseudoHeaderSum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { ICMP_REDIRECT, icmpError } from './icmp.ts';
import { localOut, routeOutput6 } from './output.ts';
import { copyAddress6, finishIpv6, octets6, putAddress6, writeIpv6Header } from './reply.ts';
import type { Stack } from './stack.ts';

const ICMP_ERROR = eventKind('icmp-error');
const ICMP_REDIRECT_HOST = 1;
const ICMPV6 = 58;
const NDISC_REDIRECT = 137;
const TARGET_LINK_ADDRESS = 2;
const REDIRECTED_HEADER = 4;
const IPV6_MIN_MTU = 1280;
/** struct rd_msg: ICMPv6 header, target, destination. */
const MESSAGE = 40;
const ADDRESS_OPTION = 8;

/** About an IPv4 packet whose source is on the link; its TTL is decremented already. */
export function redirect4(stack: Stack, packet: Packet, route: Route): void {
  const { data, network } = packet;
  const { settings } = stack;
  const { iif } = packet;
  if (settings.sendRedirects[iif] === 0) return;
  const source = be32(data, network + 12);
  if (settings.sharedMedia[iif] === 0 && !isOnLink(route.oif, source, route.gateway4)) return;
  if (!stack.icmpRate.allowsRedirect(source, packet.timeNs)) return;
  const nexthop = route.gateway4 === 0 ? be32(data, network + 16) : route.gateway4;
  icmpError(stack, packet, ICMP_REDIRECT, ICMP_REDIRECT_HOST, nexthop >>> 0, false);
}

/** inet_addr_onlink: both lie in one subnet of the interface. */
function isOnLink(dev: Interface, a: number, b: number): boolean {
  return dev.addresses4.some(({ address, prefix }) => {
    const mask = prefix === 0 ? 0 : -1 << (32 - prefix);
    return ((address ^ a) & mask) === 0 && (b === 0 || ((address ^ b) & mask) === 0);
  });
}

/** About an IPv6 packet that is about to leave where it came in. Needs a link-local address of the interface. */
export function redirect6(stack: Stack, packet: Packet, route: Route): void {
  const { data, network, timeNs } = packet;
  const dev = stack.interfaces.at(packet.iif);
  const source = data.slice(network + 8, network + 24);
  const destination = data.slice(network + 24, network + 40);
  if (!stack.icmpRate.allowsPeer6(destination, timeNs)) return;
  const own = dev.addresses6.find((row) => isLinkLocal(row.address))?.address;
  const { gateway6 } = route;
  if (own === undefined || (gateway6 !== undefined && !isLinkLocal(gateway6))) return;
  const back = routeOutput6(stack, source, 0, dev.index);
  if (back === undefined || back.gateway6 !== undefined) return;
  if (!stack.icmpRate.allowsPeer6(source, timeNs)) return;
  const target = gateway6 === undefined ? destination : octets6(gateway6);
  const words = Uint32Array.from({ length: 4 }, (_, i) => be32(target, 4 * i));
  sendRedirect6(stack, packet, back, own, target, stack.neighbours.resolve6(route.oif, words));
}

function sendRedirect6(
  stack: Stack,
  packet: Packet,
  back: Route,
  own: Uint32Array,
  target: Uint8Array,
  mac: Uint8Array | undefined,
): void {
  const { data, network } = packet;
  const addressOctets = mac === undefined ? 0 : ADDRESS_OPTION;
  // skb->len: Ethernet padding was trimmed.
  const room = IPV6_MIN_MTU - 40 - MESSAGE - addressOctets;
  const header = Math.min(room, packet.networkEnd - network + 8) & ~7;
  const length = MESSAGE + addressOctets + header;
  const message = stack.pool.acquire(packet, 40 + length);
  if (message === undefined) return;
  const out = message.data;
  const net = message.network;
  const at = net + 40;
  out.fill(0, at, at + length);
  writeIpv6Header(message, ICMPV6, length, 0, 255);
  putAddress6(out, net + 8, own);
  copyAddress6(out, net + 24, data, network + 8);
  out[at] = NDISC_REDIRECT;
  out.set(target, at + 8);
  copyAddress6(out, at + 24, data, network + 24);
  let option = at + MESSAGE;
  if (mac !== undefined) {
    out[option] = TARGET_LINK_ADDRESS;
    out[option + 1] = 1;
    out.set(mac, option + 2);
    option += ADDRESS_OPTION;
  }
  out[option] = REDIRECTED_HEADER;
  out[option + 1] = header >> 3;
  for (let i = 8; i < header; i++) out[option + i] = u8(data, network + i - 8);
  const seed = pseudoHeaderSum(out, net, 6, ICMPV6, length);
  putBe16(out, at + 2, internetChecksum(out, at, at + length, seed));
  finishIpv6(message);
  stack.recorder.event(ICMP_ERROR, 6);
  localOut(stack, message, back);
  stack.pool.release();
}

function isLinkLocal(address: Uint32Array): boolean {
  return (address[0] as number) >>> 22 === 0x3fa;
}
