// Where a capture's octets come from: a file, or something that can only be read on (stdin, pipe, character device).
// Everything is pulled, so a slow replay holds its writer back and memory stays bounded.

import { createReadStream, open as openDescriptor, readSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { CaptureError } from '../base/errors.ts';

/** Octets to pull. */
export interface ByteSource {
  /** Octets in all as stored, or undefined when it is a stream. */
  readonly totalBytes: number | undefined;
  /** Octets pulled so far, as stored (compressed ones for gzip). */
  readonly readBytes: number;
  /** Whether offsets of what is read are offsets in the file (not so when it is decompressed). */
  readonly isPlain: boolean;
  /** Whether it can be read only once and only on, at its writer's pace. */
  readonly isStream: boolean;
  /** What made it end early, in words, when read() has returned 0. */
  readonly problem: string | undefined;
  /** Reads at most `length` octets to `target`; how many, 0 at the end. Never rejects. */
  read(target: Uint8Array, offset: number, length: number): Promise<number>;
  /** Starts again at the first octet; false when that cannot be done. */
  rewind(): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens a file, pipe or device, or `-` as the stream `stdin`. Throws a CaptureError that says why not. */
export async function openSource(path: string, stdin: Readable): Promise<ByteSource> {
  if (path === '-') {
    if ((stdin as { isTTY?: boolean }).isTTY === true) {
      throw new CaptureError('-', 0, 'standard input is a terminal: pipe a capture into it (tcpdump -U -w - | …)');
    }
    return new StreamSource(stdin);
  }
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw new CaptureError(path, 0, 'is a directory: name the capture files in it');
    if (status.isFile()) return new FileSource(path, await open(path, 'r'), status.size);
    if (status.isFIFO()) return new StreamSource(await openFifo(path));
    return new StreamSource(createReadStream(path, { highWaterMark: 65_536 }));
  } catch (error) {
    throw error instanceof CaptureError ? error : new CaptureError(path, 0, openingProblem(error));
  }
}

// A socket, not a file stream: a file stream's read would block a thread until the writer comes back.
// A bare descriptor, not a FileHandle: the socket closes it, and a second close would hit a file opened since.
async function openFifo(path: string): Promise<Readable> {
  const fd = await promisify(openDescriptor)(path, 'r');
  return new Socket({ fd, readable: true, writable: false });
}

function openingProblem(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such file: check the path';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: check its permissions';
  if (code === 'EMFILE' || code === 'ENFILE') return 'too many open files: raise `ulimit -n`, or merge fewer captures';
  return `cannot be opened: ${(error as Error).message}`;
}

/**
 * A regular file. Reads are synchronous: a read by another thread leaves this one idle meanwhile and brings the octets
 * into another core's cache.
 */
class FileSource implements ByteSource {
  readonly totalBytes: number;
  readBytes = 0;
  readonly isPlain = true;
  readonly isStream = false;
  problem: string | undefined;
  readonly #path: string;
  #handle: FileHandle | undefined;

  constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.totalBytes = size;
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    if (this.#handle === undefined) return 0;
    try {
      const bytesRead = readSync(this.#handle.fd, target, offset, length, this.readBytes);
      this.readBytes += bytesRead;
      if (bytesRead === 0) await this.close();
      return bytesRead;
    } catch (error) {
      this.problem = `cannot be read further: ${(error as Error).message}`;
      await this.close();
      return 0;
    }
  }

  async rewind(): Promise<boolean> {
    this.readBytes = 0;
    this.#handle ??= await open(this.#path, 'r').catch(() => undefined);
    return this.#handle !== undefined;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => {});
  }
}

/** A readable stream, pulled chunk by chunk. */
class StreamSource implements ByteSource {
  readonly totalBytes = undefined;
  readBytes = 0;
  readonly isPlain = true;
  readonly isStream = true;
  problem: string | undefined;
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Uint8Array | string>;
  #chunk: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    while (this.#chunk.length === 0) {
      if (this.#ended) return 0;
      await this.#pull();
    }
    const taken = Math.min(length, this.#chunk.length);
    target.set(this.#chunk.subarray(0, taken), offset);
    this.#chunk = this.#chunk.subarray(taken);
    this.readBytes += taken;
    return taken;
  }

  async #pull(): Promise<void> {
    try {
      const result = await this.#chunks.next();
      if (result.done === true) this.#ended = true;
      else this.#chunk = typeof result.value === 'string' ? Buffer.from(result.value, 'latin1') : result.value;
    } catch (error) {
      this.#ended = true;
      this.problem = `cannot be read further: ${(error as Error).message}`;
    }
  }

  async rewind(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#chunk = new Uint8Array(0);
    this.#stream.destroy();
  }
}
