// Report section: the ruleset as it stands in the kernel, with how many packets met and matched each rule.
import { f64 } from '../base/columns.ts';
import type { Chain, Ruleset, Table } from '../bytecode/ruleset.ts';
import { printRule } from '../nft/listing.ts';
import { count, cut, visible } from './format.ts';
import type { RunReport } from './model.ts';
import { type RuleHits, ruleHits } from './rule-hits.ts';

const WIDTH = 100;
/** A report with more rules than this shows only those that some packet met. */
const MAX_RULES = 400;

/** Tables, chains and rules; columns: packets that the rule saw, packets that it matched. */
export function rulesetSection(report: RunReport): string[] {
  const { result } = report.replay;
  const hits = ruleHits(result.paths, result.names.rules.length, result.names.chains.length);
  const hideUnmet = result.names.rules.length > MAX_RULES;
  const lines = [
    'Ruleset (packets that a rule saw on the slow path, and that matched it)',
    `${'saw'.padStart(9)} ${'matched'.padStart(9)}`,
  ];
  let chainIndex = 0;
  let ruleIndex = 0;
  let hidden = 0;
  for (const table of report.ruleset.tables) {
    lines.push(`${' '.repeat(20)}table ${table.family} ${visible(table.name)}`);
    for (const chain of table.chains) {
      lines.push(chainLine(chain, hits, chainIndex));
      for (const rule of chain.rules) {
        const saw = f64(hits.evaluated, ruleIndex);
        const text = visible(printRule(report.ruleset, table, chain, rule));
        if (hideUnmet && saw === 0) hidden++;
        else lines.push(ruleLine(saw, f64(hits.matched, ruleIndex), text));
        ruleIndex++;
      }
      chainIndex++;
    }
  }
  if (hidden > 0)
    lines.push(`${' '.repeat(20)}${count(hidden)} rules that no packet met are left out (--format json has them)`);
  return lines;
}

function chainLine(chain: Chain, hits: RuleHits, index: number): string {
  const { base } = chain;
  const text =
    base === undefined
      ? `  chain ${visible(chain.name)}`
      : `  chain ${visible(chain.name)} (${base.type} hook ${base.hook} priority ${base.priority}, policy ${base.policy})`;
  const policy = f64(hits.policy, index);
  const ended = base === undefined || policy === 0 ? ' '.repeat(20) : `${' '.repeat(10)}${count(policy).padStart(9)} `;
  return cut(`${ended}${text}${ended.trim() === '' ? '' : ' < policy'}`, WIDTH);
}

function ruleLine(saw: number, matched: number, text: string): string {
  const numbers = `${saw > 0 ? count(saw).padStart(9) : '.'.padStart(9)} ${matched > 0 ? count(matched).padStart(9) : '.'.padStart(9)}`;
  return cut(`${numbers}     ${text}`, WIDTH);
}

/** Rules of a table in the order of their global index, as text. */
export function ruleTexts(ruleset: Ruleset): string[] {
  return ruleset.tables.flatMap((table: Table) =>
    table.chains.flatMap((chain) => chain.rules.map((rule) => printRule(ruleset, table, chain, rule))),
  );
}
