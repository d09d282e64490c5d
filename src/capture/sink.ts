// Where capture writers put their octets: a file or standard output, or memory. Writing is synchronous, so a writer's
// buffer is all that is ever held.
import { closeSync, openSync, writeSync } from 'node:fs';
import { CaptureError } from '../base/errors.ts';

/** Octets leave here. */
export interface ByteSink {
  write(octets: Uint8Array, from: number, to: number): void;
  close(): void;
}

/** Opens a file for writing, emptied; `-` is standard output. Throws a CaptureError when it cannot be written. */
export function openSink(path: string): ByteSink {
  if (path === '-') return new FileSink(path, 1);
  try {
    return new FileSink(path, openSync(path, 'w'));
  } catch (error) {
    throw new CaptureError(path, 0, `cannot be written: ${(error as Error).message}`);
  }
}

class FileSink implements ByteSink {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));
  #written = 0;
  #isClosed = false;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  write(octets: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      try {
        at += writeSync(this.#descriptor, octets, at, to - at);
      } catch (error) {
        // A pipe whose reader is slower than we are: wait a millisecond.
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') Atomics.wait(this.#pause, 0, 0, 1);
        else
          throw new CaptureError(
            this.#path,
            this.#written + at - from,
            `cannot be written: ${(error as Error).message}`,
          );
      }
    }
    this.#written += to - from;
  }

  close(): void {
    if (!this.#isClosed && this.#descriptor > 2) closeSync(this.#descriptor);
    this.#isClosed = true;
  }
}

/** Keeps what is written. */
export class MemorySink implements ByteSink {
  readonly #parts: Uint8Array[] = [];

  write(octets: Uint8Array, from: number, to: number): void {
    this.#parts.push(octets.slice(from, to));
  }

  close(): void {}

  /** All octets so far, as one array. */
  octets(): Uint8Array {
    const all = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
