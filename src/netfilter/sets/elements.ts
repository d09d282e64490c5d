// The elements of a set as columns by element number: key (and highest key of a range), expiry, and what the element
// maps to. Numbers of removed elements are used again.
import { f64, growF64, growI32, growU8, growU32, i32, u8 } from '../../base/columns.ts';

export class Elements {
  readonly keyLength: number;
  /** Words of a mapped value. */
  readonly dataWords: number;
  /** Numbers of state that an element's stateful expressions have. */
  readonly stateSlots: number;
  /** Elements in use, expired ones that were not collected yet included. */
  count = 0;
  /** Element numbers in use are below. */
  bound = 0;
  keys: Uint8Array;
  /** Highest keys, inclusive; the same as `keys` for a single value. Empty unless the set has intervals. */
  ends: Uint8Array;
  isUsed: Uint8Array;
  /** When it expires; Infinity: never. */
  expiresNs: Float64Array;
  /** Its timeout; 0: none. */
  timeoutNs: Float64Array;
  data: Uint32Array;
  state: Float64Array;
  #free: Int32Array;
  #freeCount = 0;
  #capacity: number;

  constructor(keyLength: number, hasIntervals: boolean, dataWords: number, stateSlots: number, capacity: number) {
    const n = Math.max(4, capacity);
    this.keyLength = keyLength;
    this.dataWords = dataWords;
    this.stateSlots = stateSlots;
    this.#capacity = n;
    this.keys = new Uint8Array(n * keyLength);
    this.ends = new Uint8Array(hasIntervals ? n * keyLength : 0);
    this.isUsed = new Uint8Array(n);
    this.expiresNs = new Float64Array(n);
    this.timeoutNs = new Float64Array(n);
    this.data = new Uint32Array(n * dataWords);
    this.state = new Float64Array(n * stateSlots);
    this.#free = new Int32Array(n);
  }

  /** A new element with this key; everything else of it is the caller's to write. */
  add(octets: Uint8Array, offset: number, ends: Uint8Array = octets, endOffset: number = offset): number {
    const element = this.#freeCount > 0 ? i32(this.#free, --this.#freeCount) : this.#next();
    const at = element * this.keyLength;
    for (let i = 0; i < this.keyLength; i++) this.keys[at + i] = u8(octets, offset + i);
    if (this.ends.length > 0) for (let i = 0; i < this.keyLength; i++) this.ends[at + i] = u8(ends, endOffset + i);
    this.isUsed[element] = 1;
    this.count++;
    return element;
  }

  remove(element: number): void {
    this.isUsed[element] = 0;
    this.#free[this.#freeCount++] = element;
    this.count--;
  }

  isLive(element: number, nowNs: number): boolean {
    return f64(this.expiresNs, element) > nowNs;
  }

  #next(): number {
    if (this.bound === this.#capacity) {
      this.#capacity *= 2;
      this.keys = growU8(this.keys);
      if (this.ends.length > 0) this.ends = growU8(this.ends);
      this.isUsed = growU8(this.isUsed);
      this.expiresNs = growF64(this.expiresNs);
      this.timeoutNs = growF64(this.timeoutNs);
      if (this.dataWords > 0) this.data = growU32(this.data);
      if (this.stateSlots > 0) this.state = growF64(this.state);
      this.#free = growI32(this.#free);
    }
    return this.bound++;
  }
}
