// Several copies of one traffic at a time, each at another phase of its period, all of them faster or slower: a load of
// copies * speed. The next packet of all copies comes off a binary heap.
import { f64, i32 } from '../base/columns.ts';
import { Random } from '../base/random.ts';
import type { TrafficColumns } from './columns.ts';

/** More copies than this become speed. */
export const MAX_COPIES = 4096;

/** How a load factor is made: whole copies, and the speed that makes up for the rest. */
export function asCopies(factor: number): { copies: number; speed: number } {
  const copies = Math.max(1, Math.min(MAX_COPIES, Math.round(factor)));
  return { copies, speed: factor / copies };
}

/** Phases of copies: one in each equal part of the period, seeded; the first one's is 0. */
export function copyPhases(copies: number, periodNs: number, seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: copies }, (_, copy) => {
    const within = random.next() / 4294967296;
    return copy === 0 ? 0 : ((copy + within) / copies) * periodNs;
  });
}

/** Walks through all copies; next() moves to the next packet. */
export class Superposition {
  /** Of the packet in hand. */
  row = 0;
  copy = 0;
  timeNs = -0;
  readonly #columns: TrafficColumns;
  readonly #speed: number;
  /** By copy: its next row, how often it began again, and the time at which its period began. */
  readonly #rows: Int32Array;
  readonly #baseNs: Float64Array;
  readonly #dueNs: Float64Array;
  readonly #heap: Int32Array;

  /** Copies are spread over the period, each at a phase of its own (`copyPhases`); the walk begins `startNs` into it. */
  constructor(columns: TrafficColumns, phasesNs: Float64Array, speed: number, startNs = 0) {
    const copies = phasesNs.length;
    this.#columns = columns;
    this.#speed = speed;
    this.#rows = new Int32Array(copies);
    this.#baseNs = new Float64Array(copies);
    this.#dueNs = new Float64Array(copies);
    this.#heap = Int32Array.from({ length: copies }, (_, copy) => copy);
    for (let copy = 0; copy < copies; copy++) {
      const phaseNs = (f64(phasesNs, copy) + startNs) % columns.periodNs;
      const row = this.#firstAfter(phaseNs);
      this.#rows[copy] = row;
      // None after the phase: the first of the next period.
      this.#baseNs[copy] = this.#timeOf(row) < phaseNs ? columns.periodNs - phaseNs : -phaseNs;
      this.#due(copy);
    }
    for (let at = (copies >> 1) - 1; at >= 0; at--) this.#siftDown(at);
  }

  /** To the next packet; there is always one (the traffic begins again). */
  next(): void {
    const copy = i32(this.#heap, 0);
    this.copy = copy;
    this.row = i32(this.#rows, copy);
    this.timeNs = f64(this.#dueNs, copy);
    let row = this.row + 1;
    if (row >= this.#columns.rows) {
      row = 0;
      this.#baseNs[copy] = f64(this.#baseNs, copy) + this.#columns.periodNs;
    }
    this.#rows[copy] = row;
    this.#due(copy);
    if (this.#heap.length > 1) this.#siftDown(0);
  }

  #timeOf(row: number): number {
    return this.#columns.rows > 0 ? f64(this.#columns.timeNs, row) : 0;
  }

  #due(copy: number): void {
    this.#dueNs[copy] = (f64(this.#baseNs, copy) + this.#timeOf(i32(this.#rows, copy))) / this.#speed;
  }

  /** The first row at or after a time; 0, a period later, when there is none. */
  #firstAfter(timeNs: number): number {
    let low = 0;
    let high = this.#columns.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (f64(this.#columns.timeNs, middle) < timeNs) low = middle + 1;
      else high = middle;
    }
    return low < this.#columns.rows ? low : 0;
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const moved = i32(heap, from);
    const due = f64(this.#dueNs, moved);
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(i32(heap, child + 1), i32(heap, child))) child++;
      const below = i32(heap, child);
      const belowDue = f64(this.#dueNs, below);
      if (due < belowDue || (due === belowDue && moved < below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = moved;
  }

  #isBefore(a: number, b: number): boolean {
    const difference = f64(this.#dueNs, a) - f64(this.#dueNs, b);
    return difference !== 0 ? difference < 0 : a < b;
  }
}
