// Stateful expressions back to statements: those of rules, of sets and of their elements.
import type { Expression } from '../bytecode/expression.ts';
import type { ExpressionState } from '../bytecode/ruleset.ts';
import type { Stmt } from './ast.ts';

/** The statement that a stateful expression is; undefined when it is another kind of expression. */
export function statefulStatement(expression: Expression): Stmt | undefined {
  switch (expression.kind) {
    case 'counter':
      return { kind: 'counter', packets: expression.packets, bytes: expression.bytes };
    case 'limit':
      return { kind: 'limit', limit: expression.limit };
    case 'quota': {
      const { bytes, consumedBytes, invert } = expression;
      return { kind: 'quota', bytes, usedBytes: consumedBytes, invert };
    }
    case 'connlimit':
      return { kind: 'connlimit', count: expression.count, invert: expression.invert };
    case 'last':
      return expression.usedMs === undefined ? { kind: 'last' } : { kind: 'last', usedMs: expression.usedMs };
    default:
      return undefined;
  }
}

/** The statements of a set's or an element's stateful expressions. */
export function statefulStatements(expressions: readonly Expression[]): Stmt[] {
  return expressions.map(statefulStatement).filter((statement) => statement !== undefined);
}

/** An expression with what a replay left in it. */
export function withState(expression: Expression, state: ExpressionState | null | undefined): Expression {
  if (state === undefined || state === null) return expression;
  if (expression.kind === 'counter' && state.kind === 'counter') {
    return { kind: 'counter', packets: state.packets, bytes: state.bytes };
  }
  if (expression.kind === 'quota' && state.kind === 'quota')
    return { ...expression, consumedBytes: state.consumedBytes };
  if (expression.kind === 'last' && state.kind === 'last') {
    return state.usedMs === undefined ? { kind: 'last' } : { kind: 'last', usedMs: state.usedMs };
  }
  return expression;
}
