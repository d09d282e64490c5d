// The queue of one datagram's fragments, and the rules of overlap (inet_frag_queue_insert of net/ipv4/inet_fragment.c:
// a fragment that lies within what is there is a duplicate and dropped; one that overlaps spoils the datagram, RFC 5722).
import { DOUBLE_ZERO } from '../../base/columns.ts';
import type { Fragment } from './fragment.ts';

/** Words of a key: source [0..3], destination [4..7], identification, protocol | family << 8 | user << 16, ifindex, conntrack zone. */
export const QUEUE_KEY_WORDS = 12;

export const FIRST_IN = 1;
export const LAST_IN = 2;

export const INSERTED = 0;
export const DUPLICATE = 1;
export const OVERLAP = 2;

/** Fragments of one datagram (struct inet_frag_queue, ipq, frag_queue); one object is used for many datagrams. */
export class FragmentQueue {
  readonly key = new Uint32Array(QUEUE_KEY_WORDS);
  flags = 0;
  /** Octets of payload that the datagram has, as far as known. */
  length = 0;
  /** Octets of payload that are here. */
  meat = 0;
  /** Octets of the largest fragment's datagram, and of the largest with DF. */
  maxSize = 0;
  maxDfSize = 0;
  /** 1 << ECN of each fragment. */
  ecn = 0;
  /** IPv4: the sender's count of fragments when the last of this queue came (ipfrag_max_dist). */
  rid = 0;
  /** Device of the last fragment. */
  iif = 0;
  /** IPv6: offset in the datagram of the octet that named the fragment header. */
  nextHeaderAt = 0;
  firstRun: Fragment | undefined = undefined;
  lastRun: Fragment | undefined = undefined;
  tail: Fragment | undefined = undefined;

  // Places in the directory.
  hash = 0;
  hashNext: FragmentQueue | undefined = undefined;
  expiresNs = DOUBLE_ZERO;
  earlier: FragmentQueue | undefined = undefined;
  later: FragmentQueue | undefined = undefined;

  /** Starts anew. */
  clear(): void {
    this.flags = 0;
    this.length = 0;
    this.meat = 0;
    this.maxSize = 0;
    this.maxDfSize = 0;
    this.ecn = 0;
    this.rid = 0;
    this.iif = 0;
    this.nextHeaderAt = 0;
    this.firstRun = undefined;
    this.lastRun = undefined;
    this.tail = undefined;
  }

  /** All octets of the datagram are here. */
  get isComplete(): boolean {
    return this.flags === (FIRST_IN | LAST_IN) && this.meat === this.length;
  }

  /** Puts a fragment into its place; it is the caller's again unless INSERTED. */
  insert(fragment: Fragment): number {
    const { offset, end } = fragment;
    const { tail, lastRun } = this;
    if (tail === undefined || lastRun === undefined) {
      this.firstRun = fragment;
      this.lastRun = fragment;
      this.tail = fragment;
      return INSERTED;
    }
    if (tail.end < end) {
      if (offset < tail.end) return OVERLAP;
      if (offset === tail.end) {
        tail.next = fragment;
        lastRun.runEnd = end;
      } else {
        lastRun.nextRun = fragment;
        this.lastRun = fragment;
      }
      this.tail = fragment;
      return INSERTED;
    }
    return this.#insertBetween(fragment);
  }

  #insertBetween(fragment: Fragment): number {
    const { offset, end } = fragment;
    let before: Fragment | undefined;
    let run = this.firstRun;
    while (run !== undefined && run.runEnd <= offset) {
      before = run;
      run = run.nextRun;
    }
    if (run === undefined) return OVERLAP;
    if (end > run.offset) return offset >= run.offset && end <= run.runEnd ? DUPLICATE : OVERLAP;
    fragment.nextRun = run;
    if (before === undefined) this.firstRun = fragment;
    else before.nextRun = fragment;
    return INSERTED;
  }
}
