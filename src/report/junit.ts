// Results of suites as JUnit XML, for CI servers: valid by the schema of Ant's JUnit task (windyroad/JUnit-Schema) and by
// Jenkins' (xunit-plugin, junit-10.xsd). What XML cannot hold is made visible before it is escaped.
import type { CaseResult, Failure, SuiteResult } from '../suite/result.ts';
import { visible } from './format.ts';
import { walkLines } from './text-suite.ts';

export interface JunitOptions {
  /** When the tests ran, 'YYYY-MM-DDTHH:MM:SS'. */
  timestamp: string;
}

/** The document. */
export function junitXml(results: readonly SuiteResult[], { timestamp }: JunitOptions): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>'];
  for (const [id, result] of results.entries()) lines.push(...suiteXml(result, id, timestamp));
  lines.push('</testsuites>');
  return `${lines.join('\n')}\n`;
}

function suiteXml(result: SuiteResult, id: number, timestamp: string): string[] {
  const { cases } = result;
  const number = (status: CaseResult['status']): number => cases.filter((row) => row.status === status).length;
  const seconds = cases.reduce((sum, row) => sum + (row.tookMs ?? 0), 0) / 1000;
  const attributes: [string, string | number][] = [
    ['name', name(result.name ?? result.file)],
    ['package', name(result.file)],
    ['id', id],
    ['timestamp', timestamp],
    ['hostname', 'localhost'],
    ['tests', cases.length],
    ['failures', number('failed')],
    ['errors', number('error')],
    ['skipped', number('skipped')],
    ['time', seconds.toFixed(3)],
  ];
  return [
    `  <testsuite ${written(attributes)}>`,
    '    <properties/>',
    ...cases.flatMap((row) => caseXml(row, result)),
    '    <system-out/>',
    '    <system-err/>',
    '  </testsuite>',
  ];
}

function caseXml(row: CaseResult, result: SuiteResult): string[] {
  const head = written([
    ['name', name(row.name)],
    ['classname', name(result.file)],
    ['time', ((row.tookMs ?? 0) / 1000).toFixed(3)],
  ]);
  const body = caseBody(row);
  return body === '' ? [`    <testcase ${head}/>`] : [`    <testcase ${head}>`, `      ${body}`, '    </testcase>'];
}

/** One element: Ant's schema has room for one. */
function caseBody(row: CaseResult): string {
  switch (row.status) {
    case 'passed':
      return '';
    case 'skipped':
      return `<skipped ${written([['message', row.note ?? '']])}/>`;
    case 'error': {
      const place = `${row.location.file}:${row.location.line}`;
      const attributes = written([
        ['message', row.note ?? ''],
        ['type', 'error'],
      ]);
      return `<error ${attributes}>${text(`${place}: ${row.note ?? ''}`)}</error>`;
    }
    case 'failed': {
      const [first] = row.failures;
      const attributes = written([
        ['message', first === undefined ? '' : sentence(first)],
        ['type', 'expectation'],
      ]);
      return `<failure ${attributes}>${text(failureText(row))}</failure>`;
    }
  }
}

/** 'packet 3: verdict: expected forward, got drop'. */
export function sentence({ about, key, expected, got }: Failure): string {
  return `${about}: ${key === '' ? '' : `${key}: `}expected ${expected}, got ${got}`;
}

function failureText(row: CaseResult): string {
  const lines: string[] = [];
  let about = '';
  for (const failure of row.failures) {
    lines.push(`${failure.location.file}:${failure.location.line}: ${sentence(failure)}`);
    if (failure.about === about) continue;
    about = failure.about;
    if (failure.line !== undefined) lines.push(`  ${failure.line}`);
    lines.push(...walkLines(failure, row).map((line) => line.slice(7)));
  }
  return lines.join('\n');
}

/** xs:token: no blanks at the ends or in a row; and never empty. */
function name(value: string): string {
  const token = value.trim().replace(/\s+/g, ' ');
  return token === '' ? '-' : token;
}

function written(attributes: [string, string | number][]): string {
  return attributes
    .map(([key, value]) => `${key}="${escaped(visible(String(value))).replaceAll('"', '&quot;')}"`)
    .join(' ');
}

/** Line breaks stay. */
function text(value: string): string {
  return value
    .split('\n')
    .map((line) => escaped(visible(line)))
    .join('\n');
}

/** Lone surrogates and the two non-characters are no XML characters. */
function escaped(value: string): string {
  return value
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|[\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
