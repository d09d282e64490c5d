// A flowtable: connections that `flow add` put into it are forwarded at the ingress of its devices, past every other hook
// (net/netfilter/nf_flow_table_core.c, nf_flow_table_ip.c, nft_flow_offload.c, nf_flow_table_offload.c).
//
// Uses: the frame at ingress, packet.iif, packet.timeNs. Sets on a hit: what forward.ts says. Verdicts: accept (slow path),
// stolen (sent). Events: flow-lookup, flow-add, flow-teardown, and those of forward.ts.
import { f64, i32, u32 } from '../../base/columns.ts';
import type { Family, Flowtable as FlowtableSpec } from '../../bytecode/ruleset.ts';
import type { Recorder } from '../../event/recorder.ts';
import { refusalIndex } from '../../event/refusals.ts';
import { simplificationIndex } from '../../event/simplifications.ts';
import { eventKind } from '../../event/vocabulary.ts';
import type { Fib } from '../../net/fib.ts';
import type { Interfaces } from '../../net/interfaces.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import type { Packet } from '../../packet/packet.ts';
import { IPS_DST_NAT, IPS_DYING, IPS_OFFLOAD, IPS_SRC_NAT } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { Timeouts } from '../conntrack/timeouts.ts';
import { PROTOCOL_TCP, TUPLE_WORDS, tupleProtocol } from '../conntrack/tuple.ts';
import type { RouterServices } from '../services.ts';
import { NF_ACCEPT, NF_STOLEN } from '../verdict.ts';
import { Ageing, DAY_NS } from './ageing.ts';
import { Collector } from './collector.ts';
import { deviceIndex } from './devices.ts';
import * as F from './flow-rows.ts';
import { Forwarder } from './forward.ts';
import { DEFAULT_HARDWARE, Engine, type HardwareModel } from './hardware.ts';
import { IS_OFFLOADED, judgeOffload, MAY_OFFLOAD, refuseNoRoute } from './offload.ts';
import { FlowRoutes } from './route.ts';
import * as T from './tuple.ts';

const GSO_MTU = simplificationIndex('gso-mtu');
const HARDWARE_MODEL = simplificationIndex('hardware');

/** What `--offload` says: as the ruleset has it; no flowtable; never hardware; always hardware. */
export type OffloadMode = 'as-ruled' | 'off' | 'software' | 'hardware';

export interface FlowtableOptions {
  spec: FlowtableSpec;
  /** Of its table: ip, ip6 or inet. */
  family: Family;
  /** Number of the flowtable over the whole ruleset: argument of events. */
  index: number;
  mode: OffloadMode;
  table: ConntrackTable;
  sysctl: Sysctl;
  recorder: Recorder;
  interfaces: Interfaces;
  fib: Fib;
  services: RouterServices;
  hardware?: HardwareModel | undefined;
}

const FLOW_LOOKUP = eventKind('flow-lookup');
const FLOW_ADD = eventKind('flow-add');
const FLOW_TEARDOWN = eventKind('flow-teardown');

const OFFLOADED = refusalIndex('offloaded');
const NOT_A_DEVICE = refusalIndex('device-not-in-flowtable');
const FRAGMENT = refusalIndex('fragment');
const TTL = refusalIndex('ttl');
const MTU = refusalIndex('mtu');

const SECOND_NS = 1e9;
/** Torn-down flows kept for the collector beside two for each connection. */
const SPARE_ROWS = 4096;

/** One flowtable of the ruleset. */
export class Flowtable {
  readonly name: string;
  readonly priority: number;
  /** 1 at the ifindex of each device whose ingress it hooks. */
  readonly devices: Uint8Array;
  /** `flags offload`, or what the mode makes of it. */
  readonly isHardware: boolean;
  readonly #off: boolean;
  readonly #families: number;
  readonly #index: number;
  readonly #table: ConntrackTable;
  readonly #recorder: Recorder;
  readonly #routes: FlowRoutes;
  readonly #ageing: Ageing;
  readonly #engine: Engine;
  readonly #forwarder: Forwarder;
  readonly #collector: Collector;
  readonly #rows = new F.FlowRows();
  readonly #frame = new T.FrameTuple();

  /** Throws when the router has not a device that the flowtable names: the kernel refuses to load it. */
  constructor(options: FlowtableOptions) {
    const { spec, interfaces, table, sysctl, mode } = options;
    this.name = spec.name;
    this.priority = spec.priority;
    this.isHardware = mode === 'hardware' || (mode === 'as-ruled' && spec.offload);
    this.devices = new Uint8Array(interfaces.list.length);
    for (const name of spec.devices) this.devices[deviceIndex(spec, name, interfaces)] = 1;
    this.#off = mode === 'off';
    this.#families = T.serves(options.family);
    this.#index = options.index;
    this.#table = table;
    this.#recorder = options.recorder;
    this.#routes = new FlowRoutes(interfaces, options.fib, options.services, this.devices, this.isHardware);
    this.#ageing = new Ageing(table, new Timeouts(sysctl), sysctl);
    this.#engine = new Engine(this.#rows, interfaces.list, this.devices, options.hardware ?? DEFAULT_HARDWARE);
    const isCounting = spec.counter && sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_acct', 0) !== 0;
    this.#forwarder = new Forwarder(this.#rows, table, options.recorder, options.services, isCounting);
    this.#collector = new Collector(this.#rows, table, this.#ageing, this.#engine, this.isHardware, isCounting);
  }

  /** Flows in the table, torn-down ones that the collector has not met included. */
  get count(): number {
    return this.#rows.count;
  }

  /** Does it hook the ingress of this device? Never with mode 'off'. */
  handles(ifindex: number): boolean {
    return !this.#off && this.devices[ifindex] === 1;
  }

  /**
   * The ingress hook of packet.iif (nf_flow_offload_inet_hook). Stolen: the packet was forwarded and sent; accept: it
   * goes on to the slow path, as it was.
   */
  hit(packet: Packet): number {
    const frame = this.#frame;
    const outcome = frame.read(packet, this.#families);
    if (outcome === T.READ_NONE) return NF_ACCEPT;
    if (outcome === T.READ_SLOW || this.#rows.count === 0) return this.#miss();
    const hash = T.hashKey(frame.key, 0);
    if (this.isHardware && outcome === T.READ_TUPLE) {
      this.#collector.bind(packet.timeNs);
      const bound = this.#findBound(frame.key, hash);
      if (bound >= 0 && !T.isClosing(packet, frame) && !this.#exceedsMtu(packet, bound)) {
        this.#forwarder.inHardware(packet, frame, bound);
        return NF_STOLEN;
      }
    }
    const tuple = this.#rows.find(frame.key, hash, 0);
    if (tuple < 0) return this.#miss();
    const row = tuple >> 1;
    const entry = i32(this.#rows.entry, row);
    if ((u32(this.#rows.flags, row) & F.FLOW_TEARDOWN) !== 0) return this.#miss();
    if ((u32(this.#table.status, entry) & IPS_DYING) !== 0) return this.#miss();
    if (outcome === T.READ_TTL) return this.#miss(entry, TTL);
    if (this.#exceedsMtu(packet, tuple)) return this.#miss(entry, MTU);
    if (T.isClosing(packet, frame)) {
      this.#recorder.event(FLOW_TEARDOWN, 0);
      this.#collector.teardown(row, packet.timeNs);
      return this.#miss();
    }
    this.#refresh(row, entry, packet.timeNs);
    this.#forwarder.inSoftware(packet, frame, tuple);
    return NF_STOLEN;
  }

  /**
   * `flow add` (nft_flow_offload_eval) for a packet in the forward hook; `entry` is its connection or -1. False: NFT_BREAK,
   * the rest of the rule is skipped. With mode 'off' the statement does nothing and the rule goes on: as if it
   * were not written there.
   */
  add(packet: Packet, entry: number): boolean {
    if (this.#off) return true;
    const table = this.#table;
    const judged = judgeOffload(packet, table, entry);
    if (judged !== MAY_OFFLOAD) {
      if (judged === IS_OFFLOADED && entry >= 0) this.#noteSlow(packet, entry);
      return false;
    }
    const status = u32(table.status, entry);
    if (!this.#routes.find(packet, table, entry)) {
      refuseNoRoute(table, entry);
      return false;
    }
    if ((status & IPS_DYING) !== 0) return false;
    table.status[entry] = status | IPS_OFFLOAD;
    if (this.#rows.count > table.count * 2 + SPARE_ROWS) this.#collector.sweep();
    const row = this.#rows.alloc(entry);
    this.#rows.flags[row] =
      ((status & IPS_SRC_NAT) !== 0 ? F.FLOW_SNAT : 0) | ((status & IPS_DST_NAT) !== 0 ? F.FLOW_DNAT : 0);
    this.#fill(row, entry, 0);
    this.#fill(row, entry, 1);
    if (tupleProtocol(u32(this.#rows.keys, row * 2 * T.KEY_WORDS + T.KEY_PROTOCOL)) === PROTOCOL_TCP) {
      this.#ageing.beLiberal(entry);
    }
    this.#rows.expiresNs[row] = packet.timeNs + this.#ageing.flowTimeoutNs(entry);
    this.#rows.insert(row);
    table.refresh(entry, DAY_NS);
    if (this.isHardware) {
      this.#rows.flags[row] = u32(this.#rows.flags, row) | F.FLOW_HW;
      this.#engine.queue(row, packet.timeNs);
    }
    if (u32(table.offloadedAfter, entry) === 0) table.offloadedAfter[entry] = f64(table.seenPackets, entry);
    table.offloadRefusal[entry] = OFFLOADED;
    this.#recorder.event(FLOW_ADD, this.#index);
    if (this.isHardware) this.#recorder.simplified(HARDWARE_MODEL);
    return true;
  }

  /**
   * Runs the collector for each whole second up to `nowNs`. To be called before ConntrackTable.advance(): it extends
   * timeouts that would run out meanwhile.
   */
  advance(nowNs: number): void {
    this.#collector.advance(nowNs);
  }

  /** The flowtable is deleted (nf_flow_table_free): its flows are torn down and go, their connections take the slow path. */
  destroy(nowNs: number): void {
    for (let row = 0; row < this.#rows.bound; row++) {
      if (i32(this.#rows.entry, row) >= 0) this.#collector.teardown(row, nowNs);
    }
    this.#collector.sweep();
  }

  /** A connection's entry is about to be used again (ConntrackTable.onDestroy): its flows go. */
  forget(entry: number): void {
    for (let row = this.#rows.newestOf(entry); row >= 0; row = this.#rows.newestOf(entry)) {
      this.#engine.unbind(row);
      this.#rows.remove(row);
    }
  }

  /** The tuple that the engine knows: it compares a tag's number only (VLAN_VID_MASK), not its priority bits. */
  #findBound(key: Uint32Array, hash: number): number {
    const tuple = this.#rows.find(key, hash, F.FLOW_BOUND);
    const first = u32(key, T.KEY_ENCAP);
    const second = u32(key, T.KEY_ENCAP + 1);
    if (tuple >= 0 || (T.withoutPriority(first) === first && T.withoutPriority(second) === second)) return tuple;
    key[T.KEY_ENCAP] = T.withoutPriority(first);
    key[T.KEY_ENCAP + 1] = T.withoutPriority(second);
    const found = this.#rows.find(key, T.hashKey(key, 0), F.FLOW_BOUND);
    key[T.KEY_ENCAP] = first;
    key[T.KEY_ENCAP + 1] = second;
    return found;
  }

  /** The packet goes the slow way; a connection that never went another keeps the reason. */
  #miss(entry = -1, refusal = OFFLOADED): number {
    if (entry >= 0 && this.#isAlwaysSlow(entry)) this.#table.offloadRefusal[entry] = refusal;
    this.#recorder.event(FLOW_LOOKUP, this.#index);
    return NF_ACCEPT;
  }

  #isAlwaysSlow(entry: number): boolean {
    return f64(this.#table.fastPackets, entry) === 0 && f64(this.#table.hardwarePackets, entry) === 0;
  }

  /** A packet of an offloaded connection reached `flow add` again: why was it not fast? */
  #noteSlow(packet: Packet, entry: number): void {
    const row = this.#rows.newestOf(entry);
    if (row < 0 || !this.#isAlwaysSlow(entry)) return;
    if (packet.fragMaxSize > 0) {
      this.#table.offloadRefusal[entry] = FRAGMENT;
      return;
    }
    const iif = u32(this.#rows.keys, (row * 2 + packet.ctDirection) * T.KEY_WORDS + T.KEY_IIF);
    if (this.devices[iif] !== 1) this.#table.offloadRefusal[entry] = NOT_A_DEVICE;
  }

  /** Writes one direction of a flow: its tuple and its way out (flow_offload_fill_dir, flow_offload_fill_route). */
  #fill(row: number, entry: number, direction: number): void {
    const rows = this.#rows;
    const tuples = this.#table.tuples;
    const tuple = row * 2 + direction;
    const at = tuple * T.KEY_WORDS;
    const mine = (entry * 2 + direction) * TUPLE_WORDS;
    const other = (entry * 2 + (1 - direction)) * TUPLE_WORDS;
    for (let i = 0; i < 9; i++) rows.keys[at + i] = u32(tuples, mine + i);
    rows.keys[at + T.KEY_PROTOCOL] = u32(tuples, mine + 9) & 0xffff;
    // Frames of this direction enter where those of the other leave.
    const entrance = this.#routes.of(1 - direction);
    rows.keys[at + T.KEY_IIF] = entrance.inIndex;
    rows.encapCount[tuple] = entrance.encapCount;
    for (let i = 0; i < 2; i++) {
      const inner = entrance.encapCount - 1 - i;
      rows.keys[at + T.KEY_ENCAP + i] = inner >= 0 ? u32(entrance.encap, inner) : 0;
    }
    const route = this.#routes.of(direction);
    rows.mtu[tuple] = route.mtu;
    rows.oif[tuple] = route.oif;
    rows.nexthop4[tuple] = route.gateway4 !== 0 ? route.gateway4 : u32(tuples, other);
    if (u32(rows.keys, at + T.KEY_PROTOCOL) >>> 8 === 6) {
      rows.nexthop6[tuple] = route.gateway6 ?? tuples.slice(other, other + 4);
    }
    const out = route.direct ? route.out : undefined;
    if (out === undefined) return;
    rows.oif[tuple] = out;
    // A PPP device has no header for addresses to stand in.
    if (out.kind === 'pppoe') return;
    rows.xmit[tuple] = F.XMIT_DIRECT;
    rows.ethernet.set(route.destination, tuple * 12);
    rows.ethernet.set(route.source, tuple * 12 + 6);
  }

  /**
   * nf_flow_exceeds_mtu. SIMPLIFIED: gso-mtu: the segments of a super-packet are taken to fit, since a capture does not keep their
   * size (gso_size): with a smaller MTU on the way out the kernel may send them the slow way.
   */
  #exceedsMtu(packet: Packet, tuple: number): boolean {
    const frame = this.#frame;
    if (frame.length - (frame.network - frame.data) <= u32(this.#rows.mtu, tuple)) return false;
    if (!packet.isSuperPacket) return true;
    this.#recorder.simplified(GSO_MTU);
    return false;
  }

  /** flow_offload_refresh: not more often than once a second. */
  #refresh(row: number, entry: number, nowNs: number): void {
    const expires = nowNs + this.#ageing.flowTimeoutNs(entry);
    if (expires - f64(this.#rows.expiresNs, row) <= SECOND_NS) return;
    this.#rows.expiresNs[row] = expires;
    if (this.isHardware) this.#engine.queue(row, nowNs);
  }
}
