// `nftreplay coverage RULESET CAPTURE...`: which rules, chains and set elements the captures exercise, and why not the rest.
import { readFileSync } from 'node:fs';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { coverRuleset } from '../../compare/coverage.ts';
import { cobertura } from '../../report/cobertura.ts';
import type { CoverageReport } from '../../report/coverage-model.ts';
import { jsonCoverage } from '../../report/json-coverage.ts';
import { lcov } from '../../report/lcov.ts';
import { textCoverage } from '../../report/text-coverage.ts';
import { damagesOf, tellDamages } from '../damage.ts';
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

type Format = 'text' | 'json' | 'lcov' | 'cobertura';

interface CoverageArguments extends InputArguments {
  format: Format;
  annotate: boolean;
  output?: string;
}

/** All options; usage.ts suggests among them. */
export const COVERAGE_OPTIONS = {
  ...INPUT_OPTIONS,
  format: {
    choices: ['text', 'json', 'lcov', 'cobertura'] as const,
    default: 'text' as const,
    describe: 'form of the report',
  },
  annotate: { type: 'boolean', default: false, describe: 'text: list the ruleset with marks in the margin' },
  output: { alias: 'o', type: 'string', describe: 'write the report to a file', requiresArg: true },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function coverageCommand(version: string): CommandModule<object, CoverageArguments> {
  return {
    command: 'coverage RULESET [CAPTURE..]',
    describe: 'tell which rules, chains and set elements captures exercise, and why the others are dead',
    builder: (argv) => options(argv) as unknown as Argv<CoverageArguments>,
    handler: (args) => run(args, version),
  };
}

function options(argv: Argv<object>): Argv<object> {
  return inputPositionals(argv)
    .options(COVERAGE_OPTIONS)
    .example('$0 coverage fw.nft capture.pcapng --annotate', 'the ruleset with hits in the margin')
    .example('$0 coverage fw.nft *.pcap --format lcov -o fw.info', 'for genhtml and editors');
}

async function run(args: ArgumentsCamelCase<CoverageArguments>, version: string): Promise<void> {
  checkOptions(args, COVERAGE_OPTIONS);
  const inputs = readInputs(args, 'coverage');
  refuseStreams(inputs.captures, 'coverage');
  checkOutputs(
    args.output === undefined ? [] : [{ option: '--output', path: args.output }],
    inputPaths(args, inputs.captures),
  );
  const progress = progressLine(process.stderr);
  const coverage = await coverRuleset({ ...inputs.replayOptions, onProgress: progress.onProgress }).finally(() =>
    progress.clear(),
  );
  const report: CoverageReport = {
    version,
    rulesetPath: inputs.rulesetPath,
    ...(args.router === undefined ? {} : { routerPath: args.router }),
    coverage,
    sources: args.annotate ? sources(inputs.compiled.files) : new Map(),
  };
  await writeOutput(args.output, formatted(report, args));
  tellDamages(damagesOf(coverage.replay.result.input));
}

function formatted(report: CoverageReport, { format, annotate }: CoverageArguments): string {
  switch (format) {
    case 'json':
      return jsonText(jsonCoverage(report));
    case 'lcov':
      return lcov(report);
    case 'cobertura':
      return cobertura(report);
    default:
      return textCoverage(report, annotate);
  }
}

/** The ruleset's files again, as text to list. */
function sources(files: readonly string[]): Map<string, string> {
  return new Map([...new Set(files)].map((file) => [file, readFileSync(file, 'utf8')]));
}
