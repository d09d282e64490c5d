// Non-negative least squares on relative errors, held to a starting point where the scenarios do not decide:
// minimise sum((A w - y) / y)^2 + anchor * sum((w - w0) / s)^2 with w >= 0, s = max(w0, 20). Coordinate descent.

export interface Observation {
  scenario: string;
  /** Instructions measured. */
  measured: number;
  /** [feature] how often a packet of the scenario met it. */
  features: Float64Array;
}

export interface Residual {
  scenario: string;
  measured: number;
  predicted: number;
  /** (predicted - measured) / measured. */
  error: number;
}

export interface Fit {
  weights: Float64Array;
  residuals: Residual[];
  /** Of scenarios left out of the fit that predicts them, where others show every feature of theirs. */
  crossValidated: Residual[];
  /** Scenarios that alone show one of their features: nothing can be said of them by leaving them out. */
  alone: string[];
}

const SMALLEST_SCALE = 20;

/** Fits weights and cross-validates them: `folds` times the fit without every folds-th scenario. */
export function fitWeights(observations: Observation[], start: Float64Array, anchor: number, folds: number): Fit {
  const weights = solve(observations, start, anchor);
  const crossValidated: Residual[] = [];
  const alone: string[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const kept = observations.filter((_, index) => index % folds !== fold);
    const left = observations.filter((_, index) => index % folds === fold);
    const partial = solve(kept, start, anchor);
    for (const row of left) {
      if (isCovered(row, kept)) crossValidated.push(residual(row, partial));
      else alone.push(row.scenario);
    }
  }
  return { weights, residuals: observations.map((row) => residual(row, weights)), crossValidated, alone };
}

function isCovered(row: Observation, others: Observation[]): boolean {
  return row.features.every((count, feature) => count === 0 || others.some((other) => other.features[feature] !== 0));
}

export function residual(row: Observation, weights: Float64Array): Residual {
  const predicted = dot(row.features, weights);
  return {
    scenario: row.scenario,
    measured: row.measured,
    predicted,
    error: (predicted - row.measured) / row.measured,
  };
}

export function rootMeanSquare(values: number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length));
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Gram matrix once, then sweeps over the coordinates until none moves. */
function solve(observations: Observation[], start: Float64Array, anchor: number): Float64Array {
  const size = start.length;
  const scale = start.map((value) => Math.max(value, SMALLEST_SCALE));
  const gram = new Float64Array(size * size);
  const right = new Float64Array(size);
  for (const row of observations) addRow(row, scale, gram, right);
  const unit = start.map((value, j) => value / (scale[j] as number));
  const solution = Float64Array.from(unit);
  for (let sweep = 0; sweep < 100_000; sweep++) {
    let moved = 0;
    for (let j = 0; j < size; j++) {
      const diagonal = (gram[j * size + j] as number) + anchor;
      let gradient = (right[j] as number) + anchor * (unit[j] as number);
      for (let k = 0; k < size; k++) if (k !== j) gradient -= (gram[j * size + k] as number) * (solution[k] as number);
      const next = Math.max(0, gradient / diagonal);
      moved = Math.max(moved, Math.abs(next - (solution[j] as number)));
      solution[j] = next;
    }
    if (moved < 1e-7) break;
  }
  return solution.map((value, j) => value * (scale[j] as number));
}

function addRow(row: Observation, scale: Float64Array, gram: Float64Array, right: Float64Array): void {
  const size = scale.length;
  const used: number[] = [];
  for (let j = 0; j < size; j++) if (row.features[j] !== 0) used.push(j);
  const scaled = (j: number) => ((row.features[j] as number) * (scale[j] as number)) / row.measured;
  for (const j of used) {
    right[j] = (right[j] as number) + scaled(j);
    for (const k of used) gram[j * size + k] = (gram[j * size + k] as number) + scaled(j) * scaled(k);
  }
}
