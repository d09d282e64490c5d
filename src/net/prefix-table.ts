// Longest prefix match: one open-addressing hash for each prefix length that occurs, longest first. Routers have three to
// ten lengths, so a lookup is that many probes; nothing is allocated. (The kernel has an LC-trie, net/ipv4/fib_trie.c, and
// a radix tree, net/ipv6/ip6_fib.c; the answer is the same, proved against linearPrefixMatch.)

/** A prefix: `words` has one word (IPv4) or four (IPv6). */
export interface PrefixEntry {
  words: Uint32Array;
  length: number;
}

/** The reference: index of the longest entry that holds `address`, the first of equals; -1 when none does. */
export function linearPrefixMatch(entries: readonly PrefixEntry[], address: Uint32Array): number {
  let best = -1;
  let bestLength = -1;
  entries.forEach((entry, i) => {
    if (entry.length > bestLength && holds(entry, address)) {
      best = i;
      bestLength = entry.length;
    }
  });
  return best;
}

/** Whether the prefix holds the address (reference; not for the hot path). */
export function holds(entry: PrefixEntry, address: Uint32Array): boolean {
  return entry.words.every((word, i) => ((word ^ (address[i] as number)) & wordMask(entry.length, i)) === 0);
}

/** Netmask of word `i` for a prefix length. */
export function wordMask(length: number, i: number): number {
  const bits = length - 32 * i;
  return bits <= 0 ? 0 : bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

/** A fixed set of prefixes. Equal prefixes: the first one is found. */
export class PrefixTable {
  readonly #wordCount: 1 | 4;
  /** Lengths that occur, descending. */
  readonly #lengths: Uint8Array;
  /** [level * 4 + word]. */
  readonly #masks: Uint32Array;
  /** Slots of all levels share one table; the level is part of the hash. -1 or entry index. */
  readonly #slots: Int32Array;
  /** [entry * 4 + word], masked. */
  readonly #keys: Uint32Array;
  readonly #entryLevel: Uint8Array;
  /** Level of the last match, for `next`. */
  #level = 0;

  constructor(wordCount: 1 | 4, entries: readonly PrefixEntry[]) {
    this.#wordCount = wordCount;
    this.#lengths = Uint8Array.from(new Set(entries.map((entry) => entry.length)))
      .sort()
      .reverse();
    this.#masks = new Uint32Array(this.#lengths.length * 4);
    this.#lengths.forEach((length, level) => {
      for (let i = 0; i < wordCount; i++) this.#masks[level * 4 + i] = wordMask(length, i);
    });
    let size = 16;
    while (size < entries.length * 2) size *= 2;
    this.#slots = new Int32Array(size).fill(-1);
    this.#keys = new Uint32Array(entries.length * 4);
    this.#entryLevel = new Uint8Array(entries.length);
    entries.forEach((entry, index) => {
      this.#insert(entry, index);
    });
  }

  #insert(entry: PrefixEntry, index: number): void {
    const level = this.#lengths.indexOf(entry.length);
    for (let i = 0; i < this.#wordCount; i++) {
      this.#keys[index * 4 + i] = (entry.words[i] as number) & (this.#masks[level * 4 + i] as number);
    }
    this.#entryLevel[index] = level;
    const k = index * 4;
    const keys = this.#keys;
    const [a = 0, b = 0, c = 0, d = 0] = keys.subarray(k, k + 4);
    const slot = this.#probe(level, a, b, c, d);
    if (this.#slots[slot] === -1) this.#slots[slot] = index;
  }

  /** Index of the longest prefix that holds the IPv4 address; -1: none. */
  match4(address: number): number {
    this.#level = -1;
    return this.next4(address);
  }

  /** The next shorter prefix that holds the same address as the last match; -1: none. */
  next4(address: number): number {
    for (let level = this.#level + 1; level < this.#lengths.length; level++) {
      const masked = (address & (this.#masks[level * 4] as number)) >>> 0;
      const index = this.#slots[this.#probe(level, masked, 0, 0, 0)] as number;
      if (index >= 0) {
        this.#level = level;
        return index;
      }
    }
    this.#level = this.#lengths.length;
    return -1;
  }

  /** Index of the longest prefix that holds the IPv6 address (four words from `offset`); -1: none. */
  match6(words: Uint32Array, offset: number): number {
    this.#level = -1;
    return this.next6(words, offset);
  }

  /** The next shorter prefix that holds the same address as the last match; -1: none. */
  next6(words: Uint32Array, offset: number): number {
    const masks = this.#masks;
    for (let level = this.#level + 1; level < this.#lengths.length; level++) {
      const m = level * 4;
      const a = ((words[offset] as number) & (masks[m] as number)) >>> 0;
      const b = ((words[offset + 1] as number) & (masks[m + 1] as number)) >>> 0;
      const c = ((words[offset + 2] as number) & (masks[m + 2] as number)) >>> 0;
      const d = ((words[offset + 3] as number) & (masks[m + 3] as number)) >>> 0;
      const index = this.#slots[this.#probe(level, a, b, c, d)] as number;
      if (index >= 0) {
        this.#level = level;
        return index;
      }
    }
    this.#level = this.#lengths.length;
    return -1;
  }

  /** The slot of this key, or the free one where it would go. */
  #probe(level: number, a: number, b: number, c: number, d: number): number {
    const keys = this.#keys;
    const mask = this.#slots.length - 1;
    let hash = Math.imul(a ^ Math.imul(level + 1, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul((hash ^ (hash >>> 15)) + b, 0xc2b2ae35);
    hash = Math.imul((hash ^ (hash >>> 13)) + c, 0x27d4eb2f);
    hash = Math.imul((hash ^ (hash >>> 16)) + d, 0x165667b1);
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const index = this.#slots[slot] as number;
      if (index < 0) return slot;
      const k = index * 4;
      if (
        this.#entryLevel[index] === level &&
        keys[k] === a &&
        keys[k + 1] === b &&
        keys[k + 2] === c &&
        keys[k + 3] === d
      ) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
  }
}
