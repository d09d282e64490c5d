// What the stages of the datapath share: the router's tables, netfilter, where frames go, and the calls that would make
// their imports circular. class Router (router.ts) is the one implementation.
import type { Recorder } from '../event/recorder.ts';
import type { Fib, Route } from '../net/fib.ts';
import type { Interfaces } from '../net/interfaces.ts';
import type { Neighbours } from '../net/neighbours.ts';
import type { Packet } from '../packet/packet.ts';
import type { Fdb } from './fdb.ts';
import type { IcmpRate } from './icmp-rate.ts';
import type { PathMtus } from './path-mtu.ts';
import type { PacketPool } from './pool.ts';
import type { Resolution } from './resolution.ts';
import type { Settings } from './settings.ts';

/** Where frames go that leave the router by a physical interface. */
export interface FrameSink {
  /** `data[start, end)` is what is kept of a frame of `wireLength` octets; valid during the call only. */
  frame(ifindex: number, data: Uint8Array, start: number, end: number, wireLength: number): void;
}

/** What answers that the router makes about a packet do to the packet's connection (class Conntrack). */
export interface Connections {
  /** Number of the connection that an entry holds: another one, another number. */
  flowOf(entry: number): number;
  /** nf_ct_attach: `generated` belongs to the connection of `cause`. */
  attach(generated: Packet, cause: Packet): void;
  /** nf_ct_set_closing. */
  readonly tcp: { setClosing(entry: number): void };
}

/** The hooks as the datapath runs them (class Netfilter). */
export interface Hooks {
  /** Runs a hook (index of HOOK_NAMES) for a family (NFPROTO_*: 2 ip, 3 arp, 7 bridge, 10 ip6). Returns NF_*. */
  run(hook: number, family: number, packet: Packet): number;
  runIngress(packet: Packet): number;
  runEgress(packet: Packet): number;
  hasIngress(ifindex: number): boolean;
  hasEgress(ifindex: number): boolean;
  readonly conntrack?: Connections;
}

/** The router as its stages see it. */
export interface Stack {
  readonly interfaces: Interfaces;
  readonly fib: Fib;
  readonly neighbours: Neighbours;
  readonly settings: Settings;
  readonly hooks: Hooks;
  readonly recorder: Recorder;
  readonly pool: PacketPool;
  readonly fdb: Fdb;
  readonly icmpRate: IcmpRate;
  readonly pathMtus: PathMtus;
  /** Packets for neighbours that do not answer. */
  readonly resolution: Resolution;
  readonly sink: FrameSink;
  /** RouterSpec.strictMac. */
  readonly strictMac: boolean;
  /** Route of the packet whose output hook said that it must be looked up again; undefined: it was not. */
  rerouted: Route | undefined;
  /** A hook of the bridge family is running. */
  atLink: boolean;
  /** Families (1: IPv4, 2: IPv6) whose ICMP socket is sending: meanwhile it sends nothing else (icmp_xmit_lock). */
  icmpSending: number;
  /**
   * IPv4 identification of what the router makes about a packet, and identification of its IPv6 fragments: of its headers
   * alone, because a count would depend on the packets of other connections.
   */
  ipId(about: Packet): number;
  fragmentId(about: Packet): number;
  /** Milliseconds since midnight UT at a packet's time (inet_current_timestamp). */
  millisecondsOfDay(timeNs: number): number;
  /** A frame left by this interface. */
  sent(ifindex: number): void;
  /** ip_defrag of a fragment for the router itself that conntrack did not gather: NF_*, the packet then being whole. */
  defragLocal(packet: Packet): number;
  /** icmp_send or icmpv6_send about a packet, by its version; `isLocal`: its route leads to the router itself. */
  icmpError(packet: Packet, type: number, code: number, info: number, isLocal: boolean): void;
}
