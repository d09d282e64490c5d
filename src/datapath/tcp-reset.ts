// RSTs: of a rule's `reject with tcp reset` (nf_send_reset, net/ipv4/netfilter/nf_reject_ipv4.c and its IPv6 twin) and of a
// port where nobody listens (tcp_v4_send_reset, tcp_v6_send_response).
import { be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import { HOOK_NAMES } from '../event/vocabulary.ts';
import type { FlowKey } from '../net/flow-key.ts';
import { transportLength } from '../netfilter/conntrack/verify.ts';
import { foldSum, pseudoHeaderSum, writeTransportChecksum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { buildOptions, echoedOptions } from './ip-options-echo.ts';
import { hopLimitOf, localOut, routeOutput4, routeOutput6 } from './output.ts';
import { isChecksumRight } from './reject-checksum.ts';
import { copyAddress6, dsField, finishIpv4, finishIpv6, isUnicast6, replyMark, writeIpv6Header } from './reply.ts';
import type { Stack } from './stack.ts';

const TCP = 6;
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const ECN_MASK = 3;
const INPUT = HOOK_NAMES.indexOf('input');
const FORWARD = HOOK_NAMES.indexOf('forward');
const OUTPUT = HOOK_NAMES.indexOf('output');

/** nf_send_reset: about a packet that a rule rejects in `hook`. The answer belongs to the packet's connection. */
export function rejectWithReset(stack: Stack, about: Packet, hook: number): void {
  if (!isAnswerable(stack, about)) return;
  // Before routing, nothing says yet that the destination is a broadcast address.
  if (about.ipVersion === 4 && (hook === INPUT || hook === FORWARD || hook === OUTPUT)) {
    const type = stack.fib.addressType4(be32(about.data, about.network + 16));
    if (type === 'broadcast' || type === 'multicast') return;
  }
  sendReset(stack, about, 0, true, true);
}

/** tcp_v4_send_reset and tcp_v6_send_reset: the checksum was verified by the receive path. */
export function resetClosedPort(stack: Stack, about: Packet): void {
  if ((u8(about.data, about.transport + 13) & RST) !== 0) return;
  sendReset(stack, about, dsField(about) & ~ECN_MASK, about.ipVersion === 4, false);
}

/** nf_reject_ip_tcphdr_get: a whole TCP header, no RST, a right checksum. */
export function isAnswerable(stack: Stack, about: Packet): boolean {
  const { data, transport } = about;
  if (about.protocol !== TCP || about.fragmentOffset !== 0 || transport < 0) return false;
  if (transport + 20 > about.networkEnd || (u8(data, transport + 13) & RST) !== 0) return false;
  return isChecksumRight(stack, about);
}

function sendReset(stack: Stack, about: Packet, tos: number, dontFragment: boolean, isReject: boolean): void {
  const { data, network } = about;
  const isIpv4 = about.ipVersion === 4;
  if (!isIpv4 && (!isUnicast6(data, network + 8) || !isUnicast6(data, network + 24))) return;
  const mark = replyMark(stack.settings, about);
  const route = isIpv4
    ? routeOutput4(stack, be32(data, network + 12), mark, keyOf(stack, about, mark, tos))
    : routeOutput6(stack, data, network + 8, linkLocalDevice(about), keyOf(stack, about, mark, tos), mark);
  if (route === undefined) return;
  // ip_send_unicast_reply echoes options, nf_send_reset does not.
  const options = isIpv4 && !isReject ? echoedOptions(stack, about) : 0;
  if (options < 0) return;
  const headerLength = isIpv4 ? 20 + options : 40;
  const packet = stack.pool.acquire(about, headerLength + 20);
  if (packet === undefined) return;
  packet.mark = mark;
  const own = packet.data;
  const net = packet.network;
  const tcp = net + headerLength;
  writeTcp(own, tcp, about);
  if (isIpv4) {
    const { defaultTtl } = stack.settings;
    const saddr = be32(data, network + 16);
    if (options > 0) buildOptions(stack, own, net + 20, options, saddr, about.timeNs);
    const length = headerLength + 20;
    finishIpv4(packet, saddr, be32(data, network + 12), TCP, length, tos, defaultTtl, 0, dontFragment, options);
  } else {
    writeIpv6Header(packet, TCP, 20, tos, hopLimitOf(stack, route));
    copyAddress6(own, net + 8, data, network + 24);
    copyAddress6(own, net + 24, data, network + 8);
    finishIpv6(packet);
  }
  if (isIpv4 && isReject) {
    // CHECKSUM_PARTIAL: filled in on the way out, after the hooks (IPv6's twin computes it at once).
    putBe16(own, tcp + 16, foldSum(pseudoHeaderSum(own, net, 4, TCP, 20)));
    packet.checksumPartial = true;
  } else {
    writeTransportChecksum(own, net, isIpv4 ? 4 : 6, TCP, tcp, tcp + 20);
  }
  const { conntrack } = stack.hooks;
  if (isReject && about.ct >= 0 && conntrack !== undefined) {
    conntrack.attach(packet, about);
    conntrack.tcp.setClosing(about.ct);
  }
  localOut(stack, packet, route);
  stack.pool.release();
}

/** What policy rules see of the RST: it comes from whom the packet was for (ip_route_me_harder, ip_send_unicast_reply). */
function keyOf(stack: Stack, about: Packet, mark: number, tos: number): FlowKey | undefined {
  const key = stack.fib.keyAsked(about, mark, true);
  if (key === undefined) return undefined;
  key.tos = tos;
  if (about.ipVersion !== 4) return key;
  const type = stack.fib.addressType4(be32(about.data, about.network + 16));
  if (type === 'broadcast' || type === 'multicast') key.saddr[0] = 0;
  return key;
}

function linkLocalDevice(about: Packet): number {
  return be32(about.data, about.network + 8) >>> 22 === 0x3fa ? about.iif : 0;
}

/** The RST itself: its numbers come from the segment's acknowledgement, or acknowledge what the segment carried. */
export function writeTcp(own: Uint8Array, tcp: number, about: Packet): void {
  const { data, transport } = about;
  const flags = u8(data, transport + 13);
  own.fill(0, tcp, tcp + 20);
  own[tcp] = u8(data, transport + 2);
  own[tcp + 1] = u8(data, transport + 3);
  own[tcp + 2] = u8(data, transport);
  own[tcp + 3] = u8(data, transport + 1);
  own[tcp + 12] = 5 << 4;
  if ((flags & ACK) !== 0) {
    putBe32(own, tcp + 4, be32(data, transport + 8));
    own[tcp + 13] = RST;
    return;
  }
  const carried = transportLength(about) - (u8(data, transport + 12) >>> 4) * 4;
  const bits = ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
  putBe32(own, tcp + 8, (be32(data, transport + 4) + bits + carried) >>> 0);
  own[tcp + 13] = RST | ACK;
  putBe16(own, tcp + 14, 0);
}
