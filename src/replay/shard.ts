// Which worker replays a packet when one capture is split: a symmetric hash of the two addresses, so that both
// directions of a connection, its fragments, and ICMP errors about it (by the addresses they quote) meet on one thread.
// What cannot be split exactly is recognised: then one worker has to replay it all.
import { be16, be32, u8 } from '../base/columns.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from '../packet/decode.ts';

/** So many fragments cannot hinder each other: ipfrag_max_dist, and far below ipfrag_high_thresh. */
const MAX_FRAGMENTS = 64;
const ICMP = 1;
const ICMPV6 = 58;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION = 60;

/** One worker's view of a split; every worker looks at every packet, so all come to the same conclusion. */
export class Shard {
  /** False once a packet was met whose connection may be on another thread, or fragments that share a limit. */
  isExact = true;
  readonly #index: number;
  readonly #shares: number;
  #fragments = 0;

  constructor(index: number, shares: number) {
    this.#index = index;
    this.#shares = shares;
  }

  /** Whether this worker replays the Ethernet frame data[start, end). */
  isMine(data: Uint8Array, start: number, end: number): boolean {
    return this.of(data, start, end) === this.#index;
  }

  /** Share 0 … shares - 1 of an Ethernet frame; 0 for what is not IP. */
  of(data: Uint8Array, start: number, end: number): number {
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
    if (type === ETHERTYPE_IPV4) hash = this.#ipv4(data, network, end);
    else if (type === ETHERTYPE_IPV6) hash = this.#ipv6(data, network, end);
    return (Math.imul(hash ^ (hash >>> 16), 0x9e3779b1) >>> 8) % this.#shares;
  }

  #ipv4(data: Uint8Array, network: number, end: number): number {
    if (network + 20 > end) return 0;
    const inner = network + (u8(data, network) & 15) * 4;
    const fragment = be16(data, network + 6) & 0x3fff;
    const isError =
      u8(data, network + 9) === ICMP && (fragment & 0x1fff) === 0 && inner < end && isError4(u8(data, inner));
    if (fragment !== 0) this.#fragment(isError);
    else if (isError && inner + 28 <= end) return be32(data, inner + 20) ^ be32(data, inner + 24);
    return be32(data, network + 12) ^ be32(data, network + 16);
  }

  #ipv6(data: Uint8Array, network: number, end: number): number {
    if (network + 40 > end) return 0;
    let next = u8(data, network + 6);
    let at = network + 40;
    let isFragment = false;
    while (at + 8 <= end && isExtension(next)) {
      if (next === FRAGMENT) {
        isFragment = true;
        // Behind a later fragment's header stand octets of the middle.
        if ((be16(data, at + 2) & 0xfff8) !== 0) break;
      }
      const length =
        next === FRAGMENT ? 8 : next === AUTHENTICATION ? (u8(data, at + 1) + 2) * 4 : (u8(data, at + 1) + 1) * 8;
      next = u8(data, at);
      at += length;
    }
    const isError = next === ICMPV6 && at < end && u8(data, at) < 128;
    if (isFragment) this.#fragment(isError);
    else if (isError && at + 48 <= end) return fold6(data, at + 8);
    return fold6(data, network);
  }

  /** The packets that a fragmented ICMP error quotes are known only when it is whole. */
  #fragment(isError: boolean): void {
    this.#fragments++;
    if (isError || this.#fragments > MAX_FRAGMENTS) this.isExact = false;
  }
}

function isError4(type: number): boolean {
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

function isExtension(next: number): boolean {
  return (
    next === HOP_BY_HOP || next === ROUTING || next === FRAGMENT || next === AUTHENTICATION || next === DESTINATION
  );
}

function fold6(data: Uint8Array, network: number): number {
  let hash = 0;
  for (let i = 8; i < 40; i += 4) hash ^= be32(data, network + i);
  return hash;
}
