// Latencies by logarithmic classes: 64 to an octave, read off the exponent and the first six bits of the fraction of a
// double, so that counting is two loads and an addition.
import { f64 } from '../base/columns.ts';

const SUB_BITS = 6;
const SUBS = 1 << SUB_BITS;
/** Classes start at 2^0 ns; 2^42 ns are 73 minutes. */
const OCTAVES = 42;
const BIAS = 1023;

/** A quantile is off by at most this part of it: half a class (below 1 ns: by 1 ns). */
export const LATENCY_ERROR = 1 / (2 * SUBS);

const scratch = new Float64Array(1);
const halves = new Uint32Array(scratch.buffer);
/** Index of the half that holds sign, exponent and the fraction's upper bits. */
const UPPER = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** Counts values in nanoseconds. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(OCTAVES * SUBS);
  #count = 0;
  // Doubles from the start (base/columns.ts).
  #sum = -0;
  #maximum = -0;

  add(valueNs: number): void {
    this.#count++;
    this.#sum += valueNs;
    if (valueNs > this.#maximum) this.#maximum = valueNs;
    scratch[0] = valueNs;
    const row = ((halves[UPPER] as number) >>> (20 - SUB_BITS)) - (BIAS << SUB_BITS);
    const index = row < 0 ? 0 : row >= OCTAVES * SUBS ? OCTAVES * SUBS - 1 : row;
    this.#counts[index] = f64(this.#counts, index) + 1;
  }

  get count(): number {
    return this.#count;
  }
  get mean(): number {
    return this.#count > 0 ? this.#sum / this.#count : 0;
  }
  get maximum(): number {
    return this.#maximum + 0;
  }

  /** The middle of the class in which the value lies that `share` of all do not exceed; 0 when there are none. */
  quantile(share: number): number {
    const wanted = this.#count * share;
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += f64(this.#counts, index);
      if (seen > 0 && seen >= wanted) return Math.min(this.#maximum, classMiddle(index));
    }
    return 0;
  }
}

function classMiddle(index: number): number {
  const octave = 2 ** (index >>> SUB_BITS);
  return octave * (1 + ((index & (SUBS - 1)) + 0.5) / SUBS);
}
