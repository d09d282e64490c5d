// Results of suites for programs and merge requests: JSON with schema and version, findings for GitHub's annotations, a
// Markdown summary.
import { type CaseResult, countCases, type SuiteResult } from '../suite/result.ts';
import type { Finding } from './findings.ts';
import { count } from './format.ts';
import { sentence } from './junit.ts';
import { markdownBlock, markdownCode, markdownTable, markdownText } from './markdown.ts';
import { summary, walkLines } from './text-suite.ts';

/** Goes up when a key changes its meaning or goes away. */
export const SUITE_REPORT_SCHEMA = 'nftreplay.test/1';

/** The document of --format json. */
export function suiteJson(results: readonly SuiteResult[], version: string): object {
  return {
    schema: SUITE_REPORT_SCHEMA,
    version,
    ...countCases(results),
    suites: results.map((result) => ({
      file: result.file,
      ...(result.name === undefined ? {} : { name: result.name }),
      cases: result.cases.map(caseJson),
    })),
  };
}

function caseJson(row: CaseResult): object {
  return {
    name: row.name,
    status: row.status,
    file: row.location.file,
    line: row.location.line,
    ...(row.note === undefined ? {} : { note: row.note }),
    ruleset: row.ruleset,
    packets: row.packets,
    expectations: row.checked,
    assumptions: row.assumptions,
    failures: row.failures.map((failure) => ({
      about: failure.about,
      ...(failure.line === undefined ? {} : { packet: failure.line }),
      key: failure.key,
      path: failure.path,
      expected: failure.expected,
      got: failure.got,
      ...(failure.actual === undefined ? {} : { actual: failure.actual }),
      file: failure.location.file,
      line: failure.location.line,
      column: failure.location.column,
      ...(failure.walk === undefined
        ? {}
        : {
            walk: walkLines(failure, row)
              .slice(1)
              .map((line) => line.trim()),
          }),
    })),
  };
}

/** A finding for each expectation that was not met. */
export function suiteFindings(results: readonly SuiteResult[]): Finding[] {
  return results.flatMap(({ cases }) =>
    cases.flatMap((row): Finding[] => {
      if (row.status === 'error') {
        return [
          { rule: 'test/error', level: 'error', message: `${row.name}: ${row.note ?? ''}`, location: row.location },
        ];
      }
      return row.failures.map((failure) => ({
        rule: 'test/failed',
        level: 'error',
        message: `${row.name}: ${sentence(failure)}`,
        location: failure.location,
      }));
    }),
  );
}

/** A heading, a table of suites, and each failed case folded away. */
export function suiteMarkdown(results: readonly SuiteResult[]): string {
  const { failed } = countCases(results);
  const rows = results.map((result) => {
    const { passed, failed, skipped } = countCases([result]);
    return [markdownCode(result.file), count(passed), count(failed), count(skipped)];
  });
  const lines = [
    `### nftreplay test: ${failed === 0 ? 'passed' : `${count(failed)} failed`}`,
    '',
    ...markdownTable(['suite', 'passed', 'failed', 'skipped'], rows, 'lrrr'),
    '',
  ];
  for (const result of results) {
    for (const row of result.cases) {
      if (row.status === 'failed' || row.status === 'error') lines.push(...failedCase(row), '');
    }
  }
  lines.push(markdownText(summary(results)));
  return `${lines.join('\n')}\n`;
}

function failedCase(row: CaseResult): string[] {
  const rows = row.failures.map((failure) => [
    markdownCode(`${failure.location.file}:${failure.location.line}`),
    markdownText(`${failure.about}${failure.key === '' ? '' : `: ${failure.key}`}`),
    markdownCode(failure.expected),
    markdownCode(failure.got),
  ]);
  const walk = row.failures.find((failure) => failure.walk !== undefined);
  return [
    `<details><summary>${markdownText(row.name)}</summary>`,
    '',
    ...(row.note === undefined ? [] : [markdownText(row.note), '']),
    ...(rows.length === 0 ? [] : markdownTable(['where', 'what', 'expected', 'got'], rows)),
    ...(walk === undefined
      ? []
      : [
          '',
          ...markdownBlock(
            walkLines(walk, row)
              .map((line) => line.trim())
              .join('\n')
              .trim(),
          ),
        ]),
    '',
    '</details>',
  ];
}
