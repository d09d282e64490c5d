// Constants: what a word, number or string means as a value of the type that its place expects; prefixes, ranges, lists of flags.
import type { Expr, ListExpr, PrefixExpr, RangeExpr, SymbolExpr, ValueExpr } from './ast.ts';
import { datatype as findType, parseValue, stringValue, valueString } from './datatypes.ts';
import { parseTimestamp } from './datatypes-time.ts';
import { type Context, fail, isConcatType } from './evaluate-context.ts';
import {
  baseType,
  bitmask,
  describeType,
  isConstant,
  isIntegerType,
  prefixMask,
  untyped,
  value,
} from './expressions.ts';
import { nearest } from './suggest.ts';
import { addressHint } from './value-hints.ts';

/**
 * Users and groups that have the same number on every Debian and OpenWrt system (base-passwd). SIMPLIFIED: user-names: other names
 * are refused, since /etc/passwd of the router is not known; nft looks them up.
 */
const SYSTEM_USERS: Record<string, bigint> = { root: 0n, daemon: 1n, bin: 2n, nobody: 65534n };

/** Values that depend on the system: users by name, times by the clock's zone. */
function specialValue(context: Context, name: string, content: string): bigint | undefined {
  const offset = context.sources.timezoneSeconds;
  switch (name) {
    case 'uid':
    case 'gid':
      return SYSTEM_USERS[content];
    case 'time': {
      const time = content.includes('-') ? parseTimestamp(content) : undefined;
      return time === undefined ? undefined : time - BigInt(offset) * 1_000_000_000n;
    }
    case 'hour': {
      const match = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?$/.exec(content);
      if (match === null) return undefined;
      const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
      // Out of range: -1 is refused like any other value that does not fit.
      if (hours > 23 || minutes > 59 || seconds > 60) return -1n;
      const clock = hours * 3600 + minutes * 60 + seconds;
      return BigInt(clock >= offset ? (clock - offset) % 86400 : 86400 - offset + clock);
    }
    default:
      return undefined;
  }
}

/** A word or number as a value of the expected type. Throws when it means nothing there. */
export function evaluateSymbol(context: Context, expr: SymbolExpr): Expr {
  const name = context.expected.datatype;
  if (name === undefined) throw fail(context, expr, 'No symbol type information');
  if (name === 'verdict') {
    const meant = nearest(expr.text, ['accept', 'drop', 'continue', 'return', 'jump', 'goto']);
    throw fail(context, expr, 'Could not parse netfilter verdict', `did you mean '${meant ?? `jump ${expr.text}`}'?`);
  }
  const type = findType(name);
  if (isConcatType(name) || (type.base === 'none' && type.name === 'invalid')) {
    throw fail(context, expr, `Could not parse symbolic ${describeType(name)} expression`);
  }
  if (type.base === 'string') return evaluateString(context, expr, name);
  if (name === 'iface_index') return evaluateInteger(context, interfaceValue(context, expr));
  const number = specialValue(context, name, expr.text) ?? parseValue(type, expr.text);
  if (number === undefined || (name === 'hour' && number < 0n)) throw unknownValue(context, expr, name);
  refuseOutOfRange(context, expr, name, number);
  return evaluateInteger(context, value(number, name, type.byteOrder, type.bits, expr.span));
}

function interfaceValue(context: Context, expr: SymbolExpr): ValueExpr {
  const number = /^\d+$/.test(expr.text) && !expr.quoted ? BigInt(expr.text) : undefined;
  if (number === undefined && (expr.text === '' || expr.text.length > 15))
    throw fail(context, expr, 'Interface does not exist');
  const index = number ?? BigInt(context.ruleset.interfaceIndex(expr.text));
  return value(index, 'iface_index', 'host', 32, expr.span);
}

function refuseOutOfRange(context: Context, expr: SymbolExpr, name: string, number: bigint): void {
  if (name === 'inet_service' && number > 0xffffn) throw fail(context, expr, 'Service out of range');
  if (name === 'inet_proto' && number > 0xffn) throw fail(context, expr, 'Protocol out of range');
  if (name === 'ct_label' && !/^\d+$/.test(expr.text))
    throw fail(context, expr, `ct label: could not parse "${expr.text}"`);
  if (name === 'ct_label' && BigInt(expr.text) > 127n)
    throw fail(context, expr, `ct label: bit ${expr.text} out of range (127 max)`);
}

function unknownValue(context: Context, expr: SymbolExpr, name: string): Error {
  const type = findType(name);
  const messages: Record<string, string> = {
    ipv4_addr: `Invalid IPv4 address '${expr.text}'`,
    ipv6_addr: `Invalid IPv6 address '${expr.text}'`,
    inet_service: `Could not resolve service '${expr.text}'`,
    inet_proto: `Could not resolve protocol name '${expr.text}'`,
    uid: `User '${expr.text}' does not exist`,
    gid: `Group '${expr.text}' does not exist`,
  };
  const names = (type.names ?? []).map(([symbol]) => symbol);
  const meant = nearest(expr.text, names);
  const hints: Record<string, string> = {
    ipv4_addr: 'host names are not looked up',
    ipv6_addr: 'host names are not looked up',
    inet_service: 'give its number',
    inet_proto: 'give its number',
    uid: 'give its number',
    gid: 'give its number',
  };
  const message = messages[name] ?? `Could not parse ${type.description} '${expr.text}'`;
  const hint = addressHint(context, expr, name) ?? (meant === undefined ? hints[name] : `did you mean '${meant}'?`);
  return fail(context, expr, message, hint);
}

/** A string; one that ends in `*` stands for all that begin so. */
function evaluateString(context: Context, expr: SymbolExpr, name: string): Expr {
  const bits = Buffer.byteLength(expr.text) * 8;
  const room = context.expected.length;
  if (room > 0 && bits > room) throw fail(context, expr, `String exceeds maximum length of ${room / 8}`);
  if (expr.text === '') throw fail(context, expr, 'Empty string is not allowed');
  if (expr.text.includes('\0')) throw fail(context, expr, 'A string with a NUL character is not allowed');
  const length = room > 0 ? room : bits;
  if (!expr.text.endsWith('*')) return text(expr.text, name, length, expr);
  if (expr.text === '*') throw fail(context, expr, 'All-wildcard strings are not supported');
  if (expr.text.endsWith('\\*')) return text(expr.text.replace(/\\(.)/g, '$1'), name, length, expr);
  const base = text(expr.text.slice(0, -1), name, length, expr);
  return {
    ...untyped(expr.span),
    kind: 'prefix',
    base,
    prefixLength: bits - 8,
    datatype: name,
    byteorder: 'host',
    length,
  };
}

function text(content: string, name: string, length: number, at: Expr): ValueExpr {
  return value(stringValue(content, length / 8), name, 'host', length, at.span);
}

/** A constant in the place's length and byte order. Throws when it is too large for it. */
export function evaluateValue(context: Context, expr: ValueExpr): Expr {
  if (isIntegerType(expr.datatype)) return evaluateInteger(context, expr);
  if (baseType(expr.datatype) === 'string') {
    const room = context.expected.length;
    if (room > 0 && expr.length > room) throw fail(context, expr, `String exceeds maximum length of ${room / 8}`);
    if (room > expr.length) {
      const content = valueString(expr.value, expr.length / 8);
      return { ...expr, value: stringValue(content, room / 8), length: room };
    }
    return expr;
  }
  throw fail(context, expr, `Unexpected datatype ${expr.datatype}`);
}

function evaluateInteger(context: Context, expr: ValueExpr): ValueExpr {
  const { expected } = context;
  if (expected.maximum > 0 && expr.value > BigInt(expected.maximum)) {
    throw fail(context, expr, `Value ${expr.value} exceeds valid range 0-${expected.maximum}`);
  }
  const length = Math.max(context.statementLength, expected.length);
  if (expr.value < 0n || expr.value > bitmask(length)) {
    throw fail(context, expr, `Value ${expr.value} exceeds valid range 0-${bitmask(length)}`);
  }
  return { ...expr, byteorder: expected.byteorder, length };
}

/** `10.0.0.0/8`: the base without the bits that the prefix leaves open. */
export function evaluatePrefix(context: Context, expr: PrefixExpr): Expr {
  const base = context.evaluate(context, expr.base);
  if (!isConstant(base)) throw fail(context, expr, 'Prefix expression is undefined for non-constant expressions');
  if (base.kind !== 'value') throw fail(context, expr, `Prefix expression is undefined for ${base.kind} expressions`);
  if (expr.prefixLength > base.length) {
    throw fail(context, expr, `Prefix length ${expr.prefixLength} is invalid for type of ${base.length} bits width`);
  }
  const masked = { ...base, value: base.value & prefixMask(base.length, expr.prefixLength) };
  return { ...expr, base: masked, datatype: base.datatype, byteorder: base.byteorder, length: base.length };
}

/** `1-5`; one value when both ends are equal. */
export function evaluateRange(context: Context, expr: RangeExpr): Expr {
  const range = evaluateRangeEnds(context, expr);
  const { from, to } = range;
  if (from.kind !== 'value' || to.kind !== 'value') throw fail(context, expr, 'Range is not constant');
  if (from.value > to.value) throw fail(context, expr, 'Range negative size');
  if (from.value === to.value) return from;
  return { ...range, datatype: from.datatype };
}

/** As evaluateRange, the ends in any order (hours that pass midnight). */
export function evaluateRangeEnds(context: Context, expr: RangeExpr): RangeExpr {
  const end = (part: Expr): Expr => {
    const result = context.evaluate(context, part);
    if (!isIntegerType(result.datatype)) {
      throw fail(context, result, `Range expression is undefined for ${describeType(result.datatype)} types`);
    }
    if (!isConstant(result)) throw fail(context, result, 'Range is not constant');
    return result;
  };
  const from = end(expr.from);
  const to = end(expr.to);
  return { ...expr, from, to, datatype: from.datatype, byteorder: from.byteorder, length: from.length };
}

/** `new,established`: flags of a bitmask or-ed. */
export function evaluateList(context: Context, expr: ListExpr): Expr {
  let bits = 0n;
  for (const item of expr.items) {
    const flag = context.evaluate(context, item);
    if (flag.kind !== 'value') throw fail(context, flag, 'List member must be a constant value');
    if (baseType(flag.datatype) !== 'bitmask') {
      const hint = "several values are written as a set: '{ a, b }'";
      throw fail(context, flag, `Basetype of type ${describeType(flag.datatype)} is not bitmask`, hint);
    }
    bits |= flag.value;
  }
  return value(bits, context.expected.datatype ?? 'bitmask', 'host', context.expected.length, expr.span);
}
