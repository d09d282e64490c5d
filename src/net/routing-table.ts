// One routing table of one family: longest prefix, of equal prefixes the lowest metric, possibly bound to a way out
// (net/ipv4/fib_trie.c fib_table_lookup, net/ipv6/ip6_fib.c).
import { PrefixTable } from './prefix-table.ts';
import type { Route } from './route.ts';

const REFUSALS: ReadonlySet<Route['kind']> = new Set(['blackhole', 'unreachable', 'prohibit', 'throw']);

/** Lookups allocate nothing and return shared objects. */
export class RoutingTable {
  /** Most preferred first among equals; for listings and for the reference lookup of the tests. */
  readonly routes: Route[];
  readonly #heads: Route[];
  readonly #prefixes: PrefixTable;

  constructor(wordCount: 1 | 4, routes: Route[]) {
    this.routes = [...routes].sort(preference);
    this.#heads = chain(this.routes);
    this.#prefixes = new PrefixTable(wordCount, this.#heads);
  }

  /** Undefined: none, or a `throw` route. `oif` 0: any way out. */
  find4(daddr: number, oif: number): Route | undefined {
    const prefixes = this.#prefixes;
    for (let index = prefixes.match4(daddr); index >= 0; index = prefixes.next4(daddr)) {
      const route = pick(this.#heads[index], oif, true);
      if (route !== undefined) return route.kind === 'throw' ? undefined : route;
    }
    return undefined;
  }

  /** The same for IPv6, the address's four words at `offset`. */
  find6(address: Uint32Array, offset: number, oif: number): Route | undefined {
    const prefixes = this.#prefixes;
    for (let i = prefixes.match6(address, offset); i >= 0; i = prefixes.next6(address, offset)) {
      const route = pick(this.#heads[i], oif, false);
      if (route !== undefined) return route.kind === 'throw' ? undefined : route;
    }
    return undefined;
  }
}

/**
 * The first of equal routes whose way out is `oif` (0: any); of a multipath route the next hop there. IPv4 asks a route that
 * refuses for no way out: it ends the lookup.
 */
function pick(head: Route | undefined, oif: number, endsAtRefusal: boolean): Route | undefined {
  for (let route = head; route !== undefined; route = route.next) {
    if (oif === 0 || (endsAtRefusal && REFUSALS.has(route.kind))) return route;
    const { nexthops } = route;
    if (nexthops.length === 0 && route.oif.index === oif) return route;
    for (let i = 0; i < nexthops.length; i++) {
      const hop = nexthops[i];
      if (hop !== undefined && hop.oif.index === oif) return hop;
    }
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
