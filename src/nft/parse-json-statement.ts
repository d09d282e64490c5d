// Statements from JSON (libnftables-json(5), "STATEMENTS"; nftables src/parser_json.c, json_parse_stmt). Makes what parse-statement.ts
// and parse-nat.ts make of text.
import type { MetaKey, ObjectType } from '../bytecode/expression.ts';
import type { ElementExpr, Expr, RelationalOperator, Stmt } from './ast.ts';
import { exthdr, symbol, untyped } from './expressions.ts';
import type { JsonInput } from './json-input.ts';
import type { JsonNode, JsonObjectNode } from './json-reader.ts';
import { PLACE, readExpression, readMap, readSetKey, readVerdict } from './parse-json-expression.ts';
import { isInline, isStatefulName, readStateful } from './parse-json-stateful.ts';
import { LOG_FLAG, LOG_LEVEL, symbolValue } from './symbols.ts';

type Read = (input: JsonInput, node: JsonNode, name: string) => Stmt;

const OPERATORS: Readonly<Record<string, RelationalOperator>> = {
  in: 'implicit',
  '==': 'eq',
  '!=': 'neq',
  '<': 'lt',
  '>': 'gt',
  '<=': 'lte',
  '>=': 'gte',
  '!': 'not',
};

const STATEMENTS: Readonly<Record<string, Read>> = {
  accept: verdict,
  drop: verdict,
  continue: verdict,
  jump: verdict,
  goto: verdict,
  return: verdict,
  vmap: (input, node) => ({ kind: 'verdict', expr: readMap(input, node, PLACE.none), span: node.span }),
  match: readMatch,
  counter: statefulOrReference,
  quota: statefulOrReference,
  limit: statefulOrReference,
  last: statefulOrReference,
  'ct count': statefulOrReference,
  mangle: readMangle,
  flow: readFlow,
  fwd: readFwd,
  notrack: (_input, node) => ({ kind: 'notrack', span: node.span }),
  dup: readDup,
  snat: readNat,
  dnat: readNat,
  masquerade: readNat,
  redirect: readNat,
  reject: readReject,
  set: readSet,
  map: readSet,
  log: readLog,
  'ct helper': reference,
  'ct timeout': reference,
  'ct expectation': reference,
  secmark: reference,
  meter: readMeter,
  queue: readQueue,
  tproxy: readTproxy,
  synproxy: readSynproxy,
  reset: readReset,
};

/** The statement that an object with one property describes. Throws NftError. */
export function readStatement(input: JsonInput, node: JsonNode): Stmt {
  const { key, value } = input.only(node, 'a statement');
  if (key === 'xt') throw input.sources.unsupported('xt (an iptables extension in an nft ruleset)', node.span);
  const read = Object.hasOwn(STATEMENTS, key) ? STATEMENTS[key] : undefined;
  if (read === undefined) throw input.unknown('statement', key, node, Object.keys(STATEMENTS));
  return { ...read(input, value, key), span: node.span };
}

/** Stateful statements of a set or of a set statement. */
export function readStatefulList(input: JsonInput, node: JsonNode | undefined): Stmt[] {
  if (node === undefined) return [];
  return input.asArray(node, "'stmt'").map((item) => {
    const { key, value } = input.only(item, 'a statement');
    if (!isStatefulName(key) || !isInline(key, value)) throw input.error(`'${key}' may not stand in a set`, item);
    return readStateful(input, key, value);
  });
}

function statementValue(input: JsonInput, node: JsonNode): Expr {
  return readExpression(input, node, PLACE.statement);
}

function optionalValue(input: JsonInput, object: JsonObjectNode, key: string): Expr | undefined {
  const node = object.members.get(key);
  return node === undefined ? undefined : statementValue(input, node);
}

function verdict(input: JsonInput, node: JsonNode, name: string): Stmt {
  return { kind: 'verdict', expr: readVerdict(input, node, PLACE.none, name) };
}

function statefulOrReference(input: JsonInput, node: JsonNode, name: string): Stmt {
  return isInline(name, node) ? readStateful(input, name, node) : reference(input, node, name);
}

/** A named object: its name, or a map that leads to one. */
function reference(input: JsonInput, node: JsonNode, name: string): Stmt {
  return { kind: 'objref', objectType: name as ObjectType, expr: statementValue(input, node) };
}

/** `{"op": …, "left": …, "right": …}` */
function readMatch(input: JsonInput, node: JsonNode): Stmt {
  const object = input.asObject(node, "'match'");
  const op = OPERATORS[input.word(object, 'op', "'match'", Object.keys(OPERATORS))] as RelationalOperator;
  const left = readExpression(input, input.member(object, 'left', "'match'"), PLACE.none);
  const right = readExpression(input, input.member(object, 'right', "'match'"), PLACE.right);
  return { kind: 'match', expr: { ...untyped(node.span), kind: 'relational', op, left, right } };
}

/** `{"key": …, "value": …}` */
function readMangle(input: JsonInput, node: JsonNode): Stmt {
  const object = input.asObject(node, "'mangle'");
  const keyNode = input.member(object, 'key', "'mangle'");
  const target = readExpression(input, keyNode, PLACE.mangle);
  const value = statementValue(input, input.member(object, 'value', "'mangle'"));
  switch (target.kind) {
    case 'meta':
      return { kind: 'meta-set', key: target.key as MetaKey, value };
    case 'ct':
      if (target.key === 'helper') return { kind: 'objref', objectType: 'ct helper', expr: value };
      return target.direction === undefined
        ? { kind: 'ct-set', key: target.key, value }
        : { kind: 'ct-set', key: target.key, direction: target.direction, value };
    case 'payload':
      return { kind: 'payload-set', target, value };
    case 'exthdr':
      return { kind: 'exthdr-set', target, value };
    default:
      throw input.error("'mangle' needs meta, ct, payload or an option as its key", keyNode);
  }
}

/** The name behind `@`. */
function setName(
  input: JsonInput,
  object: JsonObjectNode,
  key: string,
  what: string,
): Extract<Expr, { kind: 'setref' }> {
  const node = input.string(object, key, what);
  if (!/^@./.test(node.value)) throw input.error(`'${key}' of ${what} must begin with '@'`, node, `"@${node.value}"`);
  return { ...untyped(node.span), kind: 'setref', name: node.value.slice(1) };
}

/** `{"op": "add", "flowtable": "@NAME"}` */
function readFlow(input: JsonInput, node: JsonNode): Stmt {
  const object = input.asObject(node, "'flow'");
  input.word(object, 'op', "'flow'", ['add']);
  return { kind: 'flow', flowtable: setName(input, object, 'flowtable', "'flow'").name };
}

/** `{"dev": … [, "family": …, "addr": …]}` */
function readFwd(input: JsonInput, node: JsonNode): Stmt {
  const object = input.asObject(node, "'fwd'");
  const device = statementValue(input, input.member(object, 'dev', "'fwd'"));
  const family = input.internetFamily(object, "'fwd'");
  const address = family === undefined ? undefined : optionalValue(input, object, 'addr');
  return family === undefined || address === undefined
    ? { kind: 'fwd', device }
    : { kind: 'fwd', device, address, family };
}

/** `{"addr": … [, "dev": …]}` */
function readDup(input: JsonInput, node: JsonNode): Stmt {
  const object = input.asObject(node, "'dup'");
  const to = statementValue(input, input.member(object, 'addr', "'dup'"));
  const device = optionalValue(input, object, 'dev');
  return device === undefined ? { kind: 'dup', to } : { kind: 'dup', to, device };
}

/** What `masquerade`, `redirect`, `reject`, `log` and `synproxy` take: an object, or null for none of their settings. */
function settings(input: JsonInput, node: JsonNode, name: string): JsonObjectNode {
  if (node.kind === 'null') return { kind: 'object', members: new Map(), span: node.span };
  return input.asObject(node, `'${name}'`);
}

/** `{["family": …] [, "addr": …] [, "port": …] [, "flags": …] [, "type_flags": …]}` */
function readNat(input: JsonInput, node: JsonNode, name: string): Stmt {
  const object = settings(input, node, name);
  const what = `'${name}'`;
  const flags = input.flags(object, 'flags', what, ['random', 'fully-random', 'persistent', 'netmap']);
  const typeFlags = input.flags(object, 'type_flags', what, ['interval', 'prefix', 'concat']);
  const statement: Extract<Stmt, { kind: 'nat' }> = {
    kind: 'nat',
    type: name as 'snat' | 'dnat' | 'masquerade' | 'redirect',
    random: flags.includes('random'),
    fullyRandom: flags.includes('fully-random'),
    persistent: flags.includes('persistent'),
  };
  const family = input.internetFamily(object, what);
  const address = optionalValue(input, object, 'addr');
  const port = optionalValue(input, object, 'port');
  if (family !== undefined) statement.family = family;
  if (address !== undefined) statement.address = address;
  if (port !== undefined) statement.port = port;
  if (typeFlags.includes('prefix') || flags.includes('netmap')) statement.prefix = true;
  if (typeFlags.includes('concat')) statement.concat = true;
  return statement;
}

/** `{["family": …] [, "addr": …] [, "port": …]}` */
function readTproxy(input: JsonInput, node: JsonNode): Stmt {
  const object = input.asObject(node, "'tproxy'");
  const statement: Extract<Stmt, { kind: 'tproxy' }> = { kind: 'tproxy' };
  const family = input.internetFamily(object, "'tproxy'");
  const address = optionalValue(input, object, 'addr');
  const port = optionalValue(input, object, 'port');
  if (family !== undefined) statement.family = family;
  if (address !== undefined) statement.address = address;
  if (port !== undefined) statement.port = port;
  return statement;
}

/** `null` or `{"type": … [, "expr": …]}` */
function readReject(input: JsonInput, node: JsonNode): Stmt {
  const object = settings(input, node, 'reject');
  const type = input.optionalWord(object, 'type', "'reject'", ['tcp reset', 'icmpx', 'icmp', 'icmpv6']);
  if (type === undefined) return { kind: 'reject' };
  if (type === 'tcp reset') return { kind: 'reject', type: 'tcp-reset' };
  const code = object.members.get('expr');
  if (code === undefined) throw input.error(`'reject' with ${type} lacks 'expr', the code`, object);
  if (code.kind !== 'string' && code.kind !== 'integer') throw input.error("'expr' of 'reject' must be a code", code);
  return { kind: 'reject', type, code: symbol(code.value.toString(), code.span) };
}

/** `{"op": …, "elem": …, "set": "@NAME" [, "stmt": […]]}`; of maps `"data": …, "map": "@NAME"`. */
function readSet(input: JsonInput, node: JsonNode, name: string): Stmt {
  const what = `'${name}'`;
  const object = input.asObject(node, what);
  const op = input.word(object, 'op', what, ['add', 'update', 'delete']);
  const key = readSetKey(input, input.member(object, 'elem', what));
  const data = name === 'map' ? readSetKey(input, input.member(object, 'data', what)) : undefined;
  const set = setName(input, object, name, what);
  const statements = readStatefulList(input, object.members.get('stmt'));
  return data === undefined
    ? { kind: 'set', op, set, key, statements }
    : { kind: 'set', op, set, key, data, statements };
}

/** `{"name": …, "key": …, "stmt": … [, "size": N]}` */
function readMeter(input: JsonInput, node: JsonNode): Stmt {
  const object = input.asObject(node, "'meter'");
  const { text: name } = input.name(object, 'name', "'meter'");
  const key: ElementExpr = readSetKey(input, input.member(object, 'key', "'meter'"));
  const statement = readStatement(input, input.member(object, 'stmt', "'meter'"));
  const size = input.optionalInteger(object, 'size', "'meter'", 0xffffffff);
  const meter = { kind: 'meter', name, key, statement } as const;
  return size === undefined || size === 0 ? meter : { ...meter, size };
}

/** `{["prefix": …] [, "group": N] [, "snaplen": N] [, "queue-threshold": N] [, "level": …] [, "flags": …]}` */
function readLog(input: JsonInput, node: JsonNode): Stmt {
  const object = settings(input, node, 'log');
  const log: Extract<Stmt, { kind: 'log' }> = { kind: 'log', flags: 0 };
  const prefix = input.optionalString(object, 'prefix');
  const group = input.optionalInteger(object, 'group', "'log'", 0xffff);
  const snaplen = input.optionalInteger(object, 'snaplen', "'log'", 0xffffffff);
  const queueThreshold = input.optionalInteger(object, 'queue-threshold', "'log'", 0xffff);
  const level = input.optionalWord(
    object,
    'level',
    "'log'",
    LOG_LEVEL.map(([name]) => name),
  );
  if (prefix !== undefined) log.prefix = prefix.value;
  if (group !== undefined) log.group = group;
  if (snaplen !== undefined) log.snaplen = snaplen;
  if (queueThreshold !== undefined) log.queueThreshold = queueThreshold;
  if (level !== undefined) log.level = symbolValue(LOG_LEVEL, level) ?? 0;
  const words = [...LOG_FLAG.map(([name]) => name), 'all'];
  for (const word of input.flags(object, 'flags', "'log'", words))
    log.flags |= word === 'all' ? 0x2f : (symbolValue(LOG_FLAG, word) ?? 0);
  return log;
}

/** `{"num": … [, "flags": …]}` */
function readQueue(input: JsonInput, node: JsonNode): Stmt {
  const object = settings(input, node, 'queue');
  const from = optionalValue(input, object, 'num');
  const flags = input.flags(object, 'flags', "'queue'", ['bypass', 'fanout']);
  const queue = { kind: 'queue', bypass: flags.includes('bypass'), fanout: flags.includes('fanout') } as const;
  return from === undefined ? queue : { ...queue, from };
}

/** `null`, the name of an object, or `{["mss": N] [, "wscale": N] [, "flags": …]}` */
function readSynproxy(input: JsonInput, node: JsonNode): Stmt {
  const hasSettings = node.kind === 'object' && ['mss', 'wscale', 'flags'].some((key) => node.members.has(key));
  if (node.kind !== 'null' && !hasSettings) return reference(input, node, 'synproxy');
  const object = settings(input, node, 'synproxy');
  const flags = input.flags(object, 'flags', "'synproxy'", ['timestamp', 'sack-perm']);
  const statement: Extract<Stmt, { kind: 'synproxy' }> = {
    kind: 'synproxy',
    timestamp: flags.includes('timestamp'),
    sackPerm: flags.includes('sack-perm'),
  };
  const mss = input.optionalInteger(object, 'mss', "'synproxy'", 0xffff);
  const wscale = input.optionalInteger(object, 'wscale', "'synproxy'", 0xff);
  if (mss !== undefined) statement.mss = mss;
  if (wscale !== undefined) statement.wscale = wscale;
  return statement;
}

/** `{"tcp option": {"name": …}}` */
function readReset(input: JsonInput, node: JsonNode): Stmt {
  const option = readExpression(input, node, PLACE.none);
  if (option.kind !== 'exthdr' || option.op !== 'tcpopt') throw input.error("'reset' takes a tcp option", node);
  const field = { name: option.field, offset: option.offset, length: option.length, datatype: 'integer' } as const;
  const header = { name: option.header, type: option.type, fields: [field] };
  return { kind: 'exthdr-reset', target: exthdr('tcpopt', header, field, false, node.span) };
}
