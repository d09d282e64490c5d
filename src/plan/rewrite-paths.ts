// Paths as they would be under another ruleset or with packets of another size, where that can be said exactly: rules
// that never match add their evaluation to every packet that enters their chain; a packet's size is in its checksum and
// its octets alone. Equal to a replay (test/plan/rewrite-paths.test.ts), and independent of how many rules there are.
import { f64, u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import { LENGTH_CLASSES, lengthClassOctets } from '../event/recorder.ts';
import type { EventNames, RuleShape } from '../event/vocabulary.ts';
import { argumentOf, eventKind, kindOf } from '../event/vocabulary.ts';

const BASE_CHAIN = eventKind('base-chain');
const RULE = eventKind('rule');
const CHECKSUM = eventKind('ct-checksum');
/** Ethernet and the shortest IP header: what is not under a transport checksum. */
const HEADER_OCTETS = 34;

/** Paths with `count` rules of one shape, all missed after `evaluated` expressions, at the front of a base chain. */
export function withMissedRules(
  paths: PathTable,
  names: EventNames,
  chain: number,
  rule: { shape: RuleShape; evaluated: number; count: number },
): { paths: PathTable; names: EventNames } {
  const index = names.rules.length;
  const word = ((RULE << 26) | (index << 8) | rule.evaluated) >>> 0;
  const words: number[] = [];
  const offsets = new Uint32Array(paths.offsets.length);
  for (let path = 0; path < paths.packets.length; path++) {
    for (let at = u32(paths.offsets, path); at < u32(paths.offsets, path + 1); at++) {
      const event = u32(paths.words, at);
      words.push(event);
      if (kindOf(event) !== BASE_CHAIN || argumentOf(event) !== chain) continue;
      for (let i = 0; i < rule.count; i++) words.push(word);
    }
    offsets[path + 1] = words.length;
  }
  return {
    paths: { ...paths, words: Uint32Array.from(words), offsets },
    names: { ...names, rules: [...names.rules, rule.shape] },
  };
}

/** Paths whose packets are all `octets` long on the wire. */
export function withOctets(paths: PathTable, octets: number): PathTable {
  const units = Math.max(1, Math.ceil((octets - HEADER_OCTETS) / 64));
  const words = paths.words.map((word) => (kindOf(word) === CHECKSUM ? ((CHECKSUM << 26) | units) >>> 0 : word));
  const bytes = paths.packets.map((packets) => packets * octets);
  const lengths = new Uint32Array(paths.lengths.length);
  let row = 0;
  while (row < LENGTH_CLASSES - 1 && lengthClassOctets(row) < octets) row++;
  for (let path = 0; path < paths.packets.length; path++)
    lengths[path * LENGTH_CLASSES + row] = f64(paths.packets, path);
  return { ...paths, words, bytes, lengths };
}
