// Changes of a ruleset as nft text that compiles again: rules are taken out, put in or replaced in a copy, the copy is
// listed, and what was put in stands there as it was written. What is replayed as a proof is this text.
import type { Chain, Flowtable, Rule, Ruleset, Table } from '../../bytecode/ruleset.ts';
import { compile } from '../../nft/compile.ts';
import { list } from '../../nft/listing.ts';

/** A ruleset being changed. Rules are named by their place in the original; the copy's own objects are never shared. */
export class Patch {
  readonly #original: Ruleset;
  readonly #copy: Ruleset;
  /** Copied rule to its global index in the original. */
  readonly #indexes = new Map<Rule, number>();
  readonly #rules: Rule[];
  readonly #texts: string[] = [];
  #prepended = '';
  #appended = '';
  readonly #moved = new Map<string, number>();

  constructor(original: Ruleset) {
    this.#original = original;
    this.#copy = {
      ...original,
      tables: original.tables.map((table) => ({
        ...table,
        chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.map((rule) => ({ ...rule })) })),
        flowtables: table.flowtables.map((row) => ({ ...row, devices: [...row.devices] })),
      })),
    };
    this.#rules = this.#copy.tables.flatMap((table) => table.chains.flatMap((chain) => chain.rules));
    for (const [index, rule] of this.#rules.entries()) this.#indexes.set(rule, index);
  }

  /** The copy's table of a rule, its chain, and the rule. */
  place(index: number): { table: Table; chain: Chain; rule: Rule } | undefined {
    const rule = this.#rules[index];
    if (rule === undefined) return undefined;
    for (const table of this.#copy.tables) {
      for (const chain of table.chains) if (chain.rules.includes(rule)) return { table, chain, rule };
    }
    return undefined;
  }

  /** Another text for a rule; its number stays. */
  replace(index: number, text: string): void {
    const place = this.place(index);
    if (place === undefined) return;
    const substitute = this.#written(text);
    this.#indexes.set(substitute, index);
    place.chain.rules[place.chain.rules.indexOf(place.rule)] = substitute;
    this.#rules[index] = substitute;
  }

  /** A rule more, before another; it stands for rule `as` of the original when told. */
  insertBefore(index: number, text: string, as = -1): void {
    const place = this.place(index);
    if (place === undefined) return;
    const rule = this.#written(text);
    if (as >= 0) this.#indexes.set(rule, as);
    place.chain.rules.splice(place.chain.rules.indexOf(place.rule), 0, rule);
  }

  /** Takes a rule out. */
  remove(index: number): void {
    const place = this.place(index);
    place?.chain.rules.splice(place.chain.rules.indexOf(place.rule), 1);
  }

  /** A regular chain more, at the end of a rule's table. */
  addChain(index: number, name: string, rules: string[]): void {
    this.place(index)?.table.chains.push({ name, handle: 0, rules: rules.map((text) => this.#written(text)) });
  }

  /** A name that the rule's table has no chain or set for. */
  freeName(index: number, wanted: string): string {
    const table = this.place(index)?.table;
    const taken = new Set([...(table?.chains ?? []), ...(table?.sets ?? [])].map((row) => row.name));
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}_${n}`;
    return name;
  }

  /** A name that a table has no flowtable, chain or set for. */
  freeNameIn(family: string, table: string, wanted: string): string {
    const row = this.#copy.tables.find((other) => other.family === family && other.name === table);
    const taken = new Set(
      [...(row?.chains ?? []), ...(row?.sets ?? []), ...(row?.flowtables ?? [])].map(({ name }) => name),
    );
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}_${n}`;
    return name;
  }

  /** A rule more at the end of a chain. */
  appendRule(family: string, table: string, chain: string, text: string): void {
    const row = this.#copy.tables.find((other) => other.family === family && other.name === table);
    row?.chains.find((other) => other.name === chain)?.rules.push(this.#written(text));
  }

  /** Changes all flowtables. */
  flowtables(change: (flowtable: Flowtable, table: Table) => void): void {
    for (const table of this.#copy.tables) for (const flowtable of table.flowtables) change(flowtable, table);
  }

  /** Text before everything else, such as a set that rules will name. */
  prepend(text: string): void {
    this.#prepended += text;
  }

  /** Text behind everything else, such as a table more. Its rule `place` (1-based) of a chain stands for rule `index`. */
  append(text: string, moved?: { chain: string; place: number; index: number }[]): void {
    this.#appended += text;
    for (const row of moved ?? []) this.#moved.set(`${row.chain} ${row.place}`, row.index);
  }

  /** The whole text. */
  text(): string {
    return this.#texts.reduce(
      (text, written, index) => text.replace(`comment "${placeholder(index)}"`, () => written),
      `${this.#prepended}${list(this.#copy)}${this.#appended}`,
    );
  }

  /** Compiles the text; interfaces are numbered as in the original. Throws NftError when the change is none. */
  compile(): Patched {
    const text = this.text();
    const { interfaceNames } = this.#original;
    const { ruleset } = compile({ path: 'patched ruleset', text, interfaceNames });
    const before = this.#copy.tables.flatMap((table) => table.chains.flatMap((chain) => chain.rules));
    const ruleOf: number[] = [];
    for (const table of ruleset.tables) {
      const copy = this.#copy.tables.find((row) => row.family === table.family && row.name === table.name);
      for (const chain of table.chains) {
        const rules = copy?.chains.find((row) => row.name === chain.name)?.rules;
        for (const index of chain.rules.keys()) {
          const rule = rules?.[index];
          const key = `${table.family} ${table.name} ${chain.name} ${index + 1}`;
          ruleOf.push(rule === undefined ? (this.#moved.get(key) ?? -1) : (this.#indexes.get(rule) ?? -1));
        }
      }
    }
    return { ruleset, text, ruleOf, isComplete: before.length <= ruleOf.length };
  }

  #written(text: string): Rule {
    this.#texts.push(text);
    return { handle: 0, expressions: [], comment: placeholder(this.#texts.length - 1) };
  }
}

/** A changed ruleset, compiled. */
export interface Patched {
  ruleset: Ruleset;
  text: string;
  /** [rule of this ruleset] rule of the original; -1: new. */
  ruleOf: number[];
  /** No rule was lost on the way. */
  isComplete: boolean;
}

function placeholder(index: number): string {
  return `nftreplay-patch-${index}-`;
}
