// Which families a ruleset makes conntrack run for: the callers of nf_ct_netns_get. A nat chain alone is none of
// them: without a nat statement (or any other use of connections) no packet has a connection and the chain never runs.
import type { Expression } from '../../bytecode/expression.ts';
import type { Family, Ruleset, Table } from '../../bytecode/ruleset.ts';

export interface ConntrackNeed {
  ip: boolean;
  ip6: boolean;
  /** The bridge family's own hooks of conntrack, which come on top of both. */
  bridge: boolean;
}

/** The families for which this table's rules, sets and objects need connections. */
export function conntrackNeed(table: Table): ConntrackNeed {
  const need: ConntrackNeed = { ip: false, ip6: false, bridge: false };
  for (const chain of table.chains) for (const rule of chain.rules) note(rule.expressions, table.family, need);
  for (const set of table.sets) {
    note(set.elementExpressions, table.family, need);
    for (const element of set.elements) note(element.expressions ?? [], table.family, need);
  }
  for (const object of table.objects) {
    if (object.type.startsWith('ct ') || object.type === 'synproxy') add(table.family, need);
  }
  return need;
}

function note(expressions: Expression[], family: Family, need: ConntrackNeed): void {
  for (const expression of expressions) {
    switch (expression.kind) {
      case 'ct':
      case 'ct-set':
      case 'connlimit':
      case 'masquerade':
      case 'redirect':
      case 'flow-offload':
        add(family, need);
        break;
      case 'nat':
        if (expression.family === 'inet') add(family, need);
        else need[expression.family] = true;
        break;
      case 'dynset':
        note(expression.expressions, family, need);
        break;
      default:
    }
  }
}

/** Whether a rule reads counts of connections: that switches nf_conntrack_acct on (nf_ct_set_acct of nft_ct_get_init). */
export function readsAccounting(ruleset: Ruleset): boolean {
  return ruleset.tables.some((table) =>
    table.chains.some((chain) => chain.rules.some((rule) => rule.expressions.some(isCount))),
  );
}

function isCount(expression: Expression): boolean {
  return expression.kind === 'ct' && ['pkts', 'bytes', 'avgpkt'].includes(expression.key);
}

/** inet and bridge stand for both families. */
function add(family: Family, need: ConntrackNeed): void {
  if (family !== 'ip6') need.ip = true;
  if (family !== 'ip') need.ip6 = true;
  if (family === 'bridge') need.bridge = true;
}
