// Thread entry point of piscina: one replay task in, its result out. All logic stands in src/replay.
import type { MessagePort } from 'node:worker_threads';
import { runTask } from '../src/replay/session.ts';
import type { ReplayTask } from '../src/replay/task.ts';

export default function replay(job: { task: ReplayTask; progress?: MessagePort }): ReturnType<typeof runTask> {
  const { task, progress } = job;
  return runTask(task, progress === undefined ? undefined : (report) => progress.postMessage(report)).finally(() =>
    progress?.close(),
  );
}
