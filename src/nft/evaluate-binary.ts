// Operators: `ct mark & 0xff`, `tcp flags & (syn|ack)`, shifts; the shifts and masks that a field of odd bits needs; and moving
// an operator of a match to its constant side. Both sides must agree on byte order, and nft decides which.
import type {
  BinaryExpr,
  Byteorder,
  Expr,
  ExthdrExpr,
  MapExpr,
  PayloadExpr,
  RelationalExpr,
  ValueExpr,
} from './ast.ts';
import { fromBytes, toBytes } from './datatypes.ts';
import { type Context, expect, fail } from './evaluate-context.ts';
import {
  baseType,
  bitmask,
  describeType,
  isConstant,
  isIntegerType,
  isSingleton,
  kindName,
  octets,
  untyped,
  value,
} from './expressions.ts';

const MAX_BINARY_DEPTH = 16;
const ORDER_NAMES: Record<Byteorder, string> = { big: 'big endian', host: 'host endian', invalid: 'invalid' };

/** `expr` in another byte order: constants are relabelled, what the packet gives is converted when it runs. */
export function convertByteorder(context: Context, expr: Expr, byteorder: Byteorder): Expr {
  if (expr.byteorder === byteorder) return expr;
  if (expr.kind === 'concat') {
    expr.parts = expr.parts.map((part) => {
      if (part.byteorder === 'big' || baseType(part.datatype) === 'string') return part;
      if (part.kind === 'value') return part.byteorder === 'host' ? swapOctets(part) : part;
      if (octets(part.length) < 2) return part;
      return conversion(part, byteorder);
    });
    return expr;
  }
  if (baseType(expr.datatype) === 'string') return expr;
  if (!isIntegerType(expr.datatype)) {
    throw fail(
      context,
      expr,
      `Byteorder mismatch: ${ORDER_NAMES[byteorder]} expected, ${kindName(expr)} got ${ORDER_NAMES[expr.byteorder]}`,
    );
  }
  if (isConstant(expr) || octets(expr.length) < 2) {
    expr.byteorder = byteorder;
    return expr;
  }
  return conversion(expr, byteorder);
}

/** A constant whose octets are turned round: it keeps its label, as in nft. */
function swapOctets(expr: ValueExpr): ValueExpr {
  const bytes = toBytes(expr.value, octets(expr.length), 'host');
  return { ...expr, value: fromBytes(bytes, 'big') };
}

function conversion(expr: Expr, byteorder: Byteorder): Expr {
  return {
    ...untyped(expr.span),
    kind: 'unary',
    op: byteorder === 'big' ? 'hton' : 'ntoh',
    operand: expr,
    datatype: expr.datatype,
    byteorder,
    length: expr.length,
  };
}

/** A field that does not start or end at an octet: load whole octets, mask, shift. */
export function evaluateBits(context: Context, expr: PayloadExpr | ExthdrExpr): Expr {
  // A statement that writes the field does its own masking.
  if (context.statement?.kind === 'payload-set') return expr;
  const { shift, extra } = offsetShift(expr.offset, expr.length);
  const maskLength = expr.length + shift;
  if (maskLength > 128) throw fail(context, expr, `mask length ${maskLength} exceeds allowed maximum of 128`);
  const mask = value(bitmask(expr.length) << BigInt(shift), 'integer', 'host', maskLength, expr.span);
  const and: Expr = {
    ...untyped(expr.span),
    kind: 'binary',
    op: '&',
    left: expr,
    right: mask,
    datatype: expr.datatype,
    byteorder: expr.byteorder,
    length: maskLength,
  };
  let result: Expr = and;
  if (shift > 0) {
    let left: Expr = and;
    let byteorder = expr.byteorder;
    if ((context.expected.key !== undefined || context.statementLength > 0) && octets(maskLength) > 1) {
      left = conversion(and, 'host');
      byteorder = 'host';
    }
    const by = value(BigInt(shift), 'integer', 'host', 8, expr.span);
    result = {
      ...untyped(expr.span),
      kind: 'binary',
      op: '>>',
      left,
      right: by,
      datatype: expr.datatype,
      byteorder,
      length: maskLength,
    };
  }
  expr.length += extra;
  return result;
}

/** Bits right of a field in the octets that hold it, and bits by which those exceed the field's own octets. */
export function offsetShift(offset: number, length: number): { shift: number; extra: number } {
  let shift = octets(length) * 8 - ((offset % 8) + length);
  let extra = 0;
  while (shift < 0) {
    shift += 8;
    extra += 8;
  }
  return { shift, extra };
}

const SYMBOLS: Record<BinaryExpr['op'], string> = { '&': '&', '|': '|', '^': '^', '<<': '<<', '>>': '>>' };

export function evaluateBinary(context: Context, expr: BinaryExpr): Expr {
  if (context.binaryDepth > 1000) throw fail(context, expr, 'Binary operation limit 1000 reached');
  context.binaryDepth++;
  let widest = context.expected.length;
  let left = context.evaluate(context, expr.left);
  const isShift = expr.op === '<<' || expr.op === '>>';
  if (isShift) {
    widest = Math.max(widest, left.length);
    expect(context, 'integer', left.byteorder, widest);
  }
  let right = context.evaluate(context, expr.right);
  if (isConstant(left) && !isConstant(right)) [left, right] = [right, left];
  const symbol = SYMBOLS[expr.op];
  if (!isIntegerType(left.datatype) && baseType(left.datatype) !== 'string') {
    throw fail(context, left, `Binary operation (${symbol}) is undefined for ${describeType(left.datatype)} types`);
  }
  if (isConstant(left) && !isSingleton(left)) throw undefinedFor(context, left, symbol, left);
  if (isIntegerType(left.datatype) !== isIntegerType(right.datatype)) {
    throw fail(
      context,
      left,
      `Binary operation (${symbol}) with different base types (${baseType(left.datatype)} vs ${baseType(right.datatype)}) is not supported`,
    );
  }
  if (isShift && !isConstant(right)) {
    throw fail(context, right, `Right hand side of binary operation (${symbol}) must be constant`);
  }
  if (isConstant(right) && !isSingleton(right)) throw undefinedFor(context, left, symbol, right);
  const op: BinaryExpr = { ...expr, left, right };
  const result = isShift ? evaluateShift(context, op) : evaluateBitwise(context, op);
  if (--context.binaryDepth === 0) refuseLongChain(context, result);
  return result;
}

function undefinedFor(context: Context, at: Expr, symbol: string, what: Expr): Error {
  return fail(context, at, `Binary operation (${symbol}) is undefined for ${kindName(what)} expressions`);
}

/** The kernel's registers hold no more. */
function refuseLongChain(context: Context, expr: Expr): void {
  let depth = 0;
  for (let at: Expr = expr; at.kind === 'binary'; at = at.left) {
    if (++depth >= MAX_BINARY_DEPTH) throw fail(context, at, `Binary operation limit ${MAX_BINARY_DEPTH} reached`);
  }
}

function evaluateShift(context: Context, op: BinaryExpr): Expr {
  const { left, right } = op;
  if (right.kind !== 'value')
    throw fail(context, right, `Right hand side of binary operation (${op.op}) must be constant`);
  if (right.value > 0xffffffffn) throw fail(context, right, 'shifts exceeding 4294967295 bits are not supported');
  const widest = Math.max(context.statementLength, left.length);
  if (right.value >= BigInt(widest)) {
    const side = op.op === '<<' ? 'Left' : 'Right';
    throw fail(context, right, `${side} shift of ${right.value} bits is undefined for type of ${widest} bits width`);
  }
  op.left = convertByteorder(context, left, 'host');
  op.right = convertByteorder(context, right, 'host');
  op.datatype = 'integer';
  op.byteorder = 'host';
  op.length = widest;
  return isConstant(op.left) ? simplify(context, op) : op;
}

function evaluateBitwise(context: Context, op: BinaryExpr): Expr {
  let { left } = op;
  if (context.statementLength > left.length) {
    left = convertByteorder(context, left, 'host');
    op.left = left;
    op.length = context.statementLength;
    op.byteorder = 'host';
    op.datatype = 'integer';
  } else {
    op.length = left.length;
    op.byteorder = left.byteorder;
    op.datatype = left.datatype;
  }
  op.right = convertByteorder(context, op.right, op.byteorder);
  return isConstant(left) && isConstant(op.right) ? simplify(context, op) : op;
}

/** Two constants: their result. */
function simplify(context: Context, op: BinaryExpr): Expr {
  const { left, right } = op;
  if (left.kind !== 'value' || right.kind !== 'value') return op;
  const mask = bitmask(op.length);
  let result: bigint;
  switch (op.op) {
    case '&':
      result = left.value & right.value & mask;
      break;
    case '|':
      result = (left.value | right.value) & mask;
      break;
    case '^':
      result = (left.value ^ right.value) & mask;
      break;
    case '<<':
      result = (left.value << right.value) & mask;
      break;
    case '>>':
      result = (left.value & mask) >> right.value;
      break;
  }
  return context.evaluate(context, value(result, op.datatype, op.byteorder, op.length, op.span));
}

/** Moves an invertible operator of a match's left side to its constant side, where that is exact. */
export function transferBinary(context: Context, expr: RelationalExpr | MapExpr, elements: Expr[] | undefined): void {
  const left = expr.kind === 'map' ? expr.key : expr.left;
  if (left.kind !== 'binary') return;
  const operator = left;
  const right = expr.kind === 'map' ? expr.mappings : expr.right;
  if (right.kind === 'setref') {
    if (elements === undefined) return;
    for (const element of elements) if (!canTransfer(context, operator, element)) return;
    for (const [index, element] of elements.entries()) elements[index] = transferOne(context, operator, element);
  } else if (right.kind === 'value' || right.kind === 'range') {
    if (!canTransfer(context, operator, right)) return;
    if (expr.kind === 'relational') expr.right = transferOne(context, operator, right);
  } else return;
  const remaining = remainder(operator);
  if (expr.kind === 'map') expr.key = remaining;
  else expr.left = remaining;
}

function shiftOf(operator: BinaryExpr): number {
  return operator.right.kind === 'value' ? Number(operator.right.value) : 0;
}

function canTransfer(context: Context, operator: BinaryExpr, right: Expr): boolean {
  switch (right.kind) {
    case 'element':
    case 'mapping':
      return canTransfer(context, operator, right.key);
    case 'range':
      return canTransfer(context, operator, right.from) && canTransfer(context, operator, right.to);
    case 'value':
      break;
    default:
      return false;
  }
  const shift = shiftOf(operator);
  switch (operator.op) {
    case '<<':
      if ((right.value & bitmask(shift)) !== 0n) throw fail(context, right, 'Comparison is always false');
      return true;
    case '>>':
      if (context.expected.length < right.length + shift) context.expected.length += shift;
      return true;
    case '^':
      return operator.right.kind === 'value';
    default:
      return false;
  }
}

function transferOne(context: Context, operator: BinaryExpr, right: Expr): Expr {
  switch (right.kind) {
    case 'element':
    case 'mapping':
      right.key = transferOne(context, operator, right.key);
      return right;
    case 'range':
      right.from = transferOne(context, operator, right.from);
      right.to = transferOne(context, operator, right.to);
      return right;
    case 'value': {
      const op = operator.op === '<<' ? '>>' : operator.op === '>>' ? '<<' : '^';
      return context.evaluate(context, {
        ...untyped(right.span),
        kind: 'binary',
        op,
        left: right,
        right: { ...(operator.right as ValueExpr) },
      });
    }
    default:
      return right;
  }
}

/** What is left on the left side once its operator moved: of `field >> n` the bits that the shift kept. */
function remainder(operator: BinaryExpr): Expr {
  if (operator.op !== '>>') return { ...operator.left, datatype: operator.datatype };
  const shift = shiftOf(operator);
  const mask = bitmask(operator.left.length) << BigInt(shift);
  return { ...operator, op: '&', right: { ...(operator.right as ValueExpr), value: mask } };
}
