// What a packet is matched by: header fields, options, `meta`, `ct`, `rt`, `socket`, `fib`, … (nft(8), "PRIMARY EXPRESSIONS"
// and "PAYLOAD EXPRESSIONS"). Headers are in parse-header.ts, tables of names in headers.ts and expressions.ts.
import { own } from '../base/own.ts';
import type { CtKey, MetaKey } from '../bytecode/expression.ts';
import type { CtExpr, Expr, OsfExpr, XfrmExpr } from './ast.ts';
import { ct, meta, rt } from './expressions.ts';
import { EXTHDR_WORDS, HEADER_WORDS, parseExthdr, parseHeader, parseRawPayload, word } from './parse-header.ts';
import type { Parser } from './parser.ts';
import {
  FIB_FLAGS,
  FIB_RESULTS,
  fib,
  fibFlagsProblem,
  type Modulus,
  numgen,
  osf,
  SOCKET_KEYS,
  socket,
  symhash,
  xfrm,
} from './selectors.ts';

/** Meta keys by the words of the language. The first list needs no `meta` before it. */
const UNQUALIFIED_META: Record<string, MetaKey> = {
  mark: 'mark',
  iif: 'iif',
  iifname: 'iifname',
  iiftype: 'iftype',
  oif: 'oif',
  oifname: 'oifname',
  oiftype: 'oiftype',
  skuid: 'skuid',
  skgid: 'skgid',
  nftrace: 'nftrace',
  rtclassid: 'rtclassid',
  ibriport: 'bri_iifname',
  obriport: 'bri_oifname',
  ibrname: 'bri_iifname',
  obrname: 'bri_oifname',
  pkttype: 'pkttype',
  cpu: 'cpu',
  iifgroup: 'iifgroup',
  oifgroup: 'oifgroup',
  cgroup: 'cgroup',
  time: 'time',
  day: 'day',
  hour: 'hour',
};
/** All meta keys by their words. */
export const QUALIFIED_META: Record<string, MetaKey> = {
  ...UNQUALIFIED_META,
  length: 'len',
  protocol: 'protocol',
  priority: 'priority',
  random: 'random',
  secmark: 'secmark',
  ipsec: 'secpath',
  secpath: 'secpath',
  nfproto: 'nfproto',
  l4proto: 'l4proto',
  iifkind: 'iifkind',
  oifkind: 'oifkind',
  ibrpvid: 'bri_iifpvid',
  ibrvproto: 'bri_iifvproto',
  sdif: 'sdif',
  sdifname: 'sdifname',
  broute: 'bri_broute',
};
export const CT_WORDS: Record<string, CtKey> = {
  l3proto: 'l3proto',
  protocol: 'protocol',
  mark: 'mark',
  state: 'state',
  direction: 'direction',
  status: 'status',
  expiration: 'expiration',
  helper: 'helper',
  saddr: 'src',
  daddr: 'dst',
  'proto-src': 'proto_src',
  'proto-dst': 'proto_dst',
  label: 'labels',
  event: 'event',
  secmark: 'secmark',
  id: 'id',
  bytes: 'bytes',
  packets: 'pkts',
  avgpkt: 'avgpkt',
  zone: 'zone',
};
export const CT_DIRECTIONAL = new Set([
  'saddr',
  'daddr',
  'l3proto',
  'protocol',
  'proto-src',
  'proto-dst',
  'bytes',
  'packets',
  'avgpkt',
  'zone',
]);

const OTHER_WORDS = new Set('meta ct socket osf fib ipsec numgen symhash jhash'.split(' '));

/** Words that can start a match. */
export const SELECTOR_WORDS = new Set([
  ...HEADER_WORDS,
  ...EXTHDR_WORDS,
  ...OTHER_WORDS,
  ...Object.keys(UNQUALIFIED_META),
]);

/** Whether a selector starts here. (`jhash` is the expression parser's: it holds an expression.) */
export function atSelector(p: Parser): boolean {
  const token = p.peek();
  if (token.kind === 'operator') return token.text === '@' && p.at(',', 2);
  return token.kind === 'word' && SELECTOR_WORDS.has(token.text) && token.text !== 'jhash';
}

/** A selector; atSelector holds. */
export function parseSelector(p: Parser): Expr {
  const start = p.peek();
  if (start.text === '@') return parseRawPayload(p);
  if (HEADER_WORDS.has(start.text)) return parseHeader(p);
  if (start.text === 'rt') return parseRt(p);
  if (EXTHDR_WORDS.has(start.text)) return parseExthdr(p);
  const unqualified = own(UNQUALIFIED_META, start.text);
  if (unqualified !== undefined) {
    p.next();
    return meta(unqualified, start);
  }
  switch (start.text) {
    case 'meta':
      return meta(parseMetaKey(p), p.spanFrom(start));
    case 'ct':
      return parseCt(p);
    case 'socket':
      return parseSocket(p);
    case 'osf':
      return parseOsf(p);
    case 'fib':
      return parseFib(p);
    case 'ipsec':
      return parseIpsec(p);
    case 'numgen':
      return parseNumgen(p);
    default:
      return parseSymhash(p);
  }
}

/** `"meta" key` */
export function parseMetaKey(p: Parser): MetaKey {
  p.expect('meta');
  const token = p.peek();
  const key = token.kind === 'word' ? own(QUALIFIED_META, token.text) : undefined;
  if (key === undefined) throw p.unexpected('a meta key', Object.keys(QUALIFIED_META));
  p.next();
  return key;
}

/** Routing information or the routing header, which share the word `rt`. */
function parseRt(p: Parser): Expr {
  const keys = { classid: 'classid', nexthop: 'nexthop', mtu: 'tcpmss', ipsec: 'ipsec' } as const;
  const second = p.peek(1).text;
  if (!Object.hasOwn(keys, second) && second !== 'ip' && second !== 'ip6') return parseExthdr(p);
  const start = p.next();
  const family = p.accept('ip') ? 'ip' : p.accept('ip6') ? 'ip6' : undefined;
  const token = p.peek();
  const key = own(keys, token.text);
  if (key === undefined) throw p.unexpected('a routing key', Object.keys(keys));
  p.next();
  const span = p.spanFrom(start);
  if (key === 'nexthop' && family !== undefined) return rt(family === 'ip' ? 'nexthop4' : 'nexthop6', span);
  return rt(key, span);
}

/** `ct [original|reply] [ip|ip6] KEY` */
function parseCt(p: Parser): CtExpr {
  const start = p.expect('ct');
  const direction = p.accept('original') ? 'original' : p.accept('reply') ? 'reply' : undefined;
  if (direction !== undefined && (p.at('ip') || p.at('ip6'))) {
    const family = p.next().text as 'ip' | 'ip6';
    const source = p.accept('saddr');
    if (!source) p.expect('daddr');
    const key: CtKey = family === 'ip' ? (source ? 'src_ip' : 'dst_ip') : source ? 'src_ip6' : 'dst_ip6';
    return { ...ct(key, p.spanFrom(start), direction), family };
  }
  const token = p.peek();
  const key = token.kind === 'word' ? own(CT_WORDS, token.text) : undefined;
  const known = key !== undefined && (direction === undefined || CT_DIRECTIONAL.has(token.text));
  if (key === undefined || !known) throw p.unexpected('a ct key', Object.keys(CT_WORDS));
  p.next();
  return ct(key, p.spanFrom(start), direction);
}

/** `socket transparent|mark|wildcard|cgroupv2 level N` */
function parseSocket(p: Parser): Expr {
  const start = p.expect('socket');
  const key = SOCKET_KEYS.find((name) => p.at(name));
  if (key === undefined) throw p.unexpected('a socket key', SOCKET_KEYS);
  p.next();
  let level = 0;
  if (key === 'cgroupv2') {
    p.expect('level');
    level = p.number('number', 255);
  }
  return socket(key, level, p.spanFrom(start));
}

/** `osf [ttl loose|skip] name|version` */
function parseOsf(p: Parser): Expr {
  const start = p.expect('osf');
  let ttl: OsfExpr['ttl'] = 'strict';
  if (p.accept('ttl')) {
    const token = word(p, "'loose' or 'skip'", ['loose', 'skip']);
    if (token.text !== 'loose' && token.text !== 'skip') throw p.error('invalid ttl option', token);
    ttl = token.text;
  }
  const version = p.accept('version');
  if (!version) p.expect('name');
  return osf(ttl, version, p.spanFrom(start));
}

/** `fib FLAG [. FLAG]* oif|oifname|type|check` */
function parseFib(p: Parser): Expr {
  const start = p.expect('fib');
  const given = new Set<string>();
  const tuple = p.peek();
  do {
    const token = word(p, 'a fib flag', FIB_FLAGS);
    if (!(FIB_FLAGS as readonly string[]).includes(token.text))
      throw p.error(`unknown fib flag '${token.text}'`, token);
    given.add(token.text);
  } while (p.accept('.'));
  const problem = fibFlagsProblem(given);
  if (problem !== undefined) throw p.error(problem, p.spanFrom(tuple));
  const result = FIB_RESULTS.find((name) => p.at(name));
  if (result === undefined) throw p.unexpected('a fib result', FIB_RESULTS);
  p.next();
  return fib(given, result, p.spanFrom(start));
}

/** `ipsec in|out [spnum N] spi|reqid|ip saddr|…` */
function parseIpsec(p: Parser): Expr {
  const start = p.expect('ipsec');
  const direction = p.accept('in') ? 'in' : p.accept('out') ? 'out' : undefined;
  // Alone, `ipsec` is the old spelling of `meta ipsec`.
  if (direction === undefined) return meta('secpath', start);
  const spnum = p.accept('spnum') ? p.number('number', 255) : 0;
  const done = (key: XfrmExpr['key']): XfrmExpr => xfrm(key, direction, spnum, p.spanFrom(start));
  if (p.accept('spi')) return done('spi');
  if (p.accept('reqid')) return done('reqid');
  const six = p.accept('ip6');
  if (!six) p.expect('ip');
  const source = p.accept('saddr');
  if (!source) p.expect('daddr');
  if (six) return done(source ? 'saddr6' : 'daddr6');
  return done(source ? 'saddr' : 'daddr');
}

/** `numgen inc|random mod N [offset N]` */
function parseNumgen(p: Parser): Expr {
  const start = p.expect('numgen');
  const mode = p.accept('inc') ? 'incremental' : 'random';
  if (mode === 'random') p.expect('random');
  const modulus = parseModulus(p);
  return numgen(mode, modulus, p.spanFrom(start));
}

function parseSymhash(p: Parser): Expr {
  const start = p.expect('symhash');
  const modulus = parseModulus(p);
  return symhash(modulus, p.spanFrom(start));
}

/** `mod N [seed N] [offset N]` */
export function parseModulus(p: Parser): Modulus {
  p.expect('mod');
  const modulus = p.number('number', 0xffffffff);
  const seed = p.accept('seed') ? p.number('number', 0xffffffff) : undefined;
  const offset = p.accept('offset') ? p.number('number', 0xffffffff) : 0;
  return seed === undefined ? { modulus, offset } : { modulus, seed, offset };
}
