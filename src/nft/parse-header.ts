// Header fields, raw payload, options, chunks and extension headers (nft(8), "PAYLOAD EXPRESSIONS"). Tables are in headers.ts.
import { own } from '../base/own.ts';
import type { PayloadBase } from '../bytecode/expression.ts';
import type { Expr, PayloadExpr } from './ast.ts';
import { exthdr, payload, rawPayload } from './expressions.ts';
import {
  findField,
  findProtocol,
  IPV4_OPTIONS,
  IPV6_HEADERS,
  type OptionHeader,
  SCTP_CHUNKS,
  TCP_OPTIONS,
} from './headers.ts';
import type { Token } from './lexer.ts';
import type { Parser } from './parser.ts';

export const HEADER_WORDS = new Set(
  'ether vlan arp ip icmp igmp ip6 icmpv6 ah esp comp udp udplite tcp dccp sctp th vxlan geneve gre gretap'.split(' '),
);
export const EXTHDR_WORDS = new Set('exthdr hbh rt rt0 rt2 srh frag dst mh'.split(' '));
export function word(p: Parser, what: string, words: Iterable<string>): Token {
  const token = p.peek();
  if (token.kind !== 'word') throw p.unexpected(what, words);
  return p.next();
}

/** `"@" ("ll"|"nh"|"th"|"ih") "," offset "," length` */
export function parseRawPayload(p: Parser): PayloadExpr {
  const start = p.expect('@');
  const bases: Record<string, PayloadBase> = { ll: 'link', nh: 'network', th: 'transport', ih: 'inner' };
  const base = own(bases, p.peek().text);
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
export function parseHeader(p: Parser): Expr {
  const start = p.next();
  const name = start.text;
  if (name === 'tcp' && p.at('option')) return parseTcpOption(p, start);
  if (name === 'ip' && p.at('option')) return parseIpOption(p, start);
  if (name === 'sctp' && p.at('chunk')) return parseSctpChunk(p, start);
  if (name === 'dccp' && p.at('option')) {
    p.next();
    const type = p.number('DCCP option number', 255);
    const field = { name: 'type', offset: 0, length: 8, datatype: 'boolean' } as const;
    return {
      ...exthdr('dccp', { name: String(type), type, fields: [field] }, field, true, p.spanFrom(start)),
      datatype: 'boolean',
    };
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
  if (name === 'arp' && (field === 'saddr' || field === 'daddr'))
    field += ` ${word(p, "'ip' or 'ether'", ['ip', 'ether']).text}`;
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
  if (inner.kind !== 'payload')
    throw p.sources.unsupported(`options of headers inside ${start.text}`, p.spanFrom(start));
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
  const field =
    token.kind === 'word' ? (findField(known ?? header, token.text) ?? findField(header, token.text)) : undefined;
  if (field === undefined || field.name === 'kind') {
    return { ...exthdr('tcpopt', header, kindField(header), true, p.spanFrom(start)), datatype: 'boolean' };
  }
  p.next();
  return exthdr(
    'tcpopt',
    name !== header.name && known !== undefined ? { ...known, type: header.type } : header,
    field,
    false,
    p.spanFrom(start),
  );
}

const TCP_OPTION_SPELLINGS: Record<string, string> = {
  mss: 'maxseg',
  noop: 'nop',
  'sack-permitted': 'sack-perm',
  sack0: 'sack',
};
const BLOCK_OF_SACK = new Set(['sack1', 'sack2', 'sack3']);

/** A TCP option by name or number; of sack1 to sack3 the header is sack's. */
export function tcpOptionKind(p: Parser): { header: OptionHeader; word: string } {
  const token = p.peek();
  if (token.kind === 'number') {
    const type = p.number('TCP option number', 255);
    const known = TCP_OPTIONS.find((option) => option.type === type);
    const fields = [
      { name: 'kind', offset: 0, length: 8, datatype: 'integer' },
      { name: 'length', offset: 8, length: 8, datatype: 'integer' },
    ] as const;
    return { header: known ?? { name: '', type, fields }, word: '' };
  }
  const name = own(TCP_OPTION_SPELLINGS, token.text) ?? token.text;
  const header = TCP_OPTIONS.find((option) => option.name === (BLOCK_OF_SACK.has(name) ? 'sack' : name));
  if (header === undefined || token.kind !== 'word')
    throw p.unexpected(
      'a TCP option',
      TCP_OPTIONS.map((option) => option.name),
    );
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
  if (header === undefined)
    throw p.unexpected(
      'an IP option',
      IPV4_OPTIONS.map((option) => option.name),
    );
  p.next();
  const token = p.peek();
  const field = token.kind === 'word' ? findField(header, token.text) : undefined;
  if (field === undefined) {
    if (['type', 'length', 'value', 'ptr', 'addr'].includes(token.text))
      throw p.error('unknown ip option type/field', p.spanFrom(start));
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
  if (header === undefined)
    throw p.unexpected(
      'an SCTP chunk',
      SCTP_CHUNKS.map((chunk) => chunk.name),
    );
  p.next();
  const field = p.peek().kind === 'word' ? findField(header, p.peek().text) : undefined;
  if (field === undefined)
    return { ...exthdr('sctp', header, kindField(header), true, p.spanFrom(start)), datatype: 'boolean' };
  p.next();
  return exthdr('sctp', header, field, false, p.spanFrom(start));
}

/** IPv6 extension headers: `frag id`, `srh sid[1]`, `exthdr hbh`. */
export function parseExthdr(p: Parser): Expr {
  const start = p.next();
  if (start.text === 'exthdr') {
    const header = IPV6_HEADERS.find(
      (header) => header.name === p.peek().text && !['rt0', 'rt2', 'srh'].includes(header.name),
    );
    if (header === undefined) throw p.unexpected('an extension header', ['hbh', 'rt', 'frag', 'dst', 'mh']);
    p.next();
    return {
      ...exthdr('ipv6', header, header.fields[0] as OptionHeader['fields'][number], true, p.spanFrom(start)),
      datatype: 'boolean',
    };
  }
  const header = IPV6_HEADERS.find((header) => header.name === start.text) as OptionHeader;
  let name = word(
    p,
    `a field of ${start.text}`,
    header.fields.map((field) => field.name),
  ).text;
  if (p.accept('[')) {
    name += `[${p.number()}]`;
    p.expect(']');
  }
  const field = findField(header, name);
  if (field === undefined) throw p.error(`${start.text} has no field '${name}'`, p.spanFrom(start));
  return exthdr('ipv6', header, field, false, p.spanFrom(start));
}
