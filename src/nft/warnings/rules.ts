// What is known of a rule without a packet: its matches as groups of expressions, whether it always decides, which states of
// connections it decides, where it leads.
import type { Expression } from '../../bytecode/expression.ts';
import type { Chain, NftSet, Rule, SetElement, Table } from '../../bytecode/ruleset.ts';

/** Expressions that neither match nor change anything that a match sees. */
const NEUTRAL = new Set<string>(['counter', 'log', 'last']);
/** Expressions that let every packet pass on. */
const PASSING = new Set<string>(
  'counter log last immediate meta meta-set ct-set notrack bitwise byteorder numgen verdict reject masquerade redirect nat'.split(
    ' ',
  ),
);
const LOADING = new Set<string>('payload exthdr meta ct rt fib socket osf xfrm'.split(' '));
const CHANGING = new Set<string>('bitwise byteorder'.split(' '));
const MATCHING = new Set<string>('cmp range lookup'.split(' '));
const WRITING = new Set<string>(
  'meta-set ct-set payload-set exthdr-set exthdr-reset dynset notrack tproxy synproxy'.split(' '),
);

/** What ends the chain for a packet. */
export type Outcome = 'accept' | 'drop' | 'return' | 'jump' | 'goto' | 'nat' | 'queue';

/** One match: what is loaded and computed, and what it is compared with. */
export interface Match {
  /** Loads and computations, as text. */
  load: string;
  expression: Extract<Expression, { kind: 'cmp' | 'range' | 'lookup' }>;
  /** Mask of a `value & mask` match. */
  mask?: Uint8Array;
  /** The key of `ct` or `meta` alone, or '' . */
  key: string;
}

export function findSet(table: Table, name: string): NftSet | undefined {
  return setsOf(table).get(name);
}
const SETS = new WeakMap<Table, Map<string, NftSet>>();
function setsOf(table: Table): Map<string, NftSet> {
  let sets = SETS.get(table);
  if (sets === undefined) {
    sets = new Map(table.sets.map((set) => [set.name, set]));
    SETS.set(table, sets);
  }
  return sets;
}

/** What happens to packets that pass all matches of a rule; undefined when the next rule follows. */
export function outcomeOf(rule: Rule): Outcome | undefined {
  const last = rule.expressions.at(-1);
  // Instructions that only the kernel runs come here too.
  const kind = last?.kind as string | undefined;
  if (last === undefined) return undefined;
  if (kind === 'queue') return 'queue';
  switch (last.kind) {
    case 'verdict': {
      const { code } = last.verdict;
      return code === 'continue' || code === 'break' || code === 'stolen' ? undefined : code;
    }
    case 'reject':
      return 'drop';
    case 'nat':
    case 'masquerade':
    case 'redirect':
      return 'nat';
    default:
      return undefined;
  }
}

/** Whether every packet passes through the whole rule. */
export function isUnconditional(rule: Rule): boolean {
  return rule.expressions.every((expression) => PASSING.has(expression.kind) || isNeutral(expression));
}

function isNeutral(expression: Expression): boolean {
  return NEUTRAL.has(expression.kind) || (expression.kind === 'objref' && expression.objectType === 'counter');
}

/** Chains that a rule may lead to, by verdict or verdict map. */
export function targetsOf(table: Table, rule: Rule): string[] {
  const names: string[] = [];
  for (const expression of rule.expressions) {
    if (expression.kind === 'verdict' && expression.verdict.chain !== undefined) names.push(expression.verdict.chain);
    if (expression.kind !== 'lookup' || expression.dreg !== 0) continue;
    for (const { verdict } of findSet(table, expression.set)?.elements ?? [])
      if (verdict?.chain !== undefined) names.push(verdict.chain);
  }
  return names;
}

/** Whether the rule changes something that a later match may see. */
export function writes(rule: Rule): boolean {
  return rule.expressions.some((expression) => WRITING.has(expression.kind));
}

/** The matches of a rule; undefined when it does something that is no plain match of the packet (limits, sets that change). */
export function matchesOf(table: Table, rule: Rule): Match[] | undefined {
  const matches: Match[] = [];
  let loads: Expression[] = [];
  const end = outcomeOf(rule) === undefined ? rule.expressions.length : rule.expressions.length - 1;
  for (const expression of rule.expressions.slice(0, end)) {
    if (isNeutral(expression)) continue;
    if (LOADING.has(expression.kind) || CHANGING.has(expression.kind)) {
      if (expression.kind === 'meta' && expression.key === 'random') return undefined;
      loads.push(expression);
    } else if (MATCHING.has(expression.kind)) {
      if (expression.kind === 'lookup' && expression.dreg !== undefined) return undefined;
      matches.push(matchOf(table, loads, expression as Match['expression']));
      loads = [];
    } else return undefined;
  }
  return loads.length === 0 ? matches : undefined;
}

function matchOf(table: Table, loads: readonly Expression[], expression: Match['expression']): Match {
  const [first, second] = loads;
  const isMasked = second?.kind === 'bitwise' && second.op === 'mask-xor' && loads.length === 2;
  const match: Match = {
    load: loads.map((load) => text(table, load)).join(';'),
    expression,
    key: first?.kind === 'ct' || first?.kind === 'meta' ? `${first.kind} ${first.key}` : '',
  };
  if (first?.kind === 'ct' && first.direction !== undefined) match.key = '';
  if (isMasked) match.mask = second.mask;
  return match;
}

/** A match as text: equal for matches that are equal. */
export function matchText(table: Table, match: Match): string {
  return `${match.load}>${text(table, match.expression)}`;
}

/** An expression as text, anonymous sets by what they hold. */
function text(table: Table, expression: Expression): string {
  const plain = JSON.stringify(expression, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
  const set = expression.kind === 'lookup' ? findSet(table, expression.set) : undefined;
  if (set?.anonymous !== true || expression.kind !== 'lookup') return plain;
  const elements = set.elements.map((element) => `${elementText(element)}=${JSON.stringify(element.verdict ?? '')}`);
  return `lookup ${expression.sreg} ${expression.invert} {${elements.sort().join()}}`;
}

function elementText(element: SetElement): string {
  const hex = (octets: Uint8Array | undefined): string => Buffer.from(octets ?? []).toString('hex');
  return element.catchAll ? '*' : `${hex(element.key)}-${hex(element.keyEnd)}`;
}

/** Bits of `ct state` that make the match true; undefined when it is no match of states. */
export function statesOf(table: Table, match: Match): number | undefined {
  if (match.key !== 'ct state') return undefined;
  const { expression } = match;
  if (expression.kind === 'cmp' && match.mask !== undefined)
    return expression.op === 'neq' && word(expression.data) === 0 ? word(match.mask) : undefined;
  if (expression.kind === 'cmp') return expression.op === 'eq' ? word(expression.data) : undefined;
  if (expression.kind !== 'lookup' || expression.invert) return undefined;
  const set = findSet(table, expression.set);
  return set?.elements.reduce((bits, element) => bits | word(element.key), 0);
}

/** A number of the emulated host. */
export function word(octets: Uint8Array): number {
  return octets.reduceRight((sum, octet) => sum * 256 + octet, 0);
}

export const STATE = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;

/** What the rule does with all packets of connection states, by state bit: those that no later rule sees. */
export function decidedStates(table: Table, rule: Rule): Map<number, Outcome> {
  const decided = new Map<number, Outcome>();
  const map = rule.expressions.at(-1);
  if (map?.kind === 'lookup' && map.dreg === 0) {
    const before = rule.expressions.slice(0, -1).filter((expression) => !isNeutral(expression));
    const [load] = before;
    if (before.length !== 1 || load?.kind !== 'ct' || load.key !== 'state') return decided;
    for (const { key, verdict } of findSet(table, map.set)?.elements ?? [])
      if (verdict?.code === 'accept' || verdict?.code === 'drop') decided.set(word(key), verdict.code);
    return decided;
  }
  const outcome = outcomeOf(rule);
  const matches = matchesOf(table, rule);
  const [only] = matches ?? [];
  if (outcome === undefined || outcome === 'jump' || matches?.length !== 1 || only === undefined) return decided;
  const states = statesOf(table, only) ?? 0;
  for (const bit of Object.values(STATE)) if ((states & bit) !== 0) decided.set(bit, outcome);
  return decided;
}

/** Who leads where in a table. */
export interface Callers {
  /** By chain: the rules that lead to it. */
  readonly of: ReadonlyMap<string, readonly { chain: Chain; index: number }[]>;
  /** Chains that packets can get to from a base chain. */
  readonly reached: ReadonlySet<string>;
}

export function callersOf(table: Table): Callers {
  const of = new Map<string, { chain: Chain; index: number }[]>();
  for (const chain of table.chains) {
    for (const [index, rule] of chain.rules.entries()) {
      for (const name of targetsOf(table, rule)) {
        const callers = of.get(name) ?? [];
        callers.push({ chain, index });
        of.set(name, callers);
      }
    }
  }
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  const reached = new Set<string>();
  const pending = table.chains.filter((chain) => chain.base !== undefined).map((chain) => chain.name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    for (const rule of chains.get(name)?.rules ?? []) pending.push(...targetsOf(table, rule));
  }
  return { of, reached };
}
