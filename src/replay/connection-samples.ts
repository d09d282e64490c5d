// How many connections stand at a time: looked at after every packet, in long captures after every second, fourth, …
// packet, so that memory stays bounded. Samples of the parts of a split replay add up exactly.
import { u32 } from '../base/columns.ts';

/** Samples that are kept at most; twice as far apart whenever they are full. */
const MAX_SAMPLES = 1 << 16;

/** Numbers of connections after the packets `every`, 2 * `every`, … of the input. */
export interface ConnectionCounts {
  every: number;
  counts: Uint32Array;
}

/** Takes samples over the life of a replay. */
export class ConnectionSamples {
  #every = 1;
  #next = 1;
  #length = 0;
  readonly #counts = new Uint32Array(MAX_SAMPLES);

  /** After packet `number` (1, 2, … without a gap) there are `count` connections. */
  add(number: number, count: number): void {
    if (number < this.#next) return;
    if (this.#length === MAX_SAMPLES) this.#thin();
    if (number % this.#every === 0) this.#counts[this.#length++] = count;
    this.#next = (Math.floor(number / this.#every) + 1) * this.#every;
  }

  counts(): ConnectionCounts {
    return { every: this.#every, counts: this.#counts.slice(0, this.#length) };
  }

  /** Keeps every second sample. */
  #thin(): void {
    this.#every *= 2;
    this.#length /= 2;
    for (let i = 0; i < this.#length; i++) this.#counts[i] = u32(this.#counts, i * 2 + 1);
  }
}

/** The sum of all parts' samples, taken of the same input. */
export function addConnectionCounts(parts: ConnectionCounts[]): ConnectionCounts {
  const [first] = parts;
  if (first === undefined) return { every: 1, counts: new Uint32Array(0) };
  const counts = first.counts.slice();
  for (const part of parts.slice(1)) {
    for (let i = 0; i < counts.length; i++) counts[i] = u32(counts, i) + u32(part.counts, i);
  }
  return { every: first.every, counts };
}

/** The most connections that a sample saw. */
export function peakConnections(row: ConnectionCounts): number {
  return row.counts.reduce((peak, count) => Math.max(peak, count), 0);
}
