// Findings as GitHub's workflow commands: `::warning file=fw.nft,line=12::text`, which Actions shows at the line of the
// merge request. (Escapes: actions/toolkit packages/core/src/command.ts.)
import type { Finding } from './findings.ts';
import { visible } from './format.ts';

const COMMAND = { error: 'error', warning: 'warning', note: 'notice' } as const;

/** One line for each finding. */
export function githubAnnotations(findings: readonly Finding[], title: string): string {
  return findings.map((row) => `${annotation(row, title)}\n`).join('');
}

function annotation(row: Finding, title: string): string {
  const { location } = row;
  const properties: [string, string | number][] =
    location === undefined
      ? []
      : [
          ['file', location.file],
          ['line', location.line],
          ['col', location.column],
          ['endColumn', location.endColumn],
        ];
  properties.push(['title', `${title}: ${row.rule}`]);
  const related = (row.related ?? []).map((place) => `${place.location.file}:${place.location.line}: ${place.message}`);
  const text = [row.message, ...related, ...(row.help === undefined ? [] : [row.help])];
  const lines = text.flatMap((part) => part.split('\n')).map(visible);
  return `::${COMMAND[row.level]} ${properties.map(([name, value]) => `${name}=${property(value)}`).join(',')}::${data(lines.join('\n'))}`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(value: string | number): string {
  return data(visible(String(value)))
    .replaceAll(':', '%3A')
    .replaceAll(',', '%2C');
}
