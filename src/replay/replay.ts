// The whole of a replay for its caller: survey the captures, infer a router when none was given, decide whether the
// work may be split, run it, put the parts together.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { be32 } from '../base/columns.ts';
import { ConfigError } from '../base/errors.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { LiveOptions } from '../capture/live.ts';
import { commonHints } from '../config/devices.ts';
import { inferRouter } from '../config/infer.ts';
import { isIndependent } from '../datapath/icmp-rate.ts';
import { MAX_PATH_WORDS, MAX_PATHS } from '../event/recorder.ts';
import type { RouterSpec } from '../net/spec.ts';
import type { HardwareModel } from '../netfilter/flowtable/hardware.ts';
import { crossFlowState } from '../netfilter/shardable.ts';
import { compileMatch } from '../nft/compile-match.ts';
import { parsePrefix } from '../packet/address.ts';
import { VERDICT_DROP, VERDICT_FORWARD } from '../packet/packet.ts';
import { type EventRow, mergeEventRows } from './event-rows.ts';
import { type FrameRow, mergeFrameRows } from './frame-rows.ts';
import { type MergedResult, mergeResults } from './merge.ts';
import { runTasks } from './pool.ts';
import type { ReplayResult } from './result.ts';
import { SpillReader } from './spill.ts';
import { type Survey, surveyCaptures } from './survey.ts';
import type { CaptureSource, OffloadMode, Progress, ReplayTask, RulesetSwap } from './task.ts';
import type { TraceChoice } from './trace-collector.ts';

export interface ReplayOptions {
  ruleset: Ruleset;
  /** Paths, `-` for standard input, or with the interface that they entered at. */
  captures: CaptureSource[];
  /** Absent: inferred from ruleset and captures. */
  router?: RouterSpec;
  /** Rulesets whose devices an inferred router has too: those that this replay is compared with. */
  otherRulesets?: Ruleset[];
  /** The router that an earlier replay of the same captures inferred: inferred it stays, and is not inferred again. */
  inferredRouter?: RouterSpec;
  offload?: OffloadMode;
  /** The engine behind `flags offload`; absent: a common one. */
  hardware?: HardwareModel;
  /** Threads; 1 replays in this one. */
  workers?: number;
  seed?: number;
  /**
   * The capture's connections count as known before the ruleset was loaded, so that dropping their first packet does not
   * end them. Absent: only when the router is inferred and the ruleset would forward nothing at all otherwise.
   */
  knownConnections?: boolean;
  /** nft's expressions: only these packets enter the router, the others are left out and counted. */
  match?: string;
  /** Wrong checksums are computed anew before a packet enters: for captures taken on a sender (fix-checksums.ts). */
  fixChecksums?: boolean;
  /** The captures without an interface of their own were taken on this one's wire, or on 'any' (captured-on.ts). */
  capturedOn?: string;
  /** The walks of these packets are kept (result.trace). */
  trace?: TraceChoice;
  /** Another ruleset takes over in the middle: replayed in one go; result.names has the rules of both, one after the other. */
  swap?: RulesetSwap;
  /** Found elements of sets are counted (state.hits), and who took the packets of these rules (result.probes). */
  coverage?: { probe: readonly number[] };
  /** The result will be priced: expressions count what decides their price. Absent: when events are wanted. */
  prices?: boolean;
  /** false: the connections left at the end are not listed (a line of text for each takes its time). */
  conntrack?: boolean;
  /** Per-packet rows and frames are wanted: the callbacks get them in packet order after the replay. */
  onEvents?: (rows: Iterable<EventRow>, replay: Replay) => void | Promise<void>;
  onFrames?: (rows: Iterable<FrameRow>, replay: Replay) => void | Promise<void>;
  /** Numbers of the packets whose frames onFrames gets; absent: all. */
  framesOf?: ReadonlySet<number>;
  /** Rows of onEvents carry a digest of the frames that left: tells whether two replays sent the same. */
  digests?: boolean;
  onProgress?: (progress: Progress) => void;
  /** For captures called `live:IFACE`: the clock, and when to stop. */
  live?: LiveOptions;
}

export interface Replay {
  result: ReplayResult;
  router: RouterSpec;
  /** Sentences about what was assumed. */
  assumptions: string[];
  /** Why the capture was replayed as a whole or could be split, one sentence. */
  split: string;
  /** The capture's connections were taken as known: as asked, or as guessed. */
  knownConnections: boolean;
}

/**
 * Replays captures through a ruleset. The result is the same for any number of workers.
 * Throws CaptureError when a capture is unusable, ConfigError when an interface is unknown.
 */
export async function replayCaptures(options: ReplayOptions): Promise<Replay> {
  // A wrong match is said before anything is read.
  if (options.match !== undefined) compileMatch(options.match);
  const isPiped = options.captures.some((source) => isStream(source.path));
  // Clones of a capture have its addresses for the survey.
  const paths = [...new Set(options.captures.map((source) => source.path))];
  const survey = isPiped ? undefined : await surveyCaptures(paths);
  const { router, assumptions } = chooseRouter(options, survey);
  checkIngress(options.captures, router);
  checkCapturedOn(options, router);
  const { shares, split } = decideSplit(options, router, isPiped);
  const folder = options.onEvents || options.onFrames ? mkdtempSync(join(tmpdir(), 'nftreplay-')) : undefined;
  const discard = (): void => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', discard);
  try {
    const base: ReplayTask = {
      ruleset: options.ruleset,
      router,
      inferred: options.router === undefined,
      captures: options.captures.map((source) => ({
        ...source,
        hasOutgoingCopies: survey?.hasOutgoingCopies[paths.indexOf(source.path)] ?? false,
      })),
      ...ownAddress(options, router),
      offload: options.offload ?? 'as-ruled',
      ...(options.hardware === undefined ? {} : { hardware: options.hardware }),
      seed: options.seed ?? 1,
      keepDropped: options.knownConnections ?? false,
      ...(options.match === undefined ? {} : { match: options.match }),
      ...(options.fixChecksums === true ? { fixChecksums: true } : {}),
      ...(options.capturedOn === undefined ? {} : { capturedOn: options.capturedOn }),
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      ...(options.coverage === undefined ? {} : { coverage: options.coverage }),
      ...(options.swap === undefined ? {} : { swap: options.swap }),
      countsWork: options.prices ?? options.onEvents !== undefined,
      listsConntrack: options.conntrack ?? true,
      digests: options.digests ?? false,
    };
    let run = await runAll(base, shares, folder, options);
    const mayGuess = options.knownConnections === undefined && options.router === undefined && !isPiped;
    const guesses = mayGuess && forwardsNothing(run.result, options.ruleset);
    if (guesses) {
      run = await runAll({ ...base, keepDropped: true }, shares, folder, options);
      assumptions.push(KNOWN_CONNECTIONS);
    }
    const knownConnections = guesses || base.keepDropped;
    const replay: Replay = { result: run.result, router, assumptions, split, knownConnections };
    await deliver(run.tasks, run.pathOf, options, replay);
    return replay;
  } finally {
    process.removeListener('exit', discard);
    discard();
  }
}

const KNOWN_CONNECTIONS =
  'no rule accepts a new connection to be forwarded, so nothing would ever be established: the connections of the ' +
  'capture are taken as known before the ruleset was loaded (--no-known-connections replays them as new)';

interface Run extends MergedResult {
  tasks: ReplayTask[];
}

/** Replays in shares, and once more in one go when the shares felt each other after all. */
async function runAll(
  base: ReplayTask,
  shares: number,
  folder: string | undefined,
  options: ReplayOptions,
): Promise<Run> {
  const tasks = makeTasks(base, shares, folder, options);
  const parts = await runTasks(tasks, options.workers ?? 1, options.onProgress, options.live);
  if (shares > 1 && !isExactSplit(parts)) return runAll(base, 1, folder, options);
  return { ...mergeResults(parts, options.ruleset), tasks };
}

/** Not one packet was forwarded, though the ruleset means to let established connections through, without translation. */
export function forwardsNothing({ paths }: Pick<ReplayResult, 'paths'>, ruleset: Ruleset): boolean {
  let dropped = false;
  for (let path = 0; path < paths.packets.length; path++) {
    if (paths.verdict[path] === VERDICT_FORWARD) return false;
    if (paths.verdict[path] === VERDICT_DROP) dropped = true;
  }
  const chains = ruleset.tables.flatMap((table) => table.chains);
  const tracks = chains.some((chain) => chain.rules.some((rule) => rule.expressions.some((row) => row.kind === 'ct')));
  return dropped && tracks && !chains.some((chain) => chain.base?.type === 'nat');
}

/** For Retranslate: only an inferred router whose ruleset does not translate. */
export function ownAddress(options: ReplayOptions, router: RouterSpec): { ownAddress?: number } {
  const translates = [options.ruleset, ...(options.otherRulesets ?? [])].some(({ tables }) =>
    tables.some((table) => table.chains.some((chain) => chain.base?.type === 'nat')),
  );
  if (options.router !== undefined || translates) return {};
  const outside = router.routes.find((route) => route.dst === '0.0.0.0/0')?.dev;
  const text = router.interfaces.find((row) => row.name === outside)?.addresses.find((row) => !row.includes(':'));
  const address = text === undefined ? undefined : parsePrefix(text)?.address;
  return address === undefined ? {} : { ownAddress: be32(address, 0) };
}

/** What can be read only once: no look beforehand, no second thread. */
export function isStream(path: string): boolean {
  if (path === '-' || path.startsWith('live:')) return true;
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && !status.isFile() && !status.isDirectory();
}

/** The given router, or one inferred from ruleset and captures. */
export function chooseRouter(
  options: ReplayOptions,
  survey: Survey | undefined,
): { router: RouterSpec; assumptions: string[] } {
  const known = options.router ?? options.inferredRouter;
  if (known !== undefined) return { router: known, assumptions: [...(known.notes ?? [])] };
  const hints = commonHints([options.ruleset, ...(options.otherRulesets ?? [])]);
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
    pairs: new Map(),
    hasOutgoingCopies: [],
  };
}

/** Throws ConfigError for a capture at an interface that the router has not. */
export function checkIngress(captures: CaptureSource[], router: RouterSpec): void {
  for (const source of captures) {
    if (source.ingress === undefined || router.interfaces.some((row) => row.name === source.ingress)) continue;
    const known = router.interfaces.map((row) => row.name).join(', ');
    throw new ConfigError('--in', source.ingress, `the router has no such interface (it has ${known})`);
  }
}

function checkCapturedOn({ capturedOn, captures }: ReplayOptions, router: RouterSpec): void {
  if (capturedOn === undefined) return;
  if (capturedOn !== 'any' && !router.interfaces.some((row) => row.name === capturedOn)) {
    const known = router.interfaces.map((row) => row.name).join(', ');
    throw new ConfigError('--captured-on', capturedOn, `the router has no such interface (it has ${known}; or any)`);
  }
  if (captures.every((source) => source.ingress !== undefined)) {
    throw new ConfigError('--captured-on', capturedOn, 'is for captures without --in, and all have one');
  }
}

/** Connections of one capture may be replayed on several threads only when nothing connects them. */
function decideSplit(options: ReplayOptions, router: RouterSpec, isPiped: boolean): { shares: number; split: string } {
  const workers = Math.max(1, options.workers ?? 1);
  if (options.capturedOn !== undefined) {
    return { shares: 1, split: 'replayed in one go, because --captured-on asks the connections of all packets' };
  }
  if (options.swap !== undefined)
    return { shares: 1, split: 'replayed in one go: the ruleset changes for all at once' };
  if (isPiped) return { shares: 1, split: 'replayed in one go: a pipe can be read only once' };
  if (options.trace !== undefined) return { shares: 1, split: 'replayed in one go, because packets are traced' };
  if (options.offload === 'hardware' && options.ruleset.tables.some((table) => table.flowtables.length > 0)) {
    return { shares: 1, split: "replayed in one go, because connections share the hardware's flow table" };
  }
  const analysis = crossFlowState(options.ruleset);
  const ties = analysis.exact ? [] : analysis.reasons.map((reason) => reason.text);
  const inRouter = sharedRouterState(router);
  if (inRouter !== undefined) ties.push(inRouter);
  if (ties.length === 0) {
    return { shares: workers, split: 'connections do not influence each other here: threads may share the work' };
  }
  const all = [...new Set(ties)];
  const reasons = all.slice(0, 3);
  const more = all.length > 3 ? ` and ${all.length - 3} more` : '';
  return { shares: 1, split: `replayed in one go, because connections share state: ${reasons.join('; ')}${more}` };
}

/** Whether no part felt the others after all: shared limits were far, and every packet's connection was in its part. */
function isExactSplit(parts: ReplayResult[]): boolean {
  const sum = (value: (part: ReplayResult) => number): number => parts.reduce((total, part) => total + value(part), 0);
  return (
    parts.every((part) => part.isExact && part.overflowPackets === 0) &&
    isIndependent(parts.flatMap((part) => part.icmp ?? [])) &&
    sum((part) => part.conntrackBound) < (parts[0]?.conntrackLimit ?? 0) &&
    sum((part) => part.paths.packets.length) < MAX_PATHS &&
    sum((part) => part.paths.words.length) < MAX_PATH_WORDS
  );
}

/** What ties connections together in the router itself, if anything. */
function sharedRouterState(router: RouterSpec): string | undefined {
  if (router.silentNeighbours !== undefined) return 'packets of all of them wait for neighbours that do not answer';
  for (const row of router.interfaces) {
    if (row.type === 'bridge') return `bridge ${row.name} learns addresses from all of them`;
    if (row.type === 'pppoe') return `${row.name} learns its PPPoE session from the capture`;
  }
  return undefined;
}

function makeTasks(base: ReplayTask, shares: number, folder: string | undefined, options: ReplayOptions): ReplayTask[] {
  // Each run has files of its own: a capture may be replayed again under another assumption.
  const spill = (kind: string, index: number): string =>
    join(folder ?? '', `${kind}-${base.keepDropped ? 'known-' : ''}${shares}-${index}`);
  return Array.from({ length: shares }, (_, index) => ({
    ...base,
    ...(shares > 1 ? { shard: { index, of: shares } } : {}),
    ...(folder !== undefined && options.onEvents ? { eventsSpill: spill('events', index) } : {}),
    ...(folder !== undefined && options.onFrames ? { framesSpill: spill('frames', index) } : {}),
    ...(options.framesOf === undefined ? {} : { framesOf: options.framesOf }),
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
