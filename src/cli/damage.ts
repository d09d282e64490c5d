// Damaged captures: what could be read was replayed, stderr says where it ended, and the exit code is 2.
import type { InputSummary } from '../replay/result.ts';
import { visible } from '../report/format.ts';

const EXIT_UNUSABLE = 2;

/** What each damaged file's reader said. */
export function damagesOf({ files }: Pick<InputSummary, 'files'>): string[] {
  return files.flatMap((file) => (file.damage === undefined ? [] : [file.damage.message]));
}

/** Tells damages once each, and has the program end with 2 when there are any. */
export function tellDamages(messages: readonly string[]): void {
  for (const message of new Set(messages)) process.stderr.write(`nftreplay: ${visible(message)}\n`);
  if (messages.length > 0) process.exitCode = EXIT_UNUSABLE;
}
