// pcapng timestamps: a 64-bit count of 10^-n or 2^-n seconds (draft-ietf-opsawg-pcapng, if_tsresol, if_tsoffset) to
// seconds and nanoseconds, exactly and without BigInt: 64 bits are divided in steps that fit a double's 53.

/** if_tsresol of an interface that does not say: microseconds. */
export const DEFAULT_RESOLUTION = 6;
const TWO_21 = 2 ** 21;
const TWO_32 = 2 ** 32;
const TWO_42 = 2 ** 42;

/** Converts timestamps of one interface; the result is in `seconds` and `nanos`. */
export class TimestampUnit {
  seconds = 0;
  /** 0 … 999,999,999; finer resolutions are rounded down. */
  nanos = 0;
  readonly #isBinary: boolean;
  readonly #exponent: number;
  /** Units per second, when at most 10^9. */
  readonly #unit: number;
  readonly #nanosPerUnit: number;
  readonly #offsetSeconds: number;

  /** `resolution`: the octet of if_tsresol; isKnownResolution() must hold. */
  constructor(resolution: number, offsetSeconds: number) {
    this.#isBinary = (resolution & 0x80) !== 0;
    this.#exponent = resolution & 0x7f;
    this.#unit = 10 ** Math.min(this.#exponent, 9);
    this.#nanosPerUnit = 1e9 / this.#unit;
    this.#offsetSeconds = offsetSeconds;
  }

  /** Takes the two halves of a timestamp. */
  set(high: number, low: number): void {
    if (this.#isBinary) this.#setBinary(high, low);
    else if (this.#exponent > 9) this.#setFine(high, low);
    else if (high < 0x100000) this.#setShort(high * TWO_32 + low);
    else this.#setLong(high, low);
    this.seconds += this.#offsetSeconds;
  }

  // Below 2^52 one division is exact.
  #setShort(value: number): void {
    const seconds = Math.floor(value / this.#unit);
    this.seconds = seconds;
    this.nanos = (value - seconds * this.#unit) * this.#nanosPerUnit;
  }

  // Long division with digits of 22, 21 and 21 bits: a remainder has 30 bits at most.
  #setLong(high: number, low: number): void {
    const unit = this.#unit;
    const first = high >>> 10;
    const firstQuotient = Math.floor(first / unit);
    const second = (first - firstQuotient * unit) * TWO_21 + (((high & 0x3ff) << 11) | (low >>> 21));
    const secondQuotient = Math.floor(second / unit);
    const third = (second - secondQuotient * unit) * TWO_21 + (low & 0x1fffff);
    const thirdQuotient = Math.floor(third / unit);
    this.seconds = firstQuotient * TWO_42 + secondQuotient * TWO_21 + thirdQuotient;
    this.nanos = (third - thirdQuotient * unit) * this.#nanosPerUnit;
  }

  // 10^-10 … 10^-19: first to nanoseconds with digits of 16 bits, then as nanoseconds.
  #setFine(high: number, low: number): void {
    const divisor = 10 ** (this.#exponent - 9);
    let remainder = high >>> 16;
    const a = Math.floor(remainder / divisor);
    remainder = (remainder - a * divisor) * 65536 + (high & 0xffff);
    const b = Math.floor(remainder / divisor);
    remainder = (remainder - b * divisor) * 65536 + (low >>> 16);
    const c = Math.floor(remainder / divisor);
    remainder = (remainder - c * divisor) * 65536 + (low & 0xffff);
    const d = Math.floor(remainder / divisor);
    this.#setLong(a * 65536 + b, c * 65536 + d);
  }

  #setBinary(high: number, low: number): void {
    const bits = this.#exponent;
    let fraction: number;
    if (bits <= 32) {
      const units = 2 ** bits;
      const lowSeconds = Math.floor(low / units);
      this.seconds = high * 2 ** (32 - bits) + lowSeconds;
      fraction = (low - lowSeconds * units) / units;
    } else {
      const units = 2 ** (bits - 32);
      this.seconds = Math.floor(high / units);
      fraction = ((high - this.seconds * units) * TWO_32 + low) / 2 ** bits;
    }
    this.nanos = Math.min(Math.floor(fraction * 1e9), 999_999_999);
  }
}

/** Whether a 64-bit count can hold a second of this resolution (libpcap draws the same line). */
export function isKnownResolution(resolution: number): boolean {
  return (resolution & 0x80) !== 0 ? (resolution & 0x7f) <= 63 : resolution <= 19;
}
