// What ip_route_input and ip6_route_input look up (net/ipv4/fib_frontend.c, fib_rules.c, route.c; net/ipv6/route.c,
// fib6_rules.c): routing tables, the policy rules that choose among them, and the next hop of multipath routes. Without
// rules of the user's the tables local and main are one, as in the kernel (fib_unmerge).
import { be32 } from '../base/columns.ts';
import type { Packet } from '../packet/packet.ts';
import { FlowKey } from './flow-key.ts';
import type { Interface, Interfaces } from './interfaces.ts';
import { type HashPolicy, multipathHash4, multipathHash6, selectNexthop } from './multipath.ts';
import { makeRules, matches4, matches6, type PolicyRule, TABLE_LOCAL, TABLE_MAIN } from './policy-rules.ts';
import { addressRoutes, type Route, type RouteKind, staticRoute } from './route.ts';
import { RoutingTable } from './routing-table.ts';
import * as source from './source-address.ts';
import type { RouterSpec } from './spec.ts';
import { sysctlNumber } from './sysctl.ts';

export type { Route, RouteKind } from './route.ts';

/** Routes of both families. Lookups allocate nothing and return shared objects. */
export class Fib {
  readonly interfaces: Interfaces;
  /** All routes, most preferred first among equals; for listings and for the reference lookup of the tests. */
  readonly routes4: Route[];
  readonly routes6: Route[];
  /** Whether anything looks at more than the destination: policy rules or multipath routes. */
  readonly usesKey: boolean;
  /** fib4_has_custom_rules. */
  readonly hasRules: boolean;
  readonly #all4: RoutingTable;
  readonly #all6: RoutingTable;
  /** By family: undefined without policy rules. */
  readonly #rules4: PolicyRule[] | undefined;
  readonly #rules6: PolicyRule[] | undefined;
  readonly #tables4 = new Map<number, RoutingTable>();
  readonly #tables6 = new Map<number, RoutingTable>();
  readonly #policy: HashPolicy;
  readonly #policy6: HashPolicy;
  readonly #loopback: number;
  readonly #rejecting: { blackhole: Route; prohibit: Route };
  readonly #key = new FlowKey();
  readonly #blank = new FlowKey();
  readonly #scratch = new Uint32Array(4);
  /** Last destinations looked up without oif, direct mapped: [slot] → address, route. */
  readonly #cacheKeys = new Int32Array(CACHE_SLOTS);
  readonly #cacheRoutes: (Route | undefined)[] = new Array(CACHE_SLOTS).fill(undefined);
  readonly #cacheValid = new Uint8Array(CACHE_SLOTS);

  /** Throws ConfigError for a route or rule that the kernel would refuse. */
  constructor(spec: RouterSpec, interfaces: Interfaces) {
    this.interfaces = interfaces;
    this.#loopback = interfaces.loopback.index;
    const routes: Route[] = [];
    for (const dev of interfaces.list) if (dev.name !== '') addressRoutes(interfaces, dev, routes);
    const connected = [...routes];
    spec.routes.forEach((row, i) => {
      routes.push(staticRoute(row, `routes[${i}]`, interfaces, connected));
    });
    const of4 = routes.filter((route) => route.words.length === 1);
    const of6 = routes.filter((route) => route.words.length === 4);
    const rules = spec.rules ?? [];
    this.#rules4 = rules.length === 0 ? undefined : makeRules(rules, 4, interfaces);
    this.#rules6 = rules.length === 0 ? undefined : makeRules(rules, 6, interfaces);
    this.#all4 = new RoutingTable(1, this.#rules4 === undefined ? of4.filter(isDefaultTable) : of4);
    this.#all6 = new RoutingTable(4, this.#rules6 === undefined ? of6.filter(isDefaultTable) : of6);
    this.routes4 = this.#all4.routes;
    this.routes6 = this.#all6.routes;
    for (const route of of4) {
      for (const way of [route, ...route.nexthops]) {
        if (way.source4 === 0) way.source4 = this.sourceAddress4(way.oif, way.gateway4);
      }
    }
    if (this.#rules4 !== undefined) byTable(of4, 1, this.#tables4);
    if (this.#rules6 !== undefined) byTable(of6, 4, this.#tables6);
    this.hasRules = rules.length > 0;
    this.usesKey = rules.length > 0 || routes.some((route) => route.nexthops.length > 0);
    this.#policy = hashPolicy(spec, 'ipv4');
    this.#policy6 = hashPolicy(spec, 'ipv6');
    const reject = (type: 'blackhole' | 'prohibit'): Route =>
      staticRoute({ dst: '0.0.0.0/0', type }, 'rules', interfaces, connected);
    this.#rejecting = { blackhole: reject('blackhole'), prohibit: reject('prohibit') };
  }

  /** What rules and multipath routes look at of a packet; undefined when there are none. Valid until the next call. */
  keyOf(packet: Packet): FlowKey | undefined {
    return this.usesKey ? this.#key.ofPacket(packet, this.#loopback) : undefined;
  }

  /** The key that the router itself asks with about one of a packet's addresses: `isBack`: about its source. */
  keyAsked(packet: Packet, mark: number, isBack: boolean): FlowKey | undefined {
    return this.usesKey ? this.#key.asked(packet, mark, this.#loopback, isBack) : undefined;
  }

  /**
   * The route to an IPv4 address (32 bits, signed or not: signed ones are never boxed); `oif` 0: any way out. `key` is
   * what keyOf() said; without it the router itself asks, with `mark`.
   */
  lookup4(daddr: number, mark: number, oif: number, key?: FlowKey): Route | undefined {
    if (this.usesKey) return this.#byRules4(daddr, oif, key ?? this.#blank.reset(mark, this.#loopback));
    if (oif !== 0) return this.#all4.find4(daddr, oif);
    const slot = (Math.imul(daddr, 0x9e3779b1) >>> 22) & (CACHE_SLOTS - 1);
    if (this.#cacheKeys[slot] === (daddr | 0) && this.#cacheValid[slot] === 1) return this.#cacheRoutes[slot];
    const route = this.#all4.find4(daddr, 0);
    this.#cacheKeys[slot] = daddr;
    this.#cacheRoutes[slot] = route;
    this.#cacheValid[slot] = 1;
    return route;
  }

  /** The route to an IPv6 address, four words from `offset`. */
  lookup6(address: Uint32Array, offset: number, mark: number, oif: number, key?: FlowKey): Route | undefined {
    if (!this.usesKey) return this.#all6.find6(address, offset, oif);
    return this.#byRules6(address, offset, oif, key ?? this.#blank.reset(mark, this.#loopback));
  }

  /** The route to an IPv6 address whose 16 octets stand in a packet. */
  lookup6At(data: Uint8Array, offset: number, mark: number, oif: number, key?: FlowKey): Route | undefined {
    return this.lookup6(this.#load(data, offset), 0, mark, oif, key);
  }

  /** fib_rules_lookup for IPv4. A rule's `unreachable` is ENETUNREACH: what no route is. */
  #byRules4(daddr: number, oif: number, key: FlowKey): Route | undefined {
    const rules = this.#rules4;
    if (rules === undefined) return this.#select4(this.#all4.find4(daddr, oif), daddr, oif, key);
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i];
      if (rule === undefined || !matches4(rule, key, daddr, oif)) continue;
      if (rule.action === 'lookup') {
        const route = this.#tables4.get(rule.table)?.find4(daddr, oif);
        if (route === undefined) continue;
        // fib4_rule_suppress: routes that are errors are not asked; IPv6 asks them as well.
        if (route.length <= rule.suppressPrefixLength && !isError(route)) continue;
        return this.#select4(route, daddr, oif, key);
      }
      if (rule.action === 'goto') i = rule.target < 0 ? i : rule.target - 1;
      else if (rule.action !== 'nop') return this.#refusal(rule.action);
    }
    return undefined;
  }

  #byRules6(address: Uint32Array, offset: number, oif: number, key: FlowKey): Route | undefined {
    const rules = this.#rules6;
    if (rules === undefined) return this.#select6(this.#all6.find6(address, offset, oif), address, offset, oif, key);
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i];
      if (rule === undefined || !matches6(rule, key, address, offset, oif)) continue;
      if (rule.action === 'lookup') {
        const route = this.#tables6.get(rule.table)?.find6(address, offset, oif);
        if (route === undefined || route.length <= rule.suppressPrefixLength) continue;
        return this.#select6(route, address, offset, oif, key);
      }
      if (rule.action === 'goto') i = rule.target < 0 ? i : rule.target - 1;
      else if (rule.action !== 'nop') return this.#refusal(rule.action);
    }
    return undefined;
  }

  #refusal(action: 'blackhole' | 'unreachable' | 'prohibit'): Route | undefined {
    return action === 'unreachable' ? undefined : this.#rejecting[action];
  }

  /** fib_select_path: a lookup that is bound to a way out has chosen already. */
  #select4(route: Route | undefined, daddr: number, oif: number, key: FlowKey): Route | undefined {
    if (route === undefined || oif !== 0 || route.nexthops.length === 0) return route;
    return route.nexthops[selectNexthop(route.bounds, multipathHash4(key, daddr, this.#policy))];
  }

  /** fib6_select_path. */
  #select6(
    route: Route | undefined,
    address: Uint32Array,
    offset: number,
    oif: number,
    key: FlowKey,
  ): Route | undefined {
    if (route === undefined || oif !== 0 || route.nexthops.length === 0) return route;
    return route.nexthops[selectNexthop(route.bounds, multipathHash6(key, address, offset, this.#policy6))];
  }

  /** inet_addr_type: what kind of address this is to the router ('unicast' also when there is no route). */
  addressType4(address: number): RouteKind {
    if (address === 0 || address === 0xffffffff) return 'broadcast';
    if (address >>> 28 === 14) return 'multicast';
    return this.local4(address)?.kind ?? 'unicast';
  }

  /** The local or broadcast route to an IPv4 address, if it has one: a look into table local. */
  local4(address: number): Route | undefined {
    const own = this.#rules4 === undefined ? this.#all4 : this.#tables4.get(TABLE_LOCAL);
    const route = own?.find4(address, 0);
    return route !== undefined && (route.kind === 'local' || route.kind === 'broadcast') ? route : undefined;
  }

  /** The same for an IPv6 address of four words: 'local', 'multicast' or 'unicast'. */
  addressType6(address: Uint32Array, offset: number): RouteKind {
    if ((address[offset] as number) >>> 24 === 0xff) return 'multicast';
    return this.lookup6(address, offset, 0, 0)?.kind === 'local' ? 'local' : 'unicast';
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

function isDefaultTable(route: Route): boolean {
  return route.table === TABLE_MAIN || route.table === TABLE_LOCAL;
}

function isError(route: Route): boolean {
  return route.kind === 'blackhole' || route.kind === 'unreachable' || route.kind === 'prohibit';
}

function byTable(routes: Route[], wordCount: 1 | 4, out: Map<number, RoutingTable>): void {
  for (const id of new Set(routes.map((route) => route.table))) {
    const own = routes.filter((route) => route.table === id);
    for (const route of own) route.next = undefined;
    out.set(id, new RoutingTable(wordCount, own));
  }
}

function hashPolicy(spec: RouterSpec, family: 'ipv4' | 'ipv6'): HashPolicy {
  return sysctlNumber(spec.sysctl, `net.${family}.fib_multipath_hash_policy`, 0) === 1 ? 1 : 0;
}
