// `nftreplay trace RULESET CAPTURE...`: the walks of chosen packets, in the syntax of `nft monitor trace`.
import { readFileSync } from 'node:fs';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import {
  compareTrace,
  comparisonText,
  type OffloadMode,
  profile,
  replayCaptures,
  type TraceChoice,
  type TraceComparison,
  type TraceJsonOptions,
  type TraceResult,
  TraceText,
  traceJson,
} from '../../index.ts';
import type { Dialect } from '../../nft/print-text.ts';
import { count, visible } from '../../report/format.ts';
import {
  checkOptions,
  INPUT_OPTIONS,
  type InputArguments,
  inputPaths,
  inputPositionals,
  readInputs,
} from '../inputs.ts';
import { checkOutputs } from '../outputs.ts';
import { packetRanges } from '../packet-ranges.ts';
import { progressLine } from '../progress.ts';
import { jsonText, writeOutput } from '../write-output.ts';

interface TraceArguments extends InputArguments {
  packet: string[];
  match?: string;
  nftrace: boolean;
  limit: number;
  onlyNft: boolean;
  diff?: string;
  nftVersion: Dialect;
  profile: string;
  offload: OffloadMode;
  format: 'text' | 'json';
  output?: string;
}

const EXIT_DIFFERENT = 1;
const EXIT_UNUSABLE = 2;
const MAX_LIMIT = 10_000;
const WIDTH = 100;

/** All options; usage.ts suggests among them. */
export const TRACE_OPTIONS = {
  packet: {
    alias: 'p',
    type: 'string',
    array: true,
    default: [],
    nargs: 1,
    describe: 'N[,N…|N-M]: these packets, numbered as in the report and in Wireshark',
  },
  ...INPUT_OPTIONS,
  match: {
    type: 'string',
    describe: "packets that nft's expressions mean: 'ip saddr 10.0.0.5 tcp dport 443'",
    requiresArg: true,
  },
  nftrace: {
    type: 'boolean',
    default: false,
    describe: 'only what the ruleset\'s own "meta nftrace set 1" would show',
  },
  limit: { type: 'number', default: 20, describe: 'show so many packets at most', requiresArg: true },
  'only-nft': { type: 'boolean', default: false, describe: 'only the lines that nft monitor trace prints' },
  diff: {
    type: 'string',
    describe: 'a real nft monitor trace of the same packets: show what walked otherwise (exit code 1)',
    requiresArg: true,
  },
  'nft-version': {
    choices: ['1.0.6', '1.1.4'] as const,
    default: '1.1.4' as const,
    describe: 'the nft whose lines are followed (Debian 12 has 1.0.6)',
  },
  profile: {
    type: 'string',
    default: 'generic-x86-64',
    describe: 'device whose instructions are estimated',
    requiresArg: true,
  },
  offload: {
    choices: ['as-ruled', 'off', 'software', 'hardware'] as const,
    default: 'as-ruled' as const,
    describe: "override the flowtables' flags",
  },
  format: { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'form of the walks' },
  output: { alias: 'o', type: 'string', describe: 'write the walks to a file', requiresArg: true },
} satisfies Record<string, Options>;

/** The command; `version` goes into JSON. */
export function traceCommand(version: string): CommandModule<object, TraceArguments> {
  return {
    command: 'trace RULESET [CAPTURE..]',
    describe: 'show the walk of single packets: rules as nft monitor trace prints them, and what it cannot print',
    builder: (argv) => options(argv) as unknown as Argv<TraceArguments>,
    handler: (args) => trace(args, version),
  };
}

function options(argv: Argv<object>): Argv<object> {
  return inputPositionals(argv, true)
    .options(TRACE_OPTIONS)
    .example('$0 trace fw.nft capture.pcapng --packet 17', 'the walk of packet 17')
    .example("$0 trace fw.nft a.pcap --match 'udp dport 53' --limit 3", 'the first three DNS queries')
    .example('$0 trace fw.nft a.pcap --packet 1-9 --only-nft', 'to lay beside a real nft monitor trace');
}

async function trace(args: ArgumentsCamelCase<TraceArguments>, version: string): Promise<void> {
  checkOptions(args, TRACE_OPTIONS);
  const choice = chosen(args);
  const device = profile(args.profile);
  const { compiled, captures, replayOptions } = readInputs(args, 'trace');
  const output = args.output === undefined ? [] : [{ option: '--output', path: args.output }];
  checkOutputs(output, inputPaths(args, captures));
  const real = args.diff === undefined ? undefined : readTrace(args.diff);
  // Here --match chooses what is shown; everything is replayed.
  const { match: _, ...allPackets } = replayOptions;
  const progress = progressLine(process.stderr);
  const { result } = await replayCaptures({
    ...allPackets,
    offload: args.offload,
    conntrack: false,
    prices: true,
    trace: choice,
    onProgress: progress.onProgress,
  }).finally(() => progress.clear());
  const found = result.trace ?? { walks: [], more: 0 };
  const { ruleset } = compiled;
  if (real !== undefined) await writeComparison(args, compareTrace(real, found.walks, ruleset), version);
  else await writeWalks(args, found, { ruleset, names: result.names, profile: device, version });
  if (real === undefined) tellRest(args, found, result.input.packets);
  for (const file of result.input.files) {
    if (file.damage === undefined) continue;
    note(file.damage.message);
    process.exitCode = EXIT_UNUSABLE;
  }
}

/** Throws ConfigError when no packets were chosen, or too many. */
function chosen(args: TraceArguments): TraceChoice {
  const packets = packetRanges(args.packet);
  if (packets.length === 0 && args.match === undefined && !args.nftrace && args.diff === undefined) {
    throw new ConfigError('trace', '', "say which packets: --packet 17, --match 'tcp dport 443', or --nftrace");
  }
  if (args.limit < 1 || args.limit > MAX_LIMIT) {
    throw new ConfigError('--limit', '', `is a number from 1 to ${MAX_LIMIT}`);
  }
  return {
    ...(packets.length === 0 ? {} : { packets }),
    ...(args.match === undefined ? {} : { match: args.match }),
    marked: args.nftrace,
    limit: args.diff === undefined ? args.limit : MAX_LIMIT,
  };
}

async function writeWalks(args: TraceArguments, found: TraceResult, about: TraceJsonOptions): Promise<void> {
  const { onlyNft, nftrace: onlyMarked, nftVersion: dialect } = args;
  if (args.format === 'json') {
    await writeOutput(args.output, jsonText(traceJson(found, { ...about, dialect })));
    return;
  }
  const width = args.output === undefined && process.stdout.isTTY ? { width: process.stdout.columns || WIDTH } : {};
  const text = new TraceText({ ...about, onlyNft, onlyMarked, dialect, ...width });
  await writeOutput(args.output, found.walks.map((walk) => text.walk(walk)).join(onlyNft ? '' : '\n'));
}

async function writeComparison(args: TraceArguments, comparison: TraceComparison, version: string): Promise<void> {
  const text =
    args.format === 'json'
      ? jsonText({ schema: 'nftreplay.trace-diff/1', version, ...comparison })
      : comparisonText(comparison, args.diff ?? '');
  await writeOutput(args.output, text);
  if (comparison.different.length > 0 || comparison.alike === 0) process.exitCode = EXIT_DIFFERENT;
}

/** What was chosen and not shown, or that there was nothing to show. */
function tellRest(args: TraceArguments, { walks, more }: TraceResult, packets: number): void {
  if (more > 0) note(`${count(more)} further packet${more === 1 ? '' : 's'} not shown${remedy(walks.length + more)}`);
  if (walks.length > 0) return;
  note(nothing(args, packets));
  if (args.match === undefined && !args.nftrace) process.exitCode = EXIT_UNUSABLE;
}

function readTrace(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError('--diff', path, `cannot be read: ${(error as Error).message}`);
  }
}

function remedy(all: number): string {
  return all <= MAX_LIMIT ? `: --limit ${all} shows all` : '';
}

function nothing(args: TraceArguments, packets: number): string {
  const those = args.packet.length > 0 ? ` of packets ${args.packet.join(',')}` : '';
  const why = args.match !== undefined ? 'matches' : args.nftrace ? 'is marked by a rule' : 'is there';
  // A trace by number ends early: then the count says nothing.
  const size =
    those !== '' && why !== 'is there' ? '' : `: the captures have ${count(packets)} packet${packets === 1 ? '' : 's'}`;
  return `none${those} ${why}${size}`;
}

function note(text: string): void {
  process.stderr.write(`nftreplay: ${visible(text)}\n`);
}
