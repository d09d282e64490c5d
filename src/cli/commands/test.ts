// `nftreplay test [SUITE..]`: runs suites and reports what is not as expected. Exit code 1 when something failed.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError } from '../../base/errors.ts';
import { textSuites } from '../../report/text-suite.ts';
import { Environment } from '../../suite/environment.ts';
import { countCases, type SuiteResult } from '../../suite/result.ts';
import { runSuite } from '../../suite/run-suite.ts';
import { loadSuite } from '../../suite/suite-file.ts';
import { checkOptions } from '../inputs.ts';
import { writeOutput } from '../write-output.ts';

export interface TestArguments {
  SUITE?: string[];
  filter?: string;
  format: 'text' | 'json' | 'junit' | 'github' | 'markdown';
  output?: string;
  quiet: boolean;
  walk: boolean;
  [name: string]: unknown;
}

const EXIT_FAILED = 1;
const SUITE_NAME = /(^|\.)nftreplay\.ya?ml$/;
/** Folders that hold no suites of the user's. */
const PASSED_OVER = new Set(['node_modules', '.git']);
const MAX_DEPTH = 12;

export const TEST_OPTIONS = {
  filter: { type: 'string', requiresArg: true, describe: 'only cases whose name has this text in it' },
  format: {
    choices: ['text', 'json', 'junit', 'github', 'markdown'] as const,
    default: 'text' as const,
    describe: 'form of the report',
  },
  output: { alias: 'o', type: 'string', describe: 'write the report to a file', requiresArg: true },
  quiet: { alias: 'q', type: 'boolean', default: false, describe: 'list only cases that failed' },
  walk: { type: 'boolean', default: true, describe: 'show the walks of packets that fared otherwise' },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function testCommand(_version: string): CommandModule<object, TestArguments> {
  return {
    command: 'test [SUITE..]',
    describe: 'run suites: packets or captures, and what must become of them',
    builder: (argv) =>
      argv
        .positional('SUITE', {
          type: 'string',
          array: true,
          describe: 'suite files or folders; absent: *.nftreplay.yaml and nftreplay.yaml below this folder',
        })
        .options(TEST_OPTIONS)
        .example('$0 test', 'every suite below this folder')
        .example('$0 test fw.nftreplay.yaml --filter dns', 'only cases with "dns" in their name')
        .example('$0 test --format junit -o junit.xml', 'for CI') as unknown as Argv<TestArguments>,
    handler: test,
  };
}

async function test(args: ArgumentsCamelCase<TestArguments>): Promise<void> {
  checkOptions(args, TEST_OPTIONS);
  const results = await runSuites(findSuites(args.SUITE ?? []), args);
  await writeOutput(args.output, textSuites(results, { quiet: args.quiet, noWalk: !args.walk }));
  if (countCases(results).failed > 0) process.exitCode = EXIT_FAILED;
}

async function runSuites(files: string[], args: TestArguments): Promise<SuiteResult[]> {
  const environment = new Environment();
  const results: SuiteResult[] = [];
  for (const file of files) {
    let startMs = performance.now();
    results.push(
      await runSuite(loadSuite(file), {
        environment,
        ...(args.filter === undefined ? {} : { filter: args.filter }),
        onCase: (result) => {
          const nowMs = performance.now();
          result.tookMs = nowMs - startMs;
          startMs = nowMs;
        },
      }),
    );
  }
  return results;
}

/** Suite files of the arguments; folders are searched. Throws ConfigError when there is none. */
export function findSuites(args: readonly string[]): string[] {
  const found: string[] = [];
  for (const path of args.length === 0 ? ['.'] : args) {
    if (path === '') throw new ConfigError('test', 'SUITE', 'is an empty name');
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) found.push(...search(path, 0));
    else found.push(path);
  }
  if (found.length > 0) return found;
  throw new ConfigError(
    'test',
    args.join(' ') || '.',
    'no suites here: they are called *.nftreplay.yaml or nftreplay.yaml',
  );
}

function search(folder: string, depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  const rows = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = rows.filter((row) => row.isFile() && SUITE_NAME.test(row.name)).map((row) => join(folder, row.name));
  const folders = rows.filter((row) => row.isDirectory() && !PASSED_OVER.has(row.name));
  return [...files, ...folders.flatMap((row) => search(join(folder, row.name), depth + 1))];
}
