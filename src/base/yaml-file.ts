// A YAML or JSON file of the user's to a value that a schema has checked: what router files and profiles share. What is
// wrong becomes a ConfigError with the key's path.
import { closeSync, openSync, readSync } from 'node:fs';
import type { z as Zod } from 'zod';
import { ConfigError } from './errors.ts';
import { yaml } from './on-demand.ts';

const PIECE = 1 << 16;

/** The text of a file. Throws ConfigError when it cannot be read, or is larger than `what` ever is. */
export function readText(file: string, maximumOctets: number, what: string): string {
  if (file === '') throw new ConfigError(what, '', 'the name is empty');
  const octets = Buffer.allocUnsafe(maximumOctets + 1);
  let length = 0;
  try {
    const descriptor = openSync(file, 'r');
    try {
      // Piece by piece: a device or pipe has no size and perhaps no end.
      for (let read = -1; read !== 0 && length < octets.length; length += read) {
        read = readSync(descriptor, octets, length, Math.min(PIECE, octets.length - length), null);
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new ConfigError(file, '', cannotRead(error));
  }
  if (length <= maximumOctets) return octets.toString('utf8', 0, length);
  throw new ConfigError(file, '', `larger than ${maximumOctets / 1024 / 1024} MiB: not a ${what}`);
}

function cannotRead(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such file: check the path';
  if (code === 'EISDIR') return 'is a directory: name a file';
  if (code === 'EACCES') return 'may not be read: check its permissions';
  return `cannot be read: ${(error as Error).message}`;
}

/** What to say of an issue instead of zod's own words; undefined: those. */
export type Remedy = (issue: Zod.core.$ZodIssue) => string | undefined;

/** The checked value of a text; `file` names it in errors. Throws ConfigError. */
export function parseYaml<T>(text: string, file: string, schema: Zod.ZodType<T>, remedy: Remedy): T {
  const document = yaml().parseDocument(text, { prettyErrors: true });
  const problem = document.errors[0];
  if (problem !== undefined)
    throw new ConfigError(file, '', problem.message.split('\n')[0]?.replace(/:$/, '') ?? 'not YAML');
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
