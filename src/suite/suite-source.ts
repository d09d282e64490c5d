// A suite's YAML text with the place of each key, so that what is wrong in it is shown with a caret, and a failed
// expectation with its line.
import type { Document, LineCounter, Node } from 'yaml';
import { NftError, type SourceLocation } from '../base/errors.ts';
import { yaml } from '../base/on-demand.ts';
import type { PacketLineError } from './packet-tokens.ts';

/** Keys and indexes from the top of the document. */
export type KeyPath = readonly (string | number)[];

const MAX_ALIASES = 100;

export class SuiteSource {
  readonly file: string;
  readonly text: string;
  readonly document: Document;
  readonly #lines: LineCounter;

  /** Throws NftError when the text is not YAML. */
  constructor(text: string, file: string) {
    const { LineCounter, parseDocument } = yaml();
    this.file = file;
    this.text = text;
    this.#lines = new LineCounter();
    this.document = parseDocument(text, { prettyErrors: false, lineCounter: this.#lines });
    const problem = this.document.errors[0];
    if (problem !== undefined) throw this.errorAt(problem.pos[0], problem.pos[1], problem.message);
  }

  /** The document as plain data. Throws NftError for too many aliases. */
  value(): unknown {
    try {
      return this.document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      throw this.errorAt(0, 1, (error as Error).message);
    }
  }

  /** Where the value of a path stands; of the nearest thing above it when it does not exist. */
  location(path: KeyPath): SourceLocation {
    const { start, end } = this.#range(path);
    return this.#location(start, end);
  }

  error(path: KeyPath, message: string, hint?: string): NftError {
    const { start, end } = this.#range(path);
    return this.errorAt(start, end, message, hint);
  }

  /** An error at a key instead of its value. */
  keyError(path: KeyPath, key: string, message: string, hint?: string): NftError {
    const { isMap, isScalar } = yaml();
    const map = path.length === 0 ? this.document.contents : this.document.getIn(path, true);
    const pair = isMap(map) ? map.items.find((row) => isScalar(row.key) && row.key.value === key) : undefined;
    const range = (pair?.key as Node | undefined)?.range;
    return range ? this.errorAt(range[0], range[1], message, hint) : this.error(path, message, hint);
  }

  /** An error inside the text of a scalar (a packet line). */
  lineError(path: KeyPath, problem: PacketLineError): NftError {
    const { start, end } = this.#range(path);
    const node = this.document.getIn(path, true) as { type?: string } | undefined;
    const quote = node?.type === 'PLAIN' ? 0 : 1;
    const from = Math.min(start + quote + problem.start, end);
    return this.errorAt(from, Math.min(start + quote + problem.end, end), problem.message, problem.hint);
  }

  errorAt(start: number, end: number, message: string, hint?: string): NftError {
    const location = this.#location(start, end);
    return new NftError('suite', message, location, this.#line(location.line), hint);
  }

  #range(path: KeyPath): { start: number; end: number } {
    for (let depth = path.length; depth >= 0; depth--) {
      const node =
        depth === 0 ? this.document.contents : (this.document.getIn(path.slice(0, depth), true) as Node | undefined);
      const range = node?.range;
      if (range) return { start: range[0], end: Math.max(range[1], range[0] + 1) };
    }
    return { start: 0, end: 1 };
  }

  #location(start: number, end: number): SourceLocation {
    const { line, col } = this.#lines.linePos(start);
    const width = this.#line(line).length;
    const column = Math.max(1, col);
    return {
      file: this.file,
      line: Math.max(1, line),
      column,
      endColumn: Math.min(column + Math.max(1, end - start), Math.max(column + 1, width + 1)),
    };
  }

  #line(line: number): string {
    const start = this.#lines.lineStarts[line - 1] ?? 0;
    const end = this.text.indexOf('\n', start);
    return this.text.slice(start, end < 0 ? undefined : end).replace(/\r$/, '');
  }
}
