// Scenes kept whole, so that they stay what they were when the generator or the emulated router changes: those of the random
// differential that found something, and a choice of the others. Their answers are in ../golden as all groups' are.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { KernelScene } from '../../../scripts/kernel/scene.ts';

export interface KeptScene {
  name: string;
  ruleset: string;
  router: string;
  frames: [device: string, timeNs: number, hex: string][];
}

/** A scene made plain. */
export function keptScene({ name, ruleset, router, frames }: KernelScene): KeptScene {
  return {
    name,
    ruleset,
    router,
    frames: frames.map(({ device, timeNs, octets }) => [device, timeNs, Buffer.from(octets).toString('hex')]),
  };
}

/** And back. */
export function sceneOf({ frames, ...rest }: KeptScene): KernelScene {
  return {
    ...rest,
    frames: frames.map(([device, timeNs, hex]) => ({
      device,
      timeNs,
      octets: Uint8Array.from(Buffer.from(hex, 'hex')),
    })),
  };
}

const pathOf = (group: string): string => new URL(`kept/${group}.json.gz`, import.meta.url).pathname;

/** The scenes of a group; none when there is no such file. */
export function keptScenes(group: string): KernelScene[] {
  if (!existsSync(pathOf(group))) return [];
  return (JSON.parse(gunzipSync(readFileSync(pathOf(group))).toString()) as KeptScene[]).map(sceneOf);
}

/** Adds scenes to a group, in place of those of the same name. */
export function keepScenes(group: string, scenes: KernelScene[]): void {
  const names = new Set(scenes.map((scene) => scene.name));
  const rows = [...keptScenes(group).filter((scene) => !names.has(scene.name)), ...scenes].map(keptScene);
  mkdirSync(new URL('kept', import.meta.url), { recursive: true });
  writeFileSync(pathOf(group), gzipSync(JSON.stringify(rows), { level: 9 }));
}
