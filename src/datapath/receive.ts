// From a frame on a device to a protocol: __netif_receive_skb_core (net/core/dev.c) with VLAN devices (vlan_do_receive),
// bridge ports (br_handle_frame), PPPoE sessions (pppoe_rcv, ppp_input) and the ingress hook of every device on the way.
// SIMPLIFIED: mac: without RouterSpec.strictMac the destination address of a unicast frame is taken as the router's own, for a
// capture's addresses need not be this router's (the kernel judge rewrites them).
import { be16, putBe16, u8 } from '../base/columns.ts';
import { eventKind } from '../event/vocabulary.ts';
import type { Interface } from '../net/interfaces.ts';
import { NF_ACCEPT } from '../netfilter/verdict.ts';
import {
  decodeNetwork,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_PPPOE,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
} from '../packet/decode.ts';
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, type Packet } from '../packet/packet.ts';
import { arpReceive } from './arp.ts';
import { BRIDGE_CONSUMED, BRIDGE_UP, bridgeReceive, isAddress } from './bridge.ts';
import { ip6Receive, ipReceive } from './ip-receive.ts';
import { drop, passes, reason, simplification } from './outcome.ts';
import type { Stack } from './stack.ts';
import { queueTransmit } from './transmit.ts';
import { removeTag } from './vlan-tag.ts';

const RX = eventKind('rx');
const VLAN_UNTAG = eventKind('vlan-untag');
const PPPOE_DECAP = eventKind('pppoe-decap');
const TRUNCATED = reason('truncated');
const MALFORMED = reason('malformed');
const UNKNOWN_VLAN = reason('unknown-vlan');
const UNKNOWN_PROTOCOL = reason('unknown-protocol');
const MAC = simplification('mac');
const OTHER_HOST = reason('other-host');
const ETHERNET_HEADER = 14;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
/** More devices on top of each other than this is a loop. */
const MAX_ROUNDS = 12;

/**
 * __netif_receive_skb: the frame at packet.start enters at `dev`.
 * Uses: start, end, wireLength. Sets: network, etherType, packetType, iif, physicalIif, isSuperPacket, encapsulation.
 * Verdicts: drop (truncated, unknown-vlan, unknown-protocol, bridge) and those of the stages behind it.
 * Events: rx, ingress-hook, vlan-untag, bridge-forward, pppoe-decap.
 */
export function receive(stack: Stack, packet: Packet, dev: Interface): void {
  const { recorder } = stack;
  packet.physicalIif = dev.index;
  packet.iif = dev.index;
  recorder.event(RX, dev.index);
  if (packet.start + ETHERNET_HEADER > packet.end) {
    drop(recorder, packet, packet.wireLength >= ETHERNET_HEADER ? TRUNCATED : MALFORMED);
    return;
  }
  const { data, start } = packet;
  const first = u8(data, start);
  packet.packetType = (first & 1) === 0 ? PACKET_HOST : isBroadcast(data, start) ? PACKET_BROADCAST : PACKET_MULTICAST;
  if (packet.packetType === PACKET_HOST && !isAddress(dev.mac, data, start)) {
    if (stack.strictMac) packet.packetType = PACKET_OTHERHOST;
    else recorder.simplified(MAC);
  }
  packet.etherType = be16(data, start + 12);
  packet.network = start + ETHERNET_HEADER;
  climb(stack, packet, dev);
}

/** Rounds of __netif_receive_skb_core: one for each device that takes the frame over. */
function climb(stack: Stack, packet: Packet, physical: Interface): void {
  const { recorder, hooks } = stack;
  let dev = physical;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    packet.iif = dev.index;
    if (isVlan(packet.etherType) && packet.encapsulationCount === 0 && !untag(packet)) {
      drop(recorder, packet, TRUNCATED);
      return;
    }
    decodeNetwork(packet);
    if (round === 0) packet.isSuperPacket = isSuper(packet, physical.mtu);
    if (hooks.hasIngress(dev.index)) {
      const answer = hooks.runIngress(packet);
      if (answer !== NF_ACCEPT) {
        passes(recorder, packet, answer);
        return;
      }
    }
    if (packet.encapsulationCount !== 0) {
      const upper = vlanDevice(dev, packet);
      if (upper !== undefined) {
        enterVlan(stack, packet, upper);
        dev = upper;
        continue;
      }
    }
    if (dev.master !== undefined) {
      const { master } = dev;
      const answer = bridgeReceive(stack, packet, dev, queueTransmit);
      if (answer === BRIDGE_CONSUMED) return;
      if (answer === BRIDGE_UP) {
        dev = master;
        continue;
      }
    }
    if (packet.encapsulationCount !== 0) {
      const upper = behindPriorityTag(stack, packet, dev);
      if (upper === undefined) return;
      if (upper !== dev) {
        dev = upper;
        continue;
      }
    }
    if (packet.etherType === ETHERTYPE_PPPOE) {
      const upper = pppoeDevice(stack, dev, packet);
      if (upper === undefined) return;
      dev = upper;
      continue;
    }
    deliverToProtocol(stack, packet);
    return;
  }
  drop(recorder, packet, MALFORMED);
}

/** Longer than the link carries: the capture saw it above GRO or TSO. A datagram's own length goes before padding. */
function isSuper(packet: Packet, mtu: number): boolean {
  const octets = packet.ipVersion !== 0 ? packet.networkLength : packet.wireLength - (packet.network - packet.start);
  return octets > mtu;
}

function deliverToProtocol(stack: Stack, packet: Packet): void {
  switch (packet.etherType) {
    case ETHERTYPE_IPV4:
      ipReceive(stack, packet);
      return;
    case ETHERTYPE_IPV6:
      ip6Receive(stack, packet);
      return;
    case ETHERTYPE_ARP:
      arpReceive(stack, packet);
      return;
    default:
      drop(stack.recorder, packet, UNKNOWN_PROTOCOL);
  }
}

function isBroadcast(data: Uint8Array, at: number): boolean {
  for (let i = 0; i < 6; i++) if (u8(data, at + i) !== 0xff) return false;
  return true;
}

function isVlan(etherType: number): boolean {
  return etherType === ETHERTYPE_VLAN || etherType === ETHERTYPE_QINQ;
}

/**
 * skb_vlan_untag: notes the tag beside the packet. The octets stay where they are until removeTag(), so that an ingress
 * hook can read the frame as it came. False: the capture cut the tag.
 */
function untag(packet: Packet): boolean {
  const { data, network, end } = packet;
  if (network + 4 > end) return false;
  packet.encapsulation[0] = ((packet.etherType << 16) | be16(data, network)) >>> 0;
  packet.encapsulationCount = 1;
  packet.etherType = be16(data, network + 2);
  packet.network = network + 4;
  return true;
}

/**
 * check_vlan_id: a tag that no VLAN device took. A priority tag (VLAN 0) is no VLAN: it goes, and the VLAN device of the tag
 * behind it is returned, or `dev` when there is no more tag. Any other tag ends the packet: it was not for this router.
 */
function behindPriorityTag(stack: Stack, packet: Packet, dev: Interface): Interface | undefined {
  const { recorder } = stack;
  while (((packet.encapsulation[0] as number) & 0xfff) === 0) {
    removeTag(packet);
    if (!isVlan(packet.etherType)) {
      decodeNetwork(packet);
      return dev;
    }
    if (!untag(packet)) {
      drop(recorder, packet, TRUNCATED);
      return undefined;
    }
    const upper = vlanDevice(dev, packet);
    if (upper !== undefined) {
      enterVlan(stack, packet, upper);
      return upper;
    }
  }
  drop(recorder, packet, UNKNOWN_VLAN);
  return undefined;
}

/** vlan_do_receive: a VLAN device may have an address of its own. */
function enterVlan(stack: Stack, packet: Packet, upper: Interface): void {
  removeTag(packet);
  stack.recorder.event(VLAN_UNTAG, upper.index);
  const { data, start } = packet;
  if (packet.packetType === PACKET_OTHERHOST && isAddress(upper.mac, data, start)) packet.packetType = PACKET_HOST;
}

/** vlan_find_dev: the VLAN device of the tag on this device. */
function vlanDevice(dev: Interface, packet: Packet): Interface | undefined {
  const tag = packet.encapsulation[0] as number;
  const id = tag & 0xfff;
  const protocol = tag >>> 16;
  const { upper } = dev;
  for (let i = 0; i < upper.length; i++) {
    const one = upper[i] as Interface;
    if (one.kind === 'vlan' && one.vlanId === id && one.vlanProtocol === protocol) return one;
  }
  return undefined;
}

/** pppoe_rcv and ppp_input: the PPP device of the session; undefined when the packet ended here. */
function pppoeDevice(stack: Stack, dev: Interface, packet: Packet): Interface | undefined {
  const { data, network, end } = packet;
  const { recorder } = stack;
  if (network + 8 > end) {
    drop(recorder, packet, packet.wireLength - (network - packet.start) >= 8 ? TRUNCATED : MALFORMED);
    return undefined;
  }
  if (packet.packetType === PACKET_OTHERHOST) {
    drop(recorder, packet, OTHER_HOST);
    return undefined;
  }
  const upper = sessionDevice(dev, data, network, packet.start);
  const length = be16(data, network + 4);
  // Neither version nor code are looked at; a PPP protocol of one octet is refused.
  const isMalformed = length < 2 || (u8(data, network + 6) & 1) !== 0;
  if (upper === undefined || isMalformed || packet.wireLength - (network + 6 - packet.start) < length) {
    drop(recorder, packet, upper === undefined ? UNKNOWN_PROTOCOL : MALFORMED);
    return undefined;
  }
  recorder.event(PPPOE_DECAP, upper.index);
  const protocol = be16(data, network + 6);
  packet.etherType = protocol === PPP_IPV4 ? ETHERTYPE_IPV4 : protocol === PPP_IPV6 ? ETHERTYPE_IPV6 : 0;
  // The PPP device has no link-layer header: an Ethernet header is kept in front for those who look at addresses.
  const headers = network + 8 - packet.start;
  const shift = headers - ETHERNET_HEADER;
  data.copyWithin(packet.start + shift, packet.start, packet.start + 12);
  packet.start += shift;
  packet.network = network + 8;
  putBe16(data, packet.start + 12, packet.etherType);
  packet.end = Math.min(packet.end, network + 6 + length);
  packet.wireLength = ETHERNET_HEADER + length - 2;
  // ppp_receive_nonmp_frame, skb_scrub_packet: whoever the frame was for, what was in it is for this host.
  packet.packetType = PACKET_HOST;
  if (packet.etherType === 0) {
    drop(recorder, packet, UNKNOWN_PROTOCOL);
    return undefined;
  }
  return upper;
}

/** The device of this session; one without a session learns it, and who is at its other end. */
function sessionDevice(dev: Interface, data: Uint8Array, network: number, start: number): Interface | undefined {
  const session = be16(data, network + 2);
  let unlearned: Interface | undefined;
  for (let i = 0; i < dev.upper.length; i++) {
    const one = dev.upper[i] as Interface;
    if (one.kind !== 'pppoe') continue;
    if (one.pppoeSession === session) {
      if (!hasPeer(one)) learnPeer(one, data, start);
      return one;
    }
    if (one.pppoeSession === 0 && unlearned === undefined) unlearned = one;
  }
  if (unlearned !== undefined) {
    unlearned.pppoeSession = session;
    learnPeer(unlearned, data, start);
  }
  return unlearned;
}

function hasPeer(one: Interface): boolean {
  for (let i = 0; i < 6; i++) if (one.pppoePeer[i] !== 0) return true;
  return false;
}

function learnPeer(one: Interface, data: Uint8Array, start: number): void {
  for (let i = 0; i < 6; i++) one.pppoePeer[i] = u8(data, start + 6 + i);
}
