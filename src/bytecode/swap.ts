// What stays when one ruleset takes another's place on a running router, as a transaction of `nft -f` that deletes neither
// table nor flowtable leaves it (nf_tables_api.c: NLM_F_EXCL is not set, so what is there already stays as it is).
import type { Flowtable, NftSet, Ruleset, RulesetState, SetElement, Table } from './ruleset.ts';

/** The flowtable of a table that stays: same name, priority, flags and devices; undefined: it is another one. */
export function sameFlowtable(ruleset: Ruleset, table: Table, flowtable: Flowtable): Flowtable | undefined {
  const there = sameTable(ruleset, table)?.flowtables.find((one) => one.name === flowtable.name);
  if (there === undefined || there.priority !== flowtable.priority || there.offload !== flowtable.offload)
    return undefined;
  if (there.counter !== flowtable.counter || there.devices.length !== flowtable.devices.length) return undefined;
  return there.devices.every((device) => flowtable.devices.includes(device)) ? there : undefined;
}

/** The new ruleset with the elements that rules of the old one put into sets that stay. */
export function withElements(ruleset: Ruleset, old: Ruleset, state: RulesetState): Ruleset {
  return {
    ...ruleset,
    tables: ruleset.tables.map((table) => {
      const there = sameTable(old, table);
      if (there === undefined) return table;
      const states = state.tables[old.tables.indexOf(there)]?.sets ?? [];
      return { ...table, sets: table.sets.map((set) => withOldElements(set, there, states)) };
    }),
  };
}

function withOldElements(set: NftSet, table: Table, states: readonly ({ elements: SetElement[] } | null)[]): NftSet {
  const index = table.sets.findIndex((one) => one.name === set.name && !one.anonymous);
  const there = table.sets[index];
  if (set.anonymous || there === undefined || there.keyTypes.join() !== set.keyTypes.join()) return set;
  const elements = states[index]?.elements;
  if (elements === undefined || !set.dynamic || !there.dynamic) return set;
  const known = new Set(elements.map(elementKey));
  return { ...set, elements: [...elements, ...set.elements.filter((element) => !known.has(elementKey(element)))] };
}

function elementKey({ key, catchAll }: SetElement): string {
  return catchAll === true ? '*' : key.join();
}

function sameTable(ruleset: Ruleset, table: Table): Table | undefined {
  return ruleset.tables.find((one) => one.family === table.family && one.name === table.name);
}
