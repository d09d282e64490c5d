// Rejects before the IP layer: netdev and inet ingress chains and bridge chains answer with a frame of their own, sent back
// out of the device with the addresses swapped (nft_reject_netdev.c, nft_reject_bridge.c; nf_reject_skb_v4_unreach and kin).
import { be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import { internetChecksum, pseudoHeaderSum, writeTransportChecksum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { mayAnswer } from './reject-checksum.ts';
import { copyAddress6, finishIpv4, finishIpv6, writeIpv6Header } from './reply.ts';
import type { Stack } from './stack.ts';
import { isAnswerable, writeTcp } from './tcp-reset.ts';
import { queueTransmit } from './transmit.ts';
import { putTag } from './vlan-tag.ts';

const TCP = 6;
const ICMP = 1;
const ICMPV6 = 58;
const ICMP_DEST_UNREACH = 3;
const ICMPV6_DEST_UNREACH = 1;
const QUOTE4 = 536;
const QUOTE6 = 1220;

/** nft_reject_netdev_send_v4_tcp_reset and its IPv6 twin. */
export function resetAtLink(stack: Stack, about: Packet): void {
  if (!isForUs(about) || !isWhole(about) || !isUntrimmedAnswerable(stack, about)) return;
  const headerLength = about.ipVersion === 4 ? 20 : 40;
  const reply = stack.pool.acquire(about, headerLength + 20);
  if (reply === undefined) return;
  const tcp = reply.network + headerLength;
  writeTcp(reply.data, tcp, about);
  writeHeader(stack, reply, about, TCP, 20);
  const version = about.ipVersion === 6 ? 6 : 4;
  writeTransportChecksum(reply.data, reply.network, version, TCP, tcp, tcp + 20);
  sendBack(stack, reply, about);
  stack.pool.release();
}

/** nft_reject_netdev_send_v4_unreach and its IPv6 twin. */
export function rejectAtLink(stack: Stack, about: Packet, type: number, code: number): void {
  if (!isForUs(about) || !isWhole(about) || about.fragmentOffset !== 0) return;
  const isIpv4 = about.ipVersion === 4;
  const { data, network, transport } = about;
  const hasIcmp = about.protocol === (isIpv4 ? ICMP : ICMPV6) && transport >= 0 && transport < about.networkEnd;
  if (hasIcmp && u8(data, transport) === (isIpv4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH)) return;
  if (!mayAnswer(stack, about)) return;
  // The quotation may run into Ethernet padding: IPv4 is trimmed only after its length was taken, IPv6 not at all.
  const quoted = Math.min(isIpv4 ? QUOTE4 : QUOTE6, about.end - network);
  const headerLength = isIpv4 ? 20 : 40;
  const reply = stack.pool.acquire(about, headerLength + 8 + quoted);
  if (reply === undefined) return;
  const own = reply.data;
  const at = reply.network + headerLength;
  own[at] = type;
  own[at + 1] = code;
  putBe16(own, at + 2, 0);
  putBe32(own, at + 4, 0);
  for (let i = 0; i < quoted; i++) own[at + 8 + i] = data[network + i] as number;
  const end = at + 8 + quoted;
  writeHeader(stack, reply, about, isIpv4 ? ICMP : ICMPV6, 8 + quoted);
  const seed = isIpv4 ? 0 : pseudoHeaderSum(own, reply.network, 6, ICMPV6, 8 + quoted);
  putBe16(own, at + 2, internetChecksum(own, at, end, seed));
  sendBack(stack, reply, about);
  stack.pool.release();
}

function isForUs(about: Packet): boolean {
  return (u8(about.data, about.start) & 1) === 0 && about.ipVersion !== 0;
}

/** nf_reject_ip_tcphdr_get: what Ethernet padded has a wrong checksum here. */
function isUntrimmedAnswerable(stack: Stack, about: Packet): boolean {
  const { networkEnd, networkLength } = about;
  about.networkEnd = about.end;
  about.networkLength = about.wireLength - (about.network - about.start);
  const isGood = isAnswerable(stack, about);
  about.networkEnd = networkEnd;
  about.networkLength = networkLength;
  return isGood;
}

/** nf_reject_iphdr_validate. */
function isWhole(about: Packet): boolean {
  return about.network - about.start + about.networkLength <= about.wireLength;
}

/** nf_reject_iphdr_put and nf_reject_ip6hdr_put: addresses swapped, no TOS, no identification. */
function writeHeader(stack: Stack, reply: Packet, about: Packet, protocol: number, length: number): void {
  const { data, network } = about;
  if (about.ipVersion === 4) {
    const { defaultTtl } = stack.settings;
    finishIpv4(
      reply,
      be32(data, network + 16),
      be32(data, network + 12),
      protocol,
      20 + length,
      0,
      defaultTtl,
      0,
      true,
    );
    return;
  }
  writeIpv6Header(reply, protocol, length, 0, stack.settings.hopLimit);
  copyAddress6(reply.data, reply.network + 8, data, network + 24);
  copyAddress6(reply.data, reply.network + 24, data, network + 8);
  finishIpv6(reply);
}

function sendBack(stack: Stack, reply: Packet, about: Packet): void {
  const start = reply.network - 14;
  for (let i = 0; i < 6; i++) {
    reply.data[start + i] = u8(about.data, about.start + 6 + i);
    reply.data[start + 6 + i] = u8(about.data, about.start + i);
  }
  putBe16(reply.data, start + 12, reply.etherType);
  reply.start = start;
  reply.wireLength = reply.end - start;
  if (about.encapsulationCount !== 0) {
    const tag = about.encapsulation[0] as number;
    putTag(reply, tag >>> 16, tag & 0xffff);
  }
  queueTransmit(stack, reply, stack.interfaces.at(about.iif));
}
