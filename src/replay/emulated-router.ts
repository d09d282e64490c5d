// A router in memory that takes one frame after the other: what a replay does with a capture's packets, for packets that
// are made while they are sent (suites, vitest, programs). Not for millions of packets: every passage is an object.
import { DOUBLE_ZERO } from '../base/columns.ts';
import { ConfigError } from '../base/errors.ts';

import type { Ruleset, RulesetState } from '../bytecode/ruleset.ts';
import { Router } from '../datapath/router.ts';
import { reasonIndex } from '../event/reasons.ts';
import { type PathTable, Recorder } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import type { Interface, Interfaces } from '../net/interfaces.ts';
import type { RouterSpec } from '../net/spec.ts';
import { conntrackLines } from '../netfilter/conntrack/listing.ts';
import { Packet, VERDICT_DROP, VERDICT_LOCAL } from '../packet/packet.ts';
import { FlowFold } from './flows.ts';
import { Ingress } from './ingress.ts';
import { FrameMatch } from './match.ts';
import type { FlowSummary } from './result.ts';
import { Retranslate } from './retranslate.ts';
import type { OffloadMode } from './task.ts';
import { PacketTracer } from './trace.ts';
import type { PacketTrace } from './trace-steps.ts';
import { mayTranslate, Untranslate } from './untranslate.ts';

export interface EmulatedRouterOptions {
  ruleset: Ruleset;
  router: RouterSpec;
  offload?: OffloadMode;
  /** Of what the kernel would choose at random; 1 when absent. */
  seed?: number;
  /** Wall clock of the first packet, nanoseconds since 1970, for `meta time` and kin. */
  epochNs?: bigint;
  /** Connections whose first packet was dropped stay known. */
  knownConnections?: boolean;
  /** The router was inferred from a capture: as a replay does, unknown tags are taken off and answers translated back. */
  inferred?: boolean;
  /** Inferred router, ruleset without NAT: its outside IPv4 address (see retranslate.ts). */
  ownAddress?: number;
  /** Only frames that nft's expressions mean enter (`--match`); the others end with the reason 'left-out'. */
  match?: string;
  /** Passages have the packet's walk: all of them, or those of these numbers. */
  walks?: boolean | ReadonlySet<number>;
}

/** A frame that left the router. */
export interface SentFrame {
  ifindex: number;
  interface: string;
  octets: Uint8Array;
  /** More than octets.length when the input was cut. */
  wireOctets: number;
}

/** What became of one frame. Plain data, of its own. */
export interface Passage {
  /** 1-based. */
  number: number;
  /** Nanoseconds since the first packet. */
  timeNs: number;
  /** Physical interface that it entered at, and the frame as it was on that wire. */
  ifindex: number;
  interface: string;
  frame: Uint8Array;
  wireOctets: number;
  /** VERDICT_*, PATH_* of src/packet/packet.ts; row of event/reasons.ts. */
  verdict: number;
  pathClass: number;
  reason: number;
  /** Rule or chain of the reason (global index), -1 when it has none. */
  detail: number;
  mark: number;
  /** Connection, numbered from 1 in the order in which they were made; 0: none. */
  flow: number;
  /** CT_* of src/packet/packet.ts. */
  ctInfo: number;
  /** Number in the path table, and its event words. */
  path: number;
  words: Uint32Array;
  /** Frames that left because of it, in order, also those that the router made. */
  sent: SentFrame[];
  /** Step by step, when the router traces. */
  walk?: PacketTrace;
}

/** Room for headers that are pushed, and for the longest frame that a capture can hold. */
const HEADROOM = 256;
const MAX_FRAME = 1 << 18;
const LEFT_OUT = reasonIndex('left-out');

/** One router with its state; time only goes forward. */
export class EmulatedRouter {
  readonly #router: Router;
  readonly #recorder = new Recorder();
  readonly #ingress: Ingress;
  readonly #flows: FlowFold;
  readonly #untranslate: Untranslate | undefined;
  readonly #retranslate: Retranslate | undefined;
  readonly #match: FrameMatch | undefined;
  readonly #tracer: PacketTracer | undefined;
  readonly #walks: boolean | ReadonlySet<number>;
  readonly #packet = new Packet();
  #buffer = new Uint8Array(HEADROOM + 4096);
  #clockNs = DOUBLE_ZERO;
  #packets = 0;
  #sent: SentFrame[] = [];

  /** Throws ConfigError or NftError for a router or ruleset that the kernel would refuse. */
  constructor(options: EmulatedRouterOptions) {
    const { ruleset, router, inferred = false } = options;
    this.#walks = options.walks ?? false;
    this.#tracer = this.#walks === false ? undefined : new PacketTracer(ruleset);
    this.#router = new Router({
      spec: router,
      ruleset,
      recorder: this.#recorder,
      sink: this,
      seed: options.seed ?? 1,
      epochNs: options.epochNs ?? 0n,
      offload: options.offload ?? 'as-ruled',
      keepDropped: options.knownConnections ?? false,
      tracer: this.#tracer,
    });
    this.#match = options.match === undefined ? undefined : new FrameMatch(options.match, this.#router);
    this.#tracer?.attach(this.#router, this.#recorder);
    const { netfilter, interfaces } = this.#router;
    this.#ingress = new Ingress(router, interfaces, inferred);
    this.#flows = new FlowFold(netfilter);
    this.#untranslate = inferred && mayTranslate(ruleset) ? new Untranslate(netfilter.conntrack.table) : undefined;
    this.#retranslate = options.ownAddress === undefined ? undefined : new Retranslate(options.ownAddress);
  }

  /** Nanoseconds since the first packet: the router's clock. */
  get timeNs(): number {
    return this.#clockNs;
  }

  get interfaces(): Interfaces {
    return this.#router.interfaces;
  }

  /** Names behind events, by global index. */
  get names(): EventNames {
    return this.#router.netfilter.names();
  }

  /**
   * An Ethernet frame arrives at `atNs` (never earlier than the packet before) at the named interface; one without a name
   * enters where its source address belongs. Frames of virtual interfaces are wrapped as on the wire below.
   * `wireOctets`: its length when the frame is cut. Throws ConfigError when the router has no such interface.
   */
  send(frame: Uint8Array, interfaceName?: string, atNs = this.#clockNs, wireOctets = frame.length): Passage {
    const named = interfaceName === undefined ? undefined : this.#named(interfaceName);
    if (frame.length > MAX_FRAME) throw new ConfigError('frame', '', `longer than ${MAX_FRAME} octets`);
    if (HEADROOM + frame.length > this.#buffer.length) this.#buffer = new Uint8Array(HEADROOM + MAX_FRAME);
    const data = this.#buffer;
    const end = HEADROOM + frame.length;
    data.set(frame, HEADROOM);
    if (atNs > this.#clockNs) this.#clockNs = atNs;
    this.#retranslate?.pass(data, HEADROOM, end);
    const packet = this.#packet;
    packet.number = ++this.#packets;
    packet.timeNs = this.#clockNs;
    this.#sent = [];
    this.#router.advance(this.#clockNs);
    this.#recorder.begin();
    this.#untranslate?.undo(data, HEADROOM, end);
    const device = this.#ingress.enter(data, HEADROOM, end, named);
    const start = this.#ingress.start;
    const entered = data.slice(start, end);
    packet.attach(data, start, end, wireOctets + HEADROOM - start);
    const onWire = packet.wireLength;
    const { number, timeNs } = packet;
    if (this.#match?.matches(data, start, end, onWire, device.index, number, timeNs) === false) {
      packet.verdict = VERDICT_DROP;
      packet.reason = LEFT_OUT;
      return this.#passage(device, entered, onWire);
    }
    if (this.#walks === true || (this.#walks !== false && this.#walks.has(packet.number))) {
      this.#tracer?.begin(packet, device.index);
    }
    this.#router.enter(packet, device.index);
    return this.#passage(device, entered, onWire);
  }

  /** A packet that is numbered and not replayed. */
  skip(atNs: number): void {
    this.#packets++;
    if (atNs > this.#clockNs) this.#clockNs = atNs;
    this.#router.advance(this.#clockNs);
  }

  /** Time goes on to `nowNs` without a packet: entries, flows and fragments run out. Returns what left meanwhile. */
  advance(nowNs: number): SentFrame[] {
    this.#sent = [];
    if (nowNs > this.#clockNs) this.#clockNs = nowNs;
    this.#router.advance(this.#clockNs);
    return this.#sent;
  }

  /** Counters, quotas, elements of sets as they stand now. */
  state(): RulesetState {
    return this.#router.netfilter.state();
  }

  /** Connections as `conntrack -L -o extended` prints them, in the order of creation. */
  conntrack(): string[] {
    const { netfilter } = this.#router;
    return conntrackLines(netfilter.conntrack.table, this.#clockNs, {
      accounting: netfilter.conntrack.accounting.enabled,
      helperNames: netfilter.helperNames,
    });
  }

  /** The paths of all packets so far, for prices. */
  paths(): PathTable {
    return this.#recorder.table();
  }

  /** How many connections were offloaded, and why the others were not. Ends the router's life: call it last. */
  flows(): FlowSummary {
    const { table } = this.#router.netfilter.conntrack;
    for (let entry = 0; entry < table.bound; entry++) {
      if ((table.flowNumber[entry] as number) > 0) this.#flows.fold(entry);
    }
    return this.#flows.summary();
  }

  /** Whether a frame that entered is meant by nft's expressions (`ip saddr 192.168.1.10 tcp dport 443`). Throws NftError. */
  matcher(text: string): (passage: Passage) => boolean {
    const match = new FrameMatch(text, this.#router);
    return ({ frame, wireOctets, ifindex, number, timeNs }) =>
      match.matches(frame, 0, frame.length, wireOctets, ifindex, number, timeNs);
  }

  /** FrameSink of the router. */
  frame(ifindex: number, data: Uint8Array, start: number, end: number, wireOctets: number): void {
    const octets = new Uint8Array(end - start);
    octets.set(data.subarray(start, end));
    const name = this.#router.interfaces.at(ifindex).name;
    this.#tracer?.frame(ifindex, data, start, end, wireOctets);
    this.#sent.push({ ifindex, interface: name, octets, wireOctets });
  }

  #passage(device: Interface, frame: Uint8Array, wireOctets: number): Passage {
    const packet = this.#packet;
    const { table } = this.#router.netfilter.conntrack;
    const walk = this.#tracer?.isActive === true ? this.#tracer.end() : undefined;
    const words = this.#recorder.current().slice();
    const path = this.#recorder.end(packet.pathClass, packet.verdict, wireOctets, packet.number);
    if (packet.verdict === VERDICT_LOCAL && packet.ct >= 0) this.#flows.markLocal(packet.ct);
    return {
      number: packet.number,
      timeNs: packet.timeNs,
      ifindex: device.index,
      interface: device.name,
      frame,
      wireOctets,
      verdict: packet.verdict,
      pathClass: packet.pathClass,
      reason: packet.reason,
      detail: packet.reasonDetail,
      mark: packet.mark,
      flow: packet.ct >= 0 ? (table.flowNumber[packet.ct] as number) : 0,
      ctInfo: packet.ctInfo,
      path,
      words,
      sent: this.#sent,
      ...(walk === undefined ? {} : { walk }),
    };
  }

  #named(name: string): Interface {
    const device = this.#router.interfaces.byName(name);
    if (device !== undefined) return device;
    const known = this.#router.interfaces.list.slice(1).map((row) => row.name);
    throw new ConfigError('interface', name, `the router has no such interface (it has ${known.join(', ')})`);
  }
}
