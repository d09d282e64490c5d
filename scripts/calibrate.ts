// Fits the cost model's weights: instructions per event and expression, from instructions that real kernels executed.
//   npx tsc -p scripts/tsconfig.build.json && node dist/scripts/calibrate.js [--shared DIR] [--dump DIR] [--write] [--table FILE]
// It dumps the measured scenarios of the kernel judge, replays each with nftreplay, counts features, fits them by
// non-negative least squares with 10-fold cross validation, prints the residuals and with --write renews
// src/cost/weights/{x86-64,arm64}.ts. --table writes the residuals as the Markdown table of docs/ACCURACY.md.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FEATURES } from '../src/cost/features.ts';
import type { Weight, WeightTable } from '../src/cost/weights/weights.ts';
import { countFeatures, executedOn, moreSent, priorOf } from './calibrate/count.ts';
import type { Fit, Observation, Residual } from './calibrate/fit.ts';
import { fitWeights, median, residual, rootMeanSquare } from './calibrate/fit.ts';
import { observe } from './calibrate/observe.ts';
import type { Scenario } from './calibrate/scenarios.ts';
import { loadHeldOut, loadScenarios } from './calibrate/scenarios.ts';
import { writeWeights } from './calibrate/write-weights.ts';

/** How much the hand-read start counts against a scenario's relative error: small, it only decides what they cannot. */
const ANCHOR = 1e-4;
const FOLDS = 10;
const SETS = ['x86-64', 'arm64'] as const;
const CONSTANTS = { 'x86-64': 'X86_64_WEIGHTS', arm64: 'ARM64_WEIGHTS' } as const;

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    shared: { type: 'string' },
    dump: { type: 'string', default: join(tmpdir(), 'nftreplay-calibration') },
    write: { type: 'boolean', default: false },
    table: { type: 'string' },
  },
});
const root = values.root ?? projectRoot();
const shared = values.shared ?? resolve(root, '../shared');

const { scenarios, kernels } = loadScenarios(shared, join(root, 'scripts/calibrate'), values.dump);
const counted = await countAll(scenarios);
if (values.write && counted.length < scenarios.length) {
  throw new Error('some scenarios were left out: weights fitted to the rest are not written');
}
const heldOut = await countAll(
  ['heldout', 'wild', 'unseen'].flatMap((list) =>
    loadHeldOut(shared, join(root, 'scripts/calibrate'), values.dump, list),
  ),
);
const start = Float64Array.from(FEATURES, (name) => priorOf(name).instructions);
let anchor: Float64Array = start;
const fits: Record<string, Fit> = {};
for (const set of SETS) {
  const observations = counted.flatMap(({ scenario, features }): Observation[] => {
    const measured = scenario.measured[set];
    return measured === undefined ? [] : [{ scenario: scenario.name, measured, features: executedOn(set, features) }];
  });
  const result = fitWeights(observations, anchor, ANCHOR, FOLDS);
  fits[set] = result;
  report(set, result);
  if (values.write) {
    const file = join(root, `src/cost/weights/${set}.ts`);
    writeWeights(file, CONSTANTS[set], tableOf(set, result, observations));
    process.stdout.write(`wrote ${file}\n`);
  }
  if (set === 'x86-64') anchor = result.weights; // arm64 starts where x86-64 ended: nearly the same compiled code
}
process.stdout.write(`\n${heldOutTable(fits).join('\n')}\n`);
if (values.table !== undefined) writeFileSync(values.table, markdown(fits));

/** dist/scripts/calibrate.js and scripts/calibrate.ts both find the checkout. */
function projectRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return here.endsWith(join('dist', 'scripts')) ? resolve(here, '../..') : resolve(here, '..');
}

interface Counted {
  scenario: Scenario;
  features: Float64Array;
}

async function countAll(list: Scenario[]): Promise<Counted[]> {
  const rows: Counted[] = [];
  for (const scenario of list) {
    try {
      const observed = await observe(scenario);
      const features = countFeatures(observed);
      for (const set of SETS) {
        const measured = scenario.measured[set];
        if (measured !== undefined) scenario.measured[set] = measured - (scenario.hop[set] ?? 0) * moreSent(features);
      }
      rows.push({ scenario, features });
    } catch (error) {
      process.stderr.write(`${scenario.name}: left out: ${(error as Error).message}\n`);
    }
  }
  return rows;
}

/** Whole firewalls that the fit never saw. */
function heldOutTable(all: Record<string, Fit>): string[] {
  const residuals = (set: (typeof SETS)[number]) =>
    heldOut.map(({ scenario, features }) =>
      residual(
        {
          scenario: scenario.name,
          measured: scenario.measured[set] ?? Number.NaN,
          features: executedOn(set, features),
        },
        (all[set] as Fit).weights,
      ),
    );
  const [x86, arm] = [residuals('x86-64'), residuals('arm64')];
  const say = (set: string, rows: Residual[]) => {
    const errors = rows.map((row) => Math.abs(row.error));
    return `- ${set}, never fitted: ${rows.length} composite scenarios, median error ${percent(median(errors))}, worst ${percent(Math.max(...errors))}`;
  };
  return [say('x86-64', x86), say('arm64', arm), '', ...rowsOf(x86, arm)];
}

function tableOf(set: (typeof SETS)[number], result: Fit, observations: Observation[]): WeightTable {
  const rows: Record<string, Weight> = {};
  FEATURES.forEach((name, index) => {
    const seen = observations.some((row) => row.features[index] !== 0);
    const instructions = Math.round((result.weights[index] as number) * 10) / 10;
    const { note, only } = priorOf(name);
    if (only !== undefined && (only === 'x86-64') !== (set === 'x86-64')) {
      rows[name] = { instructions: 0, basis: 'fitted', note: 'another instruction set does this' };
      return;
    }
    rows[name] = seen
      ? { instructions, basis: 'fitted' }
      : { instructions, basis: 'estimate', note: note ?? 'no scenario' };
    if (!seen && instructions === 0) rows[name] = { instructions, basis: 'fitted', note: note ?? 'nothing' };
  });
  const errors = result.residuals.map((row) => Math.abs(row.error));
  return {
    instructionSet: set,
    source: `insn of the kernel judge, Linux ${kernels[set]}, one instruction = one ns of guest time; fitted by scripts/calibrate.ts`,
    scenarios: observations.length,
    medianError: round(median(errors)),
    worstError: round(Math.max(0, ...errors)),
    crossValidatedRms: round(rootMeanSquare(result.crossValidated.map((row) => row.error))),
    rows,
  };
}

function report(set: string, result: Fit): void {
  const line = (row: Residual) =>
    `${row.scenario.padEnd(46)} ${row.measured.toFixed(0).padStart(8)} ${row.predicted.toFixed(0).padStart(8)} ${percent(row.error).padStart(8)}`;
  process.stdout.write(`\n${set}: scenario, measured, fitted, error\n`);
  for (const row of result.residuals) process.stdout.write(`${line(row)}\n`);
  process.stdout.write(`${summary(set, result)}\n`);
  process.stdout.write(`${set}: worst of those left out in turn\n`);
  for (const row of worstOf(result.crossValidated, 12)) process.stdout.write(`${line(row)}\n`);
  process.stdout.write(`${set}: alone with a feature: ${result.alone.join(' ')}\n`);
}

function worstOf(rows: Residual[], count: number): Residual[] {
  return [...rows].sort((a, b) => Math.abs(b.error) - Math.abs(a.error)).slice(0, count);
}

function summary(set: string, result: Fit): string {
  const errors = result.residuals.map((row) => Math.abs(row.error));
  const left = result.crossValidated.map((row) => Math.abs(row.error));
  const worstLeft = result.crossValidated.find((row) => Math.abs(row.error) === Math.max(0, ...left));
  const worst = result.residuals.reduce(
    (a, b) => (Math.abs(b.error) > Math.abs(a.error) ? b : a),
    result.residuals[0] as Residual,
  );
  return (
    `${set}: ${errors.length} scenarios, median error ${percent(median(errors))}, worst ${percent(Math.max(0, ...errors))} (${worst?.scenario}), ` +
    `${left.length} left out in turn: median ${percent(median(left))}, worst ${percent(Math.max(0, ...left))} (${worstLeft?.scenario}), rms ${percent(rootMeanSquare(left))}, ${result.alone.length} alone with a feature`
  );
}

function markdown(all: Record<string, Fit>): string {
  const [x86, arm] = [all['x86-64'] as Fit, all.arm64 as Fit];
  return [
    ...SETS.map((set) => `- ${summary(set, all[set] as Fit)}`),
    '',
    ...rowsOf(x86.residuals, arm.residuals),
    '',
    '## Firewalls that the fit never saw',
    '',
    ...heldOutTable(all),
    '',
  ].join('\n');
}

function rowsOf(x86: Residual[], arm: Residual[]): string[] {
  const byName = new Map(arm.map((row) => [row.scenario, row]));
  const cells = (row: Residual | undefined) =>
    row === undefined
      ? '| | | '
      : `| ${row.measured.toFixed(0)} | ${row.predicted.toFixed(0)} | ${percent(row.error)} `;
  return [
    '| scenario | x86-64 measured | estimated | error | arm64 measured | estimated | error |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...x86.map((row) => `| ${row.scenario} ${cells(row)}${cells(byName.get(row.scenario))}|`),
  ];
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)}%`;
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
