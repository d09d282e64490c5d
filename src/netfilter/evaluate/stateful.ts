// Expressions that remember (NFT_EXPR_STATEFUL): counter, limit, quota, connlimit, last. Their state is a few numbers
// in a column, so that a rule, a named object and each element of a dynamic set run the same code and a new
// element costs no object.
import type { Expression, Limit } from '../../bytecode/expression.ts';
import type { ExpressionState } from '../../bytecode/ruleset.ts';
import { prepareConnlimit } from './connlimit.ts';
import { prepareCounter } from './counter.ts';
import type { Evaluation } from './evaluation.ts';
import { prepareLast } from './last.ts';
import { prepareLimit } from './limit.ts';
import type { Engine } from './prepared.ts';
import { prepareQuota } from './quota.ts';

/** Numbers that every stateful expression may use. */
export const STATE_SLOTS = 2;

export interface Stateful {
  kind: 'counter' | 'limit' | 'quota' | 'connlimit' | 'last';
  /** Writes the state that a new instance starts with. */
  start(state: Float64Array, at: number, nowNs: number): void;
  evaluate(run: Evaluation, state: Float64Array, at: number): number;
  /** Gives back what the state refers to, when its element goes. */
  release?: (state: Float64Array, at: number) => void;
  /** True when an element with it may be collected though it has not expired (nft_expr_ops.gc). */
  isGivenUp?: (state: Float64Array, at: number, nowNs: number) => boolean;
  /** What `--ruleset-out` shows; absent: nothing that changes. */
  exported?: (state: Float64Array, at: number, nowNs: number) => ExpressionState;
  /** The expression with its present state, as an element of a set lists it. */
  listed(state: Float64Array, at: number, nowNs: number): Expression;
}

export interface StatefulInstance {
  stateful: Stateful;
  state: Float64Array;
  at: number;
}

/** The stateful expression of its description, or undefined when it is of another kind. */
export function prepareStateful(expression: Expression, engine: Engine): Stateful | undefined {
  switch (expression.kind) {
    case 'counter':
      return prepareCounter(expression);
    case 'limit':
      return prepareLimit(expression.limit);
    case 'quota':
      return prepareQuota(expression);
    case 'connlimit':
      return prepareConnlimit(expression, engine);
    case 'last':
      return prepareLast(expression);
    default:
      return undefined;
  }
}

/** An instance with a column of its own, as rules and objects have. */
export function instanceOf(stateful: Stateful): StatefulInstance {
  const state = new Float64Array(STATE_SLOTS);
  stateful.start(state, 0, 0);
  return { stateful, state, at: 0 };
}

/** Limits of named objects are the same as those of rules. */
export function limitInstance(limit: Limit): StatefulInstance {
  return instanceOf(prepareLimit(limit));
}
