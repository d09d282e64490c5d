// Rules that no packet gets to: behind a rule that decides everything, or behind one that takes all that they match.
import type { Chain, NftSet, Rule, Table } from '../../bytecode/ruleset.ts';
import {
  findSet,
  isUnconditional,
  type Match,
  matchesOf,
  matchText,
  type Outcome,
  outcomeOf,
  statesOf,
  targetsOf,
  writes,
} from './rules.ts';
import { at, type Report } from './warning.ts';

/** Candidates looked at for one rule; chains of thousands of rules of one shape stay fast. */
const MAX_CANDIDATES = 64;
const ALL: Partial<Record<Outcome, string>> = {
  accept: 'accepts',
  drop: 'drops',
  return: 'returns',
  nat: 'translates',
  queue: 'queues',
};

export function findUnreachable(table: Table, report: Report): void {
  const decides = decider(table);
  const hasWrites = writerChains(table);
  for (const chain of table.chains) {
    const end = chain.rules.findIndex((rule) => decides(rule));
    if (end >= 0 && end < chain.rules.length - 1) reportUnreachable(chain, end, report);
    reportPolicy(chain, end, report);
    findShadowed(table, chain, end < 0 ? chain.rules.length : end, hasWrites, report);
  }
}

function reportUnreachable(chain: Chain, end: number, report: Report): void {
  const rule = chain.rules[end] as Rule;
  const first = chain.rules[end + 1] as Rule;
  const count = chain.rules.length - end - 1;
  const others = count === 1 ? 'this rule' : `this rule and ${count === 2 ? 'the one' : `the ${count - 1}`} after it`;
  const outcome = outcomeOf(rule);
  const does = ALL[outcome ?? 'accept'] ?? 'leads';
  const how =
    outcome === 'jump' || outcome === 'goto' ? 'leads every packet to a chain that decides' : `${does} every packet`;
  report({
    id: 'unreachable-rule',
    message: `no packet reaches ${others} in chain '${chain.name}': a rule before ${how}`,
    ...at(first.location),
    help: 'move it up, or take it out',
    ...(rule.location === undefined ? {} : { related: [{ message: `this rule ${how}`, location: rule.location }] }),
  });
}

function reportPolicy(chain: Chain, end: number, report: Report): void {
  const rule = chain.rules[end];
  if (rule === undefined || chain.base?.policy !== 'drop' || outcomeOf(rule) !== 'accept') return;
  report({
    id: 'policy-unreached',
    message: `'policy drop' of chain '${chain.name}' never applies: a rule accepts every packet`,
    ...at(rule.location),
    help: "take the rule out, or write 'policy accept'",
  });
}

/** Whether a rule gives every packet a final verdict, on its own or in the chain that it leads to. */
function decider(table: Table): (rule: Rule) => boolean {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  const known = new Map<string, boolean>();
  const chainDecides = (name: string): boolean => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, false);
    let result = false;
    for (const rule of chains.get(name)?.rules ?? []) {
      if (mayComeBack(rule)) break;
      if (decides(rule)) {
        result = outcomeOf(rule) !== 'return';
        break;
      }
    }
    known.set(name, result);
    return result;
  };
  // `return`, or `goto` a chain that ends without a verdict, by verdict or by map.
  const mayComeBack = (rule: Rule): boolean =>
    rule.expressions.some((expression) => {
      const verdicts =
        expression.kind === 'verdict'
          ? [expression.verdict]
          : expression.kind === 'lookup' && expression.dreg === 0
            ? (findSet(table, expression.set)?.elements ?? []).flatMap(({ verdict }) => verdict ?? [])
            : [];
      return verdicts.some(({ code, chain }) => code === 'return' || (code === 'goto' && !chainDecides(chain ?? '')));
    });
  const decides = (rule: Rule): boolean => {
    if (!isUnconditional(rule)) return false;
    const outcome = outcomeOf(rule);
    if (outcome === undefined) return false;
    if (outcome !== 'jump' && outcome !== 'goto') return true;
    return targetsOf(table, rule).every(chainDecides);
  };
  return (rule) => decides(rule) || (outcomeOf(rule) === 'goto' && isUnconditional(rule));
}

/** Chains from which something is changed that matches see. */
function writerChains(table: Table): (rule: Rule) => boolean {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  const known = new Map<string, boolean>();
  const chainWrites = (name: string): boolean => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, false);
    const result = (chains.get(name)?.rules ?? []).some(
      (rule) => writes(rule) || targetsOf(table, rule).some(chainWrites),
    );
    known.set(name, result);
    return result;
  };
  return (rule) => writes(rule) || targetsOf(table, rule).some(chainWrites);
}

interface Taker {
  rule: Rule;
  index: number;
  outcome: Outcome;
  matches: Match[];
  texts: ReadonlySet<string>;
}

function findShadowed(
  table: Table,
  chain: Chain,
  end: number,
  hasWrites: (rule: Rule) => boolean,
  report: Report,
): void {
  let takers = new Map<string, Taker[]>();
  for (const [index, rule] of chain.rules.slice(0, end).entries()) {
    const outcome = outcomeOf(rule);
    const matches = matchesOf(table, rule);
    if (matches !== undefined && matches.length > 0) {
      const texts = new Set(matches.map((match) => matchText(table, match)));
      const taker = takerOf(table, takers, matches, texts);
      if (taker !== undefined) reportShadowed(chain, rule, outcome, taker, report);
      else if (outcome !== undefined && outcome !== 'jump' && outcome !== 'return') {
        const last = matches.at(-1) as Match;
        const key = isExact(last) ? matchText(table, last) : wideKey(last);
        const bucket = takers.get(key) ?? [];
        if (bucket.length < MAX_CANDIDATES) bucket.push({ rule, index, outcome, matches, texts });
        takers.set(key, bucket);
      }
    }
    // What a rule before has changed may match differently from here on.
    if (hasWrites(rule)) takers = new Map();
  }
}

/** Matches that may imply each other share it: masks of states differ in what they load. */
function wideKey(match: Match): string {
  return match.key === 'ct state' ? match.key : match.load;
}

function isExact(match: Match): boolean {
  return match.expression.kind === 'cmp' && match.mask === undefined && match.key !== 'ct state';
}

function takerOf(
  table: Table,
  takers: Map<string, Taker[]>,
  matches: Match[],
  texts: ReadonlySet<string>,
): Taker | undefined {
  for (const match of matches) {
    for (const key of [matchText(table, match), wideKey(match)]) {
      const found = takers
        .get(key)
        ?.find((taker) =>
          taker.matches.every(
            (wide) => texts.has(matchText(table, wide)) || matches.some((narrow) => implies(table, narrow, wide)),
          ),
        );
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Whether all that passes `narrow` passes `wide`. */
function implies(table: Table, narrow: Match, wide: Match): boolean {
  const [some, all] = [statesOf(table, narrow), statesOf(table, wide)];
  if (some !== undefined && all !== undefined) return all !== 0 && (some & ~all) === 0;
  if (narrow.load !== wide.load || wide.expression.kind !== 'lookup' || wide.expression.invert) return false;
  const set = findSet(table, wide.expression.set);
  if (set?.anonymous !== true || set.keyFieldLengths.length !== 1) return false;
  if (narrow.expression.kind === 'cmp') return narrow.expression.op === 'eq' && covers(set, narrow.expression.data);
  if (narrow.expression.kind !== 'lookup' || narrow.expression.invert) return false;
  const members = findSet(table, narrow.expression.set);
  if (members?.anonymous !== true || members.elements.length > 256) return false;
  return members.elements.every((element) => !element.catchAll && covers(set, element.key, element.keyEnd));
}

function covers(set: NftSet, key: Uint8Array, keyEnd = key): boolean {
  return set.elements.some((element) => {
    if (element.catchAll) return true;
    if (element.keyEnd === undefined)
      return Buffer.compare(element.key, key) === 0 && Buffer.compare(key, keyEnd) === 0;
    return Buffer.compare(element.key, key) <= 0 && Buffer.compare(keyEnd, element.keyEnd) <= 0;
  });
}

function reportShadowed(chain: Chain, rule: Rule, outcome: Outcome | undefined, taker: Taker, report: Report): void {
  const same = outcome === taker.outcome && sameVerdict(rule, taker.rule);
  const does = ALL[taker.outcome] ?? 'leads away';
  report({
    id: same ? 'repeated-rule' : 'shadowed-rule',
    message: `this rule of chain '${chain.name}' never matches: rule ${taker.index + 1} ${does} all its packets before`,
    ...at(rule.location),
    help: same ? 'take it out' : 'move it up, or take it out',
    ...(taker.rule.location === undefined
      ? {}
      : { related: [{ message: 'this rule takes them', location: taker.rule.location }] }),
  });
}

function sameVerdict(a: Rule, b: Rule): boolean {
  const [first, second] = [a.expressions.at(-1), b.expressions.at(-1)];
  return JSON.stringify(first) === JSON.stringify(second);
}
