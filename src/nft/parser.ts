// What every parse method shares: the tokens with some lookahead, the names in scope, and errors that say what was found,
// what could stand there, and what the user may have meant.

import { NftError, NftSyntaxError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Expr, Span } from './ast.ts';
import type { NamedThing } from './faults.ts';
import { habitHint } from './habits.ts';
import { Lexer, type Token } from './lexer.ts';
import { recover } from './recover.ts';
import { Scope } from './scope.ts';
import type { Sources } from './source.ts';
import { nearest } from './suggest.ts';

/** Parentheses, braces and subchains within each other. */
const MAX_NESTING = 100;
/** Empty lines looked over for a brace. */
const MAX_BLANK = 64;

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

/** Words after which a separator was probably forgotten. */
const STARTS_ITEM = new Set(
  'policy type hook priority device devices flags comment elements size timeout gc-interval auto-merge counter chain set map'.split(
    ' ',
  ),
);
/** What starts a block of its own, from the outermost. */
const BLOCK_WORDS: Record<string, number> = { table: 0, chain: 1, set: 1, map: 1, flowtable: 1 };

/** What a block may hold: the blocks of a table, or none. */
export type BlockContent = 'blocks' | 'items';

/** The word that starts a block which the one in hand cannot hold; undefined when none stands here. */
function outerWord(p: Parser, holds: BlockContent): string | undefined {
  const token = p.peek();
  const level = token.kind === 'word' ? own(BLOCK_WORDS, token.text) : undefined;
  if (level === undefined || (holds === 'blocks' && level === 1)) return undefined;
  if (p.peek(1).kind !== 'word') return undefined;
  return p.at('{', 2) || (level === 0 && p.at('{', 3)) ? token.text : undefined;
}

/** Tokens, scope and errors of one parse. */
export class Parser {
  readonly sources: Sources;
  readonly scope = new Scope();
  readonly #lexer: Lexer;
  readonly #ahead: Token[] = [];
  #last: Token = { kind: 'newline', text: '', source: 0, start: -1, end: -1 };
  #nesting = 0;
  /** Braces that are open. */
  #depth = 0;
  #declaring: { thing: NamedThing; name: string }[] = [];
  /** Blocks that are being read, for the message that one does not end. */
  readonly #blocks: { what: string; span: Span }[] = [];
  #endWasTold = false;
  /** What the item before was refused for, at its first word; else ''. */
  #refused = '';
  /** A brace too many was told: what ends too early because of it is not. */
  surplusTold = false;
  /** Before this token a block's `}` is missing. */
  #assumedEnd: Token | undefined;

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
    if (token.kind === 'operator') {
      if (token.text === '{') this.#depth++;
      else if (token.text === '}') this.#depth--;
    }
    return token;
  }

  /** Keeps the error and reads the word ahead as another. */
  repair(error: NftError, word: string): void {
    this.sources.faults.add(error);
    this.#ahead[0] = { ...this.peek(), text: word };
  }

  /** The token taken last. */
  get last(): Token {
    return this.#last;
  }
  get depth(): number {
    return this.#depth;
  }

  /** Goes on at a place of the source in hand, forgetting what was read ahead; `depth` braces are open there. */
  restart(source: number, at: number, depth: number): void {
    this.#ahead.length = 0;
    this.#lexer.seek(source, at);
    this.#depth = depth;
  }

  /**
   * Reads one item of a block or file. An error in it is kept, what it was about to declare is marked as broken, and reading
   * goes on behind it. Returns whether it went well.
   */
  attempt(item: () => void): boolean {
    const [depth, nesting, scope, declaring, blocks] = [
      this.#depth,
      this.#nesting,
      this.scope.depth,
      this.#declaring.length,
      this.#blocks.length,
    ];
    const before = this.#last;
    let first: Token = before;
    let well = true;
    try {
      first = this.peek();
      item();
      if (first.kind !== 'newline' && first.text !== ';') this.#refused = '';
    } catch (error) {
      // The error that carries all of them ends everything.
      if (!(error instanceof NftError) || error.errors.length > 0) throw error;
      well = false;
      if (!this.#repeats(error, first)) this.sources.faults.add(error);
      this.#nesting = nesting;
      this.scope.closeTo(scope);
      this.#blocks.length = blocks;
      for (const { thing, name } of this.#declaring.slice(declaring)) this.sources.faults.markBroken(thing, name);
      recover(this, depth, first);
      // Whatever went wrong, the next item must not be this one again.
      if (this.#last === before && this.#ahead[0] === first) this.next();
    }
    this.#declaring.length = declaring;
    return well;
  }

  /**
   * Whether an item is refused at its first word as the one before it was: a list, or rules, where none can stand. Those are
   * told once.
   */
  #repeats(error: NftError, first: Token): boolean {
    const { line, column } = this.sources.location(first);
    const { location } = error;
    const isAtFirst = location.line === line && location.column === column && error instanceof NftSyntaxError;
    const expected = / expecting .*$/.exec(error.message)?.[0];
    const refused = isAtFirst && expected !== undefined ? `${this.#depth} ${expected}` : '';
    const repeats = refused !== '' && refused === this.#refused;
    this.#refused = refused;
    return repeats;
  }

  /** Takes a block's `{`. One that is forgotten at the end of a line is told and taken as given. */
  openBrace(): void {
    if (this.accept('{')) return;
    if (this.peek().kind !== 'newline') throw this.unexpected("'{'");
    let ahead = 1;
    while (ahead < MAX_BLANK && this.peek(ahead).kind === 'newline') ahead++;
    const next = this.peek(ahead);
    const isBelow = this.at('{', ahead);
    if (!isBelow && (next.kind === 'end' || this.at('}', ahead) || next.text in BLOCK_WORDS))
      throw this.unexpected("'{'");
    const hint = isBelow ? 'nft wants it in the same line' : "a '{' is missing";
    this.sources.faults.add(this.unexpected("'{'", [], hint));
    if (isBelow) {
      this.skipNewlines();
      this.next();
    } else this.#depth++;
  }

  /** Counts a brace as open that is not there. */
  open(): void {
    this.#depth++;
  }

  /** A list whose `{` is forgotten: told, and read as if it were there. */
  assumeBrace(): void {
    this.sources.faults.add(this.unexpected("'{'", [], "a '{' is missing"));
    this.open();
  }

  /** The item in hand declares this name. */
  declares(thing: NamedThing, name: string): void {
    this.#declaring.push({ thing, name });
  }

  /**
   * The items of a block, whose `{` was taken, and its `}`. `what` names it in messages. A brace that is missing is told once:
   * where the file ends, or where something starts that this block cannot hold (`holds` says what it can).
   */
  block(what: string, span: Span, holds: BlockContent, item: () => void): void {
    this.#blocks.push({ what, span });
    for (;;) {
      // A wrong character at the start of an item.
      if (!this.#canRead()) continue;
      if (this.at('}')) {
        if (this.#refuseStray(span)) continue;
        this.next();
        break;
      }
      if (this.peek().kind === 'end') {
        this.#tellEnd();
        break;
      }
      const outer = outerWord(this, holds);
      if (outer !== undefined) {
        const message = `syntax error, unexpected '${outer}': ${what} is not closed`;
        const hint = `a '}' is missing before it; ${what} starts in line ${this.sources.location(span).line}`;
        this.sources.faults.add(this.sources.syntaxError(message, this.peek(), hint));
        this.#depth--;
        this.#assumedEnd = this.peek();
        break;
      }
      this.attempt(item);
    }
    this.#blocks.pop();
  }

  /** Whether a token can be read; if not, that is told and its line is left. */
  #canRead(): boolean {
    if (this.sources.faults.attempt(() => this.peek())) return true;
    recover(this, this.#depth, this.#last);
    return false;
  }

  /** A `}` within a line that does not end the block: its `{` was forgotten. Told and skipped; returns false for others. */
  #refuseStray(block: Span): boolean {
    const brace = this.peek();
    if (brace.source !== block.source || this.sources.location(brace).line === this.sources.location(block).line)
      return false;
    const text = this.sources.line(brace);
    const { column } = this.sources.location(brace);
    const after = /^\s*([^\s;}#]*)/.exec(text.slice(column))?.[1] ?? '';
    if (text.slice(0, column - 1).trim() === '' || after === '' || after in BLOCK_WORDS) return false;
    this.sources.faults.add(
      this.sources.syntaxError("syntax error, unexpected '}'", brace, "its '{' is missing in this line"),
    );
    this.next();
    this.#depth++;
    recover(this, this.#depth, brace);
    return true;
  }

  /** The file ends inside of blocks. */
  #tellEnd(): void {
    if (this.#endWasTold) return;
    this.#endWasTold = true;
    const open = this.#blocks.map(({ what, span }) => `${what} (line ${this.sources.location(span).line})`).join(', ');
    const message = "syntax error, unexpected end of file, expecting '}'";
    this.sources.faults.add(this.sources.syntaxError(message, this.peek(), `not closed: ${open}`));
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

  /** `stmt_separator: NEWLINE | ";"`; the file's end stands for one. */
  expectSeparator(): void {
    if (this.atSeparator()) {
      this.next();
      return;
    }
    if (this.peek().kind === 'end' || this.peek() === this.#assumedEnd) return;
    if (this.at('}')) {
      this.sources.warn("nft refuses this '}': a newline or ';' must stand before it", this.peek());
      return;
    }
    const token = this.peek();
    const isGlued =
      token.kind === 'word' && this.sources.location(token).line === this.sources.location(this.#last).line;
    throw this.unexpected(
      'newline or semicolon',
      [],
      isGlued && STARTS_ITEM.has(token.text) ? `a ';' is missing before '${token.text}'` : undefined,
    );
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
    this.sources.uses(token.text);
    if (value === undefined) {
      const meant = nearest(token.text, [...this.scope.names(), ...this.sources.faults.brokenNames('variable')]);
      throw this.sources.missing('variable', token.text, 'definition', token, meant && `identifier '${meant}'`);
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
  unexpected(expected?: string, words: Iterable<string> = [], hint?: string): NftError {
    const token = this.peek();
    if (this.#last.kind === 'quoted' && this.#last.text.includes('\n')) {
      const endOfLine = { ...this.#last, end: this.#last.start + 1 };
      const remedy = "it goes on in the next line: is its closing '\"' missing?";
      return this.sources.syntaxError('syntax error after this quoted string', endOfLine, remedy);
    }
    const message = `syntax error, unexpected ${tokenName(token)}${expected === undefined ? '' : `, expecting ${expected}`}`;
    const meant = token.kind === 'word' ? nearest(token.text, words) : undefined;
    const near = meant === undefined ? undefined : `did you mean '${meant}'?`;
    return this.sources.syntaxError(message, token, hint ?? habitHint(this, token, expected) ?? near);
  }
}

export function tokenName(token: Token): string {
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
