import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import type { ReplayedPoint } from '../../cost/calibrate.ts';
import { calibrate, profileFile } from '../../cost/calibrate.ts';
import { parsePoint, readPoints } from '../../cost/calibration-point.ts';
import { FITTED_KEYS } from '../../cost/fit-profile.ts';
import { profile, profiles, type Replay, replayCaptures } from '../../index.ts';
import { workingSet } from '../../replay/working-set.ts';
import { columns, count, visible, wrap } from '../../report/format.ts';
import { damagesOf, tellDamages } from '../damage.ts';
import { INPUT_OPTIONS, type InputArguments, inputPositionals, readInputs } from '../inputs.ts';
import { checkOutputs } from '../outputs.ts';
import { writeOutput } from '../write-output.ts';

interface CalibrateArguments extends InputArguments {
  point: string[];
  points?: string;
  base: string;
  name: string;
  output?: string;
}

const WIDTH = 100;

/** All options; usage.ts suggests among them. */
export const CALIBRATE_OPTIONS = {
  ...INPUT_OPTIONS,
  point: {
    type: 'string',
    array: true,
    default: [],
    nargs: 1,
    describe:
      "a measured load: '450Mbit cpu=63 offload=software', '90kpps cpu=40 size=imix'; rate of both directions, size in octets or 64B, imix, 1500B",
  },
  points: { type: 'string', requiresArg: true, describe: 'YAML or JSON file of points' },
  base: { type: 'string', requiresArg: true, demandOption: true, describe: 'the built-in profile to start from' },
  name: { type: 'string', requiresArg: true, default: 'mine', describe: 'name of the new profile' },
  output: { alias: 'o', type: 'string', requiresArg: true, describe: 'profile file to write' },
} satisfies Record<string, Options>;

export const calibrateCommand: CommandModule<object, CalibrateArguments> = {
  command: 'calibrate RULESET [CAPTURE..]',
  describe: 'fit a device profile to loads measured on your own router',
  builder: (argv: Argv<object>) =>
    inputPositionals(argv)
      .options(CALIBRATE_OPTIONS)
      .example(
        "$0 calibrate fw.nft iperf.pcap --base mt7621 --point '600Mbit cpu=62' --point '600Mbit cpu=35 offload=software' -o my.yaml",
        'then: run --profile ./my.yaml',
      ) as unknown as Argv<CalibrateArguments>,
  handler: run,
};

async function run(args: ArgumentsCamelCase<CalibrateArguments>): Promise<void> {
  const points = [...args.point.map((text) => parsePoint(text)), ...(args.points ? readPoints(args.points) : [])];
  if (points.length === 0) throw new ConfigError('calibrate', '--point', 'name at least one measured load');
  const base = profile(args.base);
  if (!profiles().includes(base)) throw new ConfigError('--base', args.base, 'must be a built-in profile');
  const inputs = readInputs(args, 'calibrate');
  if (args.output !== undefined) {
    const read = [args.RULESET as string, ...inputs.captures.map((row) => row.path)];
    checkOutputs(
      [{ option: '--output', path: args.output }],
      read.map((path) => ({ option: 'an input', path })),
    );
  }
  const replays = new Map<string, Replay>();
  const replayed: ReplayedPoint[] = [];
  for (const point of points) {
    const known = replays.get(point.offload);
    const replay = known ?? (await replayCaptures({ ...inputs.replayOptions, offload: point.offload, prices: true }));
    replays.set(point.offload, replay);
    const { result } = replay;
    replayed.push({ point, paths: result.paths, names: result.names, state: workingSet(result) });
  }
  const result = calibrate(base, replayed, args.name);
  const text = profileFile(result.profile, base);
  process.stdout.write(`${report(result, base.name).join('\n')}\n`);
  if (args.output === undefined) process.stdout.write(`\n${text}`);
  else {
    await writeOutput(args.output, text);
    process.stdout.write(`\nWritten to ${visible(args.output)}; use it with --profile ${visible(args.output)}\n`);
  }
  tellDamages([...replays.values()].flatMap((replay) => damagesOf(replay.result.input)));
}

function report({ profile: fitted, residuals }: ReturnType<typeof calibrate>, base: string): string[] {
  const percent = (value: number) => `${value > 0 ? '+' : ''}${(value * 100).toFixed(1)} %`;
  const numbers = FITTED_KEYS.filter((key) => fitted[key].source.startsWith('fitted by'));
  const worst = Math.max(...residuals.map((row) => Math.abs(row.after)));
  return [
    ...wrap(
      `${visible(fitted.name)}: ${numbers.length} number${numbers.length === 1 ? '' : 's'} of ${base} fitted to ${residuals.length} point${residuals.length === 1 ? '' : 's'}; the worst is off by ${(worst * 100).toFixed(1)} % afterwards.`,
      WIDTH,
      '',
      '  ',
    ),
    '',
    ...columns(
      [
        ['point', base, 'fitted'],
        ...residuals.map((row) => [visible(row.name), percent(row.before), percent(row.after)]),
      ],
      'lrr',
      '  ',
    ),
    '',
    ...columns(
      [
        ['number', 'fitted', 'interval', 'unit'],
        ...numbers.map((key) => {
          const { value, low = value, high = value, unit } = fitted[key];
          return [key, short(value), `${short(low)} to ${short(high)}`, unit];
        }),
      ],
      'lrrl',
      '  ',
    ),
    ...(worst > 0.15
      ? [
          '',
          ...wrap(
            'More than 15 % is left: the points contradict each other or the profile. Look at their rates (both directions together), ' +
              'the CPU percent (of all processors), and whether the capture is the traffic that was measured.',
            WIDTH,
            '',
            '',
          ),
        ]
      : []),
  ];
}

function short(value: number): string {
  return value >= 100 ? count(Math.round(value)) : String(Number(value.toPrecision(3)));
}
