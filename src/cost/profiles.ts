// Built-in profiles by name, and a user's own from a YAML or JSON file: either whole, or `extends` a built-in one and
// says only what differs. A plain number is an estimate of the file's author.
import type { z as Zod } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { onDemand, zod } from '../base/on-demand.ts';
import { parseYaml, readText } from '../base/yaml-file.ts';
import type { HardwareKey, Profile, Quantity, QuantityKey } from './profile.ts';
import { fallback, HARDWARE_QUANTITIES, QUANTITIES } from './profile.ts';
import { PROFILE_ALIASES, PROFILES } from './profiles/all.ts';

/** A profile file larger than this is not one. */
const MAX_FILE_OCTETS = 1024 * 1024;
/** Where errors about names given on the command line point. */
const COMMAND_LINE = '--profile';

type OptionalQuantities<T extends Zod.ZodType> = { [key in QuantityKey]: Zod.ZodOptional<T> };

const schema = onDemand(() => {
  const { z } = zod();
  const quantity = z.union([
    z.number().nonnegative().max(1e12),
    z
      .strictObject({
        value: z.number().nonnegative().max(1e12),
        unit: z.string().max(40).optional(),
        source: z.string().min(1).max(1000),
        confidence: z.enum(['measured', 'published', 'datasheet', 'estimate']),
        low: z.number().nonnegative().optional(),
        high: z.number().nonnegative().max(1e12).optional(),
      })
      .refine((row) => (row.low ?? row.value) <= row.value && row.value <= (row.high ?? row.value), {
        message: 'low, value and high must ascend',
      }),
  ]);

  return z.strictObject({
    name: z.string().min(1).max(64),
    extends: z.string().optional(),
    aliases: z.array(z.string().min(1).max(64)).max(20).optional(),
    title: z.string().max(200).optional(),
    instructionSet: z.enum(['x86-64', 'x86-64-v2', 'arm64', 'mips']).optional(),
    ...(Object.fromEntries(QUANTITIES.map(({ key }) => [key, quantity.optional()])) as OptionalQuantities<
      typeof quantity
    >),
    hardware: z
      .strictObject({
        present: z.boolean(),
        what: z.string().max(500).default(''),
        ...(Object.fromEntries(HARDWARE_QUANTITIES.map(({ key }) => [key, quantity.optional()])) as {
          [key in HardwareKey]: Zod.ZodOptional<typeof quantity>;
        }),
      })
      .optional(),
    notes: z.array(z.string().max(500)).max(50).optional(),
  });
});
type ProfileInput = Zod.infer<ReturnType<typeof schema>>;
type QuantityInput = NonNullable<ProfileInput['clock']>;

/** The built-in profiles, in the order in which they are listed. */
export function profiles(): readonly Profile[] {
  return PROFILES;
}

/** A built-in profile by name or alias, or one of the user's by its file. Throws ConfigError that names the nearest one. */
export function profile(name: string): Profile {
  const found = builtIn(name);
  if (found !== undefined) return found;
  if (/[/\\]|\.(ya?ml|json)$/i.test(name)) return loadProfile(name);
  throw new ConfigError(COMMAND_LINE, '', unknownProfile(name));
}

function builtIn(name: string): Profile | undefined {
  const known = Object.hasOwn(PROFILE_ALIASES, name) ? PROFILE_ALIASES[name] : name;
  return PROFILES.find((row) => row.name === known);
}

/** A profile from a file. Throws ConfigError with the path of the wrong key in it. */
export function loadProfile(file: string): Profile {
  return parseProfile(readText(file, MAX_FILE_OCTETS, 'profile'), file);
}

/**
 * The same for text already at hand; `file` names it in errors and as the source of plain numbers, `named` finds what it
 * extends (the built-in profiles unless told otherwise).
 */
export function parseProfile(
  text: string,
  file: string,
  named: (name: string) => Profile | undefined = builtIn,
): Profile {
  const input = parseYaml<ProfileInput>(text, file, schema(), (issue) =>
    issue.code === 'invalid_union' ? unionMessage(issue.errors) : undefined,
  );
  return build(input, file, named);
}

function build(input: ProfileInput, file: string, named: (name: string) => Profile | undefined): Profile {
  const base = input.extends === undefined ? undefined : baseOf(input.extends, file, named);
  const instructionSet = input.instructionSet ?? base?.instructionSet;
  if (instructionSet === undefined) {
    throw new ConfigError(
      file,
      'instructionSet',
      'missing (x86-64, x86-64-v2, arm64 or mips; or extend a built-in profile)',
    );
  }
  const cores = input.cores ?? base?.cores ?? 1;
  const unsaid = (key: QuantityKey) => fallback(key, typeof cores === 'number' ? cores : cores.value);
  const quantities = Object.fromEntries(
    QUANTITIES.map(({ key, unit }) => [key, quantityOf(input[key], unit, base?.[key] ?? unsaid(key), key, file)]),
  ) as Record<QuantityKey, Quantity>;
  return {
    name: input.name,
    title: input.title ?? base?.title ?? input.name,
    instructionSet,
    aliases: input.aliases ?? [],
    ...positive(quantities, file),
    hardware: hardwareOf(input.hardware, base, file),
    notes: input.notes ?? base?.notes ?? [],
  };
}

/** What would divide by zero. */
function positive(quantities: Record<QuantityKey, Quantity>, file: string): Record<QuantityKey, Quantity> {
  for (const key of ['clock', 'cores', 'packetsPerPoll'] as const) {
    if (quantities[key].value <= 0) throw new ConfigError(file, key, 'must be greater than 0');
  }
  return quantities;
}

function baseOf(name: string, file: string, named: (name: string) => Profile | undefined): Profile {
  const base = named(name);
  if (base === undefined) throw new ConfigError(file, 'extends', unknownProfile(name));
  return base;
}

function quantityOf(
  input: QuantityInput | undefined,
  unit: string,
  base: Quantity | undefined,
  key: QuantityKey,
  file: string,
): Quantity {
  if (input !== undefined) return given(input, unit, file);
  if (base !== undefined) return base;
  throw new ConfigError(file, key, `missing: ${unit} (a number, or extend a built-in profile)`);
}

function given(input: QuantityInput, unit: string, file: string): Quantity {
  if (typeof input === 'number') return { value: input, unit, source: file, confidence: 'estimate' };
  const { low, high, ...rest } = input;
  return { ...rest, unit, ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) };
}

function hardwareOf(input: ProfileInput['hardware'], base: Profile | undefined, file: string): Profile['hardware'] {
  if (input === undefined) return base?.hardware ?? { present: false, what: 'not said' };
  const hardware: Profile['hardware'] = { present: input.present, what: input.what };
  for (const { key, unit } of HARDWARE_QUANTITIES) {
    const value = input[key];
    if (value !== undefined) hardware[key] = given(value, unit, file);
  }
  return hardware;
}

/** A quantity is a number or an object: what the object lacks says more than "invalid input". */
function unionMessage(errors: { message: string; path: PropertyKey[] }[][]): string {
  const inner = errors.flat().find((issue) => issue.path.length > 0 || !issue.message.startsWith('Invalid input'));
  const place = inner === undefined || inner.path.length === 0 ? '' : `${inner.path.join('.')}: `;
  return inner === undefined
    ? 'must be a number, or { value, source, confidence } with optional unit, low and high'
    : `${place}${inner.message}`;
}

function unknownProfile(name: string): string {
  const near = nearestName(name);
  const names = PROFILES.map((row) => row.name).join(', ');
  return `no profile is called '${name.slice(0, 64)}'${near === undefined ? '' : `; did you mean '${near}'?`} (there are: ${names}; or give a file)`;
}

/** The name that shares most pairs of letters, when it shares a third of them. */
function nearestName(name: string): string | undefined {
  const scores = [...PROFILES.map((row) => row.name), ...Object.keys(PROFILE_ALIASES)].map((known) => ({
    name: known,
    score: likeness(name.toLowerCase(), known),
  }));
  const best = scores.reduce((a, b) => (b.score > a.score ? b : a));
  return best.score >= 0.34 ? best.name : undefined;
}

function likeness(a: string, b: string): number {
  const pairs = (text: string) => Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2));
  const left = pairs(a.slice(0, 64));
  const right = pairs(b);
  const shared = left.filter((pair) => right.includes(pair)).length;
  return (2 * shared) / Math.max(1, left.length + right.length);
}
