// What --update changes in a suite, to be read like a diff.
import type { Update } from '../suite/update.ts';
import { count, visible } from './format.ts';

/** The changed lines of one suite, and what no value could mend. */
export function updateText(file: string, { changes, unmended }: Update): string {
  const lines: string[] = [];
  if (changes.length > 0) {
    lines.push(`${file}: ${count(changes.length)} line${changes.length === 1 ? '' : 's'} changed`);
    for (const { line, before, after } of changes) {
      lines.push(`  ${String(line).padStart(5)} - ${before}`, `  ${''.padStart(5)} + ${after}`);
    }
  }
  for (const { case: name, failure } of unmended) {
    const place = `${failure.location.file}:${failure.location.line}`;
    lines.push(
      `${place}: '${name}': ${failure.key}: expected ${failure.expected}, got ${failure.got}: mend it by hand`,
    );
  }
  return lines.map((line) => `${visible(line)}\n`).join('');
}
