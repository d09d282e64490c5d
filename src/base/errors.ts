// Every error a user can meet. One base class with a stable code and a one-line message that names
// the thing, the place and the remedy. Only src/cli/main.ts prints them and sets the exit code.

/** Base of all errors that are the user's to mend: exit code 2. `code` is stable, for programs. */
export class NftreplayError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A capture that cannot be read, or not further: names the file and the byte offset of the damage. */
export class CaptureError extends NftreplayError {
  readonly file: string;
  readonly offsetBytes: number;
  constructor(file: string, offsetBytes: number, message: string) {
    super('capture', `${file}: byte ${offsetBytes}: ${message}`);
    this.file = file;
    this.offsetBytes = offsetBytes;
  }
}

/** A place in a ruleset file. Lines and columns are 1-based; `endColumn` is exclusive. */
export interface SourceLocation {
  file: string;
  line: number;
  column: number;
  endColumn: number;
}

/** What a ruleset says wrongly: message, place, the source line with a caret, and possibly a remedy. */
export class NftError extends NftreplayError {
  readonly location: SourceLocation;
  readonly sourceLine: string;
  readonly hint: string | undefined;
  /** All errors that were found together with this one, itself first; empty when it is alone. */
  errors: readonly NftError[] = [];
  constructor(code: string, message: string, location: SourceLocation, sourceLine: string, hint?: string) {
    super(code, `${location.file}:${location.line}:${location.column}: ${message}${hint ? ` (${hint})` : ''}`);
    this.location = location;
    this.sourceLine = sourceLine;
    this.hint = hint;
  }
}

/** The text is not nft's grammar. */
export class NftSyntaxError extends NftError {
  constructor(message: string, location: SourceLocation, sourceLine: string, hint?: string) {
    super('nft-syntax', message, location, sourceLine, hint);
  }
}

/** The text is grammatical but means nothing, or what nft refuses. */
export class NftSemanticError extends NftError {
  constructor(message: string, location: SourceLocation, sourceLine: string, hint?: string) {
    super('nft-semantic', message, location, sourceLine, hint);
  }
}

/** nft accepts it and nftreplay does not know it yet: names the construct. */
export class UnsupportedError extends NftError {
  constructor(construct: string, location: SourceLocation, sourceLine: string, hint?: string) {
    super('unsupported', `nftreplay does not support ${construct} yet`, location, sourceLine, hint);
  }
}

/** A router file, profile or option that is wrong: `path` is the key's path in the file (`interfaces[0].mac`). */
export class ConfigError extends NftreplayError {
  readonly file: string;
  readonly path: string;
  constructor(file: string, path: string, message: string) {
    super('config', `${file}: ${path === '' ? '' : `${path}: `}${message}`);
    this.file = file;
    this.path = path;
  }
}

/** Exhaustiveness of a switch over a union; reached only by a bug. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
