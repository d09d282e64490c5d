// Asks the kernel: scenes in one boot of the guest.
import { runGuest } from './machine.ts';
import { type KernelResult, sceneResult } from './result.ts';
import { addressed, jobFiles, type KernelScene } from './scene.ts';

const BOOT_MS = 120_000;
const SCENE_MS = 30_000;

/** What a real kernel does in each scene. A scene that cannot be set up is an Error in its place. */
export async function askKernel(scenes: KernelScene[]): Promise<(KernelResult | Error)[]> {
  const run = await runGuest(jobFiles(scenes.map(addressed)), BOOT_MS + SCENE_MS * scenes.length);
  return scenes.map((scene, index) => {
    try {
      return sceneResult(run, index, scene);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  });
}
