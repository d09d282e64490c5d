// The whole of a replay for its caller: survey the captures, infer a router when none was given, decide whether the
// work may be split, run it, put the parts together.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import { deviceHints } from '../config/devices.ts';
import { inferRouter } from '../config/infer.ts';
import type { RouterSpec } from '../net/spec.ts';
import { crossFlowState } from '../netfilter/shardable.ts';
import { type EventRow, mergeEventRows } from './event-rows.ts';
import { type FrameRow, mergeFrameRows } from './frame-rows.ts';
import { mergeResults } from './merge.ts';
import { runTasks } from './pool.ts';
import type { ReplayResult } from './result.ts';
import { SpillReader } from './spill.ts';
import { type Survey, surveyCaptures } from './survey.ts';
import type { CaptureSource, OffloadMode, Progress, ReplayTask } from './task.ts';

export interface ReplayOptions {
  ruleset: Ruleset;
  /** Paths, `-` for standard input, or with the interface that they entered at. */
  captures: CaptureSource[];
  /** Absent: inferred from ruleset and captures. */
  router?: RouterSpec;
  offload?: OffloadMode;
  /** Threads; 1 replays in this one. */
  workers?: number;
  seed?: number;
  /** Per-packet rows and frames are wanted: the callbacks get them in packet order after the replay. */
  onEvents?: (rows: Iterable<EventRow>, replay: Replay) => void | Promise<void>;
  onFrames?: (rows: Iterable<FrameRow>, replay: Replay) => void | Promise<void>;
  onProgress?: (progress: Progress) => void;
}

export interface Replay {
  result: ReplayResult;
  router: RouterSpec;
  /** Sentences about what was assumed. */
  assumptions: string[];
  /** Why the capture was replayed as a whole or could be split, one sentence. */
  split: string;
}

/**
 * Replays captures through a ruleset. The result is the same for any number of workers.
 * Throws CaptureError when a capture is unusable, ConfigError when an interface is unknown.
 */
export async function replayCaptures(options: ReplayOptions): Promise<Replay> {
  const isPiped = options.captures.some((source) => isStream(source.path));
  const survey = isPiped ? undefined : await surveyCaptures(options.captures.map((source) => source.path));
  const { router, assumptions } = chooseRouter(options, survey);
  checkIngress(options.captures, router);
  const { shares, split } = decideSplit(options, isPiped);
  const folder = options.onEvents || options.onFrames ? mkdtempSync(join(tmpdir(), 'nftreplay-')) : undefined;
  try {
    const base: ReplayTask = {
      ruleset: options.ruleset,
      router,
      inferred: options.router === undefined,
      captures: options.captures.map((source, index) => ({
        ...source,
        hasOutgoingCopies: survey?.hasOutgoingCopies[index] ?? false,
      })),
      offload: options.offload ?? 'as-ruled',
      seed: options.seed ?? 1,
    };
    let tasks = makeTasks(base, shares, folder, options);
    let parts = await runTasks(tasks, options.workers ?? 1, options.onProgress);
    let merged = mergeResults(parts, options.ruleset);
    if (shares > 1 && merged.result.conntrackPeak >= merged.result.conntrackLimit) {
      // The parts together might have filled the table: then connections do depend on each other.
      tasks = makeTasks(base, 1, folder, options);
      parts = await runTasks(tasks, 1, options.onProgress);
      merged = mergeResults(parts, options.ruleset);
    }
    const replay: Replay = { result: merged.result, router, assumptions, split };
    await deliver(tasks, merged.pathOf, options, replay);
    return replay;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function isStream(path: string): boolean {
  return path === '-' || path.startsWith('live:') || path.startsWith('/dev/');
}

function chooseRouter(
  options: ReplayOptions,
  survey: Survey | undefined,
): { router: RouterSpec; assumptions: string[] } {
  if (options.router !== undefined) return { router: options.router, assumptions: [] };
  const hints = deviceHints(options.ruleset);
  for (const source of options.captures) {
    if (source.ingress !== undefined && !hints.names.includes(source.ingress)) hints.names.push(source.ingress);
  }
  const inferred = inferRouter(hints, survey ?? emptySurvey());
  return { router: inferred.spec, assumptions: inferred.assumptions };
}

function emptySurvey(): Survey {
  return {
    sources: new Map(),
    destinations: new Map(),
    hasPppoe: false,
    vlanIds: new Set(),
    packets: 0,
    senders: new Map(),
    hasOutgoingCopies: [],
  };
}

function checkIngress(captures: CaptureSource[], router: RouterSpec): void {
  for (const source of captures) {
    if (source.ingress === undefined || router.interfaces.some((row) => row.name === source.ingress)) continue;
    const known = router.interfaces.map((row) => row.name).join(', ');
    throw new ConfigError('--in', source.ingress, `the router has no such interface (it has ${known})`);
  }
}

/** Connections of one capture may be replayed on several threads only when nothing connects them. */
function decideSplit(options: ReplayOptions, isPiped: boolean): { shares: number; split: string } {
  const workers = Math.max(1, options.workers ?? 1);
  if (isPiped) return { shares: 1, split: 'replayed in one go: a pipe can be read only once' };
  if (options.offload === 'hardware' && options.ruleset.tables.some((table) => table.flowtables.length > 0)) {
    return { shares: 1, split: "replayed in one go, because connections share the hardware's flow table" };
  }
  const analysis = crossFlowState(options.ruleset);
  if (analysis.exact) {
    return {
      shares: workers,
      split: 'connections do not influence each other here: threads share the work, with the same result',
    };
  }
  const reasons = analysis.reasons.slice(0, 3).map((reason) => reason.text);
  const more = analysis.reasons.length > 3 ? ` and ${analysis.reasons.length - 3} more` : '';
  return { shares: 1, split: `replayed in one go, because connections share state: ${reasons.join('; ')}${more}` };
}

function makeTasks(base: ReplayTask, shares: number, folder: string | undefined, options: ReplayOptions): ReplayTask[] {
  return Array.from({ length: shares }, (_, index) => ({
    ...base,
    ...(shares > 1 ? { shard: { index, of: shares } } : {}),
    ...(folder !== undefined && options.onEvents ? { eventsSpill: join(folder, `events-${shares}-${index}`) } : {}),
    ...(folder !== undefined && options.onFrames ? { framesSpill: join(folder, `frames-${shares}-${index}`) } : {}),
  }));
}

async function deliver(
  tasks: ReplayTask[],
  pathOf: Uint32Array[],
  options: ReplayOptions,
  replay: Replay,
): Promise<void> {
  const readers: SpillReader[] = [];
  const open = (path: string): SpillReader => {
    const reader = new SpillReader(path);
    readers.push(reader);
    return reader;
  };
  try {
    if (options.onEvents) {
      const parts = tasks.map((task, index) => ({
        spill: open(task.eventsSpill ?? ''),
        pathOf: pathOf[index] ?? new Uint32Array(0),
      }));
      await options.onEvents(mergeEventRows(parts), replay);
    }
    if (options.onFrames)
      await options.onFrames(mergeFrameRows(tasks.map((task) => open(task.framesSpill ?? ''))), replay);
  } finally {
    for (const reader of readers) reader.close();
  }
}
