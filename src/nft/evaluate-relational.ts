// Matches: both sides of the same datatype, in a byte order that can be compared; sets in braces become anonymous sets.
import type { Expr, RelationalExpr } from './ast.ts';
import { learnFromMatch } from './dependencies.ts';
import { convertByteorder, transferBinary } from './evaluate-binary.ts';
import { type Context, fail } from './evaluate-context.ts';
import { evaluateRangeEnds } from './evaluate-value.ts';
import { cloneExpr, describeType, isConstant, isFlagType, isSingleton, kindName, sameDatatype } from './expressions.ts';

const OPERATORS: Record<RelationalExpr['op'], string> = {
  implicit: '==',
  eq: '==',
  neq: '!=',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  not: '!',
};

export function evaluateRelational(context: Context, rel: RelationalExpr): Expr {
  // A reference is looked up first, so that an unknown set is reported before anything on the left.
  if (rel.right.kind === 'setref') context.evaluate(context, rel.right);
  // `fib … oif exists` asks whether there is a route, not which.
  if (rel.left.kind === 'fib' && rel.right.kind === 'value' && rel.right.datatype === 'boolean') {
    rel.left.present = true;
    rel.left.datatype = 'boolean';
  }
  rel.left = context.evaluate(context, rel.left);
  const { left } = rel;
  swapHours(context, rel);
  rel.right = context.evaluate(context, rel.right);
  const symbol = OPERATORS[rel.op];
  if (!isConstant(rel.right)) {
    throw fail(context, rel.right, `Right hand side of relational expression (${symbol}) must be constant`);
  }
  if (isConstant(left)) throw fail(context, left, `Relational expression (${symbol}) has constant value`);
  const { right } = rel;
  const rightType = right.kind === 'setref' ? context.expected.datatype : right.datatype;
  if (rightType === undefined || !sameDatatype(left.datatype, rightType)) {
    throw fail(
      context,
      right,
      `datatype mismatch, expected ${describeType(left.datatype)}, expression has type ${describeType(rightType ?? 'invalid')}`,
    );
  }
  if ((left.kind === 'meta' || left.kind === 'ct') && left.key === 'secmark') {
    throw fail(context, right, 'Cannot be used with right hand side constant value');
  }
  if (left.kind !== 'concat' && (rel.op === 'eq' || rel.op === 'implicit' || rel.op === 'neq')) reduceSingleton(rel);
  switch (rel.op) {
    case 'eq':
    case 'implicit':
      learnFromMatch(context, rel);
      evaluateEquality(context, rel);
      break;
    case 'not':
      refuseNegation(context, rel);
      evaluateEquality(context, rel);
      break;
    case 'neq':
      evaluateEquality(context, rel);
      break;
    default:
      evaluateOrder(context, rel);
  }
  const set = rel.right.kind === 'setref' ? context.ruleset.findSet(rel.right.name) : undefined;
  // Elements that became ranges stay as they are: nft moves operators only past single values.
  transferBinary(context, rel, set?.anonymous === true && !set.interval ? set.elements : undefined);
  return rel;
}

/** `hour 23:00-01:00` passes midnight: the match is turned round. */
function swapHours(context: Context, rel: RelationalExpr): void {
  if (rel.left.kind !== 'meta' || (rel.left.key !== 'hour' && rel.left.key !== 'day') || rel.right.kind !== 'range')
    return;
  const range = evaluateRangeEnds(context, rel.right);
  rel.right = range;
  if (range.from.kind !== 'value' || range.to.kind !== 'value' || range.from.value <= range.to.value) return;
  if (rel.op !== 'eq' && rel.op !== 'implicit' && rel.op !== 'neq') return;
  rel.right = { ...range, from: range.to, to: range.from };
  rel.op = rel.op === 'neq' ? 'eq' : 'neq';
}

/** `{ x }` is `x`. */
function reduceSingleton(rel: RelationalExpr): void {
  const { right } = rel;
  if (right.kind !== 'set' || right.items.length !== 1) return;
  const [only] = right.items;
  if (only?.kind !== 'element') return;
  if (only.statements.length === 0 && ['prefix', 'range', 'value'].includes(only.key.kind)) rel.right = only.key;
  if (rel.op === 'implicit' && isFlagType(rel.right.datatype) && rel.right.datatype !== 'ct_state') rel.op = 'eq';
}

function refuseNegation(context: Context, rel: RelationalExpr): void {
  if (rel.left.kind === 'binary') throw fail(context, rel.left, 'cannot combine negation with binary expression');
  if (rel.right.kind !== 'value' || !isFlagType(rel.right.datatype)) {
    throw fail(context, rel.left, 'negation can only be used with singleton bitmask values.  Did you mean "!="?');
  }
}

function evaluateEquality(context: Context, rel: RelationalExpr): void {
  const { right } = rel;
  switch (right.kind) {
    case 'range':
      rel.left = convertByteorder(context, rel.left, 'big');
      right.from = convertByteorder(context, right.from, 'big');
      right.to = convertByteorder(context, right.to, 'big');
      return;
    case 'prefix':
      right.base = convertByteorder(context, right.base, rel.left.byteorder);
      right.byteorder = right.base.byteorder;
      return;
    case 'value':
      rel.right = convertByteorder(context, right, rel.left.byteorder);
      return;
    case 'set': {
      if (right.items.length === 0) throw fail(context, right, 'Set is empty');
      const { ref, set } = context.declareSet(context, {
        template: '__set',
        key: cloneKey(rel.left),
        elements: right,
        isMap: false,
        interval: right.items.some(isRangeItem),
      });
      rel.right = ref;
      if (set.interval) rel.left = convertByteorder(context, rel.left, 'big');
      return;
    }
    case 'setref': {
      const set = context.ruleset.findSet(right.name);
      if (rel.left.kind === 'ct' && (rel.left.key === 'src' || rel.left.key === 'dst')) {
        throw fail(context, rel.left, 'specify either ip or ip6 for address matching');
      }
      if (set?.interval === true) rel.left = convertByteorder(context, rel.left, 'big');
      return;
    }
    case 'concat':
      throw fail(context, rel.left, 'Use concatenations with sets and maps, not singleton values');
    default:
      throw fail(context, right, `invalid expression ${kindName(right)} in a match`);
  }
}

/** The set's key keeps the type of what is matched, whatever happens to that afterwards. */
function cloneKey(left: Expr): Expr {
  const key = cloneExpr(left);
  markEvaluated(key);
  return key;
}
function markEvaluated(expr: Expr): void {
  if (expr.kind === 'payload') expr.evaluated = true;
  else if (expr.kind === 'concat') for (const part of expr.parts) markEvaluated(part);
  else if (expr.kind === 'binary') markEvaluated(expr.left);
}

function isRangeItem(item: Expr): boolean {
  return !isSingleton(item);
}

function evaluateOrder(context: Context, rel: RelationalExpr): void {
  const symbol = OPERATORS[rel.op];
  for (const side of [
    rel.left.kind === 'concat' ? rel.left : undefined,
    isSingleton(rel.right) ? undefined : rel.right,
  ]) {
    if (side !== undefined) {
      throw fail(context, side, `Relational expression (${symbol}) is undefined for ${kindName(side)} expressions`);
    }
  }
  rel.left = convertByteorder(context, rel.left, 'big');
  rel.right = convertByteorder(context, rel.right, 'big');
}
