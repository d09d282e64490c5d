// The routing table: what ip_route_input and ip6_route_input look up (net/ipv4/fib_trie.c, fib_frontend.c fib_add_ifaddr,
// net/ipv6/route.c, addrconf.c). Local, broadcast and connected routes come from the addresses, static ones from the spec.
// SIMPLIFIED: routing: no policy rules, one table, no multipath: of equal routes the one with the lowest metric is taken.
import { be32 } from '../base/columns.ts';
import { ConfigError } from '../base/errors.ts';
import { parseAddress, parsePrefix } from '../packet/address.ts';
import type { Interface, Interfaces } from './interfaces.ts';
import { words } from './interfaces.ts';
import { type PrefixEntry, PrefixTable, wordMask } from './prefix-table.ts';
import * as source from './source-address.ts';
import type { RouterSpec, RouteSpec } from './spec.ts';

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
  /** Preferred IPv4 source (fib_result_prefsrc). */
  source4: number;
  /** IPv6 subnet-router anycast address: kind is 'local'. */
  anycast: boolean;
  /** Less preferred route of the same prefix. */
  next: Route | undefined;
}

/** Routes of both families. Lookups allocate nothing and return shared objects. */
export class Fib {
  readonly interfaces: Interfaces;
  /** All routes, most preferred first among equals; for listings and for the reference lookup of the tests. */
  readonly routes4: Route[];
  readonly routes6: Route[];
  readonly #table4: PrefixTable;
  readonly #table6: PrefixTable;
  readonly #heads4: Route[];
  readonly #heads6: Route[];
  readonly #scratch = new Uint32Array(4);
  /** Last destinations looked up without oif, direct mapped: [slot] → address, route. */
  readonly #cacheKeys = new Int32Array(CACHE_SLOTS);
  readonly #cacheRoutes: (Route | undefined)[] = new Array(CACHE_SLOTS).fill(undefined);
  readonly #cacheValid = new Uint8Array(CACHE_SLOTS);

  /** Throws ConfigError for a route that the kernel would refuse. */
  constructor(spec: RouterSpec, interfaces: Interfaces) {
    this.interfaces = interfaces;
    const routes: Route[] = [];
    for (const dev of interfaces.list) if (dev.name !== '') addressRoutes(interfaces, dev, routes);
    const connected = [...routes];
    spec.routes.forEach((row, i) => {
      routes.push(staticRoute(row, `routes[${i}]`, interfaces, connected));
    });
    this.routes4 = routes.filter((route) => route.words.length === 1).sort(preference);
    this.routes6 = routes.filter((route) => route.words.length === 4).sort(preference);
    for (const route of this.routes4) {
      if (route.source4 === 0) route.source4 = this.sourceAddress4(route.oif, route.gateway4);
    }
    this.#heads4 = chain(this.routes4);
    this.#heads6 = chain(this.routes6);
    this.#table4 = new PrefixTable(1, this.#heads4);
    this.#table6 = new PrefixTable(4, this.#heads6);
  }

  /**
   * The route to an IPv4 address (32 bits, signed or not: signed ones are never boxed); `oif` 0: any way out. `mark` is
   * for policy rules, of which there are none.
   */
  lookup4(daddr: number, _mark: number, oif: number): Route | undefined {
    if (oif !== 0) return this.#walk4(daddr, oif);
    const slot = (Math.imul(daddr, 0x9e3779b1) >>> 22) & (CACHE_SLOTS - 1);
    if (this.#cacheKeys[slot] === (daddr | 0) && this.#cacheValid[slot] === 1) return this.#cacheRoutes[slot];
    const route = this.#walk4(daddr, 0);
    this.#cacheKeys[slot] = daddr;
    this.#cacheRoutes[slot] = route;
    this.#cacheValid[slot] = 1;
    return route;
  }

  #walk4(daddr: number, oif: number): Route | undefined {
    for (let index = this.#table4.match4(daddr); index >= 0; index = this.#table4.next4(daddr)) {
      const route = pick(this.#heads4[index], oif);
      if (route !== undefined) return route.kind === 'throw' ? undefined : route;
    }
    return undefined;
  }

  /** The route to an IPv6 address, four words from `offset`. */
  lookup6(address: Uint32Array, offset: number, oif: number): Route | undefined {
    for (let i = this.#table6.match6(address, offset); i >= 0; i = this.#table6.next6(address, offset)) {
      const route = pick(this.#heads6[i], oif);
      if (route !== undefined) return route.kind === 'throw' ? undefined : route;
    }
    return undefined;
  }

  /** The route to an IPv6 address whose 16 octets stand in a packet. */
  lookup6At(data: Uint8Array, offset: number, oif: number): Route | undefined {
    return this.lookup6(this.#load(data, offset), 0, oif);
  }

  /** inet_addr_type: what kind of address this is to the router ('unicast' also when there is no route). */
  addressType4(address: number): RouteKind {
    if (address === 0 || address === 0xffffffff) return 'broadcast';
    if (address >>> 28 === 14) return 'multicast';
    const route = this.#walk4(address, 0);
    return route !== undefined && (route.kind === 'local' || route.kind === 'broadcast') ? route.kind : 'unicast';
  }

  /** The same for an IPv6 address of four words: 'local', 'multicast' or 'unicast'. */
  addressType6(address: Uint32Array, offset: number): RouteKind {
    if ((address[offset] as number) >>> 24 === 0xff) return 'multicast';
    return this.lookup6(address, offset, 0)?.kind === 'local' ? 'local' : 'unicast';
  }

  /** addressType6 of 16 octets in a packet. */
  addressType6At(data: Uint8Array, offset: number): RouteKind {
    return this.addressType6(this.#load(data, offset), 0);
  }

  /** inet_select_addr: see source-address.ts. `daddr` is the next hop. */
  sourceAddress4(oif: Interface, daddr: number): number {
    return source.sourceAddress4(this.interfaces, oif, daddr);
  }

  /** ipv6_dev_get_saddr: see source-address.ts. */
  sourceAddress6(oif: Interface, daddr: Uint32Array, offset = 0): Uint32Array | undefined {
    return source.sourceAddress6(this.interfaces, oif, daddr, offset);
  }

  #load(data: Uint8Array, offset: number): Uint32Array {
    const scratch = this.#scratch;
    scratch[0] = be32(data, offset);
    scratch[1] = be32(data, offset + 4);
    scratch[2] = be32(data, offset + 8);
    scratch[3] = be32(data, offset + 12);
    return scratch;
  }
}

const CACHE_SLOTS = 1024;

/** The first of equal routes whose way out is `oif` (0: any). */
function pick(head: Route | undefined, oif: number): Route | undefined {
  for (let route = head; route !== undefined; route = route.next) {
    if (oif === 0 || route.oif.index === oif) return route;
  }
  return undefined;
}

/** Longest first; at equal length local and broadcast before the rest (table local), then by metric. */
function preference(a: Route, b: Route): number {
  return b.length - a.length || rank(a) - rank(b) || a.metric - b.metric;
}

function rank(route: Route): number {
  return route.kind === 'local' || route.kind === 'broadcast' ? 0 : 1;
}

/** Links equal prefixes of a sorted list; returns the heads. */
function chain(routes: Route[]): Route[] {
  const last = new Map<string, Route>();
  const heads: Route[] = [];
  for (const route of routes) {
    const key = `${route.length}/${route.words.join(',')}`;
    const before = last.get(key);
    if (before === undefined) heads.push(route);
    else before.next = route;
    last.set(key, route);
  }
  return heads;
}

function addressRoutes(interfaces: Interfaces, dev: Interface, out: Route[]): void {
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
  extra: Partial<Pick<Route, 'gateway4' | 'gateway6' | 'mtu' | 'metric' | 'source4' | 'anycast'>>,
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
    next: undefined,
  };
}

function staticRoute(row: RouteSpec, path: string, interfaces: Interfaces, connected: Route[]): Route {
  const prefix = parsePrefix(row.dst);
  if (prefix === undefined) throw new ConfigError('router', `${path}.dst`, `"${row.dst}" is not a prefix`);
  const net = masked(words(prefix.address), prefix.length);
  const six = net.length === 4;
  const metric = row.metric ?? (six ? 1024 : 0);
  if (row.type !== 'unicast') return makeRoute(row.type, net, prefix.length, interfaces.loopback, { metric });
  const gateway = row.via === undefined ? undefined : gatewayWords(row.via, `${path}.via`, net.length);
  const dev = row.dev === undefined ? deviceTo(gateway, row, path, connected) : interfaces.byName(row.dev);
  if (dev === undefined) throw new ConfigError('router', `${path}.dev`, `no interface is called "${row.dev}"`);
  const mtu = row.mtu ?? 0;
  return six
    ? makeRoute(
        'unicast',
        net,
        prefix.length,
        dev,
        gateway === undefined ? { metric, mtu } : { gateway6: gateway, metric, mtu },
      )
    : makeRoute('unicast', net, prefix.length, dev, { gateway4: gateway?.[0] ?? 0, metric, mtu });
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
