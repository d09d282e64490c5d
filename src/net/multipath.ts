// Which next hop of a multipath route a flow takes: fib_rebalance, fib_multipath_hash and fib_select_multipath
// (net/ipv4/fib_semantics.c, route.c), rt6_multipath_rebalance and rt6_multipath_hash (net/ipv6/route.c).
import type { FlowKey } from './flow-key.ts';

/** net.ipv4.fib_multipath_hash_policy: addresses only, or addresses, protocol and ports. */
export type HashPolicy = 0 | 1;

/** Highest 31-bit hash that takes each next hop; the kernel's DIV_ROUND_CLOSEST(w << 31, total) - 1. */
export function upperBounds(weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return Float64Array.from(weights, (weight) => {
    sum += weight;
    return Math.floor((sum * 2 ** 31 + Math.floor(total / 2)) / total) - 1;
  });
}

/** Row of the next hop that a hash takes. */
export function selectNexthop(bounds: Float64Array, hash: number): number {
  for (let i = 0; i < bounds.length; i++) if (hash <= (bounds[i] as number)) return i;
  return bounds.length - 1;
}

/**
 * 31 bits, the same for both directions of a flow, as flow_hash_from_keys is (__flow_hash_consistentify).
 * SIMPLIFIED: hash-seed: the kernel's secret is random, ours a constant: flows are spread alike, not to the same hops.
 */
export function multipathHash4(key: FlowKey, daddr: number, policy: HashPolicy): number {
  const saddr = (key.saddr[0] as number) >>> 0;
  const target = daddr >>> 0;
  const isSwapped = target < saddr || (target === saddr && key.dport < key.sport);
  let hash = mix(0x9e3779b1, isSwapped ? target : saddr);
  hash = mix(hash, isSwapped ? saddr : target);
  return finish(hash, key, isSwapped, policy);
}

/** The same for IPv6; the destination's four words stand at `offset`. */
export function multipathHash6(key: FlowKey, daddr: Uint32Array, offset: number, policy: HashPolicy): number {
  let order = 0;
  for (let i = 0; i < 4 && order === 0; i++) order = (daddr[offset + i] as number) - (key.saddr[i] as number);
  const isSwapped = order < 0 || (order === 0 && key.dport < key.sport);
  let hash = 0x9e3779b1;
  for (let i = 0; i < 4; i++) {
    const a = key.saddr[i] as number;
    const b = daddr[offset + i] as number;
    hash = mix(mix(hash, isSwapped ? b : a), isSwapped ? a : b);
  }
  return finish(hash, key, isSwapped, policy);
}

function finish(start: number, key: FlowKey, isSwapped: boolean, policy: HashPolicy): number {
  let hash = start;
  if (policy === 1) {
    hash = mix(hash, key.protocol);
    const a = isSwapped ? key.dport : key.sport;
    const b = isSwapped ? key.sport : key.dport;
    hash = mix(hash, (a << 16) | b);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 1;
}

function mix(hash: number, word: number): number {
  const turned = Math.imul(word, 0xcc9e2d51);
  const step = hash ^ Math.imul((turned << 15) | (turned >>> 17), 0x1b873593);
  return (Math.imul((step << 13) | (step >>> 19), 5) + 0xe6546b64) | 0;
}
