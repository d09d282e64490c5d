// A bridge device: learning which port a hardware address is behind, and where frames go (net/bridge/br_input.c
// br_handle_frame_finish, br_fdb.c, br_forward.c, br_device.c br_dev_xmit). No STP or IGMP snooping.
// SIMPLIFIED: bridge-unlearned: without RouterSpec.strictMac a unicast frame whose destination was not learned behind another port is
// taken as the router's own, since a capture's addresses need not be this router's; a real bridge would flood it.

import { eventKind, HOOK_NAMES } from '../event/vocabulary.ts';
import type { Interface } from '../net/interfaces.ts';
import { NF_STOLEN } from '../netfilter/verdict.ts';
import {
  CT_INVALID,
  PACKET_HOST,
  PACKET_OTHERHOST,
  PATH_SLOW,
  type Packet,
  VERDICT_DROP,
  VERDICT_FORWARD,
} from '../packet/packet.ts';
import { admit, mayPass, untagAt } from './bridge-vlan.ts';
import { cloneFrame } from './clone-frame.ts';
import { fragment } from './fragment.ts';
import { drop, passes, reason, simplification } from './outcome.ts';
import type { Stack } from './stack.ts';

const BRIDGE_FORWARD = eventKind('bridge-forward');
const PREROUTING = HOOK_NAMES.indexOf('prerouting');
const INPUT = HOOK_NAMES.indexOf('input');
const FORWARD = HOOK_NAMES.indexOf('forward');
const OUTPUT = HOOK_NAMES.indexOf('output');
const POSTROUTING = HOOK_NAMES.indexOf('postrouting');
const FAMILY_BRIDGE = 7;
const UNLEARNED = simplification('bridge-unlearned');
const NO_WAY_OUT = reason('bridge');
const RESERVED = [0x01, 0x80, 0xc2, 0, 0] as const;
const RESERVED_BRIDGE_GROUP = 0x00;
const RESERVED_PAUSE = 0x01;
const RESERVED_LLDP = 0x0e;
/** ETH_HLEN and VLAN_HLEN. */
const HEADER_ROOM = 18;

/** Sends a frame down a device: queueTransmit, passed in so that the two files do not import each other. */
export type Transmit = (stack: Stack, packet: Packet, dev: Interface) => void;

/** What became of a frame at a port: bridged or dropped; up to the bridge device; not the bridge's, it stays at the port. */
export const BRIDGE_CONSUMED = 0;
export const BRIDGE_UP = 1;
export const BRIDGE_PASS = 2;

/** br_handle_frame: a frame entered at a port. Returns BRIDGE_*. */
export function bridgeReceive(stack: Stack, packet: Packet, port: Interface, transmit: Transmit): number {
  const bridge = port.master as Interface;
  const { recorder } = stack;
  recorder.event(BRIDGE_FORWARD, port.index);
  const { data, start } = packet;
  // What a raw capture has no addresses for comes from nobody.
  if (stack.strictMac && !isValidSource(data, start + 6)) return dropped(stack, packet);
  if (isReserved(data, start)) {
    const last = data[start + 5] as number;
    if (last === RESERVED_PAUSE) return dropped(stack, packet);
    // Without STP, frames for the bridge group address go on as any other.
    if (last !== RESERVED_BRIDGE_GROUP) return keepLocal(stack, packet, bridge, port, last !== RESERVED_LLDP);
  }
  if (stack.strictMac && packet.packetType === PACKET_OTHERHOST && isAddress(bridge.mac, data, start)) {
    packet.packetType = PACKET_HOST;
  }
  const answer = runBridge(stack, PREROUTING, packet);
  if (packet.isBrouted && answer === NF_STOLEN) {
    packet.isBrouted = false;
    return BRIDGE_PASS;
  }
  if (!passes(recorder, packet, answer)) return BRIDGE_CONSUMED;
  return finish(stack, packet, bridge, port, transmit);
}

/** br_handle_frame_finish. */
function finish(stack: Stack, packet: Packet, bridge: Interface, port: Interface, transmit: Transmit): number {
  const vlan = admit(packet, port.vlanFilter);
  if (vlan < 0) return dropped(stack, packet);
  const { data, start } = packet;
  learn(stack, packet, bridge, port, vlan);
  if (((data[start] as number) & 1) !== 0) {
    flood(stack, packet, bridge, port, transmit);
    packet.verdict = VERDICT_DROP;
    packet.reason = 0;
    return passUp(stack, packet, bridge);
  }
  if (isBridgeAddress(bridge, data, start) && isMember(bridge, port, vlan)) return passUp(stack, packet, bridge);
  const out = stack.fdb.find(bridge, vlan, data, start, packet.timeNs);
  if (stack.strictMac) return pass(stack, packet, bridge, port, out, transmit);
  if (out !== 0 && out !== port.index) {
    forwardTo(stack, packet, stack.interfaces.at(out), transmit);
    return BRIDGE_CONSUMED;
  }
  stack.recorder.simplified(UNLEARNED);
  return passUp(stack, packet, bridge);
}

/** A frame for somebody else: to the port `out` behind which it was learned, else (0) to all. */
function pass(
  stack: Stack,
  packet: Packet,
  bridge: Interface,
  port: Interface,
  out: number,
  transmit: Transmit,
): number {
  if (isPromiscuous(bridge)) {
    if (out === 0) flood(stack, packet, bridge, port, transmit);
    else if (out !== port.index) forwardCopy(stack, packet, stack.interfaces.at(out), transmit);
    packet.verdict = VERDICT_DROP;
    packet.reason = 0;
    return passUp(stack, packet, bridge);
  }
  if (out === port.index) return dropped(stack, packet);
  if (out !== 0) forwardTo(stack, packet, stack.interfaces.at(out), transmit);
  else if (flood(stack, packet, bridge, port, transmit) === 0) return dropped(stack, packet);
  return BRIDGE_CONSUMED;
}

/** A bridge cannot filter by a second address: a VLAN device with another than its own makes it take every frame (dev_uc_add). */
function isPromiscuous(bridge: Interface): boolean {
  for (let i = 0; i < bridge.upper.length; i++) {
    const one = bridge.upper[i] as Interface;
    if (one.kind === 'vlan' && !isAddress(bridge.mac, one.mac, 0)) return true;
  }
  return false;
}

/** br_fdb_update: a bridge does not learn its own addresses. */
function learn(stack: Stack, packet: Packet, bridge: Interface, port: Interface, vlan: number): void {
  const { data, start } = packet;
  if (!isBridgeAddress(bridge, data, start + 6)) stack.fdb.learn(bridge, vlan, port, data, start + 6, packet.timeNs);
}

/** Addresses of the bridge are its own only in VLANs that it, or the port that has the address, is in. */
function isMember(bridge: Interface, port: Interface, vlan: number): boolean {
  return vlan === 0 || mayPassVlan(bridge, vlan) || mayPassVlan(port, vlan);
}

function mayPassVlan(device: Interface, vlan: number): boolean {
  return device.vlanFilter !== undefined && device.vlanFilter.flags[vlan] !== 0;
}

/** br_pass_frame_up. */
function passUp(stack: Stack, packet: Packet, bridge: Interface): number {
  packet.oif = 0;
  if (!mayPass(packet, bridge.vlanFilter)) return dropped(stack, packet);
  untagAt(packet, bridge.vlanFilter);
  if (!passes(stack.recorder, packet, runBridge(stack, INPUT, packet))) return BRIDGE_CONSUMED;
  packet.iif = bridge.index;
  // The IP layer does not know of fragments that the bridge gathered.
  packet.fragMaxSize = 0;
  return BRIDGE_UP;
}

/** Addresses of IEEE 802.1D that bridges do not forward (is_link_local_ether_addr): the frame stays at its port. */
function keepLocal(stack: Stack, packet: Packet, bridge: Interface, port: Interface, runsInput: boolean): number {
  packet.oif = 0;
  if (runsInput && !passes(stack.recorder, packet, runBridge(stack, INPUT, packet))) return BRIDGE_CONSUMED;
  const vlan = admit(packet, port.vlanFilter);
  if (vlan >= 0) learn(stack, packet, bridge, port, vlan);
  return BRIDGE_PASS;
}

function isReserved(data: Uint8Array, at: number): boolean {
  for (let i = 0; i < 5; i++) if (data[at + i] !== RESERVED[i]) return false;
  return (data[at + 5] as number) < 16;
}

/** is_valid_ether_addr: neither zero nor a group. */
function isValidSource(data: Uint8Array, at: number): boolean {
  if (((data[at] as number) & 1) !== 0) return false;
  for (let i = 0; i < 6; i++) if (data[at + i] !== 0) return true;
  return false;
}

function dropped(stack: Stack, packet: Packet): number {
  drop(stack.recorder, packet, NO_WAY_OUT);
  return BRIDGE_CONSUMED;
}

/** br_fdb_add_local: the bridge's own address and its ports'. */
function isBridgeAddress(bridge: Interface, data: Uint8Array, at: number): boolean {
  if (isAddress(bridge.mac, data, at)) return true;
  for (let i = 0; i < bridge.ports.length; i++) {
    if (isAddress((bridge.ports[i] as Interface).mac, data, at)) return true;
  }
  return false;
}

/** Does a frame have this hardware address there? */
export function isAddress(mac: Uint8Array, data: Uint8Array, at: number): boolean {
  for (let i = 0; i < 6; i++) if (data[at + i] !== mac[i]) return false;
  return true;
}

/** A hook of the bridge family. What its rules reject is answered at the link layer. */
function runBridge(stack: Stack, hook: number, packet: Packet): number {
  const before = stack.atLink;
  stack.atLink = true;
  const answer = stack.hooks.run(hook, FAMILY_BRIDGE, packet);
  stack.atLink = before;
  return answer;
}

/** br_forward: the frame goes to one other port. */
function forwardTo(stack: Stack, packet: Packet, port: Interface, transmit: Transmit): void {
  const { recorder } = stack;
  if (!mayPass(packet, port.vlanFilter)) {
    drop(recorder, packet, NO_WAY_OUT);
    return;
  }
  untagAt(packet, port.vlanFilter);
  packet.oif = port.index;
  if (!passes(recorder, packet, runBridge(stack, FORWARD, packet))) return;
  if (!passes(recorder, packet, runBridge(stack, POSTROUTING, packet))) return;
  pushXmit(stack, packet, port, transmit);
}

/** br_dev_queue_push_xmit: what does not fit the port is dropped, a tag is for free. What was gathered is cut again. */
function pushXmit(stack: Stack, packet: Packet, port: Interface, transmit: Transmit): void {
  if (packet.fragMaxSize !== 0) {
    sendFragments(stack, packet, port, transmit);
    return;
  }
  if (packet.wireLength - packet.encapsulationCount * 4 > port.mtu + HEADER_ROOM && !packet.isSuperPacket) {
    drop(stack.recorder, packet, NO_WAY_OUT);
    return;
  }
  packet.verdict = VERDICT_FORWARD;
  transmit(stack, packet, port);
}

/** nf_ct_bridge_refrag: fragments as they came, with the frame's header before each. Rare: this allocates. */
function sendFragments(stack: Stack, packet: Packet, port: Interface, transmit: Transmit): void {
  const { data, start, network, fragMaxSize } = packet;
  const header = data.slice(start, network);
  const output = (_: Stack, piece: Packet): void => {
    piece.start = piece.network - header.length;
    piece.data.set(header, piece.start);
    piece.etherType = packet.etherType;
    piece.encapsulationCount = packet.encapsulationCount;
    piece.encapsulation[0] = packet.encapsulation[0] as number;
    piece.wireLength = header.length + piece.networkLength;
    piece.fragMaxSize = 0;
    pushXmit(stack, piece, port, transmit);
  };
  if (fragMaxSize > port.mtu || !fragment(stack, packet, fragMaxSize, undefined, port, output)) {
    drop(stack.recorder, packet, NO_WAY_OUT);
  }
}

/** br_flood: copies to every other port. The frame itself is not changed but for its verdict. Returns how many ports. */
function flood(stack: Stack, packet: Packet, bridge: Interface, except: Interface, transmit: Transmit): number {
  let count = 0;
  for (let i = bridge.ports.length - 1; i >= 0; i--) {
    const port = bridge.ports[i] as Interface;
    if (port === except || !mayPass(packet, port.vlanFilter)) continue;
    forwardCopy(stack, packet, port, transmit);
    count++;
  }
  return count;
}

function forwardCopy(stack: Stack, packet: Packet, port: Interface, transmit: Transmit): void {
  const copy = cloneFrame(stack, packet);
  if (copy === undefined) return;
  forwardTo(stack, copy, port, transmit);
  packet.verdict = copy.verdict;
  packet.reason = copy.reason;
  stack.pool.release();
}

/** br_dev_xmit: the router's own side of the bridge sends a frame. */
export function bridgeTransmit(stack: Stack, packet: Packet, bridge: Interface, transmit: Transmit): void {
  const vlan = admit(packet, bridge.vlanFilter);
  if (vlan < 0) {
    drop(stack.recorder, packet, NO_WAY_OUT);
    return;
  }
  const { data, start } = packet;
  const isMulticast = ((data[start] as number) & 1) !== 0;
  const out = isMulticast ? 0 : stack.fdb.find(bridge, vlan, data, start, packet.timeNs);
  if (out !== 0) {
    localOut(stack, packet, stack.interfaces.at(out), transmit);
    return;
  }
  const { ports } = bridge;
  if (!isMulticast && isBridgeAddress(bridge, data, start)) {
    // br_fdb_add_local: the address of a port leads to it, the bridge's own to nobody.
    const own = ports.find((port) => isAddress(port.mac, data, start));
    if (own === undefined) drop(stack.recorder, packet, NO_WAY_OUT);
    else localOut(stack, packet, own, transmit);
    return;
  }
  for (let i = ports.length - 1; i > 0; i--) {
    if (!mayPass(packet, ports[i]?.vlanFilter)) continue;
    const copy = cloneFrame(stack, packet);
    if (copy === undefined) break;
    localOut(stack, copy, ports[i] as Interface, transmit);
    stack.pool.release();
  }
  const last = ports[0];
  if (last === undefined) {
    packet.reason = NO_WAY_OUT;
    return;
  }
  localOut(stack, packet, last, transmit);
}

function localOut(stack: Stack, packet: Packet, port: Interface, transmit: Transmit): void {
  const { recorder } = stack;
  if (!mayPass(packet, port.vlanFilter)) {
    drop(recorder, packet, NO_WAY_OUT);
    return;
  }
  untagAt(packet, port.vlanFilter);
  packet.oif = port.index;
  // To the kernel a packet of the flowtable's fast path has no connection; ours keeps it for the report.
  const { ct, ctInfo } = packet;
  if (packet.pathClass !== PATH_SLOW) {
    packet.ct = -1;
    packet.ctInfo = CT_INVALID;
  }
  const isPassed =
    passes(recorder, packet, runBridge(stack, OUTPUT, packet)) &&
    passes(recorder, packet, runBridge(stack, POSTROUTING, packet));
  packet.ct = ct;
  packet.ctInfo = ctInfo;
  if (!isPassed) return;
  packet.fragMaxSize = 0;
  pushXmit(stack, packet, port, transmit);
}
