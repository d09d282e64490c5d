// What every command with a ruleset and captures takes alike: its options, their checks, and the compiled ruleset,
// router and captures that they name.
import { availableParallelism } from 'node:os';
import type { Argv, Options } from 'yargs';
import { ConfigError } from '../base/errors.ts';
import {
  type CaptureSource,
  type CompiledRuleset,
  type CompileOptions,
  compile,
  loadRouter,
  type ReplayOptions,
  type RouterSpec,
  type SourceLocation,
} from '../index.ts';
import { ASSUMED_ANSWERS, type Assumptions } from '../nft/assume.ts';
import { visible } from '../report/format.ts';
import type { NamedPath } from './outputs.ts';
import { asGiven } from './usage.ts';

const MAX_WORKERS = 256;

/** How a ruleset file is read. */
export const RULESET_OPTIONS = {
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
  assume: {
    type: 'string',
    array: true,
    default: [],
    nargs: 1,
    describe: 'queue=accept, drop or absent: what user space answers to `queue`; absent: no program listens',
  },
} satisfies Record<string, Options>;

/** What is replayed: options of every command with RULESET and CAPTURE. */
export const INPUT_OPTIONS = {
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
  'captured-on': {
    type: 'string',
    requiresArg: true,
    describe: 'IFACE on whose wire the captures were taken, or any: what the router sent is turned back and compared',
  },
  match: {
    type: 'string',
    describe: "only packets that nft's expressions mean enter: 'ip saddr 10.0.0.5 tcp dport 443'",
    requiresArg: true,
  },
  workers: {
    type: 'number',
    default: availableParallelism(),
    defaultDescription: 'cores',
    describe: 'worker threads; the output is the same for any number',
    requiresArg: true,
  },
  ...RULESET_OPTIONS,
  'known-connections': {
    type: 'boolean',
    describe: "take the capture's connections as known before the ruleset was loaded",
    defaultDescription: 'only if an inferred router would forward nothing',
  },
  'fix-checksums': {
    type: 'boolean',
    default: false,
    describe: 'mend wrong checksums first: for captures taken on a sender whose network card fills them in',
  },
  seed: { type: 'number', default: 1, describe: 'seed of what the kernel would choose at random' },
} satisfies Record<string, Options>;

export interface RulesetArguments {
  include: string[];
  allowAbsoluteIncludes: boolean;
  assume: string[];
}

export interface InputArguments extends RulesetArguments {
  router?: string;
  in: string[];
  match?: string;
  capturedOn?: string;
  fixChecksums: boolean;
  workers: number;
  seed: number;
  knownConnections?: boolean;
  /** yargs gives positionals under their own names. */
  [name: string]: unknown;
}

/** A compiled ruleset with what was said about it. */
export interface RulesetInput {
  rulesetPath: string;
  compiled: CompiledRuleset;
  /** 'file:line:column: warning: …', printed already. */
  rulesetNotes: string[];
}

export interface Inputs extends RulesetInput {
  routerPath: string | undefined;
  router: RouterSpec | undefined;
  captures: CaptureSource[];
  /** To spread into replayCaptures, with a command's own options after it. */
  replayOptions: ReplayOptions;
}

/** The positionals RULESET and CAPTURE..; `streams`: pipes and live captures too (see refuseStreams). */
export function inputPositionals<T>(argv: Argv<T>, streams = false): Argv<T> {
  return argv.positional('RULESET', { type: 'string', describe: 'an nft ruleset file' }).positional('CAPTURE', {
    type: 'string',
    array: true,
    describe: `pcap or pcapng, also gzipped${streams ? '; - reads standard input; live:IFACE captures' : ''}`,
  }) as Argv<T>;
}

/**
 * Reads what RULESET, CAPTURE and INPUT_OPTIONS name; prints the ruleset's notes to stderr. Throws NftError for the
 * ruleset, ConfigError (with the command's name) for wrong arguments.
 */
export function readInputs(args: InputArguments, command: string): Inputs {
  const captures = captureArguments(args, command);
  const workers = threads(args.workers);
  const ruleset = readRuleset(args.RULESET as string, args, command);
  const router = args.router === undefined ? undefined : loadRouter(args.router);
  return {
    ...ruleset,
    routerPath: args.router,
    router,
    captures,
    replayOptions: {
      ruleset: ruleset.compiled.ruleset,
      captures,
      ...(router === undefined ? {} : { router }),
      workers,
      seed: args.seed,
      ...(args.match === undefined ? {} : { match: args.match }),
      ...(args.fixChecksums ? { fixChecksums: true } : {}),
      ...(args.capturedOn === undefined ? {} : { capturedOn: args.capturedOn }),
      ...(args.knownConnections === undefined ? {} : { knownConnections: args.knownConnections }),
    },
  };
}

/** One ruleset file, its notes printed to stderr. Throws NftError. */
export function readRuleset(path: string, args: RulesetArguments, command: string): RulesetInput {
  if (path === '') throw new ConfigError(command, 'RULESET', 'is an empty name');
  const compiled = compile(compileOptions(path, args));
  const rulesetNotes = notes(compiled);
  for (const note of rulesetNotes) process.stderr.write(`${visible(note)}\n`);
  return { rulesetPath: path, compiled, rulesetNotes };
}

/** How RULESET_OPTIONS compile a ruleset. Throws ConfigError for an assumption that is none. */
export function compileOptions(path: string, args: RulesetArguments): CompileOptions {
  const { include: includePaths, allowAbsoluteIncludes } = args;
  return { path, includePaths, allowAbsoluteIncludes, assume: assumptions(args.assume) };
}

/** What --assume says. Throws ConfigError. */
export function assumptions(texts: readonly string[]): Assumptions {
  const found: Assumptions = {};
  for (const text of texts) {
    const answer = ASSUMED_ANSWERS.find((one) => text === `queue=${one}`);
    if (answer === undefined)
      throw new ConfigError('--assume', text, `is none of queue=${ASSUMED_ANSWERS.join(', queue=')}`);
    if (found.queue !== undefined) throw new ConfigError('--assume', text, 'queue is assumed twice');
    found.queue = answer;
  }
  return found;
}

function notes(compiled: CompiledRuleset): string[] {
  const say = (row: { location: SourceLocation; message: string }, kind: string): string =>
    `${row.location.file}:${row.location.line}:${row.location.column}: ${kind}: ${row.message}`;
  return [...compiled.warnings.map((row) => say(row, 'warning')), ...compiled.notes.map((row) => say(row, 'note'))];
}

function captureArguments(args: InputArguments, command: string): CaptureSource[] {
  const captures: CaptureSource[] = [
    ...((args.CAPTURE as string[] | undefined) ?? []).map((path) => ({ path: asGiven(path) })),
    ...args.in.map(ingressCapture),
  ];
  if (captures.length === 0) throw new ConfigError(command, 'CAPTURE', 'name at least one capture, or --in IFACE=FILE');
  if (captures.some((row) => row.path === '')) throw new ConfigError(command, 'CAPTURE', 'is an empty name');
  if (captures.filter((row) => row.path === '-').length > 1) {
    throw new ConfigError(command, '-', 'standard input is one capture: name it once');
  }
  return captures;
}

function ingressCapture(text: string): CaptureSource {
  const equals = text.indexOf('=');
  if (equals < 1 || equals === text.length - 1)
    throw new ConfigError('--in', text, 'is IFACE=FILE, e.g. --in lan0=lan.pcap');
  return { ingress: text.slice(0, equals), path: text.slice(equals + 1) };
}

/** Pipes and live captures can be read only once: for commands that replay more than once. Throws ConfigError. */
export function refuseStreams(captures: CaptureSource[], command: string): void {
  const stream = captures.find(({ path }) => path === '-' || path.startsWith('live:'));
  if (stream === undefined) return;
  throw new ConfigError(command, stream.path, 'is replayed more than once: save it to a file first (tcpdump -w FILE)');
}

function threads(value: number): number {
  if (value >= 1 && value <= MAX_WORKERS) return value;
  throw new ConfigError('--workers', '', `needs a number of threads, 1 to ${MAX_WORKERS}`);
}

/** What yargs lets pass: numbers that are none, options given twice, empty values. Throws ConfigError. */
export function checkOptions(args: Record<string, unknown>, options: Record<string, Options>): void {
  for (const [name, option] of Object.entries(options)) {
    const value = args[name];
    if (value === '') throw new ConfigError(`--${name}`, '', 'needs a value that is not empty');
    if (!option.array && Array.isArray(value)) throw new ConfigError(`--${name}`, '', 'is given twice');
    if (option.type === 'number' && value !== undefined && !Number.isInteger(value)) {
      throw new ConfigError(`--${name}`, '', 'needs a whole number');
    }
  }
}

/** The files that are read, for checkOutputs. */
export function inputPaths(args: InputArguments, captures: CaptureSource[]): NamedPath[] {
  const router = args.router === undefined ? [] : [{ option: '--router', path: args.router }];
  return [
    { option: 'RULESET', path: args.RULESET as string },
    ...captures.map(({ path }) => ({ option: 'CAPTURE', path })),
    ...router,
  ];
}
