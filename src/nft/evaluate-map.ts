// Maps: `tcp dport map { 22 : 1.1.1.1 }`, `… vmap @m`, and their elements `key : value`.
import type { Expr, MapExpr, MappingExpr } from './ast.ts';
import { convertByteorder, transferBinary } from './evaluate-binary.ts';
import { type Context, type DraftSet, expect, expectType, fail } from './evaluate-context.ts';
import { widenData } from './evaluate-map-data.ts';
import {
  cloneExpr,
  compatibleDatatype,
  describeType,
  isConstant,
  isSingleton,
  kindName,
  sameDatatype,
  untyped,
  value,
} from './expressions.ts';

/** A lookup: the key as matched, the data as the place expects. */
export function evaluateMap(context: Context, map: MapExpr): Expr {
  const wanted = context.expected;
  refuseCtAddress(context, map.key);
  expectType(context, undefined, 0);
  map.key = context.evaluate(context, map.key);
  if (isConstant(map.key)) throw fail(context, map.key, 'Map expression can not be constant');
  context.statementLength = 0;
  let set: DraftSet;
  const mappings = map.mappings.kind === 'variable' ? cloneExpr(map.mappings.value) : map.mappings;
  if (mappings.kind === 'set') {
    const keyExpected = context.expected;
    const key =
      keyExpected.key?.kind === 'concat'
        ? cloneExpr(keyExpected.key)
        : value(0n, keyExpected.datatype ?? 'invalid', keyExpected.byteorder, keyExpected.length, map.span);
    if (wanted.datatype === undefined) throw fail(context, map, 'Implicit map expression without known datatype');
    const isVerdict = wanted.datatype === 'verdict';
    const data: Expr = isVerdict
      ? { ...untyped(map.span), kind: 'verdict', code: 'accept', datatype: 'verdict' }
      : value(0n, wanted.datatype, wanted.byteorder, wanted.length, map.span);
    const declared = context.declareSet(context, {
      template: '__map',
      key,
      data,
      elements: mappings,
      isMap: true,
      interval: false,
    });
    map.mappings = declared.ref;
    set = declared.set;
    expectType(context, set.key.datatype, set.key.length);
    transferBinary(context, map, set.interval ? undefined : set.elements);
    if (set.key.kind !== 'concat') set.key.length = context.expected.length;
  } else {
    map.mappings = context.evaluate(context, mappings);
    const found = map.mappings.kind === 'setref' ? context.ruleset.findSet(map.mappings.name) : undefined;
    if (found === undefined) throw fail(context, map.mappings, `invalid mapping expression ${kindName(map.mappings)}`);
    if (found.mapTo === undefined) throw fail(context, map.mappings, 'Expression is not a map');
    set = found;
  }
  if (!compatibleDatatype(set.key.datatype, map.key.datatype)) {
    throw fail(
      context,
      map.mappings,
      `datatype mismatch, map expects ${describeType(set.key.datatype)}, mapping expression has type ${describeType(map.key.datatype)}`,
    );
  }
  map.datatype = set.data?.datatype ?? 'string';
  if (set.interval) map.key = convertByteorder(context, map.key, 'big');
  return map;
}

function refuseCtAddress(context: Context, key: Expr): void {
  for (const part of key.kind === 'concat' ? key.parts : [key]) {
    if (part.kind === 'ct' && (part.key === 'src' || part.key === 'dst')) {
      throw fail(context, part, 'specify either ip or ip6 for address matching');
    }
  }
}

/** An element of a map in the set in hand. */
export function evaluateMapping(context: Context, mapping: MappingExpr): Expr {
  const { set } = context;
  if (set === undefined) throw fail(context, mapping, 'mapping outside of map context');
  if (set.mapTo === undefined) throw fail(context, mapping, 'set is not a map');
  expectType(context, set.key.datatype, set.key.length);
  mapping.key = context.evaluate(context, mapping.key);
  if (!isConstant(mapping.key)) throw fail(context, mapping.key, 'Key must be a constant');
  const { data } = set;
  if (data === undefined) throw fail(context, mapping, 'map has no mapping data');
  expect(context, data.datatype, data.byteorder, data.length);
  mapping.value = context.evaluate(context, mapping.value);
  const { value: result } = mapping;
  if (!isConstant(result)) throw fail(context, result, 'Value must be a constant');
  if (set.anonymous && hasInterval(result)) set.dataInterval = true;
  if (!set.anonymous && set.dataInterval) widenData(mapping);
  if (!set.dataInterval && !isSingleton(result)) throw fail(context, result, 'Value must be a singleton');
  if (set.mapTo === 'verdict' || set.mapTo === 'value') {
    const type = result.kind === 'range' ? result.from.datatype : result.datatype;
    if (!sameDatatype(data.datatype, type) && !compatibleDatatype(data.datatype, type)) {
      throw fail(
        context,
        result,
        `Element mapping mismatches map definition, expected ${describeType(data.datatype)}, not '${describeType(type)}'`,
      );
    }
  } else if (result.kind !== 'value') {
    throw fail(context, result, `Object mapping data should be a value, not ${kindName(result)}`);
  }
  return mapping;
}

function hasInterval(data: Expr): boolean {
  if (data.kind === 'concat') return data.parts.some(hasInterval);
  return data.kind === 'range' || data.kind === 'prefix';
}
