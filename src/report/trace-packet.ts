// The `packet:` line of `nft monitor trace`: headers told field by field, with the fields that nft leaves out, its order,
// and its way of leaving out a protocol field that the next header implies (trace_gen_stmts of nftables
// src/netlink.c, since 1.1 src/trace.c; payload_expr_expand and payload_dependency_kill of src/payload.c; src/proto.c).
import type { Family } from '../bytecode/ruleset.ts';
import { datatype, formatValue } from '../nft/datatypes.ts';
import { findProtocol, type HeaderField, NFPROTO_PROTOCOLS, type Protocol } from '../nft/headers.ts';
import type { Dialect } from '../nft/print-text.ts';
import type { TracedHeaders } from '../replay/trace-steps.ts';

const ARPHRD_ETHER = 1;
const BASES = ['link', 'network', 'transport'] as const;
const TOKENS = { link: 'll', network: 'nh', transport: 'th' } as const;
type Base = (typeof BASES)[number];

/** What nft never shows of a header (desc->format.filter); checksums too. */
const HIDDEN: Readonly<Record<string, ReadonlySet<string>>> = {
  ah: new Set(['reserved', 'sequence']),
  tcp: new Set(['sequence', 'ackseq', 'doff', 'reserved', 'urgptr']),
  ip: new Set(['version', 'hdrlength', 'frag-off']),
  ip6: new Set(['version']),
  arp: new Set(['htype', 'ptype', 'hlen', 'plen', 'saddr ether', 'daddr ether', 'saddr ip', 'daddr ip']),
};
/** Headers and fields that nft 1.0.6 does not know yet. */
const NEWER_PROTOCOLS: ReadonlySet<string> = new Set(['gre']);
const NEWER_FIELDS: Readonly<Record<string, ReadonlySet<string>>> = { icmpv6: new Set(['taddr', 'daddr']) };
/** Where nft's own table has the fields in another order than the header: one that stands before is not looked for again. */
const TABLE_ORDER: Readonly<Record<string, readonly string[]>> = { igmp: ['type', 'checksum', 'mrt', 'group'] };

/** One field that is shown. */
interface Shown {
  base: Base;
  protocol: Protocol | undefined;
  /** Absent: raw octets. */
  field?: HeaderField;
  value: bigint;
  text: string;
  isKey: boolean;
}

interface Context {
  family: Family;
  dialect: Dialect;
  protocols: Record<Base, Protocol | undefined>;
  /** [base] the shown field that announced that base's header. */
  announced: Partial<Record<Base, Shown>>;
  icmpType: number;
}

/** 'ether saddr … ip saddr 192.168.1.10 … tcp dport 443 tcp flags == syn tcp window 64240', each word with a blank after it. */
export function headerText(family: Family, headers: TracedHeaders, dialect: Dialect): string {
  const context = begin(family, headers, dialect);
  const shown: Shown[] = [];
  for (const base of BASES) {
    const octets = headers[base];
    if (octets !== undefined) header(context, base, octets, shown);
  }
  return shown.map((one) => `${one.text} `).join('');
}

function begin(family: Family, headers: TracedHeaders, dialect: Dialect): Context {
  const protocols: Context['protocols'] = { link: undefined, network: undefined, transport: undefined };
  if (family === 'inet') protocols.network = named(NFPROTO_PROTOCOLS.get(headers.nfproto));
  else if (family === 'ip' || family === 'ip6' || family === 'arp') protocols.network = findProtocol(family);
  if (family === 'bridge' || headers.iiftype === ARPHRD_ETHER) protocols.link = findProtocol('ether');
  return { family, dialect, protocols, announced: {}, icmpType: 0 };
}

function named(name: string | undefined): Protocol | undefined {
  return name === undefined ? undefined : findProtocol(name);
}

function header(context: Context, base: Base, octets: Uint8Array, shown: Shown[]): void {
  for (const one of inOrder(read(context, base, octets))) {
    const stacked = one.isKey && named(one.protocol?.next.get(Number(one.value)))?.base === base;
    if (context.icmpType === 0) leaveOut(context, one, shown);
    shown.push(one);
    if (one.isKey) announce(context, one, stacked);
  }
}

/** All fields of a header, chained headers of the same base (VLAN) included, in the order of the octets. */
function read(context: Context, base: Base, octets: Uint8Array): Shown[] {
  const found: Shown[] = [];
  const bits = octets.length * 8;
  let value = 0n;
  for (const octet of octets) value = (value << 8n) | BigInt(octet);
  const take = (at: number, length: number): bigint =>
    (value >> BigInt(bits - at - length)) & ((1n << BigInt(length)) - 1n);
  let start = 0;
  let at = 0;
  let row = 0;
  let protocol = context.protocols[base];
  while (at < bits) {
    const fields = protocol === undefined ? [] : tableOf(protocol, context.dialect);
    const next = fields.findIndex((field, i) => i >= row && field.offset === at - start);
    const field = fields[next];
    if (protocol === undefined || field === undefined) {
      // nft 1.1 shows no octets that it cannot name.
      if (context.dialect === '1.0.6') found.push(raw(base, at - start, bits - at, take(at, bits - at)));
      break;
    }
    const length = Math.min(field.length, bits - at);
    const one = known(base, protocol, field, take(at, length), length);
    row = next + 1;
    at += length;
    if (one !== undefined) found.push(one);
    const above = protocol.key === field.name ? upper(context, protocol, one) : undefined;
    if (above === undefined) continue;
    context.protocols[above.base as Base] = above;
    if (above.base === base) {
      protocol = above;
      start = at;
      row = 0;
    }
  }
  return found;
}

/** The protocol that a key field announces. */
function upper(context: Context, protocol: Protocol, key: Shown | undefined): Protocol | undefined {
  const name = protocol.next.get(Number(key?.value ?? 0n));
  return context.dialect === '1.0.6' && name !== undefined && NEWER_PROTOCOLS.has(name) ? undefined : named(name);
}

/** A protocol's fields as nft's table has them. */
function tableOf(protocol: Protocol, dialect: Dialect): readonly HeaderField[] {
  const newer = dialect === '1.0.6' ? NEWER_FIELDS[protocol.name] : undefined;
  const fields = newer === undefined ? protocol.fields : protocol.fields.filter((field) => !newer.has(field.name));
  const order = TABLE_ORDER[protocol.name];
  return order === undefined ? fields : order.flatMap((name) => fields.find((field) => field.name === name) ?? []);
}

/** Undefined: nft hides it. */
function known(base: Base, protocol: Protocol, field: HeaderField, value: bigint, length: number): Shown | undefined {
  if (protocol.checksumField === field.name || HIDDEN[protocol.name]?.has(field.name) === true) return undefined;
  const type = datatype(field.datatype);
  const equals = type.base === 'bitmask' ? ' ==' : '';
  const name = `${protocol.name} ${field.name}`;
  const text = `${name}${equals} ${formatValue(type, value, length)}`;
  return { base, protocol, field, value, text, isKey: protocol.key === field.name };
}

function raw(base: Base, offset: number, length: number, value: bigint): Shown {
  const text = `@${TOKENS[base]},${offset},${length} 0x${value.toString(16)}`;
  return { base, protocol: undefined, value, text, isKey: false };
}

/** A protocol's own order first (desc->format.order), as nft's loop finds it. */
function inOrder(fields: Shown[]): Shown[] {
  const left = [...fields];
  const ordered: Shown[] = [];
  while (left.length > 0) {
    const n = ordered.length;
    const at = left.findIndex((one) => {
      const wanted = one.protocol?.order?.[n];
      return wanted === undefined || wanted === one.field?.name;
    });
    if (at < 0) break;
    ordered.push(...left.splice(at, 1));
  }
  return ordered;
}

/** Remembers which field announced the header above it. */
function announce(context: Context, one: Shown, stacked: boolean): void {
  const name = one.protocol?.name;
  if (name === 'icmp' || name === 'icmpv6') {
    context.icmpType = name === 'icmp' && one.value === 0n ? 8 : Number(one.value);
    return;
  }
  const next = BASES[BASES.indexOf(one.base) + (stacked ? 0 : 1)];
  if (next !== undefined) context.announced[next] = one;
}

/** payload_dependency_kill: the field that announced this header goes, where the header says it by itself. */
function leaveOut(context: Context, one: Shown, shown: Shown[]): void {
  const dependency = context.announced[one.base];
  if (one.protocol === undefined || dependency === undefined || !isImplied(context.family, dependency, one)) return;
  shown.splice(shown.indexOf(dependency), 1);
  delete context.announced[one.base];
}

/** payload_may_dependency_kill. */
function isImplied(family: Family, dependency: Shown, one: Shown): boolean {
  if (family !== 'bridge' && family !== 'netdev' && family !== 'inet') return true;
  if (dependency.base === 'network' && one.base === 'transport') return false;
  if (dependency.base !== one.base) return true;
  if (one.isKey) return false;
  if (one.base !== 'link') return true;
  return dependency.protocol?.name === 'ether' && dependency.value === 0x8100n;
}
