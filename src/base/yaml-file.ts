// A YAML or JSON file of the user's to a value that a schema has checked: what router files and profiles share. What is
// wrong becomes a ConfigError with the key's path.
import { readFileSync } from 'node:fs';
import type { z as Zod } from 'zod';
import { ConfigError } from './errors.ts';
import { yaml } from './on-demand.ts';

/** The text of a file. Throws ConfigError when it cannot be read, or is larger than `what` ever is. */
export function readText(file: string, maximumOctets: number, what: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, '', `cannot be read: ${(error as Error).message}`);
  }
  if (text.length <= maximumOctets) return text;
  throw new ConfigError(file, '', `larger than ${maximumOctets / 1024 / 1024} MiB: not a ${what}`);
}

/** What to say of an issue instead of zod's own words; undefined: those. */
export type Remedy = (issue: Zod.core.$ZodIssue) => string | undefined;

/** The checked value of a text; `file` names it in errors. Throws ConfigError. */
export function parseYaml<T>(text: string, file: string, schema: Zod.ZodType<T>, remedy: Remedy): T {
  const document = yaml().parseDocument(text, { prettyErrors: true });
  const problem = document.errors[0];
  if (problem !== undefined) throw new ConfigError(file, '', problem.message.split('\n')[0] ?? 'not YAML');
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigError(file, '', (error as Error).message);
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue === undefined) throw new ConfigError(file, '', 'wrong');
  const path = issue.path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('');
  if (issue.code !== 'unrecognized_keys') throw new ConfigError(file, path, remedy(issue) ?? issue.message);
  const key = issue.keys[0] ?? '';
  throw new ConfigError(file, path === '' ? key : `${path}.${key}`, `unknown key (${remedy(issue) ?? 'remove it'})`);
}
