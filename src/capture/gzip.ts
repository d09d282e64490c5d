// gzip over a source (RFC 1952), concatenated members included, with node:zlib. Compressed octets are written in
// pieces and only when more is asked for: a piece of 32 KiB makes 33 MiB at most, so memory is bounded also for a bomb.
// At damage zlib drops all that its last call had made: a file is then decompressed a second time, the damaged piece
// octet by octet, so that nothing before the damage is lost. A stream cannot be read again: what its last 4 KiB before
// the damage hold is lost.
import { createGunzip, type Gunzip } from 'node:zlib';
import type { ByteSource } from './source.ts';

const FILE_PIECE = 32 * 1024;
const STREAM_PIECE = 4096;
/** Octets that zlib makes in one call: larger than its default, 0.2 -> 0.7 million packets/s. */
const CHUNK = 128 * 1024;

/** Whether octets start a gzip file. */
export function isGzip(head: Uint8Array): boolean {
  return head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

/** The decompressed octets of a source; `head` are octets that were already pulled from its beginning. */
export class GzipSource implements ByteSource {
  readonly isPlain = false;
  problem: string | undefined;
  readonly #source: ByteSource;
  readonly #piece: Buffer;
  #gunzip: Gunzip;
  readonly #ready: Buffer[] = [];
  #readyOffset = 0;
  /** Octets to write before those of the source. */
  #head: Uint8Array | undefined;
  /** zlib has seen the end of the last member, or damage. */
  #finished = false;
  #ended = false;
  #wake: (() => void) | undefined;
  /** Compressed octets written before the piece in hand, decompressed octets received. */
  #written = 0;
  #received = 0;
  /** Second pass: where the damaged piece starts, and decompressed octets to drop because they were delivered. */
  #damagedFrom = Number.POSITIVE_INFINITY;
  #duplicate = 0;

  constructor(source: ByteSource, head: Uint8Array) {
    this.#source = source;
    this.#head = head;
    this.#piece = Buffer.alloc(source.isStream ? STREAM_PIECE : FILE_PIECE);
    this.#gunzip = this.#start();
  }

  get totalBytes(): number | undefined {
    return this.#source.totalBytes;
  }
  get readBytes(): number {
    return this.#source.readBytes;
  }
  get isStream(): boolean {
    return this.#source.isStream;
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    while (this.#ready.length === 0 && !this.#ended) await this.#feed();
    let copied = 0;
    for (let chunk = this.#ready[0]; chunk !== undefined && copied < length; chunk = this.#ready[0]) {
      const taken = Math.min(length - copied, chunk.length - this.#readyOffset);
      chunk.copy(target, offset + copied, this.#readyOffset, this.#readyOffset + taken);
      copied += taken;
      this.#readyOffset += taken;
      if (this.#readyOffset < chunk.length) break;
      this.#ready.shift();
      this.#readyOffset = 0;
    }
    return copied;
  }

  #start(): Gunzip {
    const gunzip = createGunzip({ chunkSize: CHUNK });
    gunzip.on('data', (chunk: Buffer) => this.#receive(chunk));
    gunzip.on('end', () => this.#finish());
    gunzip.on('error', (error: Error) => {
      this.problem ??= gzipProblem(error);
      this.#finish();
    });
    return gunzip;
  }

  #finish(): void {
    this.#finished = true;
    this.#wake?.();
  }

  #receive(chunk: Buffer): void {
    const dropped = Math.min(this.#duplicate, chunk.length);
    this.#duplicate -= dropped;
    if (dropped === chunk.length) return;
    this.#received += chunk.length - dropped;
    this.#ready.push(dropped === 0 ? chunk : chunk.subarray(dropped));
  }

  async #feed(): Promise<void> {
    const piece = await this.#nextPiece();
    if (this.#finished) return this.#afterLastMember(piece);
    // `end` or `error` may come instead of the callback.
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (piece === undefined) this.#gunzip.end();
      else this.#gunzip.write(piece, () => resolve());
    });
    this.#wake = undefined;
    if (this.#finished && this.problem !== undefined && piece !== undefined) await this.#secondPass();
    this.#written += piece?.length ?? 0;
  }

  #afterLastMember(piece: Uint8Array | undefined): void {
    if (piece !== undefined && this.problem === undefined && piece.some((octet) => octet !== 0)) {
      this.problem = 'octets that are not gzip follow the gzip data: they were not read';
    }
    if (piece === undefined || this.problem !== undefined) this.#ended = true;
  }

  async #secondPass(): Promise<void> {
    const isFirst = this.#damagedFrom === Number.POSITIVE_INFINITY;
    if (!isFirst || !(await this.#source.rewind())) return;
    this.#damagedFrom = this.#written;
    this.#duplicate = this.#received;
    this.#written = 0;
    this.#head = undefined;
    this.problem = undefined;
    this.#finished = false;
    this.#gunzip = this.#start();
  }

  async #nextPiece(): Promise<Uint8Array | undefined> {
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined) return head;
    const room = this.#damagedFrom - this.#source.readBytes;
    const length = await this.#source.read(this.#piece, 0, room <= 0 ? 1 : Math.min(this.#piece.length, room));
    if (length > 0) return this.#piece.subarray(0, length);
    this.problem ??= this.#source.problem;
    return undefined;
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#ready.length = 0;
    this.#gunzip.destroy();
    await this.#source.close();
  }

  async rewind(): Promise<boolean> {
    return false;
  }
}

function gzipProblem(error: Error): string {
  return (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR'
    ? 'the gzip data are cut: copy the file again'
    : `the gzip data are damaged (${error.message}): copy the file again`;
}
