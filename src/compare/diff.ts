// Which flows change their fate between two rulesets: two replays of the same captures through the same router, laid side
// by side packet by packet, differences grouped by the pair of rules that makes them.
import { f64, u8, u32 } from '../base/columns.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import { packetCycles, price } from '../cost/pricing.ts';
import type { Profile } from '../cost/profile.ts';
import { reasonIndex } from '../event/reasons.ts';
import { PATH_CLASSES, PATH_SLOW, VERDICTS } from '../packet/packet.ts';
import type { ReplayOptions } from '../replay/replay.ts';
import type { RulesetSwap } from '../replay/task.ts';
import { Causes } from './cause.ts';
import { type ColumnReplay, type PacketColumns, replayColumns } from './columns.ts';
import { type Decision, decisionKey } from './decision.ts';
import { FATES, type FateName, fateDifference, otherReason, strongest } from './fate.ts';
import { eachFrame, flowsOf } from './flows.ts';
import { Alignment, RuleBook } from './rule-book.ts';
import { Side } from './side.ts';

const LEFT_OUT = reasonIndex('left-out');

/** What packets of one side come to. */
export interface SideFigures {
  packets: number;
  bytes: number;
  cycles: number;
  /** Packets that a flowtable forwarded. */
  fastPackets: number;
  /** By verdict: index as VERDICTS. */
  verdicts: number[];
}

export interface DiffExample {
  /** 1-based. */
  packet: number;
  timeNs: number;
  /** 'tcp 192.168.1.10:40000 > 198.51.100.7:443 S'. */
  tuple: string;
  /** What differs in the frames that left: 'ttl 63 -> 62'. */
  change?: string;
}

/** All flows that differ in one way for one cause. */
export interface DiffEntry {
  fate: FateName;
  /** 'forward', 'drop', 'software', …; what the packets met on each side. */
  from: string;
  to: string;
  old: Decision;
  new: Decision;
  flows: number;
  /** Packets that differ, and their octets on the wire. */
  packets: number;
  bytes: number;
  /** All packets of these flows, on each side. */
  before: SideFigures;
  after: SideFigures;
  examples: DiffExample[];
}

export interface Diff {
  old: ColumnReplay;
  new: ColumnReplay;
  profile: Profile;
  entries: DiffEntry[];
  changedPackets: number;
  changedFlows: number;
  /** All flows of the captures. */
  flows: number;
  /** Packets with the same fate, which another rule or reason decided. */
  otherwiseDecided: number;
  before: SideFigures;
  after: SideFigures;
  swap?: SwapResult;
}

/** What swapping in the middle leaves as it was. */
export interface SwapResult {
  /** First packet that met the new ruleset; absent: the capture ended before. */
  before?: number;
  /** Flowtables and sets that both rulesets have stayed. */
  keeps: boolean;
  /** Connections that began before and go on as before, though the new ruleset alone would treat them otherwise. */
  untouched: DiffEntry[];
  untouchedFlows: number;
  untouchedPackets: number;
}

export interface DiffOptions {
  old: Ruleset;
  new: Ruleset;
  /** Both replays' options but the ruleset; captures must be files. */
  replay: Omit<ReplayOptions, 'ruleset' | 'onEvents' | 'onFrames'>;
  profile: Profile;
  /** The new ruleset takes over in the middle, on the running router, instead of from the start. */
  swap?: Omit<RulesetSwap, 'ruleset'>;
}

const MAX_EXAMPLES = 3;

/**
 * Compares two rulesets over captures. Their interface numbers must agree (compile the second with the first one's
 * interfaceNames and the first again with the second's). Throws as replayCaptures does.
 */
export async function diffRulesets(options: DiffOptions): Promise<Diff> {
  const { profile } = options;
  const run = (ruleset: Ruleset, other: Ruleset, knownConnections = options.replay.knownConnections) =>
    replayColumns({
      ...options.replay,
      ruleset,
      otherRulesets: [other],
      conntrack: false,
      ...(knownConnections === undefined ? {} : { knownConnections }),
    });
  let old = await run(options.old, options.new);
  // With a swap the old ruleset made the connections, and what was guessed for it holds.
  let now = await run(options.new, options.old, options.swap === undefined ? undefined : old.knownConnections);
  // What one side guessed of the capture holds for both.
  if (options.swap === undefined) {
    if (old.knownConnections && !now.knownConnections) now = await run(options.new, options.old, true);
    if (now.knownConnections && !old.knownConnections) old = await run(options.old, options.new, true);
  }
  const sides = {
    old: new Side(old, new RuleBook([options.old])),
    new: new Side(now, new RuleBook([options.new])),
  };
  if (options.swap === undefined) return compareSides(sides, options.replay.captures, profile);
  const swap = { ...options.swap, ruleset: options.new };
  const swapped = await replayColumns({
    ...options.replay,
    ruleset: options.old,
    otherRulesets: [options.new],
    conntrack: false,
    knownConnections: old.knownConnections,
    swap,
  });
  const middle = () => new Side(swapped, new RuleBook([options.old, options.new], swap.keeps));
  const diff = await compareSides({ old: sides.old, new: middle() }, options.replay.captures, profile);
  const before = swapped.result.swappedBefore;
  const untouched = await compareSides({ old: middle(), new: sides.new }, options.replay.captures, profile, {
    from: (before ?? Number.POSITIVE_INFINITY) - 1,
    unchangedSince: old.columns,
  });
  return {
    ...diff,
    swap: {
      ...(before === undefined ? {} : { before }),
      keeps: swap.keeps,
      untouched: untouched.entries,
      untouchedFlows: untouched.changedFlows,
      untouchedPackets: untouched.changedPackets,
    },
  };
}

/** Rows that count: from a row on, of flows that began before it, and whose fate is that of another replay. */
interface Selection {
  from: number;
  unchangedSince: PacketColumns;
}

/** Compares two replays of the same captures. */
export async function compareSides(
  sides: { old: Side; new: Side },
  captures: ReplayOptions['captures'],
  profile: Profile,
  selection?: Selection,
): Promise<Diff> {
  const old = sides.old.replay;
  const now = sides.new.replay;
  const packets = old.columns.packets;
  const differs = differences(old.columns, now.columns);
  const comparison = new Comparison(sides, profile);
  const flows = await flowsOf(captures, packets, [old.columns.flow, now.columns.flow]);
  if (selection !== undefined) select(differs, selection, old.columns, flows);
  let otherwiseDecided = 0;
  for (let row = 0; row < packets; row++) {
    if (u8(old.columns.reason, row) === LEFT_OUT) continue;
    comparison.add(row, u32(flows, row), u8(differs, row));
    if (u8(differs, row) === 0 && otherReason(old.columns, now.columns, row)) otherwiseDecided++;
  }
  await comparison.describeExamples(captures);
  return {
    old,
    new: now,
    profile,
    ...comparison.result(),
    flows: flows.reduce((max, flow) => Math.max(max, flow), 0),
    otherwiseDecided,
  };
}

/** [row] bits of src/compare/fate.ts. */
function differences(old: PacketColumns, now: PacketColumns): Uint8Array {
  return Uint8Array.from({ length: old.packets }, (_, row) => fateDifference(old, now, row));
}

/** Clears the differences of rows that do not count. */
function select(
  differs: Uint8Array,
  { from, unchangedSince }: Selection,
  columns: PacketColumns,
  flows: Uint32Array,
): void {
  const running = new Set<number>();
  for (let row = 0; row < differs.length; row++) {
    if (row < from) running.add(u32(flows, row));
    const counts = row >= from && running.has(u32(flows, row)) && fateDifference(unchangedSince, columns, row) === 0;
    if (!counts) differs[row] = 0;
  }
}

interface OpenEntry extends Omit<DiffEntry, 'before' | 'after'> {
  members: Set<number>;
  firstRow: number;
}

/** Puts rows into entries and adds up. */
class Comparison {
  readonly #sides: { old: Side; new: Side };
  readonly #causes: Causes;
  readonly #entries = new Map<string, OpenEntry>();
  /** By 'flow way': the entry of a flow's packets that differ in one way. */
  readonly #ways = new Map<string, OpenEntry>();
  readonly #changed = new Set<number>();
  readonly #before: Figures;
  readonly #after: Figures;
  #changedPackets = 0;

  constructor(sides: { old: Side; new: Side }, profile: Profile) {
    this.#sides = sides;
    const { old, new: now } = sides;
    this.#causes = new Causes(sides, new Alignment(old.book, now.book), new Alignment(now.book, old.book));
    this.#before = new Figures(old.replay, profile);
    this.#after = new Figures(now.replay, profile);
  }

  add(row: number, flow: number, bits: number): void {
    this.#sides.old.remember(row);
    this.#sides.new.remember(row);
    this.#before.add(row, flow);
    this.#after.add(row, flow);
    if (bits === 0) return;
    this.#changedPackets++;
    this.#changed.add(flow);
    const fate = FATES[strongest(bits)] ?? 'frames';
    const from = state(this.#sides.old.replay.columns, row, fate);
    const to = state(this.#sides.new.replay.columns, row, fate);
    // Marks may differ from flow to flow: one cause all the same.
    const way = fate === 'mark' ? `${flow} mark` : `${flow} ${fate} ${from} ${to}`;
    let entry = this.#ways.get(way);
    if (entry === undefined) {
      entry = this.#entry(row, bits, { fate, from, to });
      this.#ways.set(way, entry);
    }
    entry.packets++;
    entry.bytes += u32(this.#sides.old.replay.columns.wireOctets, row);
    if (!entry.members.has(flow)) {
      entry.members.add(flow);
      entry.flows++;
      if (entry.examples.length < MAX_EXAMPLES) {
        entry.examples.push({ packet: row + 1, timeNs: f64(this.#sides.old.replay.columns.timeNs, row), tuple: '' });
      }
    }
  }

  /** Fills in what the examples' packets say of themselves: one more look at the captures. */
  async describeExamples(captures: ReplayOptions['captures']): Promise<void> {
    const wanted = new Map<number, DiffExample[]>();
    for (const { examples } of this.#entries.values()) {
      for (const example of examples) {
        wanted.set(example.packet - 1, [...(wanted.get(example.packet - 1) ?? []), example]);
      }
    }
    if (wanted.size === 0) return;
    await eachFrame(captures, (row, frame) => {
      for (const example of wanted.get(row) ?? []) example.tuple = frame.text();
    });
  }

  result(): Pick<Diff, 'entries' | 'changedPackets' | 'changedFlows' | 'before' | 'after'> {
    const rows = [...this.#entries.values()].sort(
      (a, b) => FATES.indexOf(a.fate) - FATES.indexOf(b.fate) || b.packets - a.packets || a.firstRow - b.firstRow,
    );
    return {
      entries: rows.map(({ members, firstRow, ...row }) => ({
        ...row,
        before: this.#before.of(members),
        after: this.#after.of(members),
      })),
      changedPackets: this.#changedPackets,
      changedFlows: this.#changed.size,
      before: this.#before.all(),
      after: this.#after.all(),
    };
  }

  #entry(row: number, bits: number, way: { fate: FateName; from: string; to: string }): OpenEntry {
    const cause = this.#causes.of(row, bits);
    const states = way.fate === 'mark' ? '' : `${way.from} ${way.to}`;
    const key = `${way.fate} ${states} ${decisionKey(cause.old)} ${decisionKey(cause.new)}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { ...way, ...cause, flows: 0, packets: 0, bytes: 0, examples: [], members: new Set(), firstRow: row };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}

/** What a packet met, in the terms of the difference that tells most. */
function state(columns: PacketColumns, row: number, fate: FateName): string {
  switch (fate) {
    case 'verdict':
      return VERDICTS[u8(columns.verdict, row)] ?? '';
    case 'path':
      return PATH_CLASSES[u8(columns.pathClass, row)] ?? '';
    case 'mark':
      return `mark 0x${u32(columns.mark, row).toString(16)}, ct mark 0x${u32(columns.ctMark, row).toString(16)}`;
    case 'frames':
      return u32(columns.digest, row) === 0 ? 'no frame' : 'frames';
    default:
      return '';
  }
}

/** Adds up one side, by flow and in all. */
class Figures {
  readonly #columns: PacketColumns;
  readonly #cycles: (path: number, octets: number) => number;
  readonly #byFlow: SideFigures[] = [];

  constructor(replay: ColumnReplay, profile: Profile) {
    this.#columns = replay.columns;
    const pricing = price(replay.result.paths, replay.result.names, profile);
    this.#cycles = (path, octets) => packetCycles(pricing, path, octets);
  }

  add(row: number, flow: number): void {
    const columns = this.#columns;
    let figures = this.#byFlow[flow];
    if (figures === undefined) {
      figures = noFigures();
      this.#byFlow[flow] = figures;
    }
    const octets = u32(columns.wireOctets, row);
    figures.packets++;
    figures.bytes += octets;
    figures.cycles += this.#cycles(u32(columns.path, row), octets);
    if (u8(columns.pathClass, row) !== PATH_SLOW) figures.fastPackets++;
    const verdict = u8(columns.verdict, row);
    figures.verdicts[verdict] = (figures.verdicts[verdict] ?? 0) + 1;
  }

  of(flows: Iterable<number>): SideFigures {
    const sum = noFigures();
    for (const flow of flows) {
      const row = this.#byFlow[flow];
      if (row === undefined) continue;
      sum.packets += row.packets;
      sum.bytes += row.bytes;
      sum.cycles += row.cycles;
      sum.fastPackets += row.fastPackets;
      for (let verdict = 0; verdict < VERDICTS.length; verdict++) {
        sum.verdicts[verdict] = (sum.verdicts[verdict] ?? 0) + (row.verdicts[verdict] ?? 0);
      }
    }
    return sum;
  }

  all(): SideFigures {
    return this.of(this.#byFlow.keys());
  }
}

function noFigures(): SideFigures {
  return { packets: 0, bytes: 0, cycles: 0, fastPackets: 0, verdicts: VERDICTS.map(() => 0) };
}
