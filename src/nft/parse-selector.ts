// What a packet is matched by: header fields, options, `meta`, `ct`, `rt`, `socket`, `fib`, … (nft(8), "PRIMARY EXPRESSIONS"
// and "PAYLOAD EXPRESSIONS"). Tables of names are in headers.ts and expressions.ts.
import type { CtKey, MetaKey, PayloadBase } from '../bytecode/expression.ts';
import type { CtExpr, Expr, FibExpr, OsfExpr, PayloadExpr, Span, XfrmExpr } from './ast.ts';
import { ct, exthdr, meta, payload, rawPayload, rt, untyped } from './expressions.ts';
import { findField, findProtocol, IPV4_OPTIONS, IPV6_HEADERS, type OptionHeader, SCTP_CHUNKS, TCP_OPTIONS } from './headers.ts';
import type { Token } from './lexer.ts';
import type { Parser } from './parser.ts';

/** Meta keys by the words of the language. The first list needs no `meta` before it. */
const UNQUALIFIED_META: Record<string, MetaKey> = {
  mark: 'mark', iif: 'iif', iifname: 'iifname', iiftype: 'iftype', oif: 'oif', oifname: 'oifname', oiftype: 'oiftype', skuid: 'skuid',
  skgid: 'skgid', nftrace: 'nftrace', rtclassid: 'rtclassid', ibriport: 'bri_iifname', obriport: 'bri_oifname', ibrname: 'bri_iifname',
  obrname: 'bri_oifname', pkttype: 'pkttype', cpu: 'cpu', iifgroup: 'iifgroup', oifgroup: 'oifgroup', cgroup: 'cgroup',
  time: 'time', day: 'day', hour: 'hour',
};
const QUALIFIED_META: Record<string, MetaKey> = {
  ...UNQUALIFIED_META, length: 'len', protocol: 'protocol', priority: 'priority', random: 'random', secmark: 'secmark', ipsec: 'secpath',
  secpath: 'secpath', nfproto: 'nfproto', l4proto: 'l4proto', iifkind: 'iifkind', oifkind: 'oifkind', ibrpvid: 'bri_iifpvid',
  ibrvproto: 'bri_iifvproto', sdif: 'sdif', sdifname: 'sdifname', broute: 'bri_broute',
};
const CT_WORDS: Record<string, CtKey> = {
  l3proto: 'l3proto', protocol: 'protocol', mark: 'mark', state: 'state', direction: 'direction', status: 'status',
  expiration: 'expiration', helper: 'helper', saddr: 'src', daddr: 'dst', 'proto-src': 'proto_src', 'proto-dst': 'proto_dst', label: 'labels',
  event: 'event', secmark: 'secmark', id: 'id', bytes: 'bytes', packets: 'pkts', avgpkt: 'avgpkt', zone: 'zone',
};
const CT_DIRECTIONAL = new Set(['saddr', 'daddr', 'l3proto', 'protocol', 'proto-src', 'proto-dst', 'bytes', 'packets', 'avgpkt', 'zone']);

const HEADER_WORDS = new Set(
  'ether vlan arp ip icmp igmp ip6 icmpv6 ah esp comp udp udplite tcp dccp sctp th vxlan geneve gre gretap'.split(' '),
);
const EXTHDR_WORDS = new Set('exthdr hbh rt rt0 rt2 srh frag dst mh'.split(' '));
const OTHER_WORDS = new Set('meta ct socket osf fib ipsec numgen symhash jhash'.split(' '));

/** Words that can start a match. */
export const SELECTOR_WORDS = new Set([...HEADER_WORDS, ...EXTHDR_WORDS, ...OTHER_WORDS, ...Object.keys(UNQUALIFIED_META)]);

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
  if (start.text in UNQUALIFIED_META) {
    p.next();
    return meta(UNQUALIFIED_META[start.text] as MetaKey, start);
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

function word(p: Parser, what: string, words: Iterable<string>): Token {
  const token = p.peek();
  if (token.kind !== 'word') throw p.unexpected(what, words);
  return p.next();
}

/** `"meta" key` */
export function parseMetaKey(p: Parser): MetaKey {
  p.expect('meta');
  const token = p.peek();
  const key = token.kind === 'word' ? QUALIFIED_META[token.text] : undefined;
  if (key === undefined) throw p.unexpected('a meta key', Object.keys(QUALIFIED_META));
  p.next();
  return key;
}

/** `"@" ("ll"|"nh"|"th"|"ih") "," offset "," length` */
function parseRawPayload(p: Parser): PayloadExpr {
  const start = p.expect('@');
  const bases: Record<string, PayloadBase> = { ll: 'link', nh: 'network', th: 'transport', ih: 'inner' };
  const base = bases[p.peek().text];
  if (base === undefined) throw p.error('unknown raw payload base', p.peek(), 'one of ll, nh, th, ih');
  p.next();
  p.expect(',');
  const offset = p.number('offset in bits', 0xffff);
  p.expect(',');
  return rawPayload(base, offset, rawLength(p), p.spanFrom(start));
}

function rawLength(p: Parser): number {
  const at = p.peek();
  const length = p.number('length in bits');
  if (length > 512) throw p.error(`raw payload length ${length} exceeds upper limit of 512`, at);
  if (length === 0) throw p.error('raw payload length cannot be 0', at);
  return length;
}

/** A field of a header, of one of its options, or of what a tunnel carries. */
function parseHeader(p: Parser): Expr {
  const start = p.next();
  const name = start.text;
  if (name === 'tcp' && p.at('option')) return parseTcpOption(p, start);
  if (name === 'ip' && p.at('option')) return parseIpOption(p, start);
  if (name === 'sctp' && p.at('chunk')) return parseSctpChunk(p, start);
  if (name === 'dccp' && p.at('option')) {
    p.next();
    const type = p.number('DCCP option number', 255);
    const field = { name: 'type', offset: 0, length: 8, datatype: 'boolean' } as const;
    return { ...exthdr('dccp', { name: String(type), type, fields: [field] }, field, true, p.spanFrom(start)), datatype: 'boolean' };
  }
  if (['vxlan', 'geneve', 'gre', 'gretap'].includes(name)) {
    const own = p.peek().kind === 'word' ? payload(name, p.peek().text, start) : undefined;
    const mayBeLink = name !== 'gre' || !['ether', 'vlan', 'arp'].includes(p.peek().text);
    if (own === undefined && HEADER_WORDS.has(p.peek().text) && mayBeLink) return parseInner(p, start);
    if (own !== undefined && name !== 'gre') own.inner = name;
    if (own === undefined) throw p.unexpected(`a field of ${name} or an inner header`);
    p.next();
    return { ...own, span: p.spanFrom(start) };
  }
  let field = fieldName(p, name);
  if (name === 'arp' && (field === 'saddr' || field === 'daddr')) field += ` ${word(p, "'ip' or 'ether'", ['ip', 'ether']).text}`;
  const expr = payload(name, field, p.spanFrom(start));
  if (expr === undefined) throw p.error(`${name} has no field '${field}'`, p.spanFrom(start));
  return expr;
}

/** The name of a field, still unread when it is none: the error points at it. */
function fieldName(p: Parser, protocol: string): string {
  const names = (findProtocol(protocol)?.fields ?? []).map((field) => field.name.split(' ')[0] as string);
  const token = p.peek();
  if (token.kind !== 'word' || !names.includes(token.text)) throw p.unexpected(`a field of ${protocol}`, names);
  return p.next().text;
}

function parseInner(p: Parser, start: Token): Expr {
  const inner = p.nest(() => parseHeader(p));
  if (inner.kind !== 'payload') throw p.sources.unsupported(`options of headers inside ${start.text}`, p.spanFrom(start));
  return { ...inner, inner: start.text, span: p.spanFrom(start) };
}

/** `tcp option NAME [FIELD] | tcp option @N,offset,length | tcp option N` */
function parseTcpOption(p: Parser, start: Token): Expr {
  p.expect('option');
  if (p.accept('@')) {
    const { header } = tcpOptionKind(p);
    p.expect(',');
    const offset = p.number('offset in bits', 0xffff);
    p.expect(',');
    const length = rawLength(p);
    const known = header.fields.find((field) => field.offset === offset && field.length === length);
    const field = known ?? { name: '', offset, length, datatype: 'integer' as const };
    return { ...exthdr('tcpopt', header, field, false, p.spanFrom(start)), raw: true };
  }
  const { header, word: name } = tcpOptionKind(p);
  const token = p.peek();
  const known = TCP_OPTIONS.find((option) => option.name === name);
  const field = token.kind === 'word' ? (findField(known ?? header, token.text) ?? findField(header, token.text)) : undefined;
  if (field === undefined || field.name === 'kind') {
    return { ...exthdr('tcpopt', header, kindField(header), true, p.spanFrom(start)), datatype: 'boolean' };
  }
  p.next();
  return exthdr('tcpopt', name !== header.name && known !== undefined ? { ...known, type: header.type } : header, field, false, p.spanFrom(start));
}

const TCP_OPTION_SPELLINGS: Record<string, string> = {
  mss: 'maxseg', noop: 'nop', 'sack-permitted': 'sack-perm', sack0: 'sack',
};
const BLOCK_OF_SACK = new Set(['sack1', 'sack2', 'sack3']);

/** A TCP option by name or number; of sack1 to sack3 the header is sack's. */
export function tcpOptionKind(p: Parser): { header: OptionHeader; word: string } {
  const token = p.peek();
  if (token.kind === 'number') {
    const type = p.number('TCP option number', 255);
    const known = TCP_OPTIONS.find((option) => option.type === type);
    const fields = [{ name: 'kind', offset: 0, length: 8, datatype: 'integer' }, { name: 'length', offset: 8, length: 8, datatype: 'integer' }] as const;
    return { header: known ?? { name: '', type, fields }, word: '' };
  }
  const name = TCP_OPTION_SPELLINGS[token.text] ?? token.text;
  const header = TCP_OPTIONS.find((option) => option.name === (BLOCK_OF_SACK.has(name) ? 'sack' : name));
  if (header === undefined || token.kind !== 'word') throw p.unexpected('a TCP option', TCP_OPTIONS.map((option) => option.name));
  p.next();
  return { header, word: name };
}

function kindField(header: OptionHeader): OptionHeader['fields'][number] {
  return header.fields[0] ?? { name: 'kind', offset: 0, length: 8, datatype: 'integer' };
}

/** `ip option NAME [FIELD]` */
function parseIpOption(p: Parser, start: Token): Expr {
  p.expect('option');
  const header = IPV4_OPTIONS.find((option) => option.name === p.peek().text);
  if (header === undefined) throw p.unexpected('an IP option', IPV4_OPTIONS.map((option) => option.name));
  p.next();
  const token = p.peek();
  const field = token.kind === 'word' ? findField(header, token.text) : undefined;
  if (field === undefined) {
    if (['type', 'length', 'value', 'ptr', 'addr'].includes(token.text)) throw p.error('unknown ip option type/field', p.spanFrom(start));
    return { ...exthdr('ipv4', header, kindField(header), true, p.spanFrom(start)), datatype: 'boolean' };
  }
  p.next();
  if (field.name === 'type') return { ...exthdr('ipv4', header, field, true, p.spanFrom(start)), datatype: 'boolean' };
  return exthdr('ipv4', header, field, false, p.spanFrom(start));
}

/** `sctp chunk TYPE [FIELD]` */
function parseSctpChunk(p: Parser, start: Token): Expr {
  p.expect('chunk');
  const header = SCTP_CHUNKS.find((chunk) => chunk.name === p.peek().text);
  if (header === undefined) throw p.unexpected('an SCTP chunk', SCTP_CHUNKS.map((chunk) => chunk.name));
  p.next();
  const field = p.peek().kind === 'word' ? findField(header, p.peek().text) : undefined;
  if (field === undefined) return { ...exthdr('sctp', header, kindField(header), true, p.spanFrom(start)), datatype: 'boolean' };
  p.next();
  return exthdr('sctp', header, field, false, p.spanFrom(start));
}

/** IPv6 extension headers: `frag id`, `srh sid[1]`, `exthdr hbh`. */
function parseExthdr(p: Parser): Expr {
  const start = p.next();
  if (start.text === 'exthdr') {
    const header = IPV6_HEADERS.find((header) => header.name === p.peek().text && !['rt0', 'rt2', 'srh'].includes(header.name));
    if (header === undefined) throw p.unexpected('an extension header', ['hbh', 'rt', 'frag', 'dst', 'mh']);
    p.next();
    return { ...exthdr('ipv6', header, header.fields[0] as OptionHeader['fields'][number], true, p.spanFrom(start)), datatype: 'boolean' };
  }
  const header = IPV6_HEADERS.find((header) => header.name === start.text) as OptionHeader;
  let name = word(p, `a field of ${start.text}`, header.fields.map((field) => field.name)).text;
  if (p.accept('[')) {
    name += `[${p.number()}]`;
    p.expect(']');
  }
  const field = findField(header, name);
  if (field === undefined) throw p.error(`${start.text} has no field '${name}'`, p.spanFrom(start));
  return exthdr('ipv6', header, field, false, p.spanFrom(start));
}

/** Routing information or the routing header, which share the word `rt`. */
function parseRt(p: Parser): Expr {
  const keys = { classid: 'classid', nexthop: 'nexthop', mtu: 'tcpmss', ipsec: 'ipsec' } as const;
  const second = p.peek(1).text;
  if (!(second in keys) && second !== 'ip' && second !== 'ip6') return parseExthdr(p);
  const start = p.next();
  const family = p.accept('ip') ? 'ip' : p.accept('ip6') ? 'ip6' : undefined;
  const token = p.peek();
  const key = token.text in keys ? keys[token.text as keyof typeof keys] : undefined;
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
  const key = token.kind === 'word' ? CT_WORDS[token.text] : undefined;
  const known = key !== undefined && (direction === undefined || CT_DIRECTIONAL.has(token.text));
  if (key === undefined || !known) throw p.unexpected('a ct key', Object.keys(CT_WORDS));
  p.next();
  return ct(key, p.spanFrom(start), direction);
}

/** `socket transparent|mark|wildcard|cgroupv2 level N` */
function parseSocket(p: Parser): Expr {
  const start = p.expect('socket');
  const keys = { transparent: ['integer', 8], mark: ['mark', 32], wildcard: ['integer', 8], cgroupv2: ['cgroupsv2', 64] } as const;
  const token = p.peek();
  if (!(token.text in keys)) throw p.unexpected('a socket key', Object.keys(keys));
  p.next();
  const key = token.text as keyof typeof keys;
  let level = 0;
  if (key === 'cgroupv2') {
    p.expect('level');
    level = p.number('number', 255);
  }
  const [datatype, length] = keys[key];
  return { ...untyped(p.spanFrom(start)), kind: 'socket', key, level, datatype, length, byteorder: 'host' };
}

/** `osf [ttl loose|skip] name|version` */
function parseOsf(p: Parser): OsfExpr {
  const start = p.expect('osf');
  let ttl: OsfExpr['ttl'] = 'strict';
  if (p.accept('ttl')) {
    const token = word(p, "'loose' or 'skip'", ['loose', 'skip']);
    if (token.text !== 'loose' && token.text !== 'skip') throw p.error('invalid ttl option', token);
    ttl = token.text;
  }
  const version = p.accept('version');
  if (!version) p.expect('name');
  return { ...untyped(p.spanFrom(start)), kind: 'osf', ttl, version, datatype: 'string', length: 128, byteorder: 'host' };
}

/** `fib FLAG [. FLAG]* oif|oifname|type|check` */
function parseFib(p: Parser): FibExpr {
  const start = p.expect('fib');
  const names = ['saddr', 'daddr', 'mark', 'iif', 'oif'] as const;
  const given = new Set<string>();
  const tuple = p.peek();
  do {
    const token = word(p, 'a fib flag', names);
    if (!(names as readonly string[]).includes(token.text)) throw p.error(`unknown fib flag '${token.text}'`, token);
    given.add(token.text);
  } while (p.accept('.'));
  const span = p.spanFrom(tuple);
  if (!given.has('saddr') && !given.has('daddr')) throw p.error('fib: need either saddr or daddr', span);
  if (given.has('saddr') && given.has('daddr')) throw p.error('fib: saddr and daddr are mutually exclusive', span);
  if (given.has('iif') && given.has('oif')) throw p.error('fib: iif and oif are mutually exclusive', span);
  const token = p.peek();
  const shapes = { oif: ['iface_index', 32], oifname: ['ifname', 128], type: ['fib_addrtype', 32], check: ['boolean', 32] } as const;
  if (!(token.text in shapes)) throw p.unexpected('a fib result', Object.keys(shapes));
  p.next();
  const [datatype, length] = shapes[token.text as keyof typeof shapes];
  const present = token.text === 'check';
  return {
    ...untyped(p.spanFrom(start)), kind: 'fib', flags: names.filter((name) => given.has(name)), present,
    result: present ? 'oif' : (token.text as FibExpr['result']), datatype, length, byteorder: 'host',
  };
}

/** `ipsec in|out [spnum N] spi|reqid|ip saddr|…` */
function parseIpsec(p: Parser): Expr {
  const start = p.expect('ipsec');
  const direction = p.accept('in') ? 'in' : p.accept('out') ? 'out' : undefined;
  // Alone, `ipsec` is the old spelling of `meta ipsec`.
  if (direction === undefined) return meta('secpath', start);
  let spnum = 0;
  if (p.accept('spnum')) spnum = p.number('number', 255);
  const done = (key: XfrmExpr['key'], datatype: string, length: number, byteorder: 'big' | 'host'): XfrmExpr => ({
    ...untyped(p.spanFrom(start)), kind: 'xfrm', key, direction, spnum, datatype, length, byteorder,
  });
  if (p.accept('spi')) return done('spi', 'integer', 32, 'big');
  if (p.accept('reqid')) return done('reqid', 'integer', 32, 'host');
  const six = p.accept('ip6');
  if (!six) p.expect('ip');
  const source = p.accept('saddr');
  if (!source) p.expect('daddr');
  if (six) return done(source ? 'saddr6' : 'daddr6', 'ipv6_addr', 128, 'big');
  return done(source ? 'saddr' : 'daddr', 'ipv4_addr', 32, 'big');
}

/** `numgen inc|random mod N [offset N]` */
function parseNumgen(p: Parser): Expr {
  const start = p.expect('numgen');
  const mode = p.accept('inc') ? 'incremental' : 'random';
  if (mode === 'random') p.expect('random');
  const { modulus, offset } = parseModulus(p);
  return { ...untyped(p.spanFrom(start)), kind: 'numgen', mode, modulus, offset, datatype: 'integer', length: 32, byteorder: 'host' };
}

function parseSymhash(p: Parser): Expr {
  const start = p.expect('symhash');
  const { modulus, offset } = parseModulus(p);
  return { ...untyped(p.spanFrom(start)), kind: 'hash', mode: 'symmetric', modulus, offset, datatype: 'integer', length: 32, byteorder: 'host' };
}

/** `mod N [seed N] [offset N]` */
export function parseModulus(p: Parser): { modulus: number; seed?: number; offset: number } {
  p.expect('mod');
  const modulus = p.number('number', 0xffffffff);
  const seed = p.accept('seed') ? p.number('number', 0xffffffff) : undefined;
  const offset = p.accept('offset') ? p.number('number', 0xffffffff) : 0;
  return seed === undefined ? { modulus, offset } : { modulus, seed, offset };
}

/** The text of a selector's key alone, for `set` statements: `meta mark set`. */
export function spanOf(expr: Expr, fallback: Span): Span {
  return expr.span ?? fallback;
}
