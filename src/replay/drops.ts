// Counts packets by why they ended, without allocation for reasons already met.
import { f64, growF64 } from '../base/columns.ts';
import type { DropCount } from './result.ts';

/** Rules and chains that one ruleset can have apart in a key. */
const DETAILS = 1 << 25;

/** Packets and octets by reason and rule (or chain). */
export class DropFold {
  readonly #rows = new Map<number, number>();
  #packets: Float64Array = new Float64Array(64);
  #bytes: Float64Array = new Float64Array(64);

  /** Counts one packet; `detail` is -1 when the reason has none. */
  add(reason: number, detail: number, octets: number): void {
    const key = reason * DETAILS + detail + 1;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#rows.size;
      this.#rows.set(key, row);
      if (row >= this.#packets.length) {
        this.#packets = growF64(this.#packets);
        this.#bytes = growF64(this.#bytes);
      }
    }
    this.#packets[row] = f64(this.#packets, row) + 1;
    this.#bytes[row] = f64(this.#bytes, row) + octets;
  }

  /** All rows, most packets first; ties by reason and detail, so that the order is that of the input alone. */
  counts(): DropCount[] {
    return sortDrops(
      [...this.#rows].map(([key, row]) => ({
        reason: Math.floor(key / DETAILS),
        detail: (key % DETAILS) - 1,
        packets: f64(this.#packets, row),
        bytes: f64(this.#bytes, row),
      })),
    );
  }
}

/** Most packets first. */
export function sortDrops(rows: DropCount[]): DropCount[] {
  return rows.sort((a, b) => b.packets - a.packets || a.reason - b.reason || a.detail - b.detail);
}
