// `nftreplay diff OLD NEW CAPTURE...`: which flows change their fate between two rulesets, and which pair of rules does it.
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import type { Ruleset } from '../../bytecode/ruleset.ts';
import { alike } from '../../compare/compile-pair.ts';
import { diffRulesets } from '../../compare/diff.ts';
import { profile } from '../../cost/profiles.ts';
import type { RulesetSwap } from '../../replay/task.ts';
import { DIFF_RULES, diffFindings, jsonDiff } from '../../report/diff-findings.ts';
import type { DiffReport } from '../../report/diff-model.ts';
import { FAIL_ON, type FailOn, failOn } from '../../report/findings.ts';
import { githubAnnotations } from '../../report/github.ts';
import { markdownSummary } from '../../report/markdown.ts';
import { sarif } from '../../report/sarif.ts';
import { textDiff } from '../../report/text-diff.ts';
import { damagesOf, tellDamages } from '../damage.ts';
import {
  checkOptions,
  compileOptions,
  INPUT_OPTIONS,
  type InputArguments,
  inputPaths,
  type RulesetInput,
  readInputs,
  readRuleset,
  refuseStreams,
} from '../inputs.ts';
import { checkOutputs } from '../outputs.ts';
import { progressLine } from '../progress.ts';
import { jsonText, writeOutput } from '../write-output.ts';

type Format = 'text' | 'json' | 'sarif' | 'github' | 'markdown';

interface DiffArguments extends InputArguments {
  profile: string;
  format: Format;
  failOn: FailOn;
  output?: string;
  swapAt?: string;
  swapFlush?: boolean;
}

const EXIT_FINDINGS = 1;

/** All options; usage.ts suggests among them. */
export const DIFF_OPTIONS = {
  ...INPUT_OPTIONS,
  profile: {
    type: 'string',
    default: 'generic-x86-64',
    describe: 'device to price for; nftreplay profiles lists them',
    requiresArg: true,
  },
  format: {
    choices: ['text', 'json', 'sarif', 'github', 'markdown'] as const,
    default: 'text' as const,
    describe: 'form of the report',
  },
  'swap-at': {
    type: 'string',
    describe: 'load NEW in the middle, keeping connections: 12.5s, #100 (packet), 2026-01-31T12:00:00Z, @1767225600',
    requiresArg: true,
  },
  'swap-flush': {
    type: 'boolean',
    describe: 'with --swap-at: flowtables are deleted and made anew',
    defaultDescription: 'as NEW says (flush ruleset, delete table, delete flowtable)',
  },
  'fail-on': { choices: FAIL_ON, default: 'never' as const, describe: 'exit with 1 when there is one of these' },
  output: { alias: 'o', type: 'string', describe: 'write the report to a file', requiresArg: true },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function diffCommand(version: string): CommandModule<object, DiffArguments> {
  return {
    command: 'diff OLD NEW [CAPTURE..]',
    describe: 'tell which flows of captures change their fate between two rulesets, and which pair of rules does it',
    builder: (argv) => options(argv) as unknown as Argv<DiffArguments>,
    handler: (args) => run(args, version),
  };
}

function options(argv: Argv<object>): Argv<object> {
  return argv
    .positional('OLD', { type: 'string', describe: 'the nft ruleset file of today' })
    .positional('NEW', { type: 'string', describe: 'the one of tomorrow' })
    .positional('CAPTURE', { type: 'string', array: true, describe: 'pcap or pcapng, also gzipped' })
    .options(DIFF_OPTIONS)
    .example('$0 diff old.nft new.nft capture.pcapng', 'what a change of rules does to this traffic')
    .example('$0 diff old.nft new.nft a.pcap --swap-at 12.5s', 'what loading it does to running connections')
    .example('$0 diff old.nft new.nft a.pcap --fail-on change', 'in CI: exit code 1 when any flow is affected');
}

async function run(args: ArgumentsCamelCase<DiffArguments>, version: string): Promise<void> {
  checkOptions(args, DIFF_OPTIONS);
  const paths = { old: args.OLD as string, new: args.NEW as string };
  const inputs = readInputs({ ...args, RULESET: paths.old }, 'diff');
  refuseStreams(inputs.captures, 'diff');
  const at = args.swapAt === undefined ? undefined : swapTime(args.swapAt);
  if (at === undefined && args.swapFlush !== undefined) {
    throw new ConfigError('--swap-flush', '', 'needs --swap-at: it says what the swap does');
  }
  const chosen = profile(args.profile);
  const second = readRuleset(paths.new, args, 'diff');
  const { old, new: now } = bothRulesets(inputs, second, args);
  checkOutputs(args.output === undefined ? [] : [{ option: '--output', path: args.output }], [
    ...inputPaths({ ...args, RULESET: paths.old }, inputs.captures),
    { option: 'NEW', path: paths.new },
  ]);
  const progress = progressLine(process.stderr);
  const { ruleset, ...replay } = inputs.replayOptions;
  const diff = await diffRulesets({
    old,
    new: now,
    replay: { ...replay, onProgress: progress.onProgress },
    profile: chosen,
    ...(at === undefined ? {} : { swap: { at, keeps: !(args.swapFlush ?? second.compiled.replaces) } }),
  }).finally(() => progress.clear());
  const report: DiffReport = {
    version,
    oldPath: paths.old,
    newPath: paths.new,
    ...(args.router === undefined ? {} : { routerPath: args.router }),
    notes: [],
    diff,
  };
  await writeOutput(args.output, formatted(report, args.format));
  if (failOn(diffFindings(report), args.failOn)) process.exitCode = EXIT_FINDINGS;
  tellDamages(damagesOf(diff.old.result.input));
}

/** A time after the first packet, a packet, or a date. Throws ConfigError. */
function swapTime(text: string): RulesetSwap['at'] {
  const packet = /^#(\d+)$/.exec(text)?.[1];
  if (packet !== undefined && Number(packet) > 0) return { packet: Number(packet) };
  const after = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h)?$/.exec(text);
  if (after !== null) return { afterNs: Math.round(Number(after[1]) * (SECONDS[after[2] ?? 's'] ?? 1) * 1e9) };
  const epoch = /^@(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (epoch !== null) return { atNs: String(BigInt(epoch[1] ?? 0) * NS + BigInt((epoch[2] ?? '').padEnd(9, '0'))) };
  const date = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)
    ? Date.parse(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`)
    : Number.NaN;
  if (!Number.isNaN(date)) return { atNs: String(BigInt(date) * 1_000_000n) };
  throw new ConfigError(
    '--swap-at',
    text,
    'is no time: 12.5s, 300ms, #100 (packet), 2026-01-31T12:00:00Z or @1767225600',
  );
}

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600 };
const NS = 1_000_000_000n;

/** Both compiled so that interface numbers mean the same in both. */
function bothRulesets(old: RulesetInput, now: RulesetInput, args: DiffArguments): { old: Ruleset; new: Ruleset } {
  const input = ({ compiled, rulesetPath: path }: RulesetInput) => ({
    compiled,
    options: compileOptions(path, args),
  });
  const pair = alike(input(old), input(now));
  return { old: pair.old.ruleset, new: pair.new.ruleset };
}

function formatted(report: DiffReport, format: Format): string {
  switch (format) {
    case 'json':
      return jsonText(jsonDiff(report));
    case 'sarif':
      return jsonText(
        sarif(diffFindings(report), { version: report.version, file: report.newPath, rules: DIFF_RULES }),
      );
    case 'github':
      return githubAnnotations(diffFindings(report), 'nftreplay diff');
    case 'markdown':
      return markdownSummary({ title: 'nftreplay diff', lead: lead(report), findings: diffFindings(report) });
    default:
      return textDiff(report);
  }
}

function lead({ diff }: DiffReport): string[] {
  return [
    `${diff.changedFlows} of ${diff.flows} flows change their fate, in ${diff.changedPackets} of ` +
      `${diff.old.result.input.packets} packets.`,
  ];
}
