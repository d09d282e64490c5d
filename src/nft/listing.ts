// A ruleset and what a replay changed in it as `nft list ruleset` prints it (nftables src/rule.c). The text loads again.
import type { Chain, ExpressionState, Rule, Ruleset, RulesetState, Table, TableState } from '../bytecode/ruleset.ts';
import type { Stmt } from './ast.ts';
import { delinearizeRule } from './delinearize.ts';
import { listFlowtable, listObject } from './listing-objects.ts';
import { type ListingOptions, printOptions } from './listing-options.ts';
import { priorityText } from './listing-priority.ts';
import { listSet } from './listing-sets.ts';
import { printStatement } from './print-statement.ts';
import { type PrintOptions, quoted, safeText } from './print-text.ts';

export { type Json, jsonText } from './json-expression.ts';
export { listJson } from './json-listing.ts';
export type { ListingOptions };

interface Lister extends PrintOptions {
  readonly handles: boolean;
  readonly terse: boolean;
}

/** What `nft list ruleset` prints for a ruleset, with the state that a replay left when given. Ends in a newline. */
export function list(ruleset: Ruleset, state?: RulesetState, options: ListingOptions = {}): string {
  let text = '';
  for (const [index, table] of ruleset.tables.entries()) {
    text += listTable(table, state?.tables[index], lister(ruleset, table, options));
  }
  return text;
}

/** A rule on one line, as a listing has it without indentation. `state`: of the whole ruleset. */
export function printRule(
  ruleset: Ruleset,
  table: Table,
  chain: Chain,
  rule: Rule,
  state?: RulesetState,
  options: ListingOptions = {},
): string {
  const tableState = state?.tables[ruleset.tables.indexOf(table)];
  const states = tableState?.chains[table.chains.indexOf(chain)]?.rules[chain.rules.indexOf(rule)];
  return ruleText(table, rule, states, lister(ruleset, table, options), '').replace(/\n\t*/g, ' ');
}

function lister(ruleset: Ruleset, table: Table, options: ListingOptions): Lister {
  return { ...printOptions(ruleset, table, options), handles: options.handles ?? false, terse: options.terse ?? false };
}

function handle(number: number, options: Lister): string {
  return options.handles ? ` # handle ${number}` : '';
}

function listTable(table: Table, state: TableState | undefined, options: Lister): string {
  const blocks: string[] = [];
  for (const [index, object] of table.objects.entries()) {
    blocks.push(listObject(object, state?.objects[index], options, handle(object.handle, options)));
  }
  for (const [index, set] of table.sets.entries()) {
    if (!set.anonymous)
      blocks.push(listSet(table, set, state?.sets[index], options, options.terse, handle(set.handle, options)));
  }
  for (const flowtable of table.flowtables)
    blocks.push(listFlowtable(flowtable, options, handle(flowtable.handle, options)));
  for (const [index, chain] of table.chains.entries()) {
    if (!isInline(chain.name)) blocks.push(listChain(table, chain, state?.chains[index]?.rules, options));
  }
  let head = `table ${table.family} ${safeText(table.name)} {${handle(table.handle, options)}\n`;
  if (table.flags.length > 0) head += `\tflags ${table.flags.join(',')}\n`;
  if (table.comment !== undefined) head += `\tcomment ${quoted(table.comment)}\n`;
  const isSpaced = table.flags.length > 0;
  return `${head}${isSpaced && blocks.length > 0 ? '\n' : ''}${blocks.join('\n')}}\n`;
}

/** Chains that a rule declares in place: `jump { … }`. */
function isInline(name: string): boolean {
  return name.startsWith('__chain');
}

type RuleStates = readonly (readonly (ExpressionState | null)[])[] | undefined;

function listChain(table: Table, chain: Chain, states: RuleStates, options: Lister): string {
  let text = `\tchain ${safeText(chain.name)} {${handle(chain.handle, options)}\n`;
  if (chain.comment !== undefined) text += `\t\tcomment ${quoted(chain.comment)}\n`;
  if (chain.base !== undefined) text += `\t\t${hookLine(table, chain.base, options)}\n`;
  for (const [index, rule] of chain.rules.entries()) {
    text += `\t\t${ruleText(table, rule, states?.[index], options, '\t\t')}${handle(rule.handle, options)}\n`;
  }
  return `${text}\t}\n`;
}

function hookLine(table: Table, base: NonNullable<Chain['base']>, options: Lister): string {
  const { type, hook, devices, policy } = base;
  const quote = (device: string): string => (options.dialect === '1.0.6' ? safeText(device) : quoted(device));
  const [only] = devices;
  const list =
    devices.length === 1 && only !== undefined
      ? ` device ${quoted(only)}`
      : ` devices = { ${[...devices].sort().map(quote).join(', ')} }`;
  const priority = priorityText(base.priority, table.family, hook);
  return `type ${type} hook ${hook}${devices.length === 0 ? '' : list} priority ${priority}; policy ${policy};`;
}

function ruleText(
  table: Table,
  rule: Rule,
  states: readonly (ExpressionState | null)[] | undefined,
  options: Lister,
  indent: string,
): string {
  const node = delinearizeRule(table, rule, states);
  const parts = node.statements.map(
    (statement) => inlineChain(table, statement, options, indent) ?? printStatement(statement, options),
  );
  if (node.comment !== undefined) parts.push(`comment ${quoted(node.comment)}`);
  return parts.join(' ');
}

/** `jump {` with the rules of the chain that the rule declares in place; undefined for any other statement. */
function inlineChain(table: Table, statement: Stmt, options: Lister, indent: string): string | undefined {
  if (statement.kind !== 'verdict' || statement.expr.kind !== 'verdict') return undefined;
  const { code, chain: name } = statement.expr;
  if (name?.kind !== 'symbol' || !isInline(name.text)) return undefined;
  const chain = table.chains.find((candidate) => candidate.name === name.text);
  if (chain === undefined) return undefined;
  const rules = chain.rules.map((rule) => `${indent}\t${ruleText(table, rule, undefined, options, `${indent}\t`)}\n`);
  return `${code} {\n${rules.join('')}${indent}}`;
}
