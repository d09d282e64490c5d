// Runs replay tasks on piscina's worker threads, or in this thread when there is one task or one worker.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { NftreplayError } from '../base/errors.ts';
import type { LiveOptions } from '../capture/live.ts';
import type { ReplayResult } from './result.ts';
import { runTask } from './session.ts';
import type { Progress, ReplayTask, TaskFailure } from './task.ts';

/** Runs all tasks, at most `workers` at a time; results in the order of the tasks. `onProgress` gets the slowest one's. */
export async function runTasks(
  tasks: ReplayTask[],
  workers: number,
  onProgress?: (progress: Progress) => void,
  live?: LiveOptions,
): Promise<ReplayResult[]> {
  const latest: (Progress | undefined)[] = tasks.map(() => undefined);
  const report = (index: number, progress: Progress): void => {
    latest[index] = progress;
    const known = latest.filter((row) => row !== undefined);
    onProgress?.(known.reduce((slowest, row) => (row.octetsRead < slowest.octetsRead ? row : slowest)));
  };
  const file = workerFile();
  // One task gains nothing by a thread, and only this one has standard input.
  if (workers <= 1 || tasks.length === 1 || file === undefined || live !== undefined) {
    const results: ReplayResult[] = [];
    for (const [index, task] of tasks.entries()) results.push(await runTask(task, (row) => report(index, row), live));
    return results;
  }
  const { Piscina } = await import('piscina');
  const pool = new Piscina({
    filename: file,
    maxThreads: Math.min(workers, tasks.length),
    minThreads: Math.min(workers, tasks.length),
  });
  try {
    return await Promise.all(
      tasks.map(async (task, index) => {
        const { port1, port2 } = new MessageChannel();
        port1.on('message', (row: Progress) => report(index, row));
        port1.unref();
        const result = await pool.run({ task, progress: port2 }, { transferList: [port2] });
        port1.close();
        return orThrow(result as ReplayResult | TaskFailure);
      }),
    );
  } finally {
    await pool.destroy();
  }
}

function orThrow(result: ReplayResult | TaskFailure): ReplayResult {
  if ('failure' in result) throw new NftreplayError(result.failure.code, result.failure.message);
  return result;
}

/** The compiled entry point: beside us in dist, or dist's when we run from source (tests). */
function workerFile(): string | undefined {
  const here = fileURLToPath(import.meta.url);
  const candidates = ['../../workers/replay.js', '../../dist/workers/replay.js'];
  return candidates.map((path) => fileURLToPath(new URL(path, `file://${here}`))).find((path) => existsSync(path));
}
