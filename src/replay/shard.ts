// Which worker replays a packet when one capture is split: a symmetric hash of the two addresses, so that both
// directions of a connection, its fragments, and ICMP errors about it (by the addresses they quote) meet on one thread.
import { be16, be32, u8 } from '../base/columns.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from '../packet/decode.ts';

/** Share 0 … shares - 1 of an Ethernet frame; 0 for what is not IP. */
export function shardOf(data: Uint8Array, start: number, end: number, shares: number): number {
  let at = start + 12;
  while (at + 6 <= end && (be16(data, at) === ETHERTYPE_VLAN || be16(data, at) === ETHERTYPE_QINQ)) at += 4;
  if (at + 2 > end) return 0;
  let type = be16(data, at);
  let network = at + 2;
  if (type === ETHERTYPE_PPPOE && network + 8 <= end) {
    type = be16(data, network + 6) === 0x0057 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    network += 8;
  }
  let hash = 0;
  if (type === ETHERTYPE_IPV4) hash = hashIpv4(data, network, end);
  else if (type === ETHERTYPE_IPV6) hash = hashIpv6(data, network, end);
  return (Math.imul(hash ^ (hash >>> 16), 0x9e3779b1) >>> 8) % shares;
}

function hashIpv4(data: Uint8Array, network: number, end: number): number {
  if (network + 20 > end) return 0;
  const inner = network + (u8(data, network) & 15) * 4;
  const isFirst = (be16(data, network + 6) & 0x1fff) === 0;
  if (u8(data, network + 9) === 1 && isFirst && inner + 28 <= end && isError4(u8(data, inner))) {
    return be32(data, inner + 20) ^ be32(data, inner + 24);
  }
  return be32(data, network + 12) ^ be32(data, network + 16);
}

function isError4(type: number): boolean {
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

function hashIpv6(data: Uint8Array, network: number, end: number): number {
  if (network + 40 > end) return 0;
  const inner = network + 40;
  const isError = u8(data, network + 6) === 58 && inner + 48 <= end && u8(data, inner) < 128;
  return fold6(data, isError ? inner + 8 : network);
}

function fold6(data: Uint8Array, network: number): number {
  let hash = 0;
  for (let i = 8; i < 40; i += 4) hash ^= be32(data, network + i);
  return hash;
}
