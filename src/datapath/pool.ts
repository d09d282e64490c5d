// Packets that the router makes itself (ICMP errors, RSTs, echo replies, fragments, copies), each with its own buffer.
// They nest: a reply may be rejected and answered again. The pool is small and never grows in number.
import { HEADROOM, Packet } from '../packet/packet.ts';

/** Deeper nesting than this is a loop between rules: nothing more is made. */
const DEPTH = 8;
const BUFFER_OCTETS = 2048;
/** Where the network header of a made packet stands in its buffer: room for Ethernet, two VLAN tags and PPPoE. */
export const NETWORK_OFFSET = HEADROOM + 32;

/** A stack of reusable packets. */
export class PacketPool {
  readonly #packets: Packet[] = [];
  #used = 0;

  constructor() {
    for (let i = 0; i < DEPTH; i++) {
      const packet = new Packet();
      packet.data = new Uint8Array(BUFFER_OCTETS);
      this.#packets.push(packet);
    }
  }

  /**
   * A packet with room for a datagram of `length` octets at NETWORK_OFFSET, on behalf of `cause`; undefined when they
   * are all in use. Give it back with release(), in reverse order.
   */
  acquire(cause: Packet, length: number): Packet | undefined {
    if (this.#used === DEPTH) return undefined;
    const packet = this.#packets[this.#used] as Packet;
    const octets = NETWORK_OFFSET + length;
    if (packet.data.length < octets) packet.data = new Uint8Array(octets + BUFFER_OCTETS);
    this.#used++;
    packet.attach(packet.data, NETWORK_OFFSET - 14, octets, length + 14);
    packet.network = NETWORK_OFFSET;
    packet.number = cause.number;
    packet.timeNs = cause.timeNs;
    packet.isGenerated = true;
    return packet;
  }

  /** The last acquired packet is free again. */
  release(): void {
    this.#used--;
  }
}
