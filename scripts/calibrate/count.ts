// Features of what was measured: how often a packet met each, and which of them a kernel of an instruction set executes.
import { FEATURES, featureIndex, pathFeatures, ruleFeatures } from '../../src/cost/features.ts';
import type { Observed } from './observe.ts';
import { PRIORS, type Prior } from './priors.ts';

/** The instruction sets that were measured. */
export type MeasuredSet = 'x86-64' | 'arm64';

/** Throws when a feature has no row (a bug in the table). */
export function priorOf(name: string): Prior {
  const prior = PRIORS[name];
  if (prior === undefined) throw new Error(`scripts/calibrate/priors.ts has no row for ${name}`);
  return prior;
}

/** Mean count of each feature over the measured packets. */
export function countFeatures({ paths, names, measured }: Observed): Float64Array {
  if (measured.length === 0) throw new Error('none of its measured packets is in the capture');
  const features = new Float64Array(FEATURES.length);
  const add = (feature: number, amount: number) => {
    features[feature] = (features[feature] as number) + amount / measured.length;
  };
  for (const path of measured) {
    pathFeatures(paths, path, names, add, (rule, count, isV6) => ruleFeatures(names.rules[rule], count, isV6, add));
  }
  return features;
}

/** Packets of the router's own that left over a veth, and fragments beyond the first. */
export function moreSent(features: Float64Array): number {
  const count = (name: string) => features[featureIndex(name)] as number;
  const sum = (...names: string[]) => names.reduce((total, name) => total + count(name), 0);
  const answers = sum('icmp-error.v4', 'icmp-error.v6', 'reject.v4', 'reject.v6', 'icmp-reply.v4', 'icmp-reply.v6');
  return answers + Math.max(0, sum('fragment.v4', 'fragment.v6') - 1);
}

/** Features of what a kernel of the instruction set executes: another one does the same work otherwise. */
export function executedOn(set: MeasuredSet, features: Float64Array): Float64Array {
  return features.map((count, index) => {
    const { only } = priorOf(FEATURES[index] as string);
    return only === undefined || (only === 'x86-64') === (set === 'x86-64') ? count : 0;
  });
}
