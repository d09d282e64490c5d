// JSON with places: every value knows where it stands in its file, so that what is wrong with it can be shown there.
// RFC 8259 as jansson (which nft uses) reads it: numbers with a fraction are told apart, NUL is refused, nesting is bounded.
import type { Span } from './ast.ts';
import { describe } from './lexer.ts';
import type { Sources } from './source.ts';

/** A JSON value and its place. */
export type JsonNode = { span: Span } & (
  | { kind: 'object'; members: ReadonlyMap<string, JsonNode> }
  | { kind: 'array'; items: readonly JsonNode[] }
  | { kind: 'string'; value: string }
  | { kind: 'integer'; value: bigint }
  | { kind: 'real' }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'null' }
);
export type JsonObjectNode = Extract<JsonNode, { kind: 'object' }>;

const MAX_NESTING = 100;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const WORDS = { true: true, false: false, null: null } as const;
/** What jansson's integers hold. */
const MAX_INTEGER = (1n << 63n) - 1n;
const MIN_INTEGER = -(1n << 63n);

/** Whether a source is JSON: text rulesets never begin with a brace. */
export function isJson(sources: Sources, source = 0): boolean {
  return /^\s*[{[]/.test(sources.text(source));
}

/** The one value that a source holds. Throws NftSyntaxError. */
export function readJson(sources: Sources, source = 0): JsonNode {
  return new Reader(sources, source).readAll();
}

class Reader {
  readonly #sources: Sources;
  readonly #source: number;
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(sources: Sources, source: number) {
    this.#sources = sources;
    this.#source = source;
    this.#text = sources.text(source);
  }

  readAll(): JsonNode {
    const root = this.#value();
    this.#skipBlanks();
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the file');
    return root;
  }

  #value(): JsonNode {
    this.#skipBlanks();
    const character = this.#text[this.#at];
    if (character === '"') return this.#string();
    if (character === '{') return this.#nested(() => this.#object());
    if (character === '[') return this.#nested(() => this.#array());
    if (character !== undefined && /[-0-9]/.test(character)) return this.#number();
    const start = this.#at;
    for (const word of ['true', 'false', 'null'] as const) {
      if (!this.#text.startsWith(word, start)) continue;
      this.#at += word.length;
      const value = WORDS[word];
      return value === null
        ? { kind: 'null', span: this.#span(start) }
        : { kind: 'boolean', value, span: this.#span(start) };
    }
    throw this.#unexpected('a JSON value');
  }

  #nested(read: () => JsonNode): JsonNode {
    if (++this.#depth > MAX_NESTING)
      throw this.#sources.syntaxError('too many levels of nesting', this.#span(this.#at, this.#at + 1));
    const node = read();
    this.#depth--;
    return node;
  }

  #object(): JsonNode {
    const start = this.#at++;
    const members = new Map<string, JsonNode>();
    this.#skipBlanks();
    if (this.#text[this.#at] !== '}') {
      do {
        this.#skipBlanks();
        if (this.#text[this.#at] !== '"') throw this.#unexpected('the quoted name of a property');
        const key = this.#string();
        this.#skipBlanks();
        if (this.#text[this.#at] !== ':') throw this.#unexpected("':'");
        this.#at++;
        members.set(key.value, this.#value());
      } while (this.#another('}'));
    }
    this.#at++;
    return { kind: 'object', members, span: this.#span(start) };
  }

  #array(): JsonNode {
    const start = this.#at++;
    const items: JsonNode[] = [];
    this.#skipBlanks();
    if (this.#text[this.#at] !== ']') {
      do items.push(this.#value());
      while (this.#another(']'));
    }
    this.#at++;
    return { kind: 'array', items, span: this.#span(start) };
  }

  /** Whether a comma stands here (taken) or the closing bracket (left). */
  #another(close: string): boolean {
    this.#skipBlanks();
    const character = this.#text[this.#at];
    if (character === ',') this.#at++;
    else if (character !== close) throw this.#unexpected(`',' or '${close}'`);
    return character === ',';
  }

  #string(): Extract<JsonNode, { kind: 'string' }> {
    const start = this.#at;
    let end = start + 1;
    let isPlain = true;
    for (; ; end++) {
      const code = this.#text.charCodeAt(end);
      if (code === 34) break;
      if (Number.isNaN(code) || code === 10)
        throw this.#sources.syntaxError('a quoted string does not end', this.#span(start, start + 1));
      if (code < 32 || code === 92) isPlain = false;
      if (code === 92) end++;
    }
    this.#at = end + 1;
    const span = this.#span(start);
    if (isPlain) return { kind: 'string', value: this.#text.slice(start + 1, end), span };
    let value: string;
    try {
      value = JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      throw this.#sources.syntaxError('a string with an invalid escape or control character', span);
    }
    if (value.includes('\0')) throw this.#sources.syntaxError('a string with a NUL character', span);
    return { kind: 'string', value, span };
  }

  #number(): JsonNode {
    const start = this.#at;
    NUMBER.lastIndex = start;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#unexpected('a number');
    this.#at += match[0].length;
    const span = this.#span(start);
    if (match[1] !== undefined || match[2] !== undefined) return { kind: 'real', span };
    const value = match[0].length > 20 ? MAX_INTEGER + 1n : BigInt(match[0]);
    if (value > MAX_INTEGER || value < MIN_INTEGER)
      throw this.#sources.syntaxError('an integer that 64 bits do not hold', span);
    return { kind: 'integer', value, span };
  }

  #skipBlanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #span(start: number, end = this.#at): Span {
    return { source: this.#source, start, end };
  }

  #unexpected(expected: string): Error {
    const character = this.#text[this.#at];
    const found = character === undefined ? 'end of file' : describe(character);
    return this.#sources.syntaxError(
      `invalid JSON: unexpected ${found}, expecting ${expected}`,
      this.#span(this.#at, this.#at + 1),
    );
  }
}
