// Comparisons and lookups of bytecode back to matches: merged loads are split into their fields, masks become prefixes
// and bit fields, two bounds become a range (nftables netlink_delinearize.c, *_match_postprocess).
import type { Expression } from '../bytecode/expression.ts';
import type { NftSet } from '../bytecode/ruleset.ts';
import type { Expr, RelationalExpr, RelationalOperator, Stmt } from './ast.ts';
import {
  announcedLayer,
  expandPayload,
  isProtocolKey,
  type RuleContext,
  updateContext,
} from './delinearize-context.ts';
import { dependencyOf, killDependency, releaseDependency, storeDependency } from './delinearize-dependencies.ts';
import { completeExpression, unmask } from './delinearize-expressions.ts';
import { bare, contextOf, mapping, type RuleReader, registerKey, setNamed, setOperand } from './delinearize-reader.ts';
import { keyTypes } from './delinearize-sets.ts';
import {
  concat,
  constantOf,
  hasPrefixes,
  maskPrefixLength,
  rawValue,
  typeOnly,
  type ValueType,
  withType,
} from './delinearize-values.ts';

/** Compared octets: fewer than were loaded compare a prefix, more a concatenation. */
export function comparedValue(left: Expr, data: Uint8Array): Expr {
  const bits = data.length * 8;
  if (left.kind === 'concat') {
    let offset = 0;
    return concat(
      left.parts.map((part) => {
        const octets = Math.ceil(part.length / 8);
        const value = withType(rawValue(data.subarray(offset, offset + octets)), part);
        offset += Math.ceil(octets / 4) * 4;
        return value;
      }),
    );
  }
  const isText = left.datatype === 'ifname' || left.datatype === 'string';
  if (isText || left.length <= bits) return rawValue(data);
  const padded = new Uint8Array(Math.ceil(left.length / 8));
  padded.set(data);
  return { kind: 'prefix', base: rawValue(padded), prefixLength: bits, ...typeOnly(left) };
}

/** Adds the match or verdict map of a lookup. */
export function addLookup(reader: RuleReader, lookup: Expression & { kind: 'lookup' }): void {
  const set = setNamed(reader, lookup.set);
  if (set === undefined) return;
  if (lookup.dreg === 0) {
    const { key, mappings } = mapping(reader, set, lookup.sreg);
    const statement: Stmt = {
      kind: 'verdict',
      expr: { kind: 'map', key, mappings, datatype: 'verdict', byteorder: 'invalid', length: 0 },
    };
    reader.context.statements.push(statement);
    reader.context.previous = statement;
    return;
  }
  const left = registerKey(reader, lookup.sreg, set.keyLength, set.keyTypes.length);
  const context = contextOf(reader, left);
  if (left.kind === 'payload' && set.anonymous) noteIcmpType(context, set, left);
  const { expr, shift } = unmask(context, completeExpression(context, typedParts(set, left)));
  const right = setOperand(set, expr, shift);
  pushMatch(context, lookup.invert ? 'neq' : 'eq', bare(expr), right);
}

/** Constants in a concatenated key have the types of the set's fields. */
function typedParts(set: NftSet, left: Expr): Expr {
  if (left.kind !== 'concat') return left;
  const types = keyTypes(set);
  return {
    ...left,
    parts: left.parts.map((part, index) => {
      const type = types[index];
      return type === undefined || part.kind !== 'value' ? part : withType(part, type);
    }),
  };
}

/** `icmp type { echo-request, … }` says which ICMP fields may follow, by its first element. */
function noteIcmpType(context: RuleContext, set: NftSet, left: Expr): void {
  const [first] = set.elements;
  const protocol = context.protocols[2];
  const isType = left.kind === 'payload' && left.base === 'transport' && left.offset === 0 && left.length === 8;
  if (!isType || (protocol !== 'icmp' && protocol !== 'icmpv6') || context.icmpType !== undefined) return;
  if (first !== undefined && first.keyEnd === undefined) context.icmpType = first.key[0];
}

/** Adds the match of a comparison whose right side has no type yet. */
export function addMatch(reader: RuleReader, op: RelationalOperator, left: Expr, right: Expr): void {
  const context = contextOf(reader, left);
  if (left.kind === 'payload') {
    addPayloadMatch(context, op, left, right);
    return;
  }
  const completed = completeExpression(context, left);
  const typed = withType(right, completed);
  const shown = bare(completed);
  if (passesMidnight(op, shown, typed)) {
    pushMatch(context, 'implicit', shown, { ...typed, from: typed.to, to: typed.from });
    return;
  }
  if (shown.kind === 'meta' || shown.kind === 'ct') addSelectorMatch(context, op, shown, typed);
  else if (shown.kind === 'binary') addBinaryMatch(context, op, shown, typed);
  else pushMatch(context, op, shown, typed);
}

/** `hour != 01:00-22:00` is `hour 22:00-01:00`: nft lists all of them so (the kernel's clock is UTC, a listing's is not). */
function passesMidnight(op: RelationalOperator, left: Expr, right: Expr): right is Expr & { kind: 'range' } {
  if (op !== 'neq' || left.kind !== 'meta' || left.key !== 'hour' || right.kind !== 'range') return false;
  return right.from.kind === 'value' && right.to.kind === 'value' && right.from.value <= right.to.value;
}

function pushMatch(context: RuleContext, op: RelationalOperator, left: Expr, right: Expr): Stmt {
  const merged = mergedRange(context, op, left, right);
  const relation: RelationalExpr = merged ?? {
    kind: 'relational',
    op,
    left,
    right,
    datatype: 'verdict',
    byteorder: 'invalid',
    length: 0,
  };
  const statement: Stmt = { kind: 'match', expr: relation };
  context.statements.push(statement);
  context.previous = statement;
  return statement;
}

/** `>= low` followed by `<= high` on the same thing is a range (and `< low`, `> high` a range that must not match). */
function mergedRange(
  context: RuleContext,
  op: RelationalOperator,
  left: Expr,
  right: Expr,
): RelationalExpr | undefined {
  const { previous } = context;
  if (previous === undefined || previous.kind !== 'match' || previous.expr.kind !== 'relational') return undefined;
  const lower = previous.expr;
  const isInside = op === 'lte' && lower.op === 'gte';
  const isOutside = op === 'gt' && lower.op === 'lt';
  if (!isInside && !isOutside) return undefined;
  if (!sameExpression(lower.left, left)) return undefined;
  context.statements.splice(context.statements.indexOf(previous), 1);
  const range: Expr = { kind: 'range', from: lower.right, to: right, ...typeOnly(left) };
  return { ...lower, op: isInside ? 'eq' : 'neq', right: range };
}

function sameExpression(a: Expr, b: Expr): boolean {
  const text = (expr: Expr) => JSON.stringify(expr, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
  return text(a) === text(b);
}

function addPayloadMatch(
  context: RuleContext,
  op: RelationalOperator,
  left: Expr & { kind: 'payload' },
  right: Expr,
): void {
  if (right.kind !== 'value' || (op !== 'eq' && op !== 'neq')) {
    const completed = completeExpression(context, left);
    pushMatch(context, op, completed, withType(right, completed));
    return;
  }
  let rest = right.value;
  let bits = left.length;
  for (const { payload, fieldLength } of expandPayload(context, left)) {
    bits -= payload.length;
    const part = rest >> BigInt(bits);
    rest &= (1n << BigInt(bits)) - 1n;
    const value = payload.length < fieldLength ? fieldPrefix(part, payload, fieldLength) : constantOf(part, payload);
    const statement = pushMatch(context, op, payload, value);
    if (op === 'eq' && value.kind === 'value') noteMatch(context, payload, value.value, statement);
    else killDependency(context, payload);
  }
}

function fieldPrefix(part: bigint, payload: Expr, fieldLength: number): Expr {
  const base = constantOf(part << BigInt(fieldLength - payload.length), { ...typeOnly(payload), length: fieldLength });
  return { kind: 'prefix', base, prefixLength: payload.length, ...typeOnly(base) };
}

/** After `field == value`: the context learns from it, it may make an earlier match redundant and be so itself later. */
function noteMatch(context: RuleContext, payload: Expr & { kind: 'payload' }, value: bigint, statement: Stmt): void {
  const layer = announcedLayer(payload, value);
  updateContext(context, payload, value);
  killDependency(context, payload);
  if (isProtocolKey(payload)) storeDependency(context, statement, layer);
}

function addSelectorMatch(context: RuleContext, op: RelationalOperator, left: Expr, right: Expr): void {
  const layer = announcedLayer(left, undefined);
  if (op !== 'eq' || right.kind !== 'value' || layer > 2 || !(isProtocolKey(left) || left.kind === 'ct')) {
    pushMatch(context, op, left, right);
    return;
  }
  if (isProtocolKey(left)) updateContext(context, left, right.value);
  const dependency = layer > 0 ? dependencyOf(context, layer - 1) : undefined;
  if (dependency !== undefined && mayKillForMeta(context, left, right.value)) releaseDependency(context, layer - 1);
  const statement = pushMatch(context, op, left, right);
  if (isProtocolKey(left)) storeDependency(context, statement, layer);
}

/** Whether `meta l4proto`, `meta protocol` or `ct l3proto` makes an earlier network-layer match redundant. */
function mayKillForMeta(context: RuleContext, left: Expr, value: bigint): boolean {
  const network = dependencyOf(context, 1);
  if (network === undefined || network.right.kind !== 'value') return true;
  const nfproto = networkFamily(network);
  if (nfproto === undefined) return true;
  if (context.family === 'ip' || context.family === 'ip6') return context.family === nfproto;
  const isTransport =
    (left.kind === 'meta' && left.key === 'l4proto') || (left.kind === 'ct' && left.key === 'protocol');
  if (!isTransport) return true;
  if (value !== 1n && value !== 58n) return false;
  return !((nfproto === 'ip' && value === 58n) || (nfproto === 'ip6' && value === 1n));
}

/** The family that a network-layer match names; undefined when it is no such match. */
function networkFamily(relation: RelationalExpr): string | undefined {
  const { left, right } = relation;
  if (right.kind !== 'value') return undefined;
  const isEtherType = left.kind === 'payload' && left.base === 'link' && left.datatype === 'ether_type';
  if ((left.kind === 'meta' && left.key === 'protocol') || isEtherType) {
    return right.value === 0x0800n ? 'ip' : right.value === 0x86ddn ? 'ip6' : 'unspec';
  }
  if (left.kind === 'meta' && left.key === 'nfproto')
    return right.value === 2n ? 'ip' : right.value === 10n ? 'ip6' : 'unspec';
  return undefined;
}

/** A comparison of `x & mask`: prefix, bit field, or flags (which the printer tells from their masks). */
function addBinaryMatch(
  context: RuleContext,
  op: RelationalOperator,
  left: Expr & { kind: 'binary' },
  right: Expr,
): void {
  const isEquality = op === 'eq' || op === 'neq';
  if (left.op === '&' && left.right.kind === 'value' && right.kind === 'value') {
    const isFlags = isEquality && context !== undefined && isFlagType(left);
    if (isFlags) {
      pushMatch(context, op, left, right);
      return;
    }
    const prefixLength = left.datatype === 'mark' ? undefined : maskPrefixLength(left.right.value, left.left.length);
    if (hasPrefixes(left) && prefixLength !== undefined) {
      pushMatch(context, op, left.left, { kind: 'prefix', base: right, prefixLength, ...typeOnly(left.left) });
      return;
    }
  }
  const { expr, shift } = unmask(context, left);
  if (expr === left) {
    pushMatch(context, op, left, right);
    return;
  }
  const shifted = shiftRight(right, shift, expr);
  if (expr.kind === 'payload' && isEquality && shifted.kind === 'value')
    addPayloadMatch(context, op, rawAgain(expr), shifted);
  else pushMatch(context, op, expr, shifted);
}

function rawAgain(payload: Expr & { kind: 'payload' }): Expr & { kind: 'payload' } {
  return { ...payload, protocol: '', field: '' };
}

function isFlagType(expr: Expr): boolean {
  return ['tcp_flag', 'ct_state', 'ct_status', 'ct_event', 'ct_label', 'bitmask'].includes(expr.datatype);
}

function shiftRight(expr: Expr, shift: number, type: ValueType): Expr {
  if (expr.kind === 'value') return constantOf(expr.value >> BigInt(shift), type);
  if (expr.kind === 'range')
    return { ...expr, from: shiftRight(expr.from, shift, type), to: shiftRight(expr.to, shift, type) };
  return expr;
}
