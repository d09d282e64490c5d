// When entries expire: a binary heap of entry numbers, each live entry once. Refreshing a timeout writes the table's
// column only; the heap is lazy: an entry that comes up early goes back with its real time. So a packet costs nothing
// here, and an entry costs log n once per timeout. The order in which entries expire does not depend on how often the
// caller asks. (The kernel scans buckets, gc_worker of nf_conntrack_core.c.)
import { f64, growF64, growI32, i32 } from '../../base/columns.ts';

/** A heap of entries by the time that they are due; ties in order of `rank`. */
export class ExpiryQueue {
  #heap: Int32Array;
  #length = 0;
  /** Place in the heap by entry, -1 = not in it. */
  #place: Int32Array;
  #due: Float64Array;
  #rank: Float64Array;

  constructor(capacity: number) {
    this.#heap = new Int32Array(capacity);
    this.#place = new Int32Array(capacity).fill(-1);
    this.#due = new Float64Array(capacity);
    this.#rank = new Float64Array(capacity);
  }

  /** Makes room for entries 0 … capacity - 1. */
  grow(capacity: number): void {
    const old = this.#place.length;
    this.#heap = growI32(this.#heap, capacity);
    this.#place = growI32(this.#place, capacity).fill(-1, old);
    this.#due = growF64(this.#due, capacity);
    this.#rank = growF64(this.#rank, capacity);
  }

  /** The entry that is due first, or -1. */
  get first(): number {
    return this.#length === 0 ? -1 : i32(this.#heap, 0);
  }
  /** When the first entry is due; Infinity when there is none. */
  get firstDueNs(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : f64(this.#due, i32(this.#heap, 0));
  }
  /** When an entry in the heap is due here (not later than its real expiry). */
  dueNs(entry: number): number {
    return f64(this.#due, entry);
  }

  /** Puts an entry in, or moves it. */
  put(entry: number, dueNs: number, rank: number): void {
    let at = i32(this.#place, entry);
    if (at < 0) {
      at = this.#length++;
      this.#heap[at] = entry;
      this.#place[entry] = at;
    }
    this.#due[entry] = dueNs;
    this.#rank[entry] = rank;
    this.#down(this.#up(at));
  }

  /** Takes an entry out, if it is in. */
  remove(entry: number): void {
    const at = i32(this.#place, entry);
    if (at < 0) return;
    this.#place[entry] = -1;
    const last = i32(this.#heap, --this.#length);
    if (last === entry) return;
    this.#heap[at] = last;
    this.#place[last] = at;
    this.#down(this.#up(at));
  }

  #before(a: number, b: number): boolean {
    const x = f64(this.#due, a);
    const y = f64(this.#due, b);
    return x < y || (x === y && f64(this.#rank, a) < f64(this.#rank, b));
  }

  #up(from: number): number {
    const heap = this.#heap;
    const entry = i32(heap, from);
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = i32(heap, parent);
      if (!this.#before(entry, other)) break;
      heap[at] = other;
      this.#place[other] = at;
      at = parent;
    }
    heap[at] = entry;
    this.#place[entry] = at;
    return at;
  }

  #down(from: number): void {
    const heap = this.#heap;
    const entry = i32(heap, from);
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#before(i32(heap, child + 1), i32(heap, child))) child++;
      const other = i32(heap, child);
      if (!this.#before(other, entry)) break;
      heap[at] = other;
      this.#place[other] = at;
      at = child;
    }
    heap[at] = entry;
    this.#place[entry] = at;
  }
}
