// Runs the built program (dist; `npm test` builds before) as a user does, and looks at what it leaves.
import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';

const ROOT = resolve(import.meta.dirname, '../..');
export const CAPTURES = join(ROOT, 'captures');
export const RULESET = join(CAPTURES, 'home-router.nft');
export const ROUTER = join(CAPTURES, 'home-router.yaml');
/** NFTREPLAY_DIST: another build than that of this checkout. */
export const MAIN = join(process.env.NFTREPLAY_DIST ?? join(ROOT, 'dist'), 'src/cli/main.js');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `nftreplay ARGS`; `input` is a file or stream for standard input, `cwd` the folder. */
export function nftreplay(args: string[], input?: string | Readable, cwd?: string): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'], cwd });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => stdout.push(data));
    child.stderr.on('data', (data: Buffer) => stderr.push(data));
    child.on('error', fail);
    child.on('close', (code) => {
      done({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin.on('error', () => {});
    if (input === undefined) child.stdin.end();
    else (typeof input === 'string' ? createReadStream(input) : input).pipe(child.stdin);
  });
}

/** A bundled capture. */
export function capture(name: string): string {
  return join(CAPTURES, name);
}

/** A folder that is gone after `use`. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-cli-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
