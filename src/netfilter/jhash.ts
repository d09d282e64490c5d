// Bob Jenkins' hash as the kernel computes it (linux/jhash.h, lookup3): `jhash` expressions, and NAT's choice of an
// address of a range.
import { putBe32, u8, u32 } from '../base/columns.ts';

/** Bob Jenkins' lookup3 as linux/jhash.h has it, over octets in little-endian words. */
export function jhash(octets: Uint8Array, at: number, length: number, seed: number): number {
  let a = (0xdeadbeef + length + seed) | 0;
  let b = a;
  let c = a;
  let from = at;
  let rest = length;
  while (rest > 12) {
    a = (a + word(octets, from, 4)) | 0;
    b = (b + word(octets, from + 4, 4)) | 0;
    c = (c + word(octets, from + 8, 4)) | 0;
    a = (a - c) ^ rotate(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ rotate(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 4);
    b = (b + a) | 0;
    rest -= 12;
    from += 12;
  }
  if (rest === 0) return c >>> 0;
  a = (a + word(octets, from, Math.min(4, rest))) | 0;
  if (rest > 4) b = (b + word(octets, from + 4, Math.min(4, rest - 4))) | 0;
  if (rest > 8) c = (c + word(octets, from + 8, rest - 8)) | 0;
  c = (c ^ b) - rotate(b, 14);
  a = (a ^ c) - rotate(c, 11);
  b = (b ^ a) - rotate(a, 25);
  c = (c ^ b) - rotate(b, 16);
  a = (a ^ c) - rotate(c, 4);
  b = (b ^ a) - rotate(a, 14);
  c = (c ^ b) - rotate(b, 24);
  return c >>> 0;
}

function word(octets: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value |= u8(octets, at + i) << (8 * i);
  return value;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Swaps the octets of a word: what a little-endian host reads where the packet has a big-endian one. */
export function swapOctets(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

const ADDRESS = new Uint8Array(16);

/** jhash2 of the four words of an address at `at`, as their octets lie in a packet (16 octets: jhash2 and jhash agree). */
export function hashAddress(words: Uint32Array, at: number, initial: number): number {
  for (let i = 0; i < 4; i++) putBe32(ADDRESS, i * 4, u32(words, at + i));
  return jhash(ADDRESS, 0, 16, initial);
}
