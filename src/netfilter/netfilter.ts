// Netfilter of one router: all hooks with their entries, built from a ruleset (nf_tables_api.c registers chains and
// flowtables; nf_conntrack_proto.c, nf_defrag_ipv4.c and nf_nat_core.c what the ruleset needs beside them).
//
// The datapath calls it where the kernel has NF_HOOK. Verdicts: accept, drop (packet.reason set), stolen.
// Events: hook, ingress-hook, egress-hook, and those of the entries.
import { DOUBLE_ZERO } from '../base/columns.ts';
import { NftreplayError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { Chain, Ruleset, RulesetState, Table } from '../bytecode/ruleset.ts';
import { sameFlowtable, withElements } from '../bytecode/swap.ts';
import type { Recorder } from '../event/recorder.ts';
import { type EventNames, eventKind, HOOK_NAMES } from '../event/vocabulary.ts';
import type { Fib } from '../net/fib.ts';
import type { Interfaces } from '../net/interfaces.ts';
import type { Sysctl } from '../net/sysctl.ts';
import { sysctlNumber } from '../net/sysctl.ts';
import type { Packet } from '../packet/packet.ts';
import { bridgeConntrack } from './bridge-conntrack.ts';
import { type ChainInTable, type PreparedTable, prepareRuleset } from './chains.ts';
import { ConntrackTable } from './conntrack/table.ts';
import { Conntrack } from './conntrack/track.ts';
import { Defrag } from './defrag/defrag.ts';
import { BaseChains } from './evaluate/base-chains.ts';
import {
  HOOK_EGRESS,
  HOOK_INGRESS,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  PF_ARP,
  PF_BRIDGE,
  PF_IPV4,
  PF_IPV6,
  PF_NETDEV,
} from './evaluate/evaluation.ts';
import { HeldConnections } from './evaluate/held-connections.ts';
import { helperSetup } from './evaluate/helper-setup.ts';
import { nameWords } from './evaluate/meta.ts';
import { conntrackNeed, readsAccounting } from './evaluate/needs.ts';
import type { Engine } from './evaluate/prepared.ts';
import { refuseSharedDevices } from './flowtable/devices.ts';
import { Flowtable, type OffloadMode } from './flowtable/flowtable.ts';
import type { HardwareModel } from './flowtable/hardware.ts';
import {
  HookEntries,
  PRIORITY_CONFIRM,
  PRIORITY_CONNTRACK,
  PRIORITY_DEFRAG,
  PRIORITY_NAT_DST,
  PRIORITY_NAT_SRC,
} from './hooks.ts';
import { Nat } from './nat/nat.ts';
import type { RouterServices } from './services.ts';
import type { RuntimeSet } from './sets/runtime-set.ts';
import { eventNames } from './shape.ts';
import { rulesetState } from './state.ts';
import type { Tracer } from './tracer.ts';
import { NF_ACCEPT, NF_STOLEN } from './verdict.ts';

const HOOK = eventKind('hook');
const INGRESS = eventKind('ingress-hook');
const EGRESS = eventKind('egress-hook');
/** Families by NFPROTO_*: room for the highest, ip6. */
const FAMILIES = PF_IPV6 + 1;
/** nf_conntrack_max of a machine with 4 GiB or more. */
const CONNTRACK_MAX = 262144;

export interface NetfilterOptions {
  ruleset: Ruleset;
  interfaces: Interfaces;
  fib: Fib;
  sysctl: Sysctl;
  recorder: Recorder;
  services: RouterServices;
  seed: number;
  /** Wall clock of packet.timeNs = 0, nanoseconds since 1970. */
  epochNs: bigint;
  offload: OffloadMode;
  /** The engine behind `flags offload`; absent: a common one. */
  hardware?: HardwareModel | undefined;
  /** A connection whose first packet was dropped stays known, as if it had been known before the ruleset was loaded. */
  keepDropped?: boolean;
  /** Lookups count the elements that they find. */
  countsElements?: boolean;
  /** Expressions count what decides their price (names' work). */
  countsWork?: boolean;
  /** Watches what happens to packets. */
  tracer?: Tracer | undefined;
}

export class Netfilter {
  readonly conntrack: Conntrack;
  readonly nat: Nat;
  readonly defrag: Defrag;
  /** In the order of the ruleset: index = argument of flowtable events. */
  readonly flowtables: Flowtable[] = [];
  /** Families whose hooks track connections. */
  readonly tracked = { ip: false, ip6: false };
  /** Packets that `log` statements would have written about. */
  readonly notes = { logged: 0 };
  /** Names behind conntrack.table.helper. */
  readonly helperNames: string[] = [];
  /** Called before a connection's columns are used again (after flowtables have let go of it). */
  onDestroy: ((entry: number) => void) | undefined = undefined;
  /** What expressions are prepared with (match.ts). */
  readonly engine: Engine;
  readonly #interfaces: Interfaces;
  readonly #recorder: Recorder;
  #tables: PreparedTable[];
  /** Tables of rulesets that were swapped out: events of before still name their rules. */
  readonly #formerTables: PreparedTable[] = [];
  /** By index. */
  readonly #flowtableNames: string[] = [];
  readonly #options: NetfilterOptions;
  readonly #chains: BaseChains;
  /** [family * hooks + hook]. */
  readonly #hooks: HookEntries[];
  readonly #natChains: HookEntries[];
  /** By ifindex. */
  readonly #ingress: HookEntries[];
  readonly #egress: HookEntries[];
  readonly #held: HeldConnections;
  #tracksBridges = false;
  /** Sets whose elements expire. */
  #collected: RuntimeSet[];
  #nowNs = DOUBLE_ZERO;

  /** Throws what the kernel would refuse to load: loops of jumps, devices that are not there, unknown names. */
  constructor(options: NetfilterOptions) {
    const { ruleset, interfaces, fib, recorder, services, seed, epochNs } = options;
    const sysctl = withAccounting(options.sysctl, ruleset);
    this.#options = { ...options, sysctl };
    this.#interfaces = interfaces;
    this.#recorder = recorder;
    this.#chains = new BaseChains(recorder, services, options.tracer);
    const lists = (count: number) => Array.from({ length: count }, () => new HookEntries());
    this.#hooks = lists(FAMILIES * HOOK_NAMES.length);
    this.#natChains = lists(FAMILIES * HOOK_NAMES.length);
    this.#ingress = lists(interfaces.list.length);
    this.#egress = lists(interfaces.list.length);
    const maximum = sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_max', CONNTRACK_MAX);
    const table = new ConntrackTable(maximum, seed, sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_buckets', 0));
    this.conntrack = new Conntrack({ table, sysctl, recorder });
    this.#held = new HeldConnections(table, options.keepDropped ?? false);
    this.nat = new Nat({ conntrack: this.conntrack, interfaces, fib, recorder, services, seed });
    const zoneOf = (packet: Packet) => this.conntrack.zoneOf(packet);
    this.defrag = new Defrag({ sysctl, recorder, fib, services, zoneOf });
    const flowtables = this.#makeFlowtables(ruleset, () => undefined);
    table.onDestroy = (entry) => {
      for (let i = 0; i < this.flowtables.length; i++) this.flowtables[i]?.forget(entry);
      this.onDestroy?.(entry);
    };
    const engine: Engine = {
      interfaces,
      interfaceNames: nameWords(interfaces.list.map((one) => one.name)),
      fib,
      services,
      random: new Random(seed),
      epochSeconds: Number(epochNs / 1_000_000_000n),
      epochNanoseconds: Number(epochNs % 1_000_000_000n),
      conntrack: table,
      nat: this.nat,
      helpers: helperSetup(this.conntrack, this.helperNames),
      notes: this.notes,
      countsElements: options.countsElements ?? false,
      countsWork: options.countsWork ?? false,
      recorder,
    };
    this.engine = engine;
    this.#tables = prepareRuleset(ruleset, engine, recorder, (one, name) => flowtables.get(one)?.get(name));
    this.#collected = this.#tables.flatMap((row) => row.sets.filter((set) => set.isCollected));
    for (const prepared of this.#tables) this.#registerTable(prepared, flowtables.get(prepared.definition));
    if (options.tracer !== undefined) this.#watch(options.tracer);
  }

  /**
   * Another ruleset takes the place of this one, now, as a transaction of nft does: connections stay; a flowtable and what
   * rules put into sets stay when `keeps` and the new ruleset has the same ones. Interfaces must be numbered alike. Rules
   * and chains are numbered on, so that events tell the two rulesets' apart.
   * SIMPLIFIED: swap-state: counters, limits and quotas begin anew, those of rules that stay too.
   */
  swap(given: Ruleset, keeps: boolean): void {
    const old = this.#options.ruleset;
    const ruleset = keeps ? withElements(given, old, this.state()) : given;
    const before = this.#tables;
    const kept = (table: Table, spec: Table['flowtables'][number]): Flowtable | undefined => {
      const there = keeps ? sameFlowtable(old, table, spec) : undefined;
      return there === undefined ? undefined : this.#flowtableNamed(table, there.name);
    };
    const flowtables = this.#makeFlowtables(ruleset, kept);
    const staying = new Set([...flowtables.values()].flatMap((byName) => [...byName.values()]));
    for (const flowtable of this.flowtables) if (!staying.has(flowtable)) flowtable.destroy(this.#nowNs);
    this.#formerTables.push(...before);
    const start = {
      chain: this.#formerTables.reduce((sum, row) => sum + row.chains.length, 0),
      rule: this.#formerTables.reduce(
        (sum, row) => sum + row.chains.reduce((n, chain) => n + chain.expressions.length, 0),
        0,
      ),
      nowNs: this.#nowNs,
    };
    this.#tables = prepareRuleset(
      ruleset,
      this.engine,
      this.#recorder,
      (one, name) => flowtables.get(one)?.get(name),
      start,
    );
    this.#collected = this.#tables.flatMap((row) => row.sets.filter((set) => set.isCollected));
    for (const lists of [this.#hooks, this.#natChains, this.#ingress, this.#egress]) {
      for (const { entries } of lists) entries.length = 0;
    }
    this.tracked.ip = false;
    this.tracked.ip6 = false;
    this.#tracksBridges = false;
    for (const prepared of this.#tables) this.#registerTable(prepared, flowtables.get(prepared.definition));
    this.#options.ruleset = ruleset;
    if (this.#options.tracer !== undefined) this.#watch(this.#options.tracer);
  }

  /** Runs a hook (index of HOOK_NAMES) of a family (NFPROTO_*). */
  run(hook: number, family: number, packet: Packet): number {
    const entries = this.#hooks[family * HOOK_NAMES.length + hook] as HookEntries;
    if (entries.isEmpty) return NF_ACCEPT;
    this.#recorder.event(HOOK, hook);
    return entries.run(packet);
  }

  /** nf_hook_ingress of packet.iif. Uses: etherType, network and, for IP, what decodeNetwork sets. */
  runIngress(packet: Packet): number {
    const entries = this.#ingress[packet.iif] as HookEntries;
    if (entries.isEmpty) return NF_ACCEPT;
    this.#recorder.event(INGRESS, packet.iif);
    return entries.run(packet);
  }

  /** nf_hook_egress of packet.oif. */
  runEgress(packet: Packet): number {
    const entries = this.#egress[packet.oif] as HookEntries;
    if (entries.isEmpty) return NF_ACCEPT;
    this.#recorder.event(EGRESS, packet.oif);
    return entries.run(packet);
  }

  hasIngress(ifindex: number): boolean {
    return this.#ingress[ifindex]?.isEmpty === false;
  }

  hasEgress(ifindex: number): boolean {
    return this.#egress[ifindex]?.isEmpty === false;
  }

  /**
   * Everything that time brings: flows and connections age, fragments and set elements expire. To be called before each
   * packet that enters the router: it also lets go of connections that the one before left unconfirmed.
   */
  advance(nowNs: number): void {
    this.#held.releaseAll();
    if (nowNs <= this.#nowNs) return;
    this.#nowNs = nowNs;
    for (let i = 0; i < this.flowtables.length; i++) this.flowtables[i]?.advance(nowNs);
    if (this.tracked.ip || this.tracked.ip6) {
      this.defrag.advance(nowNs);
      this.conntrack.advance(nowNs);
    }
    for (let i = 0; i < this.#collected.length; i++) this.#collected[i]?.collect(nowNs);
  }

  /** What the replay has changed so far in the ruleset. */
  state(): RulesetState {
    return rulesetState(this.#tables, this.#nowNs);
  }

  /** Names behind the arguments of events. */
  names(): EventNames {
    return eventNames([...this.#formerTables, ...this.#tables], this.#interfaces, this.#flowtableNames);
  }

  /** Names of the entries of a hook in the order in which they run. */
  listHook(hook: number, family: number): string[] {
    return (this.#hooks[family * HOOK_NAMES.length + hook] as HookEntries).entries.map((entry) => entry.name);
  }

  /** The newest flowtable of a name. */
  #flowtableNamed(table: Table, name: string): Flowtable | undefined {
    const index = this.#flowtableNames.lastIndexOf(`${table.family} ${table.name} ${name}`);
    return this.flowtables[index];
  }

  /** Those of a ruleset; `kept` says which are there already. */
  #makeFlowtables(
    ruleset: Ruleset,
    kept: (table: Table, spec: Table['flowtables'][number]) => Flowtable | undefined,
  ): Map<Table, Map<string, Flowtable>> {
    const byTable = new Map<Table, Map<string, Flowtable>>();
    const { interfaces, fib, sysctl, recorder, services, offload: mode, hardware } = this.#options;
    const { table } = this.conntrack;
    for (const one of ruleset.tables) {
      const byName = new Map<string, Flowtable>();
      refuseSharedDevices(one);
      for (const spec of one.flowtables) {
        const there = kept(one, spec);
        if (there !== undefined) {
          byName.set(spec.name, there);
          continue;
        }
        const index = this.flowtables.length;
        this.#flowtableNames.push(`${one.family} ${one.name} ${spec.name}`);
        const shared = { table, sysctl, recorder, interfaces, fib, services, hardware };
        const flowtable = new Flowtable({ spec, family: one.family, index, mode, ...shared });
        this.flowtables.push(flowtable);
        byName.set(spec.name, flowtable);
      }
      byTable.set(one, byName);
    }
    return byTable;
  }

  /** In the order in which `nft -f` sends a table: chains, flowtables, then rules, which bring conntrack. */
  #registerTable(prepared: PreparedTable, flowtables: Map<string, Flowtable> | undefined): void {
    const { definition } = prepared;
    if (!definition.flags.includes('dormant')) {
      for (const row of prepared.chains) this.#registerChain(definition, row);
    }
    for (const flowtable of flowtables?.values() ?? []) {
      const entry = { priority: flowtable.priority, name: flowtable.name, run: flowtable.hit.bind(flowtable) };
      this.#ingress.forEach((entries, ifindex) => {
        if (flowtable.handles(ifindex)) entries.register(entry);
      });
    }
    const need = conntrackNeed(definition);
    if (need.ip && !this.tracked.ip) this.#registerConntrack(PF_IPV4);
    if (need.ip6 && !this.tracked.ip6) this.#registerConntrack(PF_IPV6);
    if (need.bridge && !this.#tracksBridges) this.#registerBridgeConntrack();
    this.tracked.ip ||= need.ip;
    this.tracked.ip6 ||= need.ip6;
  }

  #registerChain(table: Table, row: ChainInTable): void {
    const { definition, chain } = row;
    const { base } = definition;
    if (base === undefined) return;
    const hook = HOOK_NAMES.indexOf(base.hook);
    const name = `${table.family} ${table.name} ${definition.name}`;
    if (hook === HOOK_INGRESS || hook === HOOK_EGRESS) {
      const run =
        table.family === 'inet' ? this.#chains.inetIngress(chain, hook) : this.#chains.link(chain, hook, PF_NETDEV);
      const lists = hook === HOOK_INGRESS ? this.#ingress : this.#egress;
      for (const ifindex of this.#devices(base.devices, name, definition)) {
        lists[ifindex]?.register({ priority: base.priority, name, run });
      }
      return;
    }
    for (const pf of familiesOf(table)) {
      const isInet = pf === PF_IPV4 || pf === PF_IPV6;
      const at = pf * HOOK_NAMES.length + hook;
      if (base.type === 'nat') {
        this.#registerNat(pf);
        this.#natChains[at]?.register({ priority: base.priority, name, run: this.#chains.inet(chain, hook, pf) });
        continue;
      }
      const run = !isInet
        ? endingAtBroute(this.#chains.link(chain, hook, pf))
        : base.type === 'route'
          ? this.#chains.route(chain, hook, pf)
          : this.#chains.inet(chain, hook, pf);
      this.#hooks[at]?.register({ priority: base.priority, name, run });
    }
  }

  /** Tells a tracer when built-in entries begin and end; base chains tell it themselves. */
  #watch(tracer: Tracer): void {
    const watch = ({ entries }: HookEntries, hook: number): void => {
      entries.forEach((entry, i) => {
        // Names of base chains have blanks: 'inet fw4 forward'.
        if (entry.name.includes(' ')) return;
        const run = (packet: Packet): number => {
          if (!tracer.isActive) return entry.run(packet);
          tracer.enter(hook, entry.name, packet);
          const verdict = entry.run(packet);
          tracer.leave(hook, entry.name, packet, verdict);
          return verdict;
        };
        entries[i] = { ...entry, run };
      });
    };
    this.#hooks.forEach((entries, i) => {
      watch(entries, i % HOOK_NAMES.length);
    });
    for (const entries of this.#ingress) watch(entries, HOOK_INGRESS);
    this.conntrack.onJudge = (entry, direction) => {
      if (tracer.isActive) tracer.judge(entry, direction);
    };
  }

  #devices(names: string[], chain: string, definition: Chain): number[] {
    return names.map((name) => {
      const device = this.#interfaces.byName(name);
      if (device !== undefined) return device.index;
      const { location } = definition;
      const place = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `;
      throw new NftreplayError('ruleset', `${place}chain "${chain}" hooks device "${name}", which the router has not`);
    });
  }

  /** nf_ct_netns_do_get: conntrack's hooks of a family, defragmentation with them. */
  #registerConntrack(pf: number): void {
    const at = pf * HOOK_NAMES.length;
    for (const hook of [HOOK_PREROUTING, HOOK_OUTPUT]) {
      const gather = (packet: Packet) => this.defrag.gather(packet, hook);
      const track = (packet: Packet) => {
        const verdict = this.conntrack.in(packet, hook);
        if (packet.ct >= 0) this.#held.add(packet.ct);
        return verdict;
      };
      this.#hooks[at + hook]?.register({ priority: PRIORITY_DEFRAG, name: 'defrag', run: gather });
      this.#hooks[at + hook]?.register({ priority: PRIORITY_CONNTRACK, name: 'conntrack', run: track });
    }
    for (const hook of [HOOK_POSTROUTING, HOOK_INPUT]) {
      const run = (packet: Packet) => this.conntrack.confirm(packet);
      this.#hooks[at + hook]?.register({ priority: PRIORITY_CONFIRM, name: 'confirm', run });
    }
  }

  /** The bridge family's own hooks of conntrack. */
  #registerBridgeConntrack(): void {
    this.#tracksBridges = true;
    for (const { hook, ...entry } of bridgeConntrack(this.conntrack, this.defrag, this.#held)) {
      this.#hooks[PF_BRIDGE * HOOK_NAMES.length + hook]?.register(entry);
    }
  }

  /** nf_nat_register_fn: the first nat chain of a family brings the nat hook at all four places. */
  #registerNat(pf: number): void {
    const at = pf * HOOK_NAMES.length;
    if (this.#hooks[at + HOOK_PREROUTING]?.entries.some((entry) => entry.name === 'nat')) return;
    for (const hook of [HOOK_PREROUTING, HOOK_POSTROUTING, HOOK_OUTPUT, HOOK_INPUT]) {
      const isDestination = hook === HOOK_PREROUTING || hook === HOOK_OUTPUT;
      const priority = isDestination ? PRIORITY_NAT_DST : PRIORITY_NAT_SRC;
      const { entries } = this.#natChains[at + hook] as HookEntries;
      const runChains = (packet: Packet): number => {
        for (let i = 0; i < entries.length; i++) {
          const verdict = entries[i]?.run(packet) ?? NF_ACCEPT;
          if (verdict !== NF_ACCEPT || this.nat.isInitialized(packet.ct, hook)) return verdict;
        }
        return NF_ACCEPT;
      };
      const run = (packet: Packet) => this.nat.hook(packet, hook, runChains);
      this.#hooks[at + hook]?.register({ priority, name: 'nat', run });
    }
  }
}

/** nf_hook_bridge_pre: a frame that a chain leaves to its port meets no other chain of the bridge. */
function endingAtBroute(run: (packet: Packet) => number): (packet: Packet) => number {
  return (packet) => {
    const verdict = run(packet);
    return verdict === NF_ACCEPT && packet.isBrouted ? NF_STOLEN : verdict;
  };
}

/** The sysctls as loading the ruleset leaves them. */
function withAccounting(sysctl: Sysctl, ruleset: Ruleset): Sysctl {
  return readsAccounting(ruleset) ? { ...sysctl, 'net.netfilter.nf_conntrack_acct': 1 } : sysctl;
}

/** Families at whose hooks a table's chains run: inet at both of IP (nf_register_net_hook). */
function familiesOf(table: Table): number[] {
  switch (table.family) {
    case 'inet':
      return [PF_IPV4, PF_IPV6];
    case 'ip':
      return [PF_IPV4];
    case 'ip6':
      return [PF_IPV6];
    case 'arp':
      return [PF_ARP];
    case 'bridge':
      return [PF_BRIDGE];
    default:
      return [];
  }
}
