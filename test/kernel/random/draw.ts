// Choices of a seeded generator.
import { Random } from '../../../src/base/random.ts';

/** Draws values; the same seed draws the same ones. */
export class Draw {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(Math.imul(seed, 2_654_435_761) >>> 0);
  }

  /** 0 … bound - 1. */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** low … high. */
  between(low: number, high: number): number {
    return low + this.#random.below(high - low + 1);
  }

  /** Any 32-bit number. */
  word(): number {
    return this.#random.next();
  }

  /** True one time in `n`. */
  oneIn(n: number): boolean {
    return this.#random.below(n) === 0;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.#random.below(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }

  /** Up to `most` different values, in their order. */
  some<T>(values: readonly T[], most: number): T[] {
    const chosen = new Set<number>();
    for (let i = this.#random.below(most + 1); i > 0; i--) chosen.add(this.#random.below(values.length));
    return values.filter((_, index) => chosen.has(index));
  }
}

/** Octets that compress: golden files keep whole frames. */
export function pattern(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) & 255);
}
