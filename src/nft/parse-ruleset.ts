// The commands of a ruleset file, in order: declarations with or without `add`, and what changes or removes them.
// Those that only show something are in parse-show.ts.
import { own } from '../base/own.ts';
import type { Family } from '../bytecode/ruleset.ts';
import type { Span } from './ast.ts';
import type { Command, CommandOp, Target } from './ast-commands.ts';
import type { Token } from './lexer.ts';
import {
  isRuleWord,
  parseChainBlock,
  parseCommon,
  parseElements,
  parseFlowtableBlock,
  parseName,
  parseSetBlock,
  parseTableBlock,
  parseTableItem,
  parseTableItems,
} from './parse-block.ts';
import { atObject, FAMILIES, parseObject, skipObjectWords } from './parse-object.ts';
import { parseShow } from './parse-show.ts';
import { parseRule } from './parse-statement.ts';
import { Parser, RESERVED } from './parser.ts';
import type { Sources } from './source.ts';

const OBJECTS = [
  'table',
  'chain',
  'rule',
  'set',
  'map',
  'element',
  'flowtable',
  'counter',
  'quota',
  'limit',
  'ct',
  'secmark',
  'synproxy',
];
const OPS: Record<string, CommandOp> = {
  add: 'add',
  create: 'create',
  insert: 'insert',
  replace: 'replace',
  delete: 'delete',
  destroy: 'destroy',
  flush: 'flush',
  rename: 'rename',
  list: 'ignored',
  get: 'ignored',
  reset: 'ignored',
  monitor: 'ignored',
  describe: 'ignored',
  export: 'ignored',
  import: 'ignored',
};

/** All commands of a ruleset, includes read where they stand. Throws NftError. */
export function parseRuleset(sources: Sources): Command[] {
  const p = new Parser(sources);
  const commands: Command[] = [];
  let done = false;
  const stray = { told: false };
  while (!done) {
    p.attempt(() => {
      done = p.peek().kind === 'end';
      if (done || parseCommon(p)) return;
      if (p.at('}')) refuseBrace(p);
      else if (readStrayBlock(p, commands.at(-1), stray)) return;
      else commands.push(parseCommand(p));
      p.expectSeparator();
    });
  }
  return commands;
}

/** A `}` too many is told when nothing else was wrong: else it probably follows from that. */
function refuseBrace(p: Parser): void {
  const brace = p.next();
  if (p.sources.faults.count === 0)
    throw p.sources.syntaxError("syntax error, unexpected '}'", brace, "one '}' too many");
}

/**
 * `chain NAME {` outside of a table. Behind one, a brace too many closed it too early: that is told once, and the rest of the
 * table is read as such. Elsewhere the block is read for what is wrong in it, and dropped. Returns false when something else
 * stands here.
 */
function readStrayBlock(p: Parser, last: Command | undefined, stray: { told: boolean }): boolean {
  const word = p.peek();
  if (word.kind !== 'word' || !['chain', 'set', 'map', 'flowtable'].includes(word.text)) return false;
  const name = p.peek(1);
  if (name.kind !== 'word' || !p.at('{', 2)) return false;
  const { faults } = p.sources;
  if (last?.object === 'table' && last.block === undefined && last.op === 'add' && last.target.table !== undefined) {
    const table = last.target.table;
    faults.add(
      p.sources.syntaxError(`syntax error, table '${table.text}' has no block`, table.span, "a '{' is missing"),
    );
    last.block = { flags: [], chains: [], sets: [], objects: [], flowtables: [] };
    p.open();
    parseTableItems(p, last.block, table);
    p.expectSeparator();
    return true;
  }
  if (last?.object === 'table' && last.block !== undefined && last.target.table !== undefined) {
    const table = last.target.table;
    // Another brace too many before may be why.
    if (p.surplusTold) {
      parseTableItems(p, last.block, table);
      p.expectSeparator();
      return true;
    }
    const closing = { source: last.span.source, start: last.span.end - 1, end: last.span.end };
    const message = `table '${table.text}' ends with this '}', yet ${word.text} '${name.text}' follows it`;
    faults.add(p.sources.syntaxError(message, closing, "one '}' too many before?"));
    parseTableItems(p, last.block, table);
    p.expectSeparator();
    return true;
  }
  const remedy = "put it into 'table inet NAME { … }', or check the file that includes this one";
  if (!stray.told)
    faults.add(
      p.sources.syntaxError('syntax error, chains, sets and flowtables stand inside of a table', word, remedy),
    );
  stray.told = true;
  parseTableItem(p, { flags: [], chains: [], sets: [], objects: [], flowtables: [] });
  return true;
}

function parseCommand(p: Parser): Command {
  const start = p.peek();
  if (start.kind !== 'word') throw p.unexpected('a command', [...Object.keys(OPS), ...OBJECTS]);
  let op = own(OPS, start.text);
  if (op === 'ignored') return parseShow(p);
  if (op === undefined) op = 'add';
  else p.next();
  if (op === 'rename') return parseRename(p, start);
  if (op === 'flush') return parseFlush(p, start);
  const objectType = atObject(p);
  if (objectType !== undefined) {
    skipObjectWords(p);
    const target = parseTarget(p, 'a name', op);
    const hasBody = op === 'add' || op === 'create';
    if (hasBody && target.name !== undefined) {
      p.declares('object', target.name.text);
      const block = parseObject(p, objectType, target.name, () => parseCommon(p));
      return { op, object: 'object', objectType, target, block, span: p.spanFrom(start) };
    }
    return { op, object: 'object', objectType, target, span: p.spanFrom(start) };
  }
  switch (p.peek().kind === 'word' ? p.peek().text : '') {
    case 'table':
      return parseTable(p, op, start);
    case 'chain':
      return parseChain(p, op, start);
    case 'rule':
      p.next();
      return parseRuleCommand(p, op, start);
    case 'set':
    case 'map':
      return parseSet(p, op, start);
    case 'element': {
      p.next();
      const target = parseTarget(p, 'a set name', op);
      return { op, object: 'element', target, elements: parseElements(p), span: p.spanFrom(start) };
    }
    case 'flowtable': {
      p.next();
      const target = parseTarget(p, 'a flowtable name', op);
      if (p.at('{') && target.name !== undefined) {
        p.declares('flowtable', target.name.text);
        return { op, object: 'flowtable', target, block: parseFlowtableBlock(p, target.name), span: p.spanFrom(start) };
      }
      if (op === 'add' || op === 'create') throw p.unexpected("'{'");
      return { op, object: 'flowtable', target, span: p.spanFrom(start) };
    }
    default:
      if (op === 'add' && startsRule(p)) return parseRuleCommand(p, op, start);
      throw unexpectedCommand(p, start);
  }
}

/** Neither a command nor an object; rules that stand here were cut off from their chain. */
function unexpectedCommand(p: Parser, start: Token): Error {
  const isRule = start === p.peek() && isRuleWord(start);
  if (isRule) p.surplusTold = true;
  const hint = isRule ? "rules stand inside of a chain: does a '}' before end it too early?" : undefined;
  return p.unexpected('an object', [...OBJECTS, ...(Object.hasOwn(OPS, start.text) ? [] : Object.keys(OPS))], hint);
}

/** `add [family] TABLE CHAIN statements`: the word `rule` may be left out. */
function startsRule(p: Parser): boolean {
  const from = FAMILIES.has(p.peek().text) ? 1 : 0;
  const names = [p.peek(from), p.peek(from + 1)];
  return names.every((token) => token.kind === 'word' && !RESERVED.has(token.text)) && !p.at('{', from + 2);
}

/** `[family] TABLE [NAME | handle N]` */
function parseTarget(p: Parser, what: string | undefined, op: CommandOp): Target {
  const target: Target = { family: parseFamily(p) };
  const mayBeHandle = op === 'delete' || op === 'destroy';
  if (mayBeHandle && what === undefined && p.at('handle')) {
    target.handle = parseHandle(p);
    return target;
  }
  target.table = parseName(p, 'a table name');
  if (what === undefined) return target;
  if (mayBeHandle && p.at('handle')) target.handle = parseHandle(p);
  else target.name = parseName(p, what);
  return target;
}

function parseFamily(p: Parser): Family {
  return p.atAny(FAMILIES) ? (p.next().text as Family) : 'ip';
}

function parseHandle(p: Parser): { number: number; span: Span } {
  const start = p.next();
  const number = p.number('a handle');
  return { number, span: p.spanFrom(start) };
}

function parseTable(p: Parser, op: CommandOp, start: Span): Command {
  p.expect('table');
  const target = parseTarget(p, undefined, op);
  if (p.at('{') && (op === 'add' || op === 'create') && target.table !== undefined) {
    return { op, object: 'table', target, block: parseTableBlock(p, target.table), span: p.spanFrom(start) };
  }
  return { op, object: 'table', target, span: p.spanFrom(start) };
}

function parseChain(p: Parser, op: CommandOp, start: Span): Command {
  p.expect('chain');
  const target = parseTarget(p, 'a chain name', op);
  if (p.at('{') && target.name !== undefined) {
    p.declares('chain', target.name.text);
    return { op, object: 'chain', target, block: parseChainBlock(p, target.name), span: p.spanFrom(start) };
  }
  return { op, object: 'chain', target, span: p.spanFrom(start) };
}

function parseSet(p: Parser, op: CommandOp, start: Span): Command {
  const isMap = p.next().text === 'map';
  const target = parseTarget(p, isMap ? 'a map name' : 'a set name', op);
  if (op === 'add' || op === 'create') {
    if (target.name === undefined) throw p.unexpected('a set name');
    p.declares('set', target.name.text);
    return { op, object: 'set', isMap, target, block: parseSetBlock(p, target.name, isMap), span: p.spanFrom(start) };
  }
  return { op, object: 'set', isMap, target, span: p.spanFrom(start) };
}

/** `TABLE CHAIN [position N | handle N | index N] rule` */
function parseRuleCommand(p: Parser, op: CommandOp, start: Span): Command {
  const target: Target = { family: parseFamily(p), table: parseName(p, 'a table name') };
  target.name = parseName(p, 'a chain name');
  const command: Command = { op, object: 'rule', target, span: p.spanFrom(start) };
  if (p.at('handle')) {
    const handle = parseHandle(p);
    if (op === 'add' || op === 'insert') command.position = handle;
    else target.handle = handle;
  } else if (p.at('position')) command.position = parseHandle(p);
  else if (p.at('index')) command.index = parseHandle(p);
  if (op === 'delete' || op === 'destroy') {
    if (target.handle === undefined) throw p.unexpected("'handle' and a number");
  } else command.rule = parseRule(p);
  return { ...command, span: p.spanFrom(start) };
}

function parseRename(p: Parser, start: Span): Command {
  p.expect('chain');
  const target = parseTarget(p, 'a chain name', 'rename');
  return { op: 'rename', object: 'chain', target, newName: parseName(p, 'a chain name'), span: p.spanFrom(start) };
}

/** `flush ruleset [family] | table … | chain … | set … | map … | meter …` */
function parseFlush(p: Parser, start: Span): Command {
  const words = ['ruleset', 'table', 'chain', 'set', 'map', 'meter', 'flow'];
  const token = p.peek();
  if (!words.includes(token.text)) throw p.unexpected('what to flush', words);
  p.next();
  switch (token.text) {
    case 'ruleset': {
      const anyFamily = !p.atAny(FAMILIES);
      return { op: 'flush', object: 'ruleset', anyFamily, target: { family: parseFamily(p) }, span: p.spanFrom(start) };
    }
    case 'table':
      return { op: 'flush', object: 'table', target: parseTarget(p, undefined, 'flush'), span: p.spanFrom(start) };
    case 'chain':
      return { op: 'flush', object: 'chain', target: parseTarget(p, 'a chain name', 'flush'), span: p.spanFrom(start) };
    default: {
      if (token.text === 'flow') p.expect('table');
      const isMap = token.text === 'map';
      return { op: 'flush', object: 'set', isMap, target: parseTarget(p, 'a name', 'flush'), span: p.spanFrom(start) };
    }
  }
}
