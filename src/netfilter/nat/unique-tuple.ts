// Choosing the translation of a new connection so that its replies can be told from all others
// (get_unique_tuple, find_best_ips_proto, nf_nat_l4proto_unique_tuple of nf_nat_core.c).
// A candidate is the connection as it will leave; it is free when nobody has its inverse.

import { u8, u32 } from '../../base/columns.ts';
import {
  IPS_DYING,
  IPS_FIXED_TIMEOUT,
  IPS_HW_OFFLOAD,
  IPS_NAT_MASK,
  IPS_OFFLOAD,
  IPS_SEQ_ADJUST,
  IPS_SRC_NAT,
  ORIGINAL,
  REPLY,
} from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { ENTRY_TUPLE_WORDS } from '../conntrack/table.ts';
import { TCP_SYN_SENT, TCP_TIME_WAIT } from '../conntrack/tcp-states.ts';
import { SEEN_END, seenAt } from '../conntrack/tcp-window.ts';
import {
  addressEqual,
  copyAddress,
  copyTuple,
  invertTuple,
  PROTOCOL_DCCP,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PROTOCOL_UDPLITE,
  TUPLE_DESTINATION,
  TUPLE_PORTS,
  TUPLE_PROTOCOL,
  TUPLE_SOURCE,
  TUPLE_WORDS,
  tupleEqual,
  tupleEqualButZone,
  tupleZone,
} from '../conntrack/tuple.ts';
import { hashAddress, swapOctets } from '../jhash.ts';
import type { NatRange } from './range.ts';
import {
  MANIP_DESTINATION,
  MANIP_SOURCE,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_OFFSET,
  NF_NAT_RANGE_PROTO_RANDOM_ALL,
  NF_NAT_RANGE_PROTO_SPECIFIED,
} from './range.ts';

const MAX_ATTEMPTS = 128;
/** Fewer attempts left than this: connections in TIME_WAIT must make room. */
const HARDER_ATTEMPTS = MAX_ATTEMPTS / 4;

/** What a protocol's `ports` word means to NAT. */
const KIND_NONE = 0;
const KIND_PORTS = 1;
const KIND_ID = 2;
const KIND_KEY = 3;
const KINDS = new Uint8Array(256);
for (const protocol of [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_UDPLITE, PROTOCOL_SCTP, PROTOCOL_DCCP])
  KINDS[protocol] = KIND_PORTS;
KINDS[PROTOCOL_ICMP] = KIND_ID;
KINDS[PROTOCOL_ICMPV6] = KIND_ID;
KINDS[PROTOCOL_GRE] = KIND_KEY;

/** Where random numbers come from; Random of src/base is one. */
export interface RandomSource {
  /** 0 … 2^32 - 1. */
  next(): number;
}

/** Finds translations; holds the candidate in hand. */
export class UniqueTuple {
  /** The chosen tuple after choose(). */
  readonly candidate = new Uint32Array(TUPLE_WORDS);
  readonly #inverse = new Uint32Array(TUPLE_WORDS);
  readonly #table: ConntrackTable;
  readonly #random: RandomSource;

  constructor(table: ConntrackTable, random: RandomSource) {
    this.#table = table;
    this.#random = random;
  }

  /**
   * Writes the tuple that `current` (what leaves now) becomes into `candidate`. When the search finds nothing
   * free, what it tried last stands there, and confirm() refuses the connection.
   */
  choose(entry: number, current: Uint32Array, range: NatRange, manip: number): void {
    const candidate = this.candidate;
    const { flags } = range;
    const isRandom = (flags & NF_NAT_RANGE_PROTO_RANDOM_ALL) !== 0;
    if (manip === MANIP_SOURCE && !isRandom) {
      if (isInRange(current, range)) {
        copyTuple(current, 0, candidate, 0);
        if (!this.#isTakenNew(entry)) return;
      } else if (this.#findSameSource(entry, current, range) && !this.#isTaken(entry)) return;
    }
    copyTuple(current, 0, candidate, 0);
    this.#chooseAddress(entry, range, manip);
    if (!isRandom) {
      if ((flags & NF_NAT_RANGE_PROTO_SPECIFIED) === 0) {
        if (!this.#isTaken(entry)) return;
      } else if (
        (flags & NF_NAT_RANGE_PROTO_OFFSET) === 0 &&
        isPortInRange(candidate, manip, range) &&
        (range.minPort === range.maxPort || !this.#isTaken(entry))
      ) {
        return;
      }
    }
    this.#choosePort(entry, range, manip);
  }

  /** Maps a source the way that another connection of it is mapped (find_appropriate_src). */
  #findSameSource(entry: number, current: Uint32Array, range: NatRange): boolean {
    const { sources, tuples } = this.#table;
    const candidate = this.candidate;
    const zone = tupleZone(u32(tuples, entry * ENTRY_TUPLE_WORDS + TUPLE_PROTOCOL));
    for (let other = sources.first(current, 0); other >= 0; other = sources.next(other)) {
      const at = other * ENTRY_TUPLE_WORDS;
      const word = u32(tuples, at + TUPLE_PROTOCOL);
      if (
        ((word ^ u32(current, TUPLE_PROTOCOL)) & 0xffff) !== 0 ||
        tupleZone(word) !== zone ||
        u32(tuples, at + TUPLE_PORTS) >>> 16 !== u32(current, TUPLE_PORTS) >>> 16 ||
        !addressEqual(tuples, at + TUPLE_SOURCE, current, TUPLE_SOURCE) ||
        !invertTuple(tuples, at + TUPLE_WORDS, candidate, 0)
      )
        continue;
      copyAddress(current, TUPLE_DESTINATION, candidate, TUPLE_DESTINATION);
      setPort(candidate, MANIP_DESTINATION, u32(current, TUPLE_PORTS) & 0xffff);
      candidate[TUPLE_PROTOCOL] = u32(current, TUPLE_PROTOCOL);
      if (isInRange(candidate, range)) return true;
    }
    return false;
  }

  /** find_best_ips_proto: one address of the range, by the client's (and, unless persistent, the server's) address. */
  #chooseAddress(entry: number, range: NatRange, manip: number): void {
    const { minAddress, maxAddress, flags } = range;
    const candidate = this.candidate;
    if ((flags & NF_NAT_RANGE_MAP_IPS) === 0) return;
    const at = manip === MANIP_SOURCE ? TUPLE_SOURCE : TUPLE_DESTINATION;
    if (addressEqual(minAddress, 0, maxAddress, 0)) {
      copyAddress(minAddress, 0, candidate, at);
      return;
    }
    const word = u32(candidate, TUPLE_PROTOCOL);
    const last = (word & 0x200) !== 0 ? 3 : 0;
    const isPersistent = (flags & NF_NAT_RANGE_PERSISTENT) !== 0;
    const initial = isPersistent ? 0 : swapOctets(u32(candidate, TUPLE_DESTINATION + last)) ^ this.#zoneOf(entry);
    let hash = hashAddress(candidate, TUPLE_SOURCE, initial);
    let isFull = false;
    for (let i = 0; i <= last; i++) {
      const low = isFull ? 0 : u32(minAddress, i);
      const distance = isFull ? 0xffffffff : (u32(maxAddress, i) - low + 1) >>> 0;
      candidate[at + i] = low + highWord(hash, distance);
      if (u32(candidate, at + i) !== u32(maxAddress, i)) isFull = true;
      if (!isPersistent) hash = (hash ^ swapOctets(u32(candidate, TUPLE_DESTINATION + i))) >>> 0;
    }
  }

  /** A connection's zone, which may be one direction's only (nf_ct_zone). */
  #zoneOf(entry: number): number {
    const { tuples } = this.#table;
    const at = entry * ENTRY_TUPLE_WORDS + TUPLE_PROTOCOL;
    return tupleZone(u32(tuples, at)) || tupleZone(u32(tuples, at + TUPLE_WORDS));
  }

  /** nf_nat_l4proto_unique_tuple: tries ports from a random start (destinations: from the first). */
  #choosePort(entry: number, range: NatRange, manip: number): void {
    const candidate = this.candidate;
    const { flags } = range;
    const kind = u8(KINDS, u32(candidate, TUPLE_PROTOCOL) & 0xff);
    // GRE without a pptp master is not touched.
    if (kind !== KIND_PORTS && kind !== KIND_ID) return;
    const which = kind === KIND_ID ? MANIP_SOURCE : manip;
    const port = portOf(candidate, which);
    let low: number;
    let size: number;
    if ((flags & NF_NAT_RANGE_PROTO_SPECIFIED) !== 0) {
      low = kind === KIND_ID ? range.minPort : Math.min(range.minPort, range.maxPort);
      size = kind === KIND_ID ? range.maxPort - range.minPort + 1 : Math.abs(range.maxPort - range.minPort) + 1;
      // An ICMP range the wrong way round is the kernel's unsigned wrap: nothing sensible comes of it.
      if (size <= 0) return;
    } else if (kind === KIND_ID) {
      low = 0;
      size = 65536;
    } else if (manip === MANIP_DESTINATION) {
      return;
    } else if (port < 512) {
      low = 1;
      size = 511;
    } else if (port < 1024) {
      low = 600;
      size = 424;
    } else {
      low = 1024;
      size = 64512;
    }
    let offset = 0;
    if ((flags & NF_NAT_RANGE_PROTO_OFFSET) !== 0) offset = (port - range.basePort) & 0xffff;
    else if ((flags & NF_NAT_RANGE_PROTO_RANDOM_ALL) !== 0 || manip !== MANIP_DESTINATION) offset = this.#random16();
    this.#search(entry, which, low, size, offset);
  }

  #search(entry: number, which: number, low: number, size: number, start: number): void {
    const candidate = this.candidate;
    let offset = start;
    for (let attempts = Math.min(size, MAX_ATTEMPTS); ; attempts >>= 1) {
      for (let i = 0; i < attempts; i++) {
        setPort(candidate, which, low + (offset % size));
        if (!this.#isTakenHarder(entry, attempts - i)) return;
        offset = (offset + 1) & 0xffff;
      }
      if (attempts >= size || attempts < 16) return;
      offset = this.#random16();
    }
  }

  #random16(): number {
    return this.#random.next() & 0xffff;
  }

  /** Whether another connection than `entry` has the candidate's inverse (nf_nat_used_tuple). */
  #isTaken(entry: number): boolean {
    const table = this.#table;
    invertTuple(this.candidate, 0, this.#inverse, 0);
    const node = table.lookup(this.#inverse, 0);
    if (node < 0 || node >> 1 === entry) return false;
    // The same original tuple: the same flow, confirm() will see to it.
    return !tupleEqual(table.tuples, entry * ENTRY_TUPLE_WORDS, table.tuples, (node >> 1) * ENTRY_TUPLE_WORDS);
  }

  /** nf_nat_used_tuple_new: a clash with an untranslated connection in the other direction is left to confirm(). */
  #isTakenNew(entry: number): boolean {
    if (!this.#isTaken(entry)) return false;
    const table = this.#table;
    const protocol = u32(this.candidate, TUPLE_PROTOCOL) & 0xff;
    const allowsClash =
      protocol === PROTOCOL_UDP ||
      protocol === PROTOCOL_UDPLITE ||
      u8(KINDS, protocol) === KIND_KEY ||
      u8(KINDS, protocol) === KIND_NONE;
    const usesNat = IPS_NAT_MASK | IPS_SEQ_ADJUST;
    if (!allowsClash || (u32(table.status, entry) & usesNat) !== 0) return true;
    let node = table.lookup(this.candidate, 0);
    if (node < 0) {
      invertTuple(this.candidate, 0, this.#inverse, 0);
      node = table.lookup(this.#inverse, 0);
    }
    if (node < 0) return false;
    const other = node >> 1;
    if ((u32(table.status, other) & usesNat) !== 0) return true;
    const reply = entry * ENTRY_TUPLE_WORDS + TUPLE_WORDS;
    return !tupleEqualButZone(table.tuples, other * ENTRY_TUPLE_WORDS, table.tuples, reply);
  }

  /** nf_nat_used_tuple_harder: with few attempts left, a SYN takes the place of a connection in TIME_WAIT. */
  #isTakenHarder(entry: number, attemptsLeft: number): boolean {
    const table = this.#table;
    const isTcp = (u32(this.candidate, TUPLE_PROTOCOL) & 0xff) === PROTOCOL_TCP;
    if (attemptsLeft > HARDER_ATTEMPTS || !isTcp || u8(table.tcpState, entry) !== TCP_SYN_SENT) {
      return this.#isTaken(entry);
    }
    invertTuple(this.candidate, 0, this.#inverse, 0);
    const node = table.lookup(this.#inverse, 0);
    if (node < 0) return false;
    const other = node >> 1;
    const status = u32(table.status, other);
    if ((node & 1) !== REPLY || u8(table.tcpState, other) < TCP_TIME_WAIT) return true;
    if ((status & (IPS_FIXED_TIMEOUT | IPS_DYING)) !== 0 || (status & IPS_SRC_NAT) === 0) return true;
    const words = table.protocol;
    const advance = u32(words, seenAt(entry, ORIGINAL) + SEEN_END) - u32(words, seenAt(other, ORIGINAL) + SEEN_END);
    if ((advance | 0) <= 0) return true;
    table.free(other);
    return (status & (IPS_OFFLOAD | IPS_HW_OFFLOAD)) !== 0;
  }
}

/** Whether a source lies in the range (nf_in_range). */
function isInRange(tuple: Uint32Array, range: NatRange): boolean {
  if ((range.flags & NF_NAT_RANGE_MAP_IPS) !== 0) {
    if (compareAddress(tuple, TUPLE_SOURCE, range.minAddress) < 0) return false;
    if (compareAddress(tuple, TUPLE_SOURCE, range.maxAddress) > 0) return false;
  }
  return (range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) === 0 || isPortInRange(tuple, MANIP_SOURCE, range);
}

/** l4proto_in_range. */
function isPortInRange(tuple: Uint32Array, manip: number, range: NatRange): boolean {
  const kind = u8(KINDS, u32(tuple, TUPLE_PROTOCOL) & 0xff);
  if (kind === KIND_NONE) return true;
  const port = portOf(tuple, kind === KIND_ID ? MANIP_SOURCE : manip);
  return port >= range.minPort && port <= range.maxPort;
}

function compareAddress(a: Uint32Array, at: number, b: Uint32Array): number {
  for (let i = 0; i < 4; i++) {
    const difference = u32(a, at + i) - u32(b, i);
    if (difference !== 0) return difference;
  }
  return 0;
}

function portOf(tuple: Uint32Array, manip: number): number {
  const ports = u32(tuple, TUPLE_PORTS);
  return manip === MANIP_SOURCE ? ports >>> 16 : ports & 0xffff;
}

function setPort(tuple: Uint32Array, manip: number, port: number): void {
  const ports = u32(tuple, TUPLE_PORTS);
  tuple[TUPLE_PORTS] =
    manip === MANIP_SOURCE ? (ports & 0xffff) | (port << 16) : (ports & 0xffff0000) | (port & 0xffff);
}

/** reciprocal_scale: (a * b) >> 32 of unsigned words, exactly. */
function highWord(a: number, b: number): number {
  const low = (a & 0xffff) * b;
  const high = (a >>> 16) * b;
  return Math.floor((high + Math.floor(low / 0x10000)) / 0x10000);
}
