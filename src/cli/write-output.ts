// Where the text of a report goes: a file or standard output.
import { writeFile } from 'node:fs/promises';
import { NftreplayError } from '../base/errors.ts';

/** Writes to a file, or to standard output when no path is given. Throws NftreplayError when it cannot. */
export async function writeOutput(path: string | undefined, text: string): Promise<void> {
  if (path === undefined) {
    process.stdout.write(text);
    return;
  }
  try {
    await writeFile(path, text);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** The user's error for a write that failed. */
export function cannotWrite(path: string, error: unknown): Error {
  // Whoever reads the pipe has seen enough: main.ts ends quietly.
  if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE') return error;
  return new NftreplayError('output', `${path}: cannot be written: ${(error as Error).message}`);
}

/** JSON for people and programs, with the control characters that JSON allows (C1, direction marks) as escapes. */
export function jsonText(value: unknown): string {
  const json = JSON.stringify(value, undefined, 2).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${json}\n`;
}
