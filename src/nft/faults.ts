// All that is wrong with one ruleset, collected: reading goes on behind an error, and what is wrong only because something
// else was is not told again.
import { NftError } from '../base/errors.ts';

/** Errors kept of one ruleset; a file with more is not a ruleset. */
const MAX_ERRORS = 1000;

/** What can be named and be wrong in its declaration. */
export type NamedThing = 'variable' | 'table' | 'chain' | 'set' | 'object' | 'flowtable';

/** Follows from an error told already: stops what cannot go on, and is not shown. */
export class Consequence extends NftError {}

/** The errors of one ruleset and the names whose declarations they spoilt. */
export class Faults {
  readonly #errors: NftError[] = [];
  readonly #broken = new Set<string>();
  /** A file that was to be included is missing: names may be declared in it. */
  isIncomplete = false;

  get count(): number {
    return this.#errors.length;
  }

  /** Keeps an error. Rethrows what is no NftError (a bug), and everything once there are too many. */
  add(error: unknown): void {
    if (!(error instanceof NftError)) throw error;
    if (error instanceof Consequence) return;
    this.#errors.push(error);
    if (this.#errors.length >= MAX_ERRORS) this.throwAll();
  }

  /** Runs a step whose error is kept. Returns whether it went well. */
  attempt(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      // The error that carries all of them ends everything.
      if (error instanceof NftError && error.errors.length > 0) throw error;
      this.add(error);
      return false;
    }
  }

  /** The declaration of this name is wrong: what refers to it is not told again. */
  markBroken(thing: NamedThing, name: string): void {
    this.#broken.add(`${thing} ${name}`);
  }
  isBroken(thing: NamedThing, name: string): boolean {
    return this.#broken.has(`${thing} ${name}`);
  }
  /** Names of a kind whose declarations are wrong: a slip may mean one of them. */
  brokenNames(thing: NamedThing): string[] {
    return [...this.#broken].filter((key) => key.startsWith(`${thing} `)).map((key) => key.slice(thing.length + 1));
  }

  /** Throws the first error in the order of the text, which carries all. `files` say the order of files. */
  throwAll(files: readonly string[] = []): void {
    const order = new Map(files.map((file, index) => [file, index]));
    const place = ({ location: { file } }: NftError): number => order.get(file) ?? 0;
    const sorted = this.#errors
      .slice()
      .sort(
        (a, b) => place(a) - place(b) || a.location.line - b.location.line || a.location.column - b.location.column,
      );
    const [first] = sorted;
    if (first === undefined) return;
    first.errors = sorted;
    throw first;
  }
}
