// The emulated router against a real 6.12 kernel: frames, fast path, counters, sets, connections. The kernel's answers are
// kept in golden/; `npm run test:kernel` asks a kernel under qemu now, `npm run kernel:record` keeps what it says.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { compare } from '../../scripts/kernel/compare.ts';
import { emulate } from '../../scripts/kernel/emulate.ts';
import { askKernel } from '../../scripts/kernel/judge.ts';
import type { KernelResult } from '../../scripts/kernel/result.ts';
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { type PackedResult, packed, unpacked } from './golden.ts';
import { GROUPS } from './groups.ts';

const MODE = process.env.NFTREPLAY_JUDGE ?? 'golden';
const ONLY = process.env.NFTREPLAY_JUDGE_GROUP;
/** Scenes in one boot of the guest. */
const BATCH = 60;

const goldenPath = (group: string): string => new URL(`golden/${group}.json.gz`, import.meta.url).pathname;

function readGolden(group: string, scenes: KernelScene[]): Map<string, KernelResult> {
  if (!existsSync(goldenPath(group))) return new Map();
  const rows = JSON.parse(gunzipSync(readFileSync(goldenPath(group))).toString('utf8')) as [string, PackedResult][];
  const byName = new Map(scenes.map((scene) => [scene.name, scene]));
  return new Map(
    rows.flatMap(([name, answer]) => {
      const scene = byName.get(name);
      return scene === undefined ? [] : [[name, unpacked(scene, answer)]];
    }),
  );
}

async function ask(scenes: KernelScene[]): Promise<Map<string, KernelResult>> {
  const found = new Map<string, KernelResult>();
  for (let at = 0; at < scenes.length; at += BATCH) {
    const batch = scenes.slice(at, at + BATCH);
    const answers = await askKernel(batch);
    batch.forEach((scene, i) => {
      const answer = answers[i];
      // What cannot be set up has no answer: the first test says so.
      if (answer instanceof Error) process.stderr.write(`${answer.message}\n`);
      else if (answer !== undefined) found.set(scene.name, answer);
    });
  }
  return found;
}

describe.each(Object.entries(GROUPS).filter(([name]) => ONLY === undefined || name === ONLY))('%s', (group, scenes) => {
  let answers = new Map<string, KernelResult>();

  beforeAll(async () => {
    answers = MODE === 'golden' ? readGolden(group, scenes) : await ask(scenes);
    // Without ../shared there are no real captures: their answers stay.
    if (MODE !== 'record' || scenes.length === 0) return;
    mkdirSync(new URL('golden', import.meta.url), { recursive: true });
    const rows = scenes.flatMap((scene) => {
      const answer = answers.get(scene.name);
      return answer === undefined ? [] : [[scene.name, packed(scene, answer)]];
    });
    writeFileSync(goldenPath(group), gzipSync(JSON.stringify(rows), { level: 9 }));
  }, 3_600_000);

  it('has an answer of the kernel for every scene', () => {
    expect(scenes.map((scene) => scene.name).filter((name) => !answers.has(name))).toEqual([]);
  });

  it.each(scenes.map((scene) => [scene.name, scene] as const))('%s', (name, scene) => {
    const kernel = answers.get(name);
    expect(kernel).toBeDefined();
    if (kernel === undefined) return;
    const ours = emulate(
      scene,
      kernel.packets.map((packet) => packet.timeNs),
    );
    expect(compare(scene, kernel, ours).join('\n')).toBe('');
  });
});
