// Commands that only show or reset something: `list`, `get` and `reset` with what they name, so that a wrong one is refused as nft
// refuses it; `monitor`, `describe`, `export` and `import` are skipped to their end. SIMPLIFIED: show-commands: they change nothing
// here, and each leaves a note.
import type { Span } from './ast.ts';
import type { Command, Shown, Target } from './ast-commands.ts';
import { parseElements, parseName } from './parse-block.ts';
import { FAMILIES } from './parse-object.ts';
import type { Parser } from './parser.ts';

/** What follows each word: `ruleset` [family]; `table`, `chain`, `set`, `object` [family] TABLE [NAME]; `any` one of the first two. */
type Argument = 'ruleset' | 'table' | 'chain' | 'set' | 'flowtable' | 'object' | 'any' | 'hooks';

const LISTED: Readonly<Record<string, Argument>> = {
  table: 'table',
  tables: 'ruleset',
  chain: 'chain',
  chains: 'ruleset',
  sets: 'any',
  set: 'set',
  maps: 'any',
  map: 'set',
  meters: 'ruleset',
  meter: 'set',
  counters: 'any',
  counter: 'object',
  quotas: 'any',
  quota: 'object',
  limits: 'any',
  limit: 'object',
  secmarks: 'any',
  secmark: 'object',
  synproxys: 'any',
  synproxy: 'object',
  flowtables: 'any',
  flowtable: 'flowtable',
  ruleset: 'ruleset',
  hooks: 'hooks',
};
const RESET: Readonly<Record<string, Argument>> = {
  counters: 'any',
  counter: 'object',
  quotas: 'any',
  quota: 'object',
  set: 'set',
  map: 'set',
};

/** `list …`, `get …`, `reset …`, `monitor …`; the word stands ahead. */
export function parseShow(p: Parser): Command {
  const start = p.next();
  let shown: { target: Target; what?: Shown } = { target: { family: 'ip' } };
  if (start.text === 'list') shown = parseList(p);
  else if (start.text === 'reset') shown = parseReset(p);
  else if (start.text === 'get') {
    p.expect('element');
    shown = parseNamed(p, 'set');
    parseElements(p);
  } else skipToEnd(p);
  const span = p.spanFrom(start);
  return { op: 'ignored', object: 'none', text: p.sources.slice(span), span, ...shown };
}

function parseList(p: Parser): { target: Target; what?: Shown } {
  if (p.accept('flow')) {
    if (p.accept('tables')) return parseArgument(p, 'ruleset');
    p.expect('table');
    return parseArgument(p, 'set');
  }
  if (p.accept('ct')) {
    const objects = ['helper', 'timeout', 'expectation'];
    const lists = ['helpers', 'timeouts', 'expectations'];
    const word = p.next().text;
    if (objects.includes(word)) return parseArgument(p, 'object');
    if (!lists.includes(word)) throw p.unexpected('a conntrack object', [...objects, ...lists]);
    p.expect('table');
    return parseNamed(p, 'table');
  }
  return parseWord(p, LISTED, 'what to list');
}

/** `reset rules …` and `reset rule …` name tables and chains in ways of their own. */
function parseReset(p: Parser): { target: Target; what?: Shown } {
  if (p.accept('rule')) {
    const shown = parseNamed(p, 'chain');
    p.expect('handle');
    p.number('a handle');
    return shown;
  }
  if (p.accept('element')) {
    const shown = parseNamed(p, 'set');
    parseElements(p);
    return shown;
  }
  if (!p.accept('rules')) return parseWord(p, RESET, 'what to reset');
  if (p.accept('table')) return parseNamed(p, 'table');
  if (p.accept('chain')) return parseNamed(p, 'chain');
  const family = parseFamily(p);
  if (atEnd(p)) return { target: { family } };
  const table = parseName(p, 'a table name');
  if (atEnd(p)) return { target: { family, table }, what: 'table' };
  return { target: { family, table, name: parseName(p, 'a chain name') }, what: 'chain' };
}

function parseWord(
  p: Parser,
  words: Readonly<Record<string, Argument>>,
  expected: string,
): { target: Target; what?: Shown } {
  const token = p.peek();
  const argument = token.kind === 'word' && Object.hasOwn(words, token.text) ? words[token.text] : undefined;
  if (argument === undefined) throw p.unexpected(expected, Object.keys(words));
  p.next();
  return parseArgument(p, argument);
}

function parseArgument(p: Parser, argument: Argument): { target: Target; what?: Shown } {
  switch (argument) {
    case 'ruleset':
      return { target: { family: parseFamily(p) } };
    case 'hooks':
      parseFamily(p);
      if (p.accept('device')) p.string('the name of a device');
      return { target: { family: 'ip' } };
    case 'any': {
      if (p.accept('table')) return parseNamed(p, 'table');
      const family = parseFamily(p);
      return atEnd(p)
        ? { target: { family } }
        : { target: { family, table: parseName(p, 'a table name') }, what: 'table' };
    }
    default:
      return parseNamed(p, argument);
  }
}

/** `[family] TABLE [NAME]` */
function parseNamed(p: Parser, what: Shown): { target: Target; what: Shown } {
  const target: Target = { family: parseFamily(p), table: parseName(p, 'a table name') };
  if (what !== 'table') target.name = parseName(p, 'a name');
  return { target, what };
}

function parseFamily(p: Parser): Target['family'] {
  return p.atAny(FAMILIES) ? (p.next().text as Target['family']) : 'ip';
}

function atEnd(p: Parser): boolean {
  return p.atSeparator() || p.peek().kind === 'end';
}

function skipToEnd(p: Parser): Span {
  let last: Span = p.peek();
  for (let depth = 0; p.peek().kind !== 'end' && (depth > 0 || !p.atSeparator()); ) {
    if (p.at('{')) depth++;
    if (p.at('}')) depth--;
    last = p.next();
  }
  return last;
}
