// A packet line cut into words with their places: blanks part words, "text in quotes" is one, parentheses stand alone.
import { parseAddress, parseMac } from '../packet/address.ts';

export interface Token {
  text: string;
  /** Offset of its first character in the line, and of the one behind it. */
  start: number;
  end: number;
  isQuoted: boolean;
}

/** What is wrong with a packet line: where in the line, and what helps. */
export class PacketLineError extends Error {
  readonly start: number;
  readonly end: number;
  readonly hint: string | undefined;
  constructor(message: string, place: { start: number; end: number }, hint?: string) {
    super(message);
    this.name = 'PacketLineError';
    this.start = place.start;
    this.end = place.end;
    this.hint = hint;
  }
}

/** Longer lines are no packets: the longest frame in hexadecimal, and some words. */
const MAX_LINE = 1 << 20;

/** The words of a line. Throws PacketLineError. */
export function tokens(line: string): Token[] {
  if (line.length > MAX_LINE) throw new PacketLineError('the line is too long', { start: 0, end: 1 });
  const found: Token[] = [];
  let at = 0;
  while (at < line.length) {
    const character = line[at] as string;
    if (/\s/.test(character)) {
      at++;
    } else if (character === '"') {
      const end = closingQuote(line, at);
      found.push({ text: unescaped(line, at + 1, end - 1), start: at, end, isQuoted: true });
      at = end;
    } else if (character === '(' || character === ')') {
      found.push({ text: character, start: at, end: at + 1, isQuoted: false });
      at++;
    } else {
      let end = at + 1;
      while (end < line.length && !/[\s()"]/.test(line[end] as string)) end++;
      found.push({ text: line.slice(at, end), start: at, end, isQuoted: false });
      at = end;
    }
  }
  return found;
}

function closingQuote(line: string, start: number): number {
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === '\\') at++;
    else if (line[at] === '"') return at + 1;
  }
  throw new PacketLineError('the quotation mark is never closed', { start, end: start + 1 });
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"' };

function unescaped(line: string, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) {
    if (line[at] !== '\\') {
      text += line[at];
      continue;
    }
    const escaped = ESCAPES[line[at + 1] ?? ''];
    if (escaped === undefined) {
      throw new PacketLineError(
        `'\\${line[at + 1] ?? ''}' is no escape`,
        { start: at, end: at + 2 },
        'there are \\n \\r \\t \\" \\\\',
      );
    }
    text += escaped;
    at++;
  }
  return text;
}

/** Text in quotes that tokens() reads back: printable ASCII and \n \r \t only. */
export function quotedText(text: string): string {
  const escaped = text.replace(/[\\"\n\r\t]/g, (character) => {
    for (const [letter, meaning] of Object.entries(ESCAPES)) if (meaning === character) return `\\${letter}`;
    return character;
  });
  return `"${escaped}"`;
}

/** The words of a line, one after the other. */
export class Words {
  readonly #text: string;
  readonly #tokens: Token[];
  #at = 0;
  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokens(text);
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  /** Where the next word stands, or the end of the line. */
  place(): { start: number; end: number } {
    return this.peek() ?? { start: this.#text.length, end: this.#text.length + 1 };
  }

  next(what: string): Token {
    const word = this.#tokens[this.#at++];
    if (word === undefined) {
      throw new PacketLineError(`the line ends where ${what} must stand`, {
        start: this.#text.length,
        end: this.#text.length + 1,
      });
    }
    return word;
  }

  expect(text: string): void {
    const word = this.next(`'${text}'`);
    if (word.text !== text) throw new PacketLineError(`'${text}' must stand here`, word);
  }

  /** Decimal or 0x hexadecimal. */
  number(what: string, low: number, high: number): number {
    const word = this.next(what);
    const value = /^(\d+|0x[0-9a-fA-F]+)$/.test(word.text) ? Number(word.text) : Number.NaN;
    if (value >= low && value <= high) return value;
    throw new PacketLineError(`'${word.text}' is not ${what}, ${low} to ${high}`, word);
  }

  octets(what: string): Uint8Array {
    const word = this.next(what);
    if (/^([0-9a-fA-F]{2})*$/.test(word.text)) return Uint8Array.from(Buffer.from(word.text, 'hex'));
    throw new PacketLineError(`'${word.text.slice(0, 20)}' is not ${what}`, word, 'two digits an octet, no blanks');
  }

  ipv4(): string {
    const word = this.next('an IPv4 address');
    if (parseAddress(word.text)?.length === 4) return word.text;
    throw new PacketLineError(`'${word.text}' is no IPv4 address`, word);
  }

  mac(): string {
    const word = this.next('a MAC address');
    if (parseMac(word.text) !== undefined) return word.text.toLowerCase();
    throw new PacketLineError(`'${word.text}' is no MAC address`, word, 'such as 02:00:00:00:00:01');
  }
}
