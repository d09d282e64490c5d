// The commands, a row each: their names and options are also what usage errors suggest.
import type { CommandModule, Options } from 'yargs';
import { AUDIT_OPTIONS, auditCommand } from './commands/audit.ts';
import { CALIBRATE_OPTIONS, calibrateCommand } from './commands/calibrate.ts';
import { CHECK_OPTIONS, checkCommand } from './commands/check.ts';
import { COVERAGE_OPTIONS, coverageCommand } from './commands/coverage.ts';
import { DIFF_OPTIONS, diffCommand } from './commands/diff.ts';
import { PLAN_OPTIONS, planCommand } from './commands/plan.ts';
import { profilesCommand } from './commands/profiles.ts';
import { RECORD_OPTIONS, recordCommand } from './commands/record.ts';
import { RUN_OPTIONS, runCommand } from './commands/run.ts';
import { TEST_OPTIONS, testCommand } from './commands/test.ts';
import { TRACE_OPTIONS, traceCommand } from './commands/trace.ts';

export interface Command {
  name: string;
  /** What must be given, for usage errors. */
  needs: string;
  options: Record<string, Options>;
  // biome-ignore lint/suspicious/noExplicitAny: yargs' own type for "any command"
  module: CommandModule<any, any>;
}

/** All commands, in the order of the help; `version` goes into reports. */
export function commands(version: string): Command[] {
  return [
    { name: 'run', needs: 'a ruleset and at least one capture', options: RUN_OPTIONS, module: runCommand(version) },
    {
      name: 'audit',
      needs: 'a ruleset and at least one capture',
      options: AUDIT_OPTIONS,
      module: auditCommand(version),
    },
    {
      name: 'diff',
      needs: 'two rulesets and at least one capture',
      options: DIFF_OPTIONS,
      module: diffCommand(version),
    },
    {
      name: 'trace',
      needs: 'a ruleset and at least one capture',
      options: TRACE_OPTIONS,
      module: traceCommand(version),
    },
    { name: 'check', needs: 'at least one ruleset', options: CHECK_OPTIONS, module: checkCommand(version) },
    {
      name: 'coverage',
      needs: 'a ruleset and at least one capture',
      options: COVERAGE_OPTIONS,
      module: coverageCommand(version),
    },
    {
      name: 'plan',
      needs: 'a ruleset and at least one capture',
      options: PLAN_OPTIONS,
      module: planCommand(version),
    },
    { name: 'record', needs: 'a ruleset and at least one capture', options: RECORD_OPTIONS, module: recordCommand },
    { name: 'test', needs: 'suites', options: TEST_OPTIONS, module: testCommand(version) },
    {
      name: 'calibrate',
      needs: 'a ruleset and at least one capture',
      options: CALIBRATE_OPTIONS,
      module: calibrateCommand,
    },
    { name: 'profiles', needs: 'a profile', options: {}, module: profilesCommand },
  ];
}
