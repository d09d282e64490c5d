// Fragments of IPv4 datagrams (net/ipv4/ip_fragment.c: ip_frag_queue, ip_frag_reasm, ip_frag_too_far).
import { be16, be32, putBe16, u8, u32 } from '../../base/columns.ts';
import { writeIpv4Checksum } from '../../packet/checksum.ts';
import type { Packet } from '../../packet/packet.ts';
import type { QueueDirectory } from './directory.ts';
import type { Fragment } from './fragment.ts';
import { DUPLICATE, FIRST_IN, type FragmentQueue, INSERTED, LAST_IN, OVERLAP } from './queue.ts';
import { finishReassembly, mergedEcn, type ReassemblyBuffer } from './reassemble.ts';

/** What became of a fragment. */
export const WAITS = 0;
export const REASSEMBLED = 1;
export const DROPPED = 2;
/** IPv6 only: left as it is. */
export const PASSED = 3;

const SOURCES = 1 << 16;
const DONT_FRAGMENT = 0x4000;
const MAXIMUM = 65535;

/** Reassembles IPv4. */
export class Ipv4Reassembly {
  readonly directory: QueueDirectory;
  readonly #buffer: ReassemblyBuffer;
  /** ipfrag_max_dist: fragments from the same source that may come between two of a datagram; 0 = any number. */
  readonly #maxDistance: number;
  /** Fragments by source (inet_peer.rid). SIMPLIFIED: fragment-distance: sources that hash alike share a count; only floods notice. */
  readonly #sources = new Uint32Array(SOURCES);

  constructor(directory: QueueDirectory, buffer: ReassemblyBuffer, maxDistance: number) {
    this.directory = directory;
    this.#buffer = buffer;
    this.#maxDistance = maxDistance;
  }

  /** Takes a fragment; `user` tells apart who asks (prerouting or output), as does `zone` (nf_ct_defrag_user). */
  gather(packet: Packet, user: number, zone: number): number {
    const { data, network } = packet;
    const { key } = this.directory;
    key.fill(0);
    key[0] = be32(data, network + 12);
    key[4] = be32(data, network + 16);
    key[8] = be16(data, network + 4);
    key[9] = u8(data, network + 9) | (4 << 8) | (user << 16);
    key[11] = zone;
    const queue = this.directory.find(packet.timeNs);
    if (queue === undefined) return DROPPED;
    if (this.#isTooFar(queue)) {
      this.directory.flush(queue);
      this.directory.restart(queue, packet.timeNs);
      queue.flags = 0;
      queue.length = 0;
      queue.meat = 0;
      queue.iif = 0;
      queue.ecn = 0;
    }
    return this.#queue(packet, queue);
  }

  #isTooFar(queue: FragmentQueue): boolean {
    if (this.#maxDistance <= 0) return false;
    const slot = (Math.imul(u32(queue.key, 0), 0x9e3779b1) >>> 16) & (SOURCES - 1);
    const count = (u32(this.#sources, slot) + 1) >>> 0;
    this.#sources[slot] = count;
    const distance = (count - queue.rid) >>> 0;
    queue.rid = count;
    return queue.tail !== undefined && distance > this.#maxDistance;
  }

  #queue(packet: Packet, queue: FragmentQueue): number {
    const { data, network, networkLength } = packet;
    const headerLength = (u8(data, network) & 15) * 4;
    const field = be16(data, network + 6);
    const offset = packet.fragmentOffset;
    let end = offset + networkLength - headerLength;
    if (!packet.moreFragments) {
      // Octets beyond the end, or two ends: corrupted.
      if (end < queue.length || ((queue.flags & LAST_IN) !== 0 && end !== queue.length)) return this.#discard(queue);
      queue.flags |= LAST_IN;
      queue.length = end;
    } else {
      end -= end & 7;
      if (end > queue.length) {
        if ((queue.flags & LAST_IN) !== 0) return this.#discard(queue);
        queue.length = end;
      }
    }
    if (end <= offset || network + headerLength > packet.end) return this.#discard(queue);
    const fragment = this.directory.pool.take(packet, network + headerLength, offset, end);
    const outcome = queue.insert(fragment);
    if (outcome !== INSERTED) {
      this.directory.pool.release(fragment);
      if (outcome === DUPLICATE) return DROPPED;
      return outcome === OVERLAP ? this.#discard(queue) : DROPPED;
    }
    this.directory.charge(fragment);
    queue.iif = packet.iif;
    queue.meat += end - offset;
    queue.ecn |= 1 << (u8(data, network + 1) & 3);
    if (offset === 0) queue.flags |= FIRST_IN;
    const size = end - offset + headerLength;
    if (size > queue.maxSize) queue.maxSize = size;
    if ((field & DONT_FRAGMENT) !== 0 && size > queue.maxDfSize) queue.maxDfSize = size;
    return queue.isComplete ? this.#reassemble(packet, queue) : WAITS;
  }

  #discard(queue: FragmentQueue): number {
    this.directory.kill(queue);
    return DROPPED;
  }

  #reassemble(packet: Packet, queue: FragmentQueue): number {
    const first = queue.firstRun as Fragment;
    const ecn = mergedEcn(queue.ecn);
    const headerLength = first.payload - first.network;
    const length = headerLength + queue.length;
    if (ecn < 0 || length > MAXIMUM) return this.#discard(queue);
    const network = this.#buffer.write(packet, queue, first.payload);
    const data = this.#buffer.data;
    putBe16(data, network + 2, length);
    data[network + 1] = u8(data, network + 1) | ecn;
    // DF only when the largest fragment had it: then the datagram is cut again to that size, with DF (IPSKB_FRAG_PMTU).
    putBe16(data, network + 6, queue.maxDfSize === queue.maxSize ? DONT_FRAGMENT : 0);
    writeIpv4Checksum(data, network);
    finishReassembly(packet, Math.max(queue.maxDfSize, queue.maxSize));
    this.directory.kill(queue);
    return REASSEMBLED;
  }
}
