// The matches that nft added by itself: a later header field makes an earlier protocol match redundant, and the listing
// drops it unless the rule would then mean more. Follows nftables src/payload.c (payload_dependency_*).
import type { PayloadExpr, RelationalExpr, Stmt } from './ast.ts';
import { INNER, isProtocolKey, layerOf, type RuleContext, TRANSPORT } from './delinearize-context.ts';
import { findProtocol } from './headers.ts';

/** Remembers a protocol match that a field of `layer` may make redundant later. */
export function storeDependency(context: RuleContext, statement: Stmt, layer: number): void {
  const relation = relationOf(statement);
  if (relation?.left.kind === 'payload' && relation.right.kind === 'value') {
    const { protocol } = relation.left;
    if (protocol === 'icmp' || protocol === 'icmpv6') {
      const type = Number(relation.right.value);
      context.dependencyIcmpType = protocol === 'icmp' && type === 0 ? 8 : type;
      if (protocol === 'icmp' ? context.dependencyIcmpType === 8 : type === 128 || type === 129) return;
    }
  }
  context.dependencies[layer] = statement;
}

/** A statement other than a match ends what may be dropped: it must run for the same packets as before. */
export function forgetDependencies(context: RuleContext): void {
  context.dependencies.length = 0;
  context.dependencyIcmpType = undefined;
}

function dependencyLayer(context: RuleContext, layer: number): number | undefined {
  if (context.dependencies[layer] !== undefined) return layer;
  return layer === TRANSPORT && context.dependencies[INNER] !== undefined ? INNER : undefined;
}

/** The match that a field of `layer` could make redundant. */
export function dependencyOf(context: RuleContext, layer: number): RelationalExpr | undefined {
  const at = dependencyLayer(context, layer);
  const statement = at === undefined ? undefined : context.dependencies[at];
  return statement === undefined ? undefined : relationOf(statement);
}

/** Drops the match on which `layer` depended. */
export function releaseDependency(context: RuleContext, layer: number): void {
  const at = dependencyLayer(context, layer);
  if (at === undefined) return;
  const statement = context.dependencies[at];
  const index = statement === undefined ? -1 : context.statements.indexOf(statement);
  if (index >= 0) context.statements.splice(index, 1);
  if (statement === context.previous) context.previous = undefined;
  context.dependencies[at] = undefined;
}

/** A header field was used: the match that it implies goes, unless the rule would then mean more. */
export function killDependency(context: RuleContext, payload: PayloadExpr): void {
  releaseTunnel(context, payload);
  const layer = layerOf(payload.base);
  const dependency = dependencyOf(context, layer);
  if (dependency === undefined || payload.protocol === '' || payload.protocol === 'th') return;
  if (mayKill(context, dependency, payload)) releaseDependency(context, layer);
}

const GRE = 47n;

/** `gre ip saddr` implies `meta l4proto gre`. */
function releaseTunnel({ outer }: RuleContext, { inner }: PayloadExpr): void {
  if (outer === undefined || (inner !== 'gre' && inner !== 'gretap')) return;
  const carrier = dependencyOf(outer, TRANSPORT);
  if (carrier?.left.kind !== 'meta' || carrier.left.key !== 'l4proto' || carrier.right.kind !== 'value') return;
  if (carrier.right.value === GRE) releaseDependency(outer, TRANSPORT);
}

function mayKill(context: RuleContext, dependency: RelationalExpr, payload: PayloadExpr): boolean {
  const { left } = dependency;
  const isLinkFamily = context.family === 'bridge' || context.family === 'netdev' || context.family === 'inet';
  if (isLinkFamily && left.kind === 'payload') {
    const isNetworkField = left.protocol === 'ip' || left.protocol === 'ip6';
    if (left.base === 'network' && isNetworkField && payload.base === 'transport') return false;
    if (payload.base === left.base && dependency.op === 'eq') {
      if (isProtocolKey(payload)) return false;
      if (payload.base === 'link') return mayKillLink(dependency);
    }
  }
  if (payload.base !== 'transport' || left.kind !== 'payload' || left.base !== 'transport') return true;
  return left.protocol === 'icmp' || left.protocol === 'icmpv6' ? mayKillIcmp(context, left, payload) : true;
}

/** `vlan id 2` implies `ether type 8021q`, no other type; `vlan type` is never implied. */
function mayKillLink(dependency: RelationalExpr): boolean {
  const { left, right } = dependency;
  if (left.kind !== 'payload' || left.protocol === 'vlan') return false;
  return left.protocol === 'ether' && right.kind === 'value' ? right.value === 0x8100n : true;
}

function mayKillIcmp(context: RuleContext, dependency: PayloadExpr, payload: PayloadExpr): boolean {
  const field = findProtocol(payload.protocol)?.fields.find((candidate) => candidate.name === payload.field);
  if (field?.icmpTypes?.length !== 1 || dependency.protocol !== payload.protocol) return false;
  return context.dependencyIcmpType === field.icmpTypes[0];
}

/** The comparison in a match statement. */
export function relationOf(statement: Stmt): RelationalExpr | undefined {
  return statement.kind === 'match' && statement.expr.kind === 'relational' ? statement.expr : undefined;
}
