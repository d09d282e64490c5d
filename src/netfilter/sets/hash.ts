// Exact keys by open addressing: stands for nft_hash, nft_hash_fast and nft_rhash (nft_set_hash.c), whose results are the
// same. The only backend that rules can add to and delete from.
import { i32, u8, u32 } from '../../base/columns.ts';
import type { SetBackend } from './backend.ts';
import type { Elements } from './elements.ts';

export class HashBackend implements SetBackend {
  readonly #elements: Elements;
  /** Element + 1; 0: empty. */
  #slots: Int32Array;
  #hashes: Uint32Array;
  #used = 0;

  constructor(elements: Elements) {
    this.#elements = elements;
    const size = 2 ** Math.ceil(Math.log2(Math.max(8, elements.count * 2 + 2)));
    this.#slots = new Int32Array(size);
    this.#hashes = new Uint32Array(size);
    for (let element = 0; element < elements.bound; element++) {
      if (elements.isUsed[element] === 1) this.insert(element);
    }
  }

  find(octets: Uint8Array, offset: number, nowNs: number): number {
    const element = this.findAny(octets, offset);
    return element >= 0 && this.#elements.isLive(element, nowNs) ? element : -1;
  }

  /** The element of a key, expired or not, or -1. */
  findAny(octets: Uint8Array, offset: number): number {
    const hash = hashOctets(octets, offset, this.#elements.keyLength);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const element = i32(this.#slots, slot) - 1;
      if (element < 0) return -1;
      if (u32(this.#hashes, slot) === hash && this.#isKey(element, octets, offset)) return element;
    }
  }

  /** Takes in an element whose key is not there yet. */
  insert(element: number): void {
    if ((this.#used + 1) * 2 > this.#slots.length) this.#rehash();
    const { keys, keyLength } = this.#elements;
    this.#place(element + 1, hashOctets(keys, element * keyLength, keyLength));
    this.#used++;
  }

  /** Forgets an element; later ones of the run move up. */
  remove(element: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const { keys, keyLength } = this.#elements;
    let hole = hashOctets(keys, element * keyLength, keyLength) & mask;
    while (i32(slots, hole) !== element + 1) hole = (hole + 1) & mask;
    this.#used--;
    for (let next = (hole + 1) & mask; i32(slots, next) !== 0; next = (next + 1) & mask) {
      const home = u32(this.#hashes, next) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      slots[hole] = i32(slots, next);
      this.#hashes[hole] = u32(this.#hashes, next);
      hole = next;
    }
    slots[hole] = 0;
  }

  #isKey(element: number, octets: Uint8Array, offset: number): boolean {
    const { keys, keyLength } = this.#elements;
    const at = element * keyLength;
    for (let i = 0; i < keyLength; i++) if (u8(keys, at + i) !== u8(octets, offset + i)) return false;
    return true;
  }

  #place(value: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (i32(this.#slots, slot) !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = value;
    this.#hashes[slot] = hash;
  }

  #rehash(): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    this.#slots = new Int32Array(slots.length * 2);
    this.#hashes = new Uint32Array(slots.length * 2);
    for (let slot = 0; slot < slots.length; slot++) {
      const value = i32(slots, slot);
      if (value !== 0) this.#place(value, u32(hashes, slot));
    }
  }
}

/** A hash of octets, well mixed in its low bits. */
export function hashOctets(octets: Uint8Array, offset: number, length: number): number {
  let hash = Math.imul(length, 0x9e3779b1);
  for (let i = 0; i < length; i++) {
    hash = Math.imul(hash ^ u8(octets, offset + i), 0x01000193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
