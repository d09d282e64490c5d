// The way down from a device to the wire: dev_queue_xmit with its egress hook, VLAN and PPPoE headers, bridge ports
// (net/core/dev.c, net/8021q/vlan_dev.c, drivers/net/ppp/pppoe.c, net/bridge/br_device.c).
// Ethernet padding: the slow path has trimmed it (packet.end = networkEnd), the fast path has not; none is added.
import { putBe16 } from '../base/columns.ts';
import { eventKind } from '../event/vocabulary.ts';
import type { Interface } from '../net/interfaces.ts';
import { NF_ACCEPT } from '../netfilter/verdict.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../packet/decode.ts';
import { type Packet, VERDICT_FORWARD } from '../packet/packet.ts';
import { bridgeTransmit } from './bridge.ts';
import { drop, passes, reason, simplification } from './outcome.ts';
import { segment } from './segment.ts';
import type { Stack } from './stack.ts';
import { putTag } from './vlan-tag.ts';

const TX = eventKind('tx');
const VLAN_PUSH = eventKind('vlan-push');
const PPPOE_PUSH = eventKind('pppoe-push');
const GSO_SEGMENT = eventKind('gso-segment');
const SEGMENT_SIZE = simplification('segment-size');
const LOOPBACK = simplification('loopback');
const UNKNOWN_PROTOCOL = reason('unknown-protocol');
const ETHERNET_HEADER = 14;
const PPPOE_HEADER = 8;
const ETHERTYPE_PPPOE_SESSION = 0x8864;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

/**
 * neigh_xmit: writes the Ethernet header for `destination` in front of packet.network and sends it down `dev`.
 * Uses: network, etherType, end. Sets: start, wireLength, verdict. Events: tx, vlan-push, pppoe-push, gso-segment.
 */
export function neighbourTransmit(stack: Stack, packet: Packet, dev: Interface, destination: Uint8Array): void {
  const { data, network } = packet;
  const wire = packet.wireLength - (network - packet.start);
  if (dev.kind === 'pppoe') {
    // A PPP device has no link-layer header of its own.
    packet.start = network;
    packet.wireLength = wire;
  } else {
    const start = network - ETHERNET_HEADER;
    const source = dev.mac;
    for (let i = 0; i < 6; i++) {
      data[start + i] = destination[i] as number;
      data[start + 6 + i] = source[i] as number;
    }
    putBe16(data, start + 12, packet.etherType);
    packet.start = start;
    packet.wireLength = wire + ETHERNET_HEADER;
  }
  queueTransmit(stack, packet, dev);
}

/** dev_queue_xmit: the frame at packet.start leaves by `dev`. */
export function queueTransmit(stack: Stack, packet: Packet, dev: Interface): void {
  if (stack.hooks.hasEgress(dev.index)) {
    packet.oif = dev.index;
    const answer = stack.hooks.runEgress(packet);
    if (answer !== NF_ACCEPT) {
      passes(stack.recorder, packet, answer);
      return;
    }
  }
  switch (dev.kind) {
    case 'physical':
      wire(stack, packet, dev);
      return;
    case 'vlan':
      putTag(packet, dev.vlanProtocol, dev.vlanId);
      stack.recorder.event(VLAN_PUSH, dev.index);
      queueTransmit(stack, packet, dev.link as Interface);
      return;
    case 'pppoe':
      if (!pushPppoe(stack, packet, dev)) {
        drop(stack.recorder, packet, UNKNOWN_PROTOCOL);
        return;
      }
      stack.recorder.event(PPPOE_PUSH, dev.index);
      queueTransmit(stack, packet, dev.link as Interface);
      return;
    case 'bridge':
      bridgeTransmit(stack, packet, dev, queueTransmit);
      return;
    case 'dummy':
      stack.sent(dev.index);
      packet.verdict = VERDICT_FORWARD;
      return;
    case 'loopback':
      // SIMPLIFIED: loopback: what the router sends to itself is not received again.
      stack.recorder.simplified(LOOPBACK);
      packet.verdict = VERDICT_FORWARD;
      return;
  }
}

/** The frame leaves the router. A super-packet is cut to frames that fit. */
function wire(stack: Stack, packet: Packet, dev: Interface): void {
  stack.recorder.event(TX, dev.index);
  stack.sent(dev.index);
  packet.verdict = VERDICT_FORWARD;
  if (packet.isSuperPacket) {
    const segments = segment(packet, dev, stack.interfaces.at(packet.physicalIif).mtu, stack.sink);
    if (segments > 0) {
      stack.recorder.simplified(SEGMENT_SIZE);
      stack.recorder.event(GSO_SEGMENT, segments);
      return;
    }
  }
  stack.sink.frame(dev.index, packet.data, packet.start, packet.end, packet.wireLength);
}

/**
 * ppp_start_xmit, __pppoe_xmit: PPP protocol, PPPoE header, and the Ethernet header to the access concentrator. What a netdev
 * chain copied or sent here keeps its own Ethernet header behind them. False: PPP has no number for the protocol.
 */
function pushPppoe(stack: Stack, packet: Packet, dev: Interface): boolean {
  const { data, etherType } = packet;
  if (etherType !== ETHERTYPE_IPV4 && etherType !== ETHERTYPE_IPV6) return false;
  const link = dev.link as Interface;
  const at = packet.start - PPPOE_HEADER;
  putBe16(data, at, 0x1100);
  putBe16(data, at + 2, dev.pppoeSession);
  putBe16(data, at + 4, packet.wireLength + 2);
  putBe16(data, at + 6, etherType === ETHERTYPE_IPV6 ? PPP_IPV6 : PPP_IPV4);
  const start = at - ETHERNET_HEADER;
  // Until a frame of the access concentrator came, anybody's address has to do.
  const peer = isKnown(dev.pppoePeer) ? dev.pppoePeer : (stack.neighbours.resolve4(link, 0) ?? dev.pppoePeer);
  for (let i = 0; i < 6; i++) {
    data[start + i] = peer[i] as number;
    data[start + 6 + i] = link.mac[i] as number;
  }
  putBe16(data, start + 12, ETHERTYPE_PPPOE_SESSION);
  packet.start = start;
  packet.wireLength += PPPOE_HEADER + ETHERNET_HEADER;
  return true;
}

function isKnown(mac: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (mac[i] !== 0) return true;
  return false;
}
