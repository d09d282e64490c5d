// The bounded buffer of the capture writers: fields are put one after the other and leave for the sink in large pieces.
import { u8 } from '../base/columns.ts';
import type { ByteSink } from './sink.ts';

const BUFFER_BYTES = 256 * 1024;

/** Collects fields of one byte order. reserve() before each record; a record's fields need at most 64 octets. */
export class WriteBuffer {
  readonly #octets = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#octets.buffer);
  readonly #sink: ByteSink;
  readonly #little: boolean;
  #used = 0;

  constructor(sink: ByteSink, littleEndian: boolean) {
    this.#sink = sink;
    this.#little = littleEndian;
  }

  /** Makes room for `length` octets of fields. */
  reserve(length: number): void {
    if (this.#used + length > BUFFER_BYTES) this.flush();
  }
  u16(value: number): void {
    this.#view.setUint16(this.#used, value, this.#little);
    this.#used += 2;
  }
  u32(value: number): void {
    this.#view.setUint32(this.#used, value, this.#little);
    this.#used += 4;
  }
  /** Octets of any number, then zeros up to a multiple of `padding`. */
  octets(data: Uint8Array, from: number, to: number, padding: number): void {
    let at = from;
    while (at < to) {
      if (this.#used === BUFFER_BYTES) this.flush();
      const length = Math.min(to - at, BUFFER_BYTES - this.#used);
      this.#copy(data, at, length);
      this.#used += length;
      at += length;
    }
    const zeros = (padding - ((to - from) % padding)) % padding;
    this.reserve(zeros + 64);
    this.#octets.fill(0, this.#used, this.#used + zeros);
    this.#used += zeros;
  }
  // For short packets a loop is faster than set() with the view that it needs.
  #copy(data: Uint8Array, from: number, length: number): void {
    const octets = this.#octets;
    const at = this.#used;
    if (length > 96) octets.set(data.subarray(from, from + length), at);
    else for (let i = 0; i < length; i++) octets[at + i] = u8(data, from + i);
  }
  /** Hands all to the sink. */
  flush(): void {
    if (this.#used > 0) this.#sink.write(this.#octets, 0, this.#used);
    this.#used = 0;
  }
  close(): void {
    this.flush();
    this.#sink.close();
  }
}
