// A change of the ruleset that may mend a finding, and where rules stand.
import type { Chain, Rule, Ruleset, Table } from '../../bytecode/ruleset.ts';
import { splitRule } from './matches.ts';
import type { Patch } from './patch.ts';

export type FixKind = 'netdev' | 'exempt' | 'exempt-connections' | 'counter' | 'devices' | 'threshold' | 'order';

/** A change that may mend a finding. */
export interface Candidate {
  kind: FixKind;
  /** One sentence: what is done. */
  what: string;
  patch: Patch;
  /** What to write, as nft text; lines with + and - where something is replaced. */
  lines: string[];
}

/** Where a rule stands. */
export interface Placed {
  table: Table;
  chain: Chain;
  rule: Rule;
  index: number;
}

/** All rules in the order of their global index. */
export function placed(ruleset: Ruleset): Placed[] {
  const rows = ruleset.tables.flatMap((table) =>
    table.chains.flatMap((chain) => chain.rules.map((rule) => ({ table, chain, rule }))),
  );
  return rows.map((row, index) => ({ ...row, index }));
}

/** `{ "br-lan", "wan" }`. */
export function deviceList(devices: readonly string[]): string {
  return `{ ${devices.map((name) => `"${name}"`).join(', ')} }`;
}

/** A rule's text, without state. */
export function printed(ruleset: Ruleset, row: Placed): string {
  const { matches, rest } = splitRule(ruleset, row.table, row.rule);
  return [...matches, ...rest].join(' ');
}
