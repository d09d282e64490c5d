// The real nft as a judge, in a network namespace of its own: what it prints with --debug=netlink, and the handles it shows.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Version of the installed nft, e.g. `1.0.6`; undefined when it is absent or may not make a namespace. */
export function nftVersion(): string | undefined {
  const result = spawnSync('unshare', ['-n', 'nft', '--version'], { encoding: 'utf8' });
  return result.status === 0 ? /v(\d+\.\d+\.\d+)/.exec(result.stdout)?.[1] : undefined;
}

function withFile<T>(text: string, use: (file: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'nftreplay-nft-'));
  try {
    const file = path.join(folder, 'test.nft');
    writeFileSync(file, text);
    return use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `nft -c --debug=netlink -f`: its output, or what it complains about. */
export function debugNetlink(text: string): { output: string; errors: string } {
  return withFile(text, (file) => {
    const result = spawnSync('unshare', ['-n', 'nft', '-c', '--debug=netlink', '-f', file], { encoding: 'utf8' });
    return { output: result.stdout, errors: result.status === 0 ? '' : result.stderr };
  });
}

/** Loads a ruleset and lists it as JSON with handles. */
export function listJson(text: string): {
  nftables: Record<string, { family: string; table?: string; chain?: string; name?: string; handle: number }>[];
} {
  return withFile(text, (file) =>
    JSON.parse(
      execFileSync('unshare', ['-n', 'sh', '-c', `nft -f ${file} && nft -j -a list ruleset`], { encoding: 'utf8' }),
    ),
  );
}

/**
 * The instructions and set elements of a `--debug=netlink` output, with what differs between nft 1.0.6 and 1.1.4 made equal: 1.0.6
 * compares a range twice and prints two cmp, leaves blanks before brackets, has no user data for open ranges, ends an interval of a
 * named set though the next begins there, and sends an element twice that is given twice.
 */
export function instructions(output: string): string[] {
  const result: string[] = [];
  for (const line of output.split('\n')) {
    if (line.includes('element')) {
      const elements = line.replace(/ {2}userdata = \{[^}]*\}/g, '').split('[end]');
      const given = new Set(elements.map((element) => element.trim()).filter((element) => element !== ''));
      const needed = [...given].filter(
        (element) => !given.has(element.replace(/ : 1$/, ' : 0')) || element.endsWith(' : 0'),
      );
      result.push(needed.sort().join(' | '));
    } else if (line.startsWith('  [')) {
      const range = /^ {2}\[ range eq reg (\d+) (.*) \]$/.exec(line);
      if (range === null) {
        result.push(line.replace(/ +\]$/, ' ]'));
        continue;
      }
      const words = (range[2] as string).split(' ');
      const half = words.length / 2;
      result.push(
        `  [ cmp gte reg ${range[1]} ${words.slice(0, half).join(' ')} ]`,
        `  [ cmp lte reg ${range[1]} ${words.slice(half).join(' ')} ]`,
      );
    }
  }
  return result;
}
