// A router: the IP stack (Datapath) and the ruleset (Netfilter) wired together. One object for one replay.
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Recorder } from '../event/recorder.ts';
import type { Fib } from '../net/fib.ts';
import type { Interfaces } from '../net/interfaces.ts';
import type { RouterSpec } from '../net/spec.ts';
import type { OffloadMode } from '../netfilter/flowtable/flowtable.ts';
import type { HardwareModel } from '../netfilter/flowtable/hardware.ts';
import { Netfilter } from '../netfilter/netfilter.ts';
import type { Tracer } from '../netfilter/tracer.ts';
import type { Packet } from '../packet/packet.ts';
import { Datapath } from './datapath.ts';
import type { IcmpUsage } from './icmp-rate.ts';
import type { FrameSink } from './stack.ts';

export type { FrameSink } from './stack.ts';

export interface RouterOptions {
  spec: RouterSpec;
  ruleset: Ruleset;
  recorder: Recorder;
  /** Takes the frames that leave. */
  sink: FrameSink;
  /** Of everything random: ports, numgen, fragment identifications. */
  seed: number;
  /** Wall-clock time of packet.timeNs 0, for `meta time` and kin. */
  epochNs: bigint;
  offload: OffloadMode;
  /** The engine behind `flags offload`; absent: a common one. */
  hardware?: HardwareModel | undefined;
  /** A connection whose first packet was dropped stays known, as if it had been known before the ruleset was loaded. */
  keepDropped?: boolean;
  /** Lookups count the elements that they find (RulesetState's hits). */
  countsElements?: boolean;
  /** Expressions count what decides their price (EventNames' work). */
  countsWork?: boolean;
  /** Watches what happens to packets (src/replay/trace.ts). */
  tracer?: Tracer | undefined;
}

/** Runs packets through the router, one after the other in time. */
export class Router {
  readonly interfaces: Interfaces;
  readonly fib: Fib;
  readonly netfilter: Netfilter;
  /** ifindexes by which frames left because of the last packet: outs[0 … outCount - 1], each once. */
  readonly outs: Int32Array;
  readonly #datapath: Datapath;

  /** Throws ConfigError or NftError for a router or ruleset that the kernel would refuse. */
  constructor(options: RouterOptions) {
    const { spec, ruleset, recorder, seed, epochNs, offload } = options;
    const datapath = new Datapath({
      spec,
      recorder,
      sink: options.sink,
      seed,
      epochNs,
      interfaceNames: ruleset.interfaceNames,
    });
    const { interfaces, fib } = datapath;
    this.netfilter = new Netfilter({
      ruleset,
      interfaces,
      fib,
      sysctl: spec.sysctl,
      recorder,
      services: datapath,
      seed,
      epochNs,
      offload,
      hardware: options.hardware,
      keepDropped: options.keepDropped ?? false,
      tracer: options.tracer,
      countsElements: options.countsElements ?? false,
      countsWork: options.countsWork ?? false,
    });
    datapath.hooks = this.netfilter;
    this.#datapath = datapath;
    this.interfaces = interfaces;
    this.fib = fib;
    this.outs = datapath.outs;
  }

  /** Interfaces by which frames left because of the last packet (its own, and what the router answered). */
  get outCount(): number {
    return this.#datapath.outCount;
  }

  /**
   * An attached frame enters at a physical interface at packet.timeNs, which never runs backwards. The packet is edited in
   * place; its verdict, pathClass, reason and the router's outs say what became of it.
   */
  process(packet: Packet, ifindex: number): void {
    this.advance(packet.timeNs);
    this.enter(packet, ifindex);
  }

  /** process() for a caller that has called advance() with the packet's time. */
  enter(packet: Packet, ifindex: number): void {
    this.#datapath.enter(packet, ifindex);
  }

  /** Time goes on without a packet: entries, flows and fragments run out. */
  advance(nowNs: number): void {
    // Who asks for a neighbour does so at its time, in a connection table of that time.
    while (this.#datapath.resolution.dueNs <= nowNs) {
      const { dueNs } = this.#datapath.resolution;
      this.netfilter.advance(dueNs);
      this.#datapath.advance(dueNs);
    }
    this.netfilter.advance(nowNs);
    this.#datapath.advance(nowNs);
  }

  /** What the router's ICMP messages took of the limits in rate. */
  icmpUsage(): IcmpUsage {
    return this.#datapath.icmpRate.usage();
  }

  /** Another ruleset takes the place of the one that runs (Netfilter.swap). */
  swap(ruleset: Ruleset, keeps: boolean): void {
    this.netfilter.swap(ruleset, keeps);
  }

  /** The replay is over at `nowNs`. */
  finish(nowNs: number): void {
    this.advance(nowNs);
  }
}
