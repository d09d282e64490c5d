// The routes of both directions of a connection that is to be offloaded (nft_flow_route of
// net/netfilter/nft_flow_offload.c, with ip_route_output_key and ip6_route_output behind nf_route()).
//
// The routing table does not change during a replay, so a route never becomes stale (nf_flow_dst_check).
import { u32 } from '../../base/columns.ts';
import type { Fib, Route } from '../../net/fib.ts';
import type { Interface, Interfaces } from '../../net/interfaces.ts';
import type { Packet } from '../../packet/packet.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { TUPLE_WORDS } from '../conntrack/tuple.ts';
import type { RouterServices } from '../services.ts';
import { DirectionRoute, fillForwardPath } from './forward-path.ts';

/** IP_MAX_MTU; IP6_MAX_MTU is larger by a header. */
const IP_MAX_MTU = 0xffff;

/** Finds the routes of a flow; keeps the last answer in `directions` (original, reply). */
export class FlowRoutes {
  readonly directions = [new DirectionRoute(), new DirectionRoute()] as const;
  readonly #interfaces: Interfaces;
  readonly #fib: Fib;
  readonly #services: RouterServices;
  readonly #address = new Uint32Array(4);
  readonly #devices: Uint8Array;
  readonly #hardware: boolean;

  /** `devices` has 1 at the ifindex of each device of the flowtable. */
  constructor(interfaces: Interfaces, fib: Fib, services: RouterServices, devices: Uint8Array, hardware: boolean) {
    this.#interfaces = interfaces;
    this.#fib = fib;
    this.#services = services;
    this.#devices = devices;
    this.#hardware = hardware;
  }

  /** The route of one direction (0 or 1), as find() left it. */
  of(direction: number): DirectionRoute {
    return direction === 0 ? this.directions[0] : this.directions[1];
  }

  /** Finds both routes for a packet in the forward hook. False: one direction has none. */
  find(packet: Packet, table: ConntrackTable, entry: number): boolean {
    const direction = packet.ctDirection;
    const input = this.#interfaces.list[packet.iif];
    const output = this.#interfaces.list[packet.oif];
    if (input === undefined || output === undefined || packet.iif === 0 || packet.oif === 0) return false;
    const at = (entry * 2 + direction) * TUPLE_WORDS;
    const otherAt = (entry * 2 + (1 - direction)) * TUPLE_WORDS;
    const mine = this.of(direction);
    const theirs = this.of(1 - direction);
    const found =
      packet.ipVersion === 4
        ? this.#ipv4(packet, table, at, otherAt, mine, theirs, input, output)
        : this.#ipv6(packet, table, at, otherAt, mine, theirs, input, output);
    if (!found) return false;
    this.#descend(packet.ipVersion === 6, table, mine, otherAt);
    this.#descend(packet.ipVersion === 6, table, theirs, at);
    return true;
  }

  /**
   * This packet's own route is looked up again by its destination. The reply's is an output lookup bound to the input
   * device: when no route leads there, the destination is taken to be on that link (ip_route_output_key_hash_rcu).
   */
  #ipv4(
    packet: Packet,
    table: ConntrackTable,
    at: number,
    otherAt: number,
    mine: DirectionRoute,
    theirs: DirectionRoute,
    input: Interface,
    output: Interface,
  ): boolean {
    const route =
      by(this.#fib.lookup4(u32(table.tuples, otherAt), packet.mark, 0, this.#fib.keyOf(packet)), output) ??
      by(this.#fib.lookup4(u32(table.tuples, otherAt), packet.mark, output.index), output);
    mine.reset(output, route?.gateway4 ?? 0, undefined, mtu4(route, output));
    const backKey = this.#fib.keyAsked(packet, packet.mark, true);
    if (backKey !== undefined) backKey.iif = output.index;
    const back = by(this.#fib.lookup4(u32(table.tuples, at), packet.mark, input.index, backKey), input);
    theirs.reset(input, back?.gateway4 ?? 0, undefined, mtu4(back, input));
    return true;
  }

  /** For IPv6 the input device is only preferred: the best route may lead elsewhere, and none is none. */
  #ipv6(
    packet: Packet,
    table: ConntrackTable,
    at: number,
    otherAt: number,
    mine: DirectionRoute,
    theirs: DirectionRoute,
    input: Interface,
    output: Interface,
  ): boolean {
    const route =
      by(this.#fib.lookup6(table.tuples, otherAt, packet.mark, 0, this.#fib.keyOf(packet)), output) ??
      by(this.#fib.lookup6(table.tuples, otherAt, packet.mark, output.index), output);
    mine.reset(output, 0, route?.gateway6, output.mtu);
    const backKey = this.#fib.keyAsked(packet, packet.mark, true);
    if (backKey !== undefined) backKey.iif = output.index;
    const best = this.#fib.lookup6(table.tuples, at, packet.mark, 0, backKey);
    const bound = this.#fib.lookup6(table.tuples, at, packet.mark, input.index, backKey);
    const back = bound !== undefined && best !== undefined && bound.length === best.length ? bound : best;
    if (back === undefined || back.kind !== 'unicast') return false;
    theirs.reset(back.oif, 0, back.gateway6, back.oif.mtu);
    return true;
  }

  #descend(six: boolean, table: ConntrackTable, route: DirectionRoute, otherAt: number): void {
    if (!six) {
      const nexthop = route.gateway4 !== 0 ? route.gateway4 : u32(table.tuples, otherAt);
      fillForwardPath(route, this.#devices, this.#hardware, this.#services, nexthop, undefined);
      return;
    }
    const address = this.#address;
    for (let i = 0; i < 4; i++) address[i] = u32(table.tuples, otherAt + i);
    fillForwardPath(route, this.#devices, this.#hardware, this.#services, 0, route.gateway6 ?? address);
  }
}

/** The route, when it is one that leads out by this device. */
function by(route: Route | undefined, device: Interface): Route | undefined {
  return route !== undefined && route.kind === 'unicast' && route.oif === device ? route : undefined;
}

/** ip_dst_mtu_maybe_forward; ip6_dst_mtu_maybe_forward ignores the route's. */
function mtu4(route: Route | undefined, device: Interface): number {
  const mtu = route === undefined || route.mtu === 0 ? device.mtu : route.mtu;
  return Math.min(mtu, IP_MAX_MTU);
}
