// One queued fragment: a copy of its frame, from pools, so that a flood of fragments allocates only until its high mark
// (the sk_buff and its FRAG_CB of net/ipv4/inet_fragment.c).
import { u8 } from '../../base/columns.ts';
import type { Packet } from '../../packet/packet.ts';

/** A fragment in a queue. */
export interface Fragment {
  /** Its frame from packet.start, as far as it was captured and belongs to the datagram. */
  bytes: Uint8Array;
  length: number;
  /** Where the IP header begins in `bytes`. */
  network: number;
  /** Where its share of the datagram's payload begins. */
  payload: number;
  /** Its place in the payload: [offset, end). */
  offset: number;
  end: number;
  /** Octets that it is counted with. */
  truesize: number;
  /** Next of the same run (adjacent fragments that came in order). */
  next: Fragment | undefined;
  /** In the first of a run: the next run, and where this one ends. */
  nextRun: Fragment | undefined;
  runEnd: number;
  // What the reassembled packet takes over from the first fragment.
  mark: number;
  priority: number;
  packetType: number;
}

/** sk_buff, skb_shared_info, and the driver's headroom. */
const SKB_OVERHEAD = 256;
const DATA_OVERHEAD = 320 + 64;
const SMALLEST = 6;
const CLASSES = 18;

/** Fragments and buffers that are not in use. */
export class FragmentPool {
  readonly #fragments: Fragment[] = [];
  /** By power of two. */
  readonly #buffers: Uint8Array[][] = Array.from({ length: CLASSES }, () => []);

  /** Copies a packet's datagram; `payload` is where its share of the payload begins in packet.data. */
  take(packet: Packet, payload: number, offset: number, end: number): Fragment {
    const from = packet.start;
    const to = Math.min(packet.networkEnd, payload + (end - offset));
    const fragment = this.#fragments.pop() ?? blank();
    const bytes = this.#buffer(to - from);
    for (let i = from; i < to; i++) bytes[i - from] = u8(packet.data, i);
    fragment.bytes = bytes;
    fragment.length = to - from;
    fragment.network = packet.network - from;
    fragment.payload = payload - from;
    fragment.offset = offset;
    fragment.end = end;
    fragment.truesize = truesize(packet.wireLength);
    fragment.next = undefined;
    fragment.nextRun = undefined;
    fragment.runEnd = end;
    fragment.mark = packet.mark;
    fragment.priority = packet.priority;
    fragment.packetType = packet.packetType;
    return fragment;
  }

  /** Gives a fragment back. */
  release(fragment: Fragment): void {
    const row = this.#buffers[sizeClass(fragment.bytes.length)];
    row?.push(fragment.bytes);
    fragment.bytes = NOTHING;
    fragment.next = undefined;
    fragment.nextRun = undefined;
    this.#fragments.push(fragment);
  }

  #buffer(length: number): Uint8Array {
    const size = sizeClass(length);
    return this.#buffers[size]?.pop() ?? new Uint8Array(1 << (size + SMALLEST));
  }
}

const NOTHING = new Uint8Array(0);

function blank(): Fragment {
  return {
    bytes: NOTHING,
    length: 0,
    network: 0,
    payload: 0,
    offset: 0,
    end: 0,
    truesize: 0,
    next: undefined,
    nextRun: undefined,
    runEnd: 0,
    mark: 0,
    priority: 0,
    packetType: 0,
  };
}

function sizeClass(length: number): number {
  return Math.max(0, 32 - Math.clz32(Math.max(0, length - 1)) - SMALLEST);
}

/**
 * SKB_TRUESIZE of a frame. SIMPLIFIED: truesize: a buffer of the next power of two; drivers differ, so a flood meets
 * ipfrag_high_thresh some fragments earlier or later than on a given device.
 */
export function truesize(frameLength: number): number {
  return (1 << (32 - Math.clz32(frameLength + DATA_OVERHEAD - 1))) + SKB_OVERHEAD;
}
