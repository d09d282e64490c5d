// Expressions to the JSON that `nft -j list` prints for them (nftables src/json.c, libnftables-json(5)).
import type { BinaryExpr, Expr, ExthdrExpr, RelationalExpr, ValueExpr } from './ast.ts';
import { datatype, flagNames, valueString } from './datatypes.ts';
import { CT_SELECTORS, META_SELECTORS, RT_SELECTORS } from './datatypes-selectors.ts';
import { isBitmask, isString } from './delinearize-values.ts';
import { jsonStateful } from './json-stateful.ts';
import { flagMatch, printExpression } from './print-expression.ts';
import type { PrintOptions } from './print-text.ts';
import { symbolName } from './symbols.ts';

/** What JSON holds. Numbers beyond 2^53 are bigints; jsonText writes them as numbers. */
export type Json = string | number | bigint | boolean | null | Json[] | { [key: string]: Json };

/** The JSON of an expression. */
export function jsonExpression(expr: Expr, options: PrintOptions): Json {
  const json = (inner: Expr): Json => jsonExpression(inner, options);
  switch (expr.kind) {
    case 'symbol':
      return expr.text;
    case 'variable':
      return json(expr.value);
    case 'value':
      return jsonValue(expr, options);
    case 'verdict':
      return expr.chain === undefined ? { [expr.code]: null } : { [expr.code]: { target: json(expr.chain) } };
    case 'prefix':
      return { prefix: { addr: json(expr.base), len: expr.prefixLength } };
    case 'range': {
      const plain = { ...options, numericProtocol: true };
      return { range: [jsonExpression(expr.from, plain), jsonExpression(expr.to, plain)] };
    }
    case 'payload': {
      if (expr.protocol === '')
        return { payload: { base: BASE_WORDS[expr.base], offset: expr.offset, len: expr.length } };
      const field = { protocol: expr.protocol, field: expr.field };
      return { payload: expr.inner === undefined ? field : { tunnel: expr.inner, ...field } };
    }
    case 'exthdr':
      return jsonExthdr(expr);
    case 'meta':
      return { meta: { key: META_SELECTORS[expr.key].word } };
    case 'ct': {
      const key = CT_SELECTORS[expr.key].word;
      return { ct: expr.direction === undefined ? { key } : { key, dir: expr.direction } };
    }
    case 'rt':
      return jsonRt(expr.key);
    case 'socket':
      return { socket: { key: expr.key } };
    case 'osf':
      return { osf: { key: expr.version ? 'version' : 'name', ...(expr.ttl === 'strict' ? {} : { ttl: expr.ttl }) } };
    case 'fib': {
      const order = ['saddr', 'daddr', 'mark', 'iif', 'oif'] as const;
      const result = expr.present && options.dialect !== '1.0.6' ? 'check' : expr.result;
      const flags = order.filter((flag) => expr.flags.includes(flag));
      const [only] = flags;
      const isAlone = flags.length === 1 && only !== undefined && options.dialect !== '1.0.6';
      return { fib: { result, flags: isAlone ? only : flags } };
    }
    case 'xfrm':
      return jsonIpsec(expr);
    case 'numgen':
      return {
        numgen: { mode: expr.mode === 'incremental' ? 'inc' : 'random', mod: expr.modulus, offset: expr.offset },
      };
    case 'hash': {
      const root: { [key: string]: Json } = { mod: expr.modulus };
      if (expr.seed !== undefined) root.seed = expr.seed;
      if (expr.offset !== 0) root.offset = expr.offset;
      if (expr.input !== undefined) root.expr = json(expr.input);
      return { [expr.input === undefined ? 'symhash' : 'jhash']: root };
    }
    case 'concat':
      return { concat: expr.parts.map(json) };
    case 'list':
      return expr.items.map(json);
    case 'set':
      return { set: expr.items.map(json) };
    case 'setref':
      return `@${expr.name}`;
    case 'element': {
      const key = json(expr.key);
      const root: { [key: string]: Json } = { val: key };
      if (expr.timeoutMs !== undefined) root.timeout = Math.floor(expr.timeoutMs / 1000);
      if (expr.expiresMs !== undefined) root.expires = Math.floor(expr.expiresMs / 1000);
      if (expr.comment !== undefined) root.comment = expr.comment;
      const [first] = expr.statements;
      if (first !== undefined) Object.assign(root, jsonStateful(first, options));
      return Object.keys(root).length === 1 ? key : { elem: root };
    }
    case 'catchall':
      return '*';
    case 'mapping':
      return [json(expr.key), json(expr.value)];
    case 'map':
      return { [expr.datatype === 'verdict' ? 'vmap' : 'map']: { key: json(expr.key), data: json(expr.mappings) } };
    case 'unary':
      return json(expr.operand);
    case 'binary':
      return { [expr.op]: binaryOperands(expr, options) };
    case 'relational':
      return jsonRelational(expr, options);
  }
}

/** nft 1.1 puts the operands of a chain of one operator into one list. */
function binaryOperands(expr: BinaryExpr, options: PrintOptions): Json[] {
  const isAfterShift = expr.left.kind === 'binary' && /<<|>>/.test(expr.left.op) && expr.right.kind === 'value';
  const right =
    isAfterShift && expr.right.kind === 'value' ? number(expr.right.value) : jsonExpression(expr.right, options);
  const isChain = expr.left.kind === 'binary' && expr.left.op === expr.op && !/<<|>>/.test(expr.op);
  if (isChain && expr.left.kind === 'binary' && options.dialect !== '1.0.6')
    return [...binaryOperands(expr.left, options), right];
  return [jsonExpression(expr.left, options), right];
}

const BASE_WORDS = { link: 'll', network: 'nh', transport: 'th', inner: 'ih' } as const;

function jsonIpsec({ key, direction, spnum }: Extract<Expr, { kind: 'xfrm' }>): Json {
  const root: { [key: string]: Json } = { key: key.replace('6', ''), dir: direction, spnum };
  if (key !== 'spi' && key !== 'reqid') root.family = key.endsWith('6') ? 'ip6' : 'ip';
  return { ipsec: root };
}

function jsonRt(key: Extract<Expr, { kind: 'rt' }>['key']): Json {
  const word = key === 'nexthop' ? 'nexthop' : RT_SELECTORS[key].word.replace(/^ip6? /, '');
  const family = key === 'nexthop4' ? 'ip' : key === 'nexthop6' ? 'ip6' : undefined;
  return { rt: family === undefined ? { key: word } : { key: word, family } };
}

function jsonExthdr(expr: ExthdrExpr): Json {
  const root = expr.present ? { name: expr.header } : { name: expr.header, field: expr.field };
  switch (expr.op) {
    case 'tcpopt':
      if (expr.header !== '' && (expr.present || expr.field !== '')) return { 'tcp option': root };
      return { 'tcp option': { base: expr.type, offset: expr.offset, len: expr.present ? 8 : expr.length } };
    case 'ipv4':
      return { 'ip option': root };
    case 'sctp':
      return { 'sctp chunk': root };
    case 'dccp':
      return { 'dccp option': { type: expr.type } };
    case 'ipv6':
      return { exthdr: root };
  }
}

/** A value: a name, a number, or the text that a listing has for it. */
export function jsonValue(expr: ValueExpr, options: PrintOptions): Json {
  const type = datatype(expr.datatype);
  if (isString(expr)) return valueString(expr.value, Math.ceil(expr.length / 8));
  switch (type.name) {
    case 'boolean':
      return expr.value !== 0n;
    case 'duration':
      return number(expr.value / 1000n);
    case 'mark':
    case 'inet_service':
      return number(expr.value);
    case 'inet_proto':
      if (options.numericProtocol === true) return number(expr.value);
      break;
    case 'icmp_code':
    case 'icmpv6_code':
      if (options.dialect !== '1.0.6' && options.codeNames !== true) return number(expr.value);
      break;
    case 'iface_index':
      return options.interfaceName(Number(expr.value)) ?? expr.value.toString();
  }
  if (isBitmask(expr)) return jsonFlags(expr, operationOf(options));
  if (type.names !== undefined && expr.value <= 0xffffffffn) {
    return symbolName(type.names, Number(expr.value)) ?? number(expr.value);
  }
  if (type.format !== undefined) return printExpression(expr, options).replace(/^"(.*)"$/, '$1');
  return number(expr.value);
}

/** Numbers that fit 64 bits, else hexadecimal text. */
function number(value: bigint): Json {
  if (value <= 0x1fffffffffffffn) return Number(value);
  return value <= 0xffffffffffffffffn ? value : `0x${value.toString(16)}`;
}

/** nft 1.0.6 nests operations of more than two operands. */
function operationOf(options: PrintOptions): '|' | 'nested' {
  return options.dialect === '1.0.6' ? 'nested' : '|';
}

/** Flags: one name, or several as an operation or a list. */
function jsonFlags(expr: ValueExpr, shape: '|' | 'nested' | 'list'): Json {
  const type = datatype(expr.datatype);
  if (type.name === 'ct_label') return number(BigInt(Math.max(0, expr.value.toString(2).length - 1)));
  const words: Json[] = [];
  for (let bit = 1n; bit <= expr.value; bit <<= 1n) {
    if ((expr.value & bit) !== 0n) words.push(flagNames(type, bit)?.[0] ?? number(bit));
  }
  const [only] = words;
  if (words.length <= 1) return only ?? 0;
  if (shape === 'nested') return words.slice(1).reduce<Json>((left, right) => ({ '|': [left, right] }), only ?? 0);
  return shape === 'list' ? words : { '|': words };
}

const OPERATORS = { eq: '==', neq: '!=', lt: '<', lte: '<=', gt: '>', gte: '>=', implicit: 'in', not: '!' } as const;

function jsonRelational(expr: RelationalExpr, options: PrintOptions): Json {
  const match = flagMatch(expr);
  if (match === undefined) {
    const left = jsonExpression(expr.left, options);
    return { match: { op: OPERATORS[expr.op], left, right: jsonExpression(expr.right, options) } };
  }
  const shown = jsonExpression(match.shown, options);
  const mask = jsonFlags(match.mask, 'list');
  if (match.op === 'any' || match.op === 'none')
    return { match: { op: match.op === 'any' ? 'in' : '!', left: shown, right: mask } };
  const op = match.op === 'eq' ? '==' : '!=';
  const isList = options.dialect === '1.0.6';
  const left = { '&': [shown, isList ? mask : jsonFlags(match.mask, '|')] };
  return { match: { op, left, right: jsonFlags(match.value, isList ? 'list' : '|') } };
}

/** JSON on one line as nft (jansson) writes it: `, ` and `: ` between, insertion order, UTF-8 as it is. */
export function jsonText(json: Json): string {
  if (Array.isArray(json)) return `[${json.map(jsonText).join(', ')}]`;
  if (typeof json === 'bigint') return json.toString();
  if (typeof json !== 'object' || json === null) return JSON.stringify(json);
  return `{${Object.entries(json)
    .map(([key, value]) => `${JSON.stringify(key)}: ${jsonText(value)}`)
    .join(', ')}}`;
}
