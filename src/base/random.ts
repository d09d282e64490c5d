// Seeded randomness (xorshift128), so that a replay of the same input gives the same output.

/** A deterministic source of 32-bit values. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  constructor(seed: number) {
    this.#a = (seed ^ 0x9e3779b9) >>> 0 || 1;
    this.#b = Math.imul(seed | 1, 0x85ebca6b) >>> 0;
    this.#c = 0xc2b2ae35;
    this.#d = 0x27d4eb2f;
    for (let i = 0; i < 16; i++) this.next();
  }
  /** The next value, 0 … 2^32 - 1. */
  next(): number {
    let t = this.#d;
    const s = this.#a;
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.#a = (t ^ s ^ (s >>> 19)) >>> 0;
    return this.#a;
  }
  /** A value 0 … bound - 1 as the kernel's get_random_u32_below. */
  below(bound: number): number {
    return Math.floor((this.next() / 4294967296) * bound);
  }
}
