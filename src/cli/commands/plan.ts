// `nftreplay plan RULESET CAPTURE... --profile NAME...`: how much of this traffic devices carry, how they fare at a
// target, what gives way first, and what would help.
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import type { Profile } from '../../cost/profile.ts';
import { profile } from '../../cost/profiles.ts';
import { plan, planContext } from '../../plan/plan.ts';
import type { Plan, Sweep } from '../../plan/result.ts';
import { SWEEPS, type SweepKind, sweep } from '../../plan/sweep.ts';
import { parseTarget } from '../../plan/target.ts';
import type { OffloadMode } from '../../replay/task.ts';
import { csvPlan, jsonPlan } from '../../report/json-plan.ts';
import { textPlan } from '../../report/text-plan.ts';
import { tellDamages } from '../damage.ts';
import {
  checkOptions,
  INPUT_OPTIONS,
  type InputArguments,
  inputPaths,
  inputPositionals,
  readInputs,
  refuseStreams,
} from '../inputs.ts';
import { checkOutputs } from '../outputs.ts';
import { progressLine } from '../progress.ts';
import { jsonText, writeOutput } from '../write-output.ts';

type Format = 'text' | 'json' | 'csv';
const EXIT_FINDINGS = 1;
const FAIL_ON = ['never', 'lost', 'doubtful'] as const;

interface PlanArguments extends InputArguments {
  profile: string[];
  target: string;
  speed: string;
  offload: OffloadMode[];
  sweep: SweepKind[];
  advice: boolean;
  format: Format;
  output?: string;
  failOn: (typeof FAIL_ON)[number];
}

const MOST_SPEED = 1e6;

/** All options; usage.ts suggests among them. */
export const PLAN_OPTIONS = {
  ...INPUT_OPTIONS,
  profile: {
    type: 'string',
    array: true,
    default: [],
    nargs: 1,
    describe: 'device to plan for, any number of them; nftreplay profiles lists them',
  },
  target: {
    type: 'string',
    default: 'x1',
    describe: 'what is to be carried: x3 (three times the users), 940Mbit, 1.2Mpps',
    requiresArg: true,
  },
  speed: {
    type: 'string',
    default: '1',
    describe: 'the same users, so many times as fast',
    requiresArg: true,
  },
  offload: {
    type: 'string',
    array: true,
    nargs: 1,
    choices: ['off', 'software', 'hardware'] as const,
    default: [],
    defaultDescription: 'all three',
    describe: 'kinds of offload to compare',
  },
  sweep: {
    type: 'string',
    array: true,
    nargs: 1,
    choices: SWEEPS,
    default: [],
    describe: 'a table of the highest load over this',
  },
  advice: { type: 'boolean', default: true, describe: 'compute what would help (--no-advice: faster)' },
  format: {
    choices: ['text', 'json', 'csv'] as const,
    default: 'text' as const,
    describe: 'form of the report (csv: the sweeps, or else the table)',
  },
  'fail-on': {
    choices: FAIL_ON,
    default: 'never' as const,
    describe:
      'exit with 1 when a device carries the target with no offload compared: lost, by the estimate; doubtful, not for sure',
  },
  output: { alias: 'o', type: 'string', describe: 'write the report to a file', requiresArg: true },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function planCommand(version: string): CommandModule<object, PlanArguments> {
  return {
    command: 'plan RULESET [CAPTURE..]',
    describe: 'tell how much of this traffic devices carry, with and without offload, and what would help',
    builder: (argv) => options(argv) as unknown as Argv<PlanArguments>,
    handler: (args) => run(args, version),
  };
}

function options(argv: Argv<object>): Argv<object> {
  return inputPositionals(argv)
    .options(PLAN_OPTIONS)
    .example('$0 plan fw.nft a.pcapng --profile bpi-r3 --target x3', 'does it carry three times the users?')
    .example('$0 plan fw.nft a.pcap --profile mt7621 --profile x86-n100 --target 940Mbit', 'two devices, a line rate')
    .example('$0 plan fw.nft a.pcap --profile rk3328 --sweep rules', 'what more rules do to it');
}

async function run(args: ArgumentsCamelCase<PlanArguments>, version: string): Promise<void> {
  checkOptions(args, PLAN_OPTIONS);
  const profiles = devices(args.profile);
  const target = parseTarget(args.target);
  const speed = speedOf(args.speed);
  const inputs = readInputs(args, 'plan');
  refuseStreams(inputs.captures, 'plan');
  checkOutputs(
    args.output === undefined ? [] : [{ option: '--output', path: args.output }],
    inputPaths(args, inputs.captures),
  );
  const progress = progressLine(process.stderr);
  const report: Plan = await (async () => {
    const context = await planContext({
      replay: { ...inputs.replayOptions, onProgress: progress.onProgress },
      profiles,
      modes: args.offload.length > 0 ? [...new Set(args.offload)] : ['off', 'software', 'hardware'],
      target,
      targetText: args.target,
      speed,
      seed: args.seed,
      advice: args.advice,
    });
    const sweeps: Sweep[] = [];
    const result = await plan(context);
    for (const kind of new Set(args.sweep))
      for (const row of profiles) sweeps.push(...(await sweep(context, kind, row)));
    return {
      version,
      rulesetPath: inputs.rulesetPath,
      ...(inputs.routerPath === undefined ? {} : { routerPath: inputs.routerPath }),
      ...result,
      sweeps,
    };
  })().finally(() => progress.clear());
  await writeOutput(args.output, formatted(report, args.format));
  if (fails(report, args.failOn)) process.exitCode = EXIT_FINDINGS;
  tellDamages(report.damages);
}

/** Whether a device carries the target with none of the compared kinds of offload. */
function fails({ devices, target }: Plan, failOn: PlanArguments['failOn']): boolean {
  if (failOn === 'never') return false;
  const { factor } = target.scaling;
  return devices.some(({ modes }) =>
    modes.every(({ absent, capacity }) => {
      if (absent !== undefined) return true;
      return (failOn === 'lost' ? capacity.value : capacity.low) < factor;
    }),
  );
}

function formatted(report: Plan, format: Format): string {
  if (format === 'json') return jsonText(jsonPlan(report));
  return format === 'csv' ? csvPlan(report) : textPlan(report);
}

/** Devices by name; those without a clock of their own can carry nothing. */
function devices(names: string[]): Profile[] {
  if (names.length === 0) {
    throw new ConfigError('--profile', '', 'name at least one device: nftreplay profiles lists them');
  }
  return [...new Set(names)].map((name) => {
    const found = profile(name);
    if (!found.name.startsWith('generic-')) return found;
    throw new ConfigError('--profile', name, 'counts instructions and is no device: nftreplay profiles lists devices');
  });
}

function speedOf(text: string): number {
  const speed = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (speed > 0 && speed <= MOST_SPEED) return speed;
  throw new ConfigError('--speed', text, 'is how many times as fast: 2, 0.5');
}
