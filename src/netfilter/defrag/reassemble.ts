// From the fragments of a queue to one datagram in a reused buffer, to which the packet is attached again
// (inet_frag_reasm_prepare, inet_frag_reasm_finish and ip_frag_ecn_table of net/ipv4/inet_fragment.c).
import { u8 } from '../../base/columns.ts';
import { decodeNetwork } from '../../packet/decode.ts';
import { HEADROOM, type Packet } from '../../packet/packet.ts';
import type { Fragment } from './fragment.ts';
import type { FragmentQueue } from './queue.ts';

/** Link headers longer than this are not kept. */
const LINK_MAXIMUM = 64;
/** Each but the last holds 8 octets or more. */
const MAX_FRAGMENTS = 8192;

/** What RFC 3168 makes of the ECN fields of all fragments (a set of 1 << field): the field to add, or -1: drop. */
const ECN_OF_SET = new Int8Array(16);
for (let set = 0; set < 16; set++) {
  const isNotEct = (set & 1) !== 0;
  const isEct = (set & 6) !== 0;
  const isCe = (set & 8) !== 0;
  ECN_OF_SET[set] = isNotEct && (isEct || isCe) ? -1 : isCe && isEct ? 3 : 0;
}

/** ECN bits to add to the first fragment's, or -1 when the fragments contradict each other. */
export function mergedEcn(set: number): number {
  return ECN_OF_SET[set] as number;
}

/** Room for one whole datagram. What it holds is valid until the next datagram is complete. */
export class ReassemblyBuffer {
  readonly data = new Uint8Array(HEADROOM + LINK_MAXIMUM + 0x10000 + 64);
  /** Payload of each fragment of the last datagram. */
  readonly #lengths = new Uint16Array(MAX_FRAGMENTS);

  /**
   * Writes link header, IP headers (the first fragment's octets up to `headerEnd`, an offset in its bytes) and all payload,
   * and points the packet at it. Returns where the IP header is. The caller mends the header and calls finish().
   */
  write(packet: Packet, queue: FragmentQueue, headerEnd: number): number {
    const first = queue.firstRun as Fragment;
    const data = this.data;
    const linkStart = Math.max(0, first.network - LINK_MAXIMUM);
    let at = HEADROOM;
    for (let i = linkStart; i < headerEnd; i++) data[at++] = u8(first.bytes, i);
    const payloadAt = at;
    let known = queue.length;
    let count = 0;
    for (let run: Fragment | undefined = queue.firstRun; run !== undefined; run = run.nextRun) {
      for (let part: Fragment | undefined = run; part !== undefined; part = part.next) {
        const captured = part.length - part.payload;
        if (captured < part.end - part.offset) known = Math.min(known, part.offset + captured);
        const to = payloadAt + part.offset;
        this.#lengths[count++] = part.end - part.offset;
        for (let i = 0; i < captured; i++) data[to + i] = u8(part.bytes, part.payload + i);
      }
    }
    packet.data = data;
    packet.fragmentLengths = this.#lengths;
    packet.fragmentCount = count;
    packet.start = HEADROOM;
    packet.network = HEADROOM + first.network - linkStart;
    // What a capture cut out of the middle of a datagram ends it, as far as its octets are known.
    packet.end = payloadAt + known;
    packet.wireLength = payloadAt + queue.length - HEADROOM;
    packet.mark = first.mark;
    packet.priority = first.priority;
    packet.packetType = first.packetType;
    return packet.network;
  }
}

/** Fills the packet's network fields from the mended header. */
export function finishReassembly(packet: Packet, fragMaxSize: number): void {
  packet.isSuperPacket = false;
  packet.checksumPartial = false;
  packet.isChecksumVerified = false;
  decodeNetwork(packet);
  packet.fragMaxSize = fragMaxSize;
}
