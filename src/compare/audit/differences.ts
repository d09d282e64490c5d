// Two replays of one capture, without and with offload, laid side by side by packet: which rules stopped acting, whose
// fate changed, whose frames changed, what conntrack no longer counted. Every figure is a count of packets that differ.
import { f64, u8, u32 } from '../../base/columns.ts';
import { PATH_SLOW, VERDICT_DROP, VERDICT_FORWARD, VERDICT_LOCAL } from '../../packet/packet.ts';
import type { ColumnReplay, PacketColumns } from '../columns.ts';
import type { Effect } from './effects.ts';
import { type Action, actions, type PathFacts, Paths } from './paths.ts';

/** Packets that a finding is about. */
export interface Extent {
  packets: number;
  bytes: number;
  /** Connections; packets without one count as none. */
  flows: number;
  /** Number and time (nanoseconds since the first packet of the capture) of the first one. */
  firstPacket: number;
  firstTimeNs: number;
}

/** A statement that did not run on packets because they took the fast path. */
export interface MissedAction extends Extent {
  /** Global index. */
  rule: number;
  /** Which of the rule's effects. */
  ordinal: number;
  effect: Effect;
  /** Packets that the statement ran on without offload, these included. */
  of: number;
  /** Of the packets: those of connections that the statement has never run on before, with offload. */
  unseen: number;
  /** Of the packets: those whose frames left the router different. */
  changedFrames: number;
}

/** Packets that go another way: without offload stopped, with it let through, or the reverse. */
export interface ChangedFate extends Extent {
  passes: boolean;
  /** Of the replay that stopped them: row of event/reasons.ts, and its rule or chain. */
  reason: number;
  detail: number;
  /** Of the packets: those that conntrack calls invalid without offload; the fast path does not ask. */
  invalid: number;
}

export interface Differences {
  missed: MissedAction[];
  fates: ChangedFate[];
  /**
   * Frames that left different, of packets that both forwarded; `unexplained`: no rule that was missed rewrites packets;
   * `invalid`: of these, packets that conntrack calls invalid without offload and does not translate.
   */
  frames: { all: Extent; unexplained: Extent; invalid: Extent };
  /** Packets that went on with another mark, or whose connection had another one. */
  marks: number;
  /** Packets that conntrack counted without offload only, and all that it counted. */
  uncounted: Extent;
  counted: number;
}

/** A replay with offload, to be compared with the one without. */
export interface WithOffload {
  replay: ColumnReplay;
  effects: readonly Effect[][];
  /** Rules by the numbers of the ruleset without offload, when it is another one; -1: it has no such rule. */
  ruleOf?: (rule: number) => number;
  /** The engine's packets are read into conntrack, because the flowtables have `counter`. */
  hardwareCounts: boolean;
}

/** What offload changes. `effects`: of the ruleset that `off` was replayed with. */
export function differences(off: ColumnReplay, effects: readonly Effect[][], on: WithOffload): Differences {
  return new Comparison(off, effects, on).run();
}

/** What two paths have to tell each other, worked out once for each pair that a packet took. */
interface Pair {
  /** Rows of Comparison.missed that this packet adds to. */
  missed: Tally[];
  /** Statements that ran with offload and are needed once a connection. */
  ran: Tally[];
  /** A statement that rewrites packets is among the missed. */
  rewrites: boolean;
  uncounted: boolean;
}

class Comparison {
  readonly #off: PacketColumns;
  readonly #on: PacketColumns;
  readonly #offPaths: Paths;
  readonly #onPaths: Paths;
  readonly #onCount: number;
  readonly #effects: readonly Effect[][];
  readonly #with: WithOffload;
  readonly #pairs = new Map<number, Pair>();
  readonly #tallies = new Map<string, Tally>();
  readonly #ran = new Map<string, number>();

  constructor(off: ColumnReplay, effects: readonly Effect[][], on: WithOffload) {
    this.#off = off.columns;
    this.#on = on.replay.columns;
    this.#offPaths = new Paths(off.result.paths);
    this.#onPaths = new Paths(on.replay.result.paths);
    this.#onCount = on.replay.result.paths.packets.length;
    this.#effects = effects;
    this.#with = on;
    this.#countActions(off);
  }

  run(): Differences {
    const off = this.#off;
    const on = this.#on;
    const frames = { all: new Span(), unexplained: new Span(), invalid: new Span() };
    const uncounted = new Span();
    const fates: Fates = new Map();
    let counted = 0;
    let marks = 0;
    for (let at = 0; at < off.packets; at++) {
      const pair = this.#pair(u32(off.path, at), u32(on.path, at), u8(on.pathClass, at));
      const changed =
        u8(off.verdict, at) === VERDICT_FORWARD &&
        u8(on.verdict, at) === VERDICT_FORWARD &&
        u32(off.digest, at) !== u32(on.digest, at);
      if (goesOn(off, at) && goesOn(on, at) && !hasSameMarks(off, on, at)) marks++;
      for (const tally of pair.missed) tally.add(on, at, changed);
      for (const tally of pair.ran) tally.see(u32(on.flow, at));
      if (pair.uncounted) uncounted.add(on, at);
      const { isAccounted, isInvalid } = this.#offPaths.facts(u32(off.path, at));
      if (isAccounted) counted++;
      if (changed) {
        frames.all.add(on, at);
        if (!pair.rewrites) (isInvalid ? frames.invalid : frames.unexplained).add(on, at);
      }
      if (u8(off.verdict, at) !== u8(on.verdict, at)) noteFate(fates, off, on, at, isInvalid);
    }
    return {
      missed: [...this.#tallies.values()].filter((row) => row.span.packets > 0).map((row) => this.#missedAction(row)),
      fates: [...fates.values()].map(({ span, ...rest }) => ({ ...rest, ...span.extent() })),
      frames: {
        all: frames.all.extent(),
        unexplained: frames.unexplained.extent(),
        invalid: frames.invalid.extent(),
      },
      marks,
      uncounted: uncounted.extent(),
      counted,
    };
  }

  #missedAction(tally: Tally): MissedAction {
    const { action, unseen, changedFrames } = tally;
    const of = this.#ran.get(tally.key) ?? 0;
    return {
      rule: action.rule,
      ordinal: action.ordinal,
      effect: action.effect,
      of,
      unseen,
      changedFrames,
      ...tally.span.extent(),
    };
  }

  /** How many packets each statement ran on without offload. */
  #countActions({ result }: ColumnReplay): void {
    for (let path = 0; path < result.paths.packets.length; path++) {
      for (const key of actions(this.#offPaths.facts(path), this.#effects).keys()) {
        this.#ran.set(key, (this.#ran.get(key) ?? 0) + f64(result.paths.packets, path));
      }
    }
  }

  #pair(offPath: number, onPath: number, onClass: number): Pair {
    const key = offPath * this.#onCount + onPath;
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const pair = this.#makePair(this.#offPaths.facts(offPath), this.#onPaths.facts(onPath), onClass !== PATH_SLOW);
    this.#pairs.set(key, pair);
    return pair;
  }

  #makePair(off: PathFacts, on: PathFacts, isFast: boolean): Pair {
    const ran = actions(on, this.#with.effects, this.#with.ruleOf);
    // What a packet of the slow path met otherwise is the consequence of another difference.
    const missed = isFast ? [...actions(off, this.#effects)].filter(([key]) => !ran.has(key)) : [];
    return {
      missed: missed.map(([key, action]) => this.#tally(key, action)),
      ran: [...ran].map(([key, action]) => this.#tally(key, action)),
      rewrites: missed.some(([, { effect }]) => REWRITES.has(effect.kind)),
      uncounted: off.isAccounted && !on.isAccounted && !(on.isHardware && this.#with.hardwareCounts),
    };
  }

  #tally(key: string, action: Action): Tally {
    const known = this.#tallies.get(key);
    if (known !== undefined) return known;
    const tally = new Tally(action, key);
    this.#tallies.set(key, tally);
    return tally;
  }
}

/** Effects that change what leaves the router. */
const REWRITES: ReadonlySet<string> = new Set(['header rewrite', 'TCP option rewrite', 'copy', 'redirection']);

type Fates = Map<string, { span: Span; passes: boolean; reason: number; detail: number; invalid: number }>;

function noteFate(fates: Fates, off: PacketColumns, on: PacketColumns, at: number, isInvalid: boolean): void {
  const passes = isStopped(off, at) && goesOn(on, at);
  if (!passes && !(goesOn(off, at) && isStopped(on, at))) return;
  const stopping = passes ? off : on;
  const reason = u8(stopping.reason, at);
  const detail = stopping.detail[at] as number;
  const key = `${passes},${reason},${detail}`;
  const row = fates.get(key) ?? { span: new Span(), passes, reason, detail, invalid: 0 };
  fates.set(key, row);
  row.span.add(on, at);
  if (isInvalid) row.invalid++;
}

function hasSameMarks(off: PacketColumns, on: PacketColumns, at: number): boolean {
  return u32(off.mark, at) === u32(on.mark, at) && u32(off.ctMark, at) === u32(on.ctMark, at);
}

function isStopped(columns: PacketColumns, at: number): boolean {
  return u8(columns.verdict, at) === VERDICT_DROP;
}

function goesOn(columns: PacketColumns, at: number): boolean {
  const verdict = u8(columns.verdict, at);
  return verdict === VERDICT_FORWARD || verdict === VERDICT_LOCAL;
}

/** A set of connection numbers, an octet of memory for eight. */
class FlowSet {
  size = 0;
  #bits = new Uint8Array(64);

  has(flow: number): boolean {
    return ((this.#bits[flow >>> 3] ?? 0) & (1 << (flow & 7))) !== 0;
  }

  add(flow: number): void {
    if (flow === 0 || this.has(flow)) return;
    const octet = flow >>> 3;
    if (octet >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(octet + 1, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#bits[octet] = u8(this.#bits, octet) | (1 << (flow & 7));
    this.size++;
  }
}

/** Packets of one finding. */
export class Span {
  packets = 0;
  bytes = 0;
  readonly flows = new FlowSet();
  #first = -1;
  #firstTimeNs = 0;

  add(columns: PacketColumns, at: number): void {
    if (this.#first < 0) {
      this.#first = at;
      this.#firstTimeNs = f64(columns.timeNs, at);
    }
    this.packets++;
    this.bytes += u32(columns.wireOctets, at);
    this.flows.add(u32(columns.flow, at));
  }

  extent(): Extent {
    const { packets, bytes } = this;
    return {
      packets,
      bytes,
      flows: this.flows.size,
      firstPacket: this.#first + 1,
      firstTimeNs: this.#firstTimeNs,
    };
  }
}

class Tally {
  readonly action: Action;
  readonly key: string;
  readonly span = new Span();
  unseen = 0;
  changedFrames = 0;
  readonly #seen = new FlowSet();

  constructor(action: Action, key: string) {
    this.action = action;
    this.key = key;
  }

  /** The statement missed a packet. */
  add(columns: PacketColumns, at: number, changed: boolean): void {
    this.span.add(columns, at);
    if (changed) this.changedFrames++;
    if (!this.#seen.has(u32(columns.flow, at))) this.unseen++;
  }

  /** The statement ran on a packet of this connection. */
  see(flow: number): void {
    this.#seen.add(flow);
  }
}
