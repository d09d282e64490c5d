#!/usr/bin/env node
// The command line: commands by yargs, errors to stderr, exit codes. The only place that prints errors.
import { readFileSync } from 'node:fs';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { NftError, NftreplayError } from '../base/errors.ts';
import { formatNftError } from '../nft/errors.ts';
import { visible } from '../report/format.ts';
import { errorLines } from '../report/text-check.ts';
import { commands } from './commands.ts';
import { forYargs, usageLine } from './usage.ts';

/** Wrong usage or unusable input. */
const EXIT_USAGE = 2;

/** nftreplay's version, from package.json two or three folders up (source or dist). */
function version(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      // Not there: the other layout.
    }
  }
  return '0.0.0';
}

/** Prints an error as the user should see it and says the exit code. */
function report(error: unknown): number {
  if (error instanceof NftError) process.stderr.write(`${rulesetErrors(error)}\n`);
  else if (error instanceof NftreplayError) process.stderr.write(`nftreplay: ${visible(error.message)}\n`);
  else if ((error as NodeJS.ErrnoException)?.code === 'EPIPE') return 0;
  else if (isFileError(error)) process.stderr.write(`nftreplay: ${visible((error as Error).message)}\n`);
  else {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`nftreplay: internal error, please report it with the input that caused it\n${text}\n`);
  }
  return EXIT_USAGE;
}

/** All that is wrong with a ruleset, not only what was found first. */
function rulesetErrors(error: NftError): string {
  if (error.errors.length < 2) return formatNftError(error);
  return errorLines({ path: error.location.file, errors: error.errors }).join('\n');
}

function isFileError(error: unknown): boolean {
  return ['ENOENT', 'EACCES', 'EISDIR', 'ENOSPC', 'EROFS', 'ENOTDIR'].includes(
    String((error as NodeJS.ErrnoException)?.code),
  );
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads has seen enough (run … | head).
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  process.stderr.write(`nftreplay: standard output cannot be written: ${error.message}\n`);
  process.exit(EXIT_USAGE);
});
process.stderr.on('error', () => process.exit(process.exitCode ?? 0));

const args = hideBin(process.argv);
const known = commands(version());
const parser = yargs(forYargs(args))
  .scriptName('nftreplay')
  .version(version())
  .usage('$0 <command>\n\nReplays packet captures through an emulated Linux nf_tables router.')
  .command(known.map((row) => row.module))
  .completion('completion', 'print a script that completes options in bash or zsh')
  .demandCommand(1, `name a command: ${[...known.map((row) => row.name), 'completion'].join(', ')}`)
  .strict()
  .wrap(Math.min(100, process.stdout.columns || 100))
  .help()
  .alias('help', 'h')
  .exitProcess(false)
  .fail((message, error, instance) => {
    if (error && error.name !== 'YError') throw error;
    if (args.length === 0) instance.showHelp((text: string) => process.stderr.write(`${text}\n\n`));
    throw new NftreplayError('usage', usageLine(error?.message ?? message, args, known));
  });

try {
  await parser.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
