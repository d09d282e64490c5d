// `node dist/scripts/bench-nft.js`: what compiling costs on large rulesets, beside `nft -c -f` on the same file in the same run where it
// is installed: seconds and peak memory of whole processes, medians of BENCH_ROUNDS runs. Aims: 1 s, 300 MB, 3 times nft.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../src/nft/compile.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const SELF = fileURLToPath(import.meta.url);

const address = (number: number): string =>
  `${10 + (number >>> 24)}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;

/** The rulesets: 10,000 rules; a set of 100,000 intervals; a map of 100,000 keys. */
function rulesets(): [name: string, text: string][] {
  const times = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => make(index));
  const rules = times(
    10_000,
    (i) => `\t\tip saddr ${address(i * 7)} tcp dport ${1 + (i % 65_535)} counter accept\n`,
  ).join('');
  const intervals = times(100_000, (i) => `${address(i * 8)}-${address(i * 8 + 3)}`).join(',\n\t\t\t');
  const keys = times(100_000, (i) => `${address(i * 3)} : 0x${(i & 0xffff).toString(16)}`).join(',\n\t\t\t');
  return [
    ['10,000 rules', `table inet t {\n\tchain c {\n${rules}\t}\n}\n`],
    [
      '100,000 intervals',
      `table ip t {\n\tset s {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { ${intervals} }\n\t}\n}\n`,
    ],
    ['100,000 map keys', `table ip t {\n\tmap m {\n\t\ttype ipv4_addr : mark\n\t\telements = { ${keys} }\n\t}\n}\n`],
  ];
}

interface Cost {
  seconds: number;
  megabytes: number;
}

/** Time and peak memory of a whole process (GNU time). */
function measure(command: string[]): Cost | undefined {
  const runs: Cost[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { stderr } = spawnSync('/usr/bin/time', ['-f', 'COST %e %M', ...command], { encoding: 'utf8' });
    const match = /COST ([\d.]+) (\d+)/.exec(stderr ?? '');
    if (match === null || /Error|failed|not permitted/.test(stderr)) return undefined;
    runs.push({ seconds: Number(match[1]), megabytes: Number(match[2]) / 1024 });
  }
  runs.sort((a, b) => a.seconds - b.seconds);
  return runs[runs.length >> 1];
}

function bench(): void {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-bench-nft-'));
  console.log('ruleset              nftreplay            nft -c -f            ratio');
  try {
    for (const [name, text] of rulesets()) {
      const file = join(folder, 'ruleset.nft');
      writeFileSync(file, text);
      const mine = measure([process.execPath, SELF, file]);
      const real = measure(['unshare', '-n', 'nft', '-c', '-f', file]);
      const shown = (cost: Cost | undefined): string =>
        (cost === undefined
          ? 'not to be had'
          : `${cost.seconds.toFixed(2)} s ${cost.megabytes.toFixed(0).padStart(4)} MB`
        ).padEnd(21);
      const ratio = mine === undefined || real === undefined ? '' : (mine.seconds / real.seconds).toFixed(1);
      console.log(`${name.padEnd(21)}${shown(mine)}${shown(real)}${ratio}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [file] = process.argv.slice(2);
if (file === undefined) bench();
else compile({ path: file });
