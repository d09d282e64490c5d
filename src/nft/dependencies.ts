// Implicit dependencies: `tcp dport 22` in an inet table needs `meta l4proto tcp` before it, and nft adds that match by itself,
// once. Which matches say what about the protocols, and which must be added for a field to mean what it says.
// Follows the behaviour of nftables' src/payload.c, proto.c and evaluate.c.
import type { PayloadBase } from '../bytecode/expression.ts';
import type { CtExpr, Expr, ExthdrExpr, PayloadExpr, RelationalExpr, Span, Stmt } from './ast.ts';
import {
  announcement,
  BASE_NAMES,
  BASES,
  baseOf,
  type Context,
  fail,
  type ProtocolContext,
  protocolsAbove,
  protocolsOf,
  stackedLength,
} from './evaluate-context.ts';
import { isProtocolKey, meta, payload, untyped, value } from './expressions.ts';
import { findField, findProtocol } from './headers.ts';

const ARPHRD_ETHER = 1n;

/** Takes into the context what an equality match says about protocols. */
export function learnFromMatch(context: Context, match: RelationalExpr): void {
  const { left, right } = match;
  if (!isProtocolKey(left)) return;
  const protocols = protocolsOf(context);
  if (right.kind === 'set') {
    for (const item of right.items)
      if (item.kind === 'element' && item.key.kind === 'value') learn(protocols, left, item.key.value);
  } else if (right.kind === 'value') learn(protocols, left, right.value);
  // Membership of a named set says only that some protocol was asked for.
  else if (right.kind === 'setref' && left.kind === 'meta') learn(protocols, left, 0n);
}

function learn(protocols: ProtocolContext, left: Expr, number: bigint): void {
  const key = Number(number & 0xffffn);
  if (left.kind === 'payload') learnFromHeader(protocols, left, key);
  else if (left.kind === 'meta') learnFromMeta(protocols, left.key, key);
  else if (left.kind === 'ct') {
    const base: PayloadBase = left.key === 'protocol' ? 'network' : 'link';
    const above = protocols.current[base] === undefined ? undefined : protocolsAbove(protocols.current[base]).get(key);
    if (above !== undefined) protocols.update(base === 'link' ? 'network' : 'transport', above);
  }
}

function learnFromHeader(protocols: ProtocolContext, left: PayloadExpr, key: number): void {
  const current = protocols.current[left.base];
  if (current === undefined) return;
  const above = protocolsAbove(current).get(key);
  if (above === undefined) {
    // Type 0 is the echo reply: it is remembered as the request.
    if (current === 'icmp') protocols.icmpType = key === 0 ? 8 : key;
    else if (current === 'icmpv6') protocols.icmpType = key === 129 ? 128 : key;
    return;
  }
  const base = baseOf(above);
  if (base === left.base && base === 'link' && !left.raw && protocols.stacked.length < 16)
    protocols.stacked.push(current);
  protocols.update(base, above);
}

function learnFromMeta(protocols: ProtocolContext, key: string, number: number): void {
  const { family, hookProtocol, hookBase } = protocols;
  switch (key) {
    case 'iftype':
      if (hookBase === 'link' && family !== 'inet' && family !== 'netdev') return;
      protocols.update('link', number === 1 ? 'ether' : 'unknown');
      return;
    case 'nfproto': {
      if ((number === 2 && hookProtocol === 'ip') || (number === 10 && hookProtocol === 'ip6')) return;
      protocols.update('network', protocolsAbove(hookProtocol).get(number) ?? 'unknown');
      return;
    }
    case 'l4proto':
      protocols.update('transport', protocolsAbove('inet-service').get(number & 0xff) ?? 'unknown');
      return;
    case 'protocol':
      if (family === 'netdev' || family === 'bridge')
        protocols.update('network', protocolsAbove(hookProtocol).get(number) ?? 'unknown');
      return;
    default:
  }
}

/** Adds a match before the statement in hand (or before all others), already evaluated. */
function addMatch(context: Context, statement: Stmt, atStart = false): void {
  const index = atStart || context.statement === undefined ? 0 : context.statements.indexOf(context.statement);
  refuseConflict(context, statement, index < 0 ? context.statements.length : index);
  context.statements.splice(Math.max(index, 0), 0, statement);
}

/** Two different values asked of the same field. */
function refuseConflict(context: Context, added: Stmt, before: number): void {
  if (added.kind !== 'match' || added.expr.kind !== 'relational' || added.expr.left.kind !== 'payload') return;
  const field = added.expr.left;
  for (const statement of context.statements.slice(0, before)) {
    if (statement.kind !== 'match' || statement.expr.kind !== 'relational') continue;
    const { left, right } = statement.expr;
    if (left.kind !== 'payload' || right.kind !== 'value' || left.length !== field.length) continue;
    if (
      left.protocol !== field.protocol ||
      left.inner !== field.inner ||
      left.base !== field.base ||
      left.offset !== field.offset
    )
      continue;
    throw fail(context, statement, 'conflicting statements');
  }
}

/** An equality match that stands for a dependency of `span`, evaluated. */
function equals(context: Context, left: Expr, right: Expr, span: Span | undefined, op: 'eq' | 'implicit' = 'eq'): Stmt {
  const expr: RelationalExpr = { ...untyped(span), kind: 'relational', op, left, right, implicit: true };
  const statement: Stmt = span === undefined ? { kind: 'match', expr } : { kind: 'match', expr, span };
  const length = context.statementLength;
  context.evaluateStatement(context, statement);
  context.statementLength = length;
  return statement;
}

/** The expression whose value announces the protocol above: a header's type field, or what the kernel knows by itself. */
function keyOf(protocol: string, span: Span | undefined): Expr {
  switch (protocol) {
    case 'inet':
      return meta('nfproto', span);
    case 'netdev':
      return meta('protocol', span);
    case 'ether':
    case 'vlan':
      return payload(protocol, 'type', span) as PayloadExpr;
    case 'ah':
    case 'comp':
      return payload(protocol, 'nexthdr', span) as PayloadExpr;
    default:
      return meta('l4proto', span);
  }
}

function announceMatch(context: Context, lower: string, upper: string, at: Expr): Stmt {
  const number = announcement(lower, upper);
  if (number < 0) throw fail(context, at, `conflicting protocols specified: ${lower} vs. ${upper}`);
  const key = keyOf(lower, at.span);
  const statement = equals(
    context,
    key,
    value(BigInt(number), key.datatype, key.byteorder, key.length, at.span),
    at.span,
  );
  if (context.inner !== undefined && (key.kind === 'meta' || key.kind === 'payload')) key.inner = context.inner;
  if (statement.kind === 'match' && statement.expr.kind === 'relational') learnFromMatch(context, statement.expr);
  return statement;
}

function ifaceTypeMatch(context: Context, at: Expr): Stmt {
  const key = meta('iftype', at.span);
  const statement = equals(context, key, value(ARPHRD_ETHER, 'iface_type', 'host', 16, at.span), at.span);
  if (context.inner !== undefined) key.inner = context.inner;
  return statement;
}

function linkPseudoProtocol(context: Context): string | undefined {
  const family = protocolsOf(context).family;
  return family === 'inet' ? 'inet' : family === 'bridge' ? 'ether' : family === 'netdev' ? 'netdev' : undefined;
}

/** The match that a header needs when nothing is known of its layer yet; the caller adds it. */
function generate(context: Context, field: PayloadExpr): Stmt {
  const protocols = protocolsOf(context);
  const base = BASES.indexOf(field.base);
  const hook = BASES.indexOf(protocols.hookBase);
  if (base < hook) {
    if (base < hook - 1) throw fail(context, field, 'payload base is invalid for this family');
    if (field.protocol !== 'ether' && announcement('ether', field.protocol) < 0) {
      throw fail(context, field, 'protocol specification is invalid for this family');
    }
    return ifaceTypeMatch(context, field);
  }
  const below = BASES[base - 1];
  let lower = below === undefined ? undefined : protocols.current[below];
  lower ??= specialLower(context, field);
  if (lower === undefined) {
    throw fail(
      context,
      field,
      `ambiguous payload specification: no ${below === undefined ? 'invalid' : BASE_NAMES[below]} protocol specified`,
    );
  }
  // skb->protocol also matches frames with a VLAN tag.
  if (protocols.family === 'bridge' && lower === 'ether' && (field.protocol === 'ip' || field.protocol === 'ip6'))
    lower = 'netdev';
  return announceMatch(context, lower, field.protocol, field);
}

/** Below a header whose lower layer is open: IPv4 and IPv6 mixed, or bridged frames. */
function specialLower(context: Context, field: PayloadExpr): string | undefined {
  if (field.base === 'link') return linkPseudoProtocol(context);
  if (field.base === 'network') return linkPseudoProtocol(context);
  if (field.base !== 'transport') return undefined;
  if (field.protocol !== 'icmp' && field.protocol !== 'icmpv6' && field.protocol !== 'igmp') return 'inet-service';
  let link = protocolsOf(context).current.link ?? linkPseudoProtocol(context);
  if (link === undefined) return 'inet-service';
  // A tunnel without an inner link layer: its network protocol is known by skb->protocol.
  if (field.inner === 'gre') link = 'netdev';
  const network = field.protocol === 'icmpv6' ? 'ip6' : 'ip';
  addMatch(context, announceMatch(context, link, network, field));
  return network;
}

/** Adds what `field` needs to mean what it says, and moves it behind stacked link headers. Throws on conflicts. */
export function resolvePayload(context: Context, field: PayloadExpr): void {
  if (field.raw) return;
  const protocols = protocolsOf(context);
  const known = protocols.current[field.base];
  if (known === undefined) {
    addMatch(context, generate(context, field));
    const now = protocols.current[field.base];
    if (now !== field.protocol && field.base === 'link') {
      const number = now === undefined ? -1 : announcement(now, field.protocol);
      if (now === undefined || number < 0) throw conflict(context, field, now ?? 'none');
      const match = linkMatch(context, now, number, field);
      field.offset += stackedLength(protocols.stacked[0] ?? now);
      addMatch(context, match);
      return;
    }
    resolveIcmp(context, field);
    return;
  }
  if (field.base === 'transport' && protocols.transports.length > 1) {
    const other = protocols.transports.find((protocol) => protocol !== field.protocol) ?? known;
    throw conflict(context, field, other);
  }
  if (known === field.protocol) {
    if (field.base === 'link') field.offset += stackedOffset(protocols);
    resolveIcmp(context, field);
    return;
  }
  if (field.base === 'link') {
    if (resolveLinkConflict(context, known, field)) return;
    if (protocols.current.link === field.protocol) return;
  }
  throw fail(
    context,
    field,
    `conflicting ${BASE_NAMES[field.base]} protocols specified: ${protocols.current[field.base]} vs. ${field.protocol}`,
  );
}

function conflict(context: Context, field: PayloadExpr, known: string): Error {
  return fail(context, field, `conflicting protocols specified: ${known} vs. ${field.protocol}`);
}

function stackedOffset(protocols: ProtocolContext): number {
  return protocols.stacked.reduce((sum, protocol) => sum + stackedLength(protocol), 0);
}

function linkMatch(context: Context, lower: string, number: number, field: PayloadExpr): Stmt {
  const key = payload(lower, 'type', field.span);
  if (key === undefined) throw conflict(context, field, lower);
  const match = equals(context, key, value(BigInt(number), 'ether_type', 'big', 16, field.span), field.span);
  if (context.inner !== undefined) key.inner = context.inner;
  return match;
}

/** A link header other than the known one: a tag behind it, or Ethernet where only the family was known. */
function resolveLinkConflict(context: Context, known: string, field: PayloadExpr): boolean {
  const protocols = protocolsOf(context);
  let lower = known;
  if (known === 'inet' || known === 'netdev') {
    if (context.inner !== undefined) protocols.update('link', 'ether');
    else {
      if (field.protocol !== 'ether' && announcement('ether', field.protocol) < 0) {
        throw fail(context, field, 'protocol specification is invalid for this family');
      }
      addMatch(context, ifaceTypeMatch(context, field));
      lower = field.protocol;
    }
  } else if (protocols.stacked.includes(field.protocol)) return true;
  const number = announcement(lower, field.protocol);
  const current = protocols.current.link;
  if (number < 0 || current === undefined) return false;
  const match = linkMatch(context, current, number, field);
  field.offset += stackedOffset(protocols);
  addMatch(context, match);
  return true;
}

/** Fields that only some ICMP messages have. */
function resolveIcmp(context: Context, field: PayloadExpr): void {
  if (field.protocol !== 'icmp' && field.protocol !== 'icmpv6') return;
  const header = findProtocol(field.protocol);
  const types = header === undefined ? undefined : findField(header, field.field)?.icmpTypes;
  const first = types?.[0];
  if (types === undefined || first === undefined) return;
  const protocols = protocolsOf(context);
  if (protocols.icmpType !== 0 && types.includes(protocols.icmpType)) return;
  const reported = types.length > 2 ? 135 : first;
  if (protocols.icmpType !== 0) {
    throw fail(context, field, `incompatible icmp match: rule has ${protocols.icmpType}, need ${reported}`);
  }
  const datatype = field.protocol === 'icmp' ? 'icmp_type' : 'icmpv6_type';
  const key = payload(field.protocol, 'type', field.span) as PayloadExpr;
  const type = (number: number): Expr => value(BigInt(number), datatype, 'big', 8, field.span);
  protocols.icmpType = reported;
  if (types.length === 1) {
    addMatch(context, equals(context, key, type(first), field.span));
    return;
  }
  const items: Expr[] = types.map((number) => ({
    ...untyped(field.span),
    kind: 'element',
    key: type(number),
    statements: [],
  }));
  addMatch(context, equals(context, key, { ...untyped(field.span), kind: 'set', items }, field.span, 'implicit'));
}

/** IPv6 extension headers and IPv4 options need their network header. */
export function resolveExthdr(context: Context, expr: ExthdrExpr): void {
  if (expr.op !== 'ipv4' && expr.op !== 'ipv6') return;
  const wanted = expr.op === 'ipv4' ? 'ip' : 'ip6';
  const protocols = protocolsOf(context);
  const network = protocols.current.network;
  if (network === wanted) return;
  if (network !== undefined) throw fail(context, expr, `cannot use exthdr with ${network}`);
  const link = protocols.current.link;
  if (link === undefined) throw fail(context, expr, 'Cannot generate dependency: no link layer protocol specified');
  addMatch(context, announceMatch(context, link, wanted, expr), true);
}

/** `ct saddr` and the like need to know which addresses they are. */
export function resolveCtAddress(context: Context, expr: CtExpr): void {
  const protocols = protocolsOf(context);
  const network = protocols.current.network;
  if (network !== 'ip' && network !== 'ip6') {
    const letter = expr.key === 'src' ? 's' : 'd';
    throw fail(
      context,
      expr,
      `cannot determine ip protocol version, use "ip ${letter}addr" or "ip6 ${letter}addr" instead`,
    );
  }
}

/** Adds the transport match that a tunnel's inner header needs. */
export function resolveTunnel(context: Context, field: PayloadExpr): void {
  const tunnel = field.inner as string;
  const protocols = context.protocols;
  const base = baseOf(tunnel);
  const transport = protocols.current.transport;
  if (base === 'inner') {
    if (transport === undefined) throw fail(context, field, 'no transport protocol specified');
    if (announcement(transport, tunnel) < 0) throw fail(context, field, `unexpected transport protocol ${transport}`);
    protocols.update('inner', tunnel);
  } else if (transport === undefined) {
    const lower = protocols.current.network ?? 'ip';
    const number = announcement(lower, tunnel);
    if (number < 0) throw fail(context, field, `conflicting protocols specified: ${lower} vs. ${tunnel}`);
    const right = value(BigInt(number), 'inet_proto', 'host', 8, field.span);
    const expr: RelationalExpr = {
      ...untyped(field.span),
      kind: 'relational',
      op: 'eq',
      left: meta('l4proto', field.span),
      right,
      implicit: true,
    };
    addMatch(context, { kind: 'match', expr });
    protocols.update('transport', tunnel);
  }
}

/** `reject with tcp reset` and `reject with icmp …` match their protocol before everything else in the rule. */
export function requireForReject(context: Context, protocol: 'tcp' | 'ip' | 'ip6', span: Span | undefined): void {
  const base = baseOf(protocol);
  if (protocolsOf(context).current[base] !== undefined) return;
  const field = payload(
    protocol,
    protocol === 'tcp' ? 'sport' : protocol === 'ip' ? 'protocol' : 'nexthdr',
    span,
  ) as PayloadExpr;
  addMatch(context, generate(context, field), true);
}
