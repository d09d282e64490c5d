// How often rules and chains were met, read off a path table.
import { f64, u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';
import type { RuleBook } from './rule-book.ts';

export interface PathHits {
  /** [rule] */
  evaluated: Float64Array;
  matched: Float64Array;
  /** [rule] the furthest expression that broke it: how many ran. 0: none broke. */
  furthest: Uint8Array;
  /** [rule] packets that got that far. */
  furthestPackets: Float64Array;
  /** [chain] times that it was entered, and that its policy decided. */
  entered: Float64Array;
  policy: Float64Array;
}

const BASE_CHAIN = eventKind('base-chain');
const RULE = eventKind('rule');
const JUMP = eventKind('jump');
const POLICY = eventKind('policy');

/** Counts over all packets of the table. */
export function pathHits(paths: PathTable, book: RuleBook): PathHits {
  const rules = book.rules.length;
  const chains = book.chains.length;
  const hits: PathHits = {
    evaluated: new Float64Array(rules),
    matched: new Float64Array(rules),
    furthest: new Uint8Array(rules),
    furthestPackets: new Float64Array(rules),
    entered: new Float64Array(chains),
    policy: new Float64Array(chains),
  };
  for (let path = 0; path < paths.packets.length; path++) {
    const packets = f64(paths.packets, path);
    if (packets === 0) continue;
    const last = u32(paths.offsets, path + 1);
    for (let at = u32(paths.offsets, path); at < last; at++) count(u32(paths.words, at), packets, hits);
  }
  return hits;
}

function count(word: number, packets: number, hits: PathHits): void {
  const argument = argumentOf(word);
  switch (kindOf(word)) {
    case RULE:
      countRule(argument >>> 8, argument & 0xff, packets, hits);
      return;
    case BASE_CHAIN:
    case JUMP:
      hits.entered[argument] = f64(hits.entered, argument) + packets;
      return;
    case POLICY:
      hits.policy[argument] = f64(hits.policy, argument) + packets;
      return;
    default:
  }
}

function countRule(rule: number, ran: number, packets: number, hits: PathHits): void {
  hits.evaluated[rule] = f64(hits.evaluated, rule) + packets;
  if (ran === RULE_MATCHED) {
    hits.matched[rule] = f64(hits.matched, rule) + packets;
    return;
  }
  const furthest = hits.furthest[rule] as number;
  if (ran < furthest) return;
  hits.furthestPackets[rule] = (ran === furthest ? f64(hits.furthestPackets, rule) : 0) + packets;
  hits.furthest[rule] = ran;
}
