// Keys of one or two octets as bits (nft_set_bitmap.c). Only for plain sets: an element holds nothing but its key.
import { u8, u32 } from '../../base/columns.ts';
import type { SetBackend } from './backend.ts';
import type { Elements } from './elements.ts';

export class BitmapBackend implements SetBackend {
  readonly #bits: Uint32Array;
  readonly #isWide: boolean;

  constructor(elements: Elements) {
    this.#isWide = elements.keyLength > 1;
    this.#bits = new Uint32Array(this.#isWide ? 2048 : 8);
    for (let element = 0; element < elements.bound; element++) {
      const key = this.#key(elements.keys, element * elements.keyLength);
      this.#bits[key >>> 5] = u32(this.#bits, key >>> 5) | (1 << (key & 31));
    }
  }

  /** 0 when the key is there: which element it is plays no part in a plain set. */
  find(octets: Uint8Array, offset: number): number {
    const key = this.#key(octets, offset);
    return (u32(this.#bits, key >>> 5) >>> (key & 31)) & 1 ? 0 : -1;
  }

  #key(octets: Uint8Array, offset: number): number {
    return this.#isWide ? (u8(octets, offset) << 8) | u8(octets, offset + 1) : u8(octets, offset);
  }
}
