// An error of a ruleset as a user should see it: message, the source line, a caret under what is meant.
import type { NftError } from '../base/errors.ts';

const MAX_WIDTH = 160;

/**
 * Message with file:line:column, source line and caret line. Tabs stay tabs in both lines so that the caret stands right;
 * other control characters are escaped; a long line is shown around the place.
 */
export function formatNftError(error: NftError): string {
  const message = escapeControls(error.message);
  if (error.sourceLine === '') return message;
  return [message, ...excerpt(error.sourceLine, error.location)].join('\n');
}

/** What an error says without its place and remedy. */
export function plainMessage({ message, location, hint }: NftError): string {
  const place = `${location.file}:${location.line}:${location.column}: `;
  const start = message.startsWith(place) ? place.length : 0;
  const remedy = ` (${hint})`;
  return message.slice(start, hint && message.endsWith(remedy) ? -remedy.length : undefined);
}

/**
 * A source line and the line below it with carets under the place. `tab` is what a tab is shown as. A line that is longer than
 * `width` is shown around the place; wide characters take two carets, combining ones none.
 */
export function excerpt(
  sourceLine: string,
  { column, endColumn }: Pick<NftError['location'], 'column' | 'endColumn'>,
  tab = '\t',
  width = MAX_WIDTH,
): [line: string, carets: string] {
  let line = sourceLine;
  let start = Math.min(column - 1, line.length);
  let end = Math.max(Math.min(endColumn - 1, line.length), start + 1);
  let prefix = '';
  let suffix = '';
  if (line.length > width) {
    const from = Math.max(0, Math.min(start - width / 2, line.length - width));
    const to = Math.min(line.length, from + width);
    prefix = from > 0 ? '…' : '';
    suffix = to < line.length ? '…' : '';
    line = line.slice(from, to);
    start -= from;
    end = Math.min(end - from, line.length);
  }
  const [before, marked, after] = [line.slice(0, start), line.slice(start, end), line.slice(end)].map((part) =>
    escapeControls(part, true).replaceAll('\t', tab),
  ) as [string, string, string];
  const indent = ' '.repeat(prefix.length) + blanks(before);
  return [`${prefix}${before}${marked}${after}${suffix}`, `${indent}${'^'.repeat(Math.max(columnsOf(marked), 1))}`];
}

/** Blanks as wide as a text; tabs stay. */
function blanks(text: string): string {
  return text
    .split('\t')
    .map((part) => ' '.repeat(columnsOf(part)))
    .join('\t');
}

const COMBINING = /\p{Mn}|\p{Me}|\u200b|\u200d|\ufe0f/u;
/** East Asian wide and fullwidth characters, and emoji (Unicode's EastAsianWidth.txt, in ranges). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns that a terminal gives a text without tabs. */
function columnsOf(text: string): number {
  let width = 0;
  for (const character of text) width += COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** Control characters as \xNN; a message's newlines too, tabs only where they would not align. */
function escapeControls(text: string, keepTabs = false): string {
  let result = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isControl =
      code < 32 ||
      (code >= 0x7f && code < 0xa0) ||
      code === 0x2028 ||
      code === 0x2029 ||
      (code >= 0x202a && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069);
    if (isControl && !(keepTabs && character === '\t')) result += `\\x${code.toString(16).padStart(2, '0')}`;
    else result += character;
  }
  return result;
}
