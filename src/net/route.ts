// Routes as the kernel holds them: those that addresses bring along (net/ipv4/fib_frontend.c fib_add_ifaddr,
// net/ipv6/addrconf.c) and those that the router file lists.
import { ConfigError } from '../base/errors.ts';
import { parseAddress, parsePrefix } from '../packet/address.ts';
import type { Interface, Interfaces } from './interfaces.ts';
import { words } from './interfaces.ts';
import { upperBounds } from './multipath.ts';
import { TABLE_LOCAL, TABLE_MAIN } from './policy-rules.ts';
import { type PrefixEntry, wordMask } from './prefix-table.ts';
import type { NexthopSpec, RouteSpec } from './spec.ts';

export type RouteKind =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';

/** A route, made once. */
export interface Route extends PrefixEntry {
  kind: RouteKind;
  /** Way out; for local routes the interface that has the address; for the rejecting kinds the loopback. */
  oif: Interface;
  /** 0: on link, the destination is the next hop. */
  gateway4: number;
  gateway6: Uint32Array | undefined;
  /** 0: the interface's. */
  mtu: number;
  metric: number;
  /** Routing table that it stands in. */
  table: number;
  /** Preferred IPv4 source (fib_result_prefsrc). */
  source4: number;
  /** IPv6 subnet-router anycast address: kind is 'local'. */
  anycast: boolean;
  /** Multipath: a route each, of which a flow takes one; empty: this route is the only way. */
  nexthops: Route[];
  bounds: Float64Array;
  /** Less preferred route of the same prefix and table. */
  next: Route | undefined;
}

/** Adds the local, broadcast and connected routes of an interface's addresses. */
export function addressRoutes(interfaces: Interfaces, dev: Interface, out: Route[]): void {
  const loopback = dev === interfaces.loopback;
  for (const row of dev.addresses4) {
    const own = Uint32Array.of(row.address);
    out.push(makeRoute('local', own, 32, dev, { source4: row.address }));
    if (row.secondary || row.prefix === 32) continue;
    const net = masked(own, row.prefix);
    if ((net[0] as number) >>> 24 === 0) continue;
    out.push(makeRoute(loopback ? 'local' : 'unicast', net, row.prefix, dev, { source4: row.address }));
    if (row.prefix < 31) {
      const broadcast = Uint32Array.of((net[0] as number) | (0xffffffff >>> row.prefix));
      out.push(makeRoute('broadcast', broadcast, 32, dev, { source4: row.address }));
    }
  }
  for (const row of dev.addresses6) {
    out.push(makeRoute('local', row.address, 128, dev, {}));
    const net = masked(row.address, row.prefix);
    if (row.prefix < 127 && net.some((word) => word !== 0)) {
      out.push(makeRoute('local', net, 128, dev, { anycast: true }));
    }
    if (!loopback && row.prefix < 128) out.push(makeRoute('unicast', net, row.prefix, dev, { metric: 256 }));
  }
  if (!loopback) out.push(makeRoute('multicast', Uint32Array.of(0xff000000, 0, 0, 0), 8, dev, { metric: 256 }));
}

function masked(address: Uint32Array, length: number): Uint32Array {
  return address.map((word, i) => (word & wordMask(length, i)) >>> 0);
}

function makeRoute(
  kind: RouteKind,
  net: Uint32Array,
  length: number,
  oif: Interface,
  extra: Partial<Pick<Route, 'gateway4' | 'gateway6' | 'mtu' | 'metric' | 'source4' | 'anycast' | 'table'>>,
): Route {
  return {
    words: net,
    length,
    kind,
    oif,
    gateway4: extra.gateway4 ?? 0,
    gateway6: extra.gateway6,
    mtu: extra.mtu ?? 0,
    metric: extra.metric ?? 0,
    source4: extra.source4 ?? 0,
    anycast: extra.anycast ?? false,
    table: extra.table ?? (kind === 'local' || kind === 'broadcast' || kind === 'multicast' ? TABLE_LOCAL : TABLE_MAIN),
    nexthops: [],
    bounds: new Float64Array(0),
    next: undefined,
  };
}

/** A route of the router file. Throws ConfigError for one that the kernel would refuse. */
export function staticRoute(row: RouteSpec, path: string, interfaces: Interfaces, connected: Route[]): Route {
  const prefix = parsePrefix(row.dst);
  if (prefix === undefined) throw new ConfigError('router', `${path}.dst`, `"${row.dst}" is not a prefix`);
  const net = masked(words(prefix.address), prefix.length);
  const six = net.length === 4;
  const metric = row.metric ?? (six ? 1024 : 0);
  const table = row.table ?? TABLE_MAIN;
  const common = {
    metric,
    table,
    mtu: row.mtu ?? 0,
    ...(row.src === undefined || six ? {} : { source4: sourceOf(row, path) }),
  };
  if (row.type !== 'unicast') return makeRoute(row.type, net, prefix.length, interfaces.loopback, { metric, table });
  const hops = row.nexthops ?? [];
  const make = (hop: Pick<NexthopSpec, 'via' | 'dev'>, where: string): Route => {
    const gateway = hop.via === undefined ? undefined : gatewayWords(hop.via, `${where}.via`, net.length);
    const dev = hop.dev === undefined ? deviceTo(gateway, row, where, connected) : interfaces.byName(hop.dev);
    if (dev === undefined) throw new ConfigError('router', `${where}.dev`, `no interface is called "${hop.dev}"`);
    if (gateway === undefined) return makeRoute('unicast', net, prefix.length, dev, common);
    const to = six ? { gateway6: gateway } : { gateway4: gateway[0] ?? 0 };
    return makeRoute('unicast', net, prefix.length, dev, { ...common, ...to });
  };
  if (hops.length === 0) return make(row, path);
  const nexthops = hops.map((hop, i) => make(hop, `${path}.nexthops[${i}]`));
  const [first] = nexthops;
  if (first === undefined || nexthops.length === 1) return first ?? make(row, path);
  return { ...first, nexthops, bounds: upperBounds(hops.map((hop) => hop.weight)) };
}

function sourceOf(row: RouteSpec, path: string): number {
  const address = parseAddress(row.src ?? '');
  if (address === undefined || address.length !== 4) {
    throw new ConfigError('router', `${path}.src`, `"${row.src}" is not an IPv4 address`);
  }
  return words(address)[0] ?? 0;
}

function gatewayWords(via: string, path: string, wordCount: number): Uint32Array {
  const address = parseAddress(via);
  if (address === undefined) throw new ConfigError('router', path, `"${via}" is not an address`);
  const gateway = words(address);
  if (gateway.length !== wordCount) {
    throw new ConfigError('router', path, `the gateway ${via} must be of the destination's address family`);
  }
  return gateway;
}

/** The interface whose subnet holds the gateway, when the route names none. */
function deviceTo(gateway: Uint32Array | undefined, row: RouteSpec, path: string, connected: Route[]): Interface {
  if (gateway === undefined) throw new ConfigError('router', path, `the route to ${row.dst} needs "via" or "dev"`);
  let best: Route | undefined;
  for (const route of connected) {
    if (route.kind !== 'unicast' || route.words.length !== gateway.length) continue;
    const inside = masked(gateway, route.length).every((word, i) => word === route.words[i]);
    if (inside && (best === undefined || route.length > best.length)) best = route;
  }
  if (best === undefined) {
    throw new ConfigError('router', `${path}.via`, `no interface's subnet holds the gateway ${row.via}; add "dev"`);
  }
  return best.oif;
}
