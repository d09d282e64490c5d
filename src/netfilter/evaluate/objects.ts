// Named stateful objects and references to them (nft_objref.c): counters, quotas, limits, and what conntrack gets
// told with `ct helper set`, `ct timeout set`.

import { u32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import type { StatefulObject } from '../../bytecode/ruleset.ts';
import { simplificationIndex } from '../../event/simplifications.ts';
import { HELPER_NAMES } from '../conntrack/helpers.ts';
import { IPS_CONFIRMED, IPS_HELPER } from '../conntrack/status.ts';
import { TUPLE_WORDS } from '../conntrack/tuple.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { prepareCounter } from './counter.ts';
import { expectationSetter } from './ct-expectation.ts';
import type { Evaluation } from './evaluation.ts';
import { checkLimit } from './limit.ts';
import {
  cannotRun,
  type Engine,
  type Evaluate,
  type Of,
  ownInstance,
  type PrepareContext,
  type PreparedExpression,
  type PreparedObject,
} from './prepared.ts';
import { prepareQuota } from './quota.ts';
import { instanceOf, limitInstance } from './stateful.ts';

const HELPERS = simplificationIndex('helpers');

/** The one instance of a named object, which all that refer to it share. */
export function prepareObject(object: StatefulObject, context: PrepareContext): PreparedObject {
  switch (object.type) {
    case 'counter': {
      const { evaluate, state } = ownInstance(instanceOf(prepareCounter(object)), 'counter');
      return state === undefined ? { type: object.type, evaluate } : { type: object.type, evaluate, state };
    }
    case 'quota': {
      const { evaluate, state } = ownInstance(instanceOf(prepareQuota(object)), 'quota');
      return state === undefined ? { type: object.type, evaluate } : { type: object.type, evaluate, state };
    }
    case 'limit':
      checkLimit(object.limit, context);
      return { type: object.type, evaluate: ownInstance(limitInstance(object.limit), 'limit').evaluate };
    case 'ct helper':
      return { type: object.type, evaluate: helperSetter(object, context.engine) };
    case 'ct timeout':
      return { type: object.type, evaluate: timeoutSetter(object, context.engine) };
    // There are no security contexts: nothing to do.
    case 'secmark':
      return { type: object.type, evaluate: () => NFT_CONTINUE };
    case 'ct expectation':
      return { type: object.type, evaluate: expectationSetter(object, context) };
    case 'synproxy':
      return cannotRun(context, `a "${object.type}" object ("${object.name}") is not emulated`);
    default:
      return object satisfies never;
  }
}

/** nft_ct_helper_obj_eval: before the connection is confirmed. SIMPLIFIED: helpers: most have a name and read nothing. */
function helperSetter(object: Extract<StatefulObject, { type: 'ct helper' }>, engine: Engine): Evaluate {
  const { helper, protocol, l3proto } = object;
  const isRead = (HELPER_NAMES as readonly string[]).includes(helper);
  return (run) => {
    const entry = unconfirmed(run, engine);
    const table = engine.conntrack;
    if (entry < 0) return NFT_CONTINUE;
    const word = u32(table.tuples, entry * 2 * TUPLE_WORDS + 9);
    const version = (word >>> 8) & 0xff;
    if ((word & 0xff) !== protocol || (u32(table.status, entry) & IPS_HELPER) !== 0) return NFT_CONTINUE;
    if (l3proto === undefined || l3proto === 'inet' || (l3proto === 'ip') === (version === 4)) {
      engine.helpers.assignHelper(run.packet, helper);
      if (!isRead) engine.recorder.simplified(HELPERS);
    }
    return NFT_CONTINUE;
  };
}

/** nft_ct_timeout_obj_eval. */
function timeoutSetter(object: Extract<StatefulObject, { type: 'ct timeout' }>, engine: Engine): Evaluate {
  const { protocol, policy } = object;
  const assign = engine.helpers.timeoutPolicy(protocol, policy);
  return (run) => {
    const entry = unconfirmed(run, engine);
    if (entry >= 0 && run.protocol === protocol) assign(run.packet);
    return NFT_CONTINUE;
  };
}

function unconfirmed(run: Evaluation, engine: Engine): number {
  const { ct } = run.packet;
  if (ct < 0) return -1;
  return (u32(engine.conntrack.status, ct) & IPS_CONFIRMED) === 0 ? ct : -1;
}

/** `counter name "x"` and kin. */
export function prepareObjref(expression: Of<'objref'>, context: PrepareContext): PreparedExpression {
  const object = context.object(expression.objectType, expression.name);
  return { evaluate: object.evaluate, shape: { cost: 'objref', size: variantOf(expression.objectType) } };
}

/** Which of the kinds of objects it is, for the cost (`ExpressionShape`). */
function variantOf(type: Of<'objref'>['objectType']): number {
  return type === 'counter' ? 0 : type === 'quota' ? 1 : type === 'limit' ? 2 : 3;
}

/** `counter name ip saddr map { … }`: breaks when the key is not in the map. */
export function prepareObjrefMap(expression: Of<'objref-map'>, context: PrepareContext): PreparedExpression {
  const set = context.set(expression.set);
  const from = registerOffset(expression.sreg);
  return {
    evaluate: (run) => {
      const element = set.lookup(run.bytes, from, run.packet.timeNs);
      const object = element < 0 ? undefined : set.object(element);
      return object === undefined ? NFT_BREAK : object.evaluate(run);
    },
    shape: { cost: 'objref', size: variantOf(expression.objectType) },
  };
}
