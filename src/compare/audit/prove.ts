// Does a change of the ruleset mend a finding? It is compiled and replayed with offload, and laid beside the replay of the
// original without offload: the finding must be gone, and nothing else may be worse than before.
import { NftreplayError } from '../../base/errors.ts';
import { type ColumnReplay, replayColumns } from '../columns.ts';
import type { Candidate, FixKind } from './candidate.ts';
import { type ChangedFate, type Differences, differences } from './differences.ts';
import type { Effect } from './effects.ts';
import type { AuditInputs } from './inputs.ts';
import type { Patched } from './patch.ts';
import { allEffects } from './paths.ts';

/** A change that a replay has shown to work. */
export interface Fix {
  kind: FixKind;
  what: string;
  /** nft text; lines begin with '+ ' or '- ' where something is replaced. */
  lines: string[];
  /** Packets on the fast path before and with it. */
  fastBefore: number;
  fastAfter: number;
  /** Estimated cycles of all connections with offload, as a part of those without: before and with it. */
  costBefore: number;
  costAfter: number;
  /** Rules that more packets pass by than before: only where the fix was to put more on the fast path. */
  moreMissed: number;
  /** It was only asked whether packets pass or stop that did not before. */
  isOnlyFates: boolean;
  /** The whole ruleset with the change. */
  text: string;
}

/** What is known before any fix is tried. */
export interface Baseline {
  off: ColumnReplay;
  effects: readonly Effect[][];
  on: ColumnReplay;
  before: Differences;
  /** Estimated cycles of a replay as a part of those without offload. */
  costOf: (replay: ColumnReplay) => number;
  /** Fixes that worked for other findings: they are looked at first. */
  proved: { fix: Fix; after: Differences; replay: ColumnReplay }[];
  /** The fix is to put more on the fast path: only fates must not get worse. */
  mayMissMore?: boolean;
}

/** A finding that is to be gone: how much of it is left. */
export type Measure = (after: Differences, replay: ColumnReplay) => number;

/** The first candidate that leaves nothing of the finding and makes nothing worse; undefined: none does. */
export async function firstProved(
  candidates: readonly Candidate[],
  inputs: AuditInputs,
  base: Baseline,
  left: Measure,
): Promise<Fix | undefined> {
  // One change that mends several findings is better than several.
  for (const known of base.proved) if (left(known.after, known.replay) === 0) return known.fix;
  for (const candidate of candidates) {
    const patched = compiled(candidate);
    if (patched === undefined) continue;
    const replay = await replayed(patched, inputs);
    if (replay === undefined) continue;
    const after = differences(base.off, base.effects, {
      replay,
      effects: allEffects(patched.ruleset),
      ruleOf: (rule) => patched.ruleOf[rule] ?? -1,
      hardwareCounts: patched.ruleset.tables.every((table) => table.flowtables.every((row) => row.counter)),
    });
    if (left(after, replay) > 0 || isWorse(base, after)) continue;
    const { kind, what, lines } = candidate;
    const fix: Fix = {
      kind,
      what,
      lines,
      fastBefore: fastPackets(base.on),
      fastAfter: fastPackets(replay),
      costBefore: base.costOf(base.on),
      costAfter: base.costOf(replay),
      moreMissed: moreMissed(base, after).length,
      isOnlyFates: base.mayMissMore === true,
      text: patched.text,
    };
    if (base.mayMissMore !== true) base.proved.push({ fix, after, replay });
    return fix;
  }
  return undefined;
}

/** Packets that took a fast path. */
export function fastPackets({ result }: ColumnReplay): number {
  return result.flows.fastPackets + result.flows.hardwarePackets;
}

/** undefined: the router has not what the change names. */
async function replayed({ ruleset }: Patched, inputs: AuditInputs): Promise<ColumnReplay | undefined> {
  try {
    return await replayColumns({ ...inputs.replay, ruleset, offload: inputs.mode });
  } catch (error) {
    if (error instanceof NftreplayError) return undefined;
    throw error;
  }
}

function compiled(candidate: Candidate): Patched | undefined {
  try {
    const patched = candidate.patch.compile();
    return patched.isComplete ? patched : undefined;
  } catch (error) {
    if (error instanceof NftreplayError) return undefined;
    throw error;
  }
}

/** Is any difference larger than it was? */
function isWorse({ before, mayMissMore }: Baseline, after: Differences): boolean {
  const fates = new Map(before.fates.map((row) => [fateKey(row), row.packets]));
  if (after.fates.some((row) => row.packets > (fates.get(fateKey(row)) ?? 0))) return true;
  if (mayMissMore === true) return false;
  return (
    moreMissed({ before }, after).length > 0 ||
    after.frames.all.packets > before.frames.all.packets ||
    after.marks > before.marks ||
    after.uncounted.packets > before.uncounted.packets
  );
}

/** The rules, by number, that more packets pass by than before. */
function moreMissed({ before }: Pick<Baseline, 'before'>, after: Differences): number[] {
  const missed = new Map(before.missed.map((row) => [`${row.rule},${row.ordinal}`, row.packets]));
  const more = after.missed.filter((row) => row.packets > (missed.get(`${row.rule},${row.ordinal}`) ?? 0));
  return [...new Set(more.map((row) => row.rule))];
}

/** Rules have other numbers in a changed ruleset. */
function fateKey({ passes, reason }: ChangedFate): string {
  return `${passes},${reason}`;
}
