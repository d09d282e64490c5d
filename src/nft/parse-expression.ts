// Expressions of the language: what is matched (left), what it is matched with (right), and what statements take.
// The three differ in what may stand at the bottom; operators bind as in nft: shifts, &, ^, |, then `.` and sets.
import { own } from '../base/own.ts';
import type { BinaryOperator, ElementExpr, Expr, SetExpr, Span } from './ast.ts';
import { symbol, untyped, value } from './expressions.ts';
import { atSelector, parseModulus, parseSelector, SELECTOR_WORDS } from './parse-selector.ts';
import { atStatefulStatement, parseStatefulStatement, parseTime } from './parse-stateful.ts';
import { type Parser, RESERVED } from './parser.ts';
import { jhash } from './selectors.ts';

/** `left`: matched; `right`: constants; `statement`: what `set` and nat take. */
type Mode = 'left' | 'right' | 'statement';

const LEVELS: readonly (readonly [text: string, op: BinaryOperator][])[] = [
  [
    ['<<', '<<'],
    ['lshift', '<<'],
    ['>>', '>>'],
    ['rshift', '>>'],
  ],
  [
    ['&', '&'],
    ['and', '&'],
  ],
  [
    ['^', '^'],
    ['xor', '^'],
  ],
  [
    ['|', '|'],
    ['or', '|'],
  ],
];

/** Keywords that are also values, of the datatype that the place asks for. */
const VALUE_WORDS = new Set('ether ip ip6 vlan arp dnat snat ecn reset destroy original reply label last'.split(' '));
/** Keywords that are IP protocols wherever a value stands. */
const PROTOCOL_WORDS: Record<string, number> = {
  tcp: 6,
  udp: 17,
  udplite: 136,
  esp: 50,
  ah: 51,
  icmp: 1,
  igmp: 2,
  icmpv6: 58,
  gre: 47,
  comp: 108,
  dccp: 33,
  sctp: 132,
};

/** `basic_expr`: an operator expression of the mode. */
export function parseBasic(p: Parser, mode: Mode, level = LEVELS.length - 1): Expr {
  const start = p.peek();
  const operators = LEVELS[level];
  if (operators === undefined) return parsePrimary(p, mode);
  const rightMode = mode === 'left' ? 'right' : mode;
  let left = parseBasic(p, mode, level - 1);
  for (;;) {
    const found = operators.find(([text]) => p.at(text));
    if (found === undefined) return left;
    p.next();
    const right = parseBasic(p, rightMode, level - 1);
    left = { ...untyped(p.spanFrom(start)), kind: 'binary', op: found[1], left, right };
  }
}

function parsePrimary(p: Parser, mode: Mode): Expr {
  const token = p.peek();
  if (token.kind === 'operator' && token.text === '(') {
    return p.nest(() => {
      p.next();
      const inner = parseBasic(p, mode);
      p.expect(')');
      return inner;
    });
  }
  if (token.text === '$' && token.kind === 'operator') return p.variable();
  if (token.kind === 'number' || token.kind === 'quoted' || token.kind === 'star-word') {
    p.next();
    return symbol(token.text, token, token.kind === 'quoted');
  }
  if (mode !== 'right') {
    if (p.at('jhash')) return parseJhash(p);
    if (mode === 'statement' && VALUE_WORDS.has(token.text) && token.kind === 'word' && !startsSelector(p)) {
      p.next();
      return symbol(token.text, token);
    }
    if (atSelector(p)) return parseSelector(p);
  }
  if (token.kind === 'word') {
    if (token.text === 'exists' || token.text === 'missing') {
      p.next();
      return value(token.text === 'exists' ? 1n : 0n, 'boolean', 'host', 8, token);
    }
    const protocol = mode === 'right' ? own(PROTOCOL_WORDS, token.text) : undefined;
    if (protocol !== undefined) {
      p.next();
      return value(BigInt(protocol), 'inet_proto', 'host', 8, token);
    }
    if (mode === 'right' && token.text === 'redirect') {
      p.next();
      return value(5n, 'icmp_type', 'host', 8, token);
    }
    if (!RESERVED.has(token.text) || (mode === 'right' && VALUE_WORDS.has(token.text))) {
      p.next();
      return symbol(token.text, token);
    }
  }
  throw p.unexpected(mode === 'left' ? 'a match or statement' : 'a value', mode === 'left' ? SELECTOR_WORDS : []);
}

/** In a statement's argument `ip` may be a value (`ct event set …`) or start `ip saddr`. */
function startsSelector(p: Parser): boolean {
  if (!SELECTOR_WORDS.has(p.peek().text)) return false;
  return p.peek(1).kind === 'word' && !['map', 'vmap', 'comment'].includes(p.peek(1).text);
}

/** `"jhash" expr "mod" N ["seed" N] ["offset" N]` */
function parseJhash(p: Parser): Expr {
  const start = p.expect('jhash');
  const input = p.nest(() => parseConcat(p, 'left'));
  const modulus = parseModulus(p);
  return jhash(input, modulus, p.spanFrom(start));
}

/** `concat_expr: basic ("." basic)*`; on the right each part may be a prefix or a range. */
export function parseConcat(p: Parser, mode: Mode): Expr {
  const start = p.peek();
  const part = (): Expr => (mode === 'right' ? parseMultiton(p) : parseBasic(p, mode));
  const first = part();
  if (!p.at('.')) return first;
  const parts = [first];
  while (p.accept('.')) parts.push(mode === 'statement' ? parsePrimary(p, mode) : part());
  return { ...untyped(p.spanFrom(start)), kind: 'concat', parts };
}

/** `basic | basic "/" N | basic "-" basic` */
function parseMultiton(p: Parser): Expr {
  const start = p.peek();
  return parseMultitonTail(p, start, parseBasic(p, 'right'), 'right');
}

function parseMultitonTail(p: Parser, start: Parameters<Parser['spanFrom']>[0], left: Expr, mode: Mode): Expr {
  if (p.at('-')) {
    p.next();
    const to = parseBasic(p, mode);
    // Spelt out, and as the elements below: large sets are made of these.
    const span = p.spanFrom(start);
    return { kind: 'range', from: left, to, datatype: 'invalid', byteorder: 'invalid', length: 0, span };
  }
  if (p.at('/') && p.peek(1).kind === 'number') {
    p.next();
    const prefixLength = p.number('prefix length');
    return { ...untyped(p.spanFrom(start)), kind: 'prefix', base: left, prefixLength };
  }
  return left;
}

/** Right-hand side of a match: constants, `a,b,c`, `value / mask`, `{ … }`, `@set`. */
export function parseMatchValue(p: Parser): { value: Expr; mask?: Expr } {
  if (p.at('{')) return { value: parseSet(p) };
  if (p.at('@')) return { value: parseSetReference(p) };
  const start = p.peek();
  const first = parseBasic(p, 'right');
  let result = first;
  if (p.at(',')) result = parseListTail(p, start, first);
  if (p.at('/') && (result.kind === 'list' || p.peek(1).kind !== 'number' || p.at(',', 2))) {
    p.next();
    const maskStart = p.peek();
    const mask = parseBasic(p, 'right');
    return { value: orOf(result), mask: orOf(p.at(',') ? parseListTail(p, maskStart, mask) : mask) };
  }
  if (result.kind === 'list') return { value: result };
  result = parseMultitonTail(p, start, first, 'right');
  if (!p.at('.')) return { value: result };
  const parts = [result];
  while (p.accept('.')) parts.push(parseMultiton(p));
  return { value: { ...untyped(p.spanFrom(start)), kind: 'concat', parts } };
}

function parseListTail(p: Parser, start: Parameters<Parser['spanFrom']>[0], first: Expr): Expr {
  const items = [first];
  while (p.accept(',')) items.push(parseBasic(p, 'right'));
  return { ...untyped(p.spanFrom(start)), kind: 'list', items };
}

/** `a,b` as the flags that it is in `value / mask`. */
function orOf(expr: Expr): Expr {
  if (expr.kind !== 'list') return expr;
  return expr.items.reduce((left, right) => ({ ...untyped(expr.span), kind: 'binary', op: '|', left, right }));
}

/** `"@" name` */
export function parseSetReference(p: Parser): Expr {
  if (p.at('$')) return p.variable();
  const start = p.expect('@');
  const name = p.identifier('a set name');
  return { ...untyped(p.spanFrom(start)), kind: 'setref', name: name.text };
}

/** `"{" [element ("," element)*] "}"`; values of maps may be verdicts. */
export function parseSet(p: Parser, options: { mayBeEmpty?: boolean; mayLackBrace?: boolean } = {}): SetExpr {
  return p.nest(() => {
    const start = p.peek();
    if (options.mayLackBrace === true && !p.at('{')) p.assumeBrace();
    else p.expect('{');
    const items: Expr[] = [];
    p.skipNewlines();
    if (p.at('}') && options.mayBeEmpty !== true) throw p.unexpected('an element');
    while (!p.at('}')) {
      items.push(parseMember(p));
      p.skipNewlines();
      if (!p.at('}')) {
        if (!p.at(',')) throw p.unexpected("',' or '}'", [], unclosedHint(p, start));
        p.next();
        p.skipNewlines();
      }
    }
    p.next();
    return { ...untyped(p.spanFrom(start)), kind: 'set', items };
  });
}

/** A keyword where a list should go on: its brace was forgotten. */
function unclosedHint(p: Parser, brace: Span): string | undefined {
  const token = p.peek();
  const isForgotten = token.kind === 'end' || (token.kind === 'word' && RESERVED.has(token.text));
  return isForgotten ? `the '{' of line ${p.sources.location(brace).line} is not closed: a '}' is missing` : undefined;
}

function parseMember(p: Parser): Expr {
  const start = p.peek();
  if (p.at('{')) {
    const nested = parseSet(p);
    if (!p.at(':')) return nested;
    return parseMapping(p, start, elementOf(nested));
  }
  const element = parseElement(p);
  p.skipNewlines();
  return p.at(':') ? parseMapping(p, start, element) : element;
}

function parseMapping(p: Parser, start: Parameters<Parser['spanFrom']>[0], key: Expr): Expr {
  p.expect(':');
  const data = atVerdict(p) ? parseVerdict(p) : parseConcat(p, 'right');
  return { ...untyped(p.spanFrom(start)), kind: 'mapping', key, value: data };
}

function elementOf(key: Expr): ElementExpr {
  const { span } = key;
  const element: ElementExpr = {
    kind: 'element',
    key,
    statements: [],
    datatype: 'invalid',
    byteorder: 'invalid',
    length: 0,
  };
  if (span !== undefined) element.span = span;
  return element;
}

/** `key [stateful statements] [timeout T] [expires T] [comment "…"] [stateful statements]` */
export function parseElement(p: Parser): ElementExpr {
  const start = p.peek();
  let key: Expr;
  if (p.at('*')) {
    p.next();
    key = { ...untyped(start), kind: 'catchall' };
  } else key = parseConcat(p, 'right');
  return parseElementOptions(p, elementOf(key));
}

/** What hangs on an element, whose key was read: statements too, unless `withStatements` is false. */
export function parseElementOptions(p: Parser, element: ElementExpr, withStatements = true): ElementExpr {
  for (;;) {
    if (withStatements && atStatefulStatement(p)) element.statements.push(parseStatefulStatement(p));
    else if (p.accept('timeout')) {
      if (p.accept('never')) element.timeoutMs = Number.POSITIVE_INFINITY;
      else element.timeoutMs = parseTime(p);
    } else if (p.accept('expires')) element.expiresMs = parseTime(p);
    else if (p.at('comment')) {
      if (element.comment !== undefined)
        throw p.error('You can only specify this once. This statement is duplicated.', p.peek());
      element.comment = parseComment(p);
    } else return element;
  }
}

/** `"comment" string`, at most 128 octets. */
export function parseComment(p: Parser): string {
  p.expect('comment');
  const token = p.string('a string');
  if (Buffer.byteLength(token.text) > 128) throw p.error('comment too long, 128 characters maximum allowed', token);
  return token.text;
}

const VERDICTS = new Set(['accept', 'drop', 'continue', 'return', 'jump', 'goto']);

/** Whether a verdict starts here. */
export function atVerdict(p: Parser): boolean {
  return p.peek().kind === 'word' && VERDICTS.has(p.peek().text);
}

/** `accept | drop | continue | return | jump CHAIN | goto CHAIN` */
export function parseVerdict(p: Parser): Expr {
  const start = p.next();
  const code = start.text as 'accept' | 'drop' | 'continue' | 'return' | 'jump' | 'goto';
  if (code !== 'jump' && code !== 'goto') return { ...untyped(start), kind: 'verdict', code };
  const chain = p.at('$') ? p.variable() : chainName(p);
  return { ...untyped(p.spanFrom(start)), kind: 'verdict', code, chain };
}

function chainName(p: Parser): Expr {
  const token = p.identifier('a chain name');
  return symbol(token.text, token);
}

/** What `set`, nat and the like take: values, selectors, maps, prefixes, ranges, lists of flags. */
export function parseStatementValue(p: Parser): Expr {
  const start = p.peek();
  const first = parseBasic(p, 'statement');
  if (p.at('-') || (p.at('/') && p.peek(1).kind === 'number')) return parseMultitonTail(p, start, first, 'statement');
  if (p.at(',') && first.kind === 'symbol') {
    const items: Expr[] = [first];
    while (p.accept(',')) items.push(parsePrimary(p, 'statement'));
    return { ...untyped(p.spanFrom(start)), kind: 'list', items };
  }
  let expr = first;
  if (p.at('.')) {
    const parts = [first];
    while (p.accept('.')) parts.push(parsePrimary(p, 'statement'));
    expr = { ...untyped(p.spanFrom(start)), kind: 'concat', parts };
  }
  if (!p.accept('map')) return expr;
  const mappings = p.at('{') ? parseSet(p) : parseSetReference(p);
  return { ...untyped(p.spanFrom(start)), kind: 'map', key: expr, mappings };
}

/** What `define` binds. */
export function parseInitializer(p: Parser): Expr {
  const start = p.peek();
  if (p.at('{')) return parseSet(p, { mayBeEmpty: true });
  if (p.at('@')) return parseSetReference(p);
  if (p.at('-') && p.peek(1).kind === 'number') {
    p.next();
    return symbol(`-${p.next().text}`, p.spanFrom(start));
  }
  const { value: result, mask } = parseMatchValue(p);
  if (mask !== undefined) throw p.unexpected('newline or semicolon');
  return result;
}
