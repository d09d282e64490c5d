// Statements: what each takes and refuses (nftables' src/evaluate.c, `stmt_evaluate`).
import type { ObjectType } from '../bytecode/expression.ts';
import type { ElementExpr, Expr, MapExpr, Stmt } from './ast.ts';
import { valueString } from './datatypes.ts';
import { checkArgument, evaluateArgument, refuseRange } from './evaluate-argument.ts';
import { convertByteorder } from './evaluate-binary.ts';
import { type Context, expectType, fail, noExpectation } from './evaluate-context.ts';
import { evaluateExthdr } from './evaluate-expression.ts';
import { evaluateDup, evaluateFwd, evaluateNat, evaluateTproxy } from './evaluate-nat.ts';
import { evaluatePayloadSet } from './evaluate-payload-set.ts';
import { evaluateReject } from './evaluate-reject.ts';
import {
  CT_KEYS,
  cloneExpr,
  compatibleDatatype,
  describeType,
  isConstant,
  META_KEYS,
  untyped,
  value,
} from './expressions.ts';
import { nearest } from './suggest.ts';

const MAX_LOG_PREFIX = 127;
const MAX_NAME_BITS = 256 * 8;
const STATEFUL = new Set(['counter', 'limit', 'quota', 'connlimit', 'last']);

/** Evaluates a statement in place; dependencies of what it matches are added before it. Throws NftError. */
export function evaluateStatement(context: Context, statement: Stmt): void {
  context.statementLength = 0;
  switch (statement.kind) {
    case 'match':
      context.expected = noExpectation();
      statement.expr = context.evaluate(context, statement.expr);
      return;
    case 'verdict':
      evaluateVerdict(context, statement);
      return;
    case 'payload-set':
      evaluatePayloadSet(context, statement);
      return;
    case 'exthdr-set': {
      evaluateExthdr(context, statement.target);
      const { datatype, length } = statement.target;
      statement.value = evaluateArgument(context, datatype, length, 'big', statement.value);
      refuseRange(context, statement, statement.value);
      return;
    }
    case 'exthdr-reset':
      context.evaluate(context, statement.target);
      return;
    case 'meta-set': {
      const [datatype, length, byteorder] = META_KEYS[statement.key];
      evaluateAssignment(context, statement, datatype, length, byteorder);
      return;
    }
    case 'ct-set': {
      const [datatype, length, byteorder] = CT_KEYS[statement.key];
      evaluateAssignment(context, statement, datatype, length, byteorder);
      if (statement.key === 'secmark' && isConstant(statement.value)) {
        throw fail(context, statement, 'ct secmark must not be set to constant value');
      }
      return;
    }
    case 'log':
      evaluateLog(context, statement);
      return;
    case 'reject':
      evaluateReject(context, statement);
      return;
    case 'nat':
      evaluateNat(context, statement);
      return;
    case 'tproxy':
      evaluateTproxy(context, statement);
      return;
    case 'dup':
      evaluateDup(context, statement);
      return;
    case 'fwd':
      evaluateFwd(context, statement);
      return;
    case 'queue':
      evaluateQueue(context, statement);
      return;
    case 'set':
      evaluateSetStatement(context, statement);
      return;
    case 'meter':
      evaluateMeter(context, statement);
      return;
    case 'objref':
      evaluateObjectReference(context, statement);
      return;
    case 'flow':
      refuseUnknownFlowtable(context, statement);
      return;
    case 'chain':
    case 'counter':
    case 'limit':
    case 'quota':
    case 'last':
    case 'connlimit':
    case 'notrack':
    case 'synproxy':
      return;
  }
}

/** After such a statement the rule ends. */
export function isTerminal(statement: Stmt): boolean {
  switch (statement.kind) {
    case 'verdict':
      return statement.expr.kind === 'verdict' && statement.expr.code !== 'continue';
    case 'reject':
    case 'nat':
    case 'queue':
    case 'fwd':
      return true;
    default:
      return false;
  }
}

function evaluateVerdict(context: Context, statement: Extract<Stmt, { kind: 'verdict' }>): void {
  statement.expr = evaluateArgument(context, 'verdict', 0, 'invalid', statement.expr);
}

function evaluateAssignment(
  context: Context,
  statement: Extract<Stmt, { kind: 'meta-set' | 'ct-set' }>,
  datatype: string,
  length: number,
  byteorder: 'big' | 'host' | 'invalid',
): void {
  context.statementLength = length;
  statement.value = evaluateArgument(context, datatype, length, byteorder, statement.value);
  refuseRange(context, statement, statement.value);
}

function evaluateLog(context: Context, log: Extract<Stmt, { kind: 'log' }>): void {
  if (log.group !== undefined || log.snaplen !== undefined || log.queueThreshold !== undefined) {
    if (log.level !== undefined) throw fail(context, log, 'level and group are mutually exclusive');
    if (log.flags !== 0) throw fail(context, log, 'flags and group are mutually exclusive');
  }
  const hasMore = log.prefix !== undefined || log.group !== undefined || log.snaplen !== undefined || log.flags !== 0;
  if (log.level === 8 && hasMore) throw fail(context, log, "log level audit doesn't support any further options");
  if (log.prefix === undefined) return;
  const length = Buffer.byteLength(log.prefix);
  if (length > MAX_LOG_PREFIX) throw fail(context, log, 'log prefix is too long', `at most ${MAX_LOG_PREFIX} octets`);
  if (length === 0) throw fail(context, log, 'log prefix must have a minimum length of 1 character');
}

function evaluateQueue(context: Context, queue: Extract<Stmt, { kind: 'queue' }>): void {
  if (queue.from === undefined) return;
  queue.from = evaluateArgument(context, 'integer', 16, 'host', queue.from);
  if (queue.fanout && queue.from.kind !== 'range')
    throw fail(context, queue.from, 'fanout requires a range to be specified');
  if (context.expected.maximum > 0xffff) throw fail(context, queue.from, 'queue expression max value exceeds 65535');
}

function keyElement(context: Context, expr: Expr, what: string): ElementExpr {
  if (expr.kind !== 'element') throw fail(context, expr, `${what} is not an element`);
  return expr;
}

/** `add @set { key … [: data] }`: the set then takes elements from packets. */
function evaluateSetStatement(context: Context, statement: Extract<Stmt, { kind: 'set' }>): void {
  expectType(context, undefined, 0);
  statement.set = context.evaluate(context, statement.set);
  if (statement.set.kind !== 'setref') throw fail(context, statement.set, 'Expression does not refer to a set');
  const set = context.ruleset.findSet(statement.set.name);
  if (set === undefined) return;
  if (statement.data !== undefined && set.mapTo === undefined)
    throw fail(context, statement.set, `${set.name} is not a map`);
  const element = keyElement(context, statement.key, 'Key');
  element.key = context.evaluate(context, element.key);
  element.key = checkArgument(context, set.key.datatype, set.key.length, set.key.byteorder, element.key);
  if (element.comment !== undefined) throw fail(context, element, 'Key expression comments are not supported');
  if (statement.data !== undefined && set.data !== undefined) {
    const data = keyElement(context, statement.data, 'Data');
    data.key = evaluateArgument(context, set.data.datatype, set.data.length, set.data.byteorder, data.key);
    if (data.comment !== undefined) throw fail(context, data, 'Data expression comments are not supported');
    if ((data.timeoutMs ?? 0) > 0) throw fail(context, data, 'Data expression timeouts are not supported');
  }
  for (const inner of statement.statements) evaluateStateful(context, inner, set.mapTo === undefined ? 'set' : 'map');
  if (element.timeoutMs !== undefined && !set.timeout) {
    throw fail(
      context,
      element,
      'Could not process rule: Operation not supported',
      `set '${set.name}' has no 'flags timeout'`,
    );
  }
  if (statement.data === undefined) set.dynamic = true;
}

function evaluateStateful(context: Context, statement: Stmt, where: string): void {
  evaluateStatement(context, statement);
  if (!STATEFUL.has(statement.kind)) throw fail(context, statement, `${where} statement must be stateful`);
}

/** `meter m { key limit … }`: a dynamic set of that name, made when there is none. */
function evaluateMeter(context: Context, meter: Extract<Stmt, { kind: 'meter' }>): void {
  const existing = context.ruleset.findSet(meter.name);
  if (existing !== undefined && (!existing.dynamic || existing.anonymous || existing.mapTo !== undefined)) {
    throw fail(
      context,
      meter,
      `File exists; meter '${meter.name}' overlaps an existing ${existing.mapTo === undefined ? 'set' : 'map'} '${meter.name}'`,
    );
  }
  expectType(context, undefined, 0);
  const element = keyElement(context, meter.key, 'Meter key');
  element.key = context.evaluate(context, element.key);
  if (isConstant(element.key)) throw fail(context, element, 'Meter key expression can not be constant');
  if (element.comment !== undefined) throw fail(context, element, 'Meter key expression can not contain comments');
  if (existing === undefined) {
    const elements: Expr = { ...untyped(meter.span), kind: 'set', items: [] };
    const { set } = context.declareSet(context, {
      template: meter.name,
      key: cloneExpr(element.key),
      elements,
      isMap: false,
      interval: false,
      dynamic: true,
    });
    set.anonymous = false;
    set.constant = false;
    set.timeout = element.timeoutMs !== undefined;
    if (meter.size !== undefined) set.size = meter.size;
  } else {
    if (existing.timeout && element.timeoutMs === undefined)
      throw fail(context, element, `existing set '${meter.name}' has timeout flag`);
    if (!existing.timeout && element.timeoutMs !== undefined)
      throw fail(context, element, `existing set '${meter.name}' lacks timeout flag`);
    if (meter.size !== undefined && existing.size !== meter.size) {
      throw fail(
        context,
        element,
        `existing set '${meter.name}' has size ${existing.size ?? 0}, meter has ${meter.size}`,
      );
    }
  }
  evaluateStateful(context, meter.statement, 'meter');
}

function evaluateObjectReference(context: Context, statement: Extract<Stmt, { kind: 'objref' }>): void {
  if (statement.expr.kind === 'map') {
    evaluateObjectMap(context, statement.expr, statement.objectType);
    return;
  }
  statement.expr = evaluateArgument(context, 'string', MAX_NAME_BITS, 'host', statement.expr);
  const { expr } = statement;
  if (expr.kind !== 'value') throw fail(context, expr, 'Counter expression must be constant');
  refuseUnknownObject(context, statement.objectType, objectName(expr.value), expr);
}

/** The name in a value as wide as object names may be. */
export function objectName(value: bigint): string {
  return valueString(value, MAX_NAME_BITS / 8);
}

function refuseUnknownObject(context: Context, type: ObjectType, name: string, at: Expr): void {
  if (context.ruleset.findObject(type, name)) return;
  const meant = nearest(name, context.ruleset.objectNames(type));
  throw context.sources.missing(
    'object',
    name,
    `${type} '${name}' in this table`,
    at.span ?? context.statement?.span,
    meant === undefined ? undefined : `${type} '${meant}'`,
  );
}

/** `counter name ip saddr map { … : "name" }` */
function evaluateObjectMap(context: Context, map: MapExpr, objectType: ObjectType): void {
  expectType(context, undefined, 0);
  map.key = context.evaluate(context, map.key);
  if (isConstant(map.key)) throw fail(context, map.key, 'Map expression can not be constant');
  const mappings = map.mappings.kind === 'variable' ? cloneExpr(map.mappings.value) : map.mappings;
  if (mappings.kind === 'set') {
    const { datatype, byteorder, length } = context.expected;
    const key = value(0n, datatype ?? 'invalid', byteorder, length, map.span);
    const data = value(0n, 'string', 'host', MAX_NAME_BITS, map.span);
    map.mappings = context.declareSet(context, {
      template: '__objmap',
      key,
      data,
      elements: mappings,
      isMap: true,
      objectType,
      interval: false,
    }).ref;
  } else map.mappings = context.evaluate(context, mappings);
  const set = map.mappings.kind === 'setref' ? context.ruleset.findSet(map.mappings.name) : undefined;
  if (set?.mapTo === undefined) throw fail(context, map.mappings, 'Expression is not a map');
  if (set.mapTo === 'verdict' || set.mapTo === 'value')
    throw fail(context, map.mappings, 'Expression is not a map with objects');
  for (const item of set.anonymous ? set.elements : []) {
    if (item.kind === 'mapping' && item.value.kind === 'value')
      refuseUnknownObject(context, objectType, objectName(item.value.value), item.value);
  }
  if (!compatibleDatatype(set.key.datatype, map.key.datatype)) {
    throw fail(
      context,
      map.mappings,
      `datatype mismatch, map expects ${describeType(set.key.datatype)}, mapping expression has type ${describeType(map.key.datatype)}`,
    );
  }
  map.datatype = 'string';
  if (set.interval) map.key = convertByteorder(context, map.key, 'big');
}

function refuseUnknownFlowtable(context: Context, statement: Extract<Stmt, { kind: 'flow' }>): void {
  if (context.ruleset.findFlowtable(statement.flowtable)) return;
  const meant = nearest(statement.flowtable, context.ruleset.flowtableNames());
  throw context.sources.missing(
    'flowtable',
    statement.flowtable,
    `flowtable '${statement.flowtable}' in this table`,
    statement.span,
    meant === undefined ? undefined : `flowtable '${meant}'`,
  );
}
