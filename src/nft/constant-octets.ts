// Constants as octets: what a register is compared with, and the keys and data of set elements. Values from packets are in network
// order, what the kernel computes is little-endian; keys of interval sets are always in network order, so that they sort.
import type { ConcatExpr, Expr } from './ast.ts';
import { toBytes } from './datatypes.ts';
import { baseType, bitmask, octets } from './expressions.ts';
import { highest, lowest } from './intervals.ts';

/** A number in the byte order that an expression of this datatype has. Strings are kept as their octets. */
export function numberOctets(
  number: bigint,
  expr: { datatype: string; byteorder: string },
  length: number,
): Uint8Array {
  const isHost = expr.byteorder === 'host' && baseType(expr.datatype) !== 'string';
  return toBytes(number, length, isHost ? 'host' : 'big');
}

/** The octets of a constant of one field. */
export function constantOctets(expr: Expr): Uint8Array {
  if (expr.kind !== 'value') return new Uint8Array(0);
  return numberOctets(expr.value, expr, octets(expr.length));
}

/** Lowest (or highest) octets of a set's key. In interval sets all numbers are in network order. */
export function keyOctets(key: Expr, end: 'low' | 'high', interval: boolean): Uint8Array {
  if (key.kind === 'concat') return concatOctets(key, (part) => partOctets(part, end, interval));
  return partOctets(key, end, interval);
}

function partOctets(part: Expr, end: 'low' | 'high', interval: boolean): Uint8Array {
  const number = end === 'low' ? lowest(part) : highest(part);
  if (number === undefined) return new Uint8Array(0);
  const length = octets(part.length === 0 && part.kind === 'range' ? part.from.length : part.length);
  return interval ? toBytes(number, length, 'big') : numberOctets(number, part, length);
}

function concatOctets(concat: ConcatExpr, octetsOf: (part: Expr) => Uint8Array): Uint8Array {
  const fields = concat.parts.map(octetsOf);
  const result = new Uint8Array(fields.reduce((sum, field) => sum + Math.ceil(field.length / 4) * 4, 0));
  let offset = 0;
  for (const field of fields) {
    result.set(field, offset);
    offset += Math.ceil(field.length / 4) * 4;
  }
  return result;
}

/** Octets of an element's data; `high`: the upper end of a range. */
export function dataOctets(data: Expr, end: 'low' | 'high'): Uint8Array {
  const field = (part: Expr): Uint8Array => {
    if (part.kind === 'range') return constantOctets(end === 'low' ? part.from : part.to);
    if (part.kind === 'prefix' && part.base.kind === 'value') {
      const { base } = part;
      const number = end === 'low' ? base.value : base.value | bitmask(part.length - part.prefixLength);
      return numberOctets(number, base, octets(part.length));
    }
    return constantOctets(part);
  };
  return data.kind === 'concat' ? concatOctets(data, field) : field(data);
}
