// Fits a profile's numbers to measured cycles per packet. A price is linear in them (`priceTerms`), so this is least squares
// in which the profile's own intervals say how far each number may move (a Gaussian prior), and what is left says how sure the
// new numbers are. Used by `nftreplay calibrate` and by scripts/accuracy.ts.
import type { PathTable } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import type { WorkingSet } from './memory.ts';
import type { Pricing } from './pricing.ts';
import { price } from './pricing.ts';
import type { Confidence, Profile, Quantity } from './profile.ts';
import { relativeSpread } from './profile.ts';

/** Numbers that can be fitted, in the order in which more points free them. */
export const FITTED_KEYS = [
  'cyclesPerInstruction',
  'rxCycles',
  'txCycles',
  'cyclesPerOctet',
  'interruptCycles',
] as const;
/** Further ones, that only what is measured of single look-ups can tell. */
export const RATIO_KEYS = ['ruleRatio', 'scanRatio'] as const;
export type FittedKey = (typeof FITTED_KEYS)[number] | (typeof RATIO_KEYS)[number];
const ALL_KEYS: readonly FittedKey[] = [...FITTED_KEYS, ...RATIO_KEYS];

/** How the cycles of a packet depend on the numbers: constant + sum(terms[key] * profile[key]). */
export interface Terms {
  constant: number;
  terms: Record<FittedKey, number>;
}

export interface Measured extends Terms {
  name: string;
  /** Cycles for each packet. */
  cycles: number;
  /** Half width of the interval around it that holds four of five, as a part. */
  spread: number;
}

export interface FitResult {
  profile: Profile;
  /** (predicted - measured) / measured, before and after. */
  residuals: { name: string; before: number; after: number }[];
}

/** Half widths that hold four of five of a Gaussian, in standard deviations. */
const FOUR_OF_FIVE = 1.28;

/** Terms of what `cyclesOf` makes of prices: each number set to one by itself, the others to nothing (ratios stay). */
export function priceTerms(
  paths: PathTable,
  names: EventNames,
  profile: Profile,
  cyclesOf: (pricing: Pricing) => number,
  state?: WorkingSet,
): Terms {
  const at = (key?: FittedKey) => cyclesOf(price(paths, names, only(profile, key), state));
  const constant = at();
  const terms = noTerms();
  for (const key of FITTED_KEYS) terms[key] = at(key) - constant;
  return { constant, terms };
}

/** Terms of nothing. */
export function noTerms(): Record<FittedKey, number> {
  return Object.fromEntries(ALL_KEYS.map((key) => [key, 0])) as Record<FittedKey, number>;
}

function only(profile: Profile, key: FittedKey | undefined): Profile {
  const zeroes = Object.fromEntries(
    FITTED_KEYS.map((one) => [one, { ...profile[one], value: one === key ? 1 : 0 }]),
  ) as Record<FittedKey, Quantity>;
  return { ...profile, ...zeroes };
}

/** Cycles that a profile gives a packet of these terms. */
export function termCycles(row: Terms, profile: Profile): number {
  return ALL_KEYS.reduce((sum, key) => sum + row.terms[key] * profile[key].value, row.constant);
}

/** The profile with `keys` fitted to the points. `source` says of a fitted number where it comes from. */
export function fitProfile(
  base: Profile,
  points: readonly Measured[],
  keys: readonly FittedKey[],
  source: string,
  confidence: Confidence,
): FitResult {
  const free = keys.filter((key) => base[key].value > 0 && points.some((row) => row.terms[key] !== 0));
  const deviation = free.map((key) => Math.max(1e-9, (base[key].value * relativeSpread(base[key])) / FOUR_OF_FIVE));
  // In units of the prior's deviations: (I + A'A) x = A'y.
  const matrix = free.map((_, i) => free.map((_, j) => (i === j ? 1 : 0)));
  const right = free.map(() => 0);
  for (const row of points) {
    const sigma = (row.cycles * row.spread) / FOUR_OF_FIVE;
    const gap = (row.cycles - termCycles(row, base)) / sigma;
    const a = free.map((key, i) => (row.terms[key] * (deviation[i] as number)) / sigma);
    for (let i = 0; i < free.length; i++) {
      right[i] = (right[i] as number) + (a[i] as number) * gap;
      const line = matrix[i] as number[];
      for (let j = 0; j < free.length; j++) line[j] = (line[j] as number) + (a[i] as number) * (a[j] as number);
    }
  }
  const inverse = invert(matrix);
  const share = Math.min(1, Math.max(LEAST_SHARE, jointShare(points, free, deviation, inverse)));
  const fitted = free.map((key, i): [FittedKey, Quantity] => {
    const unit = deviation[i] as number;
    const moved = (inverse[i] as number[]).reduce((sum, cell, j) => sum + cell * (right[j] as number), 0);
    const { value: before, unit: name } = base[key];
    // A number keeps a tenth of what it was at least: below, the points contradict the model.
    const value = Math.max(before * 0.1, before + moved * unit);
    const half = share * FOUR_OF_FIVE * unit * Math.sqrt(Math.max(0, (inverse[i] as number[])[i] as number));
    return [
      key,
      {
        value: rounded(value),
        unit: name,
        low: rounded(Math.max(0, value - half)),
        high: rounded(value + half),
        source: `${source}; before: ${rounded(before)}, ${base[key].source}`,
        confidence,
      },
    ];
  });
  const profile: Profile = { ...base, ...(Object.fromEntries(fitted) as Partial<Record<FittedKey, Quantity>>) };
  const residuals = points.map((row) => ({
    name: row.name,
    before: termCycles(row, base) / row.cycles - 1,
    after: termCycles(row, profile) / row.cycles - 1,
  }));
  return { profile, residuals };
}

/** Numbers keep at least this part of their own intervals. */
const LEAST_SHARE = 0.5;

/**
 * What the points fix is sums: if one number is smaller, another is larger. Prices take numbers as independent, so their
 * intervals are narrowed by how much surer the fit is of the points than independent numbers would be (root mean square).
 */
function jointShare(
  points: readonly Measured[],
  free: readonly FittedKey[],
  deviation: readonly number[],
  inverse: readonly number[][],
): number {
  let joint = 0;
  let apart = 0;
  for (const row of points) {
    const a = free.map((key, i) => (row.terms[key] * (deviation[i] as number)) / row.cycles);
    a.forEach((one, i) => {
      const line = inverse[i] as number[];
      apart += one * one * (line[i] as number);
      a.forEach((other, j) => {
        joint += one * other * (line[j] as number);
      });
    });
  }
  return apart > 0 ? Math.sqrt(Math.max(0, joint) / apart) : 1;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Gauss-Jordan; the matrix is the identity plus a positive semidefinite one. */
function invert(matrix: number[][]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < size; i++) {
    const pivot = rows[i] as number[];
    const head = pivot[i] as number;
    for (let k = 0; k < pivot.length; k++) pivot[k] = (pivot[k] as number) / head;
    for (let j = 0; j < size; j++) {
      const row = rows[j] as number[];
      const factor = row[i] as number;
      if (j !== i) for (let k = 0; k < row.length; k++) row[k] = (row[k] as number) - factor * (pivot[k] as number);
    }
  }
  return rows.map((row) => row.slice(size));
}
