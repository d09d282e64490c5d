// What a rule does besides deciding: the statements that stop working when its packets take the fast path. A rule acts on a
// packet when its statement ran, which a `limit` or `quota` does before it says whether the rule goes on.
import type { Expression } from '../../bytecode/expression.ts';
import type { Rule, Table } from '../../bytecode/ruleset.ts';

export type EffectKind =
  | 'counter'
  | 'named counter'
  | 'limit'
  | 'connection limit'
  | 'quota'
  | 'log'
  | 'mark'
  | 'connection mark'
  | 'connection setting'
  | 'header rewrite'
  | 'TCP option rewrite'
  | 'set update'
  | 'priority'
  | 'helper'
  | 'copy'
  | 'redirection'
  | 'queue'
  | 'trace'
  | 'last';

/**
 * How often an effect is needed: for each packet; once a connection, so that later packets only repeat it; or only for
 * somebody who reads it.
 */
export type EffectNeed = 'packet' | 'connection' | 'reader';

export interface Effect {
  kind: EffectKind;
  need: EffectNeed;
  /** Place of the statement in the rule's expressions: it ran when more than so many were evaluated. */
  at: number;
  /** What a user loses, to follow "N packets (…)". */
  loss: string;
}

type Row = Omit<Effect, 'at'>;

const row = (kind: EffectKind, need: EffectNeed, loss: string): Row => ({ kind, need, loss });

const COUNTER = row('counter', 'reader', 'its counter freezes');
const NAMED_COUNTER = row('named counter', 'packet', 'the named counter freezes');
const LIMIT = row('limit', 'packet', 'the rate is not limited');
const CONNLIMIT = row('connection limit', 'packet', 'connections are not counted');
const QUOTA = row('quota', 'packet', 'the quota is not used up');
const LOG = row('log', 'packet', 'nothing is logged');
const MARK = row('mark', 'packet', 'the packets carry no mark');
const PRIORITY = row('priority', 'packet', 'the packets get no priority');
const TRACE = row('trace', 'reader', 'the packets are not traced');
const CT_MARK = row('connection mark', 'connection', 'the connection mark is not set');
const CT_SET = row('connection setting', 'connection', 'nothing is set on the connection');
const HEADER = row('header rewrite', 'packet', 'the packets are not rewritten');
const OPTION = row('TCP option rewrite', 'packet', 'the TCP option is not rewritten');
const ADD = row('set update', 'connection', 'nothing is added to the set');
const UPDATE = row('set update', 'packet', 'elements of the set are not refreshed');
const HELPER = row('helper', 'connection', 'no helper or timeout is attached');
const COPY = row('copy', 'packet', 'no copies are sent');
const REDIRECTION = row('redirection', 'packet', 'the packets are not redirected');
const QUEUE = row('queue', 'packet', 'no program in user space sees them');
const LAST = row('last', 'reader', 'the time of last use freezes');

/** The effects of a rule, in the order of its statements. */
export function ruleEffects(rule: Rule, table: Table): Effect[] {
  return rule.expressions.flatMap((expression, at) => {
    const found = effectOf(expression, table);
    return found === undefined ? [] : [{ ...found, at }];
  });
}

function effectOf(expression: Expression, table: Table): Row | undefined {
  switch (expression.kind) {
    case 'counter':
      return COUNTER;
    case 'limit':
      return LIMIT;
    case 'connlimit':
      return CONNLIMIT;
    case 'quota':
      return QUOTA;
    case 'last':
      return LAST;
    case 'log':
      return LOG;
    case 'meta-set':
      return expression.key === 'mark' ? MARK : expression.key === 'nftrace' ? TRACE : PRIORITY;
    case 'ct-set':
      return expression.key === 'mark' ? CT_MARK : CT_SET;
    case 'payload-set':
      return HEADER;
    case 'exthdr-set':
    case 'exthdr-reset':
      return OPTION;
    case 'dynset':
      return dynsetEffect(expression, table);
    case 'objref':
    case 'objref-map':
      return objectEffect(expression.objectType);
    case 'dup':
      return COPY;
    case 'fwd':
      return REDIRECTION;
    case 'queue':
      return QUEUE;
    case 'lookup': {
      const set = table.sets.find((row) => row.name === expression.set);
      const stateful = set?.elementExpressions[0];
      return stateful === undefined || set?.dynamic === true ? undefined : effectOf(stateful, table);
    }
    default:
      return undefined;
  }
}

/** Adding an element again changes nothing, unless it has a timeout that is to be refreshed or counts packets. */
function dynsetEffect(expression: Extract<Expression, { kind: 'dynset' }>, table: Table): Row {
  for (const inner of expression.expressions) {
    const effect = effectOf(inner, table);
    if (effect !== undefined) return effect;
  }
  return expression.op === 'add' ? ADD : UPDATE;
}

function objectEffect(type: string): Row | undefined {
  switch (type) {
    case 'counter':
      return NAMED_COUNTER;
    case 'quota':
      return QUOTA;
    case 'limit':
      return LIMIT;
    case 'secmark':
      return CT_SET;
    case 'synproxy':
      return undefined;
    default:
      return HELPER;
  }
}
