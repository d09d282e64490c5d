// `nftreplay check RULESET...`: what a ruleset holds, all that is wrong with it, what its author will regret, and what it needs
// to load and to offload on a real router.
import { readFileSync } from 'node:fs';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError, type SourceLocation } from '../../base/errors.ts';
import { type CheckedRuleset, check } from '../../nft/check.ts';
import { printNetlink } from '../../nft/debug-netlink.ts';
import { list, listJson } from '../../nft/listing.ts';
import { parseVersion } from '../../nft/requirements/kernel.ts';
import { CHECK_RULES, checkFindings, warningFindings } from '../../report/check-findings.ts';
import { FAIL_ON, type FailOn, failOn, jsonFindings } from '../../report/findings.ts';
import { visible } from '../../report/format.ts';
import { githubAnnotations } from '../../report/github.ts';
import { markdownSummary } from '../../report/markdown.ts';
import { sarif } from '../../report/sarif.ts';
import { CHECK_SCHEMA } from '../../report/schema-check.ts';
import { checkText, errorLines } from '../../report/text-check.ts';
import { jsonRequirements } from '../../report/text-requirements.ts';
import { checkOptions, compileOptions, RULESET_OPTIONS, type RulesetArguments } from '../inputs.ts';
import { checkOutputs } from '../outputs.ts';
import { asGiven } from '../usage.ts';
import { jsonText, writeOutput } from '../write-output.ts';

const MAX_STDIN_BYTES = 64 << 20;
const EXIT_FINDINGS = 1;
const EXIT_UNUSABLE = 2;

interface CheckArguments extends RulesetArguments {
  debug?: 'netlink';
  list: boolean;
  json: boolean;
  notes: boolean;
  format: 'text' | 'json' | 'sarif' | 'github' | 'markdown';
  failOn: FailOn;
  output?: string;
  requires: boolean;
  kernel?: string;
  [name: string]: unknown;
}

/** All options; usage.ts suggests among them. */
export const CHECK_OPTIONS = {
  ...RULESET_OPTIONS,
  list: { type: 'boolean', default: false, describe: 'print the ruleset as nft list ruleset does' },
  json: { type: 'boolean', default: false, describe: 'print the ruleset as nft -j list ruleset does' },
  debug: { choices: ['netlink'] as const, describe: 'print the bytecode as nft --debug=netlink does' },
  notes: { type: 'boolean', default: false, describe: 'show notes too: what is odd rather than wrong' },
  format: {
    choices: ['text', 'json', 'sarif', 'github', 'markdown'] as const,
    default: 'text' as const,
    describe: 'form of what is found',
  },
  requires: { type: 'boolean', default: false, describe: 'say what a router needs to load the ruleset and to offload' },
  kernel: { type: 'string', describe: 'a Linux version: constructs that it lacks are errors', requiresArg: true },
  'fail-on': { choices: FAIL_ON, default: 'error' as const, describe: 'exit with 1 when there is one of these' },
  output: { alias: 'o', type: 'string', describe: 'write to a file', requiresArg: true },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function checkCommand(version: string): CommandModule<object, CheckArguments> {
  return {
    command: 'check <RULESET..>',
    describe: 'tell what rulesets hold, all that is wrong with them, and what will be regretted',
    builder: (argv) => options(argv) as unknown as Argv<CheckArguments>,
    handler: (args) => run(args, version),
  };
}

function options(argv: Argv<object>): Argv<object> {
  return argv
    .positional('RULESET', { type: 'string', array: true, describe: 'nft ruleset files; - reads standard input' })
    .options(CHECK_OPTIONS)
    .example('$0 check fw.nft', 'errors and warnings')
    .example('nft list ruleset | $0 check -', 'the ruleset of this machine')
    .example('$0 check fw.nft --requires --kernel 5.15', 'what a router needs; what this kernel refuses')
    .example('$0 check fw.nft --format sarif --fail-on warning', 'in CI');
}

async function run(args: ArgumentsCamelCase<CheckArguments>, version: string): Promise<void> {
  checkOptions(args, CHECK_OPTIONS);
  const paths = ((args.RULESET as string[] | undefined) ?? []).map(asGiven);
  if (paths.some((path) => path === '')) throw new ConfigError('check', 'RULESET', 'is an empty name');
  if (paths.filter((path) => path === '-').length > 1)
    throw new ConfigError('check', '-', 'standard input is one ruleset: name it once');
  if (args.kernel !== undefined && parseVersion(args.kernel) === undefined)
    throw new ConfigError('--kernel', args.kernel, 'is no version: write for example 5.15');
  if (args.output !== undefined) {
    const inputs = paths.filter((path) => path !== '-').map((path) => ({ option: 'RULESET', path }));
    checkOutputs([{ option: '--output', path: args.output }], inputs);
  }
  const texts = new Map<string, string>();
  if (paths.includes('-')) texts.set('-', standardInput());
  const results = paths.map((path) => {
    const text = texts.get(path);
    const options = compileOptions(path, args);
    return check(text === undefined ? options : { ...options, text }, args.kernel);
  });
  const isPrinting = args.list || args.json || args.debug !== undefined;
  await writeOutput(args.output, isPrinting ? printed(results, args) : report(results, args, version, texts));
  process.exitCode = exitCode(results, args.failOn);
}

function standardInput(): string {
  const octets = readFileSync(0);
  if (octets.length > MAX_STDIN_BYTES)
    throw new ConfigError('check', '-', `is larger than ${MAX_STDIN_BYTES >> 20} MiB`);
  return octets.toString('utf8');
}

function exitCode(results: readonly CheckedRuleset[], level: FailOn): number {
  if (results.some(({ errors }) => errors.length > 0)) return EXIT_UNUSABLE;
  return failOn(results.flatMap(warningFindings), level) ? EXIT_FINDINGS : 0;
}

/** The rulesets themselves; what is wrong goes to standard error. */
function printed(results: readonly CheckedRuleset[], args: CheckArguments): string {
  let text = '';
  for (const checked of results) {
    const { compiled } = checked;
    if (compiled === undefined) process.stderr.write(`${errorLines(checked).join('\n')}\n`);
    else if (args.debug !== undefined) text += printNetlink(compiled.ruleset);
    else if (args.json) text += `${JSON.stringify(listJson(compiled.ruleset))}\n`;
    else text += list(compiled.ruleset);
  }
  return text;
}

function report(
  results: readonly CheckedRuleset[],
  args: CheckArguments,
  version: string,
  texts: ReadonlyMap<string, string>,
): string {
  const findings = results.flatMap(checkFindings);
  switch (args.format) {
    case 'json':
      return jsonText({
        schema: CHECK_SCHEMA,
        version,
        rulesets: results.map(jsonRuleset),
        findings: jsonFindings(findings),
      });
    case 'sarif':
      return jsonText(sarif(findings, { version, file: results[0]?.path ?? '', rules: CHECK_RULES }));
    case 'github':
      return githubAnnotations(findings, 'nftreplay check');
    case 'markdown':
      return markdownSummary({ title: 'nftreplay check', lead: [], findings });
    default: {
      const { notes, requires, kernel } = args;
      const options = { line: lineReader(texts), notes, requires, kernel };
      const parts = results.map((checked) => checkText(checked, warningFindings(checked), options).join('\n'));
      return `${parts.join('\n\n')}\n`;
    }
  }
}

/** Counts for programs; what the ruleset holds in full is what --json prints. */
function jsonRuleset({ path, compiled, errors, foreign, requirements }: CheckedRuleset): object {
  const tables = compiled?.ruleset.tables ?? [];
  return {
    path,
    understood: compiled !== undefined,
    errors: errors.length,
    files: (compiled?.files ?? []).map((file) => visible(file)),
    notes: (compiled?.notes ?? []).map(({ message, location: { file, line } }) => ({ file, line, message })),
    tables: tables.map((table) => ({
      family: table.family,
      name: table.name,
      chains: table.chains.map(({ name, base, rules }) => ({ name, ...(base && { base }), rules: rules.length })),
      sets: table.sets
        .filter((set) => !set.anonymous)
        .map(({ name, mapTo, keyTypes, elements }) => ({
          name,
          ...(mapTo && { mapTo }),
          keyTypes,
          elements: elements.length,
        })),
      objects: table.objects.map(({ name, type }) => ({ name, type })),
      flowtables: table.flowtables.map(({ name, devices, offload, counter }) => ({ name, devices, offload, counter })),
    })),
    requirements: jsonRequirements(requirements),
    cannotRun: foreign.map(({ construct, rules, location }) => ({
      construct,
      rules,
      ...(location && { file: location.file, line: location.line }),
    })),
  };
}

/** Lines of the files that were read; those of standard input too. */
function lineReader(texts: ReadonlyMap<string, string>): (location: SourceLocation) => string | undefined {
  const files = new Map<string, string[]>();
  return ({ file, line }) => {
    let lines = files.get(file);
    if (lines === undefined) {
      try {
        lines = (texts.get(file) ?? readFileSync(file, 'utf8')).split('\n');
      } catch {
        // Gone since it was compiled: no excerpt.
        lines = [];
      }
      files.set(file, lines);
    }
    return lines[line - 1]?.replace(/\r$/, '');
  };
}
