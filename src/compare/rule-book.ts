// Rules and chains by their global index, with their places and texts, for one side of a comparison; and which rule of
// the other side stands where one of ours stood. A side whose ruleset was swapped mid-capture has both rulesets' rules.
import type { SourceLocation } from '../base/errors.ts';
import type { Expression } from '../bytecode/expression.ts';
import type { Chain, Flowtable, Rule, Ruleset, Table } from '../bytecode/ruleset.ts';
import { sameFlowtable } from '../bytecode/swap.ts';
import { printRule } from '../nft/listing.ts';

export interface BookChain {
  ruleset: Ruleset;
  table: Table;
  chain: Chain;
  /** 'inet fw4 forward'. */
  name: string;
  /** Global index of its first rule. */
  firstRule: number;
}

export interface BookRule {
  chain: BookChain;
  rule: Rule;
  /** 1-based in its chain. */
  place: number;
}

/** Longer gaps between equal rules are aligned without looking for the best way. */
const MAX_CELLS = 4_000_000;

export class RuleBook {
  readonly chains: BookChain[] = [];
  readonly rules: BookRule[] = [];
  readonly flowtables: { table: Table; flowtable: Flowtable; name: string }[] = [];
  /** Global chain index by global rule index. */
  readonly chainOfRule: Int32Array;
  readonly #texts: (string | undefined)[] = [];
  readonly #byName = new Map<string, BookChain>();
  readonly #sets = new Map<number, string>();

  /** `keeps`: flowtables that the ruleset before has as well stayed (Netfilter.swap). */
  constructor(rulesets: readonly Ruleset[], keeps = false) {
    const chainOf: number[] = [];
    for (const [index, ruleset] of rulesets.entries()) {
      const before = rulesets[index - 1];
      for (const table of ruleset.tables) {
        for (const chain of table.chains) {
          const name = `${table.family} ${table.name} ${chain.name}`;
          const row: BookChain = { ruleset, table, chain, name, firstRule: this.rules.length };
          chain.rules.forEach((rule, index) => {
            this.rules.push({ chain: row, rule, place: index + 1 });
            chainOf.push(this.chains.length);
          });
          this.chains.push(row);
          // The last ruleset's chains are those that hold at the end.
          this.#byName.set(name, row);
        }
        for (const flowtable of table.flowtables) {
          if (keeps && before !== undefined && sameFlowtable(before, table, flowtable) !== undefined) continue;
          this.flowtables.push({ table, flowtable, name: `${table.family} ${table.name} ${flowtable.name}` });
        }
      }
    }
    this.chainOfRule = Int32Array.from(chainOf);
  }

  chainNamed(name: string): BookChain | undefined {
    return this.#byName.get(name);
  }

  /** The rule as nft lists it, without counters' values. */
  text(rule: number): string {
    const known = this.#texts[rule];
    if (known !== undefined) return known;
    const row = this.rules[rule];
    if (row === undefined) return '';
    const { ruleset, table, chain } = row.chain;
    const text = printRule(ruleset, table, chain, row.rule, undefined, { stateless: true });
    this.#texts[rule] = text;
    return text;
  }

  location(rule: number): SourceLocation | undefined {
    return this.rules[rule]?.rule.location;
  }

  /** The named sets that a rule looks up, with their elements: equal texts are equal sets. */
  setsOf(rule: number): string {
    const known = this.#sets.get(rule);
    if (known !== undefined) return known;
    const row = this.rules[rule];
    const names = (row?.rule.expressions ?? []).flatMap((one) =>
      one.kind === 'lookup' || one.kind === 'objref-map' ? [one.set] : [],
    );
    const sets = names.map((name) => row?.chain.table.sets.find((set) => set.name === name && !set.anonymous));
    const text = JSON.stringify(
      sets.map((set) => set?.elements.map(({ key, keyEnd, data, verdict }) => [key, keyEnd, data, verdict]) ?? null),
    );
    this.#sets.set(rule, text);
    return text;
  }

  /** What a chain is hooked to, and its policy; '' when there is none. */
  headOf(name: string): string {
    return JSON.stringify(this.#byName.get(name)?.chain.base ?? '');
  }

  /** Whether a rule jumps or goes to a chain of its table, itself or by a verdict map. */
  leadsTo(rule: number, chain: BookChain): boolean {
    const row = this.rules[rule];
    if (row === undefined || row.chain.table !== chain.table) return false;
    return row.rule.expressions.some((expression) => {
      if (expression.kind === 'verdict') return expression.verdict.chain === chain.chain.name;
      if (expression.kind !== 'lookup' || expression.dreg !== 0) return false;
      const elements = chain.table.sets.find((set) => set.name === expression.set)?.elements ?? [];
      return elements.some(({ verdict }) => verdict?.chain === chain.chain.name);
    });
  }

  /** Whether a rule has an expression of one of these kinds. */
  has(rule: number, kinds: ReadonlySet<Expression['kind']>): boolean {
    return this.rules[rule]?.rule.expressions.some((row) => kinds.has(row.kind)) ?? false;
  }
}

/** What became of a rule on the other side. */
export type Counterpart = { kind: 'same' | 'changed'; rule: number } | { kind: 'gone' };

/** Which rule of `to` stands for each rule of a chain of `from`: the same text, or what stands between equal neighbours. */
export class Alignment {
  readonly #from: RuleBook;
  readonly #to: RuleBook;
  readonly #chains = new Map<BookChain, Counterpart[]>();

  constructor(from: RuleBook, to: RuleBook) {
    this.#from = from;
    this.#to = to;
  }

  counterpart(rule: number): Counterpart {
    const row = this.#from.rules[rule];
    if (row === undefined) return { kind: 'gone' };
    let rows = this.#chains.get(row.chain);
    if (rows === undefined) {
      rows = this.#align(row.chain);
      this.#chains.set(row.chain, rows);
    }
    return rows[row.place - 1] ?? { kind: 'gone' };
  }

  #align(chain: BookChain): Counterpart[] {
    const other = this.#to.chainNamed(chain.name);
    if (other === undefined) return chain.chain.rules.map(() => ({ kind: 'gone' }));
    const a = chain.chain.rules.map((_, index) => this.#from.text(chain.firstRule + index));
    const b = other.chain.rules.map((_, index) => this.#to.text(other.firstRule + index));
    // The same pairs whichever side is called old.
    const pairs = isBefore(a, b) ? equalRows(a, b) : equalRows(b, a).map(([i, j]): [number, number] => [j, i]);
    const rows: Counterpart[] = a.map(() => ({ kind: 'gone' }));
    let fromA = 0;
    let fromB = 0;
    for (const [atA, atB] of [...pairs, [a.length, b.length] as const]) {
      for (let i = 0; fromA + i < atA && fromB + i < atB; i++) {
        rows[fromA + i] = { kind: 'changed', rule: other.firstRule + fromB + i };
      }
      if (atA < a.length) rows[atA] = { kind: 'same', rule: other.firstRule + atB };
      fromA = atA + 1;
      fromB = atB + 1;
    }
    return rows;
  }
}

function isBefore(a: string[], b: string[]): boolean {
  const at = a.findIndex((text, index) => text !== b[index]);
  return at < 0 || (a[at] ?? '') < (b[at] ?? '');
}

/** Pairs of indexes of equal rows, both rising: the longest such list (a common beginning and end are taken at once). */
function equalRows(a: string[], b: string[]): [number, number][] {
  let begin = 0;
  while (begin < a.length && begin < b.length && a[begin] === b[begin]) begin++;
  let end = 0;
  while (end < a.length - begin && end < b.length - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const pairs: [number, number][] = [];
  for (let i = 0; i < begin; i++) pairs.push([i, i]);
  const rows = a.length - begin - end;
  const columns = b.length - begin - end;
  if (rows * columns <= MAX_CELLS) pairs.push(...longest(a, b, begin, rows, columns));
  for (let i = end; i > 0; i--) pairs.push([a.length - i, b.length - i]);
  return pairs;
}

/** The longest common subsequence of a[begin, +rows) and b[begin, +columns). */
function longest(a: string[], b: string[], begin: number, rows: number, columns: number): [number, number][] {
  const width = columns + 1;
  const lengths = new Uint16Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const at = i * width + j;
      lengths[at] =
        a[begin + i] === b[begin + j]
          ? (lengths[at + width + 1] as number) + 1
          : Math.max(lengths[at + width] as number, lengths[at + 1] as number);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    const at = i * width + j;
    if (a[begin + i] === b[begin + j]) pairs.push([begin + i++, begin + j++]);
    else if ((lengths[at + width] as number) >= (lengths[at + 1] as number)) i++;
    else j++;
  }
  return pairs;
}
