// What the fast path writes into a packet: the NAT that the flow's two tuples imply, and the TTL
// (nf_flow_nat_ip, nf_flow_nat_ipv6 of nf_flow_table_ip.c, nf_flow_snat_port of nf_flow_table_core.c, ip_decrease_ttl).
import { be16, be32, putBe16, putBe32, u8, u32 } from '../../base/columns.ts';
import { adjustChecksum16, adjustChecksum32 } from '../../packet/checksum.ts';
import type { Packet } from '../../packet/packet.ts';
import { FLOW_DNAT, FLOW_SNAT } from './flow-rows.ts';
import type { FrameTuple } from './tuple.ts';
import { KEY_PORTS, KEY_WORDS } from './tuple.ts';

const TCP = 6;
const UDP = 17;
const SOURCE = 0;
const DESTINATION = 4;

/**
 * Translates the packet whose key is the tuple number `tuple` of `keys`: the source by SNAT in original direction and by
 * DNAT in reply direction, the destination the other way round; what replaces it is found in the opposite tuple.
 */
export function mangleNat(packet: Packet, frame: FrameTuple, keys: Uint32Array, tuple: number, flags: number): void {
  const other = (tuple ^ 1) * KEY_WORDS;
  const reply = (tuple & 1) !== 0;
  if ((flags & FLOW_SNAT) !== 0) mangleEnd(packet, frame, keys, other, reply ? DESTINATION : SOURCE);
  if ((flags & FLOW_DNAT) !== 0) mangleEnd(packet, frame, keys, other, reply ? SOURCE : DESTINATION);
}

/** Replaces the source (0) or the destination (4) of a packet by the opposite end of the other tuple. */
function mangleEnd(packet: Packet, frame: FrameTuple, keys: Uint32Array, other: number, end: number): void {
  const data = packet.data;
  const ports = u32(keys, other + KEY_PORTS);
  const port = end === SOURCE ? ports & 0xffff : ports >>> 16;
  manglePort(packet, frame, frame.transport + (end === SOURCE ? 0 : 2), port);
  const address = other + (end === SOURCE ? DESTINATION : SOURCE);
  if (frame.family === 4) {
    const at = frame.network + (end === SOURCE ? 12 : 16);
    const fresh = u32(keys, address);
    const old = be32(data, at);
    putBe32(data, at, fresh);
    putBe16(data, frame.network + 10, adjustChecksum32(be16(data, frame.network + 10), old, fresh));
    mangleChecksum(packet, frame, old, fresh);
    return;
  }
  const at = frame.network + (end === SOURCE ? 8 : 24);
  for (let i = 0; i < 4; i++) {
    const fresh = u32(keys, address + i);
    const old = be32(data, at + 4 * i);
    putBe32(data, at + 4 * i, fresh);
    mangleChecksum(packet, frame, old, fresh);
  }
}

function manglePort(packet: Packet, frame: FrameTuple, at: number, port: number): void {
  const data = packet.data;
  const old = be16(data, at);
  putBe16(data, at, port);
  const field = checksumField(packet, frame);
  // A partial checksum covers the pseudo header only, and that has no ports.
  if (field < 0 || packet.checksumPartial) return;
  writeChecksum(data, field, frame.protocol, adjustChecksum16(be16(data, field), old, port));
}

function mangleChecksum(packet: Packet, frame: FrameTuple, old: number, fresh: number): void {
  const field = checksumField(packet, frame);
  if (field < 0) return;
  const sum = be16(packet.data, field);
  // A partial checksum is the plain sum, not its complement.
  const adjusted = packet.checksumPartial
    ? ~adjustChecksum32(~sum & 0xffff, old, fresh) & 0xffff
    : adjustChecksum32(sum, old, fresh);
  writeChecksum(packet.data, field, frame.protocol, adjusted);
}

/** CSUM_MANGLED_0: a UDP checksum that became zero is sent as all ones. */
function writeChecksum(data: Uint8Array, field: number, protocol: number, sum: number): void {
  putBe16(data, field, sum === 0 && protocol === UDP ? 0xffff : sum);
}

/** Offset of the checksum to keep right; -1 when there is none (GRE, UDP without a checksum). */
function checksumField(packet: Packet, frame: FrameTuple): number {
  if (frame.protocol === TCP) return frame.transport + 16;
  if (frame.protocol !== UDP) return -1;
  const field = frame.transport + 6;
  return be16(packet.data, field) === 0 && !packet.checksumPartial ? -1 : field;
}

/** One hop less; IPv4's header checksum as ip_decrease_ttl updates it. */
export function decrementTtl(data: Uint8Array, network: number, family: 4 | 6): void {
  const at = network + (family === 4 ? 8 : 7);
  data[at] = u8(data, at) - 1;
  if (family !== 4) return;
  const sum = be16(data, network + 10) + 0x0100;
  putBe16(data, network + 10, sum >= 0xffff ? (sum + 1) & 0xffff : sum);
}
