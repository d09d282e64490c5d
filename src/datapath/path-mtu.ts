// Path MTUs that the router learns from ICMP errors that are addressed to it: about its echo replies, and about UDP though
// nobody listens (icmp_err, udp_err, ipv4_update_pmtu, __ip_rt_update_pmtu of net/ipv4; icmpv6_err, udpv6_err,
// ip6_update_pmtu of net/ipv6). Rare: this allocates.
import { be16, be32, u8 } from '../base/columns.ts';
import { type Sysctl, sysctlNumber } from '../net/sysctl.ts';
import type { Packet } from '../packet/packet.ts';
import { routeMtu, routeOutput4, routeOutput6 } from './output.ts';
import { isUnicast6, replyMark } from './reply.ts';
import type { Stack } from './stack.ts';

const ICMP = 1;
const UDP = 17;
const ICMPV6 = 58;
const ICMP_ECHO_REPLY = 0;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const IPV6_MIN_MTU = 1280;
/** Destinations that are remembered; the oldest goes first. */
const MAX_EXCEPTIONS = 4096;

/** A next hop exception. */
interface Exception {
  mtu: number;
  /** Too small to be believed: min_pmtu holds instead, for forwarded packets too. */
  isLocked: boolean;
  expiresNs: number;
}

/** What was learned, by destination. */
export class PathMtus {
  readonly #exceptions = new Map<number | string, Exception>();
  readonly #minimum: number;
  readonly #noDiscovery: number;
  readonly #forwards: boolean;
  readonly #expireNs4: number;
  readonly #expireNs6: number;
  /** Nothing was learned yet. */
  isEmpty = true;

  constructor(sysctl: Sysctl) {
    this.#minimum = sysctlNumber(sysctl, 'net.ipv4.route.min_pmtu', 552);
    this.#noDiscovery = sysctlNumber(sysctl, 'net.ipv4.ip_no_pmtu_disc', 0);
    this.#forwards = sysctlNumber(sysctl, 'net.ipv4.ip_forward_use_pmtu', 0) !== 0;
    this.#expireNs4 = sysctlNumber(sysctl, 'net.ipv4.route.mtu_expires', 600) * 1e9;
    this.#expireNs6 = sysctlNumber(sysctl, 'net.ipv6.route.mtu_expires', 600) * 1e9;
  }

  /** ip_dst_mtu_maybe_forward and ip6_mtu: `mtu` is the way's own. `isForwarding`: not a packet of the router's. */
  limit4(destination: number, mtu: number, isForwarding: boolean, nowNs: number): number {
    const known = this.#find(destination >>> 0, nowNs);
    if (known === undefined || (isForwarding && !known.isLocked && !this.#forwards)) return mtu;
    return known.mtu;
  }

  limit6(destination: Uint8Array, mtu: number, nowNs: number): number {
    return this.#find(destination.join('.'), nowNs)?.mtu ?? mtu;
  }

  /** The same for the destination of a packet. */
  limit(packet: Packet, mtu: number): number {
    const { data, network, timeNs } = packet;
    return packet.ipVersion === 4
      ? this.limit4(be32(data, network + 16), mtu, !packet.isGenerated, timeNs)
      : this.limit6(data.subarray(network + 24, network + 40), mtu, timeNs);
  }

  /** icmp_unreach with ICMP_FRAG_NEEDED: the packet that it quotes must have an address of the router's. */
  tooBig4(stack: Stack, packet: Packet): void {
    const { data, transport, networkEnd, timeNs } = packet;
    const quoted = transport + 8;
    const inner = quoted + (u8(data, quoted) & 15) * 4;
    if (quoted + 20 > networkEnd || inner < quoted + 20 || inner + 8 > networkEnd) return;
    const protocol = u8(data, quoted + 9);
    // 2: never; 3: only for protocols that know their own packets again.
    if (this.#noDiscovery >= 2 || (protocol !== UDP && protocol !== ICMP)) return;
    if (protocol === ICMP && u8(data, inner) !== ICMP_ECHO_REPLY) return;
    if (stack.fib.addressType4(be32(data, quoted + 12)) !== 'local') return;
    const destination = be32(data, quoted + 16);
    const route = routeOutput4(stack, destination, replyMark(stack.settings, packet));
    if (route === undefined) return;
    const old = this.limit4(destination, routeMtu(route, 4), false, timeNs);
    const told = this.#noDiscovery === 0 ? be16(data, transport + 6) : 0;
    if (old < told || this.#find(destination >>> 0, timeNs)?.isLocked === true) return;
    const isLocked = told < this.#minimum;
    const mtu = isLocked ? Math.min(old, this.#minimum) : told;
    this.#learn(destination >>> 0, { mtu, isLocked, expiresNs: timeNs + this.#expireNs4 });
  }

  /** icmpv6_notify with ICMPV6_PKT_TOOBIG, about whosoever packet. */
  tooBig6(stack: Stack, packet: Packet): void {
    const { data, transport, networkEnd, timeNs } = packet;
    const quoted = transport + 8;
    if (quoted + 48 > networkEnd || !isUnicast6(data, quoted + 24)) return;
    const protocol = quotedProtocol6(data, quoted, networkEnd);
    if (protocol !== ICMPV6 && protocol !== UDP) return;
    const route = routeOutput6(stack, data, quoted + 24, 0);
    if (route === undefined) return;
    const destination = data.slice(quoted + 24, quoted + 40);
    const old = this.limit6(destination, routeMtu(route, 6), timeNs);
    const mtu = be32(data, transport + 4);
    if (mtu < IPV6_MIN_MTU || mtu >= old) return;
    this.#learn(destination.join('.'), { mtu, isLocked: false, expiresNs: timeNs + this.#expireNs6 });
  }

  #find(key: number | string, nowNs: number): Exception | undefined {
    const known = this.#exceptions.get(key);
    return known !== undefined && nowNs < known.expiresNs ? known : undefined;
  }

  #learn(key: number | string, exception: Exception): void {
    this.isEmpty = false;
    this.#exceptions.delete(key);
    if (this.#exceptions.size >= MAX_EXCEPTIONS) {
      for (const oldest of this.#exceptions.keys()) {
        this.#exceptions.delete(oldest);
        break;
      }
    }
    this.#exceptions.set(key, exception);
  }
}

/** ipv6_skip_exthdr: the protocol of a quoted packet of which eight octets are there; -1: they are not. */
function quotedProtocol6(data: Uint8Array, quoted: number, end: number): number {
  let protocol = u8(data, quoted + 6);
  let at = quoted + 40;
  while (isExtension(protocol) && at + 8 <= end) {
    const length = u8(data, at + 1);
    // What lies behind the header of a later fragment is not a header.
    if (protocol === FRAGMENT && (be16(data, at + 2) & 0xfff8) !== 0) return -1;
    const octets = protocol === FRAGMENT ? 8 : protocol === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
    protocol = u8(data, at);
    at += octets;
  }
  return at + 8 <= end ? protocol : -1;
}

/** Hop-by-hop, routing, fragment, authentication, destination options. */
function isExtension(protocol: number): boolean {
  return protocol === 0 || protocol === 43 || protocol === FRAGMENT || protocol === AUTHENTICATION || protocol === 60;
}
