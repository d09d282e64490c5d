// The published rates of set look-ups against the model: what the path with the look-up costs beyond the path without it.
import type { Measured } from '../../src/cost/fit-profile.ts';
import { noTerms, termCycles } from '../../src/cost/fit-profile.ts';
import { price } from '../../src/cost/pricing.ts';
import type { Profile } from '../../src/cost/profile.ts';
import { relativeSpread } from '../../src/cost/profile.ts';
import type { Observed } from '../calibrate/observe.ts';
import type { Verdict } from './judge.ts';
import { type Lookup, selftestPaths } from './selftest.ts';
import { olderInstructions, PKTGEN_INSTRUCTIONS, type SetFigure } from './set-figures.ts';

/** How far one rate may be off by itself: the kernel is not 6.12, the packet always the same. */
const RATE_SPREAD = 0.2;
/** A normal error's rms to the half width that holds four of five. */
const TO_FOUR_OF_FIVE = 1.28;
/** Student's t for four of five is about this much larger, divided by the degrees of freedom. */
const FEW = 0.96;

const replays = new Map<string, Record<Lookup, Observed>>();

/** Replays the tables of all figures: what the others of this file need. */
export async function replaySelftests(rows: readonly SetFigure[]): Promise<void> {
  for (const { table } of rows) {
    const key = table.fields.join();
    if (!replays.has(key)) replays.set(key, await selftestPaths(table));
  }
}

function replaysOf(row: SetFigure): Record<Lookup, Observed> {
  const found = replays.get(row.table.fields.join());
  if (found === undefined) throw new Error(`${row.id}: replaySelftests() was not called`);
  return found;
}

/** Price of the only packet, without NIC, driver and interrupts; and half the width of its interval as a part. */
function bare(row: SetFigure, lookup: Lookup, profile: Profile): { cycles: number; spread: number } {
  const { paths, names, measured } = replaysOf(row)[lookup];
  const nothing = (key: 'rxCycles' | 'groCycles' | 'interruptCycles' | 'cyclesPerOctet') => ({
    ...profile[key],
    value: 0,
  });
  const pricing = price(paths, names, {
    ...profile,
    instructionSet: row.instructionSet ?? profile.instructionSet,
    rxCycles: nothing('rxCycles'),
    groCycles: nothing('groCycles'),
    interruptCycles: nothing('interruptCycles'),
    cyclesPerOctet: nothing('cyclesPerOctet'),
  });
  const path = measured[0] as number;
  return { cycles: pricing.cyclesFixed[path] as number, spread: (pricing.high[path] as number) - 1 };
}

function withValues(
  profile: Profile,
  values: { [key in 'cyclesPerInstruction' | 'ruleRatio' | 'scanRatio']?: number },
) {
  const changed = { ...profile };
  for (const [key, value] of Object.entries(values)) {
    const name = key as keyof typeof values;
    changed[name] = { ...profile[name], value };
  }
  return changed;
}

/** A drop alone as a point of the fit: cycles per instruction. */
function dropPoint(row: SetFigure, profile: Profile): Measured {
  const one = withValues(profile, { cyclesPerInstruction: 1 });
  const terms = { ...noTerms(), cyclesPerInstruction: bare(row, 'none', one).cycles + PKTGEN_INSTRUCTIONS };
  return { name: row.id, cycles: row.hz / (row.value * 1e6), spread: RATE_SPREAD, constant: 0, terms };
}

/** A rate as a point of the fit: of the drop alone, or of what the look-up adds (the two ratios of the profile). */
export function ratePoint(row: SetFigure, profile: Profile): Measured {
  if (row.lookup === 'none') return dropPoint(row, profile);
  const at = (ruleRatio: number, scanRatio: number): number => {
    const here = withValues(profile, { ruleRatio, scanRatio });
    return bare(row, row.lookup, here).cycles - bare(row, 'none', here).cycles;
  };
  const constant = at(0, 0);
  const older =
    olderInstructions(row, compares(row)) * profile.instructionRatio.value * profile.cyclesPerInstruction.value;
  const terms = { ...noTerms(), ruleRatio: at(1, 0) - constant + older, scanRatio: at(0, 1) - constant };
  const cycles = row.hz / (row.value * 1e6) - row.hz / (row.baseline * 1e6);
  return { name: row.id, cycles, spread: RATE_SPREAD, constant, terms };
}

/** Keys that the tree of a figure compared: one at each node, and at those that are less one more. */
function compares(row: SetFigure): number {
  const { names } = replaysOf(row)[row.lookup];
  const work = names.rules.flatMap((rule) => rule.expressions).find((shape) => shape.cost === 'lookup-rbtree')?.work;
  return work === undefined ? 0 : ((work.amounts[0] ?? 0) + (work.amounts[1] ?? 0)) / work.times;
}

/** Whether a look-up is a scan of pipapo's tables. */
function isScan({ lookup, instructionSet, profile }: SetFigure): boolean {
  return lookup === 'pipapo' && (instructionSet !== undefined || profile !== 'epyc-7402');
}

/** Half widths for single look-ups, from the residuals of those fitted: one expression is no path. */
export interface Scatter {
  rules: number;
  scans: number;
}

export function lookupScatter(rows: readonly SetFigure[], fitted: Map<string, Profile>): Scatter {
  const of = (scans: boolean): number => {
    const squares = rows.flatMap((row) => {
      const profile = fitted.get(row.profile);
      if (profile === undefined || row.lookup === 'none' || isScan(row) !== scans) return [];
      const point = ratePoint(row, profile);
      return [Math.log(termCycles(point, profile) / point.cycles) ** 2];
    });
    const rms = Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / Math.max(1, squares.length));
    return rms * (TO_FOUR_OF_FIVE + FEW / Math.max(1, squares.length - 1));
  };
  return { rules: of(false), scans: of(true) };
}

export function judgeSet(row: SetFigure, profile: Profile, scatter: Scatter): Omit<Verdict, 'use'> {
  const { table, lookup, baseline, hz } = row;
  const known = { id: row.id, profile: row.profile, unit: 'Mpps', value: row.value, full: true, limited: false };
  const rate = (cycles: number): number => hz / cycles / 1e6;
  const point = ratePoint(row, profile);
  const cycles = termCycles(point, profile);
  if (lookup === 'none') {
    const { spread } = bare(row, 'none', profile);
    const what = `drop in a netdev hook, pktgen (${table.fields.join()})`;
    return {
      ...known,
      what,
      estimate: rate(cycles),
      low: rate(cycles * (1 + spread)),
      high: rate(cycles / (1 + spread)),
    };
  }
  const isScanned = isScan(row);
  const ratio = relativeSpread(isScanned ? profile.scanRatio : profile.ruleRatio);
  // The residuals are of one kernel and one layout of its code: another one differs by modelSpread at least.
  const spread = Math.hypot(ratio, isScanned ? scatter.scans : scatter.rules, profile.modelSpread.value);
  const alone = hz / (baseline * 1e6);
  const kind =
    lookup === 'pipapo' && profile.name === 'epyc-7402' ? (isScanned ? 'pipapo in C' : 'pipapo, AVX2') : lookup;
  const fields = lookup === 'rbtree' ? table.fields.slice(0, 1) : table.fields;
  return {
    ...known,
    what: `${kind}, ${table.elements} elements of ${fields.join()}, on a drop at ${baseline} Mpps`,
    estimate: rate(alone + cycles),
    low: rate(alone + cycles * (1 + spread)),
    high: rate(alone + cycles / (1 + spread)),
  };
}
