// Report section: the ruleset as it stands in the kernel, with how many packets met and matched each rule.
import { f64 } from '../base/columns.ts';
import type { Chain, Ruleset } from '../bytecode/ruleset.ts';
import { printRule } from '../nft/listing.ts';
import { count, cut, visible } from './format.ts';
import type { RunReport } from './model.ts';
import { type RuleHits, ruleHits } from './rule-hits.ts';

const WIDTH = 100;
/** A report with more rules than this shows only those that some packet met. */
const MAX_RULES = 400;
const STATELESS = { stateless: true };

/** Tables, chains and rules; columns: packets that the rule saw, packets that it matched. */
export function rulesetSection(report: RunReport): string[] {
  const { result } = report.replay;
  const hits = ruleHits(result.paths, result.names.rules.length, result.names.chains.length);
  const hideUnmet = result.names.rules.length > MAX_RULES;
  const lines = [
    'Ruleset: packets that each rule saw on the slow path, and that it matched',
    row('saw', 'matched', ''),
  ];
  let chainIndex = 0;
  let ruleIndex = 0;
  let hidden = 0;
  for (const table of report.ruleset.tables) {
    lines.push(row('', '', `table ${table.family} ${visible(table.name)}`));
    for (const chain of table.chains) {
      lines.push(row('', '', `  chain ${visible(chain.name)}${baseText(chain)}`));
      for (const rule of chain.rules) {
        const saw = f64(hits.evaluated, ruleIndex);
        if (hideUnmet && saw === 0) hidden++;
        else {
          const text = visible(printRule(report.ruleset, table, chain, rule, undefined, STATELESS));
          lines.push(row(number(saw), number(f64(hits.matched, ruleIndex)), `    ${text}`));
        }
        ruleIndex++;
      }
      lines.push(...policyRow(chain, hits, chainIndex));
      chainIndex++;
    }
  }
  if (hidden > 0)
    lines.push(row('', '', `${count(hidden)} rules that no packet met are left out (--format json has them)`));
  return lines;
}

function row(saw: string, matched: string, text: string): string {
  return cut(`${saw.padStart(11)} ${matched.padStart(11)}  ${text}`.trimEnd(), WIDTH);
}

function number(value: number): string {
  return value > 0 ? count(value) : '.';
}

function baseText({ base }: Chain): string {
  if (base === undefined) return '';
  const devices = base.devices.length > 0 ? ` on ${base.devices.map(visible).join(', ')}` : '';
  return `: ${base.type} hook ${base.hook}${devices} priority ${base.priority}`;
}

/** Packets that reached the end of a base chain. */
function policyRow({ base }: Chain, hits: RuleHits, index: number): string[] {
  if (base === undefined) return [];
  const packets = number(f64(hits.policy, index));
  return [row(packets, packets, `    policy ${base.policy}`)];
}

/** Rules in the order of their global index, as text. */
export function ruleTexts(ruleset: Ruleset): string[] {
  return ruleset.tables.flatMap((table) =>
    table.chains.flatMap((chain) =>
      chain.rules.map((rule) => printRule(ruleset, table, chain, rule, undefined, STATELESS)),
    ),
  );
}
