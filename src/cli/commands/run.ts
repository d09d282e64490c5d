// `nftreplay run RULESET CAPTURE...`: replay, price, report, and write what was asked for.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError, NftreplayError } from '../../base/errors.ts';
import {
  type CompiledRuleset,
  compile,
  EventLines,
  type EventRow,
  jsonReport,
  type LiveOptions,
  list,
  listJson,
  loadRouter,
  type OffloadMode,
  type Pricing,
  price,
  profile,
  type Replay,
  type RunReport,
  replayCaptures,
  type SourceLocation,
  textReport,
  writeFrames,
} from '../../index.ts';
import { visible } from '../../report/format.ts';
import { endOrderly } from '../interrupt.ts';
import { checkOutputs, type NamedPath } from '../outputs.ts';
import { progressLine } from '../progress.ts';
import { asGiven } from '../usage.ts';

interface RunArguments {
  ruleset: string;
  capture: string[];
  router?: string;
  in: string[];
  profile: string[];
  offload: OffloadMode;
  workers: number;
  format: 'text' | 'json';
  output?: string;
  packetsOut?: string;
  events?: string;
  rulesetOut?: string;
  conntrackOut?: string;
  include: string[];
  allowAbsoluteIncludes: boolean;
  seed: number;
  knownConnections?: boolean;
  livePackets?: number;
  liveSeconds: number;
}

const EXIT_UNUSABLE = 2;
const DEFAULT_PROFILE = 'generic-x86-64';
const MAX_WORKERS = 256;

/** All options; usage.ts suggests among them. */
export const RUN_OPTIONS = {
  router: {
    type: 'string',
    describe: 'YAML or JSON: interfaces, routes, neighbours, sysctl; absent: inferred',
    requiresArg: true,
  },
  in: {
    type: 'string',
    array: true,
    default: [],
    nargs: 1,
    describe: 'IFACE=FILE: this capture entered at this interface',
  },
  profile: {
    type: 'string',
    array: true,
    default: [],
    nargs: 1,
    describe: `device to price for (default ${DEFAULT_PROFILE}); nftreplay profiles lists them`,
  },
  offload: {
    choices: ['as-ruled', 'off', 'software', 'hardware'] as const,
    default: 'as-ruled' as const,
    describe: "override the flowtables' flags",
  },
  workers: {
    type: 'number',
    default: availableParallelism(),
    defaultDescription: 'cores',
    describe: 'worker threads; the output is the same for any number',
    requiresArg: true,
  },
  format: { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'form of the report' },
  output: { alias: 'o', type: 'string', describe: 'write the report to a file', requiresArg: true },
  'packets-out': {
    type: 'string',
    describe: 'pcapng of the frames as they left the router',
    requiresArg: true,
  },
  events: { type: 'string', describe: 'NDJSON, a line for each input packet', requiresArg: true },
  'ruleset-out': {
    type: 'string',
    describe: 'the ruleset after the replay, as nft list ruleset prints it (.json: nft -j)',
    requiresArg: true,
  },
  'conntrack-out': {
    type: 'string',
    describe: 'connections left at the end, as conntrack -L -o extended prints them',
    requiresArg: true,
  },
  include: {
    alias: 'I',
    type: 'string',
    array: true,
    default: [],
    nargs: 1,
    describe: 'a folder whose files the ruleset may include',
  },
  'allow-absolute-includes': {
    type: 'boolean',
    default: false,
    describe: 'let the ruleset include any file',
  },
  'known-connections': {
    type: 'boolean',
    describe: "take the capture's connections as known before the ruleset was loaded",
    defaultDescription: 'only if an inferred router would forward nothing',
  },
  'live-packets': { type: 'number', requiresArg: true, describe: 'live:IFACE ends after so many packets' },
  'live-seconds': {
    type: 'number',
    requiresArg: true,
    default: 60,
    describe: 'live:IFACE ends after so many seconds',
  },
  seed: { type: 'number', default: 1, describe: 'seed of what the kernel would choose at random' },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function runCommand(version: string): CommandModule<object, RunArguments> {
  return {
    command: 'run RULESET [CAPTURE..]',
    describe: 'replay captures through a ruleset and report what every packet met and what it cost',
    builder: (argv) => options(argv) as unknown as Argv<RunArguments>,
    handler: (args) => run(args, version),
  };
}

function options(argv: Argv<object>): Argv<object> {
  return argv
    .positional('RULESET', { type: 'string', describe: 'an nft ruleset file' })
    .positional('CAPTURE', {
      type: 'string',
      array: true,
      describe: 'pcap or pcapng, also gzipped; - reads standard input; live:IFACE captures',
    })
    .options(RUN_OPTIONS)
    .example('$0 run fw.nft capture.pcapng', 'replay one capture; interfaces are inferred')
    .example('$0 run fw.nft --router r.yaml --in lan0=lan.pcap --in wan0=wan.pcap', 'two sides of a router')
    .example('tcpdump -i eth0 -U -w - | $0 run fw.nft -', 'from a pipe')
    .example('$0 run fw.nft a.pcap --profile bpi-r3 --offload hardware', 'another device, hardware offload');
}

async function run(args: ArgumentsCamelCase<RunArguments>, version: string): Promise<void> {
  const rulesetPath = args.RULESET as string;
  checkArguments(args);
  const compiled = compile({
    path: rulesetPath,
    includePaths: args.include,
    allowAbsoluteIncludes: args.allowAbsoluteIncludes,
  });
  const notes = rulesetNotes(compiled);
  for (const note of notes) process.stderr.write(`${visible(note)}\n`);
  const router = args.router === undefined ? undefined : loadRouter(args.router);
  const names = args.profile.length > 0 ? args.profile : [DEFAULT_PROFILE];
  const chosen = names.map((name) => profile(name));
  const captures = [
    ...((args.CAPTURE as string[] | undefined) ?? []).map((path) => ({ path: asGiven(path) })),
    ...args.in.map(ingressCapture),
  ];
  if (captures.length === 0) throw new ConfigError('run', 'CAPTURE', 'name at least one capture, or --in IFACE=FILE');
  checkCaptures(captures);
  checkOutputs(outputPaths(args), inputPaths(args, captures));
  const threads = workers(args.workers);
  const progress = progressLine(process.stderr);
  let pricings: Pricing[] = [];
  const priceOnce = (replay: Replay): Pricing[] => {
    if (pricings.length === 0) pricings = chosen.map((row) => price(replay.result.paths, replay.result.names, row));
    return pricings;
  };
  const { events, packetsOut } = args;
  const uncatch = events === undefined && packetsOut === undefined ? (): void => {} : endOrderly();
  const replay = await replayCaptures({
    ruleset: compiled.ruleset,
    captures,
    ...(router === undefined ? {} : { router }),
    offload: args.offload,
    workers: threads,
    seed: args.seed,
    ...(args.knownConnections === undefined ? {} : { knownConnections: args.knownConnections }),
    conntrack: args.conntrackOut !== undefined,
    onProgress: progress.onProgress,
    ...(captures.some((row) => row.path.startsWith('live:')) ? { live: liveOptions(args) } : {}),
    ...(events === undefined ? {} : { onEvents: (rows, done) => writeEvents(events, rows, done, priceOnce(done)[0]) }),
    ...(packetsOut === undefined ? {} : { onFrames: (rows, done) => writeFrames(packetsOut, rows, done.result) }),
  }).finally(() => {
    uncatch();
    progress.clear();
  });
  const report: RunReport = {
    version,
    rulesetPath,
    ...(args.router === undefined ? {} : { routerPath: args.router }),
    ruleset: compiled.ruleset,
    rulesetNotes: notes,
    offload: args.offload,
    replay,
    pricings: priceOnce(replay),
  };
  await writeOutputs(args, compiled, report);
  const damages = replay.result.input.files.flatMap((file) => (file.damage === undefined ? [] : [file.damage.message]));
  for (const message of damages) process.stderr.write(`nftreplay: ${visible(message)}\n`);
  if (damages.length > 0) process.exitCode = EXIT_UNUSABLE;
}

function rulesetNotes(compiled: CompiledRuleset): string[] {
  const say = (row: { location: SourceLocation; message: string }, kind: string): string =>
    `${row.location.file}:${row.location.line}:${row.location.column}: ${kind}: ${row.message}`;
  return [...compiled.warnings.map((row) => say(row, 'warning')), ...compiled.notes.map((row) => say(row, 'note'))];
}

function liveOptions(args: RunArguments): LiveOptions {
  return {
    nowMs: () => performance.timeOrigin + performance.now(),
    seconds: args.liveSeconds,
    ...(args.livePackets === undefined ? {} : { packets: args.livePackets }),
  };
}

function ingressCapture(text: string): { path: string; ingress: string } {
  const equals = text.indexOf('=');
  if (equals < 1 || equals === text.length - 1)
    throw new ConfigError('--in', text, 'is IFACE=FILE, e.g. --in lan0=lan.pcap');
  return { ingress: text.slice(0, equals), path: text.slice(equals + 1) };
}

function workers(value: number): number {
  if (value >= 1 && value <= MAX_WORKERS) return value;
  throw new ConfigError('--workers', '', `needs a number of threads, 1 to ${MAX_WORKERS}`);
}

/** What yargs lets pass: numbers that are none, options given twice. */
function checkArguments(args: ArgumentsCamelCase<RunArguments>): void {
  if (args.RULESET === '') throw new ConfigError('run', 'RULESET', 'is an empty name');
  for (const [name, option] of Object.entries<Options>(RUN_OPTIONS)) {
    const value = args[name];
    if (value === '') throw new ConfigError(`--${name}`, '', 'needs a value that is not empty');
    if (!option.array && Array.isArray(value)) throw new ConfigError(`--${name}`, '', 'is given twice');
    if (option.type === 'number' && value !== undefined && !Number.isInteger(value)) {
      throw new ConfigError(`--${name}`, '', 'needs a whole number');
    }
  }
}

function checkCaptures(captures: { path: string }[]): void {
  if (captures.some((row) => row.path === '')) throw new ConfigError('run', 'CAPTURE', 'is an empty name');
  if (captures.filter((row) => row.path === '-').length > 1) {
    throw new ConfigError('run', '-', 'standard input is one capture: name it once');
  }
}

const OUTPUTS = ['output', 'packets-out', 'events', 'ruleset-out', 'conntrack-out'] as const;

function outputPaths(args: ArgumentsCamelCase<RunArguments>): NamedPath[] {
  return OUTPUTS.flatMap((name) => {
    const path = args[name] as string | undefined;
    if (path !== undefined && asGiven(path) === '-') {
      throw new ConfigError(`--${name}`, '-', 'name a file (/dev/stdout is standard output)');
    }
    return path === undefined ? [] : [{ option: `--${name}`, path }];
  });
}

function inputPaths(args: ArgumentsCamelCase<RunArguments>, captures: { path: string }[]): NamedPath[] {
  const router = args.router === undefined ? [] : [{ option: '--router', path: args.router }];
  return [
    { option: 'RULESET', path: args.RULESET as string },
    ...captures.map(({ path }) => ({ option: 'CAPTURE', path })),
    ...router,
  ];
}

async function writeOutputs(
  args: ArgumentsCamelCase<RunArguments>,
  compiled: CompiledRuleset,
  report: RunReport,
): Promise<void> {
  const { result } = report.replay;
  if (args.rulesetOut !== undefined) {
    const text = args.rulesetOut.endsWith('.json')
      ? `${JSON.stringify(listJson(compiled.ruleset, result.state))}\n`
      : list(compiled.ruleset, result.state);
    await writeOutput(args.rulesetOut, text);
  }
  if (args.conntrackOut !== undefined) {
    await writeOutput(args.conntrackOut, result.conntrack.map((row) => `${row.line}\n`).join(''));
  }
  const text =
    args.format === 'json' ? `${escaped(JSON.stringify(jsonReport(report), undefined, 2))}\n` : textReport(report);
  if (args.output !== undefined) await writeOutput(args.output, text);
  else process.stdout.write(text);
}

/** JSON with the control characters that JSON allows (C1, direction marks) as escapes: it may go to a terminal. */
function escaped(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

async function writeOutput(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

function cannotWrite(path: string, error: unknown): Error {
  // Whoever reads the pipe has seen enough: main.ts ends quietly.
  if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE') return error;
  return new NftreplayError('output', `${path}: cannot be written: ${(error as Error).message}`);
}

async function writeEvents(
  path: string,
  rows: Iterable<EventRow>,
  replay: Replay,
  pricing: Pricing | undefined,
): Promise<void> {
  const lines = new EventLines(replay.result.names, pricing, replay.result.input.firstTimeNs);
  const stream = createWriteStream(path, { highWaterMark: 1 << 20 });
  try {
    await once(stream, 'open');
    for (const row of rows) if (!stream.write(lines.line(row))) await once(stream, 'drain');
    stream.end();
    await once(stream, 'finish');
  } catch (error) {
    throw cannotWrite(path, error);
  }
}
