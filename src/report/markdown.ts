// Findings as a Markdown summary for merge requests, and what other writers of Markdown need: names from rulesets and
// captures must neither break a table nor become markup, links or mentions.
import { byLevel, countText, type Finding, placeText } from './findings.ts';
import { visible } from './format.ts';

export interface MarkdownSummary {
  /** 'nftreplay audit'. */
  title: string;
  /** Lines above the table, Markdown already. */
  lead: string[];
  findings: readonly Finding[];
  /** Lines below, Markdown already. */
  tail?: string[];
}

const MAX_ROWS = 200;
const MAX_PLACES = 8;

/** A heading, the lead, a table of findings with the worst first, and what to do about each, folded away. */
export function markdownSummary({ title, lead, findings, tail = [] }: MarkdownSummary): string {
  const rows = byLevel(findings);
  const lines = [`### ${markdownText(title)}: ${countText(findings)}`, ''];
  if (lead.length > 0) lines.push(...lead, '');
  if (rows.length > 0) {
    const shown = rows.slice(0, MAX_ROWS);
    lines.push(
      ...markdownTable(
        ['', 'where', 'what'],
        shown.map((row) => [
          row.level,
          placeText(row) === '' ? '' : markdownCode(placeText(row)),
          markdownText(row.message),
        ]),
      ),
      '',
    );
    if (rows.length > MAX_ROWS) lines.push(`and ${rows.length - MAX_ROWS} more.`, '');
    for (const [help, about] of byHelp(shown)) lines.push(...details(about, help), '');
  }
  if (tail.length > 0) lines.push(...tail, '');
  return `${lines.join('\n').trimEnd()}\n`;
}

/** Findings that the same help is about, together. */
function byHelp(findings: readonly Finding[]): Map<string, Finding[]> {
  const groups = new Map<string, Finding[]>();
  for (const row of findings) {
    if (row.help !== undefined) groups.set(row.help, [...(groups.get(row.help) ?? []), row]);
  }
  return groups;
}

function details(about: readonly Finding[], help: string): string[] {
  const places = [...new Set(about.map((row) => placeText(row)).filter((place) => place !== ''))];
  const shown = places.slice(0, MAX_PLACES).map((place) => `<code>${html(place)}</code>`);
  const more = places.length > MAX_PLACES ? ` and ${places.length - MAX_PLACES} more` : '';
  const title =
    places.length > 0 ? `What to do about ${shown.join(', ')}${more}` : markdownText(about[0]?.message ?? '');
  return [`<details><summary>${title}</summary>`, '', ...markdownBlock(help), '', '</details>'];
}

/** Rows below a head; cells are Markdown already. */
export function markdownTable(head: string[], rows: string[][], align: string = 'l'.repeat(head.length)): string[] {
  const line = (cells: string[]): string => `| ${cells.map((cell) => cell.replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line([...align].map((side) => (side === 'r' ? '---:' : '---'))), ...rows.map(line)];
}

/** Plain text: nothing in it is markup, and nobody is mentioned. */
export function markdownText(text: string): string {
  return html(visible(text))
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replace(/[@#](?=\w)/g, '$&<!-- -->')
    .replace(/:\/\//g, ':<!-- -->//')
    .replace(/\b(www)\./gi, '$1<!-- -->.');
}

/** A code span that may stand in a table. */
export function markdownCode(text: string): string {
  const shown = visible(text);
  const longest = Math.max(0, ...(shown.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = shown.startsWith('`') || shown.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${shown.replaceAll('|', '\\|')}${pad}${fence}`;
}

/** A fenced block, whatever is in it. */
export function markdownBlock(text: string, language = ''): string[] {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${language}`, ...text.split('\n').map(visible), fence];
}

function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
