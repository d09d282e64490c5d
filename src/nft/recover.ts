// Where reading goes on behind an error, so that one mistake gives one message: at the end of the statement, but not past the
// braces of the block that it stands in. A brace that the mistake left open is found by how rulesets are laid out.
import { NftError } from '../base/errors.ts';
import type { Span } from './ast.ts';
import type { Token } from './lexer.ts';
import type { Parser } from './parser.ts';

/** Words that begin a block when a name and `{` follow. */
const BLOCKS = new Set(['table', 'chain', 'set', 'map', 'flowtable']);
const LOOKAHEAD = 64;

/** Skips to the separator, or to the `}` of the block with `depth` open braces; neither is taken. `first` began the item. */
export function recover(p: Parser, depth: number, first: Span): void {
  const { last } = p;
  if (last.kind === 'quoted' && last.text.includes('\n') && last.start >= first.start && last.source === first.source) {
    // A quotation mark is missing: go on in the line below the string's first.
    p.restart(last.source, last.start + 1 + last.text.indexOf('\n'), depth);
    return;
  }
  // The separator was taken before the item turned out to be wrong.
  const isDone = last.kind === 'newline' || (last.kind === 'operator' && last.text === ';');
  if (isDone && p.depth <= depth && (last.source !== first.source || last.start >= first.start)) return;
  const stop = safely(() => p.peek());
  if (stop !== undefined && p.depth > depth && isBelow(p, stop, last) && isLeftOpen(p, 0, last, first)) {
    // Newlines may stand in lists: the error was met in a line that belongs to something else.
    p.restart(stop.source, stop.start, depth);
    return;
  }
  let before: Token = last;
  for (;;) {
    const token = safely(() => p.peek());
    if (token === undefined) continue;
    if (token.kind === 'end') return;
    if (p.depth <= depth && (token.kind === 'newline' || p.at(';') || p.at('}'))) return;
    if (p.depth > depth && token.kind === 'newline' && isLeftOpen(p, 1, before, first)) {
      p.restart(token.source, token.start, depth);
      return;
    }
    before = p.next();
    const newline = before.kind === 'quoted' ? before.text.indexOf('\n') : -1;
    // The item has one quotation mark: the string is none.
    if (newline >= 0) p.restart(before.source, before.start + 1 + newline, p.depth);
  }
}

/**
 * Whether a brace that is open at the end of a line was forgotten to be closed: the next line (its tokens begin `from` places
 * ahead) begins another block, or it is indented no deeper than the item, is not the closing brace, and the line before does
 * not say that a list goes on.
 */
function isLeftOpen(p: Parser, from: number, before: Token, first: Span): boolean {
  let ahead = from;
  while (ahead < LOOKAHEAD && safely(() => p.peek(ahead))?.kind === 'newline') ahead++;
  const next = safely(() => p.peek(ahead));
  if (next === undefined) return false;
  if (next.kind === 'end' || beginsBlock(p, ahead)) return true;
  const depth = indent(p, next) - indent(p, first);
  if (next.kind === 'operator' && next.text === '}') return depth < 0;
  const goesOn = before.kind === 'operator' && [',', '{', ':'].includes(before.text);
  return depth <= 0 && !goesOn;
}

function beginsBlock(p: Parser, ahead: number): boolean {
  const word = p.peek(ahead);
  if (word.kind !== 'word' || !BLOCKS.has(word.text)) return false;
  return safely(() => p.at('{', ahead + 2) || p.at('{', ahead + 3)) === true;
}

/** Whether a token stands in another line than the one before it. */
function isBelow(p: Parser, token: Span, before: Span): boolean {
  if (token.source !== before.source) return true;
  return p.sources.location(token).line > p.sources.location(before).line;
}

/** Blanks before the first word of a token's line. */
function indent(p: Parser, at: Span): number {
  return /^\s*/.exec(p.sources.line(at))?.[0].length ?? 0;
}

/** What looking found; undefined when there is no token: what follows an error need not be told. */
function safely<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    return undefined;
  }
}
