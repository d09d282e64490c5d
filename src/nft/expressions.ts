// Making expressions of the tree, and the questions that evaluation and linearization ask of them: what is constant, what
// names a protocol, how wide it is. The selectors' types are those of nftables' src/meta.c, ct.c, rt.c, socket.c, fib.c.
import type { CtKey, MetaKey, PayloadBase } from '../bytecode/expression.ts';
import type {
  Byteorder,
  CtExpr,
  Expr,
  ExprBase,
  ExthdrExpr,
  MetaExpr,
  PayloadExpr,
  RtExpr,
  Span,
  SymbolExpr,
  ValueExpr,
} from './ast.ts';
import { datatype as findType } from './datatypes.ts';
import { findField, findProtocol, type HeaderField, type OptionHeader } from './headers.ts';

type Shape = readonly [datatype: string, length: number, byteorder: Byteorder];

/** Datatype, bits and byte order of each meta key, and nft's name of it where it differs. */
export const META_KEYS: Record<MetaKey, Shape> = {
  len: ['integer', 32, 'host'],
  protocol: ['ether_type', 16, 'big'],
  nfproto: ['nf_proto', 8, 'host'],
  l4proto: ['inet_proto', 8, 'host'],
  priority: ['classid', 32, 'host'],
  mark: ['mark', 32, 'host'],
  iif: ['iface_index', 32, 'host'],
  oif: ['iface_index', 32, 'host'],
  iifname: ['ifname', 128, 'host'],
  oifname: ['ifname', 128, 'host'],
  iftype: ['iface_type', 16, 'host'],
  oiftype: ['iface_type', 16, 'host'],
  skuid: ['uid', 32, 'host'],
  skgid: ['gid', 32, 'host'],
  nftrace: ['integer', 1, 'host'],
  rtclassid: ['realm', 32, 'host'],
  secmark: ['integer', 32, 'host'],
  bri_iifname: ['ifname', 128, 'host'],
  bri_oifname: ['ifname', 128, 'host'],
  pkttype: ['pkt_type', 8, 'host'],
  cpu: ['integer', 32, 'host'],
  iifgroup: ['devgroup', 32, 'host'],
  oifgroup: ['devgroup', 32, 'host'],
  cgroup: ['integer', 32, 'host'],
  random: ['integer', 32, 'big'],
  secpath: ['boolean', 8, 'host'],
  iifkind: ['ifname', 128, 'host'],
  oifkind: ['ifname', 128, 'host'],
  bri_iifpvid: ['integer', 16, 'host'],
  bri_iifvproto: ['ether_type', 16, 'big'],
  time: ['time', 64, 'host'],
  day: ['day', 8, 'host'],
  hour: ['hour', 32, 'host'],
  sdif: ['iface_index', 32, 'host'],
  sdifname: ['ifname', 128, 'host'],
  bri_broute: ['integer', 1, 'host'],
};

export const CT_KEYS: Record<CtKey, Shape> = {
  state: ['ct_state', 32, 'host'],
  direction: ['ct_dir', 8, 'host'],
  status: ['ct_status', 32, 'host'],
  mark: ['mark', 32, 'host'],
  secmark: ['integer', 32, 'host'],
  expiration: ['duration', 32, 'host'],
  helper: ['string', 128, 'host'],
  l3proto: ['nf_proto', 8, 'host'],
  src: ['invalid', 0, 'big'],
  dst: ['invalid', 0, 'big'],
  protocol: ['inet_proto', 8, 'big'],
  proto_src: ['inet_service', 16, 'big'],
  proto_dst: ['inet_service', 16, 'big'],
  labels: ['ct_label', 128, 'host'],
  pkts: ['integer', 64, 'host'],
  bytes: ['integer', 64, 'host'],
  avgpkt: ['integer', 64, 'host'],
  zone: ['integer', 16, 'host'],
  event: ['ct_event', 32, 'host'],
  src_ip: ['ipv4_addr', 32, 'big'],
  dst_ip: ['ipv4_addr', 32, 'big'],
  src_ip6: ['ipv6_addr', 128, 'big'],
  dst_ip6: ['ipv6_addr', 128, 'big'],
  id: ['integer', 32, 'big'],
};

const RT_KEYS: Record<RtExpr['key'], Shape> = {
  classid: ['realm', 32, 'host'],
  nexthop: ['invalid', 0, 'big'],
  nexthop4: ['ipv4_addr', 32, 'big'],
  nexthop6: ['ipv6_addr', 128, 'big'],
  tcpmss: ['integer', 16, 'host'],
  ipsec: ['boolean', 8, 'host'],
};

const UNTYPED: Omit<ExprBase, 'span'> = { datatype: 'invalid', byteorder: 'invalid', length: 0 };

/** The parts of an expression that are not its own kind's. */
export function untyped(span: Span | undefined): ExprBase {
  return span === undefined ? { ...UNTYPED } : { ...UNTYPED, span };
}

export function symbol(text: string, span: Span, quoted = false): SymbolExpr {
  return { kind: 'symbol', text, quoted, datatype: 'invalid', byteorder: 'invalid', length: 0, span };
}

export function value(number: bigint, datatype: string, byteorder: Byteorder, length: number, span?: Span): ValueExpr {
  return span === undefined
    ? { kind: 'value', value: number, datatype, byteorder, length }
    : { kind: 'value', value: number, datatype, byteorder, length, span };
}

export function meta(key: MetaKey, span?: Span): MetaExpr {
  const [datatype, length, byteorder] = META_KEYS[key];
  return { ...untyped(span), kind: 'meta', key, datatype, length, byteorder };
}

export function ct(key: CtKey, span?: Span, direction?: CtExpr['direction']): CtExpr {
  const [datatype, length, byteorder] = CT_KEYS[key];
  const expr: CtExpr = { ...untyped(span), kind: 'ct', key, datatype, length, byteorder };
  if (direction !== undefined) expr.direction = direction;
  return expr;
}

export function rt(key: RtExpr['key'], span?: Span): RtExpr {
  const [datatype, length, byteorder] = RT_KEYS[key];
  return { ...untyped(span), kind: 'rt', key, datatype, length, byteorder };
}

/** Headers that only this half knows: tunnels, whose fields lie in the inner header. */
export const TUNNEL_FIELDS: Record<string, { base: PayloadBase; fields: readonly HeaderField[] }> = {
  vxlan: {
    base: 'inner',
    fields: [
      { name: 'flags', offset: 0, length: 8, datatype: 'bitmask' },
      { name: 'vni', offset: 32, length: 24, datatype: 'integer' },
    ],
  },
  geneve: {
    base: 'inner',
    fields: [
      { name: 'type', offset: 16, length: 16, datatype: 'ether_type' },
      { name: 'vni', offset: 32, length: 24, datatype: 'integer' },
    ],
  },
};

/** A header field by nft's names; undefined when the protocol or the field is unknown. */
export function payload(protocol: string, field: string, span?: Span): PayloadExpr | undefined {
  const header = findProtocol(protocol) ?? TUNNEL_FIELDS[protocol];
  const found = header === undefined ? undefined : findField(header, field);
  if (header === undefined || found === undefined) return undefined;
  return {
    ...untyped(span),
    kind: 'payload',
    protocol,
    field,
    base: header.base,
    offset: found.offset,
    length: found.length,
    datatype: found.datatype,
    byteorder: 'big',
    raw: protocol === 'th',
  };
}

/** `@base,offset,length`. The ports of the transport header are typed as such. */
export function rawPayload(base: PayloadBase, offset: number, length: number, span?: Span): PayloadExpr {
  const isPort = base === 'transport' && length === 16 && (offset === 0 || offset === 16);
  return {
    ...untyped(span),
    kind: 'payload',
    protocol: isPort ? 'th' : '',
    field: isPort ? (offset === 0 ? 'sport' : 'dport') : '',
    base,
    offset,
    length,
    datatype: isPort ? 'inet_service' : 'integer',
    byteorder: 'big',
    raw: true,
  };
}

/** A field of an option or extension header. */
export function exthdr(
  op: ExthdrExpr['op'],
  header: OptionHeader,
  field: HeaderField,
  present: boolean,
  span?: Span,
): ExthdrExpr {
  return {
    ...untyped(span),
    kind: 'exthdr',
    op,
    header: header.name,
    field: field.name,
    type: header.type,
    offset: field.offset,
    length: field.length,
    datatype: field.datatype,
    byteorder: 'big',
    present,
    raw: false,
  };
}

/** 'integer', 'string', 'bitmask' or 'none': what operators the expression's datatype takes. */
export function baseType(datatype: string): 'integer' | 'bitmask' | 'string' | 'none' {
  return datatype.includes(' . ') ? 'none' : findType(datatype).base;
}
/** Tests of it without an operator ask for any of the bits (plain `bitmask` has no names and compares as a number). */
export function isFlagType(datatype: string): boolean {
  return baseType(datatype) === 'bitmask' && datatype !== 'bitmask';
}
/** As baseType, with bitmasks counted as the integers that they are. */
export function isIntegerType(datatype: string): boolean {
  const base = baseType(datatype);
  return base === 'integer' || base === 'bitmask';
}

/** Names of one nft datatype: two of ours for integers with names of their own are plain integers to nft. */
function typeIdentity(datatype: string): string {
  return datatype === 'mptcp_subtype' || datatype === 'ct_id' || datatype === 'tcpopt_kind' ? 'integer' : datatype;
}
export function sameDatatype(a: string, b: string): boolean {
  return a === b || typeIdentity(a) === typeIdentity(b);
}
/** What a map, set or statement of type `a` takes: the same datatype, and for marks any integer. */
export function compatibleDatatype(a: string, b: string): boolean {
  return sameDatatype(a, b) || (a === 'mark' && isIntegerType(b));
}

export function describeType(datatype: string): string {
  if (!datatype.includes(' . ')) return findType(datatype).description;
  return `concatenation of (${datatype
    .split(' . ')
    .map((part) => findType(part).description)
    .join(', ')})`;
}

/** Known when the ruleset is compiled; verdicts, sets and (as in nft) map lookups count. */
export function isConstant(expr: Expr): boolean {
  switch (expr.kind) {
    case 'value':
    case 'verdict':
    case 'prefix':
    case 'range':
    case 'set':
    case 'setref':
    case 'catchall':
    case 'mapping':
    case 'map':
      return true;
    case 'concat':
      return expr.parts.every(isConstant);
    case 'element':
      return isConstant(expr.key);
    default:
      return false;
  }
}

/** One value, not a range, prefix or set. */
export function isSingleton(expr: Expr): boolean {
  switch (expr.kind) {
    case 'value':
    case 'verdict':
    case 'catchall':
      return true;
    case 'concat':
      return expr.parts.every(isSingleton);
    case 'element':
    case 'mapping':
      return isSingleton(expr.key);
    default:
      return false;
  }
}

/** Its value says which protocol comes next. */
export function isProtocolKey(expr: Expr): boolean {
  if (expr.kind === 'meta') return ['iftype', 'nfproto', 'l4proto', 'protocol'].includes(expr.key);
  if (expr.kind === 'ct') return expr.key === 'protocol' || expr.key === 'l3proto';
  if (expr.kind !== 'payload') return false;
  const key = expr.protocol === 'gre' ? undefined : findProtocol(expr.protocol)?.key;
  return key !== undefined && expr.field === key;
}

/** The name that nft's messages give a kind of expression. */
export function kindName(expr: Expr): string {
  switch (expr.kind) {
    case 'setref':
      return 'set reference';
    case 'set':
      return 'set';
    case 'element':
      return 'set element';
    case 'catchall':
      return 'catch-all set element';
    case 'binary':
      return 'binop';
    default:
      return expr.kind;
  }
}

/** All bits set, `bits` wide. */
export function bitmask(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}
/** The upper `prefix` of `bits` bits set. */
export function prefixMask(bits: number, prefix: number): bigint {
  return bitmask(bits) ^ bitmask(bits - prefix);
}
/** Octets that hold so many bits. */
export function octets(bits: number): number {
  return Math.ceil(bits / 8);
}

/** A deep copy: evaluation rewrites in place, and a variable may stand in many places. */
export function cloneExpr<T extends Expr>(expr: T): T {
  // What a variable stands for is shared: it is copied when the variable is evaluated, not before.
  if (expr.kind === 'variable') return { ...expr };
  const copy = { ...expr } as Record<string, unknown>;
  for (const key of Object.keys(copy)) {
    if (key === 'span') continue;
    if (key === 'evaluated') {
      delete copy[key];
      continue;
    }
    const child = copy[key];
    if (Array.isArray(child)) copy[key] = child.map((item) => (isNode(item) ? cloneExpr(item) : item));
    else if (isNode(child)) copy[key] = cloneExpr(child);
  }
  return copy as unknown as T;
}
function isNode(item: unknown): item is Expr {
  return typeof item === 'object' && item !== null && 'kind' in item;
}
