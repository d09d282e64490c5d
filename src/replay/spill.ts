// Per-packet output that does not fit into memory: rows go to a file of our own, in the order of the packets, and are
// read back when all workers are done (merge by packet number). Same machine, same run: host byte order, no header.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const BUFFER_OCTETS = 1 << 20;

/** Appends rows to a file through one buffer. */
export class SpillWriter {
  readonly path: string;
  readonly #fd: number;
  readonly #octets = new Uint8Array(BUFFER_OCTETS);
  readonly #view = new DataView(this.#octets.buffer);
  #at = 0;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  /** Room for a row of `octets`: call once before the puts of a row. */
  reserve(octets: number): void {
    if (this.#at + octets > BUFFER_OCTETS) this.#flush();
  }
  putF64(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }
  putU32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }
  putU16(value: number): void {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }
  putU8(value: number): void {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }
  /** Octets of data[from, to), after a reserve() that covered them or not. */
  putOctets(data: Uint8Array, from: number, to: number): void {
    if (this.#at + (to - from) > BUFFER_OCTETS) this.#flush();
    if (to - from > BUFFER_OCTETS) {
      writeAll(this.#fd, data, from, to);
      return;
    }
    this.#octets.set(data.subarray(from, to), this.#at);
    this.#at += to - from;
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
  }

  #flush(): void {
    writeAll(this.#fd, this.#octets, 0, this.#at);
    this.#at = 0;
  }
}

function writeAll(fd: number, data: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; ) at += writeSync(fd, data, at, to - at);
}

/** Reads rows back, front to back. */
export class SpillReader {
  readonly #fd: number;
  #octets = new Uint8Array(BUFFER_OCTETS);
  #view = new DataView(this.#octets.buffer);
  #at = 0;
  #end = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  /** Whether a row of `octets` follows; makes them readable. */
  has(octets: number): boolean {
    if (this.#end - this.#at >= octets) return true;
    this.#octets.copyWithin(0, this.#at, this.#end);
    this.#end -= this.#at;
    this.#at = 0;
    if (octets > this.#octets.length) {
      const larger = new Uint8Array(octets * 2);
      larger.set(this.#octets.subarray(0, this.#end));
      this.#octets = larger;
      this.#view = new DataView(larger.buffer);
    }
    while (this.#end < this.#octets.length) {
      const read = readSync(this.#fd, this.#octets, this.#end, this.#octets.length - this.#end, null);
      if (read === 0) break;
      this.#end += read;
    }
    return this.#end - this.#at >= octets;
  }
  f64(): number {
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }
  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }
  u16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2, true);
  }
  u8(): number {
    this.#at += 1;
    return this.#view.getUint8(this.#at - 1);
  }
  /** A view of the next octets, valid until the next has(). */
  octets(length: number): Uint8Array {
    this.#at += length;
    return this.#octets.subarray(this.#at - length, this.#at);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
