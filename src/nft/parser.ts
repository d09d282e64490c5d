// What every parse method shares: the tokens with some lookahead, the names in scope, and errors that say what was found,
// what could stand there, and what the user may have meant.
import type { NftError } from '../base/errors.ts';
import type { Expr, Span } from './ast.ts';
import { Lexer, type Token } from './lexer.ts';
import { Scope } from './scope.ts';
import type { Sources } from './source.ts';
import { nearest } from './suggest.ts';

/** Parentheses, braces and subchains within each other. */
const MAX_NESTING = 100;

/** Words that nft's scanner knows everywhere: they cannot name chains, sets or values. */
export const RESERVED = new Set(
  (
    'eq ne le lt ge gt lshift rshift xor and or not vmap include define redefine undefine describe hook device devices table ' +
    'chain rule set element map flowtable handle ruleset socket tproxy accept drop continue jump goto return inet netdev add ' +
    'replace update create insert delete get list reset flush rename import export monitor destroy position index comment ' +
    'constant interval dynamic auto-merge timeout gc-interval elements expires policy size flow offload meter counter last log ' +
    'queue limit quota hour day reject snat dnat masquerade redirect random th bridge ether type typeof vlan arp ip ecn time icmp ' +
    'icmpv6 igmp ip6 priority ah esp comp flags udp udplite vxlan vni geneve gre gretap tcp dccp sctp rt rt0 rt2 srh hbh frag dst ' +
    'mh meta mark iif iifname iiftype oif oifname oiftype skuid skgid nftrace rtclassid ibriport ibrname obriport obrname pkttype ' +
    'cpu iifgroup oifgroup cgroup ct numgen jhash symhash dup fwd fib osf synproxy notrack all exists missing exthdr ipsec secmark xt'
  ).split(' '),
);

/** Tokens, scope and errors of one parse. */
export class Parser {
  readonly sources: Sources;
  readonly scope = new Scope();
  readonly #lexer: Lexer;
  readonly #ahead: Token[] = [];
  #last: Span = { source: 0, start: 0, end: 0 };
  #nesting = 0;

  constructor(sources: Sources) {
    this.sources = sources;
    this.#lexer = new Lexer(sources);
  }

  /** The token `distance` places ahead. */
  peek(distance = 0): Token {
    while (this.#ahead.length <= distance) this.#ahead.push(this.#lexer.next());
    return this.#ahead[distance] as Token;
  }

  next(): Token {
    const token = this.#ahead.shift() ?? this.#lexer.next();
    this.#last = token;
    return token;
  }

  /** Whether the token ahead is this word or operator. */
  at(text: string, distance = 0): boolean {
    const token = this.peek(distance);
    return (token.kind === 'word' || token.kind === 'operator') && token.text === text;
  }
  atAny(texts: ReadonlySet<string>): boolean {
    const token = this.peek();
    return (token.kind === 'word' || token.kind === 'operator') && texts.has(token.text);
  }

  /** Takes the word or operator when it stands here. */
  accept(text: string): boolean {
    if (!this.at(text)) return false;
    this.next();
    return true;
  }

  expect(text: string): Token {
    if (!this.at(text)) throw this.unexpected(`'${text}'`, [text]);
    return this.next();
  }

  /** Goes on in included files; must stand at their place with nothing read ahead. */
  enter(sources: readonly number[]): void {
    this.#lexer.enter(sources);
  }

  /** From the start of `from` to the end of the last token taken. */
  spanFrom(from: Span): Span {
    const end = this.#last.source === from.source && this.#last.end >= from.start ? this.#last.end : from.end;
    return { source: from.source, start: from.start, end };
  }

  skipNewlines(): void {
    while (this.peek().kind === 'newline') this.next();
  }

  atSeparator(): boolean {
    return this.peek().kind === 'newline' || this.at(';');
  }

  /** `stmt_separator: NEWLINE | ";"`; a block's end and the file's end stand for one. */
  expectSeparator(): void {
    if (this.atSeparator()) {
      this.next();
      return;
    }
    if (this.peek().kind === 'end' || this.at('}')) return;
    throw this.unexpected('newline or semicolon');
  }

  /** A name that is no keyword. `identifier: STRING | "last"`. */
  identifier(what: string): Token {
    const token = this.peek();
    if (
      token.kind !== 'word' ||
      (RESERVED.has(token.text) && token.text !== 'last') ||
      !/^[a-zA-Z_.]/.test(token.text)
    ) {
      throw this.unexpected(what);
    }
    return this.next();
  }

  /** `string: STRING | QUOTED_STRING | ASTERISK_STRING`. */
  string(what: string): Token {
    const token = this.peek();
    if (token.kind === 'quoted' || token.kind === 'star-word') return this.next();
    if (token.kind === 'word' && !RESERVED.has(token.text)) return this.next();
    throw this.unexpected(what);
  }

  /** An unsigned number no greater than `max`. */
  number(what = 'number', max = Number.MAX_SAFE_INTEGER): number {
    const token = this.peek();
    if (token.kind !== 'number') throw this.unexpected(what);
    this.next();
    const value = Number(token.text);
    if (value > max) throw this.error(`value too large: ${token.text} exceeds ${max}`, token);
    return value;
  }

  /** `$name`. */
  variable(): Expr {
    const dollar = this.expect('$');
    const token = this.identifier('identifier');
    const value = this.scope.lookup(token.text);
    if (value === undefined) {
      const meant = nearest(token.text, this.scope.names());
      throw this.error(`unknown identifier '${token.text}'`, token, meant && `did you mean identifier '${meant}'?`);
    }
    return {
      kind: 'variable',
      name: token.text,
      value,
      datatype: 'invalid',
      byteorder: 'invalid',
      length: 0,
      span: this.spanFrom(dollar),
    };
  }

  /** Runs a parse that may contain itself; hostile nesting ends here, not in the stack. */
  nest<T>(parse: () => T): T {
    if (++this.#nesting > MAX_NESTING) throw this.error('too many levels of nesting', this.peek());
    const result = parse();
    this.#nesting--;
    return result;
  }

  error(message: string, span: Span, hint?: string): NftError {
    return this.sources.error(message, span, hint === '' ? undefined : hint);
  }

  /** What stands here cannot stand here. `words` are those that could: the nearest is suggested. */
  unexpected(expected?: string, words: Iterable<string> = []): NftError {
    const token = this.peek();
    const message = `syntax error, unexpected ${tokenName(token)}${expected === undefined ? '' : `, expecting ${expected}`}`;
    const meant = token.kind === 'word' ? nearest(token.text, words) : undefined;
    return this.sources.syntaxError(message, token, meant === undefined ? undefined : `did you mean '${meant}'?`);
  }
}

function tokenName(token: Token): string {
  switch (token.kind) {
    case 'newline':
      return 'newline';
    case 'end':
      return 'end of file';
    case 'quoted':
      return `"${shorten(token.text)}"`;
    default:
      return `'${shorten(token.text)}'`;
  }
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
