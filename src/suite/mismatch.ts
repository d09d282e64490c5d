// Expectations against what happened: what was met is counted, what was not is kept with both sides as text and with the
// value that the suite would have to have.
import { stringify } from './value-text.ts';

/** An expectation that was not met, relative to its mapping. */
export interface Mismatch {
  /** Keys from the expectation's mapping. */
  keys: (string | number)[];
  expected: string;
  got: string;
  actual?: unknown;
}

export class Checklist {
  checked = 0;
  readonly mismatches: Mismatch[] = [];

  /** Counts one expectation; `actual` is what would have been right in its place. */
  check(isMet: boolean, keys: (string | number)[], expected: unknown, actual: unknown, got = stringify(actual)): void {
    this.checked++;
    if (isMet) return;
    const mismatch: Mismatch = { keys, expected: stringify(expected), got };
    if (actual !== undefined) mismatch.actual = actual;
    this.mismatches.push(mismatch);
  }

  /** An expectation that means nothing: no such rule, field or name. */
  wrong(keys: (string | number)[], expected: unknown, problem: string): void {
    this.checked++;
    this.mismatches.push({ keys, expected: stringify(expected), got: problem });
  }
}
