// `nftreplay audit RULESET CAPTURE...`: what breaks when offload is turned on, and what mends it.
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import type { Ruleset } from '../../bytecode/ruleset.ts';
import { audit } from '../../compare/audit/audit.ts';
import { type TurnedOn, turnOn } from '../../compare/audit/turn-on.ts';
import { profile } from '../../cost/profiles.ts';
import { type ReplayOptions, type RouterSpec, replayCaptures } from '../../index.ts';
import { auditFindings } from '../../report/audit-findings.ts';
import type { AuditReport } from '../../report/audit-model.ts';
import { AUDIT_RULES } from '../../report/audit-rules.ts';
import { FAIL_ON, type FailOn, failOn } from '../../report/findings.ts';
import { githubAnnotations } from '../../report/github.ts';
import { jsonAudit } from '../../report/json-audit.ts';
import { markdownAudit } from '../../report/markdown-audit.ts';
import { sarif } from '../../report/sarif.ts';
import { textAudit } from '../../report/text-audit.ts';
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

type Format = 'text' | 'json' | 'sarif' | 'github' | 'markdown';

interface AuditArguments extends InputArguments {
  offload: 'as-ruled' | 'software' | 'hardware';
  turnOn: boolean;
  profile: string;
  fixes: number;
  format: Format;
  failOn: FailOn;
  output?: string;
}

const EXIT_FINDINGS = 1;
const MAX_FIXES = 1000;

/** All options; usage.ts suggests among them. */
export const AUDIT_OPTIONS = {
  ...INPUT_OPTIONS,
  offload: {
    choices: ['as-ruled', 'software', 'hardware'] as const,
    default: 'as-ruled' as const,
    describe: 'the kind of offload that findings are about; both are replayed',
  },
  'turn-on': {
    type: 'boolean',
    default: false,
    describe: 'a ruleset without a flowtable is audited as if it had one for all devices',
  },
  profile: {
    type: 'string',
    default: 'generic-x86-64',
    describe: 'device to price for; nftreplay profiles lists them',
    requiresArg: true,
  },
  fixes: {
    type: 'number',
    default: 20,
    describe: 'findings that a fix is looked for, which takes a replay or more each',
    requiresArg: true,
  },
  format: {
    choices: ['text', 'json', 'sarif', 'github', 'markdown'] as const,
    default: 'text' as const,
    describe: 'form of the report',
  },
  'fail-on': { choices: FAIL_ON, default: 'never' as const, describe: 'exit with 1 when there is one of these' },
  output: { alias: 'o', type: 'string', describe: 'write the report to a file', requiresArg: true },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function auditCommand(version: string): CommandModule<object, AuditArguments> {
  return {
    command: 'audit RULESET [CAPTURE..]',
    describe: 'tell what breaks when flow offload is turned on, with fixes that a replay proved',
    builder: (argv) => options(argv) as unknown as Argv<AuditArguments>,
    handler: (args) => run(args, version),
  };
}

function options(argv: Argv<object>): Argv<object> {
  return inputPositionals(argv)
    .options(AUDIT_OPTIONS)
    .example('$0 audit fw.nft --router r.yaml capture.pcapng', 'rules that offloaded traffic no longer meets')
    .example('$0 audit fw.nft a.pcap --turn-on', 'a ruleset without a flowtable: what would break with one')
    .example('$0 audit fw.nft a.pcap --format sarif -o audit.sarif', 'for code scanning')
    .example('$0 audit fw.nft a.pcap --format github --fail-on warning', 'in a workflow: annotations, exit code 1');
}

async function run(args: ArgumentsCamelCase<AuditArguments>, version: string): Promise<void> {
  checkOptions(args, AUDIT_OPTIONS);
  if (args.fixes < 0 || args.fixes > MAX_FIXES) throw new ConfigError('--fixes', '', `needs 0 to ${MAX_FIXES}`);
  const inputs = readInputs(args, 'audit');
  refuseStreams(inputs.captures, 'audit');
  const chosen = profile(args.profile);
  const output = args.output === undefined ? [] : [{ option: '--output', path: args.output }];
  checkOutputs(output, inputPaths(args, inputs.captures));
  const progress = progressLine(process.stderr);
  const base = { ...inputs.replayOptions, onProgress: progress.onProgress };
  const on = args.turnOn ? await turnedOn(base, args.offload === 'hardware') : undefined;
  const ruleset = on?.ruleset ?? base.ruleset;
  const done = await audit({
    replay: {
      ...base,
      ruleset,
      ...(base.router === undefined && on !== undefined ? { inferredRouter: on.router } : {}),
    },
    mode: args.offload === 'as-ruled' ? ruledMode(ruleset) : args.offload,
    profile: chosen,
    maxFixes: args.fixes,
  }).finally(() => progress.clear());
  const report: AuditReport = {
    version,
    rulesetPath: inputs.rulesetPath,
    ...(inputs.routerPath === undefined ? {} : { routerPath: inputs.routerPath }),
    rulesetNotes: [...inputs.rulesetNotes, ...(on === undefined ? [] : [on.note])],
    audit: done,
  };
  await writeOutput(args.output, formatted(report, args.format));
  if (failOn(auditFindings(done), args.failOn)) process.exitCode = EXIT_FINDINGS;
  tellDamages(damagesOf(done.off.result.input));
}

/** The ruleset with a flowtable for the router's devices. Throws ConfigError when it has one, or nothing to forward. */
async function turnedOn(base: ReplayOptions, isHardware: boolean): Promise<TurnedOn & { router: RouterSpec }> {
  const { router } =
    base.router === undefined ? await replayCaptures({ ...base, conntrack: false }) : { router: base.router };
  const on = turnOn(base.ruleset, router, isHardware);
  if (on !== undefined) return { ...on, router };
  const why = base.ruleset.tables.some((table) => table.flowtables.length > 0)
    ? 'the ruleset has a flowtable: audit it as it is'
    : 'the ruleset has no filter chain at the forward hook, where `flow add` could stand';
  throw new ConfigError('--turn-on', '', why);
}

function ruledMode(ruleset: Ruleset): 'software' | 'hardware' {
  return ruleset.tables.some((table) => table.flowtables.some((row) => row.offload)) ? 'hardware' : 'software';
}

function formatted(report: AuditReport, format: Format): string {
  switch (format) {
    case 'json':
      return jsonText(jsonAudit(report));
    case 'sarif': {
      const { version, rulesetPath } = report;
      return jsonText(sarif(auditFindings(report.audit), { version, file: rulesetPath, rules: AUDIT_RULES }));
    }
    case 'github':
      return githubAnnotations(auditFindings(report.audit), 'nftreplay audit');
    case 'markdown':
      return markdownAudit(report);
    default:
      return textAudit(report);
  }
}
