// What the flowtable's hook reads of a frame to look it up: nf_flow_offload_inet_hook, nf_flow_tuple_ip,
// nf_flow_tuple_ipv6 and nf_flow_tuple_encap (net/netfilter/nf_flow_table_inet.c, nf_flow_table_ip.c). The frame is read as
// it stands at that device's ingress: an outer VLAN tag is what skb_vlan_untag took off, one more VLAN or PPPoE header may follow.
import { be16, be32, u8, u32 } from '../../base/columns.ts';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_PPPOE,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
} from '../../packet/decode.ts';
import type { Packet } from '../../packet/packet.ts';

/**
 * Words of a lookup key: source [0..3], destination [4..7] (IPv4 in the first), ports [8], input ifindex [9],
 * protocol | family << 8 [10], two encapsulations [11], [12] as id << 16 | EtherType, outermost first.
 */
export const KEY_WORDS = 13;
export const KEY_PORTS = 8;
export const KEY_IIF = 9;
export const KEY_PROTOCOL = 10;
export const KEY_ENCAP = 11;

const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

/** Neither IPv4 nor IPv6 (or a family that this flowtable does not serve): the hook did not look. */
export const READ_NONE = 0;
/** For the slow path: fragment, options, other protocol, headers cut. */
export const READ_SLOW = 1;
/** TTL or hop limit 1: for the slow path, but the key is filled. */
export const READ_TTL = 2;
/** The key is filled. */
export const READ_TUPLE = 3;

/** A frame read for lookup; one object, used again for every packet. */
export class FrameTuple {
  readonly key = new Uint32Array(KEY_WORDS);
  /** Where skb->data points: behind the Ethernet header and an untagged VLAN header. */
  data = 0;
  /** First octet of the IP header. */
  network = 0;
  transport = 0;
  /** 4 or 6. */
  family: 4 | 6 = 4;
  protocol = 0;
  /** skb->len: octets on the wire from `data`, Ethernet padding included. */
  length = 0;

  /** Reads the frame that enters at packet.iif. `families` is what serves() said. Returns a READ_* outcome. */
  read(packet: Packet, families: number): number {
    const { data, start, end } = packet;
    if (start + 14 > end) return READ_NONE;
    const key = this.key;
    key[KEY_ENCAP] = 0;
    key[KEY_ENCAP + 1] = 0;
    let type = be16(data, start + 12);
    let at = start + 14;
    let slot = KEY_ENCAP;
    if (type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ) {
      if (at + 4 > end) return READ_NONE;
      // The whole TCI, priority bits included: that is what skb_vlan_tag_get() gives.
      key[slot++] = ((be16(data, at) << 16) | type) >>> 0;
      type = be16(data, at + 2);
      at += 4;
    }
    this.data = at;
    this.length = packet.wireLength - (at - start);
    if (type === ETHERTYPE_VLAN) {
      if (at + 4 > end) return READ_NONE;
      key[slot] = ((be16(data, at) << 16) | type) >>> 0;
      type = be16(data, at + 2);
      at += 4;
    } else if (type === ETHERTYPE_PPPOE) {
      if (at + 8 > end) return READ_NONE;
      key[slot] = ((be16(data, at + 2) << 16) | type) >>> 0;
      const inner = be16(data, at + 6);
      type = inner === PPP_IPV4 ? ETHERTYPE_IPV4 : inner === PPP_IPV6 ? ETHERTYPE_IPV6 : 0;
      at += 8;
    }
    this.network = at;
    key[KEY_IIF] = packet.iif;
    if (type === ETHERTYPE_IPV4 && (families & SERVES_IPV4) !== 0) return this.#ipv4(data, at, end);
    if (type === ETHERTYPE_IPV6 && (families & SERVES_IPV6) !== 0) return this.#ipv6(data, at, end);
    return READ_NONE;
  }

  #ipv4(data: Uint8Array, at: number, end: number): number {
    this.family = 4;
    if (at + 20 > end) return READ_SLOW;
    // A fragment, or a header longer than 20 octets.
    if ((be16(data, at + 6) & 0x3fff) !== 0 || (u8(data, at) & 15) !== 5) return READ_SLOW;
    const key = this.key;
    key[0] = be32(data, at + 12);
    key[1] = 0;
    key[2] = 0;
    key[3] = 0;
    key[4] = be32(data, at + 16);
    key[5] = 0;
    key[6] = 0;
    key[7] = 0;
    return this.#layer4(data, at + 20, end, u8(data, at + 9), u8(data, at + 8));
  }

  #ipv6(data: Uint8Array, at: number, end: number): number {
    this.family = 6;
    if (at + 40 > end) return READ_SLOW;
    const key = this.key;
    for (let i = 0; i < 8; i++) key[i] = be32(data, at + 8 + 4 * i);
    return this.#layer4(data, at + 40, end, u8(data, at + 6), u8(data, at + 7));
  }

  #layer4(data: Uint8Array, at: number, end: number, protocol: number, ttl: number): number {
    const headerLength = protocol === 6 ? 20 : protocol === 17 ? 8 : protocol === 47 ? 4 : 0;
    if (headerLength === 0 || at + headerLength > end) return READ_SLOW;
    this.protocol = protocol;
    this.transport = at;
    const key = this.key;
    if (protocol === 47) {
      // Only GRE version 0; it has no ports.
      if ((be16(data, at) & 7) !== 0) return READ_SLOW;
      key[KEY_PORTS] = 0;
    } else {
      key[KEY_PORTS] = be32(data, at);
    }
    key[KEY_PROTOCOL] = protocol | (this.family << 8);
    return ttl <= 1 ? READ_TTL : READ_TUPLE;
  }
}

/** An encapsulation without the priority bits that a VLAN tag may have. */
export function withoutPriority(encapsulation: number): number {
  const type = encapsulation & 0xffff;
  return type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ ? (encapsulation & 0x0fffffff) >>> 0 : encapsulation;
}

export const SERVES_IPV4 = 1;
export const SERVES_IPV6 = 2;

/** Which families the hook of a flowtable in a table of this family serves (nf_flowtable_type). */
export function serves(family: string): number {
  return family === 'ip' ? SERVES_IPV4 : family === 'ip6' ? SERVES_IPV6 : SERVES_IPV4 | SERVES_IPV6;
}

/** Hash of the key at `at`, signed; the same for all keys with equal words. */
export function hashKey(key: Uint32Array, at: number): number {
  let h = Math.imul(u32(key, at) ^ 0x5bd1e995, 0x85ebca6b);
  h = Math.imul((h ^ (h >>> 15)) + u32(key, at + 4), 0xc2b2ae35);
  h = Math.imul((h ^ (h >>> 13)) + u32(key, at + KEY_PORTS), 0x85ebca6b);
  if ((u32(key, at + KEY_PROTOCOL) & 0x200) !== 0) {
    for (let i = 1; i < 4; i++) {
      h = Math.imul((h ^ (h >>> 15)) + u32(key, at + i), 0xc2b2ae35);
      h = Math.imul((h ^ (h >>> 13)) + u32(key, at + 4 + i), 0x85ebca6b);
    }
  }
  h = Math.imul((h ^ (h >>> 16)) + u32(key, at + KEY_PROTOCOL), 0xc2b2ae35);
  h = Math.imul((h ^ (h >>> 15)) + u32(key, at + KEY_IIF), 0x85ebca6b);
  h ^= u32(key, at + KEY_ENCAP) ^ (u32(key, at + KEY_ENCAP + 1) << 1);
  return Math.imul(h ^ (h >>> 16), 0x2c1b3c6d) ^ (h >>> 12);
}

/** Octets of the IP datagram by its own header; of what was on the wire where that is 0 (captures before segmentation). */
export function ipLength(packet: Packet, frame: FrameTuple): number {
  const onWire = frame.length - (frame.network - frame.data);
  if (frame.family === 4) {
    const total = be16(packet.data, frame.network + 2);
    return total === 0 ? onWire : total;
  }
  const payload = be16(packet.data, frame.network + 4);
  return payload === 0 ? onWire : payload + 40;
}

/** A TCP segment with FIN or RST: the flow ends (nf_flow_state_check). */
export function isClosing(packet: Packet, frame: FrameTuple): boolean {
  return frame.protocol === 6 && (u8(packet.data, frame.transport + 13) & 5) !== 0;
}
