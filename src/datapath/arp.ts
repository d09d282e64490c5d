// ARP: requests for addresses of the router are answered, everything else ends here (arp_rcv, arp_process of
// net/ipv4/arp.c); and the router's own requests (arp_solicit). No proxy ARP; nobody's address is learned but that of a
// neighbour who was said not to answer.
import { be16, be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import { HOOK_NAMES } from '../event/vocabulary.ts';
import type { Interface } from '../net/interfaces.ts';
import { NF_ACCEPT } from '../netfilter/verdict.ts';
import { ETHERTYPE_ARP } from '../packet/decode.ts';
import { PACKET_OTHERHOST, type Packet } from '../packet/packet.ts';
import { deliver, drop, passes, reason } from './outcome.ts';
import type { Stack } from './stack.ts';
import { neighbourTransmit } from './transmit.ts';

const FAMILY_ARP = 3;
const INPUT = HOOK_NAMES.indexOf('input');
const OUTPUT = HOOK_NAMES.indexOf('output');
const TRUNCATED = reason('truncated');
const MALFORMED = reason('malformed');
const OTHER_HOST = reason('other-host');
const LENGTH = 28;
const REQUEST = 1;
const REPLY = 2;
const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255);

/** arp_rcv. Verdicts: local, drop. Events: hook (family arp), tx of the reply. */
export function arpReceive(stack: Stack, packet: Packet): void {
  const { data, network, end } = packet;
  const { recorder, hooks } = stack;
  if (packet.packetType === PACKET_OTHERHOST) {
    drop(recorder, packet, OTHER_HOST);
    return;
  }
  if (network + LENGTH > end) {
    const isCut = packet.wireLength - (network - packet.start) >= LENGTH;
    drop(recorder, packet, isCut ? TRUNCATED : MALFORMED);
    return;
  }
  if (be16(data, network + 4) !== 0x0604) {
    drop(recorder, packet, MALFORMED);
    return;
  }
  const answer = hooks.run(INPUT, FAMILY_ARP, packet);
  if (answer !== NF_ACCEPT) {
    passes(recorder, packet, answer);
    return;
  }
  deliver(packet, 0);
  const hardware = be16(data, network);
  if ((hardware !== 1 && hardware !== 6) || be16(data, network + 2) !== 0x0800) return;
  const operation = be16(data, network + 6);
  if (operation !== REQUEST && operation !== REPLY) return;
  const wanted = be32(data, network + 24);
  if (wanted >>> 28 === 14 || wanted >>> 24 === 127) return;
  const isForUs = operation === REQUEST && stack.fib.lookup4(wanted, 0, 0)?.kind === 'local';
  if (stack.neighbours.hasSilent) learn(stack, packet, isForUs);
  if (isForUs) sendReply(stack, packet, wanted);
}

/** neigh_event_ns and neigh_update: who asks for the router's address is worth knowing, others only if asked for. */
function learn(stack: Stack, packet: Packet, isForUs: boolean): void {
  const { data, network } = packet;
  if (be32(data, network + 14) === 0) return;
  const address = data.slice(network + 14, network + 18);
  const mac = data.slice(network + 8, network + 14);
  stack.resolution.answered(packet.timeNs, stack.interfaces.at(packet.iif), address, mac, isForUs);
}

/** arp_solicit: who has `wanted`? From the packet's source if that is the router's, else from an address of the way out. */
export function arpRequest(stack: Stack, about: Packet, dev: Interface, wanted: number): void {
  const request = stack.pool.acquire(about, LENGTH);
  if (request === undefined) return;
  const { data, network } = request;
  const source = be32(about.data, about.network + 12);
  const isOwn = stack.fib.addressType4(source) === 'local';
  putBe16(data, network, 1);
  putBe16(data, network + 2, 0x0800);
  putBe16(data, network + 4, 0x0604);
  putBe16(data, network + 6, REQUEST);
  for (let i = 0; i < 6; i++) data[network + 8 + i] = dev.mac[i] as number;
  putBe32(data, network + 14, isOwn ? source : stack.fib.sourceAddress4(dev, wanted));
  data.fill(0, network + 18, network + 24);
  putBe32(data, network + 24, wanted);
  request.etherType = ETHERTYPE_ARP;
  request.oif = dev.index;
  if (stack.hooks.run(OUTPUT, FAMILY_ARP, request) === NF_ACCEPT) neighbourTransmit(stack, request, dev, BROADCAST);
  stack.pool.release();
}

function sendReply(stack: Stack, request: Packet, wanted: number): void {
  const dev = stack.interfaces.at(request.iif);
  const reply = stack.pool.acquire(request, LENGTH);
  if (reply === undefined) return;
  const { data, network } = reply;
  putBe16(data, network, 1);
  putBe16(data, network + 2, 0x0800);
  putBe16(data, network + 4, 0x0604);
  putBe16(data, network + 6, REPLY);
  for (let i = 0; i < 6; i++) {
    data[network + 8 + i] = dev.mac[i] as number;
    data[network + 18 + i] = u8(request.data, request.network + 8 + i);
  }
  putBe32(data, network + 14, wanted);
  putBe32(data, network + 24, be32(request.data, request.network + 14));
  reply.etherType = ETHERTYPE_ARP;
  reply.oif = dev.index;
  if (stack.hooks.run(OUTPUT, FAMILY_ARP, reply) === NF_ACCEPT) {
    neighbourTransmit(stack, reply, dev, reply.data.subarray(network + 18, network + 24));
  }
  stack.pool.release();
}
