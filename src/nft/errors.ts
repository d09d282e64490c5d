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
  const { column, endColumn } = error.location;
  let line = error.sourceLine;
  let start = Math.min(column - 1, line.length);
  let end = Math.max(Math.min(endColumn - 1, line.length), start + 1);
  let prefix = '';
  let suffix = '';
  if (line.length > MAX_WIDTH) {
    const from = Math.max(0, Math.min(start - MAX_WIDTH / 2, line.length - MAX_WIDTH));
    const to = Math.min(line.length, from + MAX_WIDTH);
    prefix = from > 0 ? '…' : '';
    suffix = to < line.length ? '…' : '';
    line = line.slice(from, to);
    start -= from;
    end = Math.min(end - from, line.length);
  }
  const before = escapeLine(line.slice(0, start));
  const marked = escapeLine(line.slice(start, end));
  const after = escapeLine(line.slice(end));
  const indent = ' '.repeat(prefix.length) + before.replace(/[^\t]/g, ' ');
  return `${message}\n${prefix}${before}${marked}${after}${suffix}\n${indent}${'^'.repeat(Math.max(marked.length, 1))}`;
}

function escapeLine(text: string): string {
  return escapeControls(text, true);
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
