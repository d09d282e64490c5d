// Fragments of IPv6 datagrams for conntrack (net/ipv6/netfilter/nf_conntrack_reasm.c: nf_ct_frag6_gather,
// nf_ct_frag6_queue, nf_ct_frag6_reasm, find_prev_fhdr; ipv6frag_thdr_truncated of include/net/ipv6_frag.h).
import { be16, be32, putBe16, u8, u32 } from '../../base/columns.ts';
import type { Packet } from '../../packet/packet.ts';
import type { QueueDirectory } from './directory.ts';
import type { Fragment } from './fragment.ts';
import { DROPPED, PASSED, REASSEMBLED, WAITS } from './ipv4.ts';
import { DUPLICATE, FIRST_IN, type FragmentQueue, INSERTED, LAST_IN } from './queue.ts';
import { finishReassembly, mergedEcn, type ReassemblyBuffer } from './reassemble.ts';

const HOP_BY_HOP = 0;
const TCP = 6;
const UDP = 17;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const ICMPV6 = 58;
const NO_NEXT = 59;
const DESTINATION = 60;
const HEADER = 40;
const MAXIMUM = 65535;

/** Reassembles IPv6. */
export class Ipv6Reassembly {
  readonly directory: QueueDirectory;
  readonly #buffer: ReassemblyBuffer;
  /** Where find_prev_fhdr found the fragment header, and the octet that named it. */
  #fragmentHeader = 0;
  #nextHeaderAt = 0;

  constructor(directory: QueueDirectory, buffer: ReassemblyBuffer) {
    this.directory = directory;
    this.#buffer = buffer;
  }

  /** Takes a packet, fragment or not; `user` tells apart who asks (prerouting or output), as does `zone` (nf_ct_defrag_user). */
  gather(packet: Packet, user: number, zone: number): number {
    const { data, network } = packet;
    // A jumbo payload has no fragment header.
    if (be16(data, network + 4) === 0 || !this.#findFragmentHeader(packet)) return PASSED;
    const header = this.#fragmentHeader;
    if (header + 8 > packet.networkEnd) return DROPPED;
    if (isTruncated(packet, header)) return PASSED;
    const { key } = this.directory;
    for (let i = 0; i < 8; i++) key[i] = be32(data, network + 8 + 4 * i);
    key[8] = be32(data, header + 4);
    key[9] = (6 << 8) | (user << 16);
    key[11] = zone;
    key[10] = isMulticastOrLinkLocal(u32(key, 4)) ? packet.iif : 0;
    const queue = this.directory.find(packet.timeNs);
    return queue === undefined ? DROPPED : this.#queue(packet, queue, header);
  }

  #queue(packet: Packet, queue: FragmentQueue, header: number): number {
    const { data, network } = packet;
    const payloadLength = be16(data, network + 4);
    const field = be16(data, header + 2);
    const offset = field & 0xfff8;
    const end = offset + payloadLength - (header + 8 - (network + HEADER));
    if (end > MAXIMUM) return DROPPED;
    if ((field & 1) === 0) {
      if (end < queue.length || ((queue.flags & LAST_IN) !== 0 && end !== queue.length)) return DROPPED;
      queue.flags |= LAST_IN;
      queue.length = end;
    } else {
      if ((end & 7) !== 0) {
        this.directory.kill(queue);
        return PASSED;
      }
      if (end > queue.length) {
        if ((queue.flags & LAST_IN) !== 0) return DROPPED;
        queue.length = end;
      }
    }
    if (end <= offset) return DROPPED;
    const fragment = this.directory.pool.take(packet, header + 8, offset, end);
    const outcome = queue.insert(fragment);
    if (outcome !== INSERTED) {
      this.directory.pool.release(fragment);
      if (outcome !== DUPLICATE) this.directory.kill(queue);
      return DROPPED;
    }
    this.directory.charge(fragment);
    queue.iif = packet.iif;
    queue.meat += end - offset;
    queue.ecn |= 1 << ((be16(data, network) >>> 4) & 3);
    if (payloadLength > queue.maxSize) queue.maxSize = payloadLength;
    if (offset === 0) {
      queue.nextHeaderAt = this.#nextHeaderAt - network;
      queue.flags |= FIRST_IN;
    }
    return queue.isComplete ? this.#reassemble(packet, queue) : WAITS;
  }

  #reassemble(packet: Packet, queue: FragmentQueue): number {
    const first = queue.firstRun as Fragment;
    const ecn = mergedEcn(queue.ecn);
    const headers = first.payload - 8 - first.network;
    const payloadLength = headers - HEADER + queue.length;
    if (ecn < 0 || payloadLength > MAXIMUM) {
      this.directory.kill(queue);
      return DROPPED;
    }
    const network = this.#buffer.write(packet, queue, first.payload - 8);
    const data = this.#buffer.data;
    data[network + queue.nextHeaderAt] = u8(first.bytes, first.payload - 8);
    putBe16(data, network + 4, payloadLength);
    data[network + 1] = u8(data, network + 1) | (ecn << 4);
    finishReassembly(packet, HEADER + queue.maxSize);
    this.directory.kill(queue);
    return REASSEMBLED;
  }

  /** find_prev_fhdr. */
  #findFragmentHeader(packet: Packet): boolean {
    const { data, network, networkEnd } = packet;
    let next = u8(data, network + 6);
    let nextAt = network + 6;
    let at = network + HEADER;
    while (next !== FRAGMENT) {
      if (!isExtension(next) || next === NO_NEXT || at + 2 > networkEnd) return false;
      const length = next === AUTHENTICATION ? (u8(data, at + 1) + 2) * 4 : (u8(data, at + 1) + 1) * 8;
      nextAt = at;
      next = u8(data, at);
      at += length;
    }
    if (at > networkEnd) return false;
    this.#fragmentHeader = at;
    this.#nextHeaderAt = nextAt;
    return true;
  }
}

/** A first fragment that does not hold all headers (RFC 8200, section 4.5). */
function isTruncated(packet: Packet, header: number): boolean {
  const { data } = packet;
  if ((be16(data, header + 2) & 0xfff8) !== 0) return false;
  const end = packet.network + packet.networkLength;
  let next = u8(data, header);
  let at = header + 8;
  while (isExtension(next)) {
    if (next === NO_NEXT || at + 8 > packet.networkEnd) return false;
    if (next === FRAGMENT && (be16(data, at + 2) & 0xfff8) !== 0) return false;
    const length =
      next === FRAGMENT ? 8 : next === AUTHENTICATION ? (u8(data, at + 1) + 2) * 4 : (u8(data, at + 1) + 1) * 8;
    next = u8(data, at);
    at += length;
  }
  return at + (next === TCP ? 20 : next === UDP || next === ICMPV6 ? 8 : 1) > end;
}

/** ipv6_ext_hdr. */
function isExtension(header: number): boolean {
  return (
    header === HOP_BY_HOP ||
    header === ROUTING ||
    header === FRAGMENT ||
    header === AUTHENTICATION ||
    header === NO_NEXT ||
    header === DESTINATION
  );
}

function isMulticastOrLinkLocal(firstWord: number): boolean {
  return firstWord >>> 24 === 0xff || firstWord >>> 22 === 0xfe80 >>> 6;
}
