// Neighbour discovery as far as a router without hosts' tables needs it: a solicitation for an address of the router is
// answered (ndisc_recv_ns, ndisc_send_na of net/ipv6/ndisc.c); and the router's own solicitations (ndisc_solicit).
// SIMPLIFIED: duplicate-address: duplicate address detection by others (unspecified source) is answered to all nodes as the kernel does;
// only of neighbours that were said not to answer something is learned, and no router advertisements are sent.
import { be32, putBe16, u8 } from '../base/columns.ts';
import type { Interface } from '../net/interfaces.ts';
import { internetChecksum, pseudoHeaderSum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { localOut, routeOutput6 } from './output.ts';
import { copyAddress6, finishIpv6, isUnicast6, putAddress6, writeIpv6Header } from './reply.ts';
import type { Stack } from './stack.ts';

const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
const ROUTER = 0x80;
const SOLICITED = 0x40;
const OVERRIDE = 0x20;
const SOURCE_LINK_ADDRESS = 1;
const TARGET_LINK_ADDRESS = 2;
const NEIGHBOUR_SOLICITATION = 135;
const HEADER = 24;
const OPTION = 8;

/** Answers a neighbour solicitation whose target is an address of the interface it came in at. */
export function neighbourAdvertisement(stack: Stack, packet: Packet): void {
  const { data, network, transport, networkEnd } = packet;
  if (transport + 24 > networkEnd || u8(data, network + 7) !== 255) return;
  const target = transport + 8;
  const own = stack.fib.lookup6At(data, target, 0, packet.iif);
  if (own === undefined || own.kind !== 'local' || own.anycast) return;
  const solicited = isUnicast6(data, network + 8);
  const asker = linkAddress(packet, SOURCE_LINK_ADDRESS);
  if (solicited && asker !== undefined && stack.neighbours.hasSilent) {
    const from = data.slice(network + 8, network + 24);
    stack.resolution.answered(packet.timeNs, stack.interfaces.at(packet.iif), from, asker, true);
  }
  // To a solicitation by unicast the asker knows the address: it asks whether somebody is still there.
  const tells = !solicited || u8(data, network + 24) === 0xff;
  const length = HEADER + (tells ? OPTION : 0);
  const reply = stack.pool.acquire(packet, 40 + length);
  if (reply === undefined) return;
  const out = reply.data;
  const net = reply.network;
  const at = net + 40;
  out.fill(0, at, at + length);
  if (solicited) {
    copyAddress6(out, net + 24, data, network + 8);
  } else {
    out.fill(0, net + 24, net + 40);
    out[net + 24] = 0xff;
    out[net + 25] = 2;
    out[net + 39] = 1;
  }
  copyAddress6(out, net + 8, data, target);
  writeIpv6Header(reply, ICMPV6, length, 0, 255);
  out[at] = NEIGHBOUR_ADVERTISEMENT;
  out[at + 4] = (stack.settings.forwarding6 ? ROUTER : 0) | (solicited ? SOLICITED : 0) | (tells ? OVERRIDE : 0);
  copyAddress6(out, at + 8, data, target);
  if (tells) {
    out[at + 24] = TARGET_LINK_ADDRESS;
    out[at + 25] = 1;
    const { mac } = stack.interfaces.at(packet.iif);
    for (let i = 0; i < 6; i++) out[at + 26 + i] = mac[i] as number;
  }
  putBe16(out, at + 2, internetChecksum(out, at, at + length, pseudoHeaderSum(out, net, 6, ICMPV6, length)));
  finishIpv6(reply);
  const route = routeOutput6(stack, out, net + 24, be32(out, net + 24) >>> 24 === 0xff ? packet.iif : 0);
  if (route !== undefined) localOut(stack, reply, route);
  stack.pool.release();
}

/** ndisc_recv_na: somebody says where an address is. */
export function neighbourAdvertised(stack: Stack, packet: Packet): void {
  const { data, network, transport, networkEnd } = packet;
  if (!stack.neighbours.hasSilent || transport + HEADER > networkEnd || u8(data, network + 7) !== 255) return;
  const target = data.slice(transport + 8, transport + 24);
  const isSolicited = (u8(data, transport + 4) & SOLICITED) !== 0;
  if (target[0] === 0xff || (isSolicited && u8(data, network + 24) === 0xff)) return;
  const mac = linkAddress(packet, TARGET_LINK_ADDRESS);
  const dev = stack.interfaces.at(packet.iif);
  if (mac === undefined || !stack.resolution.isAwaited(dev, target)) return;
  stack.resolution.answered(packet.timeNs, dev, target, mac, false);
}

/** The link-layer address in an option of a solicitation or advertisement. */
function linkAddress(packet: Packet, wanted: number): Uint8Array | undefined {
  const { data, transport, networkEnd } = packet;
  for (let at = transport + HEADER; at + 8 <= networkEnd; ) {
    const length = u8(data, at + 1) * 8;
    if (length === 0) return undefined;
    if (u8(data, at) === wanted && length === 8) return data.slice(at + 2, at + 8);
    at += length;
  }
  return undefined;
}

/** ndisc_solicit: who has `wanted`? From the packet's source if `dev` has it, else from the link-local address. */
export function neighbourSolicitation(stack: Stack, about: Packet, dev: Interface, wanted: Uint8Array): void {
  const from = solicitingAddress(about, dev);
  if (from === undefined) return;
  const length = HEADER + OPTION;
  const message = stack.pool.acquire(about, 40 + length);
  if (message === undefined) return;
  const { data, network } = message;
  const at = network + 40;
  data.fill(0, network, at + length);
  writeIpv6Header(message, ICMPV6, length, 0, 255);
  putAddress6(data, network + 8, from);
  // ff02::1:ff00:0/104, and the last octets of the address.
  data.set([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff], network + 24);
  data.set(wanted.subarray(13), network + 37);
  data[at] = NEIGHBOUR_SOLICITATION;
  data.set(wanted, at + 8);
  data[at + 24] = SOURCE_LINK_ADDRESS;
  data[at + 25] = 1;
  data.set(dev.mac, at + 26);
  putBe16(data, at + 2, internetChecksum(data, at, at + length, pseudoHeaderSum(data, network, 6, ICMPV6, length)));
  finishIpv6(message);
  const route = routeOutput6(stack, data, network + 24, dev.index);
  if (route !== undefined) localOut(stack, message, route);
  stack.pool.release();
}

function solicitingAddress(about: Packet, dev: Interface): Uint32Array | undefined {
  const { data, network } = about;
  const own = dev.addresses6.find((row) => row.address.every((word, i) => word === be32(data, network + 8 + 4 * i)));
  return (own ?? dev.addresses6.find((row) => (row.address[0] as number) >>> 22 === 0x3fa))?.address;
}
