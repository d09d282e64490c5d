// The value that a statement takes: `meta mark set VALUE`, `dnat to VALUE`. It must be of the statement's datatype.
import type { Byteorder, Expr, PrefixExpr, Stmt } from './ast.ts';
import { convertByteorder } from './evaluate-binary.ts';
import { type Context, expect, fail } from './evaluate-context.ts';
import {
  baseType,
  bitmask,
  compatibleDatatype,
  describeType,
  isConstant,
  isIntegerType,
  untyped,
} from './expressions.ts';

/** Evaluates `expr` as a value of the datatype. Throws when it is none. */
export function evaluateArgument(
  context: Context,
  datatype: string,
  length: number,
  byteorder: Byteorder,
  expr: Expr,
): Expr {
  expect(context, datatype, byteorder, length);
  return checkArgument(context, datatype, length, byteorder, context.evaluate(context, expr));
}

/** As evaluateArgument, for an expression that was evaluated already. */
export function checkArgument(
  context: Context,
  datatype: string,
  length: number,
  byteorder: Byteorder,
  expr: Expr,
): Expr {
  if (
    expr.kind === 'payload' &&
    expr.datatype === 'integer' &&
    (baseType(datatype) !== 'integer' || expr.length !== length)
  ) {
    throw fail(
      context,
      expr,
      `datatype mismatch: expected ${describeType(datatype)}, expression has type ${describeType(expr.datatype)} with length ${expr.length}`,
    );
  }
  const type = expr.kind === 'range' ? expr.from.datatype : expr.datatype;
  if (!compatibleDatatype(datatype, type)) {
    throw fail(
      context,
      expr,
      `datatype mismatch: expected ${describeType(datatype)}, expression has type ${describeType(type)}`,
    );
  }
  if (datatype === 'mark' && isIntegerType(expr.datatype) && !isConstant(expr))
    return convertByteorder(context, expr, byteorder);
  switch (expr.kind) {
    case 'set':
      throw fail(context, expr, 'you cannot use a set here, unknown value to use');
    case 'setref':
      throw fail(context, expr, 'you cannot reference a set here, unknown value to use');
    case 'rt':
      return convertByteorder(context, expr, byteorder);
    case 'prefix':
      return prefixRange(context, expr);
    case 'map': {
      const set = expr.mappings.kind === 'setref' ? context.ruleset.findSet(expr.mappings.name) : undefined;
      // Only addresses of nat may be ranges: two registers hold them.
      if (set?.dataInterval === true && !datatype.includes('_addr'))
        throw fail(context, expr, 'Value must be a singleton', 'only maps to addresses may hold ranges');
      return expr;
    }
    case 'numgen':
      return datatype === 'ipv4_addr' ? convertByteorder(context, expr, byteorder) : expr;
    default:
      return expr;
  }
}

/** All addresses of a prefix, as a range. */
function prefixRange(context: Context, prefix: PrefixExpr): Expr {
  const { base } = prefix;
  if (base.kind !== 'value')
    throw fail(context, prefix, `you cannot specify a prefix here, unknown type ${base.datatype}`);
  if (!isIntegerType(base.datatype)) throw fail(context, prefix, 'Prefix expression expected integer value');
  const to = { ...base, value: base.value | bitmask(prefix.length - prefix.prefixLength) };
  if (to.value === base.value) return base;
  return {
    ...untyped(prefix.span),
    kind: 'range',
    from: base,
    to,
    datatype: base.datatype,
    byteorder: base.byteorder,
    length: base.length,
  };
}

/** Ranges stand where addresses or ports may be chosen, nowhere else. */
export function refuseRange(context: Context, statement: Stmt, expr: Expr): void {
  if (expr.kind === 'range') throw fail(context, expr, `${statement.kind}: range argument not supported`);
}
