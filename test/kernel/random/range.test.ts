// The random differential over a range of seeds, asked live: NFTREPLAY_JUDGE_SEEDS=1-2000 (nothing runs without it).
// NFTREPLAY_JUDGE_KEEP=FOLDER keeps scenes and answers there; seeds that are kept are not asked again, so that a mend is
// tried without a kernel. NFTREPLAY_JUDGE_CHOOSE=GROUP adds those without a difference to the group's golden file.
// Prints scenes, packets, frames, differences, and what nft refused.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { compare } from '../../../scripts/kernel/compare.ts';
import { emulate } from '../../../scripts/kernel/emulate.ts';
import { askKernel } from '../../../scripts/kernel/judge.ts';
import type { KernelResult } from '../../../scripts/kernel/result.ts';
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { packed } from '../golden.ts';
import { type KeptScene, keepScenes, keptScene, sceneOf } from './kept.ts';
import { randomScene } from './scenes.ts';

const RANGE = process.env.NFTREPLAY_JUDGE_SEEDS;
const FOLDER = process.env.NFTREPLAY_JUDGE_KEEP;
const GROUP = process.env.NFTREPLAY_JUDGE_CHOOSE;
/** Scenes in one boot of the guest. */
const BATCH = 60;
const HOUR_MS = 3_600_000;

interface Answered {
  scene: KernelScene;
  answer: KernelResult | string;
}

const fileOf = (seed: number): string => join(FOLDER ?? '', `${seed}.json.gz`);

async function answered(seeds: number[]): Promise<Answered[]> {
  const kept = FOLDER === undefined ? [] : seeds.filter((seed) => existsSync(fileOf(seed)));
  const fresh = seeds.filter((seed) => !kept.includes(seed)).map((seed) => ({ seed, scene: randomScene(seed) }));
  const answers = fresh.length === 0 ? [] : await askKernel(fresh.map(({ scene }) => scene));
  const rows = kept.map((seed): Answered => {
    const row = JSON.parse(gunzipSync(readFileSync(fileOf(seed))).toString()) as {
      scene: KeptScene;
      answer: KernelResult;
    };
    return { scene: sceneOf(row.scene), answer: row.answer };
  });
  fresh.forEach(({ seed, scene }, index) => {
    const found = answers[index];
    const answer = found instanceof Error || found === undefined ? String(found?.message) : found;
    if (FOLDER !== undefined) {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(fileOf(seed), gzipSync(JSON.stringify({ scene: keptScene(scene), answer })));
    }
    rows.push({ scene, answer });
  });
  return rows;
}

function differencesOf(scene: KernelScene, kernel: KernelResult): string[] {
  try {
    const ours = emulate(
      scene,
      kernel.packets.map((packet) => packet.timeNs),
    );
    return compare(scene, kernel, ours);
  } catch (error) {
    return [`ours: ${error instanceof Error ? (error.stack ?? error.message) : error}`];
  }
}

/** `1-60,77`. */
function seedsOf(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first = 1, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Scenes with their answers into a group, in place of those of the same name. */
function choose(group: string, chosen: [KernelScene, KernelResult][]): void {
  const path = new URL(`../golden/${group}.json.gz`, import.meta.url).pathname;
  const names = new Set(chosen.map(([scene]) => scene.name));
  const rows = existsSync(path) ? (JSON.parse(gunzipSync(readFileSync(path)).toString()) as [string, unknown][]) : [];
  const all = [
    ...rows.filter(([name]) => !names.has(name)),
    ...chosen.map(([scene, answer]) => [scene.name, packed(scene, answer)]),
  ];
  writeFileSync(path, gzipSync(JSON.stringify(all), { level: 9 }));
  keepScenes(
    group,
    chosen.map(([scene]) => scene),
  );
}

it.skipIf(RANGE === undefined)(
  'random scenes are the kernel’s, octet for octet',
  async () => {
    const seeds = seedsOf(RANGE ?? '');
    const total = { scenes: 0, packets: 0, frames: 0, refused: 0, differing: 0 };
    const found: string[] = [];
    const good: [KernelScene, KernelResult][] = [];
    for (let at = 0; at < seeds.length; at += BATCH) {
      for (const { scene, answer } of await answered(seeds.slice(at, at + BATCH))) {
        total.scenes++;
        if (typeof answer === 'string') {
          total.refused++;
          process.stdout.write(`refused: ${answer.slice(0, 400)}\n`);
          continue;
        }
        total.packets += scene.frames.length;
        total.frames += answer.packets.reduce((sum, row) => sum + row.outputs.length + row.before.length, 0);
        const differences = differencesOf(scene, answer);
        if (differences.length === 0) {
          good.push([scene, answer]);
          continue;
        }
        total.differing++;
        found.push(`${scene.name}\n  ${differences.join('\n').replaceAll('\n', '\n  ')}`);
      }
    }
    if (GROUP !== undefined) choose(GROUP, good);
    const text = Object.entries(total).map(([name, count]) => `${count} ${name}`);
    process.stdout.write(`${text.join(', ')}\n`);
    if (FOLDER !== undefined) writeFileSync(join(FOLDER, 'differences.txt'), `${found.join('\n')}\n`);
    expect(found.join('\n')).toBe('');
    expect(total.refused).toBeLessThanOrEqual(total.scenes * 0.05);
  },
  HOUR_MS,
);
