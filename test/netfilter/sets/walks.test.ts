// What look-ups do in the kernel's structures, counted: shapes and figures by hand from nft_set_rbtree.c, lib/rbtree.c,
// nft_set_pipapo.c and nft_set_pipapo_avx2.c.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WORK } from '../../../src/event/vocabulary.ts';
import { Elements } from '../../../src/netfilter/sets/elements.ts';
import { IntervalBackend } from '../../../src/netfilter/sets/interval.ts';
import { PipapoBackend } from '../../../src/netfilter/sets/pipapo.ts';
import { ascendingTree } from '../../../src/netfilter/sets/tree-walk.ts';

type Range = readonly [low: number[], high: number[]];

function elementsOf(keyLength: number, ranges: readonly Range[]): Elements {
  const elements = new Elements(keyLength, true, 0, 0, ranges.length);
  for (const [low, high] of ranges) {
    const element = elements.add(Uint8Array.from(low), 0, Uint8Array.from(high), 0);
    elements.expiresNs[element] = Number.POSITIVE_INFINITY;
  }
  return elements;
}

describe('a tree filled in ascending order', () => {
  test('has the shape that lib/rbtree.c gives it', () => {
    const { root, lesser, greater } = ascendingTree(7);
    expect([root, [...lesser], [...greater]]).toEqual([1, [-1, 0, -1, 2, -1, 4, -1], [-1, 3, -1, 5, -1, 6, -1]]);
  });

  test('holds all nodes in order, no deeper than a red-black tree may be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600 }), (size) => {
        const { root, lesser, greater } = ascendingTree(size);
        const order: number[] = [];
        let deepest = 0;
        const visit = (node: number, depth: number): void => {
          if (node < 0) return;
          deepest = Math.max(deepest, depth);
          visit(lesser[node] as number, depth + 1);
          order.push(node);
          visit(greater[node] as number, depth + 1);
        };
        visit(root, 1);
        expect(order).toEqual(Array.from({ length: size }, (_, index) => index));
        expect(deepest).toBeLessThanOrEqual(2 * Math.log2(size + 1));
      }),
    );
  });
});

/** Nodes met, those less than the key, rounds of memcmp(). */
function treeWork(ranges: readonly (readonly [number, number])[], key: number, isAnonymous = false): number[] {
  const octets = (value: number): number[] => [value >> 8, value & 255];
  const elements = elementsOf(
    2,
    ranges.map(([low, high]) => [octets(low), octets(high)]),
  );
  const amounts = new Float64Array(WORK['lookup-rbtree'].length);
  new IntervalBackend(elements, isAnonymous).countWork(Uint8Array.from(octets(key)), 0, amounts);
  return [...amounts];
}

describe('a look-up in a tree meets', () => {
  test.each([
    // Nodes: the end at 0, 256, the end at 512; the root is 256.
    ['the root alone, which is its key', [[256, 511]], 256, false, [1, 0, 2]],
    ['the root and what lies above it', [[256, 511]], 300, false, [2, 1, 3]],
    ['the root and the end at zero', [[256, 511]], 5, false, [2, 1, 3]],
    // Both ends of 0-255: no end at zero, the root is the start.
    ['no end at zero where an interval begins there', [[0, 255]], 7, false, [2, 1, 3]],
    ['no end of an interval that reaches to the highest key', [[65280, 65535]], 65281, false, [2, 2, 4]],
    ['nothing', [], 7, false, [0, 0, 0]],
    // The key is the end at 512: an anonymous set has no match there, a named one looks for an interval above.
    ['an end that is its key, and then gives up, in an anonymous set', [[256, 511]], 512, true, [2, 1, 3]],
  ] as const)('%s', (_, ranges, key, isAnonymous, expected) => {
    expect(treeWork(ranges, key, isAnonymous)).toEqual(expected);
  });

  test('one node less for each two intervals that touch, where the set is anonymous', () => {
    const touching = Array.from({ length: 50 }, (_, i) => [256 * (i + 1), 256 * (i + 2) - 1] as const);
    const [named] = treeWork(touching, 60000) as [number];
    const [anonymous] = treeWork(touching, 60000, true) as [number];
    expect(anonymous).toBeLessThan(named);
  });
});

/** What a look-up of a key of two fields of two octets (each padded to four) does, by name. */
function pipapoWork(ranges: readonly (readonly [number, number, number, number])[], key: readonly [number, number]) {
  const octets = (a: number, b: number): number[] => [a >> 8, a & 255, 0, 0, b >> 8, b & 255, 0, 0];
  const elements = elementsOf(
    8,
    ranges.map(([lowA, highA, lowB, highB]) => [octets(lowA, lowB), octets(highA, highB)]),
  );
  const amounts = new Float64Array(WORK['lookup-pipapo'].length);
  new PipapoBackend(elements, [2, 2]).countWork(Uint8Array.from(octets(...key)), 0, amounts);
  return Object.fromEntries(WORK['lookup-pipapo'].map((name, row) => [name, amounts[row]]));
}

describe('a look-up in pipapo', () => {
  test('ends with the first field in which nothing matches', () => {
    const work = pipapoWork([[1, 1, 80, 80]], [2, 80]);
    expect(work).toMatchObject({ field: 1, group: 2, scan: 1, block: 1, load: 2, hit: 0, match: 0 });
  });

  test('maps each rule that matches, and stops at the first of the last field', () => {
    const same = Array.from({ length: 100 }, (_, i) => [7, 7, 10 * i, 10 * i + 1] as const);
    const work = pipapoWork(same, [7, 5]);
    // 100 rules are two words; 10i … 10i+1 is one prefix.
    expect(work).toMatchObject({ field: 2, match: 100, spread: 0, scan: 4, hit: 1, group: 4 });
    expect(pipapoWork(same, [7, 10])).toMatchObject({ scan: 3, hit: 2 });
  });

  test('counts rules that stand for several of the next field', () => {
    // 1-6 is four prefixes: 1, 2-3, 4-5, 6.
    expect(pipapoWork([[7, 7, 1, 6]], [7, 3])).toMatchObject({ match: 1, spread: 1 });
  });

  test('by blocks of 256 rules from the one where a rule matched', () => {
    const many = Array.from({ length: 1000 }, (_, i) => [i, i, 5, 5] as const);
    expect(pipapoWork(many, [900, 5])).toMatchObject({ block: 4 + 1, clear: 0, hit: 2, match: 1 });
    expect(pipapoWork(many, [900, 5])).toMatchObject({ word: 16 + 2 * 16 + 2 * 16 });
  });

  test('clears the words that only a later field has', () => {
    const ranges = Array.from({ length: 200 }, (_, i) => [1, 1, 100 * i + 1, 100 * i + 6] as const);
    // 200 rules, then 800: four blocks against one.
    expect(pipapoWork(ranges, [2, 2])).toMatchObject({ clear: 12, block: 1 });
  });

  test('takes groups of four bits where eight would need more than 2 MiB', () => {
    const many = Array.from({ length: 33_000 }, (_, i) => [i, i, 5, 5] as const);
    expect(pipapoWork(many, [65000, 5])).toMatchObject({ group: 4, field: 1 });
  });
});
