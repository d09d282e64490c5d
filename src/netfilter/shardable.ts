// May the flows of one capture be replayed on different threads? Exact only when no flow can feel another one: every
// state that flows share must merge by addition, as counters do.
import type { SourceLocation } from '../base/errors.ts';
import type { Expression } from '../bytecode/expression.ts';
import type { NftSet, Ruleset, Table } from '../bytecode/ruleset.ts';

export interface SharedState {
  text: string;
  location?: SourceLocation;
}

export type CrossFlowState = { exact: true } | { exact: false; reasons: SharedState[] };

/**
 * Whether flows are independent under this ruleset, or what ties them together, in a user's words: one reason for each
 * kind of tie and place. Fragments and the size of tables are the caller's to think of.
 */
export function crossFlowState(ruleset: Ruleset): CrossFlowState {
  const reasons: SharedState[] = [];
  for (const table of ruleset.tables) {
    if (!table.flags.includes('dormant')) inspectTable(table, reasons);
  }
  return reasons.length === 0 ? { exact: true } : { exact: false, reasons };
}

function inspectTable(table: Table, reasons: SharedState[]): void {
  const where = `${table.family} ${table.name}`;
  for (const chain of table.chains) {
    if (chain.base?.type === 'nat') {
      reasons.push(
        reason(
          `chain "${where} ${chain.name}" translates addresses: the port that a connection gets depends on others`,
          chain,
        ),
      );
    }
    for (const rule of chain.rules) {
      for (const expression of rule.expressions) {
        const text = tie(expression);
        if (text !== undefined) reasons.push(reason(`${text} (chain "${where} ${chain.name}")`, rule));
      }
    }
  }
  for (const set of table.sets) inspectSet(set, where, reasons);
  for (const object of table.objects) {
    const text = OBJECTS[object.type];
    if (text !== undefined) reasons.push(reason(`${text} "${object.name}" of table "${where}"`, object));
  }
  for (const flowtable of table.flowtables) {
    // In hardware the table is bounded and its commands queue.
    if (flowtable.offload) {
      reasons.push(reason(`flowtable "${flowtable.name}" of table "${where}" shares the hardware's table`, flowtable));
    }
  }
}

/** Names of stateful objects that flows share; counters add up. */
const OBJECTS: Record<string, string | undefined> = {
  quota: 'all flows use up the quota',
  limit: 'all flows share the rate limit',
  'ct helper': 'connections may expect others: conntrack helper',
  'ct expectation': 'connections expect others: ct expectation',
  synproxy: 'all flows share the synproxy',
};

function inspectSet(set: NftSet, where: string, reasons: SharedState[]): void {
  const expressions = [...set.elementExpressions, ...set.elements.flatMap((element) => element.expressions ?? [])];
  const seen = new Set<string>();
  for (const expression of expressions) {
    const text = tie(expression);
    if (text === undefined || seen.has(text)) continue;
    seen.add(text);
    reasons.push(reason(`${text} (elements of set "${set.name}" of table "${where}")`, set));
  }
}

/** What ties flows together in an expression; undefined when it is of one flow or adds up. */
function tie(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'limit':
      return 'packets of all flows share a rate limit';
    case 'quota':
      return 'all flows use up one quota';
    case 'connlimit':
      return '"ct count" counts connections';
    case 'dynset':
      return `set "${expression.set}" gets its elements from packets, and other flows meet them`;
    case 'last':
      return '"last" remembers the last packet of any flow';
    case 'numgen':
      return expression.type === 'incremental'
        ? '"numgen inc" counts the packets of all flows'
        : '"numgen random" draws one number after the other for all flows';
    case 'meta':
      return expression.key === 'random' ? '"meta random" draws one number after the other for all flows' : undefined;
    case 'nat':
    case 'masquerade':
    case 'redirect':
      return 'the port that a connection is translated to depends on other connections';
    case 'ct':
      return expression.key === 'id' ? '"ct id" numbers connections in their order' : undefined;
    default:
      return undefined;
  }
}

function reason(text: string, at: { location?: SourceLocation }): SharedState {
  return at.location === undefined ? { text } : { text, location: at.location };
}
