// Named sets and maps: their types, flags and what each element gets (nftables' set_evaluate).
import type { ConcatExpr, Expr } from './ast.ts';
import type { SetBlock, TypeSpec } from './ast-commands.ts';
import { type Context, type DraftSet, fail, padded } from './evaluate-context.ts';
import { evaluateStatement } from './evaluate-statement.ts';
import { describeType, octets, value } from './expressions.ts';

const MAX_CONCAT_BITS = 512;

/** The set that a block declares, without its elements. Throws NftError. */
export function declareSet(context: Context, block: SetBlock): DraftSet {
  const what = block.isMap ? 'map' : 'set';
  if (block.key === undefined) throw context.sources.error(`${what} definition does not specify key`, block.span);
  const interval = block.flags.includes('interval');
  if (!interval && block.autoMerge) throw context.sources.error('auto-merge only works with interval sets', block.span);
  const key = evaluateType(context, block, block.key, what);
  const set: DraftSet = {
    name: block.name.text,
    block,
    handle: 0,
    anonymous: false,
    constant: block.flags.includes('constant'),
    interval,
    dynamic: block.flags.includes('dynamic'),
    timeout: block.flags.includes('timeout') || block.timeoutMs !== undefined,
    autoMerge: block.autoMerge,
    concat: interval && key.kind === 'concat',
    key,
    dataInterval: false,
    statements: block.statements,
    elements: [],
    span: block.span,
  };
  if (set.concat) set.autoMerge = false;
  if (block.key.typeofText !== undefined) set.keyTypeof = block.key.typeofText;
  if (block.timeoutMs !== undefined) set.timeoutMs = block.timeoutMs;
  if (block.gcIntervalMs !== undefined) set.gcIntervalMs = block.gcIntervalMs;
  if (block.size !== undefined) set.size = block.size;
  if (block.policy !== undefined) set.policy = block.policy;
  if (block.comment !== undefined) set.comment = block.comment;
  if (block.isMap) declareData(context, block, set);
  for (const statement of block.statements) evaluateStatement(context, statement);
  return set;
}

function declareData(context: Context, block: SetBlock, set: DraftSet): void {
  const { data, objectType } = block;
  if (objectType !== undefined) {
    set.mapTo = objectType;
    set.data = value(0n, 'string', 'host', 256 * 8, block.span);
    return;
  }
  if (data === undefined) throw context.sources.error('map definition does not specify mapping data type', block.span);
  // `typeof ct helper` maps to helper objects.
  if (data.typeofText !== undefined && data.expr.kind === 'ct' && data.expr.key === 'helper') {
    set.mapTo = 'ct helper';
    set.data = value(0n, 'string', 'host', 256 * 8, block.span);
    return;
  }
  set.data = data.expr.kind === 'verdict' ? data.expr : evaluateType(context, block, data, 'map');
  set.mapTo = data.expr.kind === 'verdict' ? 'verdict' : 'value';
  set.dataInterval = data.interval === true;
  if (data.typeofText !== undefined) set.dataTypeof = data.typeofText;
  else if (block.key?.typeofText !== undefined && data.expr.kind === 'verdict') set.dataTypeof = 'verdict';
}

/** A type's expression with datatype and length, fields summed up for concatenations. */
function evaluateType(context: Context, block: SetBlock, spec: TypeSpec, what: string): Expr {
  const { expr } = spec;
  if (expr.kind === 'concat') return evaluateConcatType(context, expr);
  if (expr.kind === 'ct' && (expr.key === 'src' || expr.key === 'dst')) {
    throw fail(context, expr, 'specify either ip or ip6 for address matching');
  }
  if (expr.length === 0) {
    const hint = 'Try "typeof expression" instead of "type datatype"';
    throw context.sources.error(`unqualified type ${expr.datatype} specified in ${what} definition`, block.span, hint);
  }
  return expr;
}

function evaluateConcatType(context: Context, expr: ConcatExpr): ConcatExpr {
  let size = 0;
  for (const part of expr.parts) {
    if (part.kind === 'ct' && (part.key === 'src' || part.key === 'dst')) {
      throw fail(context, part, 'specify either ip or ip6 for address matching');
    }
    if (part.length === 0) {
      throw fail(
        context,
        part,
        `can not use variable sized data types (${describeType(part.datatype)}) in concat expressions`,
      );
    }
    size += padded(part.length);
    if (size > MAX_CONCAT_BITS)
      throw fail(context, part, `Concatenation of size ${size} exceeds maximum size of ${MAX_CONCAT_BITS}`);
  }
  expr.datatype = expr.parts.map((part) => part.datatype).join(' . ');
  expr.length = size;
  return expr;
}

/** Datatypes and octets of a key's (or data's) fields. */
export function fieldsOf(expr: Expr): { types: string[]; lengths: number[]; total: number } {
  const parts = expr.kind === 'concat' ? expr.parts : [expr];
  const lengths = parts.map((part) => octets(part.length));
  const total =
    parts.length === 1 ? (lengths[0] ?? 0) : lengths.reduce((sum, length) => sum + Math.ceil(length / 4) * 4, 0);
  return { types: parts.map((part) => part.datatype), lengths, total };
}
