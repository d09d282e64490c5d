// Statements to the JSON that `nft -j list` prints for them (nftables src/json.c).
import type { Stmt } from './ast.ts';
import { CT_SELECTORS, META_SELECTORS } from './datatypes-selectors.ts';
import { type Json, jsonExpression, jsonValue } from './json-expression.ts';
import { jsonStateful } from './json-stateful.ts';
import type { PrintOptions } from './print-text.ts';
import { LOG_FLAG, LOG_LEVEL, symbolName } from './symbols.ts';

type Of<Kind extends Stmt['kind']> = Extract<Stmt, { kind: Kind }>;
type JsonObject = { [key: string]: Json };

/** The JSON of a statement. */
export function jsonStatement(statement: Stmt, options: PrintOptions): Json {
  const json = (expr: Parameters<typeof jsonExpression>[0]): Json => jsonExpression(expr, options);
  switch (statement.kind) {
    case 'match':
    case 'verdict':
      return json(statement.expr);
    case 'counter':
    case 'limit':
    case 'quota':
    case 'connlimit':
    case 'last':
      return jsonStateful(statement, options);
    case 'objref':
      return { [statement.objectType]: json(statement.expr) };
    case 'log':
      return { log: jsonLog(statement) };
    case 'reject': {
      if (statement.type === undefined) return { reject: null };
      const root: JsonObject = { type: statement.type === 'tcp-reset' ? 'tcp reset' : statement.type };
      if (statement.code !== undefined) root.expr = jsonExpression(statement.code, { ...options, codeNames: true });
      return { reject: root };
    }
    case 'nat':
      return { [statement.type]: jsonNat(statement, options) };
    case 'tproxy': {
      const root: JsonObject = {};
      if (options.family === 'inet' && statement.family !== undefined) root.family = statement.family;
      if (statement.address !== undefined) root.addr = json(statement.address);
      if (statement.port !== undefined) root.port = json(statement.port);
      return { tproxy: root };
    }
    case 'synproxy': {
      const root: JsonObject = {};
      if (statement.mss !== undefined) root.mss = statement.mss;
      if (statement.wscale !== undefined) root.wscale = statement.wscale;
      const flags = [statement.timestamp ? 'timestamp' : '', statement.sackPerm ? 'sack-perm' : ''].filter(isGiven);
      if (flags.length > 0) root.flags = flags;
      return { synproxy: orNull(root) };
    }
    case 'notrack':
      return { notrack: null };
    case 'flow':
      return { flow: { op: 'add', flowtable: `@${statement.flowtable}` } };
    case 'payload-set':
    case 'exthdr-set':
      return { mangle: { key: json(statement.target), value: json(statement.value) } };
    case 'exthdr-reset':
      return { reset: json(statement.target) };
    case 'meta-set':
      return { mangle: { key: { meta: { key: META_SELECTORS[statement.key].word } }, value: json(statement.value) } };
    case 'ct-set': {
      const key: JsonObject = { key: CT_SELECTORS[statement.key].word };
      if (statement.direction !== undefined) key.dir = statement.direction;
      return { mangle: { key: { ct: key }, value: jsonCtValue(statement, options) } };
    }
    case 'queue': {
      const flags = [statement.bypass ? 'bypass' : '', statement.fanout ? 'fanout' : ''].filter(isGiven);
      const root: JsonObject = { num: statement.from === undefined ? 0 : json(statement.from) };
      return { queue: addFlags(root, 'flags', flags) };
    }
    case 'dup':
      return {
        dup:
          statement.device === undefined
            ? { addr: json(statement.to) }
            : { addr: json(statement.to), dev: json(statement.device) },
      };
    case 'fwd': {
      const root: JsonObject = { dev: json(statement.device) };
      if (statement.address !== undefined)
        Object.assign(root, { family: statement.family ?? 'ip', addr: json(statement.address) });
      return { fwd: root };
    }
    case 'set':
      return jsonSet(statement, options);
    case 'meter': {
      const inner = jsonStatement(statement.statement, { ...options, stateless: true });
      return { meter: { key: json(statement.key), stmt: inner, size: statement.size ?? 65535, name: statement.name } };
    }
    case 'chain':
      return { [statement.code]: null };
  }
}

function isGiven(word: string): boolean {
  return word !== '';
}

function orNull(root: JsonObject): Json {
  return Object.keys(root).length === 0 ? null : root;
}

/** One flag stands alone, several in a list. */
function addFlags(root: JsonObject, key: string, flags: string[]): JsonObject {
  const [only] = flags;
  if (only !== undefined) root[key] = flags.length === 1 ? only : flags;
  return root;
}

const LOG_WARNING = 4;
const LOG_ALL_FLAGS = 0x2f;

function jsonLog(log: Of<'log'>): Json {
  const root: JsonObject = {};
  if (log.prefix !== undefined) root.prefix = log.prefix;
  if (log.group !== undefined) root.group = log.group;
  if (log.snaplen !== undefined) root.snaplen = log.snaplen;
  if (log.queueThreshold !== undefined) root['queue-threshold'] = log.queueThreshold;
  if (log.level !== undefined && log.level !== LOG_WARNING) root.level = symbolName(LOG_LEVEL, log.level) ?? 'unknown';
  const isAll = (log.flags & LOG_ALL_FLAGS) === LOG_ALL_FLAGS;
  const flags = isAll ? ['all'] : LOG_FLAG.filter(([, bit]) => (log.flags & bit) !== 0).map(([name]) => name);
  return orNull(addFlags(root, 'flags', flags));
}

function jsonNat(nat: Of<'nat'>, options: PrintOptions): Json {
  const root: JsonObject = {};
  if (nat.family !== undefined) root.family = nat.family;
  if (nat.address !== undefined) root.addr = jsonExpression(nat.address, options);
  if (nat.port !== undefined) root.port = jsonExpression(nat.port, options);
  const words = [
    nat.random ? 'random' : '',
    nat.fullyRandom ? 'fully-random' : '',
    nat.persistent ? 'persistent' : '',
    nat.prefix === true ? 'netmap' : '',
  ];
  addFlags(root, 'flags', words.filter(isGiven));
  if (nat.prefix === true) root.type_flags = 'prefix';
  return orNull(root);
}

/** `ct event set a,b` is a list of names. */
function jsonCtValue(statement: Of<'ct-set'>, options: PrintOptions): Json {
  const { value } = statement;
  if (statement.key !== 'event' || value.kind !== 'value') return jsonExpression(value, options);
  const flags = jsonValue(value, options);
  return typeof flags === 'object' && flags !== null && !Array.isArray(flags) ? (flags['|'] ?? null) : flags;
}

function jsonSet(statement: Of<'set'>, options: PrintOptions): Json {
  const stateless = { ...options, stateless: true };
  const name = statement.set.kind === 'setref' ? `@${statement.set.name}` : '';
  const root: JsonObject = { op: statement.op, elem: jsonExpression(statement.key, stateless) };
  const isMap = statement.data !== undefined;
  if (statement.data !== undefined) root.data = jsonExpression(statement.data, stateless);
  root[isMap ? 'map' : 'set'] = name;
  if (statement.statements.length > 0) root.stmt = statement.statements.map((inner) => jsonStatement(inner, stateless));
  return { [isMap ? 'map' : 'set']: root };
}
