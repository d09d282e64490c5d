// Records that someone else decoded (pcap-parser, a live interface), copied to a reused block with their times in
// columns, so that they are read like those of a file.
import { f64, growF64, growI32, growU8, growU32, i32, u32 } from '../base/columns.ts';
import { BLOCK_ROOM } from './record.ts';

/** Records in a row; the block and the columns grow to what one filling needs. */
export class RecordQueue {
  data: Uint8Array = new Uint8Array(65_536);
  /** Octets used. */
  used = BLOCK_ROOM;
  /** Records in the queue. */
  count = 0;
  /** Records taken. */
  taken = 0;
  /** The record taken last. */
  start = 0;
  end = 0;
  wireLength = 0;
  timestampSeconds = 0;
  timestampNanos = 0;
  #starts: Int32Array = new Int32Array(256);
  #ends: Int32Array = new Int32Array(256);
  #wireLengths: Uint32Array = new Uint32Array(256);
  #seconds: Float64Array = new Float64Array(256);
  #nanos: Int32Array = new Int32Array(256);

  /** Appends a record: the first `length` octets of `octets`. */
  push(octets: Uint8Array, length: number, wireLength: number, seconds: number, nanos: number): void {
    if (this.used + length > this.data.length) this.data = growU8(this.data, this.used + length);
    if (this.count === this.#starts.length) this.#growColumns();
    this.data.set(length === octets.length ? octets : octets.subarray(0, length), this.used);
    const row = this.count++;
    this.#starts[row] = this.used;
    this.used += length;
    this.#ends[row] = this.used;
    this.#wireLengths[row] = wireLength;
    this.#seconds[row] = seconds;
    this.#nanos[row] = nanos;
  }

  /** Takes the next record; false when there is none. */
  next(): boolean {
    if (this.taken === this.count) return false;
    const row = this.taken++;
    this.start = i32(this.#starts, row);
    this.end = i32(this.#ends, row);
    this.wireLength = u32(this.#wireLengths, row);
    this.timestampSeconds = f64(this.#seconds, row);
    this.timestampNanos = i32(this.#nanos, row);
    return true;
  }

  /** Forgets all records. */
  clear(): void {
    this.used = BLOCK_ROOM;
    this.count = 0;
    this.taken = 0;
  }

  #growColumns(): void {
    this.#starts = growI32(this.#starts);
    this.#ends = growI32(this.#ends);
    this.#wireLengths = growU32(this.#wireLengths);
    this.#seconds = growF64(this.#seconds);
    this.#nanos = growI32(this.#nanos);
  }
}
