// How often each rule was evaluated and matched, read off the path table: what `nft` shows only for rules with a
// counter, known here for all.
import { f64, u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';

export interface RuleHits {
  /** [global rule index] */
  evaluated: Float64Array;
  matched: Float64Array;
  /** [global chain index] packets that reached the end of a base chain. */
  policy: Float64Array;
}

const RULE = eventKind('rule');
const POLICY = eventKind('policy');

/** Counts of all rules and base chains. */
export function ruleHits(paths: PathTable, rules: number, chains: number): RuleHits {
  const hits: RuleHits = {
    evaluated: new Float64Array(rules),
    matched: new Float64Array(rules),
    policy: new Float64Array(chains),
  };
  for (let path = 0; path < paths.packets.length; path++) {
    const packets = f64(paths.packets, path);
    for (let at = u32(paths.offsets, path); at < u32(paths.offsets, path + 1); at++) {
      const word = u32(paths.words, at);
      const argument = argumentOf(word);
      if (kindOf(word) === RULE) {
        const rule = argument >>> 8;
        hits.evaluated[rule] = f64(hits.evaluated, rule) + packets;
        if ((argument & 0xff) === RULE_MATCHED) hits.matched[rule] = f64(hits.matched, rule) + packets;
      } else if (kindOf(word) === POLICY) {
        hits.policy[argument] = f64(hits.policy, argument) + packets;
      }
    }
  }
  return hits;
}
