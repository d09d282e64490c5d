// The IP stack around netfilter as one object: the stages' shared state (Stack) and what netfilter asks back
// (RouterServices). class Router adds netfilter to it; tests put their own hooks in its place.
import { be32, DOUBLE_ZERO, u8 } from '../base/columns.ts';
import { Random } from '../base/random.ts';
import type { Recorder } from '../event/recorder.ts';
import { HOOK_NAMES } from '../event/vocabulary.ts';
import { Fib, type Route } from '../net/fib.ts';
import { type Interface, Interfaces } from '../net/interfaces.ts';
import { Neighbours } from '../net/neighbours.ts';
import type { RouterSpec } from '../net/spec.ts';
import { Defrag } from '../netfilter/defrag/defrag.ts';
import type { RouterServices } from '../netfilter/services.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../packet/decode.ts';
import type { Packet } from '../packet/packet.ts';
import { duplicate, forwardTo } from './duplicate.ts';
import { Fdb } from './fdb.ts';
import { ICMP_TIME_EXCEEDED, ICMPV6_TIME_EXCEED, icmpError, rejectWithIcmp } from './icmp.ts';
import { IcmpRate } from './icmp-rate.ts';
import { fillChecksum, routeOutput4, routeOutput6 } from './output.ts';
import { PathMtus } from './path-mtu.ts';
import { PacketPool } from './pool.ts';
import { receive } from './receive.ts';
import { rejectAtLink, resetAtLink } from './reject-link.ts';
import { octets4, octets6 } from './reply.ts';
import { Resolution } from './resolution.ts';
import { readSettings, type Settings } from './settings.ts';
import type { FrameSink, Hooks, Stack } from './stack.ts';
import { rejectWithReset } from './tcp-reset.ts';
import { neighbourTransmit } from './transmit.ts';

const PREROUTING = HOOK_NAMES.indexOf('prerouting');
const DAY_MS = 86_400_000;
/** Headers that tell one packet from another. */
const ID_OCTETS = 64;
const INGRESS = HOOK_NAMES.indexOf('ingress');

export interface DatapathOptions {
  spec: RouterSpec;
  recorder: Recorder;
  sink: FrameSink;
  seed: number;
  /** Ruleset.interfaceNames: names whose indexes the ruleset fixed. */
  interfaceNames?: readonly string[];
  /** Wall-clock time of packet.timeNs 0. */
  epochNs: bigint;
}

/** A router without rules: interfaces, routes, the way of a packet. `hooks` is set before the first packet. */
export class Datapath implements Stack, RouterServices {
  readonly interfaces: Interfaces;
  readonly fib: Fib;
  readonly neighbours: Neighbours;
  readonly settings: Settings;
  readonly recorder: Recorder;
  readonly sink: FrameSink;
  readonly pool = new PacketPool();
  readonly fdb = new Fdb();
  readonly icmpRate: IcmpRate;
  readonly pathMtus: PathMtus;
  readonly resolution: Resolution;
  readonly strictMac: boolean;
  hooks: Hooks = NO_HOOKS;
  rerouted: Route | undefined = undefined;
  atLink = false;
  icmpSending = 0;
  /** ifindexes by which frames left because of the packet in hand, each once: outs[0 … outCount - 1]. */
  readonly outs: Int32Array;
  outCount = 0;
  #nowNs = DOUBLE_ZERO;
  readonly #idSeed: number;
  readonly #epochMs: number;
  readonly #defrag: Defrag;

  /** Throws ConfigError for a description that is no router. */
  constructor(options: DatapathOptions) {
    this.interfaces = new Interfaces(options.spec, options.interfaceNames);
    this.fib = new Fib(options.spec, this.interfaces);
    this.neighbours = new Neighbours(options.spec, this.interfaces);
    this.settings = readSettings(options.spec.sysctl, this.interfaces);
    this.strictMac = options.spec.strictMac ?? false;
    this.recorder = options.recorder;
    this.sink = options.sink;
    this.pathMtus = new PathMtus(options.spec.sysctl);
    this.icmpRate = new IcmpRate(options.spec.sysctl, options.seed);
    this.resolution = new Resolution(this, options.spec.sysctl);
    this.#defrag = new Defrag({
      sysctl: options.spec.sysctl,
      recorder: options.recorder,
      fib: this.fib,
      services: this,
    });
    this.outs = new Int32Array(this.interfaces.list.length);
    this.#epochMs = Number((options.epochNs / 1_000_000n) % BigInt(DAY_MS));
    this.#idSeed = new Random(options.seed).next();
  }

  /** An attached frame enters at a physical interface and goes its way. Sets its verdict, reason and `outs`. */
  enter(packet: Packet, ifindex: number): void {
    this.outCount = 0;
    this.#nowNs = packet.timeNs;
    receive(this, packet, this.interfaces.at(ifindex));
  }

  sent(ifindex: number): void {
    for (let i = 0; i < this.outCount; i++) if (this.outs[i] === ifindex) return;
    this.outs[this.outCount++] = ifindex;
  }

  ipId(about: Packet): number {
    return this.fragmentId(about) >>> 16;
  }

  millisecondsOfDay(timeNs: number): number {
    return (this.#epochMs + Math.floor(timeNs / 1e6)) % DAY_MS;
  }

  fragmentId(about: Packet): number {
    let hash = this.#idSeed;
    const end = Math.min(about.networkEnd, about.network + ID_OCTETS);
    for (let at = about.network; at < end; at++) hash = Math.imul(hash ^ u8(about.data, at), 0x01000193);
    return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 0;
  }

  defragLocal(packet: Packet): number {
    return this.#defrag.gather(packet, PREROUTING);
  }

  /** Time goes on: fragments for the router itself run out. */
  advance(nowNs: number): void {
    this.#defrag.advance(nowNs);
    if (this.resolution.dueNs <= nowNs) this.resolution.run(nowNs);
  }

  icmpError(packet: Packet, type: number, code: number, info: number, isLocal: boolean): void {
    icmpError(this, packet, type, code, info, isLocal);
  }

  sendTcpReset(packet: Packet, hook: number): void {
    if (hook === INGRESS || this.atLink) resetAtLink(this, packet);
    else rejectWithReset(this, packet, hook);
  }

  sendIcmpError(packet: Packet, version: 4 | 6, type: number, code: number, hook: number): void {
    const timeExceeded = version === 4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEED;
    if (type === timeExceeded) icmpError(this, packet, type, code, 0, true);
    else if (hook === INGRESS || this.atLink) rejectAtLink(this, packet, type, code);
    else rejectWithIcmp(this, packet, type, code, hook);
  }

  reroute(packet: Packet): boolean {
    const { data, network } = packet;
    const route =
      packet.ipVersion === 4
        ? routeOutput4(this, be32(data, network + 16), packet.mark, this.fib.keyOf(packet))
        : routeOutput6(this, data, network + 24, 0, this.fib.keyOf(packet));
    if (route === undefined) return false;
    this.rerouted = route;
    packet.oif = route.kind === 'local' ? this.interfaces.loopback.index : route.oif.index;
    return true;
  }

  flowTransmit(packet: Packet, oif: Interface, nexthop4: number, nexthop6: Uint32Array | undefined): void {
    packet.etherType = nexthop6 === undefined ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    packet.oif = oif.index;
    if (packet.checksumPartial && !packet.isSuperPacket) fillChecksum(packet);
    const mac = this.neighbour(oif, nexthop4, nexthop6);
    if (mac !== undefined) neighbourTransmit(this, packet, oif, mac);
    else this.resolution.hold(packet, oif, nexthop6 === undefined ? octets4(nexthop4) : octets6(nexthop6));
  }

  neighbour(oif: Interface, nexthop4: number, nexthop6: Uint32Array | undefined): Uint8Array | undefined {
    return nexthop6 === undefined ? this.neighbours.resolve4(oif, nexthop4) : this.neighbours.resolve6(oif, nexthop6);
  }

  bridgePort(bridge: Interface, mac: Uint8Array, vlan: number): Interface | undefined {
    const port = this.fdb.find(bridge, vlan, mac, 0, this.#nowNs);
    return port === 0 ? undefined : this.interfaces.at(port);
  }

  duplicate(packet: Packet, oif: number, version: 0 | 4 | 6, gateway: Uint8Array, offset: number): void {
    duplicate(this, packet, oif, version, gateway, offset);
  }

  forwardTo(packet: Packet, oif: number, version: 0 | 4 | 6, nexthop: Uint8Array, offset: number): void {
    forwardTo(this, packet, oif, version, nexthop, offset);
  }
}

/** No rules at all. */
export const NO_HOOKS: Hooks = {
  run: () => 1,
  runIngress: () => 1,
  runEgress: () => 1,
  hasIngress: () => false,
  hasEgress: () => false,
};
