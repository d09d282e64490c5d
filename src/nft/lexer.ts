// Splits nft text into tokens, pulled one by one by the parser, which knows what a word means where it stands.
// Follows nft's scanner: the longest match wins among operators, words (`[a-zA-Z_.][a-zA-Z0-9/_.-]*`), addresses, times
// (`1h30m`), class ids (`1:2`), numbers, quoted strings and words with a star; `#` starts a comment.
import type { Span } from './ast.ts';
import { parseIp6 } from './datatypes-address.ts';
import type { Sources } from './source.ts';

export type TokenKind =
  /** Keyword, name, address, time: what it is depends on the place. */
  | 'word'
  | 'number'
  /** `"…"`, without the quotes. */
  | 'quoted'
  /** A word with a star: `eth*`. */
  | 'star-word'
  | 'operator'
  | 'newline'
  | 'end';

export interface Token extends Span {
  kind: TokenKind;
  /** The text; of numbers in decimal. */
  text: string;
}

const OPERATORS = new Set('== != <= < >= > , . : ; { } [ ] ( ) << >> ^ & | ! / - * @ $ = +'.split(' '));
const MAX_NUMBER = (1n << 64n) - 1n;
const TIME = /(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?/y;

/** Character classes, by UTF-16 code. */
const LETTER = 1;
const DIGIT = 2;
const HEX = 4;
const WORD_START = 8;
const WORD = 16;
const CLASSES = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[a-zA-Z]/.test(character)) CLASSES[code] = (CLASSES[code] as number) | LETTER | WORD_START | WORD;
  if (/[0-9]/.test(character)) CLASSES[code] = (CLASSES[code] as number) | DIGIT | WORD;
  if (/[0-9a-fA-F]/.test(character)) CLASSES[code] = (CLASSES[code] as number) | HEX;
  if (/[_.]/.test(character)) CLASSES[code] = (CLASSES[code] as number) | WORD_START | WORD;
  if (/[/-]/.test(character)) CLASSES[code] = (CLASSES[code] as number) | WORD;
}

function is(text: string, at: number, mask: number): boolean {
  const code = text.charCodeAt(at);
  return code < 128 && ((CLASSES[code] as number) & mask) !== 0;
}

/** Reads tokens; included sources are read where they stand. */
export class Lexer {
  readonly #sources: Sources;
  readonly #stack: { source: number; at: number }[] = [];
  #source = 0;
  #text: string;
  #at = 0;

  constructor(sources: Sources) {
    this.#sources = sources;
    this.#text = sources.text(0);
  }

  /** Goes on in the given sources, then where it is now. */
  enter(sources: readonly number[]): void {
    for (const source of [...sources].reverse()) {
      this.#stack.push({ source: this.#source, at: this.#at });
      this.#source = source;
      this.#text = this.#sources.text(source);
      this.#at = 0;
    }
  }

  /** Goes on at a place of the source in hand. */
  seek(source: number, at: number): void {
    if (source === this.#source) this.#at = at;
  }

  next(): Token {
    const text = this.#text;
    let at = this.#at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 32 || code === 9) at++;
      else if (code === 13 && text.charCodeAt(at + 1) === 10) at++;
      else if (code === 92 && text.charCodeAt(at + 1) === 10) at += 2;
      else if (code === 35) {
        const end = text.indexOf('\n', at);
        at = end < 0 ? text.length : end;
      } else break;
    }
    if (at >= text.length) return this.#endOfSource(at);
    if (text.charCodeAt(at) === 10) return this.#token('newline', '\n', at, at + 1);
    if (text[at] === '"') return this.#quoted(at);
    const code = text.charCodeAt(at);
    if (code < 128 && ((CLASSES[code] as number) & (WORD_START | HEX)) !== 0) return this.#word(at);
    if (code === 58 || code === 91) {
      const address = this.#bracketOrColonAddress(at);
      if (address !== undefined) return address;
    }
    if (code === 92 && text[at + 1] === '*') return this.#starWord(at, at);
    const two = text.slice(at, at + 2);
    const operator = OPERATORS.has(two) ? two : text.charAt(at);
    if (!OPERATORS.has(operator)) {
      this.#at = at + 1;
      throw this.#sources.syntaxError(`unexpected character ${describe(text.charAt(at))}`, this.#span(at, at + 1));
    }
    return this.#token('operator', operator, at, at + operator.length);
  }

  #span(start: number, end: number): Span {
    return { source: this.#source, start, end };
  }

  #token(kind: TokenKind, text: string, start: number, end: number): Token {
    this.#at = end;
    return { kind, text, source: this.#source, start, end };
  }

  #endOfSource(at: number): Token {
    const token = this.#token(this.#stack.length > 0 ? 'newline' : 'end', '', at, at);
    const outer = this.#stack.pop();
    if (outer !== undefined) {
      this.#source = outer.source;
      this.#text = this.#sources.text(outer.source);
      this.#at = outer.at;
    }
    return token;
  }

  #quoted(at: number): Token {
    const end = this.#text.indexOf('"', at + 1);
    if (end < 0) {
      const line = this.#text.indexOf('\n', at);
      this.#at = line < 0 ? this.#text.length : line;
      throw this.#sources.syntaxError(
        'a quoted string does not end',
        this.#span(at, at + 1),
        "its closing '\"' is missing",
      );
    }
    return this.#token('quoted', this.#text.slice(at + 1, end), at, end + 1);
  }

  /** `[2001:db8::1]` and `::1`. */
  #bracketOrColonAddress(at: number): Token | undefined {
    const text = this.#text;
    if (text[at] === ':') {
      const end = this.#addressEnd(at);
      return end > at ? this.#token('word', text.slice(at, end), at, end) : undefined;
    }
    const end = this.#addressEnd(at + 1);
    if (end <= at + 1 || text[end] !== ']' || !text.slice(at + 1, end).includes(':')) return undefined;
    return this.#token('word', text.slice(at + 1, end), at, end + 1);
  }

  /** Words, numbers, addresses, times and class ids: the longest of them that starts here. */
  #word(at: number): Token {
    const text = this.#text;
    let end = at;
    if (is(text, at, WORD_START)) {
      end = at + 1;
      while (is(text, end, WORD)) end++;
      if (text[end] === '*' || (text[end] === '\\' && text[end + 1] === '*')) return this.#starWord(at, end);
    }
    let numberEnd = at;
    if (is(text, at, DIGIT)) {
      numberEnd = at + 1;
      if (text[at] === '0' && (text[at + 1] === 'x' || text[at + 1] === 'X') && is(text, at + 2, HEX)) {
        numberEnd = at + 3;
        while (is(text, numberEnd, HEX)) numberEnd++;
      } else while (is(text, numberEnd, DIGIT)) numberEnd++;
      TIME.lastIndex = at;
      const time = TIME.exec(text)?.[0].length ?? 0;
      if (at + time > numberEnd) end = Math.max(end, at + time);
      if (text.startsWith('8021q', at)) end = Math.max(end, at + 5);
      if (text.startsWith('8021ad', at)) end = Math.max(end, at + 6);
    }
    const addressEnd = is(text, at, HEX) ? this.#addressEnd(at) : at;
    const classEnd = is(text, at, HEX) ? classIdEnd(text, at) : at;
    // The character after a class id counts for the length in nft's scanner.
    if (classEnd > at && classEnd + 1 > Math.max(end, numberEnd, addressEnd)) end = classEnd;
    end = Math.max(end, addressEnd);
    if (numberEnd > end || (numberEnd === end && numberEnd > at && addressEnd < end))
      return this.#number(at, numberEnd);
    if (end === at) {
      const operator = text.charAt(at);
      return this.#token('operator', operator, at, at + 1);
    }
    if (end === at + 1 && text[at] === '.') return this.#token('operator', '.', at, end);
    return this.#token('word', text.slice(at, end), at, end);
  }

  #number(at: number, end: number): Token {
    const digits = this.#text.slice(at, end);
    const isHex = digits.length > 1 && (digits[1] === 'x' || digits[1] === 'X');
    if (isHex ? digits.length > 18 : digits.length > 22) return this.#token('word', digits, at, end);
    if (!isHex && digits.length > 1 && digits[0] === '0') {
      if (/[89]/.test(digits)) return this.#token('word', digits, at, end);
      return this.#numberToken(BigInt(`0o${digits.slice(1)}`), digits, at, end);
    }
    return this.#numberToken(BigInt(digits), digits, at, end);
  }

  #numberToken(value: bigint, digits: string, at: number, end: number): Token {
    return this.#token(value > MAX_NUMBER ? 'word' : 'number', value > MAX_NUMBER ? digits : value.toString(), at, end);
  }

  #starWord(at: number, starAt: number): Token {
    const text = this.#text;
    let end = text[starAt] === '\\' ? starAt + 2 : starAt + 1;
    if (text[starAt] === '\\' && starAt > at) while (is(text, end, end === starAt + 2 ? WORD_START : WORD)) end++;
    return this.#token('star-word', text.slice(at, end), at, end);
  }

  /** Past-the-end of the longest MAC, IPv4 or IPv6 address at `at`; `at` when there is none. */
  #addressEnd(at: number): number {
    const text = this.#text;
    let run = at;
    let colons = 0;
    let dots = 0;
    while (run - at < 46) {
      const character = text[run];
      if (character === ':') colons++;
      else if (character === '.') dots++;
      else if (!is(text, run, HEX)) break;
      run++;
    }
    if (colons < 2 && dots < 3) return at;
    for (let end = run; end > at + 1; end--) {
      const part = text.slice(at, end);
      if (colons >= 2 && isColonAddress(part)) return end;
      if (dots >= 3 && /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(part)) return end;
    }
    return at;
  }
}

function isColonAddress(text: string): boolean {
  return (
    /^(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}$/.test(text) || (text.includes(':') && parseIp6(text) !== undefined)
  );
}

/** Past-the-end of `1:2` with up to four hex digits on each side, when a separator follows. */
function classIdEnd(text: string, at: number): number {
  let colon = at;
  while (colon < at + 4 && is(text, colon, HEX)) colon++;
  if (text[colon] !== ':') return at;
  let end = colon + 1;
  while (end < colon + 5 && is(text, end, HEX)) end++;
  return end > colon + 1 && /[ \t\n:\-},]/.test(text.charAt(end)) ? end : at;
}

/** A character as a message shows it. */
export function describe(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0x21 && code < 0x7f) return `'${character}'`;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
