// `ip dscp set 0x10`: a field narrower than what a write can reach is read in whole octets, masked, or-ed and written back; a write
// that must mend an internet checksum covers an even number of octets (nftables' stmt_evaluate_payload).
import type { Expr, PayloadExpr, Stmt } from './ast.ts';
import { resolvePayload } from './dependencies.ts';
import { evaluateArgument, refuseRange } from './evaluate-argument.ts';
import { convertByteorder, offsetShift } from './evaluate-binary.ts';
import { type Context, fail } from './evaluate-context.ts';
import { bitmask, cloneExpr, isConstant, octets, rawPayload, untyped, value } from './expressions.ts';
import { findProtocol } from './headers.ts';

const MAX_OCTETS = 16;

export function evaluatePayloadSet(context: Context, statement: Extract<Stmt, { kind: 'payload-set' }>): void {
  const field = statement.target;
  if (field.inner !== undefined) throw fail(context, field, 'payload statement for this expression is not supported');
  resolvePayload(context, field);
  statement.value = evaluateArgument(context, field.datatype, field.length, field.byteorder, statement.value);
  if (!isConstant(statement.value)) statement.value = convertByteorder(context, statement.value, field.byteorder);
  refuseRange(context, statement, statement.value);
  const evenOctets = needsEvenOctets(field);
  const isWhole = field.offset % 8 === 0 && field.length % 8 === 0;
  if (isWhole && (!evenOctets || octets(field.length) % 2 === 0)) return;
  let offset = Math.floor(field.offset / 8);
  const { shift: firstShift, extra } = offsetShift(field.offset, field.length);
  let shift = firstShift;
  let length = octets(field.length + extra);
  if (length > MAX_OCTETS)
    throw fail(context, field, `uneven load cannot span more than ${MAX_OCTETS} bytes, got ${length}`);
  if (evenOctets && length % 2 === 1) {
    length++;
    if (offset % 2 === 1) offset--;
    else shift += 8;
  }
  const window = { offset: offset * 8, length: length * 8, shift };
  if (statement.value.kind === 'value') maskConstant(context, statement, window);
  else if (statement.value.kind === 'binary' && rewriteOwnField(context, statement, window)) return;
  else if (statement.value.kind !== 'binary')
    throw fail(context, statement.value, 'payload statement for this expression is not supported');
  else maskConstant(context, statement, window);
}

/** Writes that mend checksums, and to VLAN tags, go in units of two octets. */
function needsEvenOctets(field: PayloadExpr): boolean {
  if (field.base === 'inner' || field.protocol === 'vlan') return true;
  return field.protocol !== 'udp' && findProtocol(field.protocol)?.checksumField !== undefined;
}

interface Window {
  offset: number;
  length: number;
  shift: number;
}

/** value = (octets & ~field) ^ constant */
function maskConstant(context: Context, statement: Extract<Stmt, { kind: 'payload-set' }>, window: Window): void {
  const field = statement.target;
  const constant = statement.value;
  if (constant.kind === 'value') constant.value <<= BigInt(window.shift);
  const keep = bitmask(window.length) ^ (bitmask(field.length) << BigInt(window.shift));
  const loaded: PayloadExpr = {
    ...rawPayload(field.base, window.offset, window.length, field.span),
    protocol: field.protocol,
    field: field.field,
    datatype: 'integer',
    byteorder: field.byteorder,
    raw: true,
    evaluated: true,
  };
  const shape = { datatype: 'integer', byteorder: field.byteorder, length: window.length };
  const mask = value(keep, 'integer', field.byteorder, window.length, field.span);
  const and: Expr = { ...untyped(field.span), ...shape, kind: 'binary', op: '&', left: loaded, right: mask };
  if (constant.kind === 'value') constant.length = window.length;
  field.offset = window.offset;
  field.length = window.length;
  statement.value = { ...untyped(field.span), ...shape, kind: 'binary', op: '^', left: and, right: constant };
  if (constant.kind === 'value') constant.byteorder = field.byteorder;
  else throw fail(context, constant, 'payload statement for this expression is not supported');
}

/** `ip dscp set ip dscp and 0x0f`: the operator works on the octets in place. Returns false when the value is another field's. */
function rewriteOwnField(context: Context, statement: Extract<Stmt, { kind: 'payload-set' }>, window: Window): boolean {
  const field = statement.target;
  let innermost = statement.value;
  if (innermost.kind !== 'binary') return false;
  while (innermost.left.kind === 'binary') innermost = innermost.left;
  const { left, right } = innermost;
  if (
    left.kind !== 'payload' ||
    left.protocol !== field.protocol ||
    left.field !== field.field ||
    left.offset !== field.offset
  )
    return false;
  if (right.kind !== 'value') throw fail(context, right, 'payload statement for this expression is not supported');
  right.value <<= BigInt(window.shift);
  if (innermost.op === '&') right.value |= bitmask(window.length) ^ (bitmask(field.length) << BigInt(window.shift));
  left.offset = window.offset;
  left.length = window.length;
  left.raw = true;
  statement.target = cloneExpr(left);
  context.statementLength = left.length;
  statement.value = context.evaluate(context, statement.value);
  return true;
}
