// Which structure the kernel takes for a set (nft_select_set_ops of nf_tables_api.c).
import type { NftSet } from '../../bytecode/ruleset.ts';
import type { SetBackend } from './backend.ts';
import { BitmapBackend } from './bitmap.ts';
import type { Elements } from './elements.ts';
import { HashBackend } from './hash.ts';
import { IntervalBackend } from './interval.ts';
import { PipapoBackend } from './pipapo.ts';

export type BackendName = 'hash' | 'rbtree' | 'pipapo' | 'bitmap';

/** What the kernel takes for a set (policy performance). Both policies choose alike where sizes are not given. */
export function chooseBackend(set: NftSet): BackendName {
  if (set.interval) return set.keyFieldLengths.length > 1 ? 'pipapo' : 'rbtree';
  const isPlain = set.mapTo === undefined && !set.timeout && !set.dynamic && !hasElementExpressions(set);
  return isPlain && set.keyLength <= 2 ? 'bitmap' : 'hash';
}

/** Which hash the kernel takes: those of a fixed size need one to be told, and elements that stay. */
export function hashKind(set: NftSet): 'fast' | 'fixed' | 'resizable' {
  const isFixed = (set.anonymous || set.sizeElements !== undefined) && !set.dynamic && !set.timeout;
  if (!isFixed) return 'resizable';
  return set.keyLength === 4 ? 'fast' : 'fixed';
}

function hasElementExpressions(set: NftSet): boolean {
  return set.elementExpressions.length > 0 || set.elements.some((element) => element.expressions !== undefined);
}

/** The backend of a set over elements that are already there. */
export function makeBackend(name: BackendName, set: NftSet, elements: Elements): SetBackend {
  switch (name) {
    case 'hash':
      return new HashBackend(elements);
    case 'rbtree':
      return new IntervalBackend(elements, set.anonymous);
    case 'pipapo':
      return new PipapoBackend(elements, set.keyFieldLengths);
    default:
      return new BitmapBackend(elements);
  }
}
