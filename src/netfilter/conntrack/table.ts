// The connection table: columns by entry number, and one hash of both directions' tuples with open addressing
// (nf_conntrack_hash of nf_conntrack_core.c). An entry is made by alloc(), found by lookup() once confirm() has
// put it into the hash, and its number is used again after free(). Nothing here allocates per packet.
//
// Columns grow by doubling: their arrays are replaced then, so read them from the table each time, never keep them.
import { DOUBLE_ZERO, f64, growF64, growI32, growU8, growU32, i32, u32 } from '../../base/columns.ts';
import { refusalIndex } from '../../event/refusals.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { SourceChains } from './source-chains.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_DYING, IPS_FIXED_TIMEOUT, IPS_SRC_NAT_DONE, REPLY } from './status.ts';
import { copyTuple, TUPLE_WORDS, tupleEqual } from './tuple.ts';

/** Words of an entry in `tuples`: original, then reply. */
export const ENTRY_TUPLE_WORDS = TUPLE_WORDS * 2;
/** Words of an entry in `protocol`: private to the protocol's tracker (union nf_conntrack_proto). */
export const PROTOCOL_WORDS = 24;
export const LABEL_WORDS = 4;

/** In the column `helper`: no helper; room for one but none (`ct expectation set`), so that it never gets one. */
export const NO_HELPER = -1;
export const HELPER_EMPTY = -2;

const FIRST_CAPACITY = 1024;
/** Bound when nf_conntrack_max is 0 (unlimited in the kernel). */
const HARD_MAXIMUM = 1 << 22;
/** Buckets that early_drop looks at (NF_CT_EVICTION_RANGE), and how many a kernel has at least. */
const EVICTION_BUCKETS = 8;
const LEAST_BUCKETS = 1024;
/** An entry that nobody confirms, or frees after killing it, is freed after this long (the kernel counts references). */
const UNCONFIRMED_NS = 60e9;
const NO_RULE = refusalIndex('no-rule');

export class ConntrackTable {
  /** nf_conntrack_max; 0 = only the hard bound. */
  readonly maximum: number;
  /** nf_conntrack_buckets: how many buckets a kernel's hash has, which bounds what early_drop sees. */
  readonly buckets: number;
  /** When onPass is to be called: the collector's next pass, once a connection was refused. */
  passNs = Number.POSITIVE_INFINITY;
  onPass: (() => void) | undefined = undefined;
  /** Time of the last advance(): what "now" means to lookup(). */
  nowNs = DOUBLE_ZERO;
  /** Entries in use, unconfirmed ones included. */
  count = 0;
  /** Entries made so far: the last flow number given. */
  created = 0;
  /** Entries evicted because the table was full (NF_CT_STAT early_drop). */
  earlyDrops = 0;
  /** Called before an entry's columns are used again. */
  onDestroy: ((entry: number) => void) | undefined = undefined;

  /** Original tuple at entry * 20, reply tuple at entry * 20 + 10. */
  tuples: Uint32Array;
  /** IPS_* bits. */
  status: Uint32Array;
  mark: Uint32Array;
  /** Protocol state: TCP (tcp-states.ts), SCTP, DCCP. */
  tcpState: Uint8Array;
  /** Private words of the protocol's tracker. */
  protocol: Uint32Array;
  /** When the entry stops being found. Lower it with setExpires(), raise it as you like. */
  expiresNs: Float64Array;
  /** UDP: from when on the connection is a stream. */
  streamNs: Float64Array;
  /** Number of the helper's name, NO_HELPER, or HELPER_EMPTY. */
  helper: Int16Array;
  /** Of an expected connection: the helper of its master, -1 = none. */
  masterHelper: Int16Array;
  /** `ct timeout` policy, -1 = the sysctls. */
  timeoutPolicy: Int16Array;
  /** nat->masq_index: the interface that a masqueraded connection leaves by, 0 = not masqueraded. */
  masqueradeIndex: Int32Array;
  /** 128 bits an entry. */
  labels: Uint32Array;
  /** Counters of nf_conntrack_acct: only counted when that sysctl is set. */
  packetsOriginal: Float64Array;
  packetsReply: Float64Array;
  bytesOriginal: Float64Array;
  bytesReply: Float64Array;
  /** Ours, always kept: creation sequence from 1, first packet's number, packets and octets seen. */
  flowNumber: Float64Array;
  firstPacket: Float64Array;
  seenPackets: Float64Array;
  seenBytes: Float64Array;
  /** Packets seen when first offloaded, the one that ran `flow add` included; 0 = never. */
  offloadedAfter: Uint32Array;
  fastPackets: Float64Array;
  hardwarePackets: Float64Array;
  /** Row of event/refusals.ts. */
  offloadRefusal: Uint8Array;

  /** Chains of entries by their original source, for NAT (nf_nat_bysource). */
  readonly sources: SourceChains;

  #capacity = FIRST_CAPACITY;
  #used = 0;
  #free: Int32Array;
  #freeCount = 0;
  /** entry * 2 + direction + 1; 0 = empty. */
  #slots: Int32Array;
  /** Hash of each node (entry * 2 + direction): where its probe starts. */
  #hashes: Int32Array;
  #nodes = 0;
  readonly #seed: number;
  readonly #expiry: ExpiryQueue;

  /** `buckets` 0: as many as `maximum`, which is what a kernel makes of its memory. */
  constructor(maximum: number, seed = 0, buckets = 0) {
    const n = FIRST_CAPACITY;
    this.maximum = maximum > 0 ? Math.min(maximum, HARD_MAXIMUM) : HARD_MAXIMUM;
    this.buckets = buckets > 0 ? buckets : Math.max(LEAST_BUCKETS, this.maximum);
    this.#seed = Math.imul(seed | 1, 0x9e3779b1);
    this.tuples = new Uint32Array(n * ENTRY_TUPLE_WORDS);
    this.status = new Uint32Array(n);
    this.mark = new Uint32Array(n);
    this.tcpState = new Uint8Array(n);
    this.protocol = new Uint32Array(n * PROTOCOL_WORDS);
    this.expiresNs = new Float64Array(n);
    this.streamNs = new Float64Array(n);
    this.helper = new Int16Array(n);
    this.masterHelper = new Int16Array(n);
    this.timeoutPolicy = new Int16Array(n);
    this.masqueradeIndex = new Int32Array(n);
    this.labels = new Uint32Array(n * LABEL_WORDS);
    this.packetsOriginal = new Float64Array(n);
    this.packetsReply = new Float64Array(n);
    this.bytesOriginal = new Float64Array(n);
    this.bytesReply = new Float64Array(n);
    this.flowNumber = new Float64Array(n);
    this.firstPacket = new Float64Array(n);
    this.seenPackets = new Float64Array(n);
    this.seenBytes = new Float64Array(n);
    this.offloadedAfter = new Uint32Array(n);
    this.fastPackets = new Float64Array(n);
    this.hardwarePackets = new Float64Array(n);
    this.offloadRefusal = new Uint8Array(n);
    this.#free = new Int32Array(n);
    this.#slots = new Int32Array(n * 4);
    this.#hashes = new Int32Array(n * 2);
    this.#expiry = new ExpiryQueue(n);
    this.sources = new SourceChains(n);
  }

  /** Entries for which columns have room; entry numbers are below. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Entry numbers in use are below this (some below it may be free: their flowNumber is 0). */
  get bound(): number {
    return this.#used;
  }

  /**
   * Finds the connection of a tuple: entry * 2 + direction of the tuple, or -1. Never an expired one
   * (__nf_conntrack_find_get).
   */
  lookup(tuple: Uint32Array, offset: number): number {
    const hash = this.#hash(tuple, offset);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const node = i32(this.#slots, slot) - 1;
      if (node < 0) return -1;
      if (i32(this.#hashes, node) !== hash || !tupleEqual(this.tuples, node * TUPLE_WORDS, tuple, offset)) continue;
      const entry = node >> 1;
      if (f64(this.expiresNs, entry) > this.nowNs) return node;
      this.free(entry);
      return -1;
    }
  }

  /**
   * Makes an unconfirmed entry from an original tuple and its inverse. Returns -1 when the table is full and
   * nothing un-assured could be evicted (__nf_conntrack_alloc, early_drop).
   */
  alloc(original: Uint32Array, originalAt: number, reply: Uint32Array, replyAt: number, packetNumber: number): number {
    if (this.count >= this.maximum && !this.#earlyDrop(original, originalAt)) return -1;
    const entry = this.#take();
    this.#clear(entry);
    copyTuple(original, originalAt, this.tuples, entry * ENTRY_TUPLE_WORDS);
    copyTuple(reply, replyAt, this.tuples, entry * ENTRY_TUPLE_WORDS + TUPLE_WORDS);
    this.flowNumber[entry] = ++this.created;
    this.firstPacket[entry] = packetNumber;
    this.expiresNs[entry] = this.nowNs + UNCONFIRMED_NS;
    this.#expiry.put(entry, this.nowNs + UNCONFIRMED_NS, this.created);
    this.count++;
    return entry;
  }

  /** Puts both tuples of an entry into the hash and sets IPS_CONFIRMED; the caller has looked for clashes. */
  confirm(entry: number): void {
    if ((this.#nodes + 2) * 2 > this.#slots.length) this.#rehash();
    this.#insert(entry * 2);
    this.#insert(entry * 2 + REPLY);
    this.status[entry] = u32(this.status, entry) | IPS_CONFIRMED;
    this.#expiry.put(entry, f64(this.expiresNs, entry), f64(this.flowNumber, entry));
  }

  /** Puts only the reply tuple into the hash (nf_ct_resolve_clash_harder). */
  confirmReplyOnly(entry: number): void {
    if ((this.#nodes + 2) * 2 > this.#slots.length) this.#rehash();
    this.#insert(entry * 2 + REPLY);
    this.status[entry] = u32(this.status, entry) | IPS_CONFIRMED;
    this.#expiry.put(entry, f64(this.expiresNs, entry), f64(this.flowNumber, entry));
  }

  /** Sets when an entry expires; IPS_FIXED_TIMEOUT is not looked at here. */
  setExpires(entry: number, expiresNs: number): void {
    this.expiresNs[entry] = expiresNs;
    if ((u32(this.status, entry) & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return;
    if (expiresNs < this.#expiry.dueNs(entry)) this.#expiry.put(entry, expiresNs, f64(this.flowNumber, entry));
  }

  /** Sets an entry to expire `timeoutNs` from now, unless its timeout is fixed (nf_ct_refresh). */
  refresh(entry: number, timeoutNs: number): void {
    if ((u32(this.status, entry) & IPS_FIXED_TIMEOUT) === 0) this.setExpires(entry, this.nowNs + timeoutNs);
  }

  /**
   * Takes an entry out of the hash while a packet still refers to it (nf_ct_kill); free() it when the packet is
   * done. Returns false when it was dying already.
   */
  kill(entry: number): boolean {
    const status = u32(this.status, entry);
    if ((status & IPS_DYING) !== 0) return false;
    this.#unhash(entry);
    this.status[entry] = status | IPS_DYING;
    // Its timeout stays: rules may still ask for it.
    this.#expiry.put(entry, this.nowNs + UNCONFIRMED_NS, f64(this.flowNumber, entry));
    return true;
  }

  /** Frees an entry: calls onDestroy, then its number may be used again. */
  free(entry: number): void {
    if (f64(this.flowNumber, entry) === 0) return;
    this.onDestroy?.(entry);
    this.#unhash(entry);
    this.#expiry.remove(entry);
    if ((u32(this.status, entry) & IPS_SRC_NAT_DONE) !== 0) this.sources.remove(entry);
    this.flowNumber[entry] = 0;
    this.#free[this.#freeCount++] = entry;
    this.count--;
  }

  /** Sets the time and frees what has expired by then. The outcome does not depend on how often it is called. */
  advance(nowNs: number): void {
    if (nowNs > this.nowNs) this.nowNs = nowNs;
    const now = this.nowNs;
    if (now >= this.passNs) {
      this.passNs = Number.POSITIVE_INFINITY;
      this.onPass?.();
    }
    while (this.#expiry.firstDueNs <= now) {
      const entry = this.#expiry.first;
      const expires = f64(this.expiresNs, entry);
      if (expires <= now || (u32(this.status, entry) & IPS_DYING) !== 0) this.free(entry);
      else this.#expiry.put(entry, expires, f64(this.flowNumber, entry));
    }
  }

  /** Enters the connection into the chains by source, once its source manip is settled (nf_nat_setup_info). */
  addSource(entry: number): void {
    this.sources.add(entry, this.tuples, entry * ENTRY_TUPLE_WORDS);
  }

  /** Signed: such a number is never boxed. */
  #hash(tuple: Uint32Array, at: number): number {
    const protocol = u32(tuple, at + 9);
    let h = Math.imul(u32(tuple, at) ^ this.#seed, 0x85ebca6b);
    h = Math.imul((h ^ (h >>> 15)) + u32(tuple, at + 4), 0xc2b2ae35);
    h = Math.imul((h ^ (h >>> 13)) + u32(tuple, at + 8), 0x85ebca6b);
    if ((protocol & 0x200) !== 0) {
      for (let i = 1; i < 4; i++) {
        h = Math.imul((h ^ (h >>> 15)) + u32(tuple, at + i), 0xc2b2ae35);
        h = Math.imul((h ^ (h >>> 13)) + u32(tuple, at + 4 + i), 0x85ebca6b);
      }
    }
    h = Math.imul((h ^ (h >>> 16)) + protocol, 0xc2b2ae35);
    h ^= h >>> 15;
    return Math.imul(h, 0x2c1b3c6d) ^ (h >>> 12);
  }

  #unhash(entry: number): void {
    if ((u32(this.status, entry) & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return;
    this.#remove(entry * 2);
    this.#remove(entry * 2 + REPLY);
  }

  #insert(node: number): void {
    const hash = this.#hash(this.tuples, node * TUPLE_WORDS);
    this.#hashes[node] = hash;
    this.#place(node, hash);
    this.#nodes++;
  }

  #place(node: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (i32(this.#slots, slot) !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = node + 1;
  }

  /** Deletion without tombstones: later nodes of the run move up where their probe allows. */
  #remove(node: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = i32(this.#hashes, node) & mask;
    for (;;) {
      const found = i32(slots, slot);
      if (found === node + 1) break;
      if (found === 0) return; // Only the reply was hashed.
      slot = (slot + 1) & mask;
    }
    this.#nodes--;
    let hole = slot;
    for (let next = (slot + 1) & mask; ; next = (next + 1) & mask) {
      const other = i32(slots, next);
      if (other === 0) break;
      const home = i32(this.#hashes, other - 1) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      slots[hole] = other;
      hole = next;
    }
    slots[hole] = 0;
  }

  #rehash(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    for (let i = 0; i < old.length; i++) {
      const node = i32(old, i) - 1;
      if (node >= 0) this.#place(node, i32(this.#hashes, node));
    }
  }

  /**
   * early_drop: evicts all un-assured connections of the first of 8 buckets that has any. A kernel whose table is much longer
   * than nf_conntrack_max mostly finds none, and refuses the new one.
   * SIMPLIFIED: early-drop: which ones meet this fate is random in both: the keys of the hashes differ.
   */
  #earlyDrop(tuple: Uint32Array, at: number): boolean {
    const first = this.#bucketOf(this.#hash(tuple, at));
    for (let i = 0; i < EVICTION_BUCKETS; i++) {
      const drops = this.#dropBucket((first + i) % this.buckets);
      if (drops === 0) continue;
      this.earlyDrops += drops;
      return true;
    }
    return false;
  }

  /** The slots in their order, divided among the kernel's buckets; the hash's other bits divide a slot. */
  #bucketOf(hash: number): number {
    const place = (hash & (this.#slots.length - 1)) + (hash >>> 0) / 2 ** 32;
    return Math.min(this.buckets - 1, Math.floor((place * this.buckets) / this.#slots.length));
  }

  /** early_drop_list: how many were evicted. */
  #dropBucket(bucket: number): number {
    const mask = this.#slots.length - 1;
    const from = Math.floor((bucket * this.#slots.length) / this.buckets);
    const to = Math.ceil(((bucket + 1) * this.#slots.length) / this.buckets);
    let drops = 0;
    // A run that begins in the bucket's slots may go on behind them.
    for (let slot = from; slot < to || i32(this.#slots, slot & mask) !== 0; ) {
      const node = i32(this.#slots, slot & mask) - 1;
      const isMine = node >= 0 && this.#bucketOf(i32(this.#hashes, node)) === bucket;
      if (!isMine || (u32(this.status, node >> 1) & (IPS_ASSURED | IPS_DYING)) !== 0) {
        slot++;
        continue;
      }
      // What stands behind moves up: this slot once more, or all of them when the other direction stood before.
      this.free(node >> 1);
      drops++;
      slot = from;
    }
    return drops;
  }

  #take(): number {
    if (this.#freeCount > 0) return i32(this.#free, --this.#freeCount);
    if (this.#used === this.#capacity) this.#grow();
    return this.#used++;
  }

  #clear(entry: number): void {
    this.status[entry] = 0;
    this.mark[entry] = 0;
    this.tcpState[entry] = 0;
    this.protocol.fill(0, entry * PROTOCOL_WORDS, (entry + 1) * PROTOCOL_WORDS);
    this.streamNs[entry] = 0;
    this.helper[entry] = NO_HELPER;
    this.masterHelper[entry] = -1;
    this.timeoutPolicy[entry] = -1;
    this.masqueradeIndex[entry] = 0;
    this.labels.fill(0, entry * LABEL_WORDS, (entry + 1) * LABEL_WORDS);
    this.packetsOriginal[entry] = 0;
    this.packetsReply[entry] = 0;
    this.bytesOriginal[entry] = 0;
    this.bytesReply[entry] = 0;
    this.seenPackets[entry] = 0;
    this.seenBytes[entry] = 0;
    this.offloadedAfter[entry] = 0;
    this.fastPackets[entry] = 0;
    this.hardwarePackets[entry] = 0;
    this.offloadRefusal[entry] = NO_RULE;
  }

  #grow(): void {
    this.tuples = growU32(this.tuples);
    this.status = growU32(this.status);
    this.mark = growU32(this.mark);
    this.tcpState = growU8(this.tcpState);
    this.protocol = growU32(this.protocol);
    this.expiresNs = growF64(this.expiresNs);
    this.streamNs = growF64(this.streamNs);
    this.helper = growI16(this.helper);
    this.masterHelper = growI16(this.masterHelper);
    this.timeoutPolicy = growI16(this.timeoutPolicy);
    this.masqueradeIndex = growI32(this.masqueradeIndex);
    this.labels = growU32(this.labels);
    this.packetsOriginal = growF64(this.packetsOriginal);
    this.packetsReply = growF64(this.packetsReply);
    this.bytesOriginal = growF64(this.bytesOriginal);
    this.bytesReply = growF64(this.bytesReply);
    this.flowNumber = growF64(this.flowNumber);
    this.firstPacket = growF64(this.firstPacket);
    this.seenPackets = growF64(this.seenPackets);
    this.seenBytes = growF64(this.seenBytes);
    this.offloadedAfter = growU32(this.offloadedAfter);
    this.fastPackets = growF64(this.fastPackets);
    this.hardwarePackets = growF64(this.hardwarePackets);
    this.offloadRefusal = growU8(this.offloadRefusal);
    this.#free = growI32(this.#free);
    this.#hashes = growI32(this.#hashes);
    this.#capacity *= 2;
    this.#expiry.grow(this.#capacity);
    this.sources.grow(this.#capacity);
  }
}

function growI16(array: Int16Array): Int16Array {
  const grown = new Int16Array(array.length * 2);
  grown.set(array);
  return grown;
}
