// Instructions per feature for an instruction set: what the tables beside this file hold and how far to trust them.
import { FEATURES } from '../features.ts';

export type InstructionSet = 'x86-64' | 'x86-64-v2' | 'arm64' | 'mips';

/** `fitted`: by the measured scenarios. `estimate`: no scenario reaches it; the note says what it rests on. */
export interface Weight {
  instructions: number;
  basis: 'fitted' | 'estimate';
  note?: string;
}

export interface WeightTable {
  instructionSet: InstructionSet;
  /** What was measured, where, and by which command the table was made. */
  source: string;
  /** Measured scenarios behind the fit; 0: the table follows from another one. */
  scenarios: number;
  /** Relative errors of the fit on the scenarios it saw, and on those it did not (k-fold cross validation). */
  medianError: number;
  worstError: number;
  crossValidatedRms: number;
  rows: { readonly [feature: string]: Weight };
}

/** Weights of all features in the order of FEATURES, and the part of each that is an estimate (same units). */
export interface WeightVector {
  instructions: Float64Array;
  estimated: Float64Array;
}

/** A table as vectors. Throws when a feature has no row (a bug in the table: `npm test` checks all of them). */
export function weightVector(table: WeightTable): WeightVector {
  const instructions = new Float64Array(FEATURES.length);
  const estimated = new Float64Array(FEATURES.length);
  FEATURES.forEach((name, index) => {
    const row = table.rows[name];
    if (row === undefined) throw new Error(`the ${table.instructionSet} weights have no row for ${name}`);
    instructions[index] = row.instructions;
    estimated[index] = row.basis === 'estimate' ? row.instructions : 0;
  });
  return { instructions, estimated };
}
