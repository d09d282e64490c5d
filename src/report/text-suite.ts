// Results of suites for a terminal: a line a case, and below a failed one what was expected, what came, and the packet's
// walk. 100 columns.
import type { CaseResult, Failure, SuiteResult } from '../suite/result.ts';
import { countCases } from '../suite/result.ts';
import { count, cut, visible, wrap } from './format.ts';
import { TraceText } from './trace-text.ts';

const WIDTH = 100;
const MARKS = { passed: 'ok', failed: 'FAIL', error: 'FAIL', skipped: 'skip' } as const;
/** Lines of a walk that are shown. */
const MAX_WALK_LINES = 60;
/** Failures of one case that are shown. */
const MAX_FAILURES = 20;

export interface TextSuiteOptions {
  /** Only cases that did not pass are listed. */
  quiet?: boolean;
  /** Without the walks of packets. */
  noWalk?: boolean;
}

/** All suites and the sum. */
export function textSuites(results: readonly SuiteResult[], options: TextSuiteOptions = {}): string {
  const lines = results.flatMap((result) => suiteLines(result, options));
  return `${[...lines, summary(results)].join('\n')}\n`;
}

/** One suite's lines, with a blank one at the end. */
export function suiteLines(result: SuiteResult, options: TextSuiteOptions = {}): string[] {
  const shown = result.cases.filter(
    (row) => options.quiet !== true || row.status === 'failed' || row.status === 'error',
  );
  if (shown.length === 0) return [];
  const head = result.name === undefined ? result.file : `${result.file}: ${result.name}`;
  return [...wrap(visible(head), WIDTH, '', '  '), ...shown.flatMap((row) => caseLines(row, options)), ''];
}

function caseLines(row: CaseResult, options: TextSuiteOptions): string[] {
  const packets = row.status === 'skipped' ? '' : ` (${count(row.packets)} packet${row.packets === 1 ? '' : 's'})`;
  const lines = wrap(`${visible(row.name)}${packets}`, WIDTH, `  ${MARKS[row.status].padEnd(4)} `, '       ');
  if (row.note !== undefined) lines.push(...wrap(visible(row.note), WIDTH, '       ', '       '));
  if (row.status === 'error') lines.push(`       at ${place(row)}`);
  for (const group of byPacket(row.failures.slice(0, MAX_FAILURES))) lines.push(...groupLines(group, row, options));
  const more = row.failures.length - MAX_FAILURES;
  if (more > 0) lines.push(`       and ${count(more)} more expectations that were not met`);
  return lines;
}

/** Failures about the same packet have its walk once. */
function byPacket(failures: readonly Failure[]): Failure[][] {
  const groups: Failure[][] = [];
  for (const failure of failures) {
    const last = groups[groups.length - 1];
    if (last?.[0]?.about === failure.about) last.push(failure);
    else groups.push([failure]);
  }
  return groups;
}

function groupLines(group: readonly Failure[], row: CaseResult, options: TextSuiteOptions): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const head = first.line === undefined ? first.about : `${first.about}: ${first.line}`;
  const lines = ['', ...wrap(visible(head), WIDTH, '       ', '         ')];
  for (const failure of group) {
    const where = `${failure.location.file}:${failure.location.line}`;
    lines.push(
      ...wrap(
        visible(`${where}: ${failure.key === '' ? 'expectation' : failure.key}`),
        WIDTH,
        '         ',
        '           ',
      ),
    );
    lines.push(...wrap(visible(failure.expected), WIDTH, '           expected  ', '                     '));
    lines.push(...wrap(visible(failure.got), WIDTH, '           got       ', '                     '));
  }
  if (options.noWalk !== true) lines.push(...walkLines(first, row));
  return lines;
}

/** The packet's way through the router, as `nftreplay trace` prints it. */
export function walkLines({ walk }: Failure, row: CaseResult): string[] {
  if (walk === undefined || row.compiled === undefined) return [];
  const text = new TraceText({ ruleset: row.compiled }).walk(walk).trimEnd().split('\n');
  const shown = text.slice(0, MAX_WALK_LINES).map((line) => `         ${line}`);
  if (text.length > MAX_WALK_LINES)
    shown.push(`         # and ${text.length - MAX_WALK_LINES} more lines: nftreplay trace shows all`);
  return ['', ...shown];
}

function place({ location }: CaseResult): string {
  return visible(`${location.file}:${location.line}`);
}

/** '12 cases in 2 suites: 11 passed, 1 failed'. */
export function summary(results: readonly SuiteResult[]): string {
  const { passed, failed, skipped } = countCases(results);
  const cases = passed + failed + skipped;
  const parts = [`${count(passed)} passed`];
  if (failed > 0) parts.push(`${count(failed)} failed`);
  if (skipped > 0) parts.push(`${count(skipped)} skipped`);
  const suites = results.length === 1 ? '1 suite' : `${count(results.length)} suites`;
  const checked = results.flatMap((row) => row.cases).reduce((sum, row) => sum + row.checked, 0);
  return cut(
    `${count(cases)} case${cases === 1 ? '' : 's'} in ${suites}: ${parts.join(', ')} (${count(checked)} expectations)`,
    WIDTH,
  );
}
