// What the reports of `nftreplay coverage` are made from, and what they say of a place in words.
import type { Coverage, CoverState, ElementCover, RuleCover, SetCover } from '../compare/coverage.ts';
import type { DeadReason } from '../compare/dead-rules.ts';
import type { RuleBook } from '../compare/rule-book.ts';
import { count, visible } from './format.ts';

export interface CoverageReport {
  /** nftreplay's own version. */
  version: string;
  rulesetPath: string;
  routerPath?: string;
  coverage: Coverage;
  /** Text of each file of the ruleset, by the name that locations carry. */
  sources: Map<string, string>;
}

export const STATE_TEXTS: Readonly<Record<CoverState, string>> = {
  never: 'never reached',
  'before-offload': 'reached only before offload',
  reached: 'reached',
};

/** 'shadowed: fw.nft:12 (inet fw4 forward rule 2) takes all 31 packets that match'. */
export function reasonText(reason: DeadReason, book: RuleBook): string {
  switch (reason.kind) {
    case 'unreachable':
      return 'unreachable: no rule leads to its chain';
    case 'after-verdict':
      return `unreachable: ${ruleName(reason.rule, book)} ends the way of every packet`;
    case 'shadowed':
      return shadowText(reason, book);
    case 'dormant':
      return 'its table is dormant';
    case 'chain-not-entered':
      if (reason.rules.length === 0) return 'no traffic: no packet came to its hook';
      return `no traffic: no packet came to its chain, where ${names(reason.rules, book)} lead${reason.rules.length === 1 ? 's' : ''}`;
    case 'held':
      return `its matches were met ${times(reason.packets)}, and ${HELD[reason.statement] ?? `\`${reason.statement}\``} held every time`;
    case 'no-traffic':
      return reason.seen > 0
        ? `no traffic: none of the ${count(reason.seen)} packets that it saw matches`
        : 'no traffic: no packet of the capture would match, were it the only rule';
  }
}

function shadowText(reason: Extract<DeadReason, { kind: 'shadowed' }>, book: RuleBook): string {
  const [first, ...others] = reason.by;
  const packets = `${count(reason.packets)} packet${reason.packets === 1 ? '' : 's'}`;
  if (first === undefined) return 'shadowed';
  if (others.length === 0) return `shadowed: ${packets} would match, ${ruleName(first.rule, book)} takes them first`;
  const rest = others.length === 1 ? 'one other rule' : `${count(others.length)} other rules`;
  return `shadowed: ${packets} would match, ${ruleName(first.rule, book)} takes ${count(first.packets)} of them first, ${rest} the others`;
}

const HELD: Readonly<Record<string, string>> = {
  limit: 'its limit',
  quota: 'its quota',
  connlimit: 'its connection limit',
  'flow-offload': '`flow add`',
  dynset: 'its set',
  numgen: 'its number generator',
};

function times(n: number): string {
  return n === 1 ? 'once' : `${count(n)} times`;
}

function names(rules: readonly number[], book: RuleBook): string {
  const shown = rules.slice(0, 2).map((rule) => ruleName(rule, book));
  if (rules.length > 2) shown.push(`${count(rules.length - 2)} more`);
  return shown.join(' and ');
}

/** 'line 12 (tcp dport 22 accept)'; with the file when there are several. */
export function ruleName(rule: number, book: RuleBook): string {
  const location = book.location(rule);
  const files = new Set(book.rules.slice(0, 100_000).map((row) => row.rule.location?.file));
  const place =
    location === undefined
      ? `rule ${book.rules[rule]?.place ?? ''}`
      : files.size > 1
        ? `${visible(location.file)}:${location.line}`
        : `line ${location.line}`;
  const text = visible(book.text(rule));
  return `${place} (${text.length > 60 ? `${text.slice(0, 59)}…` : text})`;
}

/** How many of each state. */
export function tally(rows: readonly { state: CoverState }[]): Record<CoverState, number> & { all: number } {
  const of = (state: CoverState) => rows.filter((row) => row.state === state).length;
  return { all: rows.length, never: of('never'), 'before-offload': of('before-offload'), reached: of('reached') };
}

/** All elements that are no verdicts, and those that are branches of verdict maps. */
export function elementsOf(sets: readonly SetCover[]): { elements: ElementCover[]; branches: ElementCover[] } {
  const isMap = (row: SetCover): boolean => row.set.mapTo === 'verdict';
  return {
    elements: sets.filter((row) => !isMap(row)).flatMap((row) => row.elements),
    branches: sets.filter(isMap).flatMap((row) => row.elements),
  };
}

/** 'saw 12 packets, 3 matched; its connections sent 400 more past it'. */
export function sightText(row: RuleCover): string {
  const saw = `${count(row.matched)} packet${row.matched === 1 ? '' : 's'} matched`;
  return row.bypassed === 0 ? saw : `${saw}, ${count(row.bypassed)} more of their connections went past it`;
}
