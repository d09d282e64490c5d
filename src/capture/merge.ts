// Several captures as one, in the order of time, one record at a time. The next record is the earliest of the captures'
// current ones; equal times go by the order of the captures. Records of one capture stay in its order, also where its
// times run backwards (as mergecap does). Memory: a block per capture that is still being read, 64 MiB in all.
import { f64, i32 } from '../base/columns.ts';
import { CaptureError } from '../base/errors.ts';
import { BLOCK_BYTES } from './block.ts';
import { type Clone, CloneReader } from './clone.ts';
import { LINKTYPE_ETHERNET, toEthernet } from './link.ts';
import { linkTypeName } from './linktype.ts';
import { type OpenOptions, openCapture } from './open.ts';
import { type CaptureReader, type CaptureRecord, PACKET_TYPE_UNKNOWN } from './record.ts';

const ALL_BLOCKS_BYTES = 64 * 1024 * 1024;
const SMALLEST_BLOCK = 256 * 1024;

/** A capture to merge. */
export interface CaptureSource {
  /** A file, `-`, or `live:IFACE`. */
  path: string;
  /** Router interface at which its packets enter (`--in IFACE=FILE`). */
  ingress?: string;
  /** Its packets as other users', later or faster (src/plan). */
  clone?: Clone;
}

/**
 * The records of all captures as Ethernet frames. Use: open(), then
 * `for (;;) { while (merge.next()) use(merge); if (!(await merge.fill())) break; }`, then close().
 */
export class CaptureMerge implements CaptureRecord {
  data: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  wireLength = 0;
  timestampSeconds = 0;
  timestampNanos = 0;
  interfaceIndex = 0;
  /** Always LINKTYPE_ETHERNET; `sourceLinkType` is the capture's. */
  linkType = LINKTYPE_ETHERNET;
  sourceLinkType = LINKTYPE_ETHERNET;
  fileOffset = 0;
  packetType = PACKET_TYPE_UNKNOWN;
  hostIfindex = 0;
  /** Index in `sources` of the record in hand. */
  source = 0;

  readonly sources: readonly CaptureSource[];
  /** One per source, in their order, after open(). */
  readonly readers: CaptureReader[] = [];
  /** Why captures ended before their end, in the order met; complete when fill() has returned false. */
  readonly damages: CaptureError[] = [];

  readonly #options: OpenOptions;
  /** Sources with a current record: a binary heap by (time, source), the earliest first. */
  readonly #heap: Int32Array;
  readonly #seconds: Float64Array;
  readonly #nanos: Int32Array;
  #size = 0;
  /** The heap's first record was not delivered yet. */
  #isFresh = true;

  constructor(sources: readonly CaptureSource[], options: OpenOptions = {}) {
    this.sources = sources;
    const share = Math.floor(ALL_BLOCKS_BYTES / Math.max(sources.length, 1));
    const blockBytes = Math.min(Math.max(share, SMALLEST_BLOCK), BLOCK_BYTES);
    this.#options = { blockBytes, ...options };
    this.#heap = new Int32Array(sources.length);
    this.#seconds = new Float64Array(sources.length);
    this.#nanos = new Int32Array(sources.length);
  }

  /** Opens all captures; throws the CaptureError of the first that cannot be used, with all closed again. */
  async open(): Promise<void> {
    try {
      if (this.sources.filter((one) => one.path === '-').length > 1) {
        throw new CaptureError('-', 0, 'standard input is named twice: it can be read once');
      }
      // Each is loaded at once: a file that fits its block is closed again before the next is opened.
      for (let source = 0; source < this.sources.length; source++) {
        const { path, clone } = this.sources[source] as CaptureSource;
        const reader = await openCapture(path, this.#options);
        this.readers.push(clone === undefined ? reader : new CloneReader(reader, clone));
        if (await this.#load(source)) {
          this.#heap[this.#size++] = source;
          this.#siftUp(this.#size - 1);
        }
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Moves to the next record; false when fill() must load more, or at the end. */
  next(): boolean {
    if (this.#size === 0) return false;
    const source = i32(this.#heap, 0);
    if (this.#isFresh) {
      this.#isFresh = false;
      this.#take(source);
      return true;
    }
    const reader = this.#reader(source);
    if (!reader.next()) return false;
    if (this.#size === 1) {
      this.#take(source);
      return true;
    }
    this.#seconds[source] = reader.timestampSeconds;
    this.#nanos[source] = reader.timestampNanos;
    this.#siftDown();
    this.#take(i32(this.#heap, 0));
    return true;
  }

  /** Loads more of the capture that ran out; false when all have ended. */
  async fill(): Promise<boolean> {
    if (this.#size === 0) return false;
    if (this.#isFresh) return true;
    if (!(await this.#load(i32(this.#heap, 0)))) {
      this.#size--;
      this.#heap[0] = i32(this.#heap, this.#size);
    }
    this.#siftDown();
    this.#isFresh = true;
    return this.#size > 0;
  }

  async close(): Promise<void> {
    this.#size = 0;
    for (const reader of this.readers) await reader.close();
  }

  /** Octets of all captures that were consumed, as stored. */
  get readBytes(): number {
    return this.readers.reduce((sum, reader) => sum + reader.readBytes, 0);
  }

  /** Octets of all captures, or undefined when one is a pipe. */
  get totalBytes(): number | undefined {
    let sum = 0;
    for (const { totalBytes } of this.readers) {
      if (totalBytes === undefined) return undefined;
      sum += totalBytes;
    }
    return sum;
  }

  /** What the user should know of the captures besides their damages; complete at the end. */
  notes(): string[] {
    return this.readers.flatMap(readerNotes);
  }

  #reader(source: number): CaptureReader {
    return this.readers[source] as CaptureReader;
  }

  // Makes the source's next record current; false at its end.
  async #load(source: number): Promise<boolean> {
    const reader = this.#reader(source);
    while (!reader.next()) {
      if (await reader.fill()) continue;
      if (reader.damage !== undefined) this.damages.push(reader.damage);
      await reader.close();
      return false;
    }
    this.#seconds[source] = reader.timestampSeconds;
    this.#nanos[source] = reader.timestampNanos;
    return true;
  }

  #take(source: number): void {
    const reader = this.#reader(source);
    this.source = source;
    this.data = reader.data;
    this.start = reader.start;
    this.end = reader.end;
    this.wireLength = reader.wireLength;
    this.timestampSeconds = reader.timestampSeconds;
    this.timestampNanos = reader.timestampNanos;
    this.interfaceIndex = reader.interfaceIndex;
    this.fileOffset = reader.fileOffset;
    this.packetType = reader.packetType;
    this.hostIfindex = reader.hostIfindex;
    this.sourceLinkType = reader.linkType;
    this.linkType = reader.linkType;
    if (reader.linkType !== LINKTYPE_ETHERNET) toEthernet(this);
  }

  #isBefore(a: number, b: number): boolean {
    const seconds = f64(this.#seconds, a) - f64(this.#seconds, b);
    if (seconds !== 0) return seconds < 0;
    const nanos = i32(this.#nanos, a) - i32(this.#nanos, b);
    return nanos !== 0 ? nanos < 0 : a < b;
  }

  #siftUp(from: number): void {
    const heap = this.#heap;
    const moved = i32(heap, from);
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = i32(heap, parent);
      if (!this.#isBefore(moved, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = moved;
  }

  #siftDown(): void {
    const heap = this.#heap;
    const size = this.#size;
    if (size < 2) return;
    const moved = i32(heap, 0);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(i32(heap, child + 1), i32(heap, child))) child++;
      if (!this.#isBefore(i32(heap, child), moved)) break;
      heap[at] = i32(heap, child);
      at = child;
    }
    heap[at] = moved;
  }
}

function readerNotes(reader: CaptureReader): string[] {
  const notes: string[] = [];
  reader.interfaces.forEach((one, index) => {
    if (one.skipped === 0) return;
    const name = one.name === '' ? '' : ` '${one.name}'`;
    notes.push(
      `${reader.path}: interface ${index}${name} has link type ${linkTypeName(one.linkType)}, which is not supported: ` +
        `${one.skipped} packets were not replayed`,
    );
  });
  if (reader.untimed > 0) {
    notes.push(
      `${reader.path}: ${reader.untimed} packets carry no time (simple packet blocks): ` +
        'each got the time of the packet before it',
    );
  }
  if (reader.lost > 0) notes.push(`${reader.path}: ${reader.lost} packets came faster than they were replayed: lost`);
  return notes;
}
