// Sets of ranges: elements in ascending order, overlaps refused or merged (`auto-merge`, anonymous sets), parts taken out again.
// Follows the behaviour of nftables' src/intervals.c.
import type { ElementExpr, Expr } from './ast.ts';
import { type Context, type DraftSet, fail } from './evaluate-context.ts';
import { bitmask, untyped } from './expressions.ts';

/** The element proper, of a set's element or a map's. */
export function elementOf(item: Expr): ElementExpr | undefined {
  const element = item.kind === 'mapping' ? item.key : item;
  return element.kind === 'element' ? element : undefined;
}

function keyOf(item: Expr): Expr {
  return elementOf(item)?.key ?? item;
}

/** Lowest value of a key; the catch-all has none. */
export function lowest(key: Expr): bigint | undefined {
  switch (key.kind) {
    case 'value':
      return key.value;
    case 'prefix':
      return key.base.kind === 'value' ? key.base.value : undefined;
    case 'range':
      return key.from.kind === 'value' ? key.from.value : undefined;
    default:
      return undefined;
  }
}

/** Highest value of a key. */
export function highest(key: Expr): bigint | undefined {
  switch (key.kind) {
    case 'value':
      return key.value;
    case 'prefix':
      return key.base.kind === 'value' ? key.base.value | bitmask(key.length - key.prefixLength) : undefined;
    case 'range':
      return key.to.kind === 'value' ? key.to.value : undefined;
    default:
      return undefined;
  }
}

interface Interval {
  item: Expr;
  low: bigint;
  high: bigint;
  /** Was in the set before. */
  existing: boolean;
}

function intervalsOf(items: readonly Expr[], existing: boolean): { ranges: Interval[]; rest: Expr[] } {
  const ranges: Interval[] = [];
  const rest: Expr[] = [];
  for (const item of items) {
    const key = keyOf(item);
    const low = lowest(key);
    const high = highest(key);
    if (low === undefined || high === undefined) rest.push(item);
    else ranges.push({ item, low, high, existing });
  }
  return { ranges, rest };
}

function byLow(a: Interval, b: Interval): number {
  return a.low < b.low ? -1 : a.low > b.low ? 1 : 0;
}

/** The elements of an interval set once `added` joined those that it has. Throws when ranges clash that may not be merged. */
export function addIntervals(context: Context, set: DraftSet, added: Expr[]): Expr[] {
  const fresh = intervalsOf(added, false);
  const old = intervalsOf(set.elements, true);
  const ranges = [...old.ranges, ...fresh.ranges].sort(byLow);
  const isMap = set.mapTo !== undefined;
  // Anonymous maps are only sorted: the kernel refuses overlaps.
  if (set.autoMerge && !isMap) return [...merge(ranges), ...old.rest, ...fresh.rest];
  refuseOverlaps(context, ranges);
  return [...ranges.map((interval) => interval.item), ...old.rest, ...fresh.rest];
}

function refuseOverlaps(context: Context, ranges: readonly Interval[]): void {
  let previous: Interval | undefined;
  for (const range of ranges) {
    if (
      previous !== undefined &&
      (previous.low !== range.low || previous.high !== range.high) &&
      range.low <= previous.high
    ) {
      if (previous.existing) throw fail(context, keyOf(range.item), 'interval overlaps with an existing one');
      if (range.existing) throw fail(context, keyOf(previous.item), 'interval overlaps with an existing one');
      throw fail(context, keyOf(range.item), 'conflicting intervals specified');
    }
    previous = range;
  }
}

/** Overlapping and adjacent ranges become one. */
function merge(ranges: readonly Interval[]): Expr[] {
  const merged: Expr[] = [];
  let current: Interval | undefined;
  let grown = false;
  const flush = (): void => {
    if (current !== undefined) merged.push(grown ? withRange(current.item, current.low, current.high) : current.item);
  };
  for (const range of ranges) {
    if (current !== undefined && range.low <= current.high + 1n) {
      if (range.high > current.high) {
        current.high = range.high;
        grown = true;
      }
      continue;
    }
    flush();
    current = { ...range };
    grown = false;
  }
  flush();
  return merged;
}

function withRange(item: Expr, low: bigint, high: bigint): Expr {
  if (item.kind === 'mapping') return { ...item, key: withRange(item.key, low, high) };
  if (item.kind !== 'element') return item;
  const { key } = item;
  const shape = { datatype: key.datatype, byteorder: key.byteorder, length: key.length };
  const end = (value: bigint): Expr => ({ ...untyped(key.span), ...shape, kind: 'value', value });
  if (low === high) return { ...item, key: end(low) };
  return { ...item, key: { ...untyped(key.span), ...shape, kind: 'range', from: end(low), to: end(high) } };
}

/** The elements of an interval set once `removed` are taken out. With auto-merge, parts of ranges may go. */
export function removeIntervals(context: Context, set: DraftSet, removed: readonly Expr[]): Expr[] {
  let elements = [...set.elements];
  for (const item of removed) {
    const key = keyOf(item);
    const low = lowest(key);
    const high = highest(key);
    if (low === undefined || high === undefined) {
      const index = elements.findIndex((element) => keyOf(element).kind === 'catchall');
      if (index < 0) throw fail(context, item, 'element does not exist');
      elements.splice(index, 1);
      continue;
    }
    const index = elements.findIndex((element) => {
      const from = lowest(keyOf(element));
      const to = highest(keyOf(element));
      if (from === undefined || to === undefined) return false;
      return set.autoMerge ? from <= low && high <= to : from === low && to === high;
    });
    const found = elements[index];
    if (found === undefined) throw fail(context, item, 'element does not exist');
    const from = lowest(keyOf(found)) as bigint;
    const to = highest(keyOf(found)) as bigint;
    const parts: Expr[] = [];
    if (from < low) parts.push(withRange(found, from, low - 1n));
    if (high < to) parts.push(withRange(found, high + 1n, to));
    elements = [...elements.slice(0, index), ...parts, ...elements.slice(index + 1)];
  }
  return elements;
}
