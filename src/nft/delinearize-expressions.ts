// Loads and bit operations of bytecode back to expressions: the field behind raw offsets, the parts of a concatenation,
// `& mask` and shifts that only cut out a field that is no whole octets (nftables netlink_delinearize.c, exthdr.c).
import type { Expression } from '../bytecode/expression.ts';
import type { BinaryExpr, Expr, ExthdrExpr, PayloadExpr } from './ast.ts';
import { fromBytes } from './datatypes.ts';
import { completePayload, type RuleContext, trimPayload } from './delinearize-context.ts';
import { killDependency, releaseDependency } from './delinearize-dependencies.ts';
import { concat, constantOf, lowestBit, ones, rawValue, typeOnly, withType } from './delinearize-values.ts';
import { type HeaderField, type OptionHeader, optionHeaders } from './headers.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>;

/** A payload load whose field is not known yet. */
export function loadedPayload(load: { base: PayloadExpr['base']; offset: number; length: number }): PayloadExpr {
  return {
    kind: 'payload',
    protocol: '',
    field: '',
    base: load.base,
    offset: load.offset * 8,
    raw: true,
    datatype: 'xinteger',
    byteorder: 'big',
    length: load.length * 8,
  };
}

type ExthdrLoad = Pick<Of<'exthdr'>, 'op' | 'type' | 'offset' | 'length'> & { present?: boolean };

/** A load of an extension header or option, its field named when the offset and length are one's. */
export function loadedExthdr(load: ExthdrLoad): ExthdrExpr {
  const present = load.present ?? false;
  const expr: ExthdrExpr = {
    kind: 'exthdr',
    op: load.op,
    header: '',
    field: '',
    type: load.type,
    offset: load.offset * 8,
    present,
    raw: true,
    datatype: 'integer',
    byteorder: 'big',
    length: load.length * 8,
  };
  return present ? presence(expr) : namedField(expr, expr.offset, expr.length);
}

function presence(expr: ExthdrExpr): ExthdrExpr {
  const header = optionHeaders(expr.op).find((candidate) => candidate.type === expr.type);
  return {
    ...expr,
    header: header?.name ?? '',
    raw: header === undefined,
    datatype: 'boolean',
    byteorder: 'host',
    length: 8,
  };
}

function namedField(expr: ExthdrExpr, offset: number, length: number): ExthdrExpr {
  const found = findOptionField(expr, offset, length);
  if (found === undefined) {
    const header = optionHeaders(expr.op).find((candidate) => candidate.type === expr.type);
    return { ...expr, offset, length, header: header?.name ?? '' };
  }
  const { header, field } = found;
  return { ...expr, offset, length, header: header.name, field: field.name, raw: false, datatype: field.datatype };
}

function findOptionField(
  expr: ExthdrExpr,
  offset: number,
  length: number,
): { header: OptionHeader; field: HeaderField } | undefined {
  for (const header of optionHeaders(expr.op)) {
    if (header.type !== expr.type) continue;
    for (const field of header.fields) if (field.offset === offset && field.length === length) return { header, field };
  }
  return undefined;
}

/** A bit operation over what its register holds. */
export function completeBitwise(registers: readonly (Expr | undefined)[], bitwise: Of<'bitwise'>): Expr {
  const left =
    registers[bitwise.sreg <= 4 ? (bitwise.sreg - 1) * 4 : bitwise.sreg - 8] ??
    rawValue(new Uint8Array(bitwise.length));
  switch (bitwise.op) {
    case 'mask-xor':
      return maskXor(left, bitwise.mask, bitwise.xor);
    case 'lshift':
    case 'rshift': {
      const right = constantOf(BigInt(bitwise.shift), { datatype: 'integer', byteorder: 'host', length: 32 });
      return binary(bitwise.op === 'lshift' ? '<<' : '>>', left, right);
    }
    default: {
      const slot = bitwise.sreg2 <= 4 ? (bitwise.sreg2 - 1) * 4 : bitwise.sreg2 - 8;
      const right = registers[slot] ?? rawValue(new Uint8Array(bitwise.length));
      return binary(bitwise.op === 'and' ? '&' : bitwise.op === 'or' ? '|' : '^', left, right);
    }
  }
}

function binary(op: BinaryExpr['op'], left: Expr, right: Expr): BinaryExpr {
  return { kind: 'binary', op, left, right, ...typeOnly(left) };
}

/** `(x & mask) ^ xor` as the `&`, `^` and `|` that a reader would write. */
function maskXor(left: Expr, maskOctets: Uint8Array, xorOctets: Uint8Array): Expr {
  const bits = maskOctets.length * 8;
  const type = { ...typeOnly(left), length: bits };
  // A single octet widened to a register word is that word's number.
  const isHost = type.byteorder === 'host' || (left.length > 0 && left.length <= 8 && bits > 8);
  const number = (octets: Uint8Array): bigint => {
    return fromBytes(octets, isHost ? 'host' : 'big');
  };
  let mask = number(maskOctets);
  let xor = number(xorOctets);
  const or = (mask & xor) ^ xor;
  xor &= mask;
  mask |= or;
  let expr = left;
  if (mask !== ones(bits) && mask !== ones(left.length)) expr = binary('&', expr, constantOf(mask, type));
  if (xor !== 0n) expr = binary('^', expr, constantOf(xor, type));
  if (or !== 0n) expr = binary('|', expr, constantOf(or, type));
  return expr;
}

/** Names fields in an expression, drops the matches that they imply, and types its constants. */
export function completeExpression(context: RuleContext, expr: Expr): Expr {
  switch (expr.kind) {
    case 'payload': {
      const payload = completePayload(context, expr);
      killDependency(context, payload);
      return payload;
    }
    case 'exthdr':
      if (expr.op === 'tcpopt') releaseDependency(context, 2);
      else if (expr.op === 'ipv4' || expr.op === 'ipv6') releaseDependency(context, 1);
      return expr;
    case 'ct':
      return completeCt(context, expr);
    case 'unary': {
      const operand = completeExpression(context, expr.operand);
      return { ...expr, operand, datatype: operand.datatype };
    }
    case 'concat':
      return concat(expr.parts.map((part) => completePart(context, part)));
    case 'binary':
      return completeBinary(context, expr);
    default:
      return expr;
  }
}

function completePart(context: RuleContext, part: Expr): Expr {
  const completed = completeExpression(context, part);
  const cut = unmask(context, completed).expr;
  return cut.kind === 'unary' ? cut.operand : cut;
}

/** `ct original saddr`: the family is the table's or the rule's. */
function completeCt(context: RuleContext, expr: Expr & { kind: 'ct' }): Expr {
  if (expr.key !== 'src' && expr.key !== 'dst') return expr;
  const network = context.protocols[1];
  const isIp6 = network === 'ip6';
  if (!isIp6 && network !== 'ip') return expr;
  return { ...expr, family: isIp6 ? 'ip6' : 'ip', datatype: isIp6 ? 'ipv6_addr' : 'ipv4_addr', byteorder: 'big' };
}

function completeBinary(context: RuleContext, expr: BinaryExpr): Expr {
  const left = completeExpression(context, expr.left);
  const isShift = expr.op === '<<' || expr.op === '>>';
  const inner = left.kind === 'unary' ? left.operand : left;
  if (expr.op === '>>' && inner.kind === 'binary' && inner.op === '&' && expr.right.kind === 'value') {
    const cut = unmask(context, inner);
    // What was turned to host order before the shift is compared in host order.
    if (cut.expr !== inner && cut.shift === Number(expr.right.value))
      return left.kind === 'unary' ? { ...cut.expr, byteorder: left.byteorder } : cut.expr;
  }
  const right = isShift ? expr.right : retyped(completeExpression(context, expr.right), left);
  return { ...expr, left, right, ...typeOnly(left) };
}

/** The mask takes the type of what it masks. */
function retyped(right: Expr, left: Expr): Expr {
  const typed = withType(right, left);
  return typed.kind === 'value' ? { ...typed, datatype: left.datatype, byteorder: left.byteorder } : typed;
}

/** The field that a mask (and a shift) cut out of a wider load; `shift`: how far values beside it are still shifted. */
export function unmask(context: RuleContext, expr: Expr): { expr: Expr; shift: number } {
  if (expr.kind !== 'binary' || expr.right.kind !== 'value') return { expr, shift: 0 };
  if (expr.op === '>>') {
    const inner = unmask(context, expr.left);
    const rest = inner.shift - Number(expr.right.value);
    return inner.expr === expr.left || rest !== 0 ? { expr, shift: 0 } : { expr: inner.expr, shift: 0 };
  }
  if (expr.op !== '&') return { expr, shift: 0 };
  const { left } = expr;
  if (left.kind === 'payload') {
    const cut = trimPayload(context, left, expr.right.value);
    if (cut === undefined) return { expr, shift: 0 };
    const payload = completePayload(context, { ...cut.payload, protocol: '', field: '' });
    killDependency(context, payload);
    return { expr: payload, shift: cut.shift };
  }
  return left.kind === 'exthdr' ? unmaskExthdr(expr, left, expr.right.value) : { expr, shift: 0 };
}

function unmaskExthdr(expr: BinaryExpr, left: ExthdrExpr, mask: bigint): { expr: Expr; shift: number } {
  const shift = lowestBit(mask);
  const top = mask.toString(2).length;
  if (shift < 0 || mask !== ones(top) - ones(shift)) return { expr, shift: 0 };
  const field = namedField(left, left.offset + left.length - top, top - shift);
  return field.field === '' ? { expr, shift: 0 } : { expr: field, shift };
}
