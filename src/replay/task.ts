// What one worker replays, as data that crosses to its thread.
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Clone } from '../capture/clone.ts';
import type { RouterSpec } from '../net/spec.ts';
import type { HardwareModel } from '../netfilter/flowtable/hardware.ts';
import type { TraceChoice } from './trace-collector.ts';

export type OffloadMode = 'as-ruled' | 'off' | 'software' | 'hardware';

/** A capture and, when the user said so, the router interface that it entered at. */
export interface CaptureSource {
  path: string;
  ingress?: string;
  /** A cooked capture taken on the router itself: packets marked "outgoing" are copies of what it sent. */
  hasOutgoingCopies?: boolean;
  /** Its packets as other users', later or faster (src/plan). */
  clone?: Clone;
}

/** When another ruleset takes the place of the first one, on a running router. */
export interface RulesetSwap {
  /** Its interface numbers are those of the first one. */
  ruleset: Ruleset;
  /** Before a packet (1-based); nanoseconds after the first packet; or nanoseconds since 1970, as decimal text. */
  at: { packet: number } | { afterNs: number } | { atNs: string };
  /** Flowtables and sets that both have stay with what is in them (a change by `nft -f` that deletes nothing). */
  keeps: boolean;
}

export interface ReplayTask {
  ruleset: Ruleset;
  router: RouterSpec;
  /** The router was inferred: unknown tags are taken off, inside captures under NAT are undone. */
  inferred: boolean;
  captures: CaptureSource[];
  /** Inferred router, ruleset without NAT: its outside IPv4 address, whose answers go to who asked (retranslate.ts). */
  ownAddress?: number;
  offload: OffloadMode;
  /** The engine behind `flags offload`; absent: a common one. */
  hardware?: HardwareModel;
  seed: number;
  /** Connections whose first packet was dropped stay known (--known-connections). */
  keepDropped: boolean;
  /** nft's expressions (src/nft/compile-match.ts): only these packets enter the router. */
  match?: string;
  /** Wrong checksums are computed anew before a packet enters (fix-checksums.ts). */
  fixChecksums?: boolean;
  /** Interface on whose wire the captures were taken, or 'any' (captured-on.ts). */
  capturedOn?: string;
  /** Packets whose walks are kept. */
  trace?: TraceChoice;
  /** Another ruleset takes over in the middle. */
  swap?: RulesetSwap;
  /** Found elements are counted, and who took the packets of these rules (global indexes). */
  coverage?: { probe: readonly number[] };
  /** Expressions count what decides their price: for instructions and cycles. */
  countsWork: boolean;
  /** Whether the result lists the connections left at the end: a line of text for each. */
  listsConntrack: boolean;
  /** Event rows carry a digest of the frames that left. */
  digests?: boolean;
  /** This worker's share of the flows; absent: all of them. */
  shard?: { index: number; of: number };
  /** Files for per-packet rows (src/replay/spill.ts); absent: not wanted. */
  eventsSpill?: string;
  framesSpill?: string;
  /** Packets whose frames are wanted; absent: all. */
  framesOf?: ReadonlySet<number>;
}

/** A user's error that ended a task, as data: an error loses its class on the way between threads. */
export interface TaskFailure {
  failure: { code: string; message: string };
}

/** How far a task is. */
export interface Progress {
  packets: number;
  octetsRead: number;
  /** 0 when unknown (pipes). */
  octetsTotal: number;
}
