// Sets and maps of bytecode back to what stands between braces: typed elements in nft's order, with their verdicts,
// values, comments, timeouts and stateful expressions (nftables src/netlink.c, mergesort.c, segtree.c).
import type { NftSet, SetElement } from '../bytecode/ruleset.ts';
import type { ElementExpr, Expr, MappingExpr, SetExpr, VerdictExpr } from './ast.ts';
import { datatype } from './datatypes.ts';
import { CT_SELECTORS, META_SELECTORS, type Selector } from './datatypes-selectors.ts';
import { statefulStatements } from './delinearize-stateful.ts';
import {
  concat,
  hasPrefixes,
  isBitmask,
  isString,
  namedType,
  typedConstant,
  typedRange,
  typeOnly,
  type ValueType,
} from './delinearize-values.ts';
import { findProtocol } from './headers.ts';

/** Types of the fields of a set's key (intervals are kept in network order, so that they compare); of its data, of the lower bound only when the data are ranges. */
export function keyTypes(set: NftSet): ValueType[] {
  const words = set.keyTypeof?.split(' . ') ?? [];
  return set.keyTypes.map((name, index) => {
    const type = fieldType(name, set.keyFieldLengths[index] ?? set.keyLength, words[index]);
    return set.interval ? { ...type, byteorder: 'big' } : type;
  });
}

/** Types of the fields of a map's data. */
export function dataTypes(set: NftSet): ValueType[] {
  const words = set.dataTypeof?.split(' . ') ?? [];
  const names = set.dataTypes.flatMap((name) => name.split(' . '));
  const rest = names.length === 1 ? set.dataLength : 0;
  return names.map((name, index) => {
    const octets = Math.ceil(datatype(name).bits / 8);
    return fieldType(name, octets === 0 ? rest : octets, words[index]);
  });
}

/** Numbers that the kernel makes in its own order of octets. */
const GENERATED = /^(numgen|jhash|symhash)\b/;

function fieldType(name: string, octets: number, word: string | undefined): ValueType {
  if (name === 'integer' && word?.startsWith('@') === true) return namedType('xinteger', octets);
  const natural = datatype(name);
  const selector = word === undefined ? undefined : selectorOf(word);
  const byteorder = selector?.byteOrder ?? (GENERATED.test(word ?? '') ? 'host' : natural.byteOrder);
  if (natural.bits % 8 !== 0) return { datatype: name, byteorder, length: octets * 8 };
  return namedType(
    name,
    octets,
    natural.base === 'integer' && natural.bits === 0 && word !== undefined ? byteorder : natural.byteOrder,
  );
}

/** The selector that `typeof WORD` names, when it is one with an order of octets of its own. */
function selectorOf(word: string): Selector | undefined {
  const [first, second] = word.split(' ');
  if (first === 'ct') return Object.values(CT_SELECTORS).find((selector) => word.endsWith(selector.word));
  const key = first === 'meta' ? second : first;
  if (first !== 'meta' && findProtocol(first ?? '') !== undefined) return undefined;
  return Object.values(META_SELECTORS).find((selector) => selector.word === key);
}

/** The set's elements as nft lists them. `types`: those of the expression it is compared with, else the set's own. */
export function delinearizeSet(set: NftSet, elements: readonly SetElement[], types: readonly ValueType[]): SetExpr {
  const sorted = sortElements(set, elements, types);
  const items = sorted.map((element) => elementOf(set, element, types));
  return {
    kind: 'set',
    items,
    datatype: types.map((type) => type.datatype).join(' . '),
    byteorder: 'invalid',
    length: set.keyLength * 8,
  };
}

function elementOf(set: NftSet, element: SetElement, types: readonly ValueType[]): Expr {
  const key = keyOf(element, types);
  const expr: ElementExpr = {
    kind: 'element',
    key,
    statements: statefulStatements(element.expressions ?? []),
    datatype: key.datatype,
    byteorder: key.byteorder,
    length: key.length,
  };
  if (element.timeoutMs !== undefined) expr.timeoutMs = element.timeoutMs;
  if (element.expiresMs !== undefined) expr.expiresMs = element.expiresMs;
  if (element.comment !== undefined) expr.comment = element.comment;
  if (set.mapTo === undefined) return expr;
  const mapping: MappingExpr = {
    kind: 'mapping',
    key: expr,
    value: dataOf(set, element),
    ...typeOnly(expr as ValueType),
  };
  return mapping;
}

function keyOf(element: SetElement, types: readonly ValueType[]): Expr {
  if (element.catchAll === true) return { kind: 'catchall', datatype: 'invalid', byteorder: 'invalid', length: 0 };
  return fieldsOf(element.key, element.keyEnd, types);
}

/** Octets of one value or a concatenation to an expression; `high` when it is a range. */
export function fieldsOf(low: Uint8Array, high: Uint8Array | undefined, types: readonly ValueType[]): Expr {
  const parts: Expr[] = [];
  let offset = 0;
  for (const type of types) {
    const octets = types.length === 1 ? low.length : Math.ceil(type.length / 8);
    const from = low.subarray(offset, offset + octets);
    const part =
      high === undefined ? typedConstant(from, type) : typedRange(from, high.subarray(offset, offset + octets), type);
    parts.push(part);
    offset += Math.ceil(octets / 4) * 4;
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : concat(parts);
}

function dataOf(set: NftSet, element: SetElement): Expr {
  if (element.verdict !== undefined) return verdictExpression(element.verdict);
  if (element.object !== undefined) {
    return { kind: 'symbol', text: element.object, quoted: true, datatype: 'string', byteorder: 'big', length: 0 };
  }
  const types = dataTypes(set);
  const [only] = types;
  const data = element.data ?? new Uint8Array(0);
  const value = fieldsOf(data, element.dataEnd, types);
  // An interval of one address is a prefix all the same.
  const isAddress = types.length === 1 && only !== undefined && hasPrefixes(only) && element.dataEnd !== undefined;
  return isAddress && value.kind === 'value'
    ? { kind: 'prefix', base: value, prefixLength: only.length, ...typeOnly(only) }
    : value;
}

/** A verdict as an expression. */
export function verdictExpression(verdict: { code: string; chain?: string }): VerdictExpr {
  const expr: VerdictExpr = {
    kind: 'verdict',
    code: verdict.code as VerdictExpr['code'],
    datatype: 'verdict',
    byteorder: 'invalid',
    length: 0,
  };
  if (verdict.chain !== undefined) {
    expr.chain = {
      kind: 'symbol',
      text: verdict.chain,
      quoted: false,
      datatype: 'string',
      byteorder: 'big',
      length: 0,
    };
  }
  return expr;
}

/** nft's order: by the number that the key is; concatenations as one little-endian number; `*` last; concatenated ranges stay. */
function sortElements(set: NftSet, elements: readonly SetElement[], types: readonly ValueType[]): SetElement[] {
  const sorted = [...elements];
  const isConcat = types.length > 1;
  if (isConcat && set.interval) {
    return sorted.sort((a, b) => Number(a.catchAll ?? false) - Number(b.catchAll ?? false));
  }
  const keys = new Map(sorted.map((element) => [element, sortKey(element, types, set.interval)]));
  return sorted.sort((a, b) => {
    if (a.catchAll === true || b.catchAll === true) return Number(a.catchAll ?? false) - Number(b.catchAll ?? false);
    return compareOctets(keys.get(a) ?? a.key, keys.get(b) ?? b.key);
  });
}

/** Octets that compare, first to last, as the element sorts. */
function sortKey(element: SetElement, types: readonly ValueType[], isInterval: boolean): ArrayLike<number> {
  const [only] = types;
  if (types.length === 1 && only !== undefined) {
    if (isBitmask(only)) return lowestFlag(element.key, only);
    const isReversed = only.byteorder === 'host' || (isString(only) && !isInterval);
    return isReversed ? [...element.key].reverse() : element.key;
  }
  const octets: number[] = [];
  let offset = 0;
  for (const type of types) {
    const length = Math.ceil(type.length / 8);
    octets.push(...element.key.subarray(offset, offset + length));
    offset += Math.ceil(length / 4) * 4;
  }
  return Uint8Array.from(octets.reverse());
}

/** Flags sort by the first of them. */
function lowestFlag(key: Uint8Array, type: ValueType): number[] {
  const octets = type.byteorder === 'host' ? [...key].reverse() : [...key];
  for (let i = octets.length - 1; i >= 0; i--) {
    const octet = octets[i] as number;
    if (octet !== 0) return octets.map((_, index) => (index === i ? octet & -octet : 0));
  }
  return octets;
}

function compareOctets(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Values of an anonymous set's keys, changed by `change` (a field's shift taken back). */
export function mapKeys(set: SetExpr, change: (value: Expr) => Expr): SetExpr {
  return {
    ...set,
    items: set.items.map((item) => {
      if (item.kind === 'mapping')
        return {
          ...item,
          key: item.key.kind === 'element' ? { ...item.key, key: change(item.key.key) } : change(item.key),
        };
      return item.kind === 'element' ? { ...item, key: change(item.key) } : change(item);
    }),
  };
}
