// A flowtable: connections that `flow add` put into it are forwarded at the ingress of its devices, past every other hook
// (net/netfilter/nf_flow_table_core.c, nf_flow_table_ip.c, nft_flow_offload.c, nf_flow_table_offload.c).
//
// Uses: the frame at ingress, packet.iif, packet.timeNs. Sets on a hit: NAT, TTL, network fields, ct, ctDirection, ctInfo,
// pathClass, verdict. Verdicts: accept (slow path), stolen (sent). Events: flow-lookup or flow-hit, flow-nat, flow-counter,
// flow-xmit, flow-add, flow-teardown; of a packet that the hardware took: `hardware` alone.
import { f64, i32, putBe16, u8, u32 } from '../../base/columns.ts';
import { NftreplayError } from '../../base/errors.ts';
import type { Family, Flowtable as FlowtableSpec } from '../../bytecode/ruleset.ts';
import type { Recorder } from '../../event/recorder.ts';
import { refusalIndex } from '../../event/refusals.ts';
import { eventKind } from '../../event/vocabulary.ts';
import type { Fib } from '../../net/fib.ts';
import type { Interface, Interfaces } from '../../net/interfaces.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../packet/decode.ts';
import type { Packet } from '../../packet/packet.ts';
import { CT_ESTABLISHED, PATH_HARDWARE, PATH_SOFTWARE, VERDICT_FORWARD } from '../../packet/packet.ts';
import { IPS_DST_NAT, IPS_DYING, IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SRC_NAT } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { Timeouts } from '../conntrack/timeouts.ts';
import { PROTOCOL_TCP, TUPLE_WORDS, tupleProtocol } from '../conntrack/tuple.ts';
import type { RouterServices } from '../services.ts';
import { NF_ACCEPT, NF_STOLEN } from '../verdict.ts';
import { Ageing, DAY_NS } from './ageing.ts';
import * as F from './flow-rows.ts';
import { DEFAULT_HARDWARE, Engine, type HardwareModel } from './hardware.ts';
import { decrementTtl, mangleNat } from './mangle.ts';
import { IS_OFFLOADED, judgeOffload, MAY_OFFLOAD, refuseNoRoute } from './offload.ts';
import { FlowRoutes } from './route.ts';
import * as T from './tuple.ts';

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
  hardware?: HardwareModel;
}

const FLOW_LOOKUP = eventKind('flow-lookup');
const FLOW_HIT = eventKind('flow-hit');
const FLOW_NAT = eventKind('flow-nat');
const FLOW_COUNTER = eventKind('flow-counter');
const FLOW_XMIT = eventKind('flow-xmit');
const FLOW_ADD = eventKind('flow-add');
const FLOW_TEARDOWN = eventKind('flow-teardown');
const HARDWARE = eventKind('hardware');

const OFFLOADED = refusalIndex('offloaded');
const NOT_A_DEVICE = refusalIndex('device-not-in-flowtable');
const FRAGMENT = refusalIndex('fragment');
const TTL = refusalIndex('ttl');
const MTU = refusalIndex('mtu');
const HARDWARE_REFUSED = refusalIndex('hardware-refused');
const TABLE_FULL = refusalIndex('table-full');

const SECOND_NS = 1e9;
const ETHERNET_HEADER = 14;
/** Torn-down flows kept for the collector beside two for each connection. */
const SPARE_ROWS = 4096;
const NO_ADDRESS = new Uint8Array(0);

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
  readonly #counter: boolean;
  readonly #accounting: boolean;
  readonly #table: ConntrackTable;
  readonly #recorder: Recorder;
  readonly #services: RouterServices;
  readonly #routes: FlowRoutes;
  readonly #ageing: Ageing;
  readonly #engine: Engine;
  readonly #rows = new F.FlowRows();
  readonly #frame = new T.FrameTuple();
  #nextCollectionNs = SECOND_NS;

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
    this.#counter = spec.counter;
    this.#accounting = sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_acct', 0) !== 0;
    this.#table = table;
    this.#recorder = options.recorder;
    this.#services = options.services;
    this.#routes = new FlowRoutes(interfaces, options.fib, options.services, this.devices, this.isHardware);
    this.#ageing = new Ageing(table, new Timeouts(sysctl), sysctl);
    this.#engine = new Engine(this.#rows, interfaces.list, this.devices, options.hardware ?? DEFAULT_HARDWARE);
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
      this.#bind(packet.timeNs);
      const bound = this.#rows.find(frame.key, hash, F.FLOW_BOUND);
      if (bound >= 0 && this.#forwardInHardware(packet, bound)) return NF_STOLEN;
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
      this.#teardown(row, packet.timeNs);
      return this.#miss();
    }
    this.#refresh(row, entry, packet.timeNs);
    this.#forward(packet, tuple);
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
    if (this.#rows.count > table.count * 2 + SPARE_ROWS) this.#sweep();
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
    return true;
  }

  /**
   * Runs the collector for each whole second up to `nowNs` (nf_flow_offload_work_gc). To be called before
   * ConntrackTable.advance(): it extends timeouts that would run out meanwhile.
   */
  advance(nowNs: number): void {
    while (this.#nextCollectionNs <= nowNs) {
      if (this.#rows.count === 0) {
        this.#nextCollectionNs = (Math.floor(nowNs / SECOND_NS) + 1) * SECOND_NS;
        break;
      }
      if (this.isHardware) this.#bind(this.#nextCollectionNs);
      this.#collect(this.#nextCollectionNs);
      this.#nextCollectionNs += SECOND_NS;
    }
    if (this.isHardware) this.#bind(nowNs);
  }

  /** A connection's entry is about to be used again (ConntrackTable.onDestroy): its flows go. */
  forget(entry: number): void {
    for (let row = this.#rows.newestOf(entry); row >= 0; row = this.#rows.newestOf(entry)) {
      this.#engine.unbind(row);
      this.#rows.remove(row);
    }
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
    // Below a VLAN or PPPoE device the frame is built by that device, whatever its transmit is called.
    const out = route.direct ? route.out : undefined;
    if (out === undefined) return;
    rows.oif[tuple] = out;
    if (out.kind === 'vlan' || out.kind === 'pppoe') return;
    rows.xmit[tuple] = F.XMIT_DIRECT;
    rows.ethernet.set(route.destination, tuple * 12);
    rows.ethernet.set(route.source, tuple * 12 + 6);
  }

  /**
   * nf_flow_exceeds_mtu. SIMPLIFIED: the segments of a super-packet are taken to fit, since a capture does not keep their
   * size (gso_size): with a smaller MTU on the way out the kernel may send them the slow way.
   */
  #exceedsMtu(packet: Packet, tuple: number): boolean {
    const frame = this.#frame;
    if (frame.length - (frame.network - frame.data) <= u32(this.#rows.mtu, tuple)) return false;
    return !packet.isSuperPacket;
  }

  /** flow_offload_refresh: not more often than once a second. */
  #refresh(row: number, entry: number, nowNs: number): void {
    const expires = nowNs + this.#ageing.flowTimeoutNs(entry);
    if (expires - f64(this.#rows.expiresNs, row) <= SECOND_NS) return;
    this.#rows.expiresNs[row] = expires;
    if (this.isHardware) this.#engine.queue(row, nowNs);
  }

  /** nf_flow_offload_forward from encapsulation to counters, and the transmission. */
  #forward(packet: Packet, tuple: number): void {
    const { family } = this.#frame;
    const recorder = this.#recorder;
    const flags = u32(this.#rows.flags, tuple >> 1);
    const entry = i32(this.#rows.entry, tuple >> 1);
    recorder.event(FLOW_HIT, family);
    if ((flags & (F.FLOW_SNAT | F.FLOW_DNAT)) !== 0) recorder.event(FLOW_NAT, this.#frame.protocol | (family << 8));
    this.#rewrite(packet, tuple, flags);
    if (this.#counter && this.#accounting) {
      recorder.event(FLOW_COUNTER, 0);
      this.#account(entry, tuple & 1, 1, packet.wireLength - (packet.network - packet.start));
    }
    this.#note(packet, entry, tuple & 1);
    this.#table.fastPackets[entry] = f64(this.#table.fastPackets, entry) + 1;
    packet.pathClass = PATH_SOFTWARE;
    recorder.event(FLOW_XMIT, family);
    this.#transmit(packet, tuple);
  }

  /** The engine's way: false when it leaves the packet to the CPU. */
  #forwardInHardware(packet: Packet, tuple: number): boolean {
    if (T.isClosing(packet, this.#frame) || this.#exceedsMtu(packet, tuple)) return false;
    const rows = this.#rows;
    const row = tuple >> 1;
    const entry = i32(rows.entry, row);
    const iif = packet.iif;
    this.#rewrite(packet, tuple, u32(rows.flags, row));
    rows.hardwarePackets[tuple] = f64(rows.hardwarePackets, tuple) + 1;
    rows.hardwareBytes[tuple] = f64(rows.hardwareBytes, tuple) + packet.wireLength - (packet.network - packet.start);
    rows.hardwareUsedNs[row] = packet.timeNs;
    this.#note(packet, entry, tuple & 1);
    this.#table.hardwarePackets[entry] = f64(this.#table.hardwarePackets, entry) + 1;
    packet.pathClass = PATH_HARDWARE;
    this.#transmit(packet, tuple);
    // The CPU saw nothing of it: what was recorded on the way here and out did not happen.
    this.#recorder.begin();
    this.#recorder.event(HARDWARE, iif);
    return true;
  }

  /** Takes the encapsulation off, translates, decrements the TTL; sets the packet's network fields. */
  #rewrite(packet: Packet, tuple: number, flags: number): void {
    const frame = this.#frame;
    if ((flags & (F.FLOW_SNAT | F.FLOW_DNAT)) !== 0) mangleNat(packet, frame, this.#rows.keys, tuple, flags);
    decrementTtl(packet.data, frame.network, frame.family);
    const start = frame.network - ETHERNET_HEADER;
    packet.wireLength -= start - packet.start;
    packet.start = start;
    packet.network = frame.network;
    packet.transport = frame.transport;
    packet.ipVersion = frame.family;
    packet.etherType = frame.family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    packet.protocol = frame.protocol;
    packet.networkLength = T.ipLength(packet, frame);
    packet.networkEnd = Math.min(packet.network + packet.networkLength, packet.end);
  }

  /** What we keep of every packet, and what the packet shows of its flow. */
  #note(packet: Packet, entry: number, direction: number): void {
    const table = this.#table;
    packet.ct = entry;
    packet.ctInfo = CT_ESTABLISHED;
    packet.ctDirection = direction;
    packet.verdict = VERDICT_FORWARD;
    table.seenPackets[entry] = f64(table.seenPackets, entry) + 1;
    table.seenBytes[entry] = f64(table.seenBytes, entry) + packet.networkLength;
    const refusal = u8(table.offloadRefusal, entry);
    if (refusal !== HARDWARE_REFUSED && refusal !== TABLE_FULL) table.offloadRefusal[entry] = OFFLOADED;
  }

  /** neigh_xmit, or nf_flow_queue_xmit with the addresses that were found when the flow was made. */
  #transmit(packet: Packet, tuple: number): void {
    const rows = this.#rows;
    const oif = rows.oif[tuple] as Interface;
    packet.oif = oif.index;
    if (u8(rows.xmit, tuple) === F.XMIT_NEIGH) {
      this.#services.flowTransmit(packet, oif, u32(rows.nexthop4, tuple), rows.nexthop6[tuple]);
      return;
    }
    const { data, start } = packet;
    for (let i = 0; i < 12; i++) data[start + i] = u8(rows.ethernet, tuple * 12 + i);
    putBe16(data, start + 12, packet.etherType);
    this.#services.forwardTo(packet, oif.index, 0, NO_ADDRESS, 0);
  }

  #account(entry: number, direction: number, packets: number, bytes: number): void {
    const table = this.#table;
    if (direction === 0) {
      table.packetsOriginal[entry] = f64(table.packetsOriginal, entry) + packets;
      table.bytesOriginal[entry] = f64(table.bytesOriginal, entry) + bytes;
    } else {
      table.packetsReply[entry] = f64(table.packetsReply, entry) + packets;
      table.bytesReply[entry] = f64(table.bytesReply, entry) + bytes;
    }
  }

  /** flow_offload_teardown: lookups miss it from now on, the collector will take it out. */
  #teardown(row: number, nowNs: number): void {
    const entry = i32(this.#rows.entry, row);
    this.#table.status[entry] = u32(this.#table.status, entry) & ~IPS_OFFLOAD;
    const flags = u32(this.#rows.flags, row);
    if ((flags & F.FLOW_TEARDOWN) !== 0) return;
    this.#rows.flags[row] = flags | F.FLOW_TEARDOWN;
    this.#ageing.fixUp(entry, nowNs);
  }

  /** nf_flow_offload_gc_step of every flow. */
  #collect(nowNs: number): void {
    const rows = this.#rows;
    for (let row = 0; row < rows.bound; row++) {
      const entry = i32(rows.entry, row);
      if (entry < 0 || (u32(rows.flags, row) & F.FLOW_PENDING) !== 0) continue;
      const isDying = (u32(this.#table.status, entry) & IPS_DYING) !== 0;
      if (f64(rows.expiresNs, row) <= nowNs || isDying) this.#teardown(row, nowNs);
      const flags = u32(rows.flags, row);
      if ((flags & F.FLOW_TEARDOWN) === 0) {
        this.#ageing.extend(entry, nowNs);
        if ((flags & F.FLOW_HW) !== 0) this.#readStatistics(row, entry, nowNs);
      } else if ((flags & F.FLOW_HW) === 0 || (flags & F.FLOW_HW_DEAD) !== 0) {
        rows.remove(row);
      } else {
        this.#engine.unbind(row);
        rows.flags[row] = u32(rows.flags, row) | F.FLOW_HW_DYING | F.FLOW_HW_DEAD;
        this.#table.status[entry] = u32(this.#table.status, entry) & ~IPS_HW_OFFLOAD;
      }
    }
  }

  /** Takes out torn-down flows before their time: RST and `flow add` in turn could make any number of them in a second. */
  #sweep(): void {
    const rows = this.#rows;
    for (let row = 0; row < rows.bound; row++) {
      if (i32(rows.entry, row) < 0 || (u32(rows.flags, row) & F.FLOW_TEARDOWN) === 0) continue;
      this.#engine.unbind(row);
      rows.remove(row);
    }
  }

  /** nf_flow_offload_stats: once a tenth of the timeout has passed, what the engine counted is taken over. */
  #readStatistics(row: number, entry: number, nowNs: number): void {
    const rows = this.#rows;
    const timeout = this.#ageing.flowTimeoutNs(entry);
    if (f64(rows.expiresNs, row) - nowNs >= timeout * 0.9) return;
    const used = f64(rows.hardwareUsedNs, row);
    if (used > 0) rows.expiresNs[row] = Math.max(f64(rows.expiresNs, row), used + timeout);
    for (let direction = 0; direction < 2; direction++) {
      const tuple = row * 2 + direction;
      const packets = f64(rows.hardwarePackets, tuple);
      if (packets === 0) continue;
      if (this.#counter && this.#accounting) this.#account(entry, direction, packets, f64(rows.hardwareBytes, tuple));
      rows.hardwarePackets[tuple] = 0;
      rows.hardwareBytes[tuple] = 0;
    }
  }

  /** Lets the engine take what has been queued long enough (flow_offload_work_add). */
  #bind(nowNs: number): void {
    const rows = this.#rows;
    for (let row = this.#engine.take(nowNs); row >= 0; row = this.#engine.take(nowNs)) {
      const entry = i32(rows.entry, row);
      if (this.#engine.bind(row)) this.#table.status[entry] = u32(this.#table.status, entry) | IPS_HW_OFFLOAD;
      else if ((u32(rows.flags, row) & F.FLOW_BOUND_MASK) === 0) {
        this.#table.offloadRefusal[entry] = this.#engine.isFull ? TABLE_FULL : HARDWARE_REFUSED;
      }
    }
  }
}

function deviceIndex(spec: FlowtableSpec, name: string, interfaces: Interfaces): number {
  const device = interfaces.byName(name);
  if (device !== undefined) return device.index;
  const { location } = spec;
  const place = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `;
  throw new NftreplayError(
    'ruleset',
    `${place}flowtable "${spec.name}" names device "${name}", which the router has not`,
  );
}
