// Holds `instructions` of `nftreplay run --profile generic-… --events` against what the kernel executed, scenario by scenario,
// through the command line as a user would.
//   npx tsc -p scripts/tsconfig.build.json && node dist/scripts/instructions.js [--shared DIR] [--dump DIR] [--only TEXT] [--every N]
// Prints each scenario and a summary; ends with 1 when one is further off than --worst (15 %), or was not priced.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import yargs from 'yargs';
import { commands } from '../src/cli/commands.ts';
import { countFeatures, type MeasuredSet, moreSent } from './calibrate/count.ts';
import { median } from './calibrate/fit.ts';
import { observe } from './calibrate/observe.ts';
import { loadHeldOut, loadScenarios, type Scenario } from './calibrate/scenarios.ts';

const PROFILES = { 'x86-64': 'generic-x86-64', arm64: 'generic-arm64' } as const;
const SETS = ['x86-64', 'arm64'] as const;

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    shared: { type: 'string' },
    dump: { type: 'string', default: join(tmpdir(), 'nftreplay-calibration') },
    only: { type: 'string', default: '' },
    every: { type: 'string', default: '1' },
    worst: { type: 'string', default: '15' },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const root = values.root ?? resolve(here, '../..');
const shared = values.shared ?? resolve(root, '../shared');
const lists = join(root, 'scripts/calibrate');
const fitted = loadScenarios(shared, lists, values.dump).scenarios;
const unseen = ['heldout', 'wild', 'unseen'].flatMap((list) => loadHeldOut(shared, lists, values.dump, list));
const chosen = [
  ...fitted.map((row) => ['fitted', row] as const),
  ...unseen.map((row) => ['never fitted', row] as const),
]
  .filter(([, { name }]) => name.includes(values.only))
  .filter((_, index) => index % Number(values.every) === 0);

const scratch = mkdtempSync(join(tmpdir(), 'nftreplay-instructions-'));
const errors = new Map<string, number[]>();
try {
  for (const [use, scenario] of chosen) for (const set of SETS) await judge(use, scenario, set);
} finally {
  rmSync(scratch, { recursive: true });
}
for (const [kind, all] of [...errors].sort()) {
  const off = all.map(Math.abs);
  process.stdout.write(
    `${kind}: ${all.length} scenarios, median error ${percent(median(off))}, worst ${percent(Math.max(...off))}\n`,
  );
  if (!(Math.max(...off) <= Number(values.worst) / 100)) process.exitCode = 1;
}
if (errors.size === 0) process.exitCode = 1;

/** Prints how far off one scenario is on one instruction set. */
async function judge(use: string, scenario: Scenario, set: MeasuredSet): Promise<void> {
  const row = scenario.measured[set];
  if (row === undefined) return;
  const measured = row - (scenario.hop[set] ?? 0) * moreSent(countFeatures(await observe(scenario)));
  const printed = await printedInstructions(scenario, PROFILES[set], join(scratch, 'events.ndjson'));
  const error = (printed - measured) / measured;
  const kind = `${set}, ${use}`;
  errors.set(kind, [...(errors.get(kind) ?? []), error]);
  const text = `${set.padEnd(7)} ${scenario.name.padEnd(50)} ${measured.toFixed(0).padStart(8)} ${printed.toFixed(0).padStart(8)}`;
  process.stdout.write(`${text} ${percent(error).padStart(8)}\n`);
}

/** Mean of the measured packets' `instructions`; NaN when none was priced. */
async function printedInstructions(scenario: Scenario, profile: string, events: string): Promise<number> {
  const file = (name: string) => join(scenario.folder, name);
  const args = ['run', file('ruleset.nft'), '--router', file('router.json'), '--profile', profile, '--events', events];
  const captures = ['lan0', 'wan0'].flatMap((name) => ['--in', `${name}=${file(`${name}.pcap`)}`]);
  // The command in this process: a thousand of their own would take minutes to start.
  const modules = commands('').map((row) => row.module);
  await yargs([...args, ...captures, '--workers', '1', '--output', '/dev/null'])
    .command(modules)
    .strict()
    .exitProcess(false)
    .parseAsync();
  const rows = readFileSync(events, 'utf8').trim().split('\n');
  const priced = rows
    .map((line) => JSON.parse(line) as { packet: number; instructions: number })
    .filter((row) => scenario.packets.includes(row.packet));
  return priced.reduce((sum, row) => sum + row.instructions, 0) / priced.length;
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)}%`;
}
