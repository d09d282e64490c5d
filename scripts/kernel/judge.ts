// Asks the kernel: scenes in one boot of the guest.
import { runGuest } from './machine.ts';
import { type KernelResult, sceneResult } from './result.ts';
import { addressed, jobFiles, type KernelScene } from './scene.ts';

const BOOT_MS = 120_000;
const SCENE_MS = 30_000;
/** Of a busy machine: alone a packet takes some 5 ms. */
const PACKET_MS = 100;

/** What a real kernel does in each scene. A scene that cannot be set up is an Error in its place. */
export async function askKernel(scenes: KernelScene[]): Promise<(KernelResult | Error)[]> {
  const packets = scenes.reduce((sum, scene) => sum + scene.frames.length, 0);
  const run = await runGuest(jobFiles(scenes.map(addressed)), BOOT_MS + SCENE_MS * scenes.length + PACKET_MS * packets);
  return scenes.map((scene, index) => {
    try {
      return sceneResult(run, index, scene);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  });
}
