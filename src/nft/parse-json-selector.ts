// What a packet is matched by, from JSON: header fields, options, `meta`, `ct`, `rt`, `socket`, `fib`, … (libnftables-json(5),
// "EXPRESSIONS"; nftables src/parser_json.c). Makes what parse-selector.ts and parse-header.ts make of text.
import type { CtKey, PayloadBase } from '../bytecode/expression.ts';
import type { Expr, XfrmExpr } from './ast.ts';
import { ct, exthdr, meta, payload, rawPayload, rt } from './expressions.ts';
import {
  findField,
  findProtocol,
  IPV4_OPTIONS,
  IPV6_HEADERS,
  type OptionHeader,
  SCTP_CHUNKS,
  TCP_OPTIONS,
} from './headers.ts';
import type { JsonInput } from './json-input.ts';
import type { JsonNode, JsonObjectNode } from './json-reader.ts';
import { HEADER_WORDS } from './parse-header.ts';
import { CT_DIRECTIONAL, CT_WORDS, QUALIFIED_META } from './parse-selector.ts';
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

const MAX_BITS = 512;
const U32 = 0xffffffff;
const BASES: Record<'ll' | 'nh' | 'th' | 'ih', PayloadBase> = {
  ll: 'link',
  nh: 'network',
  th: 'transport',
  ih: 'inner',
};
const TUNNELS = ['geneve', 'gre', 'gretap', 'vxlan'] as const;

/** The selectors by the property that names them. */
export const JSON_SELECTORS: Readonly<Record<string, (input: JsonInput, object: JsonObjectNode) => Expr>> = {
  payload: readPayload,
  exthdr: readExthdr,
  'tcp option': readTcpOption,
  'ip option': readIpOption,
  'sctp chunk': readSctpChunk,
  'dccp option': readDccpOption,
  meta: readMeta,
  ct: readCt,
  rt: readRt,
  socket: (input, object) => {
    const key = input.word(object, 'key', "'socket'", SOCKET_KEYS);
    const level = key === 'cgroupv2' ? input.integer(object, 'level', "'socket'", 255) : 0;
    return socket(key, level, object.span);
  },
  osf: (input, object) => {
    const key = input.word(object, 'key', "'osf'", ['name', 'version']);
    const ttl = input.optionalWord(object, 'ttl', "'osf'", ['loose', 'skip']) ?? 'strict';
    return osf(ttl, key === 'version', object.span);
  },
  fib: readFib,
  ipsec: readIpsec,
  numgen: (input, object) => {
    const mode = input.word(object, 'mode', "'numgen'", ['inc', 'random']);
    return numgen(mode === 'inc' ? 'incremental' : 'random', readModulus(input, object, "'numgen'"), object.span);
  },
  symhash: (input, object) => symhash(readModulus(input, object, "'symhash'"), object.span),
};

/** `"mod": N [, "seed": N] [, "offset": N]` */
export function readModulus(input: JsonInput, object: JsonObjectNode, what: string): Modulus {
  const modulus = input.integer(object, 'mod', what, U32);
  const offset = input.optionalInteger(object, 'offset', what, U32) ?? 0;
  const seed = input.optionalInteger(object, 'seed', what, U32);
  return seed === undefined ? { modulus, offset } : { modulus, seed, offset };
}

/** `{"base": …, "offset": N, "len": N}` or `{["tunnel": …,] "protocol": …, "field": …}` */
function readPayload(input: JsonInput, object: JsonObjectNode): Expr {
  const what = "'payload'";
  if (object.members.has('base')) {
    const base = BASES[input.word(object, 'base', what, ['ll', 'nh', 'th', 'ih'])];
    const offset = input.integer(object, 'offset', what, 0xffff);
    return rawPayload(base, offset, input.integer(object, 'len', what, MAX_BITS, 1), object.span);
  }
  const tunnel = input.optionalWord(object, 'tunnel', what, TUNNELS);
  const protocol = input.string(object, 'protocol', what);
  if (!HEADER_WORDS.has(protocol.value))
    throw input.unknown('payload protocol', protocol.value, protocol, HEADER_WORDS);
  const field = input.string(object, 'field', what);
  const expr = payload(protocol.value, field.value, object.span);
  if (expr === undefined) {
    const names = findProtocol(protocol.value)?.fields.map(({ name }) => name) ?? [];
    throw input.unknown(`${protocol.value} field`, field.value, field, names);
  }
  // Fields of vxlan and geneve themselves lie in the inner header too.
  const inner = tunnel ?? (protocol.value === 'vxlan' || protocol.value === 'geneve' ? protocol.value : undefined);
  return inner === undefined ? expr : { ...expr, inner };
}

/** The header, option or chunk that `"name"` names. */
function namedHeader(
  input: JsonInput,
  object: JsonObjectNode,
  what: string,
  headers: readonly OptionHeader[],
): OptionHeader {
  const node = input.string(object, 'name', what);
  const header = headers.find(({ name }) => name === node.value);
  if (header !== undefined) return header;
  throw input.unknown(
    `${what} name`,
    node.value,
    node,
    headers.map(({ name }) => name),
  );
}

/** Its field; without `"field"` the question is whether it is there. */
function fieldOf(
  input: JsonInput,
  object: JsonObjectNode,
  op: 'ipv6' | 'tcpopt' | 'ipv4' | 'sctp',
  header: OptionHeader,
  suffix = '',
): Expr {
  const node = input.optionalString(object, 'field');
  if (node === undefined) {
    const first = header.fields[0] ?? { name: 'kind', offset: 0, length: 8, datatype: 'integer' as const };
    return { ...exthdr(op, header, first, true, object.span), datatype: 'boolean' };
  }
  const field = findField(header, node.value) ?? findField(header, node.value + suffix);
  if (field !== undefined) return exthdr(op, header, field, false, object.span);
  throw input.unknown(
    `${header.name} field`,
    node.value,
    node,
    header.fields.map(({ name }) => name),
  );
}

/** `{"name": …, "field": …}`; `addr` of rt0 has an offset. */
function readExthdr(input: JsonInput, object: JsonObjectNode): Expr {
  const header = namedHeader(input, object, "'exthdr'", IPV6_HEADERS);
  const offset = header.name === 'rt0' ? input.optionalInteger(object, 'offset', "'exthdr'", 15) : undefined;
  return fieldOf(input, object, 'ipv6', header, offset === undefined ? '' : `[${offset}]`);
}

/** `{"name": … [, "field": …]}` or `{"base": KIND, "offset": N, "len": N}` */
function readTcpOption(input: JsonInput, object: JsonObjectNode): Expr {
  const what = "'tcp option'";
  if (!object.members.has('base')) {
    const given = input.string(object, 'name', what);
    const name = given.value === 'sack0' ? 'sack' : given.value;
    const option = TCP_OPTIONS.find((candidate) => candidate.name === name);
    if (option === undefined)
      throw input.unknown(
        'tcp option name',
        name,
        given,
        TCP_OPTIONS.map(({ name }) => name),
      );
    return fieldOf(input, object, 'tcpopt', option);
  }
  const type = input.integer(object, 'base', what, 255);
  const offset = input.integer(object, 'offset', what, 0xffff);
  const length = input.integer(object, 'len', what, MAX_BITS, 1);
  const header = TCP_OPTIONS.find((option) => option.type === type) ?? { name: '', type, fields: [] };
  const known = header.fields.find((field) => field.offset === offset && field.length === length);
  if (offset === 0 && length === 8) {
    const kind = known ?? { name: 'kind', offset, length, datatype: 'integer' as const };
    return { ...exthdr('tcpopt', header, kind, true, object.span), datatype: 'boolean' };
  }
  const field = known ?? { name: '', offset, length, datatype: 'integer' as const };
  return { ...exthdr('tcpopt', header, field, false, object.span), raw: true };
}

function readIpOption(input: JsonInput, object: JsonObjectNode): Expr {
  return fieldOf(input, object, 'ipv4', namedHeader(input, object, "'ip option'", IPV4_OPTIONS));
}

function readSctpChunk(input: JsonInput, object: JsonObjectNode): Expr {
  return fieldOf(input, object, 'sctp', namedHeader(input, object, "'sctp chunk'", SCTP_CHUNKS));
}

function readDccpOption(input: JsonInput, object: JsonObjectNode): Expr {
  const type = input.integer(object, 'type', "'dccp option'", 255);
  const field = { name: 'type', offset: 0, length: 8, datatype: 'boolean' } as const;
  return {
    ...exthdr('dccp', { name: String(type), type, fields: [field] }, field, true, object.span),
    datatype: 'boolean',
  };
}

function readMeta(input: JsonInput, object: JsonObjectNode): Expr {
  const node = input.string(object, 'key', "'meta'");
  const key = Object.hasOwn(QUALIFIED_META, node.value) ? QUALIFIED_META[node.value] : undefined;
  if (key === undefined) throw input.unknown('meta key', node.value, node, Object.keys(QUALIFIED_META));
  return meta(key, object.span);
}

const CT_ADDRESSES: Record<string, readonly [CtKey, 'ip' | 'ip6']> = {
  'ip saddr': ['src_ip', 'ip'],
  'ip daddr': ['dst_ip', 'ip'],
  'ip6 saddr': ['src_ip6', 'ip6'],
  'ip6 daddr': ['dst_ip6', 'ip6'],
};

/** `{"key": … [, "dir": "original"|"reply"]}` */
function readCt(input: JsonInput, object: JsonObjectNode): Expr {
  const node = input.string(object, 'key', "'ct'");
  const direction = input.optionalWord(object, 'dir', "'ct'", ['original', 'reply']);
  if (Object.hasOwn(CT_ADDRESSES, node.value)) {
    const [key, family] = CT_ADDRESSES[node.value] as readonly [CtKey, 'ip' | 'ip6'];
    return { ...ct(key, object.span, direction), family };
  }
  const key = Object.hasOwn(CT_WORDS, node.value) ? CT_WORDS[node.value] : undefined;
  if (key === undefined) throw input.unknown('ct key', node.value, node, Object.keys(CT_WORDS));
  if (direction !== undefined && !CT_DIRECTIONAL.has(node.value))
    throw input.error(`direction not supported by ct key '${node.value}'`, object);
  return ct(key, object.span, direction);
}

function readRt(input: JsonInput, object: JsonObjectNode): Expr {
  const keys = { classid: 'classid', nexthop: 'nexthop', mtu: 'tcpmss', ipsec: 'ipsec' } as const;
  const key = input.word(object, 'key', "'rt'", Object.keys(keys) as (keyof typeof keys)[]);
  const family = input.internetFamily(object, "'rt'");
  if (key === 'nexthop' && family !== undefined) return rt(family === 'ip' ? 'nexthop4' : 'nexthop6', object.span);
  return rt(keys[key], object.span);
}

/** `{"result": …, "flags": …}` */
function readFib(input: JsonInput, object: JsonObjectNode): Expr {
  const result = input.word(object, 'result', "'fib'", FIB_RESULTS);
  const given = new Set<string>(input.flags(object, 'flags', "'fib'", FIB_FLAGS));
  const problem = fibFlagsProblem(given);
  if (problem !== undefined) throw input.error(problem, object.members.get('flags') ?? object);
  return fib(given, result, object.span);
}

/** `{"key": …, "dir": "in"|"out" [, "spnum": N] [, "family": …]}` */
function readIpsec(input: JsonInput, object: JsonObjectNode): Expr {
  const what = "'ipsec'";
  const key = input.word(object, 'key', what, ['saddr', 'daddr', 'reqid', 'spi']);
  const family = input.internetFamily(object, what);
  const direction = input.word(object, 'dir', what, ['in', 'out']);
  const spnum = input.optionalInteger(object, 'spnum', what, 255) ?? 0;
  const isSix = family === 'ip6' && (key === 'saddr' || key === 'daddr');
  const full: XfrmExpr['key'] = isSix ? `${key}6` : key;
  return xfrm(full, direction, spnum, object.span);
}

/** Whether a node is an object with the one property that names a selector. */
export function isSelectorName(name: string): boolean {
  return Object.hasOwn(JSON_SELECTORS, name);
}

/** The selector that `{"NAME": node}` describes. Throws NftError. */
export function readSelector(input: JsonInput, name: string, node: JsonNode): Expr {
  const read = JSON_SELECTORS[name];
  if (read === undefined) throw input.unknown('expression', name, node, Object.keys(JSON_SELECTORS));
  return read(input, input.asObject(node, `'${name}'`));
}
