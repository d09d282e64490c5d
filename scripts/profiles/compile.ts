// The device profiles of src/cost/profiles/*.yaml as values, and as the TypeScript that is compiled in. Files called class-*
// hold what devices of one kind share: they are extended, not listed.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Profile } from '../../src/cost/profile.ts';
import { parseProfile } from '../../src/cost/profiles.ts';

const CLASS = 'class-';
/** In this order; what is not named here comes last, by name. */
const ORDER = [
  'x86-server',
  'epyc-7402',
  'x86-n100',
  'x86-j4125',
  'mt7988',
  'mt7986',
  'mt7981',
  'mt7622',
  'ipq807x',
  'ipq4019',
  'bcm2711',
  'rk3328',
  'armada-3720',
  'imx6',
  'mt7621',
  'mt7620',
  'qca9558',
  'xrx200',
];

const FITTED = 'fitted';

/** All device profiles of a folder, classes resolved and left out, with what was fitted unless told otherwise. */
export function readProfiles(folder: string, withFitted = true): Profile[] {
  const texts = new Map<string, string>();
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.yaml') && file !== `${FITTED}.yaml`)
      texts.set(file.slice(0, -'.yaml'.length), readFileSync(join(folder, file), 'utf8'));
  }
  const parsed = new Map<string, Profile>();
  const named = (name: string): Profile | undefined => {
    const text = texts.get(name);
    if (text === undefined) return undefined;
    const known = parsed.get(name) ?? parseProfile(text, `${name}.yaml`, named);
    parsed.set(name, known);
    return known;
  };
  return [...texts.keys()]
    .filter((name) => !name.startsWith(CLASS))
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
    .flatMap((name) => named(name) ?? [])
    .map((profile) => (withFitted ? fitted(profile, folder) : profile));
}

/** A profile with the numbers that scripts/accuracy.ts fitted. */
function fitted(profile: Profile, folder: string): Profile {
  const file = join(folder, `${FITTED}.yaml`);
  if (!existsSync(file)) return profile;
  const numbers = parse(readFileSync(file, 'utf8'))[profile.name];
  if (numbers === undefined) return profile;
  const text = stringify({ name: profile.name, extends: profile.name, ...numbers });
  return { ...parseProfile(text, `${FITTED}.yaml`, () => profile), aliases: profile.aliases };
}

function place(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
}

/** The module that holds them. */
export function builtInText(profiles: readonly Profile[]): string {
  return [
    '// Device profiles, compiled from the YAML files beside this one by scripts/profiles.ts: do not edit, run it again.',
    "import type { Profile } from '../profile.ts';",
    '',
    `export const BUILT_IN: readonly Profile[] = ${JSON.stringify(profiles, undefined, 2)};`,
    '',
  ].join('\n');
}
