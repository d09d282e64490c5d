// Why rules never matched: what stands before them, who took their packets, what they wait for.
import { f64 } from '../base/columns.ts';
import type { Expression } from '../bytecode/expression.ts';
import type { ReplayResult } from '../replay/result.ts';
import type { PathHits } from './path-hits.ts';
import type { BookChain, RuleBook } from './rule-book.ts';

type ProbeCount = NonNullable<ReplayResult['probes']>[number];

export type DeadReason =
  /** Its chain is no base chain, and no rule leads there. */
  | { kind: 'unreachable' }
  /** A rule before it in its chain ends the way of every packet. */
  | { kind: 'after-verdict'; rule: number }
  /** Packets would have matched; these rules took them first. */
  | { kind: 'shadowed'; by: { rule: number; packets: number }[]; packets: number }
  /** Its table is dormant. */
  | { kind: 'dormant' }
  /** No packet came to its chain: to the hook, or past the rules that lead there. */
  | { kind: 'chain-not-entered'; rules: number[] }
  /** Its matches were met, and then this statement never let a packet on. */
  | { kind: 'held'; statement: Expression['kind']; packets: number }
  /** `seen` packets came to it; no packet of the capture matches. */
  | { kind: 'no-traffic'; seen: number };

/** Statements that hold a rule whose matches were met. */
const HOLDERS: ReadonlySet<Expression['kind']> = new Set([
  'limit',
  'quota',
  'connlimit',
  'flow-offload',
  'dynset',
  'numgen',
]);
/** Statements that let every packet on. */
const PASSING: ReadonlySet<Expression['kind']> = new Set(['counter', 'log', 'last']);

/** Reasons of rules that never matched, by global index. */
export function deadReasons(
  rules: readonly number[],
  from: { book: RuleBook; hits: PathHits; probes: readonly ProbeCount[] },
): Map<number, DeadReason> {
  const takers = new Map<number, { rule: number; packets: number }[]>();
  for (const { rule, taker, packets } of from.probes) {
    const rows = takers.get(rule) ?? [];
    rows.push({ rule: taker, packets });
    takers.set(rule, rows);
  }
  const leads = leadingRules(from.book);
  const ends = new Map(from.book.chains.map((chain) => [chain, firstEnd(chain)]));
  return new Map(rules.map((rule) => [rule, reasonOf(rule, from, takers.get(rule) ?? [], leads, ends)]));
}

function reasonOf(
  rule: number,
  { book, hits }: { book: RuleBook; hits: PathHits },
  takers: { rule: number; packets: number }[],
  leads: Map<BookChain, number[]>,
  ends: Map<BookChain, number>,
): DeadReason {
  const row = book.rules[rule];
  const chain = row?.chain;
  if (row === undefined || chain === undefined) return { kind: 'unreachable' };
  if (chain.table.flags.includes('dormant')) return { kind: 'dormant' };
  const leading = leads.get(chain) ?? [];
  if (chain.chain.base === undefined && leading.length === 0) return { kind: 'unreachable' };
  const end = ends.get(chain) ?? rule;
  if (end < rule) return { kind: 'after-verdict', rule: end };
  if (f64(hits.entered, book.chainOfRule[rule] as number) === 0) return { kind: 'chain-not-entered', rules: leading };
  if (takers.length > 0) {
    return { kind: 'shadowed', by: takers, packets: takers.reduce((sum, taker) => sum + taker.packets, 0) };
  }
  const holder = row.rule.expressions[(hits.furthest[rule] as number) - 1];
  if (holder !== undefined && HOLDERS.has(holder.kind)) {
    return { kind: 'held', statement: holder.kind, packets: f64(hits.furthestPackets, rule) };
  }
  return { kind: 'no-traffic', seen: f64(hits.evaluated, rule) };
}

/** Global index of the first rule of a chain that no packet passes; infinite: there is none. */
function firstEnd({ chain, firstRule }: BookChain): number {
  const at = chain.rules.findIndex((rule) => endsEveryPacket(rule.expressions));
  return at < 0 ? Number.POSITIVE_INFINITY : firstRule + at;
}

/** A rule without a match whose verdict lets no packet on in its chain. */
function endsEveryPacket(expressions: readonly Expression[]): boolean {
  const [end] = expressions.filter((row) => !PASSING.has(row.kind));
  if (end?.kind === 'reject' || end?.kind === 'queue') return true;
  if (end?.kind !== 'verdict') return false;
  return end.verdict.code !== 'continue' && end.verdict.code !== 'jump' && end.verdict.code !== 'break';
}

/** Rules that jump or go to each chain, themselves or by a verdict map. */
function leadingRules(book: RuleBook): Map<BookChain, number[]> {
  const leads = new Map<BookChain, number[]>();
  book.rules.forEach(({ chain, rule }, index) => {
    const names = new Set<string>();
    for (const expression of rule.expressions) {
      if (expression.kind === 'verdict' && expression.verdict.chain !== undefined) names.add(expression.verdict.chain);
      if (expression.kind !== 'lookup' || expression.dreg !== 0) continue;
      const elements = chain.table.sets.find((set) => set.name === expression.set)?.elements ?? [];
      for (const { verdict } of elements) if (verdict?.chain !== undefined) names.add(verdict.chain);
    }
    for (const name of names) {
      const target = book.chainNamed(`${chain.table.family} ${chain.table.name} ${name}`);
      if (target !== undefined) leads.set(target, [...(leads.get(target) ?? []), index]);
    }
  });
  return leads;
}
