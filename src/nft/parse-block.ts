// The blocks of a ruleset: tables and what they hold. Grammar: nft(8), "TABLES" to "FLOWTABLES".
import type { Expr, PrioritySpec, Span } from './ast.ts';
import type { ChainBlock, FlowtableBlock, Name, SetBlock, SetFlag, TableBlock, TypeSpec } from './ast-commands.ts';
import { DATATYPES, findDatatype } from './datatypes.ts';
import { symbol, untyped, value } from './expressions.ts';
import type { NamedThing } from './faults.ts';
import type { Token } from './lexer.ts';
import { parseComment, parseConcat, parseInitializer, parseSet } from './parse-expression.ts';
import { atObject, parseObject, skipObjectWords } from './parse-object.ts';
import { SELECTOR_WORDS } from './parse-selector.ts';
import { atStatefulStatement, parseStatefulStatement, parseTime } from './parse-stateful.ts';
import { parseRule, STATEMENT_WORDS } from './parse-statement.ts';
import type { Parser } from './parser.ts';
import { nearest } from './suggest.ts';

const TABLE_FLAGS = ['dormant', 'owner', 'persist'];
const SET_FLAGS = new Set(['constant', 'interval', 'timeout', 'dynamic']);
const OBJECT_WORDS = ['counter', 'quota', 'limit', 'secmark', 'synproxy'];
const ALREADY_SET = 'You can only specify this once. This statement is duplicated.';

/** `include "…" | define x = … | redefine x = … | undefine x`, or an empty line. Returns false when none stands here. */
export function parseCommon(p: Parser): boolean {
  if (p.atSeparator()) {
    p.next();
    return true;
  }
  const word = p.peek().kind === 'word' ? p.peek().text : '';
  if (word === 'include') {
    const start = p.next();
    const token = p.peek();
    if (token.kind !== 'quoted') throw p.unexpected('the quoted name of a file');
    p.next();
    const span = p.spanFrom(start);
    // The separator is taken before the included text is read, as nft's scanner does.
    p.expectSeparator();
    p.enter(p.sources.include(token.text, span));
    return true;
  }
  if (word === 'define' || word === 'redefine') {
    p.next();
    const name = p.identifier('a name');
    p.declares('variable', name.text);
    p.expect('=');
    const initial = parseInitializer(p);
    p.expectSeparator();
    p.sources.defines(name.text, name);
    if (word === 'redefine') p.scope.redefine(name.text, initial);
    else if (!p.scope.define(name.text, initial)) throw p.error(`redefinition of symbol '${name.text}'`, name);
    return true;
  }
  if (word !== 'undefine') return false;
  p.next();
  const name = p.identifier('a name');
  p.expectSeparator();
  if (!p.scope.undefine(name.text)) {
    const meant = nearest(name.text, p.scope.names());
    throw p.error(`undefined symbol '${name.text}'`, name, meant && `did you mean '${meant}'?`);
  }
  return true;
}

export function parseName(p: Parser, what: string): Name {
  const token = p.identifier(what);
  return { text: token.text, span: token };
}

/** A name that is declared here: broken when the declaration turns out to be. */
export function declaredName(p: Parser, thing: NamedThing, what: string): Name {
  const name = parseName(p, what);
  p.declares(thing, name.text);
  return name;
}

function openScope(p: Parser): void {
  if (!p.scope.open()) throw p.error('too many levels of nesting', p.peek());
}

/** `"{" (options | chain | set | map | flowtable | object)* "}"` */
export function parseTableBlock(p: Parser, name: Name): TableBlock {
  p.openBrace();
  const table: TableBlock = { flags: [], chains: [], sets: [], objects: [], flowtables: [] };
  parseTableItems(p, table, name);
  return table;
}

/** What a table's block holds, and its `}`. */
export function parseTableItems(p: Parser, table: TableBlock, name: Name): void {
  openScope(p);
  p.block(`table '${name.text}'`, name.span, 'blocks', () => {
    if (!parseCommon(p)) parseTableItem(p, table);
  });
  p.scope.close();
}

/** Whether a word starts a rule or a hook line. */
export function isRuleWord({ kind, text }: Token): boolean {
  return (
    kind === 'word' && (SELECTOR_WORDS.has(text) || STATEMENT_WORDS.has(text) || text === 'type' || text === 'policy')
  );
}

/** A chain, set, … or setting of a table, with its separator. */
export function parseTableItem(p: Parser, table: TableBlock): void {
  const start = p.peek();
  const objectType = atObject(p);
  if (objectType !== undefined) {
    skipObjectWords(p);
    table.objects.push(parseObject(p, objectType, declaredName(p, 'object', 'a name'), () => parseCommon(p)));
    p.expectSeparator();
    return;
  }
  switch (start.kind === 'word' ? start.text : '') {
    case 'flags':
      p.next();
      do table.flags.push(parseTableFlag(p));
      while (p.accept(','));
      break;
    case 'comment':
      if (table.comment !== undefined) throw p.error(ALREADY_SET, start);
      table.comment = parseComment(p);
      break;
    case 'chain':
      p.next();
      table.chains.push(parseChainBlock(p, declaredName(p, 'chain', 'a chain name')));
      break;
    case 'set':
    case 'map':
      p.next();
      table.sets.push(parseSetBlock(p, declaredName(p, 'set', `a ${start.text} name`), start.text === 'map'));
      break;
    case 'flowtable':
      p.next();
      table.flowtables.push(parseFlowtableBlock(p, declaredName(p, 'flowtable', 'a flowtable name')));
      break;
    case 'flow':
      p.next();
      p.expect('table');
      p.sources.warn("'flow table' is an old spelling: write 'flowtable'", p.spanFrom(start));
      table.flowtables.push(parseFlowtableBlock(p, declaredName(p, 'flowtable', 'a flowtable name')));
      break;
    default: {
      const isRule = isRuleWord(start);
      if (isRule) p.surplusTold = true;
      const hint = isRule ? "rules stand inside of a chain: does a '}' before end it too early?" : undefined;
      const words = ['chain', 'set', 'map', 'flowtable', 'flags', 'comment', 'ct', ...OBJECT_WORDS];
      throw p.unexpected("a chain, set, map, flowtable, object or '}'", words, hint);
    }
  }
  p.expectSeparator();
}

function parseTableFlag(p: Parser): string {
  const token = p.peek();
  if (token.kind !== 'word' || !TABLE_FLAGS.includes(token.text)) {
    throw p.error(`unknown table option ${token.text}`, token, `one of ${TABLE_FLAGS.join(', ')}`);
  }
  return p.next().text;
}

/** `"{" (hook line | policy | devices | flags | comment | rule)* "}"` */
export function parseChainBlock(p: Parser, name: Name): ChainBlock {
  p.openBrace();
  openScope(p);
  const chain: ChainBlock = { name, offload: false, rules: [], span: name.span };
  p.block(`chain '${name.text}'`, name.span, 'items', () => {
    if (!parseCommon(p)) parseChainItem(p, chain);
  });
  p.scope.close();
  return chain;
}

function parseChainItem(p: Parser, chain: ChainBlock): void {
  if (p.at('type') && p.at('hook', 2)) {
    // A chain whose hook line is wrong is none without a hook.
    chain.brokenHook = true;
    parseHook(p, chain);
    p.expectSeparator();
    delete chain.brokenHook;
    return;
  }
  if (p.at('policy')) parsePolicy(p, chain);
  else if (p.at('flags') && p.at('offload', 1)) {
    p.next();
    p.next();
    chain.offload = true;
  } else if (p.at('devices') && p.at('=', 1)) {
    p.next();
    p.next();
    const devices = parseDevices(p);
    chain.devices =
      chain.devices?.kind === 'list' && devices.kind === 'list'
        ? { ...chain.devices, items: [...chain.devices.items, ...devices.items] }
        : devices;
  } else if (p.at('comment')) {
    if (chain.comment !== undefined) throw p.error(ALREADY_SET, p.peek());
    chain.comment = parseComment(p);
  } else chain.rules.push(parseRule(p));
  p.expectSeparator();
}

/** `"type" TYPE "hook" HOOK [device X | devices = {…}] "priority" PRIORITY` */
function parseHook(p: Parser, chain: ChainBlock): void {
  const start = p.expect('type');
  const type = p.identifier('a chain type');
  if (!['filter', 'nat', 'route'].includes(type.text)) {
    throw p.error('unknown chain type', type, suggest(type.text, ['filter', 'nat', 'route']));
  }
  p.expect('hook');
  const hook = p.identifier('a hook');
  const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress', 'egress'];
  if (!hooks.includes(hook.text)) throw p.error('unknown chain hook', hook, suggest(hook.text, hooks));
  if (p.accept('device')) {
    const device = p.peek();
    const one = p.at('$') ? p.variable() : deviceName(p);
    chain.devices = { ...untyped(device), kind: 'list', items: [one] };
  } else if (p.at('devices')) {
    p.next();
    p.expect('=');
    chain.devices = parseDevices(p);
  }
  const priority = parsePriority(p);
  chain.hook = { type: type.text, hook: hook.text, priority, span: p.spanFrom(start), hookSpan: hook };
}

function suggest(text: string, names: readonly string[]): string | undefined {
  const meant = nearest(text, names);
  return meant === undefined ? `one of ${names.join(', ')}` : `did you mean '${meant}'?`;
}

/** `"priority" (N | -N | $x | NAME [+|- N])` */
export function parsePriority(p: Parser): PrioritySpec {
  const start = p.expect('priority');
  if (p.at('$')) return { base: p.variable(), offset: 0, span: p.spanFrom(start) };
  const negative = p.accept('-');
  if (negative || p.peek().kind === 'number') {
    const number = p.number('a priority', 0x80000000) * (negative ? -1 : 1);
    return {
      base: value(BigInt(number), 'integer', 'host', 32, p.spanFrom(start)),
      offset: 0,
      span: p.spanFrom(start),
    };
  }
  const token = p.identifier('a priority');
  // `filter-1` is one word to the lexer.
  const glued = /^([a-z]+)-(\d+)$/.exec(token.text);
  if (glued !== null)
    return { base: symbol(glued[1] as string, token), offset: -Number(glued[2]), span: p.spanFrom(start) };
  let offset = 0;
  if (p.accept('+')) offset = p.number('a number', 0x7fffffff);
  else if (p.accept('-')) offset = -p.number('a number', 0x7fffffff);
  return { base: symbol(token.text, token), offset, span: p.spanFrom(start) };
}

function parsePolicy(p: Parser, chain: ChainBlock): void {
  const start = p.expect('policy');
  if (chain.policy !== undefined) throw p.error('you cannot set chain policy twice', start);
  if (p.at('$')) chain.policy = p.variable();
  else if (p.at('accept') || p.at('drop')) {
    const token = p.next();
    chain.policy = symbol(token.text, p.spanFrom(start));
  } else throw p.unexpected("'accept' or 'drop'", ['accept', 'drop']);
}

function deviceName(p: Parser): Expr {
  const token = p.string('the name of a device');
  if (token.text === '') throw p.error('empty interface name', token);
  if (token.text.length > 15) throw p.error('interface name too long, at most 15 characters', token);
  return symbol(token.text, token, true);
}

/** `"{" device ("," device)* "}" | $x` */
function parseDevices(p: Parser): Expr {
  const start = p.peek();
  if (p.at('$')) return p.variable();
  p.expect('{');
  const items: Expr[] = [];
  p.skipNewlines();
  while (!p.at('}')) {
    items.push(p.at('$') ? p.variable() : deviceName(p));
    p.skipNewlines();
    if (!p.at('}')) p.expect(',');
    p.skipNewlines();
  }
  p.next();
  return { ...untyped(p.spanFrom(start)), kind: 'list', items };
}

/** `"{" (hook … priority … | devices = {…} | counter | flags offload)* "}"` */
export function parseFlowtableBlock(p: Parser, name: Name): FlowtableBlock {
  p.openBrace();
  const flowtable: FlowtableBlock = { name, offload: false, counter: false, span: name.span };
  whole(p, `flowtable '${name.text}'`, name, () => {
    if (parseCommon(p)) return;
    if (p.accept('hook')) {
      const hook = p.identifier('a hook');
      if (hook.text !== 'ingress')
        throw p.error(`a flowtable works at the ingress hook, not ${hook.text}`, hook, suggest(hook.text, ['ingress']));
      flowtable.hook = { text: hook.text, span: hook };
      flowtable.priority = parsePriority(p);
    } else if (p.accept('devices')) {
      p.expect('=');
      flowtable.devices = parseDevices(p);
    } else if (p.accept('counter')) flowtable.counter = true;
    else if (p.accept('flags')) {
      p.expect('offload');
      flowtable.offload = true;
    } else throw p.unexpected("hook, devices, counter, flags or '}'", ['hook', 'devices', 'counter', 'flags']);
    p.expectSeparator();
  });
  return flowtable;
}

/** `"{" (type | typeof | flags | timeout | gc-interval | size | policy | auto-merge | statements | elements | comment)* "}"` */
export function parseSetBlock(p: Parser, name: Name, isMap: boolean): SetBlock {
  p.openBrace();
  const set: SetBlock = { name, isMap, flags: [], autoMerge: false, statements: [], span: name.span };
  whole(p, `${isMap ? 'map' : 'set'} '${name.text}'`, name, () => {
    if (!parseCommon(p) && !parseSetItem(p, set)) {
      throw p.unexpected("a setting of the set or '}'", [
        'type',
        'typeof',
        'flags',
        'timeout',
        'gc-interval',
        'size',
        'policy',
        'auto-merge',
        'elements',
        'comment',
      ]);
    }
  });
  return set;
}

/** The items of a block that means nothing when one of them is wrong: all errors are kept, then what it declares is broken. */
function whole(p: Parser, what: string, name: Name, item: () => void): void {
  const before = p.sources.faults.count;
  p.block(what, name.span, 'items', item);
  if (p.sources.faults.count > before) throw p.sources.consequence(name.span);
}

function parseSetItem(p: Parser, set: SetBlock): boolean {
  const start = p.peek();
  if (start.kind !== 'word') return false;
  if (atStatefulStatement(p)) {
    set.statements.push(parseStatefulStatement(p));
    return true;
  }
  switch (start.text) {
    case 'type':
    case 'typeof':
      parseTypes(p, set);
      break;
    case 'flags':
      p.next();
      set.flags = set.isMap ? set.flags : [];
      do {
        if (!p.atAny(SET_FLAGS)) throw p.unexpected('a set flag', SET_FLAGS);
        set.flags.push(p.next().text as SetFlag);
      } while (p.accept(','));
      break;
    case 'timeout':
      p.next();
      set.timeoutMs = parseTime(p);
      break;
    case 'gc-interval':
      p.next();
      set.gcIntervalMs = parseTime(p);
      break;
    case 'size':
      p.next();
      set.size = p.number('number', 0xffffffff);
      break;
    case 'policy':
      p.next();
      if (!p.at('performance') && !p.at('memory'))
        throw p.unexpected("'performance' or 'memory'", ['performance', 'memory']);
      set.policy = p.next().text as 'performance' | 'memory';
      break;
    case 'auto-merge':
      p.next();
      set.autoMerge = true;
      return true;
    case 'elements':
      if (set.elements !== undefined) throw p.error(ALREADY_SET, start);
      p.next();
      p.expect('=');
      set.elements = parseElements(p);
      return true;
    case 'comment':
      if (set.comment !== undefined) throw p.error(ALREADY_SET, start);
      set.comment = parseComment(p);
      break;
    default:
      return false;
  }
  p.expectSeparator();
  return true;
}

/** `set_block_expr: "{" … "}" | $x` */
export function parseElements(p: Parser): Expr {
  return p.at('$') ? p.variable() : parseSet(p, { mayLackBrace: true });
}

/** `"type" T (. T)* [: [interval] DATA]`, `"typeof" EXPR [: …]` */
function parseTypes(p: Parser, set: SetBlock): void {
  const start = p.next();
  if (set.key !== undefined) throw p.error(ALREADY_SET, start);
  const byExpression = start.text === 'typeof';
  set.key = byExpression ? parseTypeof(p) : { expr: parseTypeNames(p) };
  if (!set.isMap) return;
  p.expect(':');
  const objectType = atObject(p);
  if (objectType !== undefined && !(p.at('ct') && p.at('helper', 1) && !byExpression) && !atCtSelector(p)) {
    skipObjectWords(p);
    set.objectType = objectType;
    return;
  }
  const interval = p.accept('interval');
  if (p.peek().kind === 'word' && p.peek().text === 'verdict') {
    const token = p.next();
    set.data = { expr: { ...untyped(token), kind: 'verdict', code: 'accept', datatype: 'verdict' } };
  } else if (byExpression && p.at('queue')) {
    set.data = { expr: value(0n, 'integer', 'host', 16, p.next()), typeofText: 'queue' };
  } else set.data = byExpression ? parseTypeof(p) : { expr: parseTypeNames(p) };
  if (interval) set.data.interval = true;
}

/** `ct mark` is a selector, `ct timeout` an object. */
function atCtSelector(p: Parser): boolean {
  return p.at('ct') && !['helper', 'timeout', 'expectation'].includes(p.peek(1).text);
}

function parseTypeof(p: Parser): TypeSpec {
  const start = p.peek();
  const expr = parseConcat(p, 'left');
  return { expr, typeofText: p.sources.slice(p.spanFrom(start)).replace(/\s+/g, ' ').trim() };
}

function parseTypeNames(p: Parser): Expr {
  const start = p.peek();
  const parts = [parseTypeName(p)];
  while (p.accept('.')) parts.push(parseTypeName(p));
  return parts.length === 1 ? (parts[0] as Expr) : { ...untyped(p.spanFrom(start)), kind: 'concat', parts };
}

function parseTypeName(p: Parser): Expr {
  const token = p.peek();
  const name = token.text === 'time' ? 'duration' : token.text;
  const type = token.kind === 'word' ? findDatatype(name) : undefined;
  if (type === undefined || (name === 'duration' && token.text !== 'time')) {
    if (token.kind !== 'word') throw p.unexpected('the name of a datatype');
    const names: string[] = DATATYPES.map((type) => type.name);
    throw p.error(
      `unknown datatype ${token.text}`,
      token,
      suggest(token.text, names)?.startsWith('did') ? suggest(token.text, names) : undefined,
    );
  }
  p.next();
  const bits = name === 'duration' ? 64 : type.bits;
  return value(0n, name, type.base === 'string' || type.byteOrder === 'host' ? 'host' : 'big', bits, token as Span);
}
