// Bob Jenkins' hash over 32-bit words as the kernel computes it (jhash2 of linux/jhash.h, lookup3): NAT picks
// an address of a range by it, without a secret, so that a client keeps its address.
import { u32 } from '../../base/columns.ts';

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Swaps the octets of a word: what a little-endian host reads where the packet has a big-endian one. */
export function swapOctets(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/** jhash2 of the four words of an address at `at`, as they lie in a little-endian kernel's memory. */
export function hashAddress(words: Uint32Array, at: number, initial: number): number {
  let a = (0xdeadbeef + (4 << 2) + initial) | 0;
  let b = a;
  let c = a;
  a = (a + swapOctets(u32(words, at))) | 0;
  b = (b + swapOctets(u32(words, at + 1))) | 0;
  c = (c + swapOctets(u32(words, at + 2))) | 0;
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
  a = (a + swapOctets(u32(words, at + 3))) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  return ((c ^ b) - rotate(b, 24)) >>> 0;
}
