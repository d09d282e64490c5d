// What each step of one packet's walk costs: the price of the events up to its end, less that of the events before it.
import { f64 } from '../base/columns.ts';
import { LENGTH_CLASSES, type PathTable } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import { price } from './pricing.ts';
import type { Profile } from './profile.ts';

/** More event words than this are not priced step by step: the last step gets all that is left. */
const MAX_WORDS = 1 << 24;

/**
 * Estimated instructions of each step on a device; `ends[i]` is how many of the packet's event words had been recorded
 * when step i was over. They sum up to what the whole walk costs.
 */
export function stepInstructions(
  words: Uint32Array,
  ends: readonly number[],
  names: EventNames,
  profile: Profile,
): number[] {
  const distinct = [...new Set([...ends.filter((end) => end > 0 && end <= words.length), words.length])];
  const kept: number[] = [];
  let total = words.length;
  for (const end of distinct.slice(0, -1)) {
    total += end;
    if (total > MAX_WORDS) break;
    kept.push(end);
  }
  kept.push(words.length);
  const { instructions } = price(prefixes(words, kept), names, profile);
  const upTo = new Map<number, number>(kept.map((end, i) => [end, f64(instructions, i)]));
  let before = 0;
  const last = ends.length - 1;
  return ends.map((end, i) => {
    const now = i === last ? (upTo.get(words.length) ?? before) : Math.max(before, upTo.get(end) ?? before);
    const own = now - before;
    before = now;
    return own;
  });
}

/** A table whose paths are the first `ends[i]` events of one path. */
function prefixes(words: Uint32Array, ends: readonly number[]): PathTable {
  const offsets = new Uint32Array(ends.length + 1);
  ends.forEach((end, i) => {
    offsets[i + 1] = (offsets[i] as number) + end;
  });
  const all = new Uint32Array(offsets[ends.length] as number);
  ends.forEach((end, i) => {
    all.set(words.subarray(0, end), offsets[i]);
  });
  const n = ends.length;
  return {
    words: all,
    offsets,
    packets: new Float64Array(n).fill(1),
    bytes: new Float64Array(n),
    lengths: new Uint32Array(n * LENGTH_CLASSES),
    firstPacket: new Float64Array(n),
    pathClass: new Uint8Array(n),
    verdict: new Uint8Array(n),
  };
}
