// Expressions from JSON (libnftables-json(5), "EXPRESSIONS"; nftables src/parser_json.c, json_parse_expr): a string or number is a
// value, an array a list of flags, `{"KIND": …}` anything else. Which kinds may stand where is nft's own table. Makes what
// parse-expression.ts makes of text.
import type { BinaryOperator, ElementExpr, Expr, SetExpr } from './ast.ts';
import { symbol, untyped, value } from './expressions.ts';
import type { JsonInput } from './json-input.ts';
import type { JsonNode } from './json-reader.ts';
import { readModulus, readSelector } from './parse-json-selector.ts';
import { isStatefulName, readStateful } from './parse-json-stateful.ts';
import { jhash } from './selectors.ts';

/** Where an expression stands; within another both places count. */
export const PLACE = {
  none: 0,
  right: 1,
  statement: 2,
  primary: 4,
  mapData: 8,
  mangle: 16,
  setKey: 32,
  mapKey: 64,
  concat: 128,
} as const;
const { right, statement, primary, mapData, mangle, setKey, mapKey, concat } = PLACE;
const PLACE_NAMES: readonly [number, string][] = [
  [right, 'the right side of a match'],
  [statement, 'the value of a statement'],
  [primary, 'an operand'],
  [mapData, 'the data of a map'],
  [mangle, "the key of 'mangle'"],
  [setKey, 'the element of a set statement'],
  [mapKey, 'the key of a map'],
  [concat, 'a concatenation'],
];

const OPERAND = statement | primary | mapData | setKey | mapKey;
const ALL = OPERAND | right;
const VERDICTS = right | mapData;

type Read = (input: JsonInput, node: JsonNode, places: number, name: string) => Expr;

/** Kinds with the places where they may stand. Selectors may in more than nft's own table has: it prints some that it does not read. */
const KINDS: Readonly<Record<string, readonly [places: number, read: Read]>> = {
  concat: [right | statement | mapData | setKey | mapKey, readConcat],
  set: [right | statement, (input, node, places) => readSetExpression(input, node, places)],
  map: [statement | primary | mapData, readMap],
  prefix: [right | mapData | statement | concat, readPrefix],
  range: [right | mapData | statement | concat, readRange],
  payload: [OPERAND | mangle | concat, selector],
  exthdr: [OPERAND | mangle | concat, selector],
  'tcp option': [OPERAND | mangle | concat, selector],
  'ip option': [OPERAND | mangle | concat, selector],
  'sctp chunk': [OPERAND | mangle | concat, selector],
  'dccp option': [OPERAND | concat, selector],
  meta: [ALL | mangle | concat, selector],
  osf: [OPERAND | concat, selector],
  ipsec: [OPERAND | concat, selector],
  socket: [OPERAND | concat, selector],
  rt: [OPERAND | concat, selector],
  ct: [ALL | mangle | concat, selector],
  numgen: [OPERAND | concat, selector],
  jhash: [OPERAND | concat, readJhash],
  symhash: [OPERAND | concat, selector],
  fib: [OPERAND | concat, selector],
  '|': [ALL | concat, readOperation],
  '^': [ALL | concat, readOperation],
  '&': [ALL | concat, readOperation],
  '>>': [ALL | concat, readOperation],
  '<<': [ALL | concat, readOperation],
  accept: [VERDICTS, readVerdict],
  drop: [VERDICTS, readVerdict],
  continue: [VERDICTS, readVerdict],
  jump: [VERDICTS, readVerdict],
  goto: [VERDICTS, readVerdict],
  return: [VERDICTS, readVerdict],
  elem: [right | statement | primary | setKey, readElement],
};

/** The expression that a node describes. Throws NftError. */
export function readExpression(input: JsonInput, node: JsonNode, places: number): Expr {
  switch (node.kind) {
    case 'array':
      if ((places & (right | statement)) === 0 || (places & primary) !== 0)
        throw input.error('a list may stand only on the right side of a match or as the value of a statement', node);
      return {
        ...untyped(node.span),
        kind: 'list',
        items: node.items.map((item) => readExpression(input, item, places)),
      };
    case 'string':
    case 'integer':
      return readImmediate(input, node);
    case 'boolean':
      if ((places & (right | primary)) === 0) throw input.error('a boolean may not stand here', node);
      return readImmediate(input, node);
    case 'object': {
      const { key, value } = input.only(node, 'an expression');
      const found = Object.hasOwn(KINDS, key) ? KINDS[key] : undefined;
      if (found === undefined) throw input.unknown('expression', key, node, Object.keys(KINDS));
      const [allowed, read] = found;
      const wrong = PLACE_NAMES.find(([bit]) => (places & ~allowed & bit) !== 0);
      if (wrong !== undefined) throw input.error(`'${key}' may not stand as ${wrong[1]}`, node);
      return read(input, value, places, key);
    }
    default:
      throw input.error(`a value is a string, an integer, a boolean or an object`, node);
  }
}

/** Names that are IP protocols wherever a value stands. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  tcp: 6,
  udp: 17,
  udplite: 136,
  esp: 50,
  ah: 51,
  icmp: 1,
  icmpv6: 58,
  comp: 108,
  dccp: 33,
  sctp: 132,
};

/** `"text"`, `"@set"`, `"*"`, a number or a boolean. */
export function readImmediate(input: JsonInput, node: JsonNode): Expr {
  switch (node.kind) {
    case 'string': {
      const text = node.value;
      if (text.startsWith('@')) return { ...untyped(node.span), kind: 'setref', name: text.slice(1) };
      if (text === '*') return { ...untyped(node.span), kind: 'catchall' };
      if (Object.hasOwn(PROTOCOLS, text))
        return value(BigInt(PROTOCOLS[text] as number), 'inet_proto', 'host', 8, node.span);
      if (text === 'redirect') return value(5n, 'icmp_type', 'host', 8, node.span);
      return symbol(text, node.span);
    }
    case 'integer':
      return symbol(node.value.toString(), node.span);
    case 'boolean':
      return value(node.value ? 1n : 0n, 'boolean', 'host', 8, node.span);
    default:
      throw input.error('a value is a string, an integer or a boolean', node);
  }
}

function selector(input: JsonInput, node: JsonNode, _places: number, name: string): Expr {
  return readSelector(input, name, node);
}

function readConcat(input: JsonInput, node: JsonNode, places: number): Expr {
  const parts = input.asArray(node, "'concat'").map((item) => readExpression(input, item, places | concat));
  if (parts.length < 2) throw input.error(`a concatenation of ${parts.length} is none`, node);
  return { ...untyped(node.span), kind: 'concat', parts };
}

/** `{"key": …, "data": …}`: both `map` and `vmap`. */
export function readMap(input: JsonInput, node: JsonNode, places: number): Expr {
  const object = input.asObject(node, "'map'");
  const key = readExpression(input, input.member(object, 'key', 'a map'), places | mapKey);
  const mappings = readExpression(input, input.member(object, 'data', 'a map'), places | right);
  return { ...untyped(node.span), kind: 'map', key, mappings };
}

/** An array of elements and `[key, value]` pairs, `"@set"`, or one value. */
export function readSetExpression(input: JsonInput, node: JsonNode, places: number): Expr {
  if (node.kind !== 'array') {
    const only = readImmediate(input, node);
    return only.kind === 'setref' ? only : { ...untyped(node.span), kind: 'set', items: [elementOf(only)] };
  }
  if (node.items.length === 0) throw input.error('a set must have an element here', node);
  const items = node.items.map((item): Expr => {
    if (item.kind !== 'array' || item.items.length !== 2) return elementOf(readExpression(input, item, places | right));
    const [left, data] = item.items as [JsonNode, JsonNode];
    const key = elementOf(readExpression(input, left, places | right));
    return { ...untyped(item.span), kind: 'mapping', key, value: readExpression(input, data, places | mapData) };
  });
  const set: SetExpr = { ...untyped(node.span), kind: 'set', items };
  return set;
}

function elementOf(key: Expr): ElementExpr {
  return key.kind === 'element' ? key : { ...untyped(key.span), kind: 'element', key, statements: [] };
}

/** The element of a set statement or meter. */
export function readSetKey(input: JsonInput, node: JsonNode): ElementExpr {
  return elementOf(readExpression(input, node, setKey));
}

/**
 * `{"val": … [, "timeout": s] [, "expires": s] [, "comment": …]}`. What `nft -j list` prints beside it, a counter for one, nft
 * passes over when it reads; here it is kept.
 */
function readElement(input: JsonInput, node: JsonNode, places: number): Expr {
  const object = input.asObject(node, "'elem'");
  const element = elementOf(readExpression(input, input.member(object, 'val', "'elem'"), places));
  const timeout = input.optionalInteger(object, 'timeout', "'elem'", 0xffffffff);
  if (timeout !== undefined) element.timeoutMs = timeout * 1000;
  const expires = input.optionalInteger(object, 'expires', "'elem'", 0xffffffff);
  if (expires !== undefined) element.expiresMs = expires * 1000;
  const comment = input.comment(object);
  if (comment !== undefined) element.comment = comment;
  for (const [name, inner] of object.members) {
    if (isStatefulName(name)) element.statements.push(readStateful(input, name, inner));
  }
  element.span = node.span;
  return element;
}

function readPrefix(input: JsonInput, node: JsonNode, places: number): Expr {
  const object = input.asObject(node, "'prefix'");
  const base = readExpression(input, input.member(object, 'addr', "'prefix'"), places | primary);
  const prefixLength = input.integer(object, 'len', "'prefix'", 128);
  return { ...untyped(node.span), kind: 'prefix', base, prefixLength };
}

function readRange(input: JsonInput, node: JsonNode, places: number): Expr {
  const [low, high] = pair(input, node, "'range'");
  const from = readExpression(input, low, places | primary);
  return { ...untyped(node.span), kind: 'range', from, to: readExpression(input, high, places | primary) };
}

function pair(input: JsonInput, node: JsonNode, what: string): [JsonNode, JsonNode] {
  const items = input.asArray(node, what);
  const [first, second] = items;
  if (first === undefined || second === undefined || items.length !== 2)
    throw input.error(`${what} must have two members, not ${items.length}`, node);
  return [first, second];
}

/** `{"&": [a, b, …]}` */
function readOperation(input: JsonInput, node: JsonNode, places: number, name: string): Expr {
  const items = input.asArray(node, `'${name}'`);
  const [first, ...rest] = items;
  if (first === undefined || rest.length === 0)
    throw input.error(`'${name}' must have at least two operands, not ${items.length}`, node);
  const rightPlaces = places | (rest.length > 1 ? primary : right);
  let left = readExpression(input, first, places | primary);
  for (const item of rest) {
    const right = readExpression(input, item, rightPlaces);
    left = { ...untyped(node.span), kind: 'binary', op: name as BinaryOperator, left, right };
  }
  return left;
}

function readJhash(input: JsonInput, node: JsonNode, places: number): Expr {
  const object = input.asObject(node, "'jhash'");
  const hashed = readExpression(input, input.member(object, 'expr', "'jhash'"), places);
  return jhash(hashed, readModulus(input, object, "'jhash'"), node.span);
}

/** `{"accept": null}`, `{"jump": {"target": …}}` */
export function readVerdict(input: JsonInput, node: JsonNode, _places: number, name: string): Expr {
  const code = name as 'accept' | 'drop' | 'continue' | 'return' | 'jump' | 'goto';
  if (code !== 'jump' && code !== 'goto') return { ...untyped(node.span), kind: 'verdict', code };
  const target = input.name(input.asObject(node, `'${name}'`), 'target', `'${name}'`);
  return { ...untyped(node.span), kind: 'verdict', code, chain: symbol(target.text, target.span) };
}
