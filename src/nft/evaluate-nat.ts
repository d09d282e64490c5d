// Address translation and the statements that take addresses: family, datatypes, maps to address and port.
import type { Family } from '../bytecode/ruleset.ts';
import type { Expr, Stmt } from './ast.ts';
import { checkArgument, evaluateArgument, refuseRange } from './evaluate-argument.ts';
import { type Context, expectType, fail, protocolsOf, typeLength } from './evaluate-context.ts';
import { isProtocolKey } from './expressions.ts';

type Nat = Extract<Stmt, { kind: 'nat' }>;
type Tproxy = Extract<Stmt, { kind: 'tproxy' }>;

const ADDRESS_TYPE: Partial<Record<Family, string>> = { ip: 'ipv4_addr', ip6: 'ipv6_addr' };

export function evaluateNat(context: Context, statement: Nat): void {
  const { family, current } = protocolsOf(context);
  if (family === 'ip' || family === 'ip6') statement.family ??= family;
  else if (family !== 'inet') throw fail(context, statement, 'NAT is only supported for IPv4/IPv6');
  else if (
    statement.address !== undefined &&
    statement.family === undefined &&
    (current.network === 'ip' || current.network === 'ip6')
  ) {
    statement.family = current.network;
  }
  if (statement.address !== undefined) {
    refuseOtherFamily(context, statement, statement.type);
    if (hasConcatMap(context, statement) || statement.concat === true) {
      statement.concat = true;
      evaluateNatMap(context, statement);
      return;
    }
    evaluateAddress(context, statement, statement.type);
  }
  if (statement.port !== undefined) statement.port = evaluatePort(context, statement.port, statement.address);
}

function refuseOtherFamily(context: Context, statement: Nat | Tproxy, name: string): void {
  const network = protocolsOf(context).current.network;
  if ((network === 'ip' && statement.family !== 'ip') || (network === 'ip6' && statement.family !== 'ip6')) {
    const given = statement.family ?? 'inet';
    throw fail(
      context,
      statement,
      `conflicting protocols specified: ${network} vs. ${given}. You must specify ip or ip6 family in ${name} statement`,
    );
  }
}

/** The address, of the datatype that family or map key says. */
function evaluateAddress(context: Context, statement: Nat | Tproxy, name: string): void {
  const address = statement.address as Expr;
  const { family } = protocolsOf(context);
  if (family === 'inet' && statement.family === undefined) inferFamily(statement, address);
  const type = ADDRESS_TYPE[family === 'inet' ? (statement.family ?? 'inet') : family];
  if (type === undefined) throw ambiguous(context, statement, name, family);
  statement.address = evaluateArgument(context, type, typeLength(type), 'big', address);
}

function ambiguous(context: Context, statement: Stmt, name: string, family: Family): Error {
  return fail(context, statement, `specify \`${name} ip' or '${name} ip6' in ${family} table to disambiguate`);
}

/** A map keyed by an IPv4 field maps to IPv4 addresses. */
function inferFamily(statement: Nat | Tproxy, address: Expr): void {
  if (address.kind !== 'map') return;
  for (const part of address.key.kind === 'concat' ? address.key.parts : [address.key]) {
    if (part.kind === 'payload' && (part.protocol === 'ip' || part.protocol === 'ip6'))
      statement.family = part.protocol;
  }
}

function evaluatePort(context: Context, port: Expr, address: Expr | undefined): Expr {
  const result = evaluateArgument(context, 'inet_service', 16, 'big', port);
  requireTransport(context, result, address);
  return result;
}

function requireTransport(context: Context, at: Expr, address: Expr | undefined): void {
  if (protocolsOf(context).current.transport !== undefined || keysHaveTransport(address)) return;
  throw fail(context, at, 'transport protocol mapping is only valid after transport protocol match');
}

/** A map whose key holds the transport protocol or a port needs no match before it. */
function keysHaveTransport(address: Expr | undefined): boolean {
  if (address?.kind !== 'map' || address.key.kind !== 'concat') return false;
  for (const part of address.key.parts) {
    if (part.kind === 'payload' && part.base === 'transport' && part.protocol !== 'th') return true;
    if (!isProtocolKey(part)) continue;
    if (part.kind === 'meta') return part.key === 'l4proto';
    return part.kind === 'payload' && part.base === 'network';
  }
  return false;
}

/** A map to `address . port`. */
function hasConcatMap(context: Context, statement: Nat): boolean {
  const { address } = statement;
  if (address?.kind !== 'map') return false;
  if (address.mappings.kind === 'set') {
    return address.mappings.items.some((item) => item.kind === 'mapping' && item.value.kind === 'concat');
  }
  if (address.mappings.kind !== 'setref') return false;
  context.evaluate(context, address.mappings);
  const set = context.ruleset.findSet(address.mappings.name);
  if (set?.mapTo !== 'value') throw fail(context, address.mappings, 'Expression is not a map');
  return set.data?.datatype.includes(' . ') === true;
}

function evaluateNatMap(context: Context, statement: Nat): void {
  const address = statement.address as Expr;
  const { family } = protocolsOf(context);
  if (statement.port !== undefined) throw fail(context, statement, 'nat map and protocol are mutually exclusive');
  if (statement.family === undefined) inferFamily(statement, address);
  const addressType = statement.family === undefined ? undefined : ADDRESS_TYPE[statement.family];
  if (addressType === undefined) throw ambiguous(context, statement, statement.type, family);
  const type = `${addressType} . inet_service`;
  expectType(context, type, typeLength(type));
  const result = context.evaluate(context, address);
  statement.address = result;
  requireTransport(context, result, result);
  if (result.kind !== 'map') return;
  const set = result.mappings.kind === 'setref' ? context.ruleset.findSet(result.mappings.name) : undefined;
  if (set?.dataInterval === true) statement.interval = true;
  result.datatype = set?.data?.datatype ?? type;
  statement.address = checkArgument(context, type, typeLength(type), 'big', result);
}

export function evaluateTproxy(context: Context, statement: Tproxy): void {
  const { family, current } = protocolsOf(context);
  if (family === 'ip' || family === 'ip6') statement.family ??= family;
  else if (family !== 'inet') throw fail(context, statement, 'tproxy is only supported for IPv4/IPv6/INET');
  if (current.transport === undefined)
    throw fail(context, statement, 'Transparent proxy support requires transport protocol match');
  if (statement.address === undefined && statement.port === undefined) {
    throw fail(context, statement, 'Either address or port must be specified!');
  }
  refuseOtherTproxyFamily(context, statement);
  if (statement.address !== undefined) {
    evaluateAddress(context, statement, 'tproxy');
    if (statement.address.kind === 'range')
      throw fail(context, statement, 'Address ranges are not supported for tproxy.');
  }
  if (statement.port !== undefined) {
    statement.port = evaluatePort(context, statement.port, statement.address);
    if (statement.port.kind === 'range') throw fail(context, statement, 'Port ranges are not supported for tproxy.');
  }
}

function refuseOtherTproxyFamily(context: Context, statement: Tproxy): void {
  refuseOtherFamily(context, statement, 'tproxy');
}

/** `dup to`: an address, and perhaps a device; in netdev tables a device. */
export function evaluateDup(context: Context, statement: Extract<Stmt, { kind: 'dup' }>): void {
  const { family } = protocolsOf(context);
  const type = ADDRESS_TYPE[family];
  if (type !== undefined) {
    statement.to = evaluateArgument(context, type, typeLength(type), 'big', statement.to);
    if (statement.device !== undefined) {
      statement.device = evaluateArgument(context, 'iface_index', 32, 'host', statement.device);
      refuseRange(context, statement, statement.device);
    }
  } else if (family === 'netdev') {
    if (statement.device !== undefined) throw fail(context, statement, 'cannot specify device');
    statement.to = evaluateArgument(context, 'iface_index', 32, 'host', statement.to);
  } else throw fail(context, statement, 'unsupported family');
  refuseRange(context, statement, statement.to);
}

/** `fwd to DEVICE`, `fwd ip to ADDRESS device DEVICE`: netdev tables only. */
export function evaluateFwd(context: Context, statement: Extract<Stmt, { kind: 'fwd' }>): void {
  if (protocolsOf(context).family !== 'netdev') throw fail(context, statement, 'unsupported family');
  statement.device = evaluateArgument(context, 'iface_index', 32, 'host', statement.device);
  refuseRange(context, statement, statement.device);
  if (statement.address === undefined) return;
  const type = ADDRESS_TYPE[statement.family ?? 'inet'];
  if (type === undefined) throw fail(context, statement, 'missing family');
  statement.address = evaluateArgument(context, type, typeLength(type), 'big', statement.address);
  refuseRange(context, statement, statement.address);
}
