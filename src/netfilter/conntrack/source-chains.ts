// Connections by their original source, newest first, so that NAT maps the same source the same way again
// (nf_nat_bysource of nf_nat_core.c). Chained by columns; the hash covers source address, source port and protocol.
import { growI32, growU32, i32, u32 } from '../../base/columns.ts';

/** Chains over entry numbers; first() and next() walk one, which may hold other sources too. */
export class SourceChains {
  #heads: Int32Array;
  #next: Int32Array;
  #previous: Int32Array;
  #hashes: Uint32Array;

  constructor(capacity: number) {
    this.#heads = new Int32Array(capacity).fill(-1);
    this.#next = new Int32Array(capacity).fill(-1);
    this.#previous = new Int32Array(capacity).fill(-1);
    this.#hashes = new Uint32Array(capacity);
  }

  /** First entry of the chain of a tuple's source, or -1. */
  first(tuple: Uint32Array, at: number): number {
    return i32(this.#heads, hashSource(tuple, at) & (this.#heads.length - 1));
  }
  /** The entry after one, or -1. */
  next(entry: number): number {
    return i32(this.#next, entry);
  }

  /** Puts an entry before the others of its source. */
  add(entry: number, tuple: Uint32Array, at: number): void {
    this.#hashes[entry] = hashSource(tuple, at);
    this.#link(entry);
  }

  /** Takes an entry out. */
  remove(entry: number): void {
    const next = i32(this.#next, entry);
    const previous = i32(this.#previous, entry);
    if (previous < 0) this.#heads[u32(this.#hashes, entry) & (this.#heads.length - 1)] = next;
    else this.#next[previous] = next;
    if (next >= 0) this.#previous[next] = previous;
  }

  /** Makes room for entries 0 … capacity - 1, and chains short again. */
  grow(capacity: number): void {
    const heads = this.#heads;
    const next = this.#next;
    this.#heads = new Int32Array(capacity).fill(-1);
    this.#next = growI32(next, capacity);
    this.#previous = growI32(this.#previous, capacity);
    this.#hashes = growU32(this.#hashes, capacity);
    for (let i = 0; i < heads.length; i++) {
      // From the oldest to the newest, so that each chain keeps its order.
      let entry = i32(heads, i);
      while (entry >= 0 && i32(next, entry) >= 0) entry = i32(next, entry);
      while (entry >= 0) {
        const newer = i32(this.#previous, entry);
        this.#link(entry);
        entry = newer;
      }
    }
  }

  #link(entry: number): void {
    const bucket = u32(this.#hashes, entry) & (this.#heads.length - 1);
    const head = i32(this.#heads, bucket);
    this.#next[entry] = head;
    this.#previous[entry] = -1;
    if (head >= 0) this.#previous[head] = entry;
    this.#heads[bucket] = entry;
  }
}

function hashSource(tuple: Uint32Array, at: number): number {
  let h = Math.imul(u32(tuple, at) ^ 0x9e3779b9, 0x85ebca6b);
  for (let i = 1; i < 4; i++) h = Math.imul((h ^ (h >>> 15)) + u32(tuple, at + i), 0xc2b2ae35);
  h = Math.imul((h ^ (h >>> 13)) + (u32(tuple, at + 8) >>> 16), 0x85ebca6b);
  // Without the zone: the chain holds all of them.
  h = Math.imul((h ^ (h >>> 16)) + (u32(tuple, at + 9) & 0xffff), 0xc2b2ae35);
  return (h ^ (h >>> 15)) >>> 0;
}
