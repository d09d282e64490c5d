// What a look-up does in nft_set_pipapo.c and nft_set_pipapo_avx2.c, counted: for each field, the buckets of its groups of bits are
// ANDed over as many words as its rules fill, and each rule that matches is mapped to those of the next field. A table of more
// than 2 MiB has groups of four bits instead of eight. Which rows are paid depends on the machine: with AVX2 by blocks of 256
// rules, and blocks in which nothing matches cost less; elsewhere by words of 64. Left out: elements that have expired.
import { f64, u8, u32 } from '../../base/columns.ts';
import { WORK } from '../../event/vocabulary.ts';
import type { Field } from './pipapo.ts';

const row = (name: (typeof WORK)['lookup-pipapo'][number]): number => WORK['lookup-pipapo'].indexOf(name);
const FIELD = row('field');
const GROUP = row('group');
const WORD = row('word');
const SCAN = row('scan');
const CLEAR = row('clear');
const BLOCK = row('block');
const LOAD = row('load');
const HIT = row('hit');
const MATCH = row('match');
const SPREAD = row('spread');
/** NFT_PIPAPO_LT_SIZE_HIGH. */
const LARGE_TABLE_OCTETS = 1 << 21;
/** Rules of a word (unsigned long) and of a register of AVX2; our words have 32. */
const WORD_RULES = 64;
const BLOCK_RULES = 256;
const OUR_WORDS_OF_BLOCK = 8;

export class PipapoWalk {
  readonly #fields: readonly Field[];
  readonly #mostWords: number;
  readonly #clearedWords: number;
  #current: Uint32Array;
  #next: Uint32Array;

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    // Whole blocks, so that none needs a look at where the bitmap ends.
    const words = Math.max(1, ...fields.map((field) => field.words));
    const size = Math.ceil(words / OUR_WORDS_OF_BLOCK) * OUR_WORDS_OF_BLOCK;
    this.#mostWords = Math.max(0, ...fields.map((field) => longs(field, WORD_RULES)));
    const blocks = fields.map((field) => longs(field, BLOCK_RULES));
    this.#clearedWords = (Math.max(0, ...blocks) - (blocks[0] ?? 0)) * (BLOCK_RULES / WORD_RULES);
    this.#current = new Uint32Array(size);
    this.#next = new Uint32Array(size);
  }

  /** Adds what one look-up of the key at `offset` does (rows of WORK). */
  count(octets: Uint8Array, offset: number, amounts: Float64Array): void {
    const fields = this.#fields;
    const last = fields.length - 1;
    this.#current.fill(0xffffffff);
    add(amounts, WORD, this.#mostWords); // pipapo_resmap_init, pipapo_resmap_init_avx2
    add(amounts, CLEAR, this.#clearedWords);
    let firstBlock = 0;
    for (let f = 0; f <= last; f++) {
      const field = fields[f] as Field;
      const groups = groupsOf(field, WORD_RULES);
      add(amounts, FIELD, 1);
      add(amounts, GROUP, groups);
      add(amounts, WORD, groups * longs(field, WORD_RULES));
      this.#countBlocks(field, firstBlock, f === 0, octets, offset + field.offset, amounts);
      const lowest = this.#lowest(field);
      // pipapo_refill: all words, in the last field those up to the first match.
      const isEnd = f === last && lowest >= 0;
      add(amounts, SCAN, isEnd ? (lowest >>> 6) + 1 : longs(field, WORD_RULES));
      if (lowest < 0 || f === last) return;
      firstBlock = this.#follow(field, amounts);
    }
  }

  /** ANDs the field's buckets, block by block as AVX2 does, into #current. */
  #countBlocks(
    field: Field,
    from: number,
    isFirst: boolean,
    octets: Uint8Array,
    at: number,
    amounts: Float64Array,
  ): void {
    const groups = groupsOf(field, BLOCK_RULES);
    const blocks = Math.ceil(field.rules / BLOCK_RULES);
    for (let block = 0; block < blocks; block++) {
      const before = this.#anyIn(block);
      this.#match(field, block, octets, at);
      if (block < from) continue;
      add(amounts, BLOCK, 1);
      add(amounts, LOAD, isFirst || before ? groups : Math.min(4, groups));
      if (this.#anyIn(block)) add(amounts, HIT, 1);
    }
  }

  #anyIn(block: number): boolean {
    for (let word = block * OUR_WORDS_OF_BLOCK; word < (block + 1) * OUR_WORDS_OF_BLOCK; word++) {
      if (u32(this.#current, word) !== 0) return true;
    }
    return false;
  }

  #match(field: Field, block: number, octets: Uint8Array, at: number): void {
    const { buckets, words, length } = field;
    const end = Math.min(words, (block + 1) * OUR_WORDS_OF_BLOCK);
    for (let word = block * OUR_WORDS_OF_BLOCK; word < end; word++) {
      let bits = u32(this.#current, word);
      for (let i = 0; i < length && bits !== 0; i++) {
        const octet = u8(octets, at + i);
        bits &= u32(buckets, (i * 32 + (octet >>> 4)) * words + word);
        bits &= u32(buckets, (i * 32 + 16 + (octet & 15)) * words + word);
      }
      this.#current[word] = bits;
    }
    for (let word = end; word < (block + 1) * OUR_WORDS_OF_BLOCK; word++) this.#current[word] = 0;
  }

  /** The first rule that matches, or -1. */
  #lowest(field: Field): number {
    for (let word = 0; word < field.words; word++) {
      const bits = u32(this.#current, word);
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }

  /** Maps what matched to the next field's rules; the block of the lowest of them. */
  #follow(field: Field, amounts: Float64Array): number {
    const next = this.#next;
    next.fill(0);
    let lowest = -1;
    for (let word = 0; word < field.words; word++) {
      for (let bits = u32(this.#current, word); bits !== 0; bits &= bits - 1) {
        const rule = word * 32 + 31 - Math.clz32(bits & -bits);
        const from = field.to[rule] as number;
        const end = from + (field.count[rule] as number);
        if (lowest < 0) lowest = from;
        for (let mapped = from; mapped < end; mapped++)
          next[mapped >>> 5] = u32(next, mapped >>> 5) | (1 << (mapped & 31));
        add(amounts, MATCH, 1);
        if (end - from > 1) add(amounts, SPREAD, 1);
      }
    }
    this.#next = this.#current;
    this.#current = next;
    return lowest < 0 ? 0 : Math.floor(lowest / BLOCK_RULES);
  }
}

function longs(field: Field, rules: number): number {
  return Math.ceil(field.rules / rules);
}

/** Groups of bits of a field whose bitmaps are multiples of `alignment` rules (pipapo_lt_bits_adjust). */
function groupsOf(field: Field, alignment: number): number {
  const octets = field.length * 256 * Math.ceil(field.rules / alignment) * (alignment / 8);
  return octets > LARGE_TABLE_OCTETS ? field.length * 2 : field.length;
}

function add(amounts: Float64Array, row: number, amount: number): void {
  amounts[row] = f64(amounts, row) + amount;
}
