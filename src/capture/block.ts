// The reused block of octets that records are read from. What was not consumed moves to the front when more is loaded;
// the room before it may be overwritten by headers that the router pushes.
import { CaptureError } from '../base/errors.ts';
import { BLOCK_ROOM } from './record.ts';
import type { ByteSource } from './source.ts';

/** Usual size of a block: large enough that loading costs nothing per record, small enough for a core's own cache. */
export const BLOCK_BYTES = 512 * 1024;
/** Streams start with less and grow: their octets come in small portions. */
const STREAM_BLOCK_BYTES = 256 * 1024;

/** A window of a source: octets position … limit are loaded and not consumed. */
export class Block {
  data: Uint8Array;
  view: DataView;
  position = BLOCK_ROOM;
  limit = BLOCK_ROOM;
  /** How many octets after `position` the reader must have to go on. */
  need = 1;
  /** Offset in the file of data[0]. */
  fileOffset = -BLOCK_ROOM;
  readonly path: string;
  readonly source: ByteSource;
  #ended = false;

  /** `head`: octets that were already pulled from the source's beginning. */
  constructor(path: string, source: ByteSource, head: Uint8Array, blockBytes: number) {
    const wanted = source.isStream ? Math.min(blockBytes, STREAM_BLOCK_BYTES) : blockBytes;
    const small = source.isPlain && source.totalBytes !== undefined ? source.totalBytes + 1 : wanted;
    this.data = new Uint8Array(BLOCK_ROOM + Math.max(head.length, Math.min(wanted, small)));
    this.view = new DataView(this.data.buffer);
    this.data.set(head, BLOCK_ROOM);
    this.limit += head.length;
    this.path = path;
    this.source = source;
  }

  /** Loads until `need` octets are there (a file: as many as fit). Whether they are: if not, the source has ended. */
  async fill(): Promise<boolean> {
    this.#makeRoom();
    while (!this.#ended && this.limit < this.data.length) {
      const length = await this.source.read(this.data, this.limit, this.data.length - this.limit);
      this.limit += length;
      if (length === 0) this.#ended = true;
      if (this.source.isStream && this.limit - this.position >= this.need) break;
    }
    return this.limit - this.position >= this.need;
  }

  /** Offset in the file of the octet at `position`. */
  get offset(): number {
    return this.fileOffset + this.position;
  }

  /** What is wrong at the octet at `position`; says so when the offset counts decompressed octets. */
  error(message: string): CaptureError {
    const counted = this.source.isPlain ? '' : ' (the offset counts decompressed octets)';
    return new CaptureError(this.path, this.offset, message + counted);
  }

  /** What is wrong when the source has ended before the octets that were needed; undefined at a clean end. */
  endError(): CaptureError | undefined {
    const problem = this.source.problem;
    const present = this.limit - this.position;
    if (present === 0) return problem === undefined ? undefined : this.error(problem);
    const why = problem ?? 'copy or capture the file again';
    return this.error(
      `the capture is cut inside this record: ${present} of ${this.need} octets are there; ` +
        `everything before it was read (${why})`,
    );
  }

  /** Gives up what is loaded. */
  discard(): void {
    this.#ended = true;
    this.limit = this.position;
  }

  /** Octets consumed, as the source stores them. */
  get readBytes(): number {
    return this.source.isPlain ? this.offset : this.source.readBytes;
  }

  #makeRoom(): void {
    const rest = this.limit - this.position;
    if (BLOCK_ROOM + this.need > this.data.length) {
      const grown = new Uint8Array(BLOCK_ROOM + Math.max(this.need, 2 * this.data.length));
      grown.set(this.data.subarray(this.position, this.limit), BLOCK_ROOM);
      this.data = grown;
      this.view = new DataView(grown.buffer);
    } else {
      this.data.copyWithin(BLOCK_ROOM, this.position, this.limit);
    }
    this.fileOffset += this.position - BLOCK_ROOM;
    this.position = BLOCK_ROOM;
    this.limit = BLOCK_ROOM + rest;
  }
}
