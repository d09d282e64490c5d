// Statements (all that is neither load nor comparison) of bytecode back to the tree: verdicts, NAT, header and metadata
// writes, dynamic sets, logging, limits (nftables src/netlink_delinearize.c).
import type { Expression } from '../bytecode/expression.ts';
import type { Expr, PayloadExpr, Stmt } from './ast.ts';
import { fromBytes, toBytes } from './datatypes.ts';
import { CT_SELECTORS, META_SELECTORS } from './datatypes-selectors.ts';
import { trimPayload } from './delinearize-context.ts';
import { releaseDependency } from './delinearize-dependencies.ts';
import { completeExpression, loadedExthdr, loadedPayload } from './delinearize-expressions.ts';
import { completeLoaded, mapping, type RuleReader, registerExpr, registerKey, setNamed } from './delinearize-reader.ts';
import { dataTypes, keyTypes, verdictExpression } from './delinearize-sets.ts';
import { statefulStatement, statefulStatements } from './delinearize-stateful.ts';
import { constantOf, ones, rangePrefixLength, typeOnly, type ValueType, withType } from './delinearize-values.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>;

const PORT: ValueType = { datatype: 'inet_service', byteorder: 'big', length: 16 };
const IP4: ValueType = { datatype: 'ipv4_addr', byteorder: 'big', length: 32 };
const IP6: ValueType = { datatype: 'ipv6_addr', byteorder: 'big', length: 128 };
const DEVICE: ValueType = { datatype: 'iface_index', byteorder: 'host', length: 32 };

/** The statements that an expression is; none for what leaves no trace in the text. */
export function delinearizeStatement(reader: RuleReader, expression: Expression): Stmt[] {
  switch (expression.kind) {
    case 'verdict':
      return [{ kind: 'verdict', expr: verdictExpression(expression.verdict) }];
    case 'log': {
      const { kind: _kind, ...parts } = expression;
      return [{ kind: 'log', ...parts }];
    }
    case 'reject':
      return [reject(reader, expression)];
    case 'nat':
      return [nat(reader, expression)];
    case 'masquerade':
    case 'redirect':
      return [portNat(reader, expression)];
    case 'notrack':
      return [{ kind: 'notrack' }];
    case 'flow-offload':
      return [{ kind: 'flow', flowtable: expression.flowtable }];
    case 'payload-set':
      return [payloadSet(reader, expression)];
    case 'exthdr-set': {
      const target = loadedExthdr(expression);
      return [{ kind: 'exthdr-set', target, value: operand(reader, expression.sreg, target) }];
    }
    case 'exthdr-reset':
      return [
        {
          kind: 'exthdr-reset',
          target: loadedExthdr({ op: 'tcpopt', type: expression.type, offset: 0, length: 0, present: true }),
        },
      ];
    case 'meta-set': {
      const { datatype, byteOrder, bits } = META_SELECTORS[expression.key];
      const value = operand(reader, expression.sreg, { datatype, byteorder: byteOrder, length: bits });
      return [{ kind: 'meta-set', key: expression.key, value }];
    }
    case 'ct-set': {
      const { datatype, byteOrder, bits } = CT_SELECTORS[expression.key];
      const value = operand(reader, expression.sreg, { datatype, byteorder: byteOrder, length: bits });
      const statement: Stmt = { kind: 'ct-set', key: expression.key, value };
      return [expression.direction === undefined ? statement : { ...statement, direction: expression.direction }];
    }
    case 'dynset':
      return dynset(reader, expression);
    case 'objref':
      return [{ kind: 'objref', objectType: expression.objectType, expr: name(expression.name) }];
    case 'objref-map': {
      const set = setNamed(reader, expression.set);
      if (set === undefined) return [];
      const { key, mappings } = mapping(reader, set, expression.sreg);
      const expr: Expr = { kind: 'map', key, mappings, datatype: 'string', byteorder: 'big', length: 0 };
      return [{ kind: 'objref', objectType: expression.objectType, expr }];
    }
    case 'dup':
      return [dup(reader, expression)];
    case 'fwd':
      return [fwd(reader, expression)];
    case 'queue':
      return [queue(reader, expression)];
    default: {
      const statement = statefulStatement(expression);
      return statement === undefined ? [] : [statement];
    }
  }
}

function name(text: string): Expr {
  return { kind: 'symbol', text, quoted: true, datatype: 'string', byteorder: 'big', length: 0 };
}

/** What a register holds, with its fields named and its constants typed. */
export function operand(reader: RuleReader, register: number, type: ValueType): Expr {
  const completed = withType(completeLoaded(reader, registerExpr(reader, register)), type);
  const shown = completed.kind === 'unary' ? completed.operand : completed;
  return shown.kind === 'map' && type.byteorder === 'host' ? withHostData(shown, type) : shown;
}

/** Plain integers in an anonymous map are in the order of octets of what they are written to. */
function withHostData(map: Expr & { kind: 'map' }, type: ValueType): Expr {
  if (map.mappings.kind !== 'set' || map.datatype !== 'integer') return map;
  const items = map.mappings.items.map((item) => {
    if (item.kind !== 'mapping' || item.value.kind !== 'value') return item;
    const octets = toBytes(item.value.value, item.value.length / 8, 'big');
    return { ...item, value: constantOf(fromBytes(octets, 'host'), type) };
  });
  return { ...map, mappings: { ...map.mappings, items } };
}

function reject(reader: RuleReader, expression: Of<'reject'>): Stmt {
  const { context } = reader;
  const isIpFamily = context.family === 'ip' || context.family === 'ip6';
  if (isIpFamily && expression.type === 'tcp-reset') releaseDependency(context, 2);
  const isIp6 = context.family === 'ip6' || context.protocols[1] === 'ip6';
  const code = (datatype: string): Expr =>
    constantOf(BigInt(expression.code), { datatype, byteorder: 'big', length: 8 });
  if (expression.type === 'icmpx') return { kind: 'reject', type: 'icmpx', code: code('icmpx_code') };
  if (!isIpFamily) releaseDependency(context, 1);
  if (expression.type === 'tcp-reset') return { kind: 'reject', type: 'tcp-reset' };
  return isIp6
    ? { kind: 'reject', type: 'icmpv6', code: code('icmpv6_code') }
    : { kind: 'reject', type: 'icmp', code: code('icmp_code') };
}

const RANDOM = 4;
const PERSISTENT = 8;
const FULLY_RANDOM = 16;
const NETMAP = 64;

function natFlags(flags: number): { random: boolean; fullyRandom: boolean; persistent: boolean } {
  return {
    random: (flags & RANDOM) !== 0,
    fullyRandom: (flags & FULLY_RANDOM) !== 0,
    persistent: (flags & PERSISTENT) !== 0,
  };
}

function nat(reader: RuleReader, expression: Of<'nat'>): Stmt {
  const statement: Extract<Stmt, { kind: 'nat' }> = {
    kind: 'nat',
    type: expression.type,
    ...natFlags(expression.flags),
  };
  const type = expression.family === 'ip' ? IP4 : IP6;
  if (reader.table.family === 'inet' && expression.family !== 'inet') statement.family = expression.family;
  if ((expression.flags & NETMAP) !== 0) statement.prefix = true;
  const { addressMin, addressMax, portMin, portMax } = expression;
  if (addressMin !== undefined) {
    const low = operand(reader, addressMin, type);
    statement.address = low;
    if (low.kind === 'map') {
      const isInterval = addressMax !== undefined && addressMax !== addressMin;
      const isConcat = portMin !== undefined;
      if ((isInterval || isConcat) && expression.family !== 'inet') statement.family = expression.family;
      if (isInterval && !statement.prefix) statement.interval = true;
      return statement;
    }
    if (addressMax !== undefined && addressMax !== addressMin) {
      statement.address = addressRange(low, operand(reader, addressMax, type), type);
    }
  }
  if (portMin !== undefined) statement.port = ports(reader, portMin, portMax);
  return statement;
}

function addressRange(from: Expr, to: Expr, type: ValueType): Expr {
  if (from.kind === 'value' && to.kind === 'value') {
    const prefixLength = rangePrefixLength(from.value, to.value, type.length);
    if (prefixLength !== undefined) return { kind: 'prefix', base: from, prefixLength, ...type };
  }
  return { kind: 'range', from, to, ...type };
}

function ports(reader: RuleReader, min: number, max: number | undefined): Expr {
  const from = operand(reader, min, PORT);
  if (max === undefined || max === min) return from;
  return { kind: 'range', from, to: operand(reader, max, PORT), ...PORT };
}

function portNat(reader: RuleReader, expression: Of<'masquerade'> | Of<'redirect'>): Stmt {
  const statement: Extract<Stmt, { kind: 'nat' }> = {
    kind: 'nat',
    type: expression.kind,
    ...natFlags(expression.flags),
  };
  if (expression.portMin !== undefined) statement.port = ports(reader, expression.portMin, expression.portMax);
  return statement;
}

/** A header write: of a whole field, or of bits that a mask keeps apart from their neighbours. */
function payloadSet(reader: RuleReader, expression: Of<'payload-set'>): Stmt {
  const target = loadedPayload(expression);
  const completed = completeExpression(reader.context, target);
  const loaded = registerExpr(reader, expression.sreg);
  if (completed.kind === 'payload' && completed.protocol !== '') {
    return { kind: 'payload-set', target: completed, value: operand(reader, expression.sreg, completed) };
  }
  const bits = bitFieldWrite(reader, target, loaded);
  if (bits !== undefined) return bits;
  return { kind: 'payload-set', target, value: operand(reader, expression.sreg, target) };
}

/** `field = (field & ~mask) | value`, where nft leaves out `& ones` and `| 0`. */
function bitFieldWrite(reader: RuleReader, target: PayloadExpr, loaded: Expr): Stmt | undefined {
  if (loaded.kind !== 'binary') return undefined;
  const isOr = loaded.op === '|' || loaded.op === '^';
  const kept = isOr ? loaded.left : loaded;
  const mask = kept.kind === 'binary' && kept.op === '&' && kept.right.kind === 'value' ? kept.right.value : undefined;
  const payload = mask === undefined ? kept : kept.kind === 'binary' ? kept.left : kept;
  const isSame = payload.kind === 'payload' && payload.base === target.base && payload.offset === target.offset;
  if (!isSame || payload.length !== target.length) return undefined;
  const value = isOr && loaded.right.kind === 'value' ? loaded.right.value : 0n;
  if (isOr && loaded.right.kind !== 'value') return undefined;
  const keptMask = mask === undefined ? ones(target.length) : mask;
  const written = mask === undefined ? value : (keptMask ^ ones(target.length) ^ value) | value;
  const field = fieldOfMask(reader, target, mask === undefined ? value : written);
  if (field === undefined) return undefined;
  return { kind: 'payload-set', target: field.payload, value: constantOf(value >> BigInt(field.shift), field.payload) };
}

function fieldOfMask(
  reader: RuleReader,
  target: PayloadExpr,
  mask: bigint,
): { payload: PayloadExpr; shift: number } | undefined {
  const cut = trimPayload(reader.context, target, mask);
  if (cut === undefined) return undefined;
  const payload = completeExpression(reader.context, cut.payload);
  return payload.kind === 'payload' && payload.protocol !== '' ? { payload, shift: cut.shift } : undefined;
}

function dynset(reader: RuleReader, expression: Of<'dynset'>): Stmt[] {
  const set = setNamed(reader, expression.set);
  if (set === undefined) return [];
  const loaded = registerKey(reader, expression.sregKey, set.keyLength, set.keyTypes.length);
  const completed = completeLoaded(reader, loaded);
  const key = withKeyTypes(completed, keyTypes(set));
  const element: Expr = { kind: 'element', key, statements: [], ...typeOnly(key) };
  if (expression.timeoutMs !== undefined && expression.timeoutMs > 0) element.timeoutMs = expression.timeoutMs;
  const reference: Expr = { kind: 'setref', name: set.name, ...typeOnly(key) };
  const statement: Extract<Stmt, { kind: 'set' }> = {
    kind: 'set',
    op: expression.op,
    set: reference,
    key: element,
    statements: statefulStatements(expression.expressions),
  };
  if (expression.sregData !== undefined) {
    const types = dataTypes(set);
    const data = registerKey(reader, expression.sregData, set.dataLength, types.length);
    statement.data = withKeyTypes(completeLoaded(reader, data), types);
  }
  return [statement];
}

function withKeyTypes(expr: Expr, types: readonly ValueType[]): Expr {
  const typed = (part: Expr, type: ValueType | undefined): Expr => {
    const bare = part.kind === 'unary' ? part.operand : part;
    return type === undefined ? bare : withType(bare, type);
  };
  if (expr.kind !== 'concat') return typed(expr, types[0]);
  return { ...expr, parts: expr.parts.map((part, index) => typed(part, types[index])) };
}

function dup(reader: RuleReader, expression: Of<'dup'>): Stmt {
  const { addressRegister, deviceRegister } = expression;
  const device = deviceRegister === undefined ? undefined : operand(reader, deviceRegister, DEVICE);
  if (addressRegister === undefined) return { kind: 'dup', to: device ?? name('') };
  const to = operand(reader, addressRegister, reader.table.family === 'ip6' ? IP6 : IP4);
  return device === undefined ? { kind: 'dup', to } : { kind: 'dup', to, device };
}

function fwd(reader: RuleReader, expression: Of<'fwd'>): Stmt {
  const device = operand(reader, expression.deviceRegister, DEVICE);
  if (expression.addressRegister === undefined) return { kind: 'fwd', device };
  const address = operand(reader, expression.addressRegister, expression.family === 'ip6' ? IP6 : IP4);
  const statement: Stmt = { kind: 'fwd', device, address };
  return expression.family === undefined ? statement : { ...statement, family: expression.family };
}

const QUEUE_NUMBER: ValueType = { datatype: 'integer', byteorder: 'host', length: 16 };

function queue(reader: RuleReader, expression: Of<'queue'>): Stmt {
  const { flags, from, total, register } = expression;
  const fate = { kind: 'queue', bypass: (flags & 1) !== 0, fanout: (flags & 2) !== 0 } as const;
  if (register !== undefined) return { ...fate, from: operand(reader, register, QUEUE_NUMBER) };
  const first = constantOf(BigInt(from), QUEUE_NUMBER);
  if (total <= 1) return { ...fate, from: first };
  const last = constantOf(BigInt(from + total - 1), QUEUE_NUMBER);
  return { ...fate, from: { kind: 'range', from: first, to: last, ...QUEUE_NUMBER } };
}
