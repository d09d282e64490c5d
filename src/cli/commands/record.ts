// `nftreplay record RULESET CAPTURE.. -o suite.yaml`: a suite from what happens today. Tested at once it passes; tested after
// a change it shows what the change does.
import { basename, dirname, relative, resolve } from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import { profile } from '../../cost/profiles.ts';
import type { CaptureSource, OffloadMode } from '../../replay/task.ts';
import { count, visible } from '../../report/format.ts';
import type { LoadedRuleset } from '../../suite/environment.ts';
import { recordCaptures } from '../../suite/record.ts';
import { recordLines } from '../../suite/record-lines.ts';
import { RuleRefs } from '../../suite/rule-refs.ts';
import type { CaseInput, SuiteInput } from '../../suite/schema.ts';
import { routerInput, suiteText } from '../../suite/write-suite.ts';
import { tellDamages } from '../damage.ts';
import {
  assumptions,
  checkOptions,
  INPUT_OPTIONS,
  type InputArguments,
  type Inputs,
  inputPaths,
  inputPositionals,
  readInputs,
  refuseStreams,
} from '../inputs.ts';
import { checkOutputs } from '../outputs.ts';
import { writeOutput } from '../write-output.ts';

interface RecordArguments extends InputArguments {
  output?: string;
  offload: OffloadMode;
  name?: string;
  flows: number;
  inline: boolean;
  maxPackets: number;
}

const MAX_FLOWS = 100_000;
const MAX_INLINE = 100_000;

export const RECORD_OPTIONS = {
  ...INPUT_OPTIONS,
  // Known so that they are answered with a reason, or taken silently: scripts pass the same inputs to every command.
  'captured-on': { ...INPUT_OPTIONS['captured-on'], hidden: true },
  workers: { ...INPUT_OPTIONS.workers, hidden: true },
  output: {
    alias: 'o',
    type: 'string',
    describe: 'the suite file to write; absent: standard output',
    requiresArg: true,
  },
  name: { type: 'string', requiresArg: true, describe: 'name of the case; absent: that of the capture' },
  offload: {
    choices: ['as-ruled', 'off', 'software', 'hardware'] as const,
    default: 'as-ruled' as const,
    describe: "override the flowtables' flags",
  },
  flows: {
    type: 'number',
    default: 50,
    requiresArg: true,
    describe: 'the largest flows get an expectation of their own',
  },
  inline: {
    type: 'boolean',
    default: false,
    describe: 'write the packets into the suite, a line each: it needs no capture beside it',
  },
  'max-packets': {
    type: 'number',
    default: 2000,
    requiresArg: true,
    describe: 'with --inline: more packets than this are refused',
  },
} satisfies Record<string, Options>;

/** The command. */
export const recordCommand: CommandModule<object, RecordArguments> = {
  command: 'record RULESET [CAPTURE..]',
  describe: 'write a suite from what a ruleset does with captures today',
  builder: (argv) =>
    inputPositionals(argv)
      .options(RECORD_OPTIONS)
      .example('$0 record fw.nft evening.pcapng -o evening.nftreplay.yaml', 'then: nftreplay test')
      .example(
        '$0 record fw.nft login.pcap --inline -o login.nftreplay.yaml',
        'packets as lines',
      ) as unknown as Argv<RecordArguments>,
  handler: record,
};

async function record(args: ArgumentsCamelCase<RecordArguments>): Promise<void> {
  checkOptions(args, RECORD_OPTIONS);
  inRange('--flows', args.flows, 0, MAX_FLOWS);
  inRange('--max-packets', args.maxPackets, 1, MAX_INLINE);
  if (args.capturedOn !== undefined) {
    const why = 'a suite says what becomes of packets that enter, and has no place for what a router was seen to send';
    throw new ConfigError('--captured-on', args.capturedOn, `${why}: leave it out, or name the side with --in`);
  }
  // One router walks all packets: how many threads there are makes no difference.
  const inputs = readInputs(args, 'record');
  refuseStreams(inputs.captures, 'record');
  if (args.output !== undefined) {
    checkOutputs([{ option: '--output', path: args.output }], inputPaths(args, inputs.captures));
  }
  const { suite, said, damages } = args.inline ? await inline(args, inputs) : await byReference(args, inputs);
  const comment = [
    `Recorded by nftreplay record from ${inputs.captures.map((row) => basename(row.path)).join(', ')}: what happens today.`,
    'Look it over and keep what must stay so; then nftreplay test tells when it changes.',
  ];
  await writeOutput(args.output, suiteText(suite, comment.map(visible)));
  if (args.output !== undefined) process.stderr.write(`${visible(`${args.output}: ${said}`)}\n`);
  tellDamages(damages);
}

interface Recorded {
  suite: SuiteInput;
  /** What was recorded, for people. */
  said: string;
  damages: string[];
}

async function byReference(args: RecordArguments, inputs: Inputs): Promise<Recorded> {
  const { router } = inputs;
  const done = await recordCaptures({
    ...common(args, inputs),
    ...(router === undefined ? {} : { router }),
    flows: args.flows,
  });
  const one: CaseInput = {
    name: args.name ?? caseName(inputs.captures),
    captures: inputs.captures.map((row) => captureInput(row, args.output)),
    ...(args.match === undefined ? {} : { match: args.match }),
    ...done.case,
  };
  const shown = Math.min(args.flows, done.flows);
  const said = `1 case, ${count(done.packets)} packets, ${count(shown)} of ${count(done.flows)} flows with expectations of their own`;
  return { suite: { ...settings(args, inputs), cases: [one] }, said, damages: done.damages };
}

async function inline(args: RecordArguments, inputs: Inputs): Promise<Recorded> {
  const { router } = inputs;
  const done = await recordLines({
    ...common(args, inputs),
    ruleset: inputs.compiled.ruleset,
    ...(router === undefined ? {} : { router }),
    maximum: args.maxPackets,
  });
  if (done === undefined) {
    const hint = `more than ${count(args.maxPackets)} packets: leave out --inline, choose some with --match, or raise --max-packets`;
    throw new ConfigError('record', '--inline', hint);
  }
  if (done.packets === 0) throw new ConfigError('record', '--inline', 'the captures have no packets');
  const one: CaseInput = { name: args.name ?? caseName(inputs.captures), ...done.case };
  const suite: SuiteInput = {
    ...settings(args, inputs),
    ...(args.router === undefined ? { router: routerInput(done.spec) } : {}),
    ...(done.knownConnections ? { 'known-connections': true } : {}),
    cases: [one],
  };
  return { suite, said: `1 case, ${count(done.packets)} packets, each with its expectation`, damages: done.damages };
}

function common(args: RecordArguments, inputs: Inputs) {
  const loaded: LoadedRuleset = {
    name: inputs.rulesetPath,
    compiled: inputs.compiled,
    refs: new RuleRefs(inputs.compiled.ruleset),
  };
  return {
    loaded,
    captures: inputs.captures,
    profile: profile('generic-x86-64'),
    offload: args.offload,
    seed: args.seed,
    ...(args.knownConnections === undefined ? {} : { knownConnections: args.knownConnections }),
    ...(args.fixChecksums ? { fixChecksums: true } : {}),
    ...(args.match === undefined ? {} : { match: args.match }),
  };
}

function settings(args: RecordArguments, inputs: Inputs): Omit<SuiteInput, 'cases'> {
  return {
    ruleset: fromSuite(inputs.rulesetPath, args.output),
    ...(args.assume.length === 0 ? {} : { assume: assumptions(args.assume) }),
    ...(args.include.length === 0 ? {} : { include: args.include.map((path) => fromSuite(path, args.output)) }),
    ...(args.router === undefined ? {} : { router: fromSuite(args.router, args.output) }),
    ...(args.offload === 'as-ruled' ? {} : { offload: args.offload }),
    ...(args.seed === 1 ? {} : { seed: args.seed }),
    ...(args.knownConnections === undefined ? {} : { 'known-connections': args.knownConnections }),
    ...(args.fixChecksums ? { 'fix-checksums': true } : {}),
  };
}

function captureInput({ path, ingress }: CaptureSource, output: string | undefined) {
  const file = fromSuite(path, output);
  return ingress === undefined ? file : { file, in: ingress };
}

/** A path as the suite, which stands elsewhere perhaps, must name it. */
function fromSuite(path: string, output: string | undefined): string {
  return relative(output === undefined ? '.' : dirname(resolve(output)), resolve(path)) || path;
}

function caseName(captures: readonly CaptureSource[]): string {
  return captures.map((row) => basename(row.path).replace(/\.(pcap|pcapng|cap)(\.gz)?$/, '')).join(' and ');
}

function inRange(option: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high) return;
  throw new ConfigError(option, String(value), `needs a number from ${count(low)} to ${count(high)}`);
}
