// Which flows change their fate between two rulesets: two replays of the same captures through the same router, laid side
// by side packet by packet, differences grouped by the pair of rules that makes them.
import { u8, u32 } from '../base/columns.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Profile } from '../cost/profile.ts';
import { reasonIndex } from '../event/reasons.ts';
import type { ReplayOptions } from '../replay/replay.ts';
import type { RulesetSwap } from '../replay/task.ts';
import { type ColumnReplay, type PacketColumns, replayColumns } from './columns.ts';
import { Comparison, type DiffEntry } from './comparison.ts';
import { fateDifference, otherReason } from './fate.ts';
import type { SideFigures } from './figures.ts';
import { flowsOf } from './flows.ts';
import { firstFrames, frameChange } from './frame-change.ts';
import { RuleBook } from './rule-book.ts';
import { Side } from './side.ts';

const LEFT_OUT = reasonIndex('left-out');

export interface Diff {
  old: ColumnReplay;
  new: ColumnReplay;
  profile: Profile;
  entries: DiffEntry[];
  changedPackets: number;
  changedFlows: number;
  /** All flows of the captures, of those packets that --match lets in. */
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
  // A second look at single packets: the same replays again.
  const again = (ruleset: Ruleset, other: Ruleset): ReplayOptions => ({
    ...options.replay,
    ruleset,
    otherRulesets: [other],
    knownConnections: old.knownConnections,
  });
  const first = again(options.old, options.new);
  const second = again(options.new, options.old);
  if (options.swap === undefined) {
    const diff = await compareSides(sides, options.replay.captures, profile);
    await describeFrames(diff.entries, first, second, old.result.names.interfaces);
    return diff;
  }
  const swap = { ...options.swap, ruleset: options.new };
  const swapped = await replayColumns({
    ...options.replay,
    ruleset: options.old,
    otherRulesets: [options.new],
    conntrack: false,
    knownConnections: old.knownConnections,
    swap,
  });
  const third = { ...first, swap };
  const middle = () => new Side(swapped, new RuleBook([options.old, options.new], swap.keeps));
  const diff = await compareSides({ old: sides.old, new: middle() }, options.replay.captures, profile);
  const before = swapped.result.swappedBefore;
  const untouched = await compareSides({ old: middle(), new: sides.new }, options.replay.captures, profile, {
    from: (before ?? Number.POSITIVE_INFINITY) - 1,
    unchangedSince: old.columns,
    former: sides.old.book,
  });
  await describeFrames(diff.entries, first, third, old.result.names.interfaces);
  await describeFrames(untouched.entries, third, second, old.result.names.interfaces);
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

/** Says what differs in the frames of examples, where nothing else says it. */
async function describeFrames(
  entries: readonly DiffEntry[],
  old: ReplayOptions,
  now: ReplayOptions,
  names: readonly string[],
): Promise<void> {
  const examples = entries
    .filter(({ fate }) => fate === 'translation' || fate === 'interface' || fate === 'frames')
    .flatMap((row) => row.examples);
  if (examples.length === 0) return;
  const packets = new Set(examples.map((row) => row.packet));
  const before = await firstFrames(old, packets);
  const after = await firstFrames(now, packets);
  for (const example of examples) {
    const change = frameChange(before.get(example.packet), after.get(example.packet), names);
    if (change !== undefined) example.change = change;
  }
}

/** Rows that count: from a row on, of flows that began before it, and whose fate is that of another replay. */
interface Selection {
  from: number;
  unchangedSince: PacketColumns;
  /** The rules before the change. */
  former: RuleBook;
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
  const comparison = new Comparison(sides, profile, selection?.former);
  const isLeftOut = (row: number): boolean => u8(old.columns.reason, row) === LEFT_OUT;
  const flows = await flowsOf(captures, packets, [old.columns.flow, now.columns.flow], isLeftOut);
  if (selection !== undefined) select(differs, selection, old.columns, flows);
  let otherwiseDecided = 0;
  for (let row = 0; row < packets; row++) {
    if (isLeftOut(row)) continue;
    comparison.add(row, u32(flows, row), u8(differs, row));
    if (u8(differs, row) === 0 && otherReason(old.columns, now.columns, row)) otherwiseDecided++;
  }
  return {
    old,
    new: now,
    profile,
    ...(await comparison.result(captures)),
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
