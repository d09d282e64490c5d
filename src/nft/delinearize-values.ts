// Constants of bytecode back to typed expressions: octets in registers and set elements become values, strings with
// wildcards, prefixes, ranges and concatenations (nftables src/netlink.c, segtree.c, netlink_delinearize.c).
import type { ConcatExpr, Expr, ValueExpr } from './ast.ts';
import { datatype, findDatatype, fromBytes, toBytes } from './datatypes.ts';

/** What the octets of a constant mean: the type of the expression that it stands beside. */
export interface ValueType {
  readonly datatype: string;
  readonly byteorder: 'big' | 'host' | 'invalid';
  /** Width in bits. */
  readonly length: number;
}

/** A constant whose type is not known yet: its octets as one big-endian number, `byteorder` 'invalid'. */
export function rawValue(octets: Uint8Array): ValueExpr {
  return {
    kind: 'value',
    value: fromBytes(octets, 'big'),
    datatype: 'integer',
    byteorder: 'invalid',
    length: octets.length * 8,
  };
}

/** An expression for a value of a type. */
export function constantOf(value: bigint, type: ValueType): ValueExpr {
  return { kind: 'value', value, datatype: type.datatype, byteorder: type.byteorder, length: type.length };
}

/** Octets of a type's constant: a value, or for strings their text, with `*` where they stop before their end. */
export function typedConstant(octets: Uint8Array, type: ValueType): Expr {
  if (isString(type)) return stringConstant(octets, type);
  return constantOf(fromBytes(octets, type.byteorder === 'host' ? 'host' : 'big'), type);
}

/** Gives a type to the raw constants in an expression. */
export function withType(expr: Expr, type: ValueType): Expr {
  switch (expr.kind) {
    case 'value':
      if (expr.byteorder !== 'invalid') return expr;
      return typedConstant(toBytes(expr.value, expr.length / 8, 'big'), { ...type, length: expr.length });
    case 'range':
      return { ...expr, from: withType(expr.from, type), to: withType(expr.to, type) };
    case 'prefix':
      return { ...expr, base: withType(expr.base, type) };
    default:
      return expr;
  }
}

/** The type has text for values. */
export function isString(type: { readonly datatype: string }): boolean {
  return findDatatype(type.datatype)?.base === 'string';
}

/** The type is a set of flags. */
export function isBitmask(type: { readonly datatype: string }): boolean {
  return findDatatype(type.datatype)?.base === 'bitmask';
}

/** Types whose contiguous masks and aligned ranges are written as `/n` (DTYPE_F_PREFIX). */
export function hasPrefixes(type: { readonly datatype: string }): boolean {
  return ['ipv4_addr', 'ipv6_addr', 'mark', 'devgroup', 'realm'].includes(type.datatype);
}

function stringConstant(octets: Uint8Array, type: ValueType): Expr {
  const end = octets.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? octets : octets.subarray(0, end));
  const wildcard = end < 0 && type.datatype === 'ifname' ? '*' : '';
  return stringSymbol(wildcard === '' ? text.replace(/\*$/, '\\*') : `${text}*`, type);
}

function stringSymbol(text: string, type: ValueType): Expr {
  return {
    kind: 'symbol',
    text,
    quoted: true,
    datatype: type.datatype,
    byteorder: type.byteorder,
    length: type.length,
  };
}

/** All ones in `bits` bits. */
export function ones(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}

/** Index of the lowest set bit; -1 for 0. */
export function lowestBit(value: bigint): number {
  if (value === 0n) return -1;
  let bit = 0;
  while (((value >> BigInt(bit)) & 1n) === 0n) bit++;
  return bit;
}

/** Prefix length of a mask of `bits` bits that is ones from the top down, else undefined. */
export function maskPrefixLength(mask: bigint, bits: number): number | undefined {
  const low = lowestBit(mask);
  if (low < 0) return 0;
  return mask === ones(bits) - ones(low) ? bits - low : undefined;
}

/** Prefix length that covers exactly low to high, else undefined. */
export function rangePrefixLength(low: bigint, high: bigint, bits: number): number | undefined {
  const difference = low ^ high;
  if ((difference & (difference + 1n)) !== 0n || (low & difference) !== 0n) return undefined;
  return bits - difference.toString(2).length + (difference === 0n ? 1 : 0);
}

/** `low` to `high` of a type as nft lists them: one value, a prefix, a wildcard or a range. */
export function typedRange(low: Uint8Array, high: Uint8Array, type: ValueType): Expr {
  if (low.every((octet, index) => octet === high[index])) return typedConstant(low, type);
  if (isString(type)) return stringRange(low, high, type);
  const from = typedConstant(low, type);
  const to = typedConstant(high, type);
  if (from.kind === 'value' && to.kind === 'value' && hasPrefixes(type)) {
    const prefixLength = rangePrefixLength(from.value, to.value, type.length);
    if (prefixLength !== undefined) return { kind: 'prefix', base: from, prefixLength, ...typeOnly(type) };
  }
  return { kind: 'range', from, to, ...typeOnly(type) };
}

function stringRange(low: Uint8Array, high: Uint8Array, type: ValueType): Expr {
  const end = low.indexOf(0);
  const isWildcard = end > 0 && low.every((octet, i) => (i < end ? octet === high[i] : octet === 0 && high[i] === 255));
  if (isWildcard) return stringSymbol(`${new TextDecoder().decode(low.subarray(0, end))}*`, type);
  return { kind: 'range', from: typedConstant(low, type), to: typedConstant(high, type), ...typeOnly(type) };
}

/** The three annotations of an expression. */
export function typeOnly(type: ValueType): ValueType {
  return { datatype: type.datatype, byteorder: type.byteorder, length: type.length };
}

/** A concatenation of parts, typed by them. */
export function concat(parts: Expr[]): ConcatExpr {
  return {
    kind: 'concat',
    parts,
    datatype: parts.map((part) => part.datatype).join(' . '),
    byteorder: 'invalid',
    length: parts.reduce((sum, part) => sum + Math.ceil(part.length / 32) * 32, 0),
  };
}

/** Type of a named datatype on its own, with its natural width (`octets` where it has none). */
export function namedType(name: string, octets: number, byteorder?: 'big' | 'host'): ValueType {
  const type = datatype(name);
  return { datatype: name, byteorder: byteorder ?? type.byteOrder, length: octets * 8 };
}
