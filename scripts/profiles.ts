// Compiles the device profiles src/cost/profiles/*.yaml into src/cost/profiles/built-in.ts, so that a program in use reads no
// files of its own. Run after every change of a YAML file; a test compares the two.
//   npx tsc -p scripts/tsconfig.build.json && node dist/scripts/profiles.js [ROOT]
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtInText, readProfiles } from './profiles/compile.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = process.argv[2] ?? (here.endsWith(join('dist', 'scripts')) ? resolve(here, '../..') : resolve(here, '..'));
const folder = join(root, 'src/cost/profiles');
const target = join(folder, 'built-in.ts');
const profiles = readProfiles(folder);
writeFileSync(target, builtInText(profiles));
process.stdout.write(`${target}: ${profiles.length} profiles; now: npx biome check --write ${target}\n`);
