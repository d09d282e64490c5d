// Data of maps to ranges (`dnat to … map { 80 : 1.1.1.1-1.1.1.9 }`): every element has two values there.
import type { Expr, MappingExpr } from './ast.ts';
import { untyped } from './expressions.ts';

/** In a map to ranges a single value is the range from it to itself. */
export function widenData(mapping: MappingExpr): void {
  const widen = (expr: Expr): Expr =>
    expr.kind === 'value'
      ? {
          ...untyped(expr.span),
          kind: 'range',
          from: expr,
          to: expr,
          datatype: expr.datatype,
          byteorder: expr.byteorder,
          length: expr.length,
        }
      : expr;
  const { value: data } = mapping;
  if (data.kind === 'concat') data.parts = data.parts.map(widen);
  else mapping.value = widen(data);
}
