// Rules and their statements (nft(8), "STATEMENTS"). A rule is statements, then perhaps a comment.

import { type NftError, NftSyntaxError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { MetaKey, ObjectType } from '../bytecode/expression.ts';
import type { ElementExpr, Expr, RelationalOperator, RuleNode, Span, Stmt } from './ast.ts';
import { exthdr, symbol, untyped } from './expressions.ts';
import {
  atVerdict,
  parseComment,
  parseConcat,
  parseElementOptions,
  parseMatchValue,
  parseSet,
  parseSetReference,
  parseStatementValue,
  parseVerdict,
} from './parse-expression.ts';
import { tcpOptionKind } from './parse-header.ts';
import { parseDup, parseFwd, parseNat, parseQueue, parseTproxy } from './parse-nat.ts';
import { SELECTOR_WORDS } from './parse-selector.ts';
import { atStatefulStatement, parseStatefulStatement } from './parse-stateful.ts';
import { type Parser, RESERVED } from './parser.ts';
import { LOG_LEVEL, symbolValue } from './symbols.ts';

/** Words that start a statement. */
export const STATEMENT_WORDS = new Set(
  (
    'accept drop continue return jump goto counter limit quota last log reject snat dnat masquerade redirect notrack flow dup fwd queue ' +
    'synproxy tproxy meter set add update delete reset'
  ).split(' '),
);
const RELATIONAL: Record<string, RelationalOperator> = {
  '==': 'eq',
  eq: 'eq',
  '!=': 'neq',
  ne: 'neq',
  '<': 'lt',
  lt: 'lt',
  '<=': 'lte',
  le: 'lte',
  '>': 'gt',
  gt: 'gt',
  '>=': 'gte',
  ge: 'gte',
  '!': 'not',
  not: 'not',
};

/** `rule: statement+ [comment]` */
export function parseRule(p: Parser): RuleNode {
  const start = p.peek();
  const rule: RuleNode = { statements: [] };
  while (p.peek().kind !== 'newline' && p.peek().kind !== 'end' && !p.at(';') && !p.at('}')) {
    if (p.at('comment') && rule.statements.length > 0) {
      rule.comment = parseComment(p);
      break;
    }
    rule.statements.push(parseStatement(p));
  }
  if (rule.statements.length === 0) throw p.unexpected('a statement');
  rule.span = p.spanFrom(start);
  return rule;
}

export function parseStatement(p: Parser): Stmt {
  const start = p.peek();
  if (start.kind === 'word') {
    if ((start.text === 'jump' || start.text === 'goto') && p.at('{', 1)) return parseSubchain(p);
    if (atVerdict(p)) {
      const expr = parseVerdict(p);
      return { kind: 'verdict', expr, span: p.spanFrom(start) };
    }
    if (atStatefulStatement(p)) return parseStatefulStatement(p);
    const statement = parseKeywordStatement(p);
    if (statement !== undefined) return statement;
    if (!SELECTOR_WORDS.has(start.text) && (RESERVED.has(start.text) || !looksLikeValue(start.text))) {
      const error = p.unexpected('a match or statement', [...STATEMENT_WORDS, ...SELECTOR_WORDS]);
      const meant = /^did you mean '([a-z0-9]+)'\?$/.exec(error.hint ?? '')?.[1];
      if (meant === undefined) throw error;
      return parseRepaired(p, error, meant);
    }
  }
  return parseMatch(p);
}

/** Goes on as if the misspelt word were the one that is meant, to find what else is wrong with the rule. */
function parseRepaired(p: Parser, error: NftError, meant: string): Stmt {
  p.repair(error, meant);
  let statement: Stmt | undefined;
  try {
    statement = parseStatement(p);
  } catch (second) {
    // A guess must not bring errors of its own.
    if (!(second instanceof NftSyntaxError)) throw second;
  }
  if (statement === undefined) throw p.sources.consequence(p.last);
  return statement;
}

/** An address or number may stand on the left, if only to be refused with a better message. */
function looksLikeValue(text: string): boolean {
  return /^[0-9]|[:]/.test(text);
}

function parseKeywordStatement(p: Parser): Stmt | undefined {
  const start = p.peek();
  switch (start.text) {
    case 'counter':
    case 'quota':
    case 'limit':
      return parseObjectReference(p, start.text);
    case 'log':
      return parseLog(p);
    case 'reject':
      return parseReject(p);
    case 'snat':
    case 'dnat':
    case 'masquerade':
    case 'redirect':
      return parseNat(p);
    case 'tproxy':
      return parseTproxy(p);
    case 'synproxy':
      return p.at('name', 1) ? parseObjectReference(p, 'synproxy') : parseSynproxy(p);
    case 'notrack':
      p.next();
      return { kind: 'notrack', span: start };
    case 'flow':
      return parseFlow(p);
    case 'dup':
      return parseDup(p);
    case 'fwd':
      return parseFwd(p);
    case 'queue':
      return parseQueue(p);
    case 'meter':
      return parseMeter(p);
    case 'set':
    case 'add':
    case 'update':
    case 'delete':
      return parseSetStatement(p);
    case 'reset':
      return parseReset(p);
    case 'xt':
      throw p.sources.unsupported('xt (an iptables extension in an nft ruleset)', start);
    case 'ct':
      return p.at('set', 2) && ['timeout', 'expectation', 'helper'].includes(p.peek(1).text)
        ? parseCtObject(p)
        : undefined;
    default:
      return undefined;
  }
}

/** `counter name EXPR`, `limit name …`, `quota name …`, `synproxy name …` */
function parseObjectReference(p: Parser, objectType: ObjectType): Stmt {
  const start = p.next();
  p.expect('name');
  const expr = parseStatementValue(p);
  return { kind: 'objref', objectType, expr, span: p.spanFrom(start) };
}

/** `ct helper|timeout|expectation set EXPR` */
function parseCtObject(p: Parser): Stmt {
  const start = p.next();
  const objectType = `ct ${p.next().text}` as ObjectType;
  p.expect('set');
  const expr = parseStatementValue(p);
  return { kind: 'objref', objectType, expr, span: p.spanFrom(start) };
}

/** `flow add @ft`, before nft 0.9.5 spelt `flow offload @ft`; `flow table NAME {…}` is a meter's spelling before 0.8.1. */
function parseFlow(p: Parser): Stmt {
  const start = p.expect('flow');
  if (p.accept('table')) {
    p.sources.warn("'flow table' is an old spelling: write 'meter'", p.spanFrom(start));
    return parseMeterTail(p, start);
  }
  const spelling = p.peek();
  if (!p.accept('offload')) {
    if (!p.at('add')) throw p.unexpected("'add'", ['add', 'offload']);
    p.next();
  } else p.sources.warn("'flow offload' is an old spelling: write 'flow add'", p.spanFrom(start));
  if (p.at('@')) p.next();
  else throw p.unexpected("'@' and the name of a flowtable");
  const name = p.string('the name of a flowtable');
  const span = p.spanFrom(start);
  return { kind: 'flow', flowtable: name.text, span: spelling.source === span.source ? span : start };
}

/** `jump|goto { rules }` */
function parseSubchain(p: Parser): Stmt {
  return p.nest(() => {
    const start = p.next();
    p.expect('{');
    const statements: RuleNode[] = [];
    for (;;) {
      while (p.atSeparator()) p.next();
      if (p.accept('}')) break;
      statements.push(parseRule(p));
      p.expectSeparator();
    }
    return { kind: 'chain', code: start.text as 'jump' | 'goto', statements, span: p.spanFrom(start) };
  });
}

/** `meter NAME [size N] { KEY STATEMENT }` */
function parseMeter(p: Parser): Stmt {
  return parseMeterTail(p, p.expect('meter'));
}

/** A meter from its name on. */
function parseMeterTail(p: Parser, start: Span): Stmt {
  const name = p.identifier('a name').text;
  const size = p.accept('size') ? p.number('number', 0xffffffff) : undefined;
  p.expect('{');
  const key = parseKeyElement(p);
  const statement = p.nest(() => parseStatement(p));
  p.expect('}');
  const meter = { kind: 'meter' as const, name, key, statement, span: p.spanFrom(start) };
  return size === undefined ? meter : { ...meter, size };
}

/** A key taken from the packet, with timeout and the like. */
function parseKeyElement(p: Parser): ElementExpr {
  const start = p.peek();
  const element: ElementExpr = { ...untyped(start), kind: 'element', key: parseConcat(p, 'left'), statements: [] };
  parseElementOptions(p, element, false);
  element.span = p.spanFrom(start);
  return element;
}

/** `add|update|delete @SET { KEY [statements] [: DATA] }`, or the old `set add KEY @SET`. */
function parseSetStatement(p: Parser): Stmt {
  const start = p.peek();
  const isOld = p.accept('set');
  if (!isOld && !p.at('@', 1) && !p.at('$', 1))
    throw p.unexpected('a match or statement', [...STATEMENT_WORDS, ...SELECTOR_WORDS]);
  if (!p.at('add') && !p.at('update') && !p.at('delete'))
    throw p.unexpected('add, update or delete', ['add', 'update', 'delete']);
  const op = p.next().text as 'add' | 'update' | 'delete';
  if (isOld) {
    const key = parseKeyElement(p);
    const set = parseSetReference(p);
    return { kind: 'set', op, set, key, statements: [], span: p.spanFrom(start) };
  }
  const set = parseSetReference(p);
  p.expect('{');
  const key = parseKeyElement(p);
  const statements: Stmt[] = [];
  while (atStatefulStatement(p)) statements.push(parseStatefulStatement(p));
  const data = p.accept(':') ? parseKeyElement(p) : undefined;
  p.expect('}');
  const span = p.spanFrom(start);
  return data === undefined
    ? { kind: 'set', op, set, key, statements, span }
    : { kind: 'set', op, set, key, data, statements, span };
}

/** `reset tcp option NAME` */
function parseReset(p: Parser): Stmt {
  const start = p.expect('reset');
  p.expect('tcp');
  p.expect('option');
  const { header } = tcpOptionKind(p);
  const span = p.spanFrom(start);
  const kind = header.fields[0] ?? { name: 'kind', offset: 0, length: 8, datatype: 'integer' as const };
  return { kind: 'exthdr-reset', target: exthdr('tcpopt', header, kind, false, span), span };
}

/** `synproxy [mss N] [wscale N] [timestamp] [sack-perm]` */
function parseSynproxy(p: Parser): Stmt {
  const start = p.expect('synproxy');
  const statement = { kind: 'synproxy' as const, timestamp: false, sackPerm: false } as Extract<
    Stmt,
    { kind: 'synproxy' }
  >;
  for (;;) {
    if (p.accept('mss') || p.accept('maxseg')) statement.mss = p.number('number', 0xffff);
    else if (p.accept('wscale')) statement.wscale = p.number('number', 0xff);
    else if (p.accept('timestamp')) statement.timestamp = true;
    else if (p.accept('sack-perm') || p.accept('sack-permitted')) statement.sackPerm = true;
    else return { ...statement, span: p.spanFrom(start) };
  }
}

/** `log [prefix "…"] [level L] [flags F] | log group N [snaplen N] [queue-threshold N]` */
function parseLog(p: Parser): Stmt {
  const start = p.expect('log');
  const log: Extract<Stmt, { kind: 'log' }> = { kind: 'log', flags: 0 };
  for (;;) {
    if (p.accept('prefix')) log.prefix = expandVariables(p, p.string('a string'));
    else if (p.accept('group')) log.group = p.number('number', 0xffff);
    else if (p.accept('snaplen')) log.snaplen = p.number('number', 0xffffffff);
    else if (p.accept('queue-threshold')) log.queueThreshold = p.number('number', 0xffff);
    else if (p.accept('level')) {
      const token = p.string('a log level');
      const level = symbolValue(LOG_LEVEL, token.text);
      if (level === undefined)
        throw p.error('invalid log level', token, `one of ${LOG_LEVEL.map(([name]) => name).join(', ')}`);
      log.level = level;
    } else if (p.accept('flags')) log.flags |= parseLogFlags(p);
    else return { ...log, span: p.spanFrom(start) };
  }
}

/** `tcp sequence,options | ip options | skuid | ether | all`: NF_LOG_* bits. */
function parseLogFlags(p: Parser): number {
  if (p.accept('skuid')) return 8;
  if (p.accept('ether')) return 32;
  if (p.accept('all')) return 0x2f;
  if (p.accept('ip')) {
    p.expect('options');
    return 4;
  }
  p.expect('tcp');
  let flags = 0;
  do {
    if (p.accept('sequence')) flags |= 1;
    else if (p.accept('options')) flags |= 2;
    else throw p.unexpected('sequence or options', ['sequence', 'options']);
  } while (p.accept(','));
  return flags;
}

/** `$name` inside a log prefix. */
function expandVariables(p: Parser, token: { text: string } & Span): string {
  return token.text.replace(/\$([a-zA-Z_][a-zA-Z0-9_]*)/g, (_, name: string) => {
    const value = p.scope.lookup(name);
    p.sources.uses(name);
    if (value === undefined) throw p.sources.missing('variable', name, 'definition', token);
    if (value.kind !== 'symbol') throw p.error(`'${name}' is no text that a log prefix can hold`, token);
    return value.text;
  });
}

/** `reject [with icmp|icmpv6|icmpx [type] CODE | with tcp reset]` */
function parseReject(p: Parser): Stmt {
  const start = p.expect('reject');
  if (!p.accept('with')) return { kind: 'reject', span: start };
  if (p.accept('tcp')) {
    p.expect('reset');
    return { kind: 'reject', type: 'tcp-reset', span: p.spanFrom(start) };
  }
  const words = ['icmp', 'icmpv6', 'icmpx', 'tcp'];
  const token = p.peek();
  if (!words.includes(token.text)) throw p.unexpected('icmp, icmpv6, icmpx or tcp', words);
  p.next();
  p.accept('type');
  const code = p.peek();
  if (code.kind !== 'word' && code.kind !== 'number') throw p.unexpected('a reject code');
  p.next();
  return {
    kind: 'reject',
    type: token.text as 'icmp' | 'icmpv6' | 'icmpx',
    code: symbol(code.text, code),
    span: p.spanFrom(start),
  };
}

/** `EXPR [OP] VALUE`, `EXPR vmap …`, `FIELD set EXPR`. */
function parseMatch(p: Parser): Stmt {
  const start = p.peek();
  let left = parseConcat(p, 'left');
  if (p.at('set')) return parseAssignment(p, left, start);
  if (p.accept('vmap')) {
    const mappings = p.at('{') ? parseSet(p) : parseSetReference(p);
    return {
      kind: 'verdict',
      expr: { ...untyped(p.spanFrom(start)), kind: 'map', key: left, mappings },
      span: p.spanFrom(start),
    };
  }
  if (p.accept('map')) {
    const mappings = p.at('{') ? parseSet(p) : parseSetReference(p);
    left = { ...untyped(p.spanFrom(start)), kind: 'map', key: left, mappings };
  }
  const token = p.peek();
  let op: RelationalOperator = 'implicit';
  const relational = token.kind === 'operator' || token.kind === 'word' ? own(RELATIONAL, token.text) : undefined;
  if (relational !== undefined) {
    op = relational;
    p.next();
  }
  const { value, mask } = parseMatchValue(p);
  if (mask !== undefined) left = { ...untyped(p.spanFrom(start)), kind: 'binary', op: '&', left, right: mask };
  const span = p.spanFrom(start);
  return { kind: 'match', expr: { ...untyped(span), kind: 'relational', op, left, right: value }, span };
}

/** `meta mark set …`, `ct mark set …`, `ip dscp set …`, `tcp option maxseg size set …` */
function parseAssignment(p: Parser, target: Expr, start: Span): Stmt {
  if (target.kind !== 'meta' && target.kind !== 'ct' && target.kind !== 'payload' && target.kind !== 'exthdr') {
    throw p.unexpected();
  }
  p.expect('set');
  const value = parseStatementValue(p);
  const span = p.spanFrom(start);
  switch (target.kind) {
    case 'meta':
      if (target.key === 'secmark' && value.kind !== 'ct')
        return { kind: 'objref', objectType: 'secmark', expr: value, span };
      return { kind: 'meta-set', key: target.key as MetaKey, value, span };
    case 'ct':
      return target.direction === undefined
        ? { kind: 'ct-set', key: target.key, value, span }
        : { kind: 'ct-set', key: target.key, direction: target.direction, value, span };
    case 'payload':
      return { kind: 'payload-set', target, value, span };
    default:
      return { kind: 'exthdr-set', target, value, span };
  }
}
