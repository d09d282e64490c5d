// Rules of bytecode back to statements, as nft does when it lists a ruleset: registers are followed to see what each
// comparison compares, masks become prefixes, flags and bit fields, and matches that the listing implies are dropped.
// Follows nftables src/netlink_delinearize.c; protocol knowledge is in delinearize-context.ts.
import type { Expression } from '../bytecode/expression.ts';
import type { ExpressionState, Rule, Table } from '../bytecode/ruleset.ts';
import type { Expr, RuleNode, Stmt } from './ast.ts';
import { CT_SELECTORS, FIB_SELECTORS, META_SELECTORS, RT_SELECTORS } from './datatypes-selectors.ts';
import { innerContext, ruleContext } from './delinearize-context.ts';
import { forgetDependencies } from './delinearize-dependencies.ts';
import { completeBitwise, completeExpression, loadedExthdr, loadedPayload } from './delinearize-expressions.ts';
import { foreignLoad, foreignStatement } from './delinearize-foreign.ts';
import { addLookup, addMatch, comparedValue } from './delinearize-match.ts';
import { mapping, type RuleReader, registerExpr, registerKey, setNamed, setRegister } from './delinearize-reader.ts';
import { dataTypes } from './delinearize-sets.ts';
import { withState } from './delinearize-stateful.ts';
import { delinearizeStatement } from './delinearize-statements.ts';
import { rawValue, typeOnly, type ValueType } from './delinearize-values.ts';
import { isForeign, type LinearExpression } from './linear.ts';

/** The statements of a rule. `states`: what a replay left in each expression (counters, quotas), else the rule's own. */
export function delinearizeRule(table: Table, rule: Rule, states?: readonly (ExpressionState | null)[]): RuleNode {
  const context = ruleContext(table.family);
  const reader: RuleReader = { table, context, inner: innerContext(context), registers: [] };
  for (const [index, expression] of rule.expressions.entries()) {
    readExpression(reader, isForeign(expression) ? expression : withState(expression, states?.[index]));
  }
  const node: RuleNode = { statements: reader.context.statements };
  if (rule.comment !== undefined) node.comment = rule.comment;
  return node;
}

/** Reads one expression: a load changes registers, anything else adds statements. */
function readExpression(reader: RuleReader, expression: LinearExpression): void {
  const load = isForeign(expression) ? foreignLoad(expression) : loadOf(reader, expression);
  if (load !== undefined) {
    setRegister(reader, load.register, load.expr);
    return;
  }
  if (isForeign(expression)) {
    const statement = foreignStatement(reader, expression);
    if (statement !== undefined) addStatements(reader, [statement]);
    return;
  }
  switch (expression.kind) {
    case 'cmp': {
      const left = registerKey(reader, expression.sreg, expression.data.length, 1);
      addMatch(reader, expression.op, left, comparedValue(left, expression.data));
      return;
    }
    case 'range': {
      const left = registerKey(reader, expression.sreg, expression.from.length, 1);
      const right: Expr = {
        kind: 'range',
        from: rawValue(expression.from),
        to: rawValue(expression.to),
        ...typeOnly(left),
      };
      addMatch(reader, expression.op, left, right);
      return;
    }
    case 'lookup':
      addLookup(reader, expression);
      return;
    default:
      addStatements(reader, delinearizeStatement(reader, expression));
  }
}

/** What is no match ends what may be dropped or merged before it. */
function addStatements(reader: RuleReader, statements: readonly Stmt[]): void {
  reader.context.statements.push(...statements);
  for (const context of [reader.context, reader.inner]) {
    context.previous = undefined;
    forgetDependencies(context);
  }
}

interface Load {
  register: number;
  expr: Expr;
}

/** What an expression loads, and where; undefined when it is no load. */
function loadOf(reader: RuleReader, expression: Expression): Load | undefined {
  switch (expression.kind) {
    case 'payload':
      return { register: expression.dreg, expr: loadedPayload(expression) };
    case 'exthdr':
      return { register: expression.dreg, expr: loadedExthdr(expression) };
    case 'immediate':
      return { register: expression.dreg, expr: rawValue(expression.data) };
    case 'meta': {
      const { datatype, byteOrder, bits } = META_SELECTORS[expression.key];
      return {
        register: expression.dreg,
        expr: { kind: 'meta', key: expression.key, datatype, byteorder: byteOrder, length: Math.ceil(bits / 8) * 8 },
      };
    }
    case 'ct': {
      const { datatype, byteOrder, bits } = CT_SELECTORS[expression.key];
      const expr: Expr = { kind: 'ct', key: expression.key, datatype, byteorder: byteOrder, length: bits };
      // The kernel does not keep a direction that means nothing.
      if (expression.direction !== undefined && !['l3proto', 'protocol'].includes(expression.key))
        expr.direction = expression.direction;
      return { register: expression.dreg, expr };
    }
    case 'rt': {
      const { datatype, byteOrder, bits } = RT_SELECTORS[expression.key];
      return {
        register: expression.dreg,
        expr: { kind: 'rt', key: expression.key, datatype, byteorder: byteOrder, length: bits },
      };
    }
    case 'fib': {
      const { datatype, byteOrder, bits } = FIB_SELECTORS[expression.result];
      const type: ValueType = expression.present
        ? { datatype: 'boolean', byteorder: 'host', length: 8 }
        : { datatype, byteorder: byteOrder, length: bits };
      const { flags, result, present } = expression;
      return { register: expression.dreg, expr: { kind: 'fib', flags, result, present, ...type } };
    }
    case 'numgen': {
      const { type: mode, modulus, offset } = expression;
      return { register: expression.dreg, expr: { kind: 'numgen', mode, modulus, offset, ...HASHED } };
    }
    case 'hash': {
      const { type: mode, modulus, offset, seed } = expression;
      const expr: Expr = { kind: 'hash', mode, modulus, offset, ...HASHED };
      if (seed !== undefined) expr.seed = seed;
      if (expression.sreg !== undefined) {
        const input = registerKey(reader, expression.sreg, expression.length, 1);
        expr.input = completeExpression(reader.context, input);
      }
      return { register: expression.dreg, expr };
    }
    case 'bitwise':
      return { register: expression.dreg, expr: completeBitwise(reader.registers, expression) };
    case 'byteorder': {
      const operand = registerExpr(reader, expression.sreg);
      const byteorder = operand.byteorder === 'host' ? 'big' : 'host';
      const expr: Expr = { kind: 'unary', op: expression.op, operand, ...typeOnly(operand), byteorder };
      return { register: expression.dreg, expr };
    }
    case 'lookup':
      return mapLoad(reader, expression);
    default:
      return undefined;
  }
}

const HASHED: ValueType = { datatype: 'integer', byteorder: 'host', length: 32 };

function mapLoad(reader: RuleReader, lookup: Expression & { kind: 'lookup' }): Load | undefined {
  if (lookup.dreg === undefined || lookup.dreg === 0) return undefined;
  const set = setNamed(reader, lookup.set);
  if (set === undefined) return undefined;
  const { key, mappings } = mapping(reader, set, lookup.sreg);
  const types = dataTypes(set);
  const [only] = types;
  const type: ValueType =
    types.length === 1 && only !== undefined
      ? only
      : {
          datatype: types.map((field) => field.datatype).join(' . '),
          byteorder: 'invalid',
          length: set.dataLength * 8,
        };
  return { register: lookup.dreg, expr: { kind: 'map', key, mappings, ...type } };
}
