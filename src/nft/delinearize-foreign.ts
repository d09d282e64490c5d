// The expressions that the engine does not run, back to the tree: tunnels' inner headers, socket, osf, ipsec, tproxy, synproxy
// (nftables src/netlink_delinearize.c). They reach a listing by `translate` only.
import type { Expr, Stmt } from './ast.ts';
import { loadedPayload } from './delinearize-expressions.ts';
import type { RuleReader } from './delinearize-reader.ts';
import { operand } from './delinearize-statements.ts';
import type { ValueType } from './delinearize-values.ts';
import { meta, payload, TUNNEL_FIELDS } from './expressions.ts';
import type { ForeignExpression } from './linear.ts';
import { osf, socket, xfrm } from './selectors.ts';

type Of<Kind extends ForeignExpression['kind']> = Extract<ForeignExpression, { kind: Kind }>;

const PORT: ValueType = { datatype: 'inet_service', byteorder: 'big', length: 16 };

/** What a foreign expression loads, and where; undefined when it is no load. */
export function foreignLoad(expression: ForeignExpression): { register: number; expr: Expr } | undefined {
  switch (expression.kind) {
    case 'inner':
      return { register: expression.expression.dreg, expr: innerLoad(expression) };
    case 'socket':
      return { register: expression.dreg, expr: socket(expression.key, expression.level) };
    case 'osf': {
      const ttl = (['strict', 'loose', 'skip'] as const)[expression.ttl] ?? 'strict';
      return { register: expression.dreg, expr: osf(ttl, expression.version) };
    }
    case 'xfrm': {
      const key = expression.key as Extract<Expr, { kind: 'xfrm' }>['key'];
      return { register: expression.dreg, expr: xfrm(key, expression.direction, expression.spnum) };
    }
    default:
      return undefined;
  }
}

/** A load behind a tunnel's header, or of that header itself. */
function innerLoad({ type, expression, tunnelHeader }: Of<'inner'>): Expr {
  const inner = TUNNEL_NAMES[type] ?? '';
  if (expression.kind === 'meta') return { ...meta(expression.key), inner };
  const loaded = loadedPayload(expression);
  if (!tunnelHeader) return { ...loaded, inner };
  const field = TUNNEL_FIELDS[inner]?.fields.find(
    ({ offset, length }) => offset === loaded.offset && length === loaded.length,
  );
  const known = field === undefined ? undefined : payload(inner, field.name);
  return { ...(known ?? loaded), inner };
}

/** NFT_INNER_* by type. */
const TUNNEL_NAMES: Readonly<Record<number, string>> = { 1: 'vxlan', 2: 'geneve', 3: 'gre', 4: 'gretap' };

/** The statement that a foreign expression is; undefined when it is a load. */
export function foreignStatement(reader: RuleReader, expression: ForeignExpression): Stmt | undefined {
  switch (expression.kind) {
    case 'tproxy':
      return tproxy(reader, expression);
    case 'synproxy': {
      const { mss, wscale, flags } = expression;
      const statement: Extract<Stmt, { kind: 'synproxy' }> = {
        kind: 'synproxy',
        timestamp: (flags & 8) !== 0,
        sackPerm: (flags & 4) !== 0,
      };
      if ((flags & 1) !== 0) statement.mss = mss;
      if ((flags & 2) !== 0) statement.wscale = wscale;
      return statement;
    }
    default:
      return undefined;
  }
}

function tproxy(reader: RuleReader, expression: Of<'tproxy'>): Stmt {
  const statement: Extract<Stmt, { kind: 'tproxy' }> = { kind: 'tproxy' };
  if (expression.family !== undefined) statement.family = expression.family;
  const isIp6 = (expression.family ?? reader.table.family) === 'ip6';
  const { addressRegister, portRegister } = expression;
  const address: ValueType = isIp6
    ? { datatype: 'ipv6_addr', byteorder: 'big', length: 128 }
    : { datatype: 'ipv4_addr', byteorder: 'big', length: 32 };
  if (addressRegister !== undefined) statement.address = operand(reader, addressRegister, address);
  if (portRegister !== undefined) statement.port = operand(reader, portRegister, PORT);
  return statement;
}
