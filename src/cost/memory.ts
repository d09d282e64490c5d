// What state costs beyond its instructions: a packet touches lines of its connection, its flow and the sets it is looked
// up in; the more of them there are, the fewer lines the caches hold. Sizes are those of a 64-bit 6.12 kernel.
// Every entry is taken to be used equally often, and half of each cache to belong to code and packets.
import { u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventName, EventNames, ExpressionShape } from '../event/vocabulary.ts';
import { argumentOf, EVENTS, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';
import type { Profile } from './profile.ts';

/** Entries that the traffic keeps in use at once. */
export interface WorkingSet {
  connections: number;
  flows: number;
}

/** One flow, everything in the caches: what the weights and cycles per instruction were measured with. */
export const SMALL_WORKING_SET: WorkingSet = { connections: 1, flows: 1 };

/** Octets of an entry: nf_conn with its extensions and hash chain; flow_offload with both hash nodes; a set element. */
const ENTRY_OCTETS = { connections: 400, flows: 384, element: 96 } as const;
const LINE_OCTETS = 64;
/** Part of a cache that such state can have for itself. */
const SHARE = 0.5;

/** Lines of an entry that an event touches for the first time. */
const LINES: { readonly [name in EventName]?: { of: keyof WorkingSet; lines: number } } = {
  'ct-lookup': { of: 'connections', lines: 4 },
  'ct-update': { of: 'connections', lines: 1 },
  'ct-new': { of: 'connections', lines: 1 },
  'ct-confirm': { of: 'connections', lines: 3 },
  'nat-mangle': { of: 'connections', lines: 1 },
  'flow-lookup': { of: 'flows', lines: 1 },
  'flow-hit': { of: 'flows', lines: 4 },
  'flow-counter': { of: 'connections', lines: 2 },
  'flow-add': { of: 'flows', lines: 4 },
};
const LINES_BY_KIND = EVENTS.map((event) => LINES[event.name]);
const RULE = EVENTS.findIndex((event) => event.name === 'rule');

/** Cycles that one line costs on average when lines of `octets` of state are used equally often. */
export function lineCycles(profile: Profile, octets: number): number {
  const held = (kib: number) => Math.min(1, (kib * 1024 * SHARE) / Math.max(1, octets));
  const first = held(profile.l1.value);
  const second = Math.max(first, held(profile.l2.value));
  const third = Math.max(second, held(profile.l3.value));
  return (
    (second - first) * profile.l2Cycles.value +
    (third - second) * profile.l3Cycles.value +
    (1 - third) * profile.memoryCycles.value
  );
}

/** Prices what paths touch; the result does not depend on cycles per instruction. */
export class MemoryPrices {
  readonly #profile: Profile;
  readonly #names: EventNames;
  readonly #line: Record<keyof WorkingSet, number>;
  readonly #rules = new Map<number, number>();
  constructor(profile: Profile, names: EventNames, state: WorkingSet) {
    this.#profile = profile;
    this.#names = names;
    this.#line = {
      connections: lineCycles(profile, state.connections * ENTRY_OCTETS.connections),
      flows: lineCycles(profile, state.flows * ENTRY_OCTETS.flows),
    };
  }

  /** Cycles of one packet of a path. */
  path(paths: PathTable, path: number): number {
    let cycles = 0;
    const to = u32(paths.offsets, path + 1);
    for (let at = u32(paths.offsets, path); at < to; at++) {
      const word = u32(paths.words, at);
      const kind = kindOf(word);
      if (kind === RULE) cycles += this.#rule(argumentOf(word));
      else {
        const touched = LINES_BY_KIND[kind];
        if (touched !== undefined) cycles += touched.lines * this.#line[touched.of];
      }
    }
    return cycles;
  }

  #rule(argument: number): number {
    const known = this.#rules.get(argument);
    if (known !== undefined) return known;
    const evaluated = argument & 0xff;
    const expressions = this.#names.rules[argument >>> 8]?.expressions ?? [];
    const end = evaluated === RULE_MATCHED ? expressions.length : evaluated;
    const cycles = expressions.slice(0, end).reduce((sum, shape) => sum + lookupCycles(this.#profile, shape), 0);
    this.#rules.set(argument, cycles);
    return cycles;
  }
}

/** A hash touches its bucket and an element; a tree one node for each level, of which the upper ones stay cached. */
function lookupCycles(profile: Profile, shape: ExpressionShape): number {
  if (shape.cost === 'lookup-hash' || shape.cost === 'dynset') {
    return lineCycles(profile, shape.size * ENTRY_OCTETS.element) * 2;
  }
  if (shape.cost === 'lookup-rbtree') {
    let cycles = 0;
    for (let nodes = 1; nodes < shape.size * 2; nodes *= 2) cycles += lineCycles(profile, nodes * 2 * LINE_OCTETS);
    return cycles;
  }
  return 0;
}
