// Ranges of several fields at once (nft_set_pipapo.c): each field's ranges become prefixes ("rules"), each group of four
// bits has sixteen buckets that say which rules a value may still match, and a mapping leads from a field's
// rules to the next field's, in the end to elements. A lookup is a few AND operations over bitmaps.
import { u8, u32 } from '../../base/columns.ts';
import type { SetBackend } from './backend.ts';
import type { Elements } from './elements.ts';
import { PipapoWalk } from './pipapo-walk.ts';
import { type Prefix, prefixesOf } from './prefixes.ts';

/** One field of the keys, with the rules that its ranges became. */
export interface Field {
  /** Octet offset in the key, and octets. */
  offset: number;
  length: number;
  rules: number;
  /** Words of a bitmap of its rules. */
  words: number;
  /** [(group * 16 + value) * words + word]. */
  buckets: Uint32Array;
  /** By rule: first rule of the next field and how many; in the last field: the element, and 1. */
  to: Int32Array;
  count: Int32Array;
}

export class PipapoBackend implements SetBackend {
  readonly #elements: Elements;
  readonly #fields: Field[];
  /** Two bitmaps that take turns: rules that still match in this field, rules to look at in the next. */
  #current: Uint32Array;
  #next: Uint32Array;
  #walk: PipapoWalk | undefined;

  constructor(elements: Elements, fieldLengths: number[]) {
    this.#elements = elements;
    this.#fields = buildFields(elements, fieldLengths);
    const words = Math.max(1, ...this.#fields.map((field) => field.words));
    this.#current = new Uint32Array(words);
    this.#next = new Uint32Array(words);
  }

  find(octets: Uint8Array, offset: number, nowNs: number): number {
    const fields = this.#fields;
    const last = fields.length - 1;
    for (let f = 0; f <= last; f++) {
      const field = fields[f] as Field;
      if (f === 0) this.#current.fill(0xffffffff);
      if (!this.#match(field, octets, offset + field.offset)) return -1;
      if (f === last) return this.#firstLive(field, nowNs);
      this.#follow(field);
    }
    return -1;
  }

  countWork(octets: Uint8Array, offset: number, amounts: Float64Array): void {
    this.#walk ??= new PipapoWalk(this.#fields);
    this.#walk.count(octets, offset, amounts);
  }

  /** ANDs the buckets of the field's groups into the bitmap; false when nothing is left. */
  #match(field: Field, octets: Uint8Array, at: number): boolean {
    const { buckets, words, length } = field;
    const current = this.#current;
    let any = 0;
    for (let i = 0; i < length; i++) {
      const octet = u8(octets, at + i);
      const high = (i * 32 + (octet >>> 4)) * words;
      const low = (i * 32 + 16 + (octet & 15)) * words;
      any = 0;
      for (let word = 0; word < words; word++) {
        const bits = u32(current, word) & u32(buckets, high + word) & u32(buckets, low + word);
        current[word] = bits;
        any |= bits;
      }
      if (any === 0) return false;
    }
    return any !== 0;
  }

  /** Maps the rules that matched to those of the next field. */
  #follow(field: Field): void {
    const { to, count, words } = field;
    const current = this.#current;
    const next = this.#next;
    next.fill(0);
    for (let word = 0; word < words; word++) {
      for (let bits = u32(current, word); bits !== 0; bits &= bits - 1) {
        const rule = word * 32 + (31 - Math.clz32(bits & -bits));
        const from = to[rule] as number;
        const end = from + (count[rule] as number);
        for (let mapped = from; mapped < end; mapped++) {
          next[mapped >>> 5] = u32(next, mapped >>> 5) | (1 << (mapped & 31));
        }
      }
    }
    this.#current = next;
    this.#next = current;
  }

  #firstLive(field: Field, nowNs: number): number {
    const { to, words } = field;
    for (let word = 0; word < words; word++) {
      for (let bits = u32(this.#current, word); bits !== 0; bits &= bits - 1) {
        const element = to[word * 32 + (31 - Math.clz32(bits & -bits))] as number;
        if (this.#elements.isLive(element, nowNs)) return element;
      }
    }
    return -1;
  }
}

/** The rules of each element in each field, in the order of the elements. */
function buildFields(elements: Elements, fieldLengths: number[]): Field[] {
  const { keyLength } = elements;
  const used: number[] = [];
  for (let element = 0; element < elements.bound; element++) if (elements.isUsed[element] === 1) used.push(element);
  let offset = 0;
  const expanded = fieldLengths.map((length) => {
    const start = offset;
    offset += (length + 3) & ~3;
    const rules = used.map((element) => {
      const at = element * keyLength + start;
      return prefixesOf(elements.keys.subarray(at, at + length), elements.ends.subarray(at, at + length));
    });
    return { offset: start, length, rules };
  });
  return expanded.map(({ offset: at, length, rules }, f) => {
    const nextRules = expanded[f + 1]?.rules;
    const total = rules.reduce((sum, list) => sum + list.length, 0);
    const words = Math.max(1, (total + 31) >>> 5);
    const field: Field = {
      offset: at,
      length,
      rules: total,
      words,
      buckets: new Uint32Array(length * 32 * words),
      to: new Int32Array(total),
      count: new Int32Array(total),
    };
    let rule = 0;
    let nextRule = 0;
    rules.forEach((list, i) => {
      const following = nextRules?.[i]?.length ?? 1;
      for (const prefix of list) {
        enter(field, rule, prefix);
        field.to[rule] = nextRules === undefined ? (used[i] as number) : nextRule;
        field.count[rule++] = following;
      }
      nextRule += following;
    });
    return field;
  });
}

/** Sets a rule's bit in the buckets of all values that its prefix allows. */
function enter(field: Field, rule: number, prefix: Prefix): void {
  const bit = 1 << (rule & 31);
  for (let group = 0; group < field.length * 2; group++) {
    const fixed = Math.max(0, Math.min(4, prefix.length - group * 4));
    const octet = u8(prefix.octets, group >>> 1);
    const nibble = group & 1 ? octet & 15 : octet >>> 4;
    const mask = (0xf0 >>> fixed) & 15;
    for (let value = 0; value < 16; value++) {
      if ((value & mask) !== (nibble & mask)) continue;
      const at = (group * 16 + value) * field.words + (rule >>> 5);
      field.buckets[at] = u32(field.buckets, at) | bit;
    }
  }
}
