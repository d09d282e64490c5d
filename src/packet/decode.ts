// From octets to header offsets: fills the network and transport fields of a Packet. Lenient where the kernel's
// stages judge later (src/datapath/ip-receive.ts); it never reads beyond `packet.end` and never throws.
import { be16, u8 } from '../base/columns.ts';
import type { Packet } from './packet.ts';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_QINQ = 0x88a8;
export const ETHERTYPE_PPPOE = 0x8864;

/** Extension headers that an IPv6 chain can have before the upper layer (ipv6_ext_hdr and AH, mobility). */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const NO_NEXT = 59;
const DESTINATION = 60;
/** What is longer was not segmented yet; shorter frames with a length of 0 have Ethernet padding. */
const ETHERNET_MTU = 1500;

/**
 * Fills ipVersion, protocol, transport, networkEnd, networkLength, fragment fields and hasOptions from
 * packet.network and packet.etherType. Returns false when the IP header itself is cut or nonsense
 * (wrong version, header longer than the datagram); such a packet has ipVersion 0.
 */
export function decodeNetwork(packet: Packet): boolean {
  packet.ipVersion = 0;
  packet.protocol = -1;
  packet.transport = -1;
  packet.fragmentOffset = 0;
  packet.moreFragments = false;
  packet.fragmentHeader = -1;
  packet.authenticationHeader = -1;
  packet.hasOptions = false;
  packet.networkEnd = packet.end;
  packet.networkLength = packet.end - packet.network;
  if (packet.etherType === ETHERTYPE_IPV4) return decodeIpv4(packet);
  if (packet.etherType === ETHERTYPE_IPV6) return decodeIpv6(packet);
  return false;
}

function decodeIpv4(packet: Packet): boolean {
  const { data, network, end } = packet;
  if (network + 20 > end) return false;
  const first = u8(data, network);
  const headerLength = (first & 15) * 4;
  if (first >>> 4 !== 4 || headerLength < 20) return false;
  let totalLength = be16(data, network + 2);
  // A capture of a packet before segmentation offload leaves 0 here; its length is what was on the wire.
  const onWire = packet.wireLength - (network - packet.start);
  if (totalLength === 0 && onWire > ETHERNET_MTU) totalLength = onWire;
  if (totalLength < headerLength) return false;
  packet.ipVersion = 4;
  packet.hasOptions = headerLength > 20;
  packet.networkLength = totalLength;
  packet.networkEnd = Math.min(network + totalLength, end);
  packet.protocol = u8(data, network + 9);
  const fragment = be16(data, network + 6);
  packet.moreFragments = (fragment & 0x2000) !== 0;
  packet.fragmentOffset = (fragment & 0x1fff) * 8;
  if (packet.fragmentOffset === 0 && network + headerLength <= packet.networkEnd)
    packet.transport = network + headerLength;
  return true;
}

function decodeIpv6(packet: Packet): boolean {
  const { data, network, end } = packet;
  if (network + 40 > end || u8(data, network) >>> 4 !== 6) return false;
  let payloadLength = be16(data, network + 4);
  const onWire = packet.wireLength - (network - packet.start);
  if (payloadLength === 0 && onWire > ETHERNET_MTU && u8(data, network + 6) !== HOP_BY_HOP) payloadLength = onWire - 40;
  packet.ipVersion = 6;
  packet.networkLength = payloadLength + 40;
  packet.networkEnd = Math.min(network + 40 + payloadLength, end);
  walkExtensions(packet);
  return true;
}

/** ipv6_skip_exthdr: finds the upper-layer header; leaves protocol at the last header it could read. */
function walkExtensions(packet: Packet): void {
  const { data, network, networkEnd } = packet;
  let next = u8(data, network + 6);
  let at = network + 40;
  // As many as there are: every one is eight octets at least.
  for (;;) {
    if (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION) {
      if (next === HOP_BY_HOP) packet.hasOptions = true;
      if (at + 2 > networkEnd) break;
      next = u8(data, at);
      at += (u8(data, at + 1) + 1) * 8;
    } else if (next === AUTHENTICATION) {
      if (at + 2 > networkEnd) break;
      if (packet.authenticationHeader < 0) packet.authenticationHeader = at;
      next = u8(data, at);
      at += (u8(data, at + 1) + 2) * 4;
    } else if (next === FRAGMENT) {
      if (at + 8 > networkEnd) break;
      packet.fragmentHeader = at;
      const field = be16(data, at + 2);
      packet.fragmentOffset = field & 0xfff8;
      packet.moreFragments = (field & 1) !== 0;
      next = u8(data, at);
      at += 8;
      if (packet.fragmentOffset !== 0) {
        packet.protocol = next;
        return;
      }
    } else {
      packet.protocol = next;
      if (next !== NO_NEXT && at <= networkEnd) packet.transport = at;
      return;
    }
  }
  packet.protocol = next;
}
