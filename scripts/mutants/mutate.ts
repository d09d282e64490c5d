// One-rule mutations of a compiled ruleset: what a slip of the hand does to a firewall. Deterministic in the ruleset.
import type { Expression, Verdict } from '../../src/bytecode/expression.ts';
import type { Chain, NftSet, Ruleset, Table } from '../../src/bytecode/ruleset.ts';

export const MUTATIONS = [
  'drop rule',
  'swap rules',
  'verdict',
  'reject',
  'port',
  'address',
  'prefix',
  'ct state',
  'interface',
  'mark',
  'protocol',
  'other match',
  'negation',
  'statement value',
  'limit',
  'set element',
  'map verdict',
  'priority',
  'policy',
  'jump target',
  'flowtable device',
] as const;
export type MutationName = (typeof MUTATIONS)[number];

export interface Mutant {
  mutation: MutationName;
  /** Global index of the rule in the original; -1: a chain, set or flowtable was changed. */
  rule: number;
  /** Rules whose outcome may change by it, by global index in the original. */
  affected: number[];
  what: string;
  /** Line of the chain that was changed. */
  chainLine?: number;
  /** The changed ruleset. */
  make(): Ruleset;
}

/** Every mutant of a ruleset, in its order. */
export function mutants(ruleset: Ruleset): Mutant[] {
  const found: Mutant[] = [];
  let rule = 0;
  ruleset.tables.forEach((table, t) => {
    const first = rule;
    table.chains.forEach((chain, c) => {
      const firstOfChain = rule;
      chain.rules.forEach((_, r) => {
        found.push(...ruleMutants(ruleset, { t, c, r }, rule));
        rule++;
      });
      found.push(...chainMutants(ruleset, { t, c }, chain, firstOfChain));
    });
    table.sets.forEach((set, s) => {
      found.push(...setMutants(ruleset, t, s, set, usersOf(table, set, first)));
    });
    table.flowtables.forEach((flowtable, f) => {
      if (flowtable.devices.length < 2) return;
      found.push({
        mutation: 'flowtable device',
        rule: -1,
        affected: [],
        what: `flowtable ${flowtable.name} loses ${flowtable.devices[0]}`,
        make: () => changed(ruleset, (copy) => copy.tables[t]?.flowtables[f]?.devices.shift()),
      });
    });
  });
  return found;
}

interface Place {
  t: number;
  c: number;
  r: number;
}

function changed(ruleset: Ruleset, change: (copy: Ruleset) => void): Ruleset {
  const copy = structuredClone(ruleset);
  change(copy);
  return copy;
}

function chainAt(ruleset: Ruleset, { t, c }: { t: number; c: number }): Chain {
  const chain = ruleset.tables[t]?.chains[c];
  if (chain === undefined) throw new Error('a chain that is there');
  return chain;
}

function ruleMutants(ruleset: Ruleset, place: Place, rule: number): Mutant[] {
  const { t, c, r } = place;
  const chain = chainAt(ruleset, place);
  const table = ruleset.tables[t] as Table;
  const found: Mutant[] = [];
  const add = (mutation: MutationName, what: string, change: (copy: Chain) => void, affected = [rule]): void => {
    found.push({
      mutation,
      rule,
      affected,
      what,
      make: () => changed(ruleset, (copy) => change(chainAt(copy, { t, c }))),
    });
  };
  add('drop rule', 'is dropped', (copy) => copy.rules.splice(r, 1));
  if (r + 1 < chain.rules.length) {
    add(
      'swap rules',
      'changes places with the next',
      (copy) => {
        const [one] = copy.rules.splice(r, 1);
        if (one !== undefined) copy.rules.splice(r + 1, 0, one);
      },
      [rule, rule + 1],
    );
  }
  const { expressions } = chain.rules[r] as Chain['rules'][number];
  expressions.forEach((expression, e) => {
    for (const { mutation, what, to } of expressionMutants(expression, expressions, e, table, chain, ruleset)) {
      add(mutation, what, (copy) => {
        const row = copy.rules[r];
        if (row !== undefined) row.expressions[e] = to;
      });
    }
  });
  return found;
}

interface Change {
  mutation: MutationName;
  what: string;
  to: Expression;
}

function expressionMutants(
  expression: Expression,
  all: readonly Expression[],
  at: number,
  table: Table,
  chain: Chain,
  ruleset: Ruleset,
): Change[] {
  switch (expression.kind) {
    case 'verdict':
      return verdictMutants(expression.verdict, table, chain);
    case 'reject':
      return [{ mutation: 'reject', what: 'reject becomes drop', to: { kind: 'verdict', verdict: { code: 'drop' } } }];
    case 'cmp': {
      const loaded = loadBefore(all, at);
      const changes: Change[] = [];
      const data = otherData(expression.data, loaded, ruleset);
      if (data !== undefined)
        changes.push({
          mutation: kindOf(loaded, expression),
          what: 'compares with another value',
          to: { ...expression, data },
        });
      if (expression.op === 'eq')
        changes.push({ mutation: 'negation', what: '== becomes !=', to: { ...expression, op: 'neq' } });
      else if (expression.op === 'neq')
        changes.push({ mutation: 'negation', what: '!= becomes ==', to: { ...expression, op: 'eq' } });
      return changes;
    }
    case 'range':
      return [
        {
          mutation: kindOf(loadBefore(all, at), expression),
          what: 'its range starts one later',
          to: { ...expression, from: plusOne(expression.from) },
        },
      ];
    case 'bitwise': {
      if (expression.op !== 'mask-xor') return [];
      const loaded = loadBefore(all, at);
      if (loaded?.kind === 'payload')
        return [
          {
            mutation: 'prefix',
            what: 'its mask loses a bit',
            to: { ...expression, mask: lastBitOff(expression.mask) },
          },
        ];
      if (loaded?.kind === 'ct' && loaded.key === 'state')
        return [
          {
            mutation: 'ct state',
            what: 'its states lose one',
            to: { ...expression, mask: lastBitOff(expression.mask) },
          },
        ];
      return [];
    }
    case 'immediate':
      return [
        {
          mutation: all.some((row) => row.kind === 'meta-set' && row.key === 'mark') ? 'mark' : 'statement value',
          what: 'sets another value',
          to: { ...expression, data: lastOctetPlusOne(expression.data) },
        },
      ];
    case 'limit':
      return [
        {
          mutation: 'limit',
          what: 'its limit becomes 1/hour',
          to: { ...expression, limit: { ...expression.limit, rate: 1, unit: 'hour', burst: 1 } },
        },
      ];
    case 'lookup':
      return expression.dreg === undefined
        ? [
            {
              mutation: 'negation',
              what: 'in the set becomes not in it',
              to: { ...expression, invert: !expression.invert },
            },
          ]
        : [];
    default:
      return [];
  }
}

function verdictMutants(verdict: Verdict, table: Table, chain: Chain): Change[] {
  const to = (code: Verdict['code'], name?: string): Expression => ({
    kind: 'verdict',
    verdict: name === undefined ? { code } : { code, chain: name },
  });
  const nat = chain.base?.type === 'nat';
  switch (verdict.code) {
    case 'accept':
      return [{ mutation: 'verdict', what: 'accept becomes drop', to: to(nat ? 'return' : 'drop') }];
    case 'drop':
      return [{ mutation: 'verdict', what: 'drop becomes accept', to: to('accept') }];
    case 'return':
      return [{ mutation: 'verdict', what: 'return becomes accept', to: to('accept') }];
    case 'jump':
    case 'goto': {
      const others = table.chains.filter(
        (row) => row.base === undefined && row.name !== verdict.chain && row.name !== chain.name,
      );
      const [other] = others;
      const changes: Change[] = [{ mutation: 'verdict', what: `${verdict.code} becomes accept`, to: to('accept') }];
      if (other !== undefined)
        changes.push({ mutation: 'jump target', what: `leads to ${other.name}`, to: to(verdict.code, other.name) });
      return changes;
    }
    default:
      return [];
  }
}

type Load = Extract<Expression, { kind: 'payload' | 'meta' | 'ct' | 'exthdr' | 'fib' | 'rt' }>;

/** The load that an expression at `at` works on. */
function loadBefore(all: readonly Expression[], at: number): Load | undefined {
  for (let i = at - 1; i >= 0; i--) {
    const row = all[i];
    if (
      row?.kind === 'payload' ||
      row?.kind === 'meta' ||
      row?.kind === 'ct' ||
      row?.kind === 'exthdr' ||
      row?.kind === 'fib' ||
      row?.kind === 'rt'
    )
      return row;
  }
  return undefined;
}

function kindOf(load: Load | undefined, compare: Expression): MutationName {
  if (load?.kind === 'payload') {
    if (load.base === 'transport' && load.length === 2 && load.offset <= 2) return 'port';
    if (load.base === 'network' && load.length >= 3) return 'address';
  }
  if (load?.kind === 'meta') {
    if (load.key === 'iifname' || load.key === 'oifname' || load.key === 'iif' || load.key === 'oif')
      return 'interface';
    if (load.key === 'l4proto' || load.key === 'nfproto' || load.key === 'protocol') return 'protocol';
    if (load.key === 'mark') return 'mark';
  }
  if (load?.kind === 'ct' && load.key === 'state') return 'ct state';
  if (load?.kind === 'ct' && load.key === 'mark') return 'mark';
  return compare.kind === 'range' ? 'port' : 'other match';
}

function otherData(data: Uint8Array, load: Load | undefined, ruleset: Ruleset): Uint8Array | undefined {
  if (load?.kind === 'ct' && load.key === 'state' && data.every((octet) => octet === 0)) return undefined;
  if (load?.kind === 'meta' && (load.key === 'iif' || load.key === 'oif')) {
    const index = data[0] ?? 0;
    const other = ruleset.interfaceNames.length > 2 ? (index % (ruleset.interfaceNames.length - 1)) + 1 : undefined;
    return other === undefined ? undefined : Uint8Array.from(data, (octet, i) => (i === 0 ? other : octet));
  }
  if (load?.kind === 'meta' && (load.key === 'iifname' || load.key === 'oifname')) {
    return Uint8Array.from(data, (octet, i) => (i === 0 ? octet ^ 1 : octet));
  }
  return lastOctetPlusOne(data);
}

function lastOctetPlusOne(data: Uint8Array): Uint8Array {
  return Uint8Array.from(data, (octet, i) => (i === data.length - 1 ? (octet + 1) & 0xff : octet));
}

function plusOne(data: Uint8Array): Uint8Array {
  const copy = data.slice();
  for (let i = copy.length - 1; i >= 0; i--) {
    copy[i] = ((copy[i] as number) + 1) & 0xff;
    if (copy[i] !== 0) break;
  }
  return copy;
}

function lastBitOff(mask: Uint8Array): Uint8Array {
  const copy = mask.slice();
  for (let i = copy.length - 1; i >= 0; i--) {
    const octet = copy[i] as number;
    if (octet === 0) continue;
    copy[i] = octet & (octet - 1);
    break;
  }
  return copy;
}

function chainMutants(ruleset: Ruleset, place: { t: number; c: number }, chain: Chain, first: number): Mutant[] {
  const { base } = chain;
  if (base === undefined) return [];
  const affected = chain.rules.map((_, index) => first + index);
  const make = (change: (copy: Chain) => void) => () => changed(ruleset, (copy) => change(chainAt(copy, place)));
  const found: Mutant[] = [];
  const change = (mutation: MutationName, what: string, apply: (copy: NonNullable<Chain['base']>) => void): void => {
    const by = (copy: Chain): void => {
      if (copy.base !== undefined) apply(copy.base);
    };
    found.push({
      mutation,
      rule: -1,
      affected,
      what: `chain ${chain.name} ${what}`,
      ...(chain.location === undefined ? {} : { chainLine: chain.location.line }),
      make: make(by),
    });
  };
  change('priority', 'runs 350 later', (copy) => {
    copy.priority += 350;
  });
  if (base.type !== 'nat') {
    change('policy', `has policy ${base.policy === 'drop' ? 'accept' : 'drop'}`, (copy) => {
      copy.policy = base.policy === 'drop' ? 'accept' : 'drop';
    });
  }
  return found;
}

function setMutants(ruleset: Ruleset, t: number, s: number, set: NftSet, users: number[]): Mutant[] {
  const found: Mutant[] = [];
  const add = (mutation: MutationName, what: string, change: (copy: NftSet) => void): void => {
    found.push({
      mutation,
      rule: users[0] ?? -1,
      affected: users,
      what: `${set.anonymous ? 'its set' : `set ${set.name}`} ${what}`,
      make: () =>
        changed(ruleset, (copy) => {
          const row = copy.tables[t]?.sets[s];
          if (row !== undefined) change(row);
        }),
    });
  };
  set.elements.slice(0, 4).forEach((element, index) => {
    add('set element', `loses element ${index + 1}`, (copy) => copy.elements.splice(index, 1));
    const code = element.verdict?.code;
    if (code === 'accept' || code === 'drop') {
      add('map verdict', `element ${index + 1} turns ${code === 'accept' ? 'drop' : 'accept'}`, (copy) => {
        const row = copy.elements[index];
        if (row !== undefined) row.verdict = { code: code === 'accept' ? 'drop' : 'accept' };
      });
    }
  });
  return found;
}

function usersOf(table: Table, set: NftSet, first: number): number[] {
  const users: number[] = [];
  let rule = first;
  for (const chain of table.chains) {
    for (const { expressions } of chain.rules) {
      if (expressions.some((row) => (row.kind === 'lookup' || row.kind === 'objref-map') && row.set === set.name))
        users.push(rule);
      rule++;
    }
  }
  return users;
}
