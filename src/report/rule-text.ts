// A rule by its place: 'inet fw4 input rule 3', and its text as nft lists it.
import type { Chain, Rule, Ruleset, Table } from '../bytecode/ruleset.ts';
import { visible } from './format.ts';
import type { RunReport } from './model.ts';

export interface PlacedRule {
  table: Table;
  chain: Chain;
  rule: Rule;
  /** 1-based in its chain. */
  place: number;
}

/** All rules in the order of their global index. */
export function placedRules(ruleset: Ruleset): PlacedRule[] {
  return ruleset.tables.flatMap((table) =>
    table.chains.flatMap((chain) => chain.rules.map((rule, index) => ({ table, chain, rule, place: index + 1 }))),
  );
}

/** ': inet fw4 input rule 3 (fw.nft:12)' for reasons that name a rule, ': inet fw4 input' for those that name a chain. */
export function rulePlace(report: RunReport, reason: string, detail: number): string {
  if (detail < 0) return '';
  const { names } = report.replay.result;
  if (reason === 'policy') return `: ${visible(names.chains[detail] ?? '')}`;
  const shape = names.rules[detail];
  if (shape === undefined) return '';
  const placed = placedRules(report.ruleset)[detail];
  const location = placed?.rule.location;
  const where = location === undefined ? '' : ` (${visible(location.file.split('/').pop() ?? '')}:${location.line})`;
  return `: ${visible(shape.chain)} rule ${shape.place}${where}`;
}
