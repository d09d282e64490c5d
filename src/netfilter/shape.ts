// Names behind the arguments of events, and what each rule's expressions cost: all that the levels above need to
// name and price a path without the ruleset.
import type { EventNames, ExpressionShape, RuleShape } from '../event/vocabulary.ts';
import type { Interfaces } from '../net/interfaces.ts';
import type { PreparedTable } from './chains.ts';
import type { PreparedExpression } from './evaluate/prepared.ts';

/** Names by global index, in the order of the ruleset. */
export function eventNames(
  tables: readonly PreparedTable[],
  interfaces: Interfaces,
  flowtables: string[] = flowtableNames(tables),
): EventNames {
  const rules: RuleShape[] = [];
  const chains: string[] = [];
  for (const { definition: table, chains: rows } of tables) {
    for (const { definition: chain, expressions } of rows) {
      const name = `${table.family} ${table.name} ${chain.name}`;
      chains.push(name);
      chain.rules.forEach((rule, i) => {
        const shapes = (expressions[i] ?? []).map(shapeOf);
        rules.push({ chain: name, place: i + 1, handle: rule.handle, expressions: shapes });
      });
    }
  }
  return { interfaces: interfaces.list.map((one) => one.name), chains, rules, flowtables };
}

function shapeOf(expression: PreparedExpression): ExpressionShape {
  const work = expression.work?.();
  return work === undefined ? expression.shape : { ...expression.shape, work };
}

function flowtableNames(tables: readonly PreparedTable[]): string[] {
  return tables.flatMap(({ definition: table }) =>
    table.flowtables.map((flowtable) => `${table.family} ${table.name} ${flowtable.name}`),
  );
}
