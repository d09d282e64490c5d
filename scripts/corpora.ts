// `npm run corpora`: every capture of ../shared/corpora/captures through the seed ruleset, and every ruleset of
// ../shared/corpora/fw4 with the demo capture, each as a user would run it. Prints what came of each.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CLI = join(ROOT, 'dist', 'src', 'cli', 'main.js');
const SHARED = join(ROOT, '..', 'shared');
const LIMIT_MS = 120_000;

interface ManifestRow {
  file: string;
  packets?: number;
  tcpdump?: { packets?: number };
  packets_own_scan?: number;
}

interface Outcome {
  name: string;
  kind: 'report' | 'report, damage named' | 'refused, one message' | 'WRONG';
  packets: string;
  message: string;
}

if (!existsSync(SHARED)) {
  console.log('../shared is absent: nothing to run');
} else {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-corpora-'));
  try {
    captures(folder);
    rulesets(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function captures(folder: string): void {
  const base = join(SHARED, 'corpora', 'captures');
  const manifest = JSON.parse(readFileSync(join(base, 'manifest.json'), 'utf8')) as ManifestRow[];
  const rows = manifest
    .filter((row) => existsSync(join(base, row.file)))
    .map((row) => attempt(folder, row.file, join(SHARED, 'seed-ruleset.nft'), join(base, row.file), row));
  print(`captures through seed-ruleset.nft: ${rows.length}`, rows);
}

function rulesets(folder: string): void {
  const base = join(SHARED, 'corpora', 'fw4');
  const demo = join(ROOT, 'captures', 'home-router.pcapng.gz');
  const files = readdirSync(base).filter((file) => file.endsWith('.nft'));
  print(
    'fw4 rulesets with the demo capture',
    files.map((file) => attempt(folder, file, join(base, file), demo)),
  );
}

function attempt(folder: string, name: string, ruleset: string, capture: string, expected?: ManifestRow): Outcome {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const args = [CLI, 'run', ruleset, capture, '--format', 'json', '-o', report];
  const result = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: LIMIT_MS });
  const errors = result.stderr
    .split('\n')
    .filter((line) => line !== '' && !line.includes('warning:') && !line.includes('not read'));
  const message = errors[0] ?? '';
  const isStack = /\n\s+at .*:\d+:\d+/.test(result.stderr) || result.stderr.includes('internal error');
  if (isStack || result.signal !== null) {
    return {
      name,
      kind: 'WRONG',
      packets: '',
      message: result.signal === null ? message : `stopped after ${LIMIT_MS / 1000} s`,
    };
  }
  if (!existsSync(report))
    return { name, kind: result.status === 2 ? 'refused, one message' : 'WRONG', packets: '', message };
  const packets = (JSON.parse(readFileSync(report, 'utf8')) as { input: { packets: number } }).input.packets;
  const known = expected?.tcpdump?.packets ?? expected?.packets ?? expected?.packets_own_scan;
  const differs = known !== undefined && known !== packets ? ` (manifest: ${known})` : '';
  return {
    name,
    kind: result.status === 0 ? 'report' : result.status === 2 ? 'report, damage named' : 'WRONG',
    packets: `${packets}${differs}`,
    message,
  };
}

function print(title: string, rows: Outcome[]): void {
  console.log(`\n${title}`);
  const kinds = new Map<string, number>();
  for (const row of rows) kinds.set(row.kind, (kinds.get(row.kind) ?? 0) + 1);
  for (const [kind, n] of kinds) console.log(`  ${String(n).padStart(4)}  ${kind}`);
  for (const row of rows) {
    const isPlain = row.kind === 'report' && row.message === '' && !row.packets.includes('manifest');
    if (isPlain && process.env.CORPORA_ALL === undefined) continue;
    console.log(
      `  ${row.name.padEnd(44)} ${row.kind.padEnd(22)} ${row.packets.padStart(8)}  ${row.message.slice(0, 160)}`,
    );
  }
}
