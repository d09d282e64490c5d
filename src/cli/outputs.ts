// Where a run writes, looked at before it starts: a long replay must not end with a file that cannot be written, nor
// write two outputs into one file or over its own input.
import { accessSync, constants, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError } from '../base/errors.ts';

/** An option and the path that it names. */
export interface NamedPath {
  option: string;
  path: string;
}

/** Throws ConfigError for the first output that cannot be written or that is a file of another option. */
export function checkOutputs(outputs: NamedPath[], inputs: NamedPath[]): void {
  const taken = new Map<string, NamedPath>();
  for (const input of inputs) {
    const key = fileKey(input.path);
    if (key !== undefined) taken.set(key, input);
  }
  for (const output of outputs) {
    checkWritable(output);
    const key = fileKey(output.path);
    if (key === undefined) continue;
    const other = taken.get(key);
    if (other !== undefined) {
      throw new ConfigError(output.option, output.path, `${other.option} is the same file: name another one`);
    }
    taken.set(key, output);
  }
}

function checkWritable({ option, path }: NamedPath): void {
  if (path === '') throw new ConfigError(option, '', 'needs the name of a file');
  const status = statusOf(path);
  if (status?.isDirectory()) throw new ConfigError(option, path, 'is a directory: name a file');
  const folder = dirname(resolve(path));
  try {
    if (status === undefined) accessSync(folder, constants.W_OK);
    else accessSync(path, constants.W_OK);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = isMissing ? `there is no folder ${folder}: make it first` : 'may not be written: check the permissions';
    throw new ConfigError(option, path, why);
  }
}

/** The same for all names of one file; undefined for devices and pipes, which several may use. */
function fileKey(path: string): string | undefined {
  const status = statusOf(path);
  if (status !== undefined) return status.isFile() ? `${status.dev}:${status.ino}` : undefined;
  try {
    return join(realpathSync(dirname(resolve(path))), basename(path));
  } catch {
    return undefined;
  }
}

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
