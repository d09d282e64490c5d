// Where in an interval set a packet's key will probably lie: nft_rbtree.c walks dearer to the right than to the left (it
// compares the interval ends that it meets), so the cost of a look-up depends on it, and no event says which way it went.
import type { NftSet } from '../../bytecode/ruleset.ts';

/** Elements looked at, at most. */
const SAMPLES = 64;

/**
 * Part of a set's elements that a key is expected to lie above, 0 … 1: keys are taken to be unicast addresses, evenly spread,
 * and ports, evenly by their logarithm; one half for all else.
 */
export function expectedPosition(set: NftSet): number {
  const elements = set.elements.filter((element) => element.catchAll !== true);
  if (elements.length === 0) return 0.5;
  const above = ABOVE[set.keyTypes[0] ?? ''];
  if (above === undefined || set.keyTypes.length > 1) return 0.5;
  const step = Math.max(1, Math.floor(elements.length / SAMPLES));
  let sum = 0;
  let count = 0;
  for (let at = 0; at < elements.length; at += step) {
    const key = elements[at]?.key;
    if (key === undefined) continue;
    sum += Math.min(1, Math.max(0, above(key)));
    count++;
  }
  return count === 0 ? 0.5 : sum / count;
}

/** Probability that a key is greater than an element, by the type of the key. */
const ABOVE: { readonly [type: string]: (element: Uint8Array) => number } = {
  ipv4_addr: (key) => 1 - (octets(key) / 65536 - 1) / 222,
  ipv6_addr: (key) => 1 - (octets(key) - 0x2001) / (0x2a10 - 0x2001),
  inet_service: (key) => 1 - Math.log(Math.max(1, octets(key))) / Math.log(65536),
};

/** The first octets as a number: an IPv4 address as 16.16 bits, the first 16 bits of all else. */
function octets(key: Uint8Array): number {
  const at = (index: number) => key[index] ?? 0;
  return key.length === 4 ? (at(0) * 256 + at(1)) * 256 + at(2) : at(0) * 256 + at(1);
}

/**
 * Lines of nft_set_pipapo.c's look-up tables for one element, times the octets of the field: a range becomes one rule for each
 * prefix in it, and each octet of a key is a look-up over all rules of its field.
 */
export function pipapoOctetRules(set: NftSet): number {
  const elements = set.elements.filter((element) => element.catchAll !== true);
  if (elements.length === 0) return set.keyLength;
  const step = Math.max(1, Math.floor(elements.length / SAMPLES));
  let sum = 0;
  let count = 0;
  for (let at = 0; at < elements.length; at += step) {
    const element = elements[at];
    if (element === undefined) continue;
    let from = 0;
    for (const length of set.keyFieldLengths) {
      const low = element.key.subarray(from, from + length);
      sum += length * (element.keyEnd === undefined ? 1 : prefixes(low, element.keyEnd.subarray(from, from + length)));
      from += (length + 3) & ~3;
    }
    count++;
  }
  return sum / count;
}

/** Prefixes that a range of values falls into. */
function prefixes(low: Uint8Array, high: Uint8Array): number {
  const value = (octets: Uint8Array) => octets.reduce((number, octet) => (number << 8n) | BigInt(octet), 0n);
  const end = value(high);
  let at = value(low);
  let count = 0;
  while (at <= end && count < 256) {
    let size = 1n;
    while ((at & ((size << 1n) - 1n)) === 0n && at + (size << 1n) - 1n <= end) size <<= 1n;
    at += size;
    count++;
  }
  return Math.max(1, count);
}
