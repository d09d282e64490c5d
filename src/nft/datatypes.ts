// The datatypes of the nft language (nftables src/datatype.c, `nft describe`): width, byte order, and the text of values
// in both directions. A value is a bigint: the number a reader means, whatever its byte order in a register; addresses
// and strings are the big-endian number of their octets. Names are built in (symbols.ts, names.ts): nothing is looked up
// in /etc or by DNS. SIMPLIFIED: names: users, groups, realms, marks and device groups have no local names but iproute2's own.

import { formatIp4, formatIp6, formatMac, parseIp4, parseIp6, parseMac } from './datatypes-address.ts';
import {
  formatDuration,
  formatHour,
  formatTimestamp,
  parseDuration,
  parseHour,
  parseTimestamp,
} from './datatypes-time.ts';
import { INET_PROTOCOL, INET_PROTOCOL_ALIASES, INET_SERVICE } from './names.ts';
import * as symbols from './symbols.ts';
import { type SymbolTable, symbolName, symbolValue } from './symbols.ts';

/** Order of a value's octets in a register or set key: 'big' (as in a packet) or 'host' (little-endian, as emulated). */
export type ByteOrder = 'big' | 'host';

export interface Datatype {
  readonly name: string;
  /** What `nft describe` calls it; used in messages. */
  readonly description: string;
  /** Width in bits; 0: given by the expression it stands for (integer, string, bitmask). */
  readonly bits: number;
  readonly byteOrder: ByteOrder;
  /** The datatype whose operators it takes: bitmask has `,` lists and flag tests, string has wildcards. */
  readonly base: 'integer' | 'bitmask' | 'string' | 'none';
  /** Names of values, in listing order. */
  readonly names?: SymbolTable;
  /** Names accepted but not listed. */
  readonly aliases?: SymbolTable;
  /** Names are listed in double quotes. */
  readonly quoted?: boolean;
  /** Names that are parsed and never printed (ports). */
  readonly numericListing?: boolean;
  /** Listed numbers: decimal, hex with 0x (`hexDigits` minimum digits). */
  readonly hexDigits?: number;
  /** Own notation, tried before numbers. Returns undefined when `text` is none of it. */
  readonly parse?: (text: string) => bigint | undefined;
  /** Own notation of a value of `bits` bits. */
  readonly format?: (value: bigint, bits: number) => string;
}

function integer(
  name: string,
  description: string,
  bits: number,
  byteOrder: ByteOrder,
  more: Partial<Datatype> = {},
): Datatype {
  return { name, description, bits, byteOrder, base: 'integer', ...more };
}
function bitmask(name: string, description: string, bits: number, byteOrder: ByteOrder, names: SymbolTable): Datatype {
  return { name, description, bits, byteOrder, base: 'bitmask', names };
}

/** All datatypes. Sources: nftables src/datatype.c, meta.c, ct.c, rt.c, fib.c, proto.c, exthdr.c. */
export const DATATYPES = [
  { name: 'invalid', description: 'invalid', bits: 0, byteOrder: 'big', base: 'none' },
  { name: 'verdict', description: 'netfilter verdict', bits: 0, byteOrder: 'big', base: 'none' },
  integer('integer', 'integer', 0, 'big'),
  integer('xinteger', 'integer', 0, 'big', { hexDigits: 1 }),
  { name: 'bitmask', description: 'bitmask', bits: 0, byteOrder: 'big', base: 'bitmask' },
  { name: 'string', description: 'string', bits: 0, byteOrder: 'big', base: 'string' },
  { name: 'ifname', description: 'network interface name', bits: 128, byteOrder: 'big', base: 'string' },
  integer('nf_proto', 'netfilter protocol', 8, 'big', { names: symbols.NF_PROTO }),
  integer('lladdr', 'link layer address', 0, 'big', { format: formatMac, parse: parseMac }),
  integer('ipv4_addr', 'IPv4 address', 32, 'big', { format: formatIp4, parse: parseIp4 }),
  integer('ipv6_addr', 'IPv6 address', 128, 'big', { format: formatIp6, parse: parseIp6 }),
  integer('ether_addr', 'Ethernet address', 48, 'big', { format: formatMac, parse: parseMac }),
  integer('ether_type', 'Ethernet protocol', 16, 'big', { names: symbols.ETHER_TYPE, hexDigits: 4 }),
  integer('inet_proto', 'Internet protocol', 8, 'big', { names: INET_PROTOCOL, aliases: INET_PROTOCOL_ALIASES }),
  integer('inet_service', 'internet network service', 16, 'big', { names: INET_SERVICE, numericListing: true }),
  integer('mark', 'packet mark', 32, 'host', { hexDigits: 8 }),
  integer('time', 'Relative time of packet reception', 64, 'host', { format: formatTimestamp, parse: parseTimestamp }),
  integer('hour', 'Hour of day of packet reception', 32, 'host', { format: formatHour, parse: parseHour }),
  integer('day', 'Day of week of packet reception', 8, 'big', { names: symbols.DAY, quoted: true, parse: parseDay }),
  integer('duration', 'relative time', 32, 'host', { format: formatDuration, parse: parseDuration }),
  bitmask('ct_state', 'conntrack state', 32, 'host', symbols.CT_STATE),
  bitmask('ct_status', 'conntrack status', 32, 'host', symbols.CT_STATUS),
  bitmask('ct_event', 'conntrack event bits', 32, 'host', symbols.CT_EVENT),
  integer('ct_dir', 'conntrack direction', 8, 'big', { names: symbols.CT_DIR }),
  {
    name: 'ct_label',
    description: 'conntrack label',
    bits: 128,
    byteOrder: 'host',
    base: 'bitmask',
    parse: parseLabel,
  },
  integer('ct_id', 'conntrack id', 32, 'big'),
  integer('icmp_type', 'ICMP type', 8, 'big', { names: symbols.ICMP_TYPE }),
  integer('icmp_code', 'icmp code', 8, 'big', { names: symbols.ICMP_CODE }),
  integer('icmpv6_type', 'ICMPv6 type', 8, 'big', { names: symbols.ICMPV6_TYPE }),
  integer('icmpv6_code', 'icmpv6 code', 8, 'big', { names: symbols.ICMPV6_CODE }),
  integer('icmpx_code', 'icmpx code', 8, 'big', { names: symbols.ICMPX_CODE }),
  integer('igmp_type', 'IGMP type', 8, 'big', { names: symbols.IGMP_TYPE }),
  bitmask('tcp_flag', 'TCP flag', 8, 'big', symbols.TCP_FLAG),
  integer('dscp', 'Differentiated Services Code Point', 6, 'big', { names: symbols.DSCP, hexDigits: 2 }),
  integer('ecn', 'Explicit Congestion Notification', 2, 'big', { names: symbols.ECN }),
  integer('dccp_pkttype', 'DCCP packet type', 4, 'big', { names: symbols.DCCP_PKTTYPE, hexDigits: 2 }),
  integer('mh_type', 'Mobility Header Type', 8, 'big', { names: symbols.MH_TYPE }),
  integer('mptcp_subtype', 'mptcp option subtype', 4, 'big', { names: symbols.MPTCP_SUBTYPE }),
  integer('tcpopt_kind', 'TCP option kind', 8, 'big', { names: symbols.TCP_OPTION_KIND }),
  integer('arp_op', 'ARP operation', 16, 'big', { names: symbols.ARP_OP }),
  integer('pkt_type', 'packet type', 8, 'big', { names: symbols.PKT_TYPE }),
  integer('iface_index', 'network interface index', 32, 'host'),
  integer('iface_type', 'network interface type', 16, 'host', { names: symbols.IFACE_TYPE }),
  integer('fib_addrtype', 'fib address type', 32, 'host', { names: symbols.FIB_ADDRTYPE }),
  integer('boolean', 'boolean type', 1, 'host', { names: symbols.BOOLEAN }),
  integer('realm', 'routing realm', 32, 'host', { names: symbols.REALM, quoted: true }),
  integer('devgroup', 'devgroup name', 32, 'host', { names: symbols.DEVGROUP, quoted: true }),
  integer('classid', 'TC classid', 32, 'host', { format: formatClassid, parse: parseClassid }),
  integer('uid', 'user ID', 32, 'host'),
  integer('gid', 'group ID', 32, 'host'),
  integer('cgroupsv2', 'cgroupsv2 path', 64, 'host'),
  integer('policy', 'policy type', 8, 'big'),
  integer('xfrm_dir', 'xfrm direction', 8, 'big', {
    names: [
      ['in', 0],
      ['out', 1],
    ],
  }),
] as const satisfies readonly Datatype[];

/** Name of a datatype. */
export type DatatypeName = (typeof DATATYPES)[number]['name'];

const BY_NAME: ReadonlyMap<string, Datatype> = new Map(DATATYPES.map((type) => [type.name, type]));

/** The datatype called `name` in `type NAME` and `nft describe NAME`. */
export function findDatatype(name: string): Datatype | undefined {
  return BY_NAME.get(name);
}
/** As findDatatype, for names that stand in this project's own tables. */
export function datatype(name: string): Datatype {
  return BY_NAME.get(name) ?? (DATATYPES[0] as Datatype);
}

/** The value of `text` in a datatype: own notation, name, decimal or 0x number. Undefined: it means nothing in it. */
export function parseValue(type: Datatype, text: string): bigint | undefined {
  if (type.base === 'string') return stringValue(text, type.bits === 0 ? text.length : type.bits / 8);
  const own = type.parse?.(text);
  if (own !== undefined) return own;
  const named = type.names === undefined ? undefined : symbolValue(type.names, text);
  const value = named ?? (type.aliases === undefined ? undefined : symbolValue(type.aliases, text));
  return value === undefined ? parseNumber(text) : BigInt(value);
}

/** A value as nft lists it, `bits` wide; lists of flags are the caller's (see flagNames). */
export function formatValue(type: Datatype, value: bigint, bits = type.bits): string {
  if (type.base === 'string') return `"${valueString(value, Math.ceil(bits / 8))}"`;
  if (type.format !== undefined) return type.format(value, bits);
  if (type.names !== undefined && type.numericListing !== true && value <= 0xffffffffn) {
    const name = symbolName(type.names, Number(value));
    if (name !== undefined) return type.quoted === true ? `"${name}"` : name;
  }
  if (type.base === 'bitmask') return `0x${value.toString(16)}`;
  if (type.hexDigits !== undefined) return `0x${value.toString(16).padStart(type.hexDigits, '0')}`;
  return value.toString();
}

/** The names whose bits make up `value` exactly, in nft's order (ascending bits); undefined when a bit has no name. */
export function flagNames(type: Datatype, value: bigint): string[] | undefined {
  if (type.names === undefined || value === 0n) return undefined;
  const names: string[] = [];
  for (let bit = 1n; bit <= value; bit <<= 1n) {
    if ((value & bit) === 0n) continue;
    const name = bit <= 0xffffffffn ? symbolName(type.names, Number(bit)) : undefined;
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names;
}

/** Octets of a value, in a byte order. Higher bits that do not fit are lost. */
export function toBytes(value: bigint, length: number, byteOrder: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = 0; i < length; i++) {
    bytes[byteOrder === 'big' ? length - 1 - i : i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Value of octets in a byte order. */
export function fromBytes(bytes: Uint8Array, byteOrder: ByteOrder): bigint {
  let value = 0n;
  for (let i = 0; i < bytes.length; i++) {
    value = (value << 8n) | BigInt(bytes[byteOrder === 'big' ? i : bytes.length - 1 - i] as number);
  }
  return value;
}

/** Value of a string in `length` octets, padded with NUL (UTF-8; cut when longer). */
export function stringValue(text: string, length: number): bigint {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(text).subarray(0, length));
  return fromBytes(bytes, 'big');
}

/** The text of a string value up to its first NUL. */
export function valueString(value: bigint, length: number): string {
  const bytes = toBytes(value, length, 'big');
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Decimal, 0x hexadecimal or 0 octal digits, as nft reads them. */
export function parseNumber(text: string): bigint | undefined {
  if (/^0x[0-9a-fA-F]+$/.test(text)) return BigInt(text);
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
}

function parseDay(text: string): bigint | undefined {
  if (text.length < 3) return undefined;
  const index = symbols.DAY.findIndex(([name]) => name.toLowerCase().startsWith(text.toLowerCase()));
  return index < 0 ? undefined : BigInt(index);
}

/** `ct label 5` is bit 5; there is no connlabel.conf to name bits. */
function parseLabel(text: string): bigint | undefined {
  const bit = parseNumber(text);
  return bit === undefined || text.startsWith('0x') || bit > 127n ? undefined : 1n << bit;
}

const TC_H_ROOT = 0xffffffffn;
function formatClassid(value: bigint): string {
  if (value === 0n) return 'none';
  if (value === TC_H_ROOT) return 'root';
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}
function parseClassid(text: string): bigint | undefined {
  if (text === 'none') return 0n;
  if (text === 'root') return TC_H_ROOT;
  const match = /^([0-9a-fA-F]{0,4}):([0-9a-fA-F]{0,4})$/.exec(text);
  if (match === null) return undefined;
  return (BigInt(`0x0${match[1]}`) << 16n) | BigInt(`0x0${match[2]}`);
}
