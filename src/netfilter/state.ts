// What a replay changed in its ruleset: counters, quotas, elements of sets (what `nft list ruleset` shows afterwards).
import type { RulesetState, TableState } from '../bytecode/ruleset.ts';
import type { PreparedTable } from './chains.ts';

/** The state of all tables at `nowNs`, index for index beside the Ruleset. */
export function rulesetState(tables: PreparedTable[], nowNs: number): RulesetState {
  return { tables: tables.map((table) => tableState(table, nowNs)) };
}

function tableState(table: PreparedTable, nowNs: number): TableState {
  return {
    chains: table.chains.map(({ expressions }) => ({
      rules: expressions.map((rule) => rule.map((expression) => expression.state?.(nowNs) ?? null)),
    })),
    sets: table.sets.map((set) => set.state(nowNs)),
    objects: table.objects.map((object) => object.state?.(nowNs) ?? null),
    ...(table.sets.some((set) => set.hits !== undefined) ? { hits: table.sets.map((set) => set.hits ?? null) } : {}),
  };
}
