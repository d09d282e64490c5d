// Statements that send a packet elsewhere: snat, dnat, masquerade, redirect, tproxy, dup, fwd, queue.
import type { Expr, Span, Stmt } from './ast.ts';
import { untyped } from './expressions.ts';
import { parseStatementValue } from './parse-expression.ts';
import type { Parser } from './parser.ts';

interface NatFlags {
  random: boolean;
  fullyRandom: boolean;
  persistent: boolean;
}
const FLAG_WORDS = new Set(['random', 'fully-random', 'persistent']);

/** `"random" | "fully-random" | "persistent"`, comma-separated. */
function parseNatFlags(p: Parser, flags: NatFlags): void {
  do {
    if (!p.atAny(FLAG_WORDS)) throw p.unexpected('random, fully-random or persistent', FLAG_WORDS);
    const word = p.next().text;
    if (word === 'random') flags.random = true;
    else if (word === 'fully-random') flags.fullyRandom = true;
    else flags.persistent = true;
  } while (p.accept(','));
}

/**
 * `snat|dnat [[ip|ip6] [prefix|interval] to] ADDRESS[:PORT] [flags]`, `dnat to :PORT`, `dnat ip addr . port to …`,
 * `masquerade [to :PORT] [flags]`, `redirect [to [:]PORT] [flags]`.
 */
export function parseNat(p: Parser): Stmt {
  const start = p.next();
  const type = start.text as 'snat' | 'dnat' | 'masquerade' | 'redirect';
  const flags: NatFlags = { random: false, fullyRandom: false, persistent: false };
  const parts: { family?: 'ip' | 'ip6'; address?: Expr; port?: Expr; prefix?: boolean; concat?: boolean } = {};
  if (type === 'masquerade' || type === 'redirect') {
    if (p.accept('to')) {
      if (type === 'masquerade') p.expect(':');
      else p.accept(':');
      parts.port = parseStatementValue(p);
    }
  } else parseNatTarget(p, parts);
  if (p.atAny(FLAG_WORDS)) parseNatFlags(p, flags);
  return { kind: 'nat', type, ...flags, ...parts, span: p.spanFrom(start) };
}

function parseNatTarget(
  p: Parser,
  parts: { family?: 'ip' | 'ip6'; address?: Expr; port?: Expr; prefix?: boolean; concat?: boolean },
): void {
  const next = p.peek(1).text;
  if ((p.at('ip') || p.at('ip6')) && ['to', 'addr', 'prefix', 'interval'].includes(next)) {
    parts.family = p.next().text as 'ip' | 'ip6';
  }
  if (parts.family !== undefined && p.accept('addr')) {
    p.expect('.');
    p.expect('port');
    parts.concat = true;
    p.expect('to');
  } else if (p.accept('prefix')) {
    parts.prefix = true;
    p.expect('to');
  } else if (p.accept('interval') || parts.family !== undefined) p.expect('to');
  else p.accept('to');
  if (!p.at(':')) parts.address = parseStatementValue(p);
  if (p.accept(':')) parts.port = parseStatementValue(p);
}

/** `tproxy [ip|ip6] to [ADDRESS][:PORT]` */
export function parseTproxy(p: Parser): Stmt {
  const start = p.expect('tproxy');
  const parts: { family?: 'ip' | 'ip6'; address?: Expr; port?: Expr } = {};
  if (p.at('ip') || p.at('ip6')) parts.family = p.next().text as 'ip' | 'ip6';
  p.expect('to');
  if (!p.at(':')) parts.address = parseStatementValue(p);
  if (p.accept(':')) parts.port = parseStatementValue(p);
  return { kind: 'tproxy', ...parts, span: p.spanFrom(start) };
}

/** `dup to ADDRESS [device DEVICE]` */
export function parseDup(p: Parser): Stmt {
  const start = p.expect('dup');
  p.expect('to');
  const to = parseStatementValue(p);
  if (!p.accept('device')) return { kind: 'dup', to, span: p.spanFrom(start) };
  const device = parseStatementValue(p);
  return { kind: 'dup', to, device, span: p.spanFrom(start) };
}

/** `fwd to DEVICE | fwd ip|ip6 to ADDRESS device DEVICE` */
export function parseFwd(p: Parser): Stmt {
  const start = p.expect('fwd');
  const family = p.accept('ip') ? 'ip' : p.accept('ip6') ? 'ip6' : undefined;
  p.expect('to');
  const first = parseStatementValue(p);
  if (family === undefined) return { kind: 'fwd', device: first, span: p.spanFrom(start) };
  p.expect('device');
  const device = parseStatementValue(p);
  return { kind: 'fwd', device, address: first, family, span: p.spanFrom(start) };
}

/** `queue [num N[-M]] [bypass][,fanout] | queue [flags …] to EXPR` */
export function parseQueue(p: Parser): Stmt {
  const start = p.expect('queue');
  const flags = { bypass: false, fanout: false };
  let from: Expr | undefined;
  const parseFlags = (): void => {
    do {
      if (p.accept('bypass')) flags.bypass = true;
      else if (p.accept('fanout')) flags.fanout = true;
      else throw p.unexpected('bypass or fanout', ['bypass', 'fanout']);
    } while (p.accept(','));
  };
  if (p.accept('flags')) {
    parseFlags();
    if (p.accept('num')) from = queueNumbers(p);
    else if (p.accept('to')) from = parseStatementValue(p);
    else throw p.unexpected("'to' or 'num'");
  } else if (p.accept('to')) from = parseStatementValue(p);
  else {
    for (;;) {
      if (p.accept('num')) from = queueNumbers(p);
      else if (p.at('bypass') || p.at('fanout')) parseFlags();
      else break;
    }
  }
  const span: Span = p.spanFrom(start);
  return from === undefined ? { kind: 'queue', ...flags, span } : { kind: 'queue', from, ...flags, span };
}

/** `N | N-M` */
function queueNumbers(p: Parser): Expr {
  const start = p.peek();
  const one = (): Expr => {
    if (p.at('$')) return p.variable();
    const token = p.peek();
    if (token.kind !== 'number') throw p.unexpected('a queue number');
    p.next();
    return { ...untyped(token), kind: 'symbol', text: token.text, quoted: false };
  };
  const from = one();
  if (!p.accept('-')) return from;
  return { ...untyped(p.spanFrom(start)), kind: 'range', from, to: one() };
}
