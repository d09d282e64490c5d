// The packets that a rule is about, as nft text: what its matches and those of the rules that jump to it say of a
// connection (interfaces, addresses, ports, protocol), for both directions. What changes from packet to packet (flags,
// states, lengths) is left out, so that the text may take in more, never less.
import type { Chain, Rule, Ruleset, Table } from '../../bytecode/ruleset.ts';
import type { Expr, Stmt } from '../../nft/ast.ts';
import { delinearizeRule } from '../../nft/delinearize.ts';
import { printOptions } from '../../nft/listing-options.ts';
import { printStatement } from '../../nft/print-statement.ts';
import { quoted } from '../../nft/print-text.ts';

export interface RuleMatches {
  /** 'iifname "br-lan" udp dport 3478'; empty: all traffic. */
  forth: string;
  /** The same of the other direction: 'oifname "br-lan" udp sport 3478'. */
  back: string;
}

const STATELESS = { stateless: true };
const MAX_CALLERS = 3;

/** Both directions of what a rule matches; undefined: nothing that holds for whole connections. */
export function ruleMatches(ruleset: Ruleset, table: Table, chain: Chain, rule: Rule): RuleMatches | undefined {
  const statements = [...callers(table, chain, MAX_CALLERS), rule].flatMap((row) => lastingMatches(table, row));
  const texts = statements.map((statement) => ({
    forth: print(ruleset, table, statement),
    back: print(ruleset, table, swapped(statement)),
  }));
  const distinct = [...new Map(texts.map((text) => [text.forth, text])).values()];
  if (distinct.length === 0) return undefined;
  return {
    forth: distinct.map((text) => text.forth).join(' '),
    back: distinct.map((text) => text.back).join(' '),
  };
}

/** All statements of a rule as text, matches apart from the rest; for rules that are to stand elsewhere. */
export function splitRule(ruleset: Ruleset, table: Table, rule: Rule): { matches: string[]; rest: string[] } {
  const { statements, comment } = delinearizeRule(table, rule);
  const from = statements.findIndex((statement) => statement.kind !== 'match');
  const at = from < 0 ? statements.length : from;
  const rest = statements.slice(at).map((statement) => print(ruleset, table, statement));
  if (comment !== undefined) rest.push(`comment ${quoted(comment)}`);
  return { matches: statements.slice(0, at).map((statement) => print(ruleset, table, statement)), rest };
}

/** Rules that lead to a chain, outermost first, as long as there is only one way. */
function callers(table: Table, chain: Chain, depth: number): Rule[] {
  if (chain.base !== undefined || depth === 0) return [];
  const found = table.chains.flatMap((from) =>
    from.rules.filter((rule) => leadsTo(rule, chain.name, table)).map((rule) => ({ from, rule })),
  );
  const [only] = found;
  if (found.length !== 1 || only === undefined) return [];
  return [...callers(table, only.from, depth - 1), only.rule];
}

function leadsTo(rule: Rule, chain: string, table: Table): boolean {
  return rule.expressions.some((row) => {
    if (row.kind === 'verdict') return row.verdict.chain === chain;
    if (row.kind !== 'lookup' || row.dreg !== 0) return false;
    const set = table.sets.find((other) => other.name === row.set);
    // Through a verdict map the key is not a match: its callers say nothing, but there is more than one way.
    return set?.elements.some((element) => element.verdict?.chain === chain) ?? false;
  });
}

/** Matches before the first statement that does something, if they hold for all packets of a direction. */
function lastingMatches(table: Table, rule: Rule): Stmt[] {
  const { statements } = delinearizeRule(table, rule);
  const matches: Stmt[] = [];
  for (const statement of statements) {
    if (statement.kind === 'match' && statement.expr.kind === 'relational' && lasts(statement.expr.left)) {
      matches.push(statement);
    }
  }
  return matches;
}

const LASTING_FIELDS = new Set(['saddr', 'daddr', 'sport', 'dport', 'protocol', 'nexthdr']);
const LASTING_META = new Set(['iif', 'oif', 'iifname', 'oifname', 'l4proto', 'nfproto', 'protocol']);
const LASTING_HEADERS = new Set(['ip', 'ip6', 'tcp', 'udp', 'th', 'udplite', 'sctp', 'dccp']);

function lasts(expr: Expr): boolean {
  switch (expr.kind) {
    case 'payload':
      return (
        !expr.raw && expr.inner === undefined && LASTING_HEADERS.has(expr.protocol) && LASTING_FIELDS.has(expr.field)
      );
    case 'meta':
      return expr.inner === undefined && LASTING_META.has(expr.key);
    case 'concat':
      return expr.parts.every(lasts);
    case 'binary':
      return lasts(expr.left);
    default:
      return false;
  }
}

function swapped(statement: Stmt): Stmt {
  if (statement.kind !== 'match' || statement.expr.kind !== 'relational') return statement;
  return { ...statement, expr: { ...statement.expr, left: swap(statement.expr.left) } };
}

const OTHER_FIELD = new Map([
  ['saddr', 'daddr'],
  ['daddr', 'saddr'],
  ['sport', 'dport'],
  ['dport', 'sport'],
]);
const OTHER_META = { iif: 'oif', oif: 'iif', iifname: 'oifname', oifname: 'iifname' } as const;

function swap(expr: Expr): Expr {
  switch (expr.kind) {
    case 'payload':
      return { ...expr, field: OTHER_FIELD.get(expr.field) ?? expr.field };
    case 'meta':
      return expr.key in OTHER_META ? { ...expr, key: OTHER_META[expr.key as keyof typeof OTHER_META] } : expr;
    case 'concat':
      return { ...expr, parts: expr.parts.map(swap) };
    case 'binary':
      return { ...expr, left: swap(expr.left) };
    default:
      return expr;
  }
}

function print(ruleset: Ruleset, table: Table, statement: Stmt): string {
  return printStatement(statement, printOptions(ruleset, table, STATELESS)).replace(/\n\t*/g, ' ');
}
