// Changes of a ruleset that may make it cheaper, as bytecode: rules that differ in one value become a set, a rule that
// matches much moves to the front of its chain, a flowtable is added or gets all devices. Each is tried by a replay, which
// also tells whether any packet fares otherwise.
import type { Expression } from '../bytecode/expression.ts';
import type { Chain, NftSet, Rule, Ruleset, Table } from '../bytecode/ruleset.ts';

/** A changed ruleset. */
export interface Edit {
  change: string;
  where?: string;
  caveat?: string;
  /** It is meant to change nothing but cost: not worth a word when it does. */
  keepsFates: boolean;
  ruleset: Ruleset;
}

/** Rules that are worth a set. */
const LEAST_RUN = 3;
/** Sets and moves that are tried at most. */
const MOST_RUNS = 3;
const MOST_MOVES = 3;

/** A name that no set of the ruleset has: nft's own anonymous sets are called __setN. */
const SET_NAME = '__plan';

/** Runs of rules that differ in one compared value only, the longest first, each as one rule with a set. */
export function setEdits(ruleset: Ruleset): Edit[] {
  const runs = ruleset.tables.flatMap((table) =>
    table.chains.flatMap((chain) => runsOf(chain).map((run) => ({ table, chain, ...run }))),
  );
  return runs
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_RUNS)
    .map(({ table, chain, first, count, at }) => ({
      change: `rules ${first + 1}-${first + count} of chain ${chain.name} as one rule with a set`,
      ...place(chain.rules[first]),
      ...(hasCounter(chain.rules[first]) ? { caveat: 'their counters become one (or counters of the elements)' } : {}),
      keepsFates: true,
      ruleset: replaceChain(ruleset, table, chain, ...merged(table, chain, first, count, at)),
    }));
}

interface Run {
  first: number;
  count: number;
  /** The expression in which they differ. */
  at: number;
}

function runsOf(chain: Chain): Run[] {
  const runs: Run[] = [];
  for (let first = 0; first < chain.rules.length; ) {
    const at = differing(chain.rules[first], chain.rules[first + 1]);
    let end = first + 1;
    if (at >= 0) while (end < chain.rules.length && differing(chain.rules[first], chain.rules[end]) === at) end++;
    if (end - first >= LEAST_RUN) runs.push({ first, count: end - first, at });
    first = end - first >= LEAST_RUN ? end : first + 1;
  }
  return runs;
}

/** The compare in which two rules differ when all else is the same; -1: they are not alike so. */
function differing(a: Rule | undefined, b: Rule | undefined): number {
  if (a === undefined || b === undefined || a.expressions.length !== b.expressions.length) return -1;
  let at = -1;
  for (let i = 0; i < a.expressions.length; i++) {
    const left = a.expressions[i] as Expression;
    const right = b.expressions[i] as Expression;
    if (alike(left, right)) continue;
    const isCompare = left.kind === 'cmp' && right.kind === 'cmp' && left.op === 'eq' && right.op === 'eq';
    if (!isCompare || left.sreg !== right.sreg || left.data.length !== right.data.length || at >= 0) return -1;
    at = i;
  }
  return a.expressions[a.expressions.length - 1]?.kind === 'verdict' ? at : -1;
}

/** The same but for what a counter has counted; a limit or quota of its own is state that rules do not share. */
function alike(a: Expression, b: Expression): boolean {
  if (a.kind !== b.kind || a.kind === 'limit' || a.kind === 'quota' || a.kind === 'connlimit') return false;
  if (a.kind === 'counter') return true;
  return text(a) === text(b);
}

function text(row: Expression): string {
  return JSON.stringify(row, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value));
}

function merged(table: Table, chain: Chain, first: number, count: number, at: number): [Chain, NftSet] {
  const rules = chain.rules.slice(first, first + count);
  const [model] = rules as [Rule];
  const compare = model.expressions[at] as Extract<Expression, { kind: 'cmp' }>;
  const name = `${SET_NAME}${table.sets.length}`;
  const keys = new Map<string, Uint8Array>();
  for (const rule of rules) {
    const { data } = rule.expressions[at] as typeof compare;
    keys.set(Buffer.from(data).toString('hex'), data);
  }
  const set: NftSet = {
    name,
    handle: 0,
    anonymous: true,
    constant: true,
    interval: false,
    dynamic: false,
    timeout: false,
    autoMerge: false,
    keyTypes: ['integer'],
    keyFieldLengths: [compare.data.length],
    keyLength: compare.data.length,
    dataTypes: [],
    dataLength: 0,
    elementExpressions: [],
    elements: [...keys.values()].map((key) => ({ key })),
  };
  const lookup: Expression = { kind: 'lookup', set: name, sreg: compare.sreg, invert: false };
  const rule: Rule = { ...model, expressions: model.expressions.map((row, i) => (i === at ? lookup : row)) };
  return [{ ...chain, rules: [...chain.rules.slice(0, first), rule, ...chain.rules.slice(first + count)] }, set];
}

function replaceChain(ruleset: Ruleset, table: Table, chain: Chain, fresh: Chain, set?: NftSet): Ruleset {
  return {
    ...ruleset,
    tables: ruleset.tables.map((one) =>
      one !== table
        ? one
        : {
            ...one,
            chains: one.chains.map((row) => (row === chain ? fresh : row)),
            sets: set === undefined ? one.sets : [...one.sets, set],
          },
    ),
  };
}

/** Rules that match most behind rules that match little, each moved to the front of its chain. `matched`: by global rule. */
export function orderEdits(ruleset: Ruleset, matched: Float64Array): Edit[] {
  const moves: { table: Table; chain: Chain; index: number; saved: number }[] = [];
  let rule = 0;
  for (const table of ruleset.tables) {
    for (const chain of table.chains) {
      let best = { index: 0, saved: 0 };
      chain.rules.forEach((row, index) => {
        const hits = matched[rule + index] ?? 0;
        // The packets that matched evaluate `index` rules less, the others none more than before or one.
        if (index > 0 && ends(row) && hits * index > best.saved) best = { index, saved: hits * index };
      });
      if (best.saved > 0) moves.push({ table, chain, ...best });
      rule += chain.rules.length;
    }
  }
  return moves
    .sort((a, b) => b.saved - a.saved)
    .slice(0, MOST_MOVES)
    .map(({ table, chain, index }) => {
      const row = chain.rules[index] as Rule;
      const rules = [row, ...chain.rules.slice(0, index), ...chain.rules.slice(index + 1)];
      return {
        change: `rule ${index + 1} of chain ${chain.name} first: it matches most`,
        ...place(row),
        caveat: 'packets that the rules before it would have caught pass it first: read them before you move it',
        keepsFates: true,
        ruleset: replaceChain(ruleset, table, chain, { ...chain, rules }),
      };
    });
}

/** Whether a rule that matches ends its chain for (most of) its packets: a verdict, or a map of verdicts. */
function ends(rule: Rule): boolean {
  const last = rule.expressions[rule.expressions.length - 1];
  if (last?.kind === 'lookup') return last.dreg === 0;
  return last?.kind === 'verdict' && last.verdict.code !== 'continue' && last.verdict.code !== 'jump';
}

/** Whether any rule adds flows to a flowtable. */
export function hasFlowtable(ruleset: Ruleset): boolean {
  return ruleset.tables.some(
    (table) =>
      table.flowtables.length > 0 &&
      table.chains.some((chain) =>
        chain.rules.some((rule) => rule.expressions.some((row) => row.kind === 'flow-offload')),
      ),
  );
}

const PLAN_TABLE = 'nftreplay_plan';

/** The ruleset with a flowtable over `devices` of its own, to which every forwarded flow is added. */
export function withFlowtable(ruleset: Ruleset, devices: string[]): Ruleset {
  const rule: Rule = { handle: 0, expressions: [{ kind: 'flow-offload', flowtable: 'ft' }] };
  const table: Table = {
    family: 'inet',
    name: PLAN_TABLE,
    handle: 0,
    flags: [],
    chains: [
      {
        name: 'forward',
        handle: 0,
        base: { type: 'filter', hook: 'forward', priority: 1, policy: 'accept', devices: [] },
        rules: [rule],
      },
    ],
    sets: [],
    objects: [],
    flowtables: [{ name: 'ft', handle: 0, priority: 0, devices, offload: false, counter: false }],
  };
  return { ...ruleset, tables: [...ruleset.tables, table] };
}

/** Every flow of every forwarding chain's packets offloaded, by all physical devices. */
export function flowtableEdits(ruleset: Ruleset, devices: string[]): Edit[] {
  const edits: Edit[] = [];
  for (const table of ruleset.tables) {
    for (const flowtable of table.flowtables) {
      const missing = devices.filter((name) => !flowtable.devices.includes(name));
      const isElsewhere = (name: string): boolean =>
        table.flowtables.some((row) => row !== flowtable && row.devices.includes(name));
      if (missing.length === 0 || missing.some(isElsewhere)) continue;
      const fresh = { ...flowtable, devices: [...flowtable.devices, ...missing] };
      edits.push({
        change: `device${missing.length > 1 ? 's' : ''} ${missing.join(', ')} in flowtable ${flowtable.name} too`,
        ...(flowtable.location === undefined ? {} : { where: where(flowtable.location) }),
        keepsFates: false,
        ruleset: {
          ...ruleset,
          tables: ruleset.tables.map((one) =>
            one !== table
              ? one
              : { ...one, flowtables: one.flowtables.map((row) => (row === flowtable ? fresh : row)) },
          ),
        },
      });
    }
  }
  const owner = ruleset.tables.find((table) => table.flowtables.length > 0 && table.family !== 'netdev');
  const [flowtable] = owner?.flowtables ?? [];
  if (owner === undefined || flowtable === undefined) return edits;
  const chain: Chain = {
    name: PLAN_TABLE,
    handle: 0,
    base: { type: 'filter', hook: 'forward', priority: 1, policy: 'accept', devices: [] },
    rules: [{ handle: 0, expressions: [{ kind: 'flow-offload', flowtable: flowtable.name }] }],
  };
  edits.push({
    change: `\`flow add @${flowtable.name}\` for every connection that is forwarded`,
    caveat: 'rules for single packets (marks, limits, counters) no longer see offloaded connections: nftreplay audit',
    keepsFates: false,
    ruleset: {
      ...ruleset,
      tables: ruleset.tables.map((one) => (one === owner ? { ...one, chains: [...one.chains, chain] } : one)),
    },
  });
  return edits;
}

function hasCounter(rule: Rule | undefined): boolean {
  return rule?.expressions.some((row) => row.kind === 'counter') ?? false;
}

function place(rule: Rule | undefined): { where?: string } {
  return rule?.location === undefined ? {} : { where: where(rule.location) };
}

function where(location: { file: string; line: number }): string {
  return `${location.file}:${location.line}`;
}
