// Neighbour discovery as far as a router without hosts' tables needs it: a solicitation for an address of the router is
// answered (ndisc_recv_ns, ndisc_send_na of net/ipv6/ndisc.c).
// SIMPLIFIED: duplicate-address: duplicate address detection by others (unspecified source) is answered to all nodes as the kernel does;
// nothing is learned from ND messages, and no router advertisements are sent.
import { be32, putBe16, u8 } from '../base/columns.ts';
import { internetChecksum, pseudoHeaderSum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { localOut, routeOutput6 } from './output.ts';
import { copyAddress6, finishIpv6, isUnicast6, writeIpv6Header } from './reply.ts';
import type { Stack } from './stack.ts';

const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
const ROUTER = 0x80;
const SOLICITED = 0x40;
const OVERRIDE = 0x20;
const TARGET_LINK_ADDRESS = 2;
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
