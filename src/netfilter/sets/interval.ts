// Ranges of one field, sorted by their lowest key and searched by halves: stands for nft_set_rbtree.c. The ranges of
// a set do not overlap, nft and the kernel see to that; should they, the one that starts last decides.
import { be16, be32, u8 } from '../../base/columns.ts';
import type { SetBackend } from './backend.ts';
import type { Elements } from './elements.ts';
import { TreeWalk } from './tree-walk.ts';

export class IntervalBackend implements SetBackend {
  readonly #elements: Elements;
  /** Element numbers by lowest key. */
  readonly #order: Int32Array;
  readonly #keyLength: number;
  /** Keys of up to four octets as numbers, in that order; else empty. */
  readonly #lows: Float64Array;
  readonly #highs: Float64Array;
  readonly #isAnonymous: boolean;
  #walk: TreeWalk | undefined;

  constructor(elements: Elements, isAnonymous = false) {
    this.#elements = elements;
    this.#isAnonymous = isAnonymous;
    const { keys, keyLength, ends } = elements;
    this.#keyLength = keyLength;
    const used: number[] = [];
    for (let element = 0; element < elements.bound; element++) if (elements.isUsed[element] === 1) used.push(element);
    used.sort((a, b) => compare(keys, a * keyLength, keys, b * keyLength, keyLength));
    this.#order = Int32Array.from(used);
    const short = keyLength <= 4;
    this.#lows = Float64Array.from(short ? used : [], (element) => numberAt(keys, element * keyLength, keyLength));
    this.#highs = Float64Array.from(short ? used : [], (element) => numberAt(ends, element * keyLength, keyLength));
  }

  find(octets: Uint8Array, offset: number, nowNs: number): number {
    const place = this.#keyLength <= 4 ? this.#findNumber(octets, offset) : this.#findOctets(octets, offset);
    if (place < 0) return -1;
    const element = this.#order[place] as number;
    return this.#elements.isLive(element, nowNs) ? element : -1;
  }

  countWork(octets: Uint8Array, offset: number, amounts: Float64Array): void {
    this.#walk ??= new TreeWalk(this.#elements, this.#order, this.#isAnonymous);
    this.#walk.count(octets, offset, amounts);
  }

  #findNumber(octets: Uint8Array, offset: number): number {
    const key = numberAt(octets, offset, this.#keyLength);
    const lows = this.#lows;
    let from = 0;
    let to = lows.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((lows[middle] as number) <= key) from = middle + 1;
      else to = middle;
    }
    return from > 0 && key <= (this.#highs[from - 1] as number) ? from - 1 : -1;
  }

  #findOctets(octets: Uint8Array, offset: number): number {
    const { keys, ends } = this.#elements;
    const order = this.#order;
    const length = this.#keyLength;
    let from = 0;
    let to = order.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (compare(keys, (order[middle] as number) * length, octets, offset, length) <= 0) from = middle + 1;
      else to = middle;
    }
    if (from === 0) return -1;
    return compare(octets, offset, ends, (order[from - 1] as number) * length, length) <= 0 ? from - 1 : -1;
  }
}

function numberAt(octets: Uint8Array, offset: number, length: number): number {
  switch (length) {
    case 4:
      return be32(octets, offset);
    case 2:
      return be16(octets, offset);
    case 1:
      return u8(octets, offset);
    default:
      return (be16(octets, offset) << 8) | u8(octets, offset + 2);
  }
}

function compare(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = u8(a, aAt + i) - u8(b, bAt + i);
    if (difference !== 0) return difference;
  }
  return 0;
}
