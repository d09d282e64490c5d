// `nftreplay run RULESET CAPTURE...`: replay, price, report, and write what was asked for.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import {
  type CompiledRuleset,
  EventLines,
  type EventRow,
  jsonReport,
  type LiveOptions,
  list,
  listJson,
  type OffloadMode,
  type Pricing,
  price,
  profile,
  type Replay,
  type RunReport,
  replayCaptures,
  textReport,
  writeFrames,
} from '../../index.ts';
import { workingSet } from '../../replay/working-set.ts';
import { damagesOf, tellDamages } from '../damage.ts';
import {
  checkOptions,
  INPUT_OPTIONS,
  type InputArguments,
  inputPaths,
  inputPositionals,
  readInputs,
} from '../inputs.ts';
import { endOrderly } from '../interrupt.ts';
import { checkOutputs, type NamedPath } from '../outputs.ts';
import { progressLine } from '../progress.ts';
import { asGiven } from '../usage.ts';
import { cannotWrite, jsonText, writeOutput } from '../write-output.ts';

interface RunArguments extends InputArguments {
  profile: string[];
  offload: OffloadMode;
  format: 'text' | 'json';
  output?: string;
  packetsOut?: string;
  events?: string;
  rulesetOut?: string;
  conntrackOut?: string;
  livePackets?: number;
  liveSeconds: number;
}

const DEFAULT_PROFILE = 'generic-x86-64';

/** All options; usage.ts suggests among them. */
export const RUN_OPTIONS = {
  ...INPUT_OPTIONS,
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
  'live-packets': { type: 'number', requiresArg: true, describe: 'live:IFACE ends after so many packets' },
  'live-seconds': {
    type: 'number',
    requiresArg: true,
    default: 60,
    describe: 'live:IFACE ends after so many seconds',
  },
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
  return inputPositionals(argv, true)
    .options(RUN_OPTIONS)
    .example('$0 run fw.nft capture.pcapng', 'replay one capture; interfaces are inferred')
    .example('$0 run fw.nft --router r.yaml --in lan0=lan.pcap --in wan0=wan.pcap', 'two sides of a router')
    .example('tcpdump -i eth0 -U -w - | $0 run fw.nft -', 'from a pipe')
    .example('$0 run fw.nft a.pcap --profile bpi-r3 --offload hardware', 'another device, hardware offload');
}

async function run(args: ArgumentsCamelCase<RunArguments>, version: string): Promise<void> {
  checkOptions(args, RUN_OPTIONS);
  const inputs = readInputs(args, 'run');
  const { captures, compiled, rulesetPath, rulesetNotes } = inputs;
  const names = args.profile.length > 0 ? args.profile : [DEFAULT_PROFILE];
  const chosen = names.map((name) => profile(name));
  checkOutputs(outputPaths(args), inputPaths(args, captures));
  const progress = progressLine(process.stderr);
  let pricings: Pricing[] = [];
  const priceOnce = (replay: Replay): Pricing[] => {
    if (pricings.length === 0)
      pricings = chosen.map((row) => price(replay.result.paths, replay.result.names, row, workingSet(replay.result)));
    return pricings;
  };
  const { events, packetsOut } = args;
  const uncatch = events === undefined && packetsOut === undefined ? (): void => {} : endOrderly();
  const replay = await replayCaptures({
    ...inputs.replayOptions,
    offload: args.offload,
    conntrack: args.conntrackOut !== undefined,
    prices: true,
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
    rulesetNotes,
    offload: args.offload,
    replay,
    pricings: priceOnce(replay),
  };
  await writeOutputs(args, compiled, report);
  tellDamages(damagesOf(replay.result.input));
}

function liveOptions(args: RunArguments): LiveOptions {
  return {
    nowMs: () => performance.timeOrigin + performance.now(),
    seconds: args.liveSeconds,
    ...(args.livePackets === undefined ? {} : { packets: args.livePackets }),
  };
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
  await writeOutput(args.output, args.format === 'json' ? jsonText(jsonReport(report)) : textReport(report));
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
