// `exthdr` (nft_exthdr.c): TCP options, IPv6 extension headers, IPv4 options, SCTP chunks and DCCP options into a
// register, or whether they are there.
import { be16, u8 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import type { Evaluation } from './evaluation.ts';
import { findIpv4Option, findIpv6Header } from './header-search.ts';
import type { Evaluate, Of, PreparedExpression } from './prepared.ts';

const TCP = 6;
const DCCP = 33;
const SCTP = 132;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

/** Loads from a header that must be searched for, or (`present`) 1 or 0. */
export function prepareExthdr(expression: Of<'exthdr'>): PreparedExpression {
  return { evaluate: evaluator(expression), shape: { cost: 'exthdr', size: expression.length } };
}

function evaluator(expression: Of<'exthdr'>): Evaluate {
  const { op, offset, length, present } = expression;
  const to = registerOffset(expression.dreg);
  const find = finder(expression);
  // nft_exthdr_ipv6_eval and _ipv4_eval break on another protocol even when only presence is asked for.
  const etherType = op === 'ipv6' ? IPV6 : op === 'ipv4' ? IPV4 : 0;
  return (run) => {
    if (etherType !== 0 && run.packet.etherType !== etherType) return NFT_BREAK;
    const at = find(run);
    if (present) {
      run.words[to >>> 2] = at >= 0 ? 1 : 0;
      return NFT_CONTINUE;
    }
    if (at < 0 || at + offset + length > run.end) return NFT_BREAK;
    const { data } = run.packet;
    if ((length & 3) !== 0) run.words[(to + length) >>> 2] = 0;
    for (let i = 0; i < length; i++) run.bytes[to + i] = u8(data, at + offset + i);
    return NFT_CONTINUE;
  };
}

/** Offset of the header, option or chunk, or -1. */
function finder({ op, type, offset, length, present }: Of<'exthdr'>): (run: Evaluation) => number {
  switch (op) {
    case 'tcpopt':
      return (run) => {
        const at = findTcpOption(run, type);
        return at >= 0 && offset + length <= tcpOptionLength(run, at) ? at : -1;
      };
    case 'ipv6':
      return (run) => findIpv6Header(run.packet, run.end, type);
    case 'ipv4':
      return (run) => findIpv4Option(run.packet, type);
    case 'sctp':
      return (run) => findSctpChunk(run, type, present ? 0 : offset + length);
    default:
      return (run) => findDccpOption(run, type);
  }
}

/** Octets of the TCP header when it is all there (nft_tcp_header_pointer), else 0. */
export function tcpHeaderLength(run: Evaluation): number {
  if (!run.hasTransport || run.protocol !== TCP || run.isLaterFragment || run.transport + 20 > run.end) return 0;
  const length = (u8(run.packet.data, run.transport + 12) >>> 4) * 4;
  return length < 20 || run.transport + length > run.end ? 0 : length;
}

/** Absolute offset of the first TCP option of a kind that lies within the header, or -1. */
export function findTcpOption(run: Evaluation, type: number): number {
  const header = tcpHeaderLength(run);
  const { data } = run.packet;
  const end = run.transport + header;
  for (let at = run.transport + 20; at < end - 1; at += tcpOptionLength(run, at)) {
    if (u8(data, at) === type) return at + tcpOptionLength(run, at) > end ? -1 : at;
  }
  return -1;
}

/** Octets of the option at `at`; 1 for padding and for options of length 0, so that a walk ends. */
export function tcpOptionLength(run: Evaluation, at: number): number {
  const { data } = run.packet;
  return u8(data, at) <= 1 || u8(data, at + 1) === 0 ? 1 : u8(data, at + 1);
}

/** `reach`: octets of it that are wanted; 0: only whether it begins there. Later fragments are searched as well. */
function findSctpChunk(run: Evaluation, type: number, reach: number): number {
  if (!run.hasTransport || run.protocol !== SCTP) return -1;
  const { data } = run.packet;
  for (let at = run.transport + 12; at + 4 <= run.end; ) {
    const length = be16(data, at + 2);
    if (length === 0) return -1;
    if (u8(data, at) === type) return reach > 0 && (reach > length || at + length > run.end) ? -1 : at;
    at += (length + 3) & ~3;
  }
  return -1;
}

/** Only presence can be asked for (nft_exthdr_dccp_eval). */
function findDccpOption(run: Evaluation, type: number): number {
  if (!run.hasTransport || run.protocol !== DCCP || run.isLaterFragment || run.transport + 12 > run.end) return -1;
  const { data } = run.packet;
  const end = Math.min(run.end, run.transport + u8(data, run.transport + 4) * 4);
  const kind = (u8(data, run.transport + 8) >>> 1) & 15;
  // Generic header, 48-bit sequence numbers (X) or not, then what the packet's type adds (dccp_packet_hdr_len).
  const basic = (u8(data, run.transport + 8) & 1) === 1 ? 16 : 12;
  const added = kind === 2 || kind === 0 ? (kind === 0 ? 4 : 0) : kind === 1 ? 12 : kind === 7 ? 12 : 8;
  for (let at = run.transport + basic + added; at < end; ) {
    const option = u8(data, at);
    if (option === type) return at;
    if (option <= 31) at++;
    else if (at + 1 >= end || u8(data, at + 1) < 2) return -1;
    else at += u8(data, at + 1);
  }
  return -1;
}
