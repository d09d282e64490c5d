// What a rule has established about the packet so far: which protocol stands on each layer, and so which header field a
// load of raw octets is (nftables src/proto.c proto_ctx, src/payload.c payload_expr_complete and its kin).
import type { PayloadBase } from '../bytecode/expression.ts';
import type { Family } from '../bytecode/ruleset.ts';
import type { Expr, PayloadExpr, Stmt } from './ast.ts';
import { lowestBit } from './delinearize-values.ts';
import {
  findProtocol,
  type HeaderField,
  LINK_PROTOCOLS,
  NFPROTO_PROTOCOLS,
  type Protocol,
  TRANSPORT_PROTOCOLS,
} from './headers.ts';

/** Layers in nft's order; a protocol match on one layer says what stands on the next. */
export const LAYERS = ['link', 'network', 'transport', 'inner'] as const;
const LINK = 0;
const NETWORK = 1;
/** Number of the transport layer. */
export const TRANSPORT = 2;
/** Number of the layer behind the transport header. */
export const INNER = 3;

/** State of one rule's delinearization. */
export interface RuleContext {
  readonly family: Family;
  /** Protocol name by layer; `inet` and `netdev` are the link layers of those families, `unknown` a protocol without fields. */
  readonly protocols: (string | undefined)[];
  /** Link headers below the present one (ether below vlan). */
  readonly stacked: Protocol[];
  icmpType: number | undefined;
  /** Matches that a field of the layer makes redundant. */
  readonly dependencies: (Stmt | undefined)[];
  dependencyIcmpType: number | undefined;
  readonly statements: Stmt[];
  previous: Stmt | undefined;
  /** Of a packet inside a tunnel: the packet that carries it. */
  outer?: RuleContext;
}

/** A context at the start of a rule. */
export function ruleContext(family: Family): RuleContext {
  const protocols: (string | undefined)[] = [undefined, undefined, undefined, undefined];
  if (family === 'bridge') protocols[LINK] = 'ether';
  else if (family === 'inet' || family === 'netdev') protocols[LINK] = family;
  else protocols[NETWORK] = family;
  return {
    family,
    protocols,
    stacked: [],
    icmpType: undefined,
    dependencies: [],
    dependencyIcmpType: undefined,
    statements: [],
    previous: undefined,
  };
}

/** The context of what a tunnel carries: an Ethernet frame, until something says more. Shares the statements. */
export function innerContext(outer: RuleContext): RuleContext {
  return { ...ruleContext('bridge'), statements: outer.statements, outer };
}

/** Layer number of a payload base. */
export function layerOf(base: PayloadBase): number {
  return LAYERS.indexOf(base);
}

/** The protocol that `value` announces on top of `lower`. */
export function upperProtocol(lower: string | undefined, value: number): string | undefined {
  if (lower === undefined) return undefined;
  if (lower === 'inet') return NFPROTO_PROTOCOLS.get(value);
  if (lower === 'netdev') return LINK_PROTOCOLS.get(value);
  return findProtocol(lower)?.next.get(value);
}

/** The header that holds a link-layer offset, and the bits of headers below it. */
function headerAt(context: RuleContext, payload: PayloadExpr): { header: Protocol; skip: number } | undefined {
  const name = context.protocols[layerOf(payload.base)];
  const top = name === undefined ? undefined : findProtocol(name);
  if (payload.base === 'link') {
    let skip = 0;
    for (const header of context.stacked) {
      const length = header.length ?? 0;
      if (payload.offset < skip + length) return { header, skip };
      skip += length;
    }
    return top === undefined ? undefined : { header: top, skip };
  }
  return top === undefined ? undefined : { header: top, skip: 0 };
}

function fits(context: RuleContext, field: HeaderField): boolean {
  return field.icmpTypes === undefined || context.icmpType === undefined || field.icmpTypes.includes(context.icmpType);
}

/** Names the field that a load of raw octets is, when the layer's protocol is known. */
export function completePayload(context: RuleContext, payload: PayloadExpr): PayloadExpr {
  if (payload.protocol !== '') return payload;
  const at = headerAt(context, payload);
  if (at !== undefined) {
    for (const field of at.header.fields) {
      if (field.offset + at.skip !== payload.offset || field.length !== payload.length || !fits(context, field))
        continue;
      return fieldExpression(payload, at.header.name, field);
    }
  }
  return transportPort(payload);
}

function fieldExpression(payload: PayloadExpr, protocol: string, field: HeaderField): PayloadExpr {
  return { ...payload, protocol, field: field.name, raw: false, datatype: field.datatype, byteorder: 'big' };
}

/** A port of an unknown transport protocol is `th sport` or `th dport`. */
function transportPort(payload: PayloadExpr): PayloadExpr {
  if (payload.base !== 'transport' || payload.length !== 16 || payload.offset > 16 || payload.offset % 16 !== 0)
    return payload;
  const field = payload.offset === 0 ? 'sport' : 'dport';
  return { ...payload, protocol: 'th', field, raw: false, datatype: 'inet_service', byteorder: 'big' };
}

/** Splits one load over several adjacent fields (nft merges adjacent matches) into the fields; what is left stays raw. */
export function expandPayload(
  context: RuleContext,
  payload: PayloadExpr,
): { payload: PayloadExpr; fieldLength: number }[] {
  const parts: { payload: PayloadExpr; fieldLength: number }[] = [];
  const at = headerAt(context, payload);
  let offset = payload.offset;
  let left = payload.length;
  if (at !== undefined) {
    for (const field of at.header.fields) {
      if (field.offset + at.skip !== offset || !fits(context, field)) continue;
      const length = Math.min(field.length, left);
      const part = { ...payload, offset, length };
      parts.push({ payload: fieldExpression(part, at.header.name, field), fieldLength: field.length });
      offset += length;
      left -= length;
      if (left === 0) return parts;
    }
  }
  parts.push({ payload: transportPort({ ...payload, offset, length: left }), fieldLength: left });
  return parts;
}

/** The field that `mask` cuts out of a load, and how far its value is shifted; undefined when the mask is no field's. */
export function trimPayload(
  context: RuleContext,
  payload: PayloadExpr,
  mask: bigint,
): { payload: PayloadExpr; shift: number } | undefined {
  const at = headerAt(context, payload);
  const shift = lowestBit(mask);
  if (at === undefined || shift < 0) return undefined;
  const top = mask.toString(2).length;
  if (mask !== (1n << BigInt(top)) - (1n << BigInt(shift))) return undefined;
  const offset = payload.offset + payload.length - top;
  const wanted = top - shift;
  let next = offset;
  let length = 0;
  for (const field of at.header.fields) {
    if (field.offset + at.skip !== next) continue;
    next += field.length;
    length += field.length;
    if (length === wanted && length < payload.length) return { payload: { ...payload, offset, length }, shift };
    if (length >= wanted) return undefined;
  }
  return undefined;
}

/** Takes note of what a protocol match says (`meta l4proto tcp`, `ether type ip`, `icmp type …`). */
export function updateContext(context: RuleContext, left: Expr, value: bigint): void {
  const number = Number(value & 0xffffffffn);
  if (left.kind === 'meta') updateByMeta(context, left.key, number);
  else if (left.kind === 'ct') {
    if (left.key === 'l3proto') setProtocol(context, NETWORK, upperProtocol(context.protocols[LINK], number));
    else if (left.key === 'protocol')
      setProtocol(context, TRANSPORT, upperProtocol(context.protocols[NETWORK], number));
  } else if (left.kind === 'payload' && isProtocolKey(left)) updateByPayload(context, left, number);
}

function setProtocol(context: RuleContext, layer: number, protocol: string | undefined): void {
  if (protocol !== undefined) context.protocols[layer] = protocol;
}

function updateByMeta(context: RuleContext, key: string, value: number): void {
  const { family } = context;
  const isLinkFamily = family === 'bridge' || family === 'netdev' || family === 'inet';
  if (key === 'iftype') {
    if (family !== 'bridge') context.protocols[LINK] = value === 1 ? 'ether' : 'unknown';
  } else if (key === 'nfproto') {
    context.protocols[NETWORK] = isLinkFamily
      ? (NFPROTO_PROTOCOLS.get(value) ?? 'unknown')
      : context.protocols[NETWORK];
  } else if (key === 'l4proto') {
    context.protocols[TRANSPORT] = TRANSPORT_PROTOCOLS.get(value) ?? 'unknown';
  } else if (key === 'protocol' && isLinkFamily) {
    context.protocols[NETWORK] = LINK_PROTOCOLS.get(value) ?? 'unknown';
  }
}

function updateByPayload(context: RuleContext, left: PayloadExpr, value: number): void {
  const layer = layerOf(left.base);
  if (left.protocol === 'icmp' || left.protocol === 'icmpv6') {
    context.icmpType = value;
    return;
  }
  const lower = findProtocol(left.protocol);
  const upper = lower?.next.get(value);
  if (lower === undefined || upper === undefined) {
    if (layer < TRANSPORT) context.protocols[layer + 1] = 'unknown';
    return;
  }
  const base = layerOf(findProtocol(upper)?.base ?? left.base);
  if (base === layer && base === LINK) context.stacked.push(lower);
  context.protocols[base] = upper;
}

/** The field announces what stands above (`ip protocol`, `ether type`, `icmp type`). */
export function isProtocolKey(expr: Expr): boolean {
  if (expr.kind === 'payload') return expr.protocol !== '' && findProtocol(expr.protocol)?.key === expr.field;
  if (expr.kind === 'meta') return ['iftype', 'nfproto', 'l4proto', 'protocol'].includes(expr.key);
  return expr.kind === 'ct' && (expr.key === 'l3proto' || expr.key === 'protocol');
}

/** `ct saddr` stands where a transport match would: it implies the network protocol. */
const CT_LAYERS: Partial<Record<string, number>> = {
  l3proto: NETWORK,
  protocol: TRANSPORT,
  src: TRANSPORT,
  dst: TRANSPORT,
};

/** The layer whose fields make a protocol match redundant. */
export function announcedLayer(expr: Expr, value: bigint | undefined): number {
  if (expr.kind === 'meta') return expr.key === 'iftype' ? LINK : expr.key === 'l4proto' ? TRANSPORT : NETWORK;
  if (expr.kind === 'ct') return CT_LAYERS[expr.key] ?? INNER;
  if (expr.kind !== 'payload') return INNER;
  const layer = layerOf(expr.base);
  const upper = value === undefined ? undefined : upperProtocol(expr.protocol, Number(value));
  const isStacked = upper !== undefined && findProtocol(upper)?.base === expr.base;
  return isStacked ? layer : layer + 1;
}
