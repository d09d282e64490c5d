// Sets, maps and flowtables from JSON (libnftables-json(5), "RULESET ELEMENTS"; nftables src/parser_json.c, json_parse_cmd_add_set).
import type { ObjectType } from '../bytecode/expression.ts';
import type { Expr } from './ast.ts';
import type { FlowtableBlock, Name, SetBlock, TypeSpec } from './ast-commands.ts';
import { DATATYPES, findDatatype } from './datatypes.ts';
import { symbol, untyped, value } from './expressions.ts';
import type { JsonInput } from './json-input.ts';
import type { JsonNode, JsonObjectNode } from './json-reader.ts';
import { PLACE, readExpression, readSetExpression } from './parse-json-expression.ts';
import { readStatefulList } from './parse-json-statement.ts';
import { printExpression } from './print-expression.ts';

const SET_FLAGS = ['constant', 'interval', 'timeout', 'dynamic'] as const;
const U32 = 0xffffffff;
const SAFE_SECONDS = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
export const OBJECT_TYPES: readonly ObjectType[] = [
  'counter',
  'quota',
  'limit',
  'ct helper',
  'ct timeout',
  'ct expectation',
  'secmark',
  'synproxy',
];

/** The set or map that the node declares, with its elements. Throws NftError. */
export function readSetBlock(input: JsonInput, object: JsonObjectNode, name: Name): SetBlock {
  const map = object.members.get('map');
  const what = map === undefined ? 'a set' : 'a map';
  const set: SetBlock = {
    name,
    isMap: map !== undefined,
    key: readType(input, input.member(object, 'type', what)),
    flags: input.flags(object, 'flags', what, SET_FLAGS),
    autoMerge: input.optionalBoolean(object, 'auto-merge'),
    statements: readStatefulList(input, object.members.get('stmt')),
    span: object.span,
  };
  const objectType = map?.kind === 'string' ? OBJECT_TYPES.find((type) => type === map.value) : undefined;
  if (objectType !== undefined) set.objectType = objectType;
  else if (map !== undefined) set.data = readDataType(input, map, set.key?.typeofText !== undefined);
  const elements = object.members.get('elem');
  if (elements !== undefined) {
    set.elements = readSetExpression(input, elements, PLACE.none);
    dropForeignStatements(set.elements, set.statements.length);
  }
  // JSON has no word for `: interval …`: it shows in the data.
  if (set.data !== undefined && hasIntervalData(set.elements)) set.data.interval = true;
  const timeout = input.optionalInteger(object, 'timeout', what, SAFE_SECONDS);
  const gcInterval = input.optionalInteger(object, 'gc-interval', what, U32);
  const size = input.optionalInteger(object, 'size', what, U32);
  const policy = input.optionalWord(object, 'policy', what, ['performance', 'memory']);
  const comment = input.comment(object);
  if (timeout !== undefined) set.timeoutMs = timeout * 1000;
  if (gcInterval !== undefined) set.gcIntervalMs = gcInterval * 1000;
  if (size !== undefined) set.size = size;
  if (policy !== undefined) set.policy = policy;
  if (comment !== undefined) set.comment = comment;
  return set;
}

/** nft prints only the first statement of an element, and passes it over when it reads: unless it is all, it is dropped. */
export function dropForeignStatements(elements: Expr, count: number): void {
  if (elements.kind !== 'set') return;
  for (const item of elements.items) {
    const element = item.kind === 'mapping' ? item.key : item;
    if (element.kind === 'element' && count > 0 && element.statements.length !== count) element.statements = [];
  }
}

function hasIntervalData(elements: Expr | undefined): boolean {
  const isInterval = (expr: Expr): boolean =>
    expr.kind === 'range' || expr.kind === 'prefix' || (expr.kind === 'concat' && expr.parts.some(isInterval));
  return elements?.kind === 'set' && elements.items.some((item) => item.kind === 'mapping' && isInterval(item.value));
}

/** `"type"`, `["type", …]` or `{"typeof": expression}` */
function readType(input: JsonInput, node: JsonNode): TypeSpec {
  if (node.kind === 'array') {
    if (node.items.length < 2) throw input.error(`a concatenation of ${node.items.length} is none`, node);
    const parts = node.items.map((item) => readType(input, item).expr);
    return { expr: { ...untyped(node.span), kind: 'concat', parts } };
  }
  if (node.kind === 'object') {
    const { key, value: inner } = input.only(node, 'a type');
    if (key !== 'typeof') throw input.unknown('type', key, node, ['typeof']);
    const expr = readExpression(input, inner, PLACE.none);
    if (expr.kind === 'symbol' || expr.kind === 'setref') throw input.error("'typeof' needs an expression", inner);
    return { expr, typeofText: typeofText(expr) };
  }
  if (node.kind !== 'string') throw input.mismatch('a type', 'a string, an array or an object', node);
  // nft 1.0 writes what a map leads to as one text.
  const names = node.value.split(' . ');
  const types = names.map((name) => readTypeName(input, name, node));
  const [only] = types;
  return {
    expr: types.length === 1 && only !== undefined ? only : { ...untyped(node.span), kind: 'concat', parts: types },
  };
}

function readTypeName(input: JsonInput, name: string, node: JsonNode): Expr {
  const type = name === 'duration' ? undefined : findDatatype(name === 'time' ? 'duration' : name);
  if (type === undefined)
    throw input.unknown(
      'datatype',
      name,
      node,
      DATATYPES.map((type) => type.name),
    );
  const byteorder = type.base === 'string' || type.byteOrder === 'host' ? 'host' : 'big';
  return value(0n, type.name, byteorder, type.bits, node.span);
}

/** Selectors that `typeof` can name for the datatypes of maps, whose JSON has the type's name only. */
const TYPEOF: Readonly<Record<string, string>> = {
  ipv4_addr: 'ip daddr',
  ipv6_addr: 'ip6 daddr',
  inet_service: 'tcp dport',
  inet_proto: 'meta l4proto',
  ether_addr: 'ether daddr',
  ether_type: 'meta protocol',
  mark: 'meta mark',
  classid: 'meta priority',
  ifname: 'oifname',
  iface_index: 'oif',
  dscp: 'ip dscp',
};

/** What a map leads to: a type, or verdicts. Beside a key's `typeof` its listing needs a `typeof` too. */
function readDataType(input: JsonInput, node: JsonNode, withTypeof: boolean): TypeSpec {
  const inner = node.kind === 'object' ? node.members.get('typeof') : undefined;
  const text = inner ?? node;
  if (text.kind === 'string' && text.value === 'verdict')
    return { expr: { ...untyped(node.span), kind: 'verdict', code: 'accept', datatype: 'verdict' } };
  if (inner?.kind === 'string' && inner.value === 'queue')
    return { expr: value(0n, 'integer', 'host', 16, node.span), typeofText: 'queue' };
  const type = readType(input, node);
  if (!withTypeof || type.typeofText !== undefined) return type;
  const parts = type.expr.kind === 'concat' ? type.expr.parts : [type.expr];
  const words = parts.map((part) => TYPEOF[part.datatype]);
  return words.includes(undefined) ? type : { ...type, typeofText: words.join(' . ') };
}

/** The expression as `typeof` has it in text. */
function typeofText(expr: Expr): string {
  return printExpression(expr, { stateless: true, dialect: '1.1.4', interfaceName: () => undefined, family: 'inet' });
}

/** The flowtable that the node declares. Throws NftError. */
export function readFlowtableBlock(input: JsonInput, object: JsonObjectNode, name: Name): FlowtableBlock {
  const hook = input.word(object, 'hook', 'a flowtable', ['ingress']);
  const priority = input.integer(object, 'prio', 'a flowtable', 0x7fffffff, -0x80000000);
  const span = object.members.get('prio')?.span ?? object.span;
  const flowtable: FlowtableBlock = {
    name,
    hook: { text: hook, span: object.members.get('hook')?.span ?? object.span },
    priority: { base: value(BigInt(priority), 'integer', 'host', 32, span), offset: 0, span },
    offload: false,
    counter: false,
    span: object.span,
  };
  const devices = object.members.get('dev');
  if (devices !== undefined) flowtable.devices = readDevices(input, devices);
  return flowtable;
}

/** `"dev"` or `["dev", …]` */
export function readDevices(input: JsonInput, node: JsonNode): Expr {
  const items = (node.kind === 'array' ? node.items : [node]).map((item): Expr => {
    if (item.kind !== 'string') throw input.mismatch('a device', 'a string', item);
    if (item.value === '') throw input.error('empty interface name', item);
    if (item.value.length > 15) throw input.error('interface name too long, at most 15 characters', item);
    return symbol(item.value, item.span, true);
  });
  return { ...untyped(node.span), kind: 'list', items };
}
