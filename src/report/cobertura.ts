// Coverage as Cobertura XML (coverage-04.dtd), which GitLab, Jenkins and Azure draw on merge requests. A package is a
// ruleset, a class a file, a method a chain; lines and branches as in LCOV.
import type { CoverageReport } from './coverage-model.ts';
import { type CoveredFile, type CoveredLine, coveredFiles } from './covered-lines.ts';

/** The whole document. */
export function cobertura(report: CoverageReport): string {
  const files = coveredFiles(report);
  const lines = files.flatMap((file) => file.lines);
  const branches = lines.flatMap((line) => line.branches);
  const { firstTimeNs } = report.coverage.replay.result.input;
  // The capture's time, not the wall clock's: same inputs, same octets.
  const timestamp = firstTimeNs === undefined ? '0' : String(BigInt(firstTimeNs) / 1_000_000n);
  const rates = `line-rate="${rate(lines)}" branch-rate="${rate(branches)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">',
    `<coverage ${rates} lines-covered="${hit(lines)}" lines-valid="${lines.length}"` +
      ` branches-covered="${hit(branches)}" branches-valid="${branches.length}" complexity="0"` +
      ` version="nftreplay ${xml(report.version)}" timestamp="${timestamp}">`,
    '  <sources>',
    '    <source>.</source>',
    '  </sources>',
    '  <packages>',
    `    <package name="${xml(report.rulesetPath)}" ${rates} complexity="0">`,
    '      <classes>',
    ...files.flatMap(classElement),
    '      </classes>',
    '    </package>',
    '  </packages>',
    '</coverage>',
    '',
  ].join('\n');
}

function classElement({ file, lines, functions }: CoveredFile): string[] {
  const name = file.split('/').pop() ?? file;
  const rates = `line-rate="${rate(lines)}" branch-rate="${rate(lines.flatMap((line) => line.branches))}"`;
  return [
    `        <class name="${xml(name)}" filename="${xml(file)}" ${rates} complexity="0">`,
    '          <methods>',
    ...functions.flatMap((row) => [
      `            <method name="${xml(row.name)}" signature="" line-rate="${row.hits > 0 ? 1 : 0}" branch-rate="0" complexity="0">`,
      '              <lines>',
      `                <line number="${row.line}" hits="${row.hits}"/>`,
      '              </lines>',
      '            </method>',
    ]),
    '          </methods>',
    '          <lines>',
    ...lines.map(lineElement),
    '          </lines>',
    '        </class>',
  ];
}

function lineElement({ line, hits, branches }: CoveredLine): string {
  if (branches.length === 0) return `            <line number="${line}" hits="${hits}" branch="false"/>`;
  const covered = hit(branches);
  const share = Math.round((covered / branches.length) * 100);
  return `            <line number="${line}" hits="${hits}" branch="true" condition-coverage="${share}% (${covered}/${branches.length})"/>`;
}

function hit(rows: readonly { hits: number }[]): number {
  return rows.filter((row) => row.hits > 0).length;
}

function rate(rows: readonly { hits: number }[]): string {
  return rows.length === 0 ? '1' : String(Math.round((hit(rows) / rows.length) * 10_000) / 10_000);
}

/** Text for attributes: what XML 1.0 cannot hold is shown as U+FFFD. */
function xml(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
