// `nftreplay test [SUITE..]`: runs suites and reports what is not as expected. Exit code 1 when something failed.
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule, Options } from 'yargs';
import { ConfigError, NftError, NftreplayError } from '../../base/errors.ts';
import { formatNftError } from '../../nft/errors.ts';
import { visible } from '../../report/format.ts';
import { githubAnnotations } from '../../report/github.ts';
import { junitXml } from '../../report/junit.ts';
import { suiteFindings, suiteJson, suiteMarkdown } from '../../report/suite-documents.ts';
import { textSuites } from '../../report/text-suite.ts';
import { updateText } from '../../report/text-update.ts';
import { Environment } from '../../suite/environment.ts';
import { countCases, type SuiteResult } from '../../suite/result.ts';
import { runSuite } from '../../suite/run-suite.ts';
import { loadSuite, parseSuite, type Suite } from '../../suite/suite-file.ts';
import { changedLines, updateSuite } from '../../suite/update.ts';
import { tellDamages } from '../damage.ts';
import { checkOptions } from '../inputs.ts';
import { checkOutputs } from '../outputs.ts';
import { FileWatch } from '../watch.ts';
import { jsonText, writeOutput } from '../write-output.ts';

export interface TestArguments {
  SUITE?: string[];
  filter?: string;
  format: 'text' | 'json' | 'junit' | 'github' | 'markdown';
  output?: string;
  quiet: boolean;
  walk: boolean;
  update: boolean;
  watch: boolean;
  [name: string]: unknown;
}

const EXIT_FAILED = 1;
const SUITE_NAME = /(^|\.)nftreplay\.ya?ml$/;
/** Folders that hold no suites of the user's. */
const PASSED_OVER = new Set(['node_modules', '.git']);
const MAX_DEPTH = 12;
/** Of --update. */
const MAX_ROUNDS = 4;

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
  update: { type: 'boolean', default: false, describe: 'write what happens now into the suites, and show the changes' },
  watch: {
    alias: 'w',
    type: 'boolean',
    default: false,
    describe: 'run again whenever a suite, ruleset or router changes',
  },
} satisfies Record<string, Options>;

/** The command; `version` goes into reports. */
export function testCommand(version: string): CommandModule<object, TestArguments> {
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
    handler: (args) => test(args, version),
  };
}

async function test(args: ArgumentsCamelCase<TestArguments>, version: string): Promise<void> {
  checkOptions(args, TEST_OPTIONS);
  if (args.watch && (args.format !== 'text' || args.output !== undefined || args.update)) {
    throw new ConfigError('--watch', '', 'shows text on the terminal: leave out --format, --output and --update');
  }
  if (args.watch) await watchSuites(args);
  else await once(args, version);
}

async function once(args: TestArguments, version: string): Promise<void> {
  const files = findSuites(args.SUITE ?? []);
  if (args.output !== undefined) {
    const inputs = files.map((path) => ({ option: 'SUITE', path }));
    checkOutputs([{ option: '--output', path: args.output }], inputs);
  }
  const environment = new Environment();
  const run = await runSuites(files, args, environment);
  if (args.update) {
    await update(run, args, environment);
    return;
  }
  await writeOutput(args.output, documentText(run.results, args, version));
  if (countCases(run.results).failed > 0) process.exitCode = EXIT_FAILED;
  tellDamages(run.results.flatMap(({ cases }) => cases.flatMap((row) => row.damages ?? [])));
}

function documentText(results: SuiteResult[], args: TestArguments, version: string): string {
  switch (args.format) {
    case 'text':
      return textSuites(results, { quiet: args.quiet, noWalk: !args.walk });
    case 'json':
      return jsonText(suiteJson(results, version));
    case 'junit':
      return junitXml(results, { timestamp: new Date().toISOString().slice(0, 19) });
    case 'github':
      return githubAnnotations(suiteFindings(results), 'nftreplay test');
    case 'markdown':
      return suiteMarkdown(results);
  }
}

interface SuitesRun {
  suites: Suite[];
  results: SuiteResult[];
}

async function runSuites(files: string[], args: TestArguments, environment: Environment): Promise<SuitesRun> {
  const run: SuitesRun = { suites: [], results: [] };
  for (const file of files) {
    const suite = loadSuite(file);
    let startMs = performance.now();
    run.suites.push(suite);
    run.results.push(
      await runSuite(suite, {
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
  if (args.filter !== undefined && run.results.every((row) => row.cases.length === 0)) {
    throw new ConfigError('--filter', args.filter, 'no case has this text in its name');
  }
  return run;
}

/** Writes what happens now into the suites, and shows what that changes. */
async function update({ suites, results }: SuitesRun, args: TestArguments, environment: Environment): Promise<void> {
  let changed = 0;
  let unmended = 0;
  for (const [index, suite] of suites.entries()) {
    let result = results[index];
    if (result === undefined) continue;
    let done = updateSuite(suite.source, result);
    // What could not be looked at before (fields of a frame that did not leave) may be written in another round.
    for (let round = 1; round < MAX_ROUNDS && done.unmended.length > 0 && done.text !== suite.source.text; round++) {
      const next = parseSuite(done.text, suite.file);
      result = await runSuite(next, { environment, ...(args.filter === undefined ? {} : { filter: args.filter }) });
      const again = updateSuite(next.source, result);
      if (again.text === done.text) break;
      done = { ...again, changes: changedLines(suite.source.text, again.text) };
    }
    process.stdout.write(updateText(suite.file, done));
    changed += done.changes.length;
    unmended += done.unmended.length + result.cases.filter((row) => row.status === 'error').length;
    if (done.changes.length > 0) await writeOutput(suite.file, done.text);
  }
  if (changed === 0 && unmended === 0) process.stdout.write('nothing to update: every expectation is met\n');
  if (unmended > 0) process.exitCode = EXIT_FAILED;
}

/** Runs the suites, and again whenever one of their files changes; ends with an interrupt. */
async function watchSuites(args: TestArguments): Promise<void> {
  await new Promise<void>((done) => {
    let isRunning = false;
    let isStale = false;
    const rerun = async (changed: string[]): Promise<void> => {
      if (isRunning) {
        isStale = true;
        return;
      }
      isRunning = true;
      if (process.stdout.isTTY) process.stdout.write('\x1b[2J\x1b[H');
      if (changed.length > 0) process.stdout.write(`${visible(changed.join(', '))} changed\n\n`);
      const environment = new Environment();
      let files: string[] = [];
      try {
        files = findSuites(args.SUITE ?? []);
        const { results } = await runSuites(files, args, environment);
        process.stdout.write(textSuites(results, { quiet: args.quiet, noWalk: !args.walk }));
      } catch (error) {
        if (error instanceof NftError) process.stdout.write(`${formatNftError(error)}\n`);
        else if (error instanceof NftreplayError) process.stdout.write(`${visible(error.message)}\n`);
        else throw error;
      }
      process.stdout.write('watching for changes; interrupt to end\n');
      watched.set([...files, ...environment.files]);
      isRunning = false;
      if (isStale) {
        isStale = false;
        await rerun([]);
      }
    };
    const watched = new FileWatch((files) => void rerun(files.map((file) => relative('.', file))));
    process.once('SIGINT', () => {
      watched.close();
      done();
    });
    void rerun([]);
  });
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
