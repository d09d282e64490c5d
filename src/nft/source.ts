// The files of a ruleset: their text, places in it as file:line:column, and where `include` may look.
// A file is read only inside the ruleset's folder or an include path, unless absolute includes are allowed (the search
// order follows nft(8), "INCLUDING FILES"). SIMPLIFIED: include-search: names that start with neither / nor ./ are searched beside the
// ruleset too, not only in include paths; ./ and ../ start at the including file's folder, not at the working directory.
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { NftSemanticError, NftSyntaxError, type SourceLocation, UnsupportedError } from '../base/errors.ts';
import type { Span } from './ast.ts';
import { Consequence, Faults, type NamedThing } from './faults.ts';

const MAX_INCLUDE_DEPTH = 16;
const MAX_FILES = 1000;
const MAX_FILE_BYTES = 64 << 20;
const MAX_TOTAL_BYTES = 128 << 20;
const MAX_LISTED_FILES = 10_000;
const MAX_EVALUATIONS = 1_000_000;

/** What a ruleset says that nft accepts, yet the user should know. */
export interface NftWarning {
  message: string;
  location: SourceLocation;
  sourceLine: string;
}
/** Something that was left out or assumed. */
export interface NftNote {
  message: string;
  location: SourceLocation;
}

/** A name that `define` or `redefine` binds. */
export interface Definition {
  name: string;
  location: SourceLocation;
  used: boolean;
}

export interface SourceOptions {
  path: string;
  text?: string;
  includePaths?: string[];
  allowAbsoluteIncludes?: boolean;
  /** Seconds east of UTC of the router's clock, for `meta hour` and dates; 0 when absent. */
  timezoneSeconds?: number;
  /** Interfaces numbered before those that the ruleset names (index 1 is lo), so that two rulesets number alike. */
  interfaceNames?: readonly string[];
}

interface Source {
  name: string;
  text: string;
  depth: number;
  lineStarts: number[] | undefined;
}

/** All texts of one ruleset, by number (`Span.source`), and the messages about them. */
export class Sources {
  readonly warnings: NftWarning[] = [];
  readonly notes: NftNote[] = [];
  /** By name; a name that is bound again counts once. */
  readonly definitions = new Map<string, Definition>();
  /** What is wrong with the ruleset, as far as it was read. */
  readonly faults = new Faults();
  readonly timezoneSeconds: number;
  readonly interfaceNames: readonly string[];
  #evaluations = 0;
  readonly #sources: Source[] = [];
  readonly #roots: string[];
  readonly #searchFolders: string[];
  readonly #allowAbsolute: boolean;
  #totalBytes = 0;

  constructor(options: SourceOptions) {
    const folder = path.dirname(path.resolve(options.path));
    this.#searchFolders = [folder, ...(options.includePaths ?? []).map((folder) => path.resolve(folder))];
    this.#roots = this.#searchFolders.map(realPath);
    this.timezoneSeconds = options.timezoneSeconds ?? 0;
    this.interfaceNames = options.interfaceNames ?? [];
    this.#allowAbsolute = options.allowAbsoluteIncludes === true;
    this.#add(options.path, options.text ?? this.#read(options.path, undefined), 1);
  }

  /** Names of all files read, in order. */
  get files(): string[] {
    return this.#sources.map((source) => source.name);
  }

  text(source: number): string {
    return this.#source(source).text;
  }

  /** The text that a span covers. */
  slice(span: Span): string {
    return this.text(span.source).slice(span.start, span.end);
  }

  /** Numbers of the sources that `include "pattern"` at `span` brings in, in order; none when a glob matches nothing. */
  include(pattern: string, span: Span): number[] {
    const including = this.#source(span.source);
    if (including.depth >= MAX_INCLUDE_DEPTH) {
      throw this.error(`include nested too deeply, at most ${MAX_INCLUDE_DEPTH} levels`, span);
    }
    if (pattern.includes('\0')) throw this.error('include of a name with a NUL character', span);
    const isGlob = /[*?[]/.test(pattern);
    for (const candidate of this.#candidates(pattern, including)) {
      if (isGlob && !this.#allowAbsolute && !this.#isInside(candidate)) continue;
      const found = isGlob ? glob(candidate) : isFile(candidate) ? [candidate] : [];
      const allowed: string[] = [];
      for (const file of found) {
        if (this.#allowAbsolute || this.#isInside(file)) allowed.push(file);
        else if (!isGlob) {
          this.faults.isIncomplete = true;
          throw this.#outside(pattern, span);
        } else this.#noteOutside(file, span);
      }
      if (allowed.length > 0) return allowed.map((file) => this.#load(file, including.depth + 1, span));
    }
    if (isGlob) {
      if (path.isAbsolute(pattern) && !this.#allowAbsolute && !this.#isInside(pattern))
        this.#noteOutside(pattern, span);
      return [];
    }
    if (!this.#allowAbsolute && this.#candidates(pattern, including).every((file) => !this.#isInside(file))) {
      this.faults.isIncomplete = true;
      throw this.#outside(pattern, span);
    }
    this.faults.isIncomplete = true;
    throw this.error(
      `File not found: ${pattern}`,
      span,
      'it is searched beside the ruleset and in the include paths (-I)',
    );
  }

  location(span: Span): SourceLocation {
    const source = this.#source(span.source);
    const starts = lineStarts(source);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= span.start) low = middle;
      else high = middle - 1;
    }
    const start = starts[low] as number;
    const lineEnd = low + 1 < starts.length ? (starts[low + 1] as number) - 1 : source.text.length;
    const end = Math.max(Math.min(span.end, lineEnd), span.start + 1);
    return { file: source.name, line: low + 1, column: span.start - start + 1, endColumn: end - start + 1 };
  }

  /** The whole line that a span starts in. */
  line(span: Span): string {
    const source = this.#source(span.source);
    const from = source.text.lastIndexOf('\n', span.start - 1) + 1;
    const to = source.text.indexOf('\n', span.start);
    const line = source.text.slice(from, to < 0 ? source.text.length : Math.max(to, from));
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  /** An error for what is grammatical but wrong, ready to be thrown. */
  error(message: string, span: Span | undefined, hint?: string): NftSemanticError {
    const at = span ?? { source: 0, start: 0, end: 1 };
    return new NftSemanticError(message, this.location(at), this.line(at), hint);
  }

  syntaxError(message: string, span: Span, hint?: string): NftSyntaxError {
    return new NftSyntaxError(message, this.location(span), this.line(span), hint);
  }

  /**
   * An error for a name that nothing has, `what` says what should have it (`chain 'forwrad'`), `meant` what probably was meant;
   * a Consequence when its declaration was wrong itself.
   */
  missing(thing: NamedThing, name: string, what: string, span: Span | undefined, meant?: string): NftSemanticError {
    const isElsewhere = this.faults.isIncomplete && meant === undefined;
    if (isElsewhere || this.faults.isBroken(thing, name)) return this.consequence(span);
    const message = thing === 'variable' ? `unknown identifier '${name}'` : `there is no ${what}`;
    return this.error(message, span, meant === undefined ? undefined : `did you mean ${meant}?`);
  }

  /** Stops what cannot go on because of an error told already. */
  consequence(span: Span | undefined): NftSemanticError {
    const at = span ?? { source: 0, start: 0, end: 1 };
    return new Consequence('nft-consequence', 'follows from another error', this.location(at), this.line(at));
  }

  unsupported(construct: string, span: Span | undefined, hint?: string): UnsupportedError {
    const at = span ?? { source: 0, start: 0, end: 1 };
    return new UnsupportedError(construct, this.location(at), this.line(at), hint);
  }

  /** Counts what definitions unfold to: `$a` in `$b` twice, and so on, must not grow without end. Throws at the limit. */
  spend(count: number, span: Span | undefined): void {
    this.#evaluations += count;
    if (this.#evaluations > MAX_EVALUATIONS)
      throw this.error(`definitions unfold to more than ${MAX_EVALUATIONS} values`, span);
  }

  warn(message: string, span: Span): void {
    this.warnings.push({ message, location: this.location(span), sourceLine: this.line(span) });
  }

  note(message: string, span: Span): void {
    this.notes.push({ message, location: this.location(span) });
  }

  /** A name is bound here. */
  defines(name: string, span: Span): void {
    if (!this.definitions.has(name)) this.definitions.set(name, { name, location: this.location(span), used: false });
  }
  uses(name: string): void {
    const definition = this.definitions.get(name);
    if (definition !== undefined) definition.used = true;
  }

  #source(index: number): Source {
    return this.#sources[index] as Source;
  }

  #candidates(pattern: string, including: Source): string[] {
    if (path.isAbsolute(pattern)) return [path.normalize(pattern)];
    const here = path.dirname(path.resolve(including.name));
    if (pattern.startsWith('./') || pattern.startsWith('../')) return [path.resolve(here, pattern)];
    return [...new Set([here, ...this.#searchFolders])].map((folder) => path.resolve(folder, pattern));
  }

  #isInside(file: string): boolean {
    const real = realPath(file);
    return this.#roots.some(
      (root) => real === root || real.startsWith(root.endsWith(path.sep) ? root : root + path.sep),
    );
  }

  #outside(pattern: string, span: Span): NftSemanticError {
    return this.error(
      `include "${pattern}" lies outside the ruleset's folder and the include paths`,
      span,
      'name its folder with -I, or give --allow-absolute-includes',
    );
  }

  #noteOutside(pattern: string, span: Span): void {
    this.note(
      `include "${pattern}" was not read: it lies outside the ruleset's folder (-I FOLDER or --allow-absolute-includes allow it)`,
      span,
    );
  }

  #load(file: string, depth: number, span: Span): number {
    if (this.#sources.length >= MAX_FILES) throw this.error(`more than ${MAX_FILES} files included`, span);
    this.#add(file, this.#read(file, span), depth);
    return this.#sources.length - 1;
  }

  #add(name: string, text: string, depth: number): void {
    this.#sources.push({ name, text, depth, lineStarts: undefined });
  }

  #read(file: string, span: Span | undefined): string {
    const fail = (message: string): NftSemanticError =>
      span === undefined
        ? new NftSemanticError(message, { file, line: 1, column: 1, endColumn: 2 }, '')
        : this.error(message, span);
    let octets: Buffer;
    try {
      if (!statSync(file).isFile()) throw fail(`Not a regular file: "${file}"`);
      if (statSync(file).size > MAX_FILE_BYTES) throw fail(`"${file}" is larger than ${MAX_FILE_BYTES >> 20} MiB`);
      octets = readFileSync(file);
    } catch (error) {
      if (error instanceof NftSemanticError) throw error;
      throw fail(`Could not open file "${file}": ${(error as Error).message}`);
    }
    this.#totalBytes += octets.length;
    if (this.#totalBytes > MAX_TOTAL_BYTES) throw fail(`the files together exceed ${MAX_TOTAL_BYTES >> 20} MiB`);
    return octets.toString('utf8');
  }
}

function lineStarts(source: Source): number[] {
  if (source.lineStarts !== undefined) return source.lineStarts;
  const starts = [0];
  for (let at = source.text.indexOf('\n'); at >= 0; at = source.text.indexOf('\n', at + 1)) starts.push(at + 1);
  source.lineStarts = starts;
  return starts;
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The path with links resolved, as far as it exists. */
function realPath(file: string): string {
  const rest: string[] = [];
  for (let at = path.resolve(file); ; at = path.dirname(at)) {
    try {
      return path.join(realpathSync(at), ...rest);
    } catch {
      if (path.dirname(at) === at) return path.resolve(file);
      rest.unshift(path.basename(at));
    }
  }
}

/** Files that match an absolute pattern, in alphabetical order. */
function glob(pattern: string): string[] {
  let folders = [path.parse(pattern).root];
  const parts = pattern.split(path.sep).filter((part) => part !== '');
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const next: string[] = [];
    for (const folder of folders) {
      if (!/[*?[]/.test(part)) {
        next.push(path.join(folder, part));
        continue;
      }
      for (const name of listFolder(folder)) {
        if (name.startsWith('.') && !part.startsWith('.')) continue;
        if (matchesGlob(part, name)) next.push(path.join(folder, name));
        if (next.length > MAX_LISTED_FILES) return [];
      }
    }
    folders = isLast ? next.filter(isFile) : next;
  }
  return folders.sort();
}

function listFolder(folder: string): string[] {
  try {
    if (!lstatSync(realpathSync(folder)).isDirectory()) return [];
    return readdirSync(folder).slice(0, MAX_LISTED_FILES);
  } catch {
    return [];
  }
}

/** Whether a file name matches `*`, `?` and `[…]`; a star retries from its last place only, so time is bounded. */
export function matchesGlob(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let starPattern = -1;
  let starName = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      starPattern = p++;
      starName = n;
      continue;
    }
    const end = matchOne(pattern, p, name.charAt(n));
    if (end >= 0) {
      p = end;
      n++;
    } else if (starPattern >= 0) {
      p = starPattern + 1;
      n = ++starName;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** Past-the-end of the pattern's element at `at` when it takes `character`; -1 when not. */
function matchOne(pattern: string, at: number, character: string): number {
  const element = pattern[at];
  if (element === undefined) return -1;
  if (element === '?') return at + 1;
  const close = element === '[' ? pattern.indexOf(']', at + 2) : -1;
  if (close < 0) return element === character ? at + 1 : -1;
  let body = pattern.slice(at + 1, close);
  const negated = body.startsWith('!') || body.startsWith('^');
  if (negated) body = body.slice(1);
  let found = false;
  for (let i = 0; i < body.length; i++) {
    if (body[i + 1] === '-' && i + 2 < body.length) {
      if (character >= body.charAt(i) && character <= body.charAt(i + 2)) found = true;
      i += 2;
    } else if (body[i] === character) found = true;
  }
  return found !== negated ? close + 1 : -1;
}
