// Holds the device profiles against published figures: fits those of a seeded part of the runs, predicts the others, prints the
// table of docs/ACCURACY.md between its markers.
//   npx tsc -p scripts/tsconfig.build.json && node dist/scripts/accuracy.js [--shared DIR] [--dump DIR] [--write] [--table FILE]
// --write keeps the fitted numbers in src/cost/profiles/fitted.yaml (then run dist/scripts/profiles.js); --table FILE replaces
// what stands between the markers in FILE.
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkRecords, FIGURES } from './accuracy/figures.ts';
import { accuracy } from './accuracy/judge.ts';
import { SET_FIGURES } from './accuracy/set-figures.ts';
import { fittedYaml, table } from './accuracy/table.ts';
import { loadHeldOut, loadScenarios } from './calibrate/scenarios.ts';
import { readProfiles } from './profiles/compile.ts';

const START = '<!-- figures: written by scripts/accuracy.ts -->';
const END = '<!-- end of figures -->';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    shared: { type: 'string' },
    dump: { type: 'string', default: join(tmpdir(), 'nftreplay-calibration') },
    write: { type: 'boolean', default: false },
    table: { type: 'string' },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const root = values.root ?? (here.endsWith(join('dist', 'scripts')) ? resolve(here, '../..') : resolve(here, '..'));
const shared = values.shared ?? resolve(root, '../shared');
loadScenarios(shared, join(root, 'scripts/calibrate'), values.dump);
loadHeldOut(shared, join(root, 'scripts/calibrate'), values.dump, 'heldout');
const records = JSON.parse(readFileSync(join(shared, 'calibration/published.json'), 'utf8'));
checkRecords(records, new Set([...FIGURES, ...SET_FIGURES].map((row) => row.id)));
const folder = join(root, 'src/cost/profiles');
const outcome = await accuracy(readProfiles(folder, false), values.dump);
const text = table(outcome);
process.stdout.write(`${text}\n`);
if (values.write) writeFileSync(join(folder, 'fitted.yaml'), fittedYaml(outcome));
if (values.table !== undefined) {
  const old = readFileSync(values.table, 'utf8');
  const [from, to] = [old.indexOf(START), old.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${values.table}: the markers ${START} and ${END} are missing`);
  writeFileSync(values.table, `${old.slice(0, from)}${START}\n\n${text}\n\n${old.slice(to)}`);
}
