// --update: a suite whose expectations say what happens now. Only values that were not met change; comments, order and
// layout stay as the author wrote them.
import { yaml } from '../base/on-demand.ts';
import type { Failure, SuiteResult } from './result.ts';
import type { KeyPath, SuiteSource } from './suite-source.ts';

export interface Update {
  /** The suite's new text. */
  text: string;
  /** Lines that changed, as a diff: '-12 …' and '+12 …'. */
  changes: { line: number; before: string; after: string }[];
  /** Failures that no value can mend: rules that do not exist, chains that were not reached. */
  unmended: { case: string; failure: Failure }[];
}

/** The suite's text with what came instead of what was expected. */
export function updateSuite(source: SuiteSource, result: SuiteResult): Update {
  const edits: { start: number; end: number; text: string }[] = [];
  const unmended: Update['unmended'] = [];
  const seen = new Set<string>();
  for (const row of result.cases) {
    for (const failure of row.failures) {
      const key = JSON.stringify(failure.path);
      if (seen.has(key)) continue;
      seen.add(key);
      const range = failure.actual === undefined ? undefined : rangeOf(source, failure.path);
      if (range === undefined) unmended.push({ case: row.name, failure });
      else edits.push({ ...range, text: flowText(failure.actual) });
    }
  }
  let text = source.text;
  for (const edit of edits.sort((a, b) => b.start - a.start)) {
    text = text.slice(0, edit.start) + edit.text + text.slice(edit.end);
  }
  return { text, changes: changedLines(source.text, text), unmended };
}

function rangeOf(source: SuiteSource, path: KeyPath): { start: number; end: number } | undefined {
  const node = source.document.getIn(path, true) as { range?: [number, number, number] | null } | undefined;
  if (!node?.range) return undefined;
  const [start, end] = node.range;
  // A block ends with its line break, which is to stay.
  return { start, end: start + source.text.slice(start, end).trimEnd().length };
}

/** A value on one line, as it may stand anywhere in YAML. */
function flowText(value: unknown): string {
  const { Document, visit } = yaml();
  // Within braces a scalar is quoted where it must be, also for places outside of them.
  const document = new Document([value]);
  visit(document, {
    Collection: (_key, node) => {
      node.flow = true;
    },
  });
  return document
    .toString({ lineWidth: 0, flowCollectionPadding: true })
    .trim()
    .replace(/^\[ ?/, '')
    .replace(/ ?\]$/, '');
}

/** Lines that differ: edits never add lines, but a block may have become one line. */
export function changedLines(before: string, after: string): Update['changes'] {
  const old = before.split('\n');
  const fresh = after.split('\n');
  const changes: Update['changes'] = [];
  let at = 0;
  old.forEach((line, index) => {
    if (line === fresh[at]) {
      at++;
      return;
    }
    // A line that went away: the next ones go on where the new text does.
    const isGone = old.length - index > fresh.length - at;
    changes.push({ line: index + 1, before: line, after: isGone ? '' : (fresh[at] ?? '') });
    if (!isGone) at++;
  });
  return changes;
}
