// Thread entry point of piscina: one replay task in, its result out. All logic stands in src/replay.
import type { MessagePort } from 'node:worker_threads';
import { runTaskOnThread } from '../src/replay/session.ts';
import type { ReplayTask } from '../src/replay/task.ts';

export default function replay(job: { task: ReplayTask; progress: MessagePort }): ReturnType<typeof runTaskOnThread> {
  const { task, progress } = job;
  return runTaskOnThread(task, (report) => progress.postMessage(report)).finally(() => progress.close());
}
