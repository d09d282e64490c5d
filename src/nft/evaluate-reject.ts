// `reject`: which error a family may send, and the matches that make sure the packet can be answered so.
import type { Stmt } from './ast.ts';
import { datatype as findType, parseValue } from './datatypes.ts';
import { requireForReject } from './dependencies.ts';
import { announcement, type Context, fail, protocolsOf } from './evaluate-context.ts';
import { nearest } from './suggest.ts';

type Reject = Extract<Stmt, { kind: 'reject' }>;

const PORT_UNREACHABLE = { icmp: 3, icmpv6: 4, icmpx: 1 } as const;
const CODE_TYPE = { icmp: 'icmp_code', icmpv6: 'icmpv6_code', icmpx: 'icmpx_code' } as const;

export function evaluateReject(context: Context, statement: Reject): void {
  if (statement.type === undefined) chooseDefault(context, statement);
  else if (statement.code !== undefined) parseCode(context, statement);
  else refuseReset(context, statement);
  const { family } = protocolsOf(context);
  switch (family) {
    case 'arp':
      throw fail(context, statement, 'cannot use reject with arp');
    case 'ip':
    case 'ip6':
      if (statement.type === 'tcp-reset') requireForReject(context, 'tcp', statement.span);
      else if (statement.type === 'icmpx')
        throw fail(context, statement.code ?? statement, 'abstracted ICMP unreachable not supported');
      else if ((statement.type === 'icmp') !== (family === 'ip')) {
        throw fail(context, statement.code ?? statement, 'conflicting protocols specified: ip vs ip6');
      }
      return;
    default:
      evaluateMixed(context, statement);
  }
}

/** Plain `reject` means port unreachable, in the protocol that is known. */
function chooseDefault(context: Context, statement: Reject): void {
  const { family, current } = protocolsOf(context);
  const network = family === 'ip' || family === 'ip6' ? family : current.network;
  if (family === 'arp') throw fail(context, statement, 'cannot use reject with arp');
  if (network === undefined) statement.type = 'icmpx';
  else if (network === 'ip') statement.type = 'icmp';
  else if (network === 'ip6') statement.type = 'icmpv6';
  else throw fail(context, statement, 'cannot reject this network family');
  statement.icmpCode = PORT_UNREACHABLE[statement.type];
}

function parseCode(context: Context, statement: Reject): void {
  const { type, code } = statement;
  if (code?.kind !== 'symbol' || type === undefined || type === 'tcp-reset') return;
  const datatype = findType(CODE_TYPE[type]);
  const number = parseValue(datatype, code.text);
  if (number === undefined) {
    const meant = nearest(
      code.text,
      (datatype.names ?? []).map(([name]) => name),
    );
    throw fail(
      context,
      code,
      `Could not parse ${datatype.description} '${code.text}'`,
      meant && `did you mean '${meant}'?`,
    );
  }
  if (number > 255n) throw fail(context, code, 'reject code must be integer in range 0-255');
  statement.icmpCode = Number(number);
}

function refuseReset(context: Context, statement: Reject): void {
  const { transport, network } = protocolsOf(context).current;
  if (transport === undefined) return;
  if (announcement(network ?? 'inet-service', transport) !== 6) {
    throw fail(context, statement, 'you cannot use tcp reset with this protocol');
  }
}

/** Tables that see IPv4 and IPv6: inet, bridge, netdev. */
function evaluateMixed(context: Context, statement: Reject): void {
  const { family, current } = protocolsOf(context);
  const isFrame = family !== 'inet';
  if (isFrame && !['ether', 'vlan', 'netdev'].includes(current.link ?? '')) {
    throw fail(context, statement, 'cannot reject from this link layer protocol');
  }
  const { network } = current;
  if (network !== undefined) {
    const isInternet = network === 'ip' || network === 'ip6';
    if (isFrame && !isInternet) throw fail(context, statement, 'cannot reject this network family');
    if (statement.type === 'icmp' || statement.type === 'icmpv6') {
      if (!isInternet)
        throw fail(context, statement, 'cannot infer ICMP reject variant to use: explicit value required.');
      if ((statement.type === 'icmp') !== (network === 'ip')) {
        throw fail(context, statement.code ?? statement, 'conflicting protocols specified: ip vs ip6');
      }
    }
  }
  if (statement.type === 'tcp-reset') requireForReject(context, 'tcp', statement.span);
  else if (statement.type === 'icmp') requireForReject(context, 'ip', statement.span);
  else if (statement.type === 'icmpv6') requireForReject(context, 'ip6', statement.span);
}
