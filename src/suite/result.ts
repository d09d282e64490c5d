// What testing suites yields: plain data for the writers of src/report (text, JSON, JUnit, GitHub, Markdown) and for
// --update.
import type { SourceLocation } from '../base/errors.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { PacketTrace } from '../replay/trace-steps.ts';
import type { KeyPath } from './suite-source.ts';

export interface SuiteResult {
  file: string;
  name: string | undefined;
  cases: CaseResult[];
}

export interface CaseResult {
  name: string;
  location: SourceLocation;
  status: 'passed' | 'failed' | 'skipped' | 'error';
  /** Why it was skipped, or what is wrong with it. */
  note?: string;
  /** The ruleset's file. */
  ruleset: string;
  packets: number;
  /** Expectations that were checked. */
  checked: number;
  failures: Failure[];
  /** Sentences about what was assumed (inferred routers). */
  assumptions: string[];
  /** Why reading a capture stopped early: what came before was replayed. */
  damages?: string[];
  /** Of the walks. */
  compiled?: Ruleset;
  /** Set by the command: milliseconds that it took. */
  tookMs?: number;
}

/** One expectation that was not met. */
export interface Failure {
  /** Of the expectation in the suite: what --update rewrites. */
  path: KeyPath;
  location: SourceLocation;
  /** 'packet 3', 'flow tcp …', 'totals'. */
  about: string;
  /** The packet line, or what the flow is. */
  line?: string;
  /** 'verdict', 'frame.ip ttl'. */
  key: string;
  expected: string;
  got: string;
  /** What the expectation would have to say: a value for the file; undefined: nothing can. */
  actual?: unknown;
  /** What rules and routes did to the packet in question. */
  walk?: PacketTrace;
}

/** Passed, failed (errors too), skipped. */
export function countCases(results: readonly SuiteResult[]): { passed: number; failed: number; skipped: number } {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { cases } of results) {
    for (const { status } of cases) {
      if (status === 'passed') counts.passed++;
      else if (status === 'skipped') counts.skipped++;
      else counts.failed++;
    }
  }
  return counts;
}
