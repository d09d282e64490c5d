// A ruleset in JSON, as `nft -j list ruleset` prints and `nft -j -f` reads it: {"nftables": [command, …]} (libnftables-json(5);
// nftables src/parser_json.c). Makes the commands that parse-ruleset.ts makes of text, so that all else is shared.
import type { ObjectType } from '../bytecode/expression.ts';
import type { RuleNode } from './ast.ts';
import type { ChainBlock, Command, CommandOp, TableBlock, Target } from './ast-commands.ts';
import { symbol, value } from './expressions.ts';
import { JsonInput } from './json-input.ts';
import { type JsonNode, type JsonObjectNode, readJson } from './json-reader.ts';
import { PLACE, readSetExpression } from './parse-json-expression.ts';
import { readObject } from './parse-json-object.ts';
import {
  dropForeignStatements,
  OBJECT_TYPES,
  readDevices,
  readFlowtableBlock,
  readSetBlock,
} from './parse-json-set.ts';
import { readStatement } from './parse-json-statement.ts';
import type { Sources } from './source.ts';

/** JSON_SCHEMA_VERSION */
const SCHEMA_VERSION = 1;
const SAFE = Number.MAX_SAFE_INTEGER;

const OPS: Readonly<Record<string, CommandOp>> = {
  add: 'add',
  create: 'create',
  insert: 'insert',
  replace: 'replace',
  delete: 'delete',
  destroy: 'destroy',
  flush: 'flush',
  rename: 'rename',
  list: 'ignored',
  reset: 'ignored',
};
const OBJECTS = ['table', 'chain', 'rule', 'set', 'map', 'element', 'flowtable', ...OBJECT_TYPES];
const FLUSHED = ['table', 'chain', 'set', 'map', 'meter', 'ruleset'];
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress', 'egress'] as const;

/** All commands of a JSON ruleset. Throws NftError. */
export function parseJsonRuleset(sources: Sources): Command[] {
  const input = new JsonInput(sources);
  const root = input.asObject(readJson(sources), 'a ruleset');
  const commands: Command[] = [];
  for (const node of input.asArray(input.member(root, 'nftables', 'the ruleset'), "'nftables'")) {
    const object = input.asObject(node, 'a command');
    const metainfo = object.members.get('metainfo');
    if (metainfo === undefined) commands.push(readCommand(input, object));
    else checkMetainfo(input, metainfo);
  }
  return commands;
}

function checkMetainfo(input: JsonInput, node: JsonNode): void {
  const version = node.kind === 'object' ? node.members.get('json_schema_version') : undefined;
  if (version?.kind !== 'integer' || version.value <= BigInt(SCHEMA_VERSION)) return;
  throw input.error(
    `schema version ${version.value} is not supported, at most ${SCHEMA_VERSION}`,
    version,
    'a newer nft wrote this',
  );
}

/** `{"add": {"table": …}}`, or `{"table": …}` as a listing has it. */
function readCommand(input: JsonInput, command: JsonObjectNode): Command {
  for (const [word, op] of Object.entries(OPS)) {
    const node = command.members.get(word);
    if (node === undefined) continue;
    if (op === 'ignored') {
      const text = `${word} ${node.kind === 'object' ? [...node.members.keys()].join(' ') : ''}`.trim();
      return { op, object: 'none', text, target: { family: 'ip' }, span: command.span };
    }
    const object = input.asObject(node, `'${word}'`);
    if (op === 'flush') return readFlush(input, object);
    if (op === 'rename') return readRename(input, object);
    return readChange(input, op, object);
  }
  return readChange(input, 'add', command);
}

/** `{"table": …}`, `{"rule": …}`, … after `add` and the like. */
function readChange(input: JsonInput, op: CommandOp, holder: JsonObjectNode): Command {
  const name = OBJECTS.find((candidate) => holder.members.has(candidate));
  const [word] = [...holder.members.keys()];
  if (name === undefined) {
    if (word === undefined) throw input.error('a command must not be empty', holder);
    throw input.unknown('command or object', word, holder, [...OBJECTS, ...Object.keys(OPS)]);
  }
  const object = input.asObject(holder.members.get(name) as JsonNode, `'${name}'`);
  const span = object.span;
  if (op === 'insert' || op === 'replace') {
    if (name !== 'rule') throw input.error(`'${op}' takes a rule, not a ${name}`, holder);
  }
  const removes = op === 'delete' || op === 'destroy';
  switch (name) {
    case 'table':
      return removes
        ? { op, object: 'table', target: readTarget(input, object, name, true, 'table'), span }
        : { op, object: 'table', ...readTable(input, object), span };
    case 'chain': {
      const target = readTarget(input, object, name, removes);
      return removes || target.name === undefined
        ? { op, object: 'chain', target, span }
        : { op, object: 'chain', target, block: readChain(input, object, target.name), span };
    }
    case 'rule':
      return readRuleCommand(input, op, object);
    case 'set':
    case 'map': {
      const target = readTarget(input, object, name, removes);
      const isMap = object.members.has('map') || (removes && name === 'map');
      return removes || target.name === undefined
        ? { op, object: 'set', isMap, target, span }
        : { op, object: 'set', isMap, target, block: readSetBlock(input, object, target.name), span };
    }
    case 'element': {
      const target = readTarget(input, object, name, false);
      const elements = readSetExpression(input, input.member(object, 'elem', "'element'"), PLACE.none);
      dropForeignStatements(elements, Number.POSITIVE_INFINITY);
      return { op, object: 'element', target, elements, span };
    }
    case 'flowtable': {
      const target = readTarget(input, object, name, removes);
      return removes || target.name === undefined
        ? { op, object: 'flowtable', target, span }
        : { op, object: 'flowtable', target, block: readFlowtableBlock(input, object, target.name), span };
    }
    default: {
      const objectType = name as ObjectType;
      const target = readTarget(input, object, name, removes);
      return removes || target.name === undefined
        ? { op, object: 'object', objectType, target, span }
        : { op, object: 'object', objectType, target, block: readObject(input, objectType, object, target.name), span };
    }
  }
}

/** Family, table and name of what a command is about; what is removed may be named by its handle. */
function readTarget(
  input: JsonInput,
  object: JsonObjectNode,
  name: string,
  mayBeHandle: boolean,
  kind: 'table' | 'other' = 'other',
): Target {
  const what = `'${name}'`;
  const target: Target = { family: input.family(object, what) };
  if (kind === 'other') target.table = input.name(object, 'table', what);
  const handle = mayBeHandle && !object.members.has('name') ? readHandle(input, object) : undefined;
  if (handle !== undefined) target.handle = handle;
  else if (kind === 'table') target.table = input.name(object, 'name', what);
  else target.name = input.name(object, 'name', what);
  return target;
}

function readHandle(input: JsonInput, object: JsonObjectNode, key = 'handle'): Target['handle'] {
  const number = input.optionalInteger(object, key, 'the command', SAFE);
  return number === undefined ? undefined : { number, span: object.members.get(key)?.span ?? object.span };
}

function readTable(input: JsonInput, object: JsonObjectNode): { target: Target; block: TableBlock } {
  const target = readTarget(input, object, 'table', false, 'table');
  const flags = input.flags(object, 'flags', "'table'", ['dormant', 'owner', 'persist']);
  const block: TableBlock = { flags, chains: [], sets: [], objects: [], flowtables: [] };
  const comment = input.comment(object);
  if (comment !== undefined) block.comment = comment;
  return { target, block };
}

/** A chain; with type, hook and priority a base chain. */
function readChain(input: JsonInput, object: JsonObjectNode, name: Target['name'] & object): ChainBlock {
  const chain: ChainBlock = { name, offload: false, rules: [], span: object.span };
  const comment = input.comment(object);
  if (comment !== undefined) chain.comment = comment;
  const type = input.optionalString(object, 'type');
  const hook = input.optionalString(object, 'hook');
  const priority = input.optionalInteger(object, 'prio', "'chain'", 0x7fffffff, -0x80000000);
  if (type === undefined || hook === undefined || priority === undefined) {
    const half = type ?? hook;
    if (half !== undefined)
      input.sources.warn(
        "a base chain needs 'type', 'hook' and an integer 'prio': this is read as a chain without hook",
        half.span,
      );
    return chain;
  }
  if (!['filter', 'nat', 'route'].includes(type.value))
    throw input.unknown('chain type', type.value, type, ['filter', 'nat', 'route']);
  input.word(object, 'hook', "'chain'", HOOKS);
  const span = object.members.get('prio')?.span ?? object.span;
  chain.hook = {
    type: type.value,
    hook: hook.value,
    hookSpan: hook.span,
    priority: { base: value(BigInt(priority), 'integer', 'host', 32, span), offset: 0, span },
    span: object.span,
  };
  const devices = object.members.get('dev');
  if (devices !== undefined) chain.devices = readDevices(input, devices);
  const policy = input.optionalWord(object, 'policy', "'chain'", ['accept', 'drop']);
  if (policy !== undefined) chain.policy = symbol(policy, object.members.get('policy')?.span ?? object.span);
  return chain;
}

/** `add` goes to the end or behind an index, `insert` to the start or before handle or index, `replace` needs a handle. */
function readRuleCommand(input: JsonInput, op: CommandOp, object: JsonObjectNode): Command {
  const { span } = object;
  if (op === 'create') throw input.error("'create' is not available for rules", object);
  const target: Target = { family: input.family(object, "'rule'"), table: input.name(object, 'table', "'rule'") };
  target.name = input.name(object, 'chain', "'rule'");
  const handle = readHandle(input, object);
  if (op === 'delete' || op === 'destroy') {
    if (handle === undefined) throw input.error(`'${op}' of a rule needs its 'handle'`, object);
    return { op, object: 'rule', target: { ...target, handle }, span };
  }
  const command: Command = { op, object: 'rule', target, rule: readRule(input, object), span };
  const index = readHandle(input, object, 'index');
  if (index !== undefined) command.index = index;
  if (op === 'replace') {
    if (handle === undefined) throw input.error("'replace' of a rule needs its 'handle'", object);
    target.handle = handle;
  } else if (op === 'insert' && handle !== undefined) command.position = handle;
  return command;
}

function readRule(input: JsonInput, object: JsonObjectNode): RuleNode {
  const items = input.asArray(input.member(object, 'expr', "'rule'"), "'expr' of 'rule'");
  const rule: RuleNode = { statements: items.map((item) => readStatement(input, item)), span: object.span };
  const comment = input.comment(object);
  if (comment !== undefined) rule.comment = comment;
  return rule;
}

function readFlush(input: JsonInput, holder: JsonObjectNode): Command {
  const name = FLUSHED.find((candidate) => holder.members.has(candidate));
  if (name === undefined) throw input.unknown('what to flush', [...holder.members.keys()][0] ?? '', holder, FLUSHED);
  const node = holder.members.get(name) as JsonNode;
  const { span } = holder;
  if (name === 'ruleset') {
    const given = node.kind === 'object' && node.members.has('family') ? input.family(node, "'ruleset'") : undefined;
    return { op: 'flush', object: 'ruleset', anyFamily: given === undefined, target: { family: given ?? 'ip' }, span };
  }
  const object = input.asObject(node, `'${name}'`);
  if (name === 'table')
    return { op: 'flush', object: 'table', target: readTarget(input, object, name, false, 'table'), span };
  const target = readTarget(input, object, name, false);
  if (name === 'chain') return { op: 'flush', object: 'chain', target, span };
  return { op: 'flush', object: 'set', isMap: name === 'map', target, span };
}

function readRename(input: JsonInput, holder: JsonObjectNode): Command {
  const object = input.asObject(input.member(holder, 'chain', "'rename'"), "'chain'");
  const target = readTarget(input, object, 'chain', false);
  const newName = input.name(object, 'newname', "'rename'");
  return { op: 'rename', object: 'chain', target, newName, span: holder.span };
}
