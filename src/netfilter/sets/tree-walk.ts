// What a look-up does in nft_set_rbtree.c, counted: each interval is two nodes, its first key and the one behind its last.
// nft sends elements in ascending order, and a red-black tree filled so (lib/rbtree.c) is even on one side and up to twice
// as deep on the other. A node costs a call of memcmp(), one less than the key another, and memcmp() goes octet by octet.
// Left out: the order of elements that an update brings, elements that have expired.
import { f64, i32, u8 } from '../../base/columns.ts';
import { WORK } from '../../event/vocabulary.ts';
import type { Elements } from './elements.ts';

const [NODE, LESSER, STEP] = WORK['lookup-rbtree'].map((_, row) => row) as [number, number, number];
/** memcmp() of lib/string.c compares so many octets at once, while there are so many. */
const WORD = 8;

export class TreeWalk {
  readonly #keys: Uint8Array;
  readonly #isEnd: Uint8Array;
  readonly #keyLength: number;
  readonly #tree: Tree;
  readonly #isAnonymous: boolean;

  /** `order`: element numbers by lowest key. */
  constructor(elements: Elements, order: Int32Array, isAnonymous: boolean) {
    const length = elements.keyLength;
    const keys = new Uint8Array((2 * order.length + 1) * length);
    const isEnd = new Uint8Array(2 * order.length + 1);
    let nodes = 0;
    for (const element of order) {
      const start = element * length;
      // nft begins with an end at zero, unless an interval does.
      if (nodes === 0 && !isZero(elements.keys, start, length)) isEnd[nodes++] = 1;
      keys.set(elements.keys.subarray(start, start + length), nodes * length);
      // Intervals of an anonymous map that touch: the end of the first is left out.
      const before = nodes - 1;
      if (
        isAnonymous &&
        before > 0 &&
        isEnd[before] === 1 &&
        compare(keys, before * length, keys, nodes * length, length) === 0
      ) {
        isEnd[before] = 0;
      } else nodes++;
      keys.set(elements.ends.subarray(start, start + length), nodes * length);
      // What reaches to the highest key has no end.
      if (increment(keys, nodes * length, length)) isEnd[nodes++] = 1;
    }
    this.#keys = keys;
    this.#isEnd = isEnd;
    this.#keyLength = length;
    this.#isAnonymous = isAnonymous;
    this.#tree = ascendingTree(nodes);
  }

  /** Adds what one look-up of the key at `offset` does (rows of WORK). */
  count(octets: Uint8Array, offset: number, amounts: Float64Array): void {
    const length = this.#keyLength;
    const keys = this.#keys;
    const { lesser, greater } = this.#tree;
    let nodes = 0;
    let less = 0;
    let steps = 0;
    let interval = -1;
    for (let node = this.#tree.root; node >= 0; ) {
      nodes++;
      steps += compareSteps(keys, node * length, octets, offset, length);
      const difference = compare(keys, node * length, octets, offset, length);
      if (difference > 0) {
        node = i32(lesser, node);
        continue;
      }
      const isEnd = this.#isEnd[node] === 1;
      if (difference === 0) {
        if (!isEnd || this.#isAnonymous) break;
        interval = -1;
      } else {
        less++;
        if (interval >= 0) steps += compareSteps(keys, node * length, keys, interval * length, length);
        const isTwin =
          interval >= 0 &&
          isEnd &&
          this.#isEnd[interval] === 0 &&
          compare(keys, node * length, keys, interval * length, length) === 0;
        if (!isTwin) interval = node;
      }
      node = i32(greater, node);
    }
    amounts[NODE] = f64(amounts, NODE) + nodes;
    amounts[LESSER] = f64(amounts, LESSER) + less;
    amounts[STEP] = f64(amounts, STEP) + steps;
  }
}

/** A red-black tree whose node numbers are the order of its keys; -1: none. */
export interface Tree {
  root: number;
  /** Child on the side of lower keys, and of higher ones. */
  lesser: Int32Array;
  greater: Int32Array;
}

/** The tree that `size` ascending insertions make: __rb_insert(), of which only the cases of one side arise. */
export function ascendingTree(size: number): Tree {
  const lesser = new Int32Array(size).fill(-1);
  const greater = new Int32Array(size).fill(-1);
  const parent = new Int32Array(size).fill(-1);
  const isRed = new Uint8Array(size).fill(1);
  let root = size === 0 ? -1 : 0;
  if (size > 0) isRed[0] = 0;
  for (let inserted = 1; inserted < size; inserted++) {
    greater[inserted - 1] = inserted;
    parent[inserted] = inserted - 1;
    let node = inserted;
    for (let up = i32(parent, node); up >= 0 && isRed[up] === 1; up = i32(parent, node)) {
      const grand = i32(parent, up);
      const uncle = i32(lesser, grand);
      isRed[up] = 0;
      isRed[grand] = 1;
      if (uncle >= 0 && isRed[uncle] === 1) {
        isRed[uncle] = 0;
        node = grand;
        continue;
      }
      const child = i32(lesser, up);
      greater[grand] = child;
      if (child >= 0) parent[child] = grand;
      const above = i32(parent, grand);
      parent[up] = above;
      if (above < 0) root = up;
      else greater[above] = up;
      lesser[up] = grand;
      parent[grand] = up;
      break;
    }
    isRed[root] = 0;
  }
  return { root, lesser, greater };
}

function compare(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = u8(a, aAt + i) - u8(b, bAt + i);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Rounds of the loops of memcmp(): over words that are equal, then over octets up to the first that is not. */
function compareSteps(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): number {
  let common = 0;
  while (common < length && u8(a, aAt + common) === u8(b, bAt + common)) common++;
  const words = Math.floor(common / WORD);
  return words + Math.min(common + 1, length) - words * WORD;
}

function isZero(octets: Uint8Array, offset: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (u8(octets, offset + i) !== 0) return false;
  return true;
}

/** Adds one to a number of `length` octets; false when it was the highest. */
function increment(octets: Uint8Array, offset: number, length: number): boolean {
  for (let i = length - 1; i >= 0; i--) {
    const next = (u8(octets, offset + i) + 1) & 0xff;
    octets[offset + i] = next;
    if (next !== 0) return true;
  }
  return false;
}
