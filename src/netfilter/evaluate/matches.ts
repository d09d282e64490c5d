// The leading matches of a chain's rules (`iifname "wan"`, `ip daddr 10.0.0.0/8`, `ct state established`, …) as one array
// of words. Most rules end at one of their first comparisons, and the same few loads stand in all of them: here each is
// loaded once in a run, and compared without a call. What stands behind the matches of a rule is its closures' as ever.
import { f64, i32, u8, u32 } from '../../base/columns.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import { NFT_BREAK } from './codes.ts';
import type { Evaluation } from './evaluation.ts';
import type { Evaluate } from './prepared.ts';

const RULE = eventKind('rule');
/** Words of the register file. */
const REGISTER_WORDS = 20;
/** Words that are kept of a load. */
export const VALUE_WORDS = 4;

/**
 * A comparison of one word: where the word is (load * VALUE_WORDS + its place), what it says of the rule (below), the
 * mask, and the value of `found & mask`. A match of several words is as many of them.
 */
export const STEP_WORDS = 4;
/** Octets 0 and 1 of the second word: expressions evaluated when the load breaks, when the comparison does. */
export const FAILED_SHIFT = 8;
/** `!=`: the rule breaks when the word is equal. */
export const INVERTED = 1 << 16;
/** A word of `!=` over several: when it is not equal, the match holds; the words that follow, from this bit on, are left out. */
export const GROUP_SHIFT = 17;

/** What a chain's rules begin with. */
export interface LeadingMatches {
  /** Global index of the first rule. */
  firstRule: number;
  steps: Int32Array;
  /** [rule] first step; [rule + 1] one past the last. */
  first: Int32Array;
  /** [rule] expression to go on with when all matches hold. */
  resume: Uint8Array;
  /** [rule] 1: what it does may change what loads find. */
  isDirty: Uint8Array;
  /** Distinct loads, and the register word that each fills. */
  loads: { evaluate: Evaluate; word: number }[];
}

/** The matches of one chain, and what was loaded for them. */
export class ChainMatches {
  readonly #rows: LeadingMatches;
  /** By load: the epoch in which it was done; negative: it broke. */
  readonly #epochs: Float64Array;
  readonly #found: Int32Array;

  constructor(rows: LeadingMatches) {
    this.#rows = rows;
    this.#epochs = new Float64Array(rows.loads.length);
    this.#found = new Int32Array(rows.loads.length * VALUE_WORDS);
  }

  /** The first rule from `from` on whose matches all hold; those before it are recorded as broken. Events: rule. */
  skip(from: number, run: Evaluation, recorder: Recorder): number {
    const { steps, first, firstRule } = this.#rows;
    const epochs = this.#epochs;
    const found = this.#found;
    const { epoch } = run;
    const rules = first.length - 1;
    for (let rule = from; rule < rules; rule++) {
      let broken = 0;
      const end = i32(first, rule + 1);
      for (let step = i32(first, rule); step < end; step += STEP_WORDS) {
        const place = i32(steps, step);
        const load = place >> 2;
        const note = i32(steps, step + 1);
        if (f64(epochs, load) !== epoch && !this.#find(load, run)) {
          broken = note & 0xff;
          break;
        }
        const isEqual = (i32(found, place) & i32(steps, step + 2)) === i32(steps, step + 3);
        if (note >= 1 << GROUP_SHIFT) {
          if (!isEqual) step += (note >> GROUP_SHIFT) * STEP_WORDS;
        } else if (isEqual === ((note & INVERTED) !== 0)) {
          broken = (note >> FAILED_SHIFT) & 0xff;
          break;
        }
      }
      if (broken === 0) return rule;
      recorder.event(RULE, ((firstRule + rule) << 8) | broken);
    }
    return rules;
  }

  /** The expression of a rule to go on with when its matches hold. */
  resume(rule: number): number {
    return u8(this.#rows.resume, rule);
  }

  /** Whether a rule may have changed what loads find. */
  isDirty(rule: number): boolean {
    return u8(this.#rows.isDirty, rule) === 1;
  }

  /** Does a load that this epoch has not seen; false when it breaks. */
  #find(load: number, run: Evaluation): boolean {
    if (f64(this.#epochs, load) === -run.epoch) return false;
    const { evaluate, word } = this.#rows.loads[load] as LeadingMatches['loads'][number];
    if (evaluate(run) === NFT_BREAK) {
      this.#epochs[load] = -run.epoch;
      return false;
    }
    this.#epochs[load] = run.epoch;
    for (let i = 0; i < VALUE_WORDS && word + i < REGISTER_WORDS; i++) {
      this.#found[load * VALUE_WORDS + i] = u32(run.words, word + i);
    }
    return true;
  }
}
