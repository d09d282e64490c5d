// The oracle's own demonstration cases, whole: every frame out octet for octet, every verdict, every connection after every
// packet, every counter at the end. Results of a real Linux 6.12; absent on other machines, then skipped.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileText } from './compile.ts';
import { comparePacket, compareWay } from './oracle-compare.ts';
import { type OracleCase, oracleCounters, ourCounters } from './oracle-result.ts';
import { Scene } from './scene.ts';

const ORACLE = process.env.ORACLE_DIR ?? '/work/shared/kernel-oracle';
const RUNS = [
  ['cases/batch.json', 'results/demo.json'],
  ['cases/batch2.json', 'results/demo2.json'],
] as const;

interface BatchCase {
  id: string;
  ruleset?: string;
  ruleset_text?: string;
  topology: string | object;
}

interface Pair {
  id: string;
  batch: BatchCase;
  result: OracleCase;
  folder: string;
}

function pairs(): Pair[] {
  return RUNS.flatMap(([batchFile, resultFile]) => {
    const batchPath = join(ORACLE, batchFile);
    const resultPath = join(ORACLE, resultFile);
    if (!existsSync(batchPath) || !existsSync(resultPath)) return [];
    const batch = JSON.parse(readFileSync(batchPath, 'utf8')) as BatchCase[];
    const results = JSON.parse(readFileSync(resultPath, 'utf8')) as OracleCase[];
    return batch.flatMap((one) => {
      const result = results.find((row) => row.id === one.id);
      return result === undefined ? [] : [{ id: one.id, batch: one, result, folder: join(batchPath, '..') }];
    });
  });
}

/** Packets whose source port the kernel drew by lot: address clash under masquerade. Only their way and length are compared. */
const RANDOM_PORTS: Record<string, number[]> = { 'c-masq': [14] };

const found = pairs();

describe.skipIf(found.length === 0)('the kernel oracle', () => {
  test.each(found)('$id: frames, verdicts, connections and counters', ({ batch, result, folder }) => {
    const text = batch.ruleset_text ?? readFileSync(join(folder, batch.ruleset ?? ''), 'utf8');
    const topology =
      typeof batch.topology === 'string'
        ? JSON.parse(readFileSync(join(folder, batch.topology), 'utf8'))
        : batch.topology;
    const ruleset = compileText(text);
    const scene = new Scene(topology, ruleset);
    const differences = result.packets.flatMap((packet, i) =>
      RANDOM_PORTS[result.id]?.includes(i) ? compareWay(scene, packet, i) : comparePacket(scene, packet, i),
    );
    expect(differences.join('\n')).toBe('');
    expect(ourCounters(ruleset, scene.router.netfilter.state())).toEqual(oracleCounters(result.ruleset));
  });
});
