// Numbers remembered for keys seen lately (direct-mapped): packets of a flow look the same keys up again and again, and
// walking a structure for each of them costs more than all else of the look-up.
import { f64, u8 } from '../../base/columns.ts';

/** A power of two. */
const SLOTS = 512;

export class KeyMemo {
  readonly #keyLength: number;
  readonly #isUsed = new Uint8Array(SLOTS);
  readonly #keys: Uint8Array;
  readonly #amounts: Float64Array;
  readonly #rows: number;
  /** The row of amounts that is being filled. */
  readonly #fresh: Float64Array;

  constructor(keyLength: number, rows: number) {
    this.#keyLength = keyLength;
    this.#rows = rows;
    this.#keys = new Uint8Array(SLOTS * keyLength);
    this.#amounts = new Float64Array(SLOTS * rows);
    this.#fresh = new Float64Array(rows);
  }

  /** Adds what `count` says of the key at `offset` to `amounts`; asks it only for keys that are not remembered. */
  add(
    octets: Uint8Array,
    offset: number,
    amounts: Float64Array,
    count: (octets: Uint8Array, offset: number, amounts: Float64Array) => void,
  ): void {
    const slot = this.#slotOf(octets, offset);
    const at = slot * this.#rows;
    if (!this.#holds(slot, octets, offset)) {
      const fresh = this.#fresh;
      fresh.fill(0);
      count(octets, offset, fresh);
      this.#amounts.set(fresh, at);
      this.#isUsed[slot] = 1;
      for (let i = 0; i < this.#keyLength; i++) this.#keys[slot * this.#keyLength + i] = u8(octets, offset + i);
    }
    for (let row = 0; row < this.#rows; row++) amounts[row] = f64(amounts, row) + f64(this.#amounts, at + row);
  }

  #slotOf(octets: Uint8Array, offset: number): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.#keyLength; i++) hash = Math.imul(hash ^ u8(octets, offset + i), 0x01000193);
    return (hash ^ (hash >>> 15)) & (SLOTS - 1);
  }

  #holds(slot: number, octets: Uint8Array, offset: number): boolean {
    if (this.#isUsed[slot] !== 1) return false;
    const at = slot * this.#keyLength;
    for (let i = 0; i < this.#keyLength; i++) if (u8(this.#keys, at + i) !== u8(octets, offset + i)) return false;
    return true;
  }
}
