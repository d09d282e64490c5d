// What one run through a base chain works on: the registers and what the chain may know of the packet
// (struct nft_regs and struct nft_pktinfo; nft_set_pktinfo_ipv4, _ipv6 and their _validate variants).
// Evaluations are reused, one for each depth of nesting (a reject's RST passes the output hook meanwhile).
//
// Registers are one buffer seen as octets and as host-order words. The emulated host is little-endian, and so must be
// the machine that runs this: the two views are exchanged freely.
import { be16, DOUBLE_ZERO, f64, u8 } from '../../base/columns.ts';
import { REGISTER_FILE_LENGTH } from '../../bytecode/registers.ts';
import { HOOK_NAMES } from '../../event/vocabulary.ts';
import { Packet } from '../../packet/packet.ts';
import type { PreparedChain } from './prepared.ts';

export const HOOK_PREROUTING = HOOK_NAMES.indexOf('prerouting');
export const HOOK_INPUT = HOOK_NAMES.indexOf('input');
export const HOOK_FORWARD = HOOK_NAMES.indexOf('forward');
export const HOOK_OUTPUT = HOOK_NAMES.indexOf('output');
export const HOOK_POSTROUTING = HOOK_NAMES.indexOf('postrouting');
export const HOOK_INGRESS = HOOK_NAMES.indexOf('ingress');
export const HOOK_EGRESS = HOOK_NAMES.indexOf('egress');

/** Protocol families of a hook (NFPROTO_*). */
export const PF_INET = 1;
export const PF_IPV4 = 2;
export const PF_ARP = 3;
export const PF_NETDEV = 5;
export const PF_BRIDGE = 7;
export const PF_IPV6 = 10;

const AUTHENTICATION = 51;
const NO_PACKET = new Packet();
/** Epochs given out so far. */
const EPOCHS = new Float64Array(1);

export class Evaluation {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  packet: Packet = NO_PACKET;
  /** Index of HOOK_NAMES. */
  hook = 0;
  /** PF_* that the hook belongs to: nft_pf(). */
  pf = 0;
  /** state->in and state->out; 0 = none. */
  iif = 0;
  oif = 0;
  /** skb->len: what counters count and `meta length` says. */
  length = 0;
  /** One past the last octet that loads may reach. */
  end = 0;
  /** NFT_PKTINFO_L4PROTO: `protocol` and `transport` mean something. */
  hasTransport = false;
  /** tprot. */
  protocol = 0;
  /** Absolute offset of the transport header; for later fragments: where the kernel takes it to be. */
  transport = 0;
  isLaterFragment = false;
  /** Chain of the last jump or goto verdict. */
  target: PreparedChain | null = null;
  /** What loads found in one epoch stays true in it (matches.ts). */
  epoch = DOUBLE_ZERO;

  constructor() {
    const buffer = new ArrayBuffer(REGISTER_FILE_LENGTH);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** Prepares for a chain of an ip or ip6 hook. */
  beginInet(packet: Packet, hook: number, pf: number): void {
    this.packet = packet;
    this.hook = hook;
    this.pf = pf;
    this.iif = hook === HOOK_OUTPUT ? 0 : packet.iif;
    this.oif = hook === HOOK_PREROUTING || hook === HOOK_INPUT ? 0 : packet.oif;
    this.length = packet.networkLength;
    this.end = packet.networkEnd;
    this.#setTransport(packet);
  }

  /**
   * Prepares for a netdev, inet-ingress, bridge or arp chain. skb->data stands behind the Ethernet header there
   * (at it on egress and at arp's output), and Ethernet padding is still counted. A malformed datagram has no transport.
   */
  beginLink(packet: Packet, hook: number, pf: number): void {
    this.packet = packet;
    this.hook = hook;
    this.pf = pf;
    const isBridgeOut = pf === PF_BRIDGE && (hook === HOOK_POSTROUTING || hook === HOOK_OUTPUT);
    this.iif = hook === HOOK_EGRESS || isBridgeOut ? 0 : packet.iif;
    this.oif = hook === HOOK_INGRESS || hook === HOOK_PREROUTING || hook === HOOK_INPUT ? 0 : packet.oif;
    const isWhole = hook === HOOK_EGRESS || (pf === PF_ARP && hook === HOOK_OUTPUT);
    // On egress an outermost tag stands beside the packet and is not part of its length.
    const pulled = isWhole ? packet.encapsulationCount * 4 : packet.network >= 0 ? packet.network - packet.start : 14;
    this.length = packet.wireLength - pulled;
    this.end = packet.end;
    if (packet.ipVersion !== 0 && packet.network - packet.start + packet.networkLength <= packet.wireLength) {
      this.#setTransport(packet);
    } else {
      this.hasTransport = false;
      this.isLaterFragment = false;
      this.protocol = 0;
      this.transport = 0;
    }
  }

  /** Something may have changed what loads find. */
  renew(): void {
    const next = f64(EPOCHS, 0) + 1;
    EPOCHS[0] = next;
    this.epoch = next;
  }

  #setTransport(packet: Packet): void {
    this.isLaterFragment = packet.fragmentOffset !== 0;
    if (packet.authenticationHeader >= 0) {
      this.hasTransport = true;
      this.protocol = AUTHENTICATION;
      this.transport = packet.authenticationHeader;
      return;
    }
    this.hasTransport = packet.protocol >= 0;
    this.protocol = Math.max(0, packet.protocol);
    if (packet.transport >= 0) this.transport = packet.transport;
    // ipv6_find_hdr leaves the offset at 0 for a later fragment, nft_set_pktinfo_ipv4 does not look at all.
    else if (packet.ipVersion === 4) this.transport = packet.network + (u8(packet.data, packet.network) & 15) * 4;
    else this.transport = packet.network;
  }

  /**
   * Offset of what a tunnel or transport header carries (__nft_payload_inner_offset), or -1.
   */
  innerOffset(): number {
    if (!this.hasTransport || this.isLaterFragment) return -1;
    const { data } = this.packet;
    switch (this.protocol) {
      case 17:
        return this.transport + 8;
      case 6:
        return this.transport + 20 > this.end ? -1 : this.transport + (u8(data, this.transport + 12) >>> 4) * 4;
      case 47: {
        if (this.transport + 4 > this.end) return -1;
        const flags = be16(data, this.transport);
        if ((flags & 0x4007) !== 0) return -1;
        const fields = (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
        return this.transport + 4 + fields;
      }
      case 4:
        return this.transport;
      default:
        return -1;
    }
  }
}
