// The flows of a flowtable as columns, and the hash of their two tuples (struct flow_offload, its tuplehash[2] and the
// rhashtable of net/netfilter/nf_flow_table_core.c). Row f has the tuples 2f (original) and 2f + 1 (reply).
//
// Chained, not open addressing: rhashtable_insert_fast() puts a tuple before an equal one, so that a flow offloaded again
// hides its torn-down predecessor until the garbage collector removes exactly that one. Heads and links are typed arrays.
import { f64, growF64, growI32, growU8, growU32, i32, u32 } from '../../base/columns.ts';
import type { Interface } from '../../net/interfaces.ts';
import { hashKey, KEY_WORDS } from './tuple.ts';

/** enum nf_flow_flags, and which directions the hardware forwards. */
export const FLOW_SNAT = 1;
export const FLOW_DNAT = 2;
export const FLOW_TEARDOWN = 4;
export const FLOW_PENDING = 8;
export const FLOW_HW = 16;
export const FLOW_HW_DYING = 32;
export const FLOW_HW_DEAD = 64;
/** BOUND << direction: the engine forwards that direction. */
export const FLOW_BOUND = 256;
export const FLOW_BOUND_MASK = FLOW_BOUND | (FLOW_BOUND << 1);

/** enum flow_offload_xmit_type. */
export const XMIT_NEIGH = 0;
export const XMIT_DIRECT = 1;

const FIRST_ROWS = 256;

export class FlowRows {
  /** Rows in use. */
  count = 0;
  /** Rows in use are below this. */
  bound = 0;

  // By row.
  /** Conntrack entry; -1 = the row is free. */
  entry: Int32Array = new Int32Array(FIRST_ROWS).fill(-1);
  flags: Uint32Array = new Uint32Array(FIRST_ROWS);
  expiresNs: Float64Array = new Float64Array(FIRST_ROWS);
  /** Tells a row from what it held before: increases with each use. */
  serial: Float64Array = new Float64Array(FIRST_ROWS);
  /** When the engine last forwarded a packet. */
  hardwareUsedNs: Float64Array = new Float64Array(FIRST_ROWS);

  // By tuple.
  keys: Uint32Array = new Uint32Array(FIRST_ROWS * 2 * KEY_WORDS);
  mtu: Uint32Array = new Uint32Array(FIRST_ROWS * 2);
  xmit: Uint8Array = new Uint8Array(FIRST_ROWS * 2);
  /** IPv4 next hop. */
  nexthop4: Uint32Array = new Uint32Array(FIRST_ROWS * 2);
  /** VLAN and PPPoE headers to take off. */
  encapCount: Uint8Array = new Uint8Array(FIRST_ROWS * 2);
  /** XMIT_DIRECT: destination and source address, 12 octets a tuple. */
  ethernet: Uint8Array = new Uint8Array(FIRST_ROWS * 2 * 12);
  /** What the engine forwarded and has not reported yet. */
  hardwarePackets: Float64Array = new Float64Array(FIRST_ROWS * 2);
  hardwareBytes: Float64Array = new Float64Array(FIRST_ROWS * 2);
  /** Way out: of the route (XMIT_NEIGH), of the device path (XMIT_DIRECT). */
  readonly oif: (Interface | undefined)[] = [];
  /** IPv6 next hop; undefined for IPv4. */
  readonly nexthop6: (Uint32Array | undefined)[] = [];

  #heads: Int32Array = new Int32Array(FIRST_ROWS * 4);
  /** Next tuple of the same head, plus 1. */
  #next: Int32Array = new Int32Array(FIRST_ROWS * 2);
  #hashes: Int32Array = new Int32Array(FIRST_ROWS * 2);
  /** By conntrack entry: its newest row, plus 1; older rows follow in #older. */
  #ofEntry: Int32Array = new Int32Array(1024);
  #older: Int32Array = new Int32Array(FIRST_ROWS);
  #free: Int32Array = new Int32Array(FIRST_ROWS);
  #freeCount = 0;
  #serial = 0;

  /** The newest tuple with these words, or -1; with `flag`, the newest whose flow has it for the tuple's direction. */
  find(key: Uint32Array, hash: number, flag: number): number {
    let node = i32(this.#heads, hash & (this.#heads.length - 1));
    while (node !== 0) {
      const tuple = node - 1;
      if (
        i32(this.#hashes, tuple) === hash &&
        keyEqual(this.keys, tuple * KEY_WORDS, key) &&
        (flag === 0 || (u32(this.flags, tuple >> 1) & (flag << (tuple & 1))) !== 0)
      ) {
        return tuple;
      }
      node = i32(this.#next, tuple);
    }
    return -1;
  }

  /** The next older tuple with the words of `tuple`'s key: used by tests only. */
  hasEntry(entry: number): boolean {
    return entry < this.#ofEntry.length && i32(this.#ofEntry, entry) !== 0;
  }

  /** A free row for a connection, its columns cleared; its keys are to be written and then inserted. */
  alloc(entry: number): number {
    const row = this.#freeCount > 0 ? i32(this.#free, --this.#freeCount) : this.#fresh();
    this.entry[row] = entry;
    this.flags[row] = 0;
    this.serial[row] = ++this.#serial;
    this.hardwareUsedNs[row] = 0;
    for (let tuple = row * 2; tuple < row * 2 + 2; tuple++) {
      this.hardwarePackets[tuple] = 0;
      this.hardwareBytes[tuple] = 0;
      this.encapCount[tuple] = 0;
      this.xmit[tuple] = XMIT_NEIGH;
      this.oif[tuple] = undefined;
      this.nexthop6[tuple] = undefined;
    }
    while (entry >= this.#ofEntry.length) this.#ofEntry = growI32(this.#ofEntry);
    this.#older[row] = i32(this.#ofEntry, entry);
    this.#ofEntry[entry] = row + 1;
    this.count++;
    return row;
  }

  /** Puts both tuples into the hash, the reply first (flow_offload_add). */
  insert(row: number): void {
    if (this.count * 2 > this.#heads.length) this.#rehash();
    this.#link(row * 2 + 1, hashKey(this.keys, (row * 2 + 1) * KEY_WORDS));
    this.#link(row * 2, hashKey(this.keys, row * 2 * KEY_WORDS));
  }

  /** Takes a row out (flow_offload_del). */
  remove(row: number): void {
    this.#unlink(row * 2);
    this.#unlink(row * 2 + 1);
    this.#forget(row);
    this.entry[row] = -1;
    this.oif[row * 2] = undefined;
    this.oif[row * 2 + 1] = undefined;
    this.nexthop6[row * 2] = undefined;
    this.nexthop6[row * 2 + 1] = undefined;
    this.#free[this.#freeCount++] = row;
    this.count--;
  }

  /** The newest row of a connection, or -1. */
  newestOf(entry: number): number {
    return entry < this.#ofEntry.length ? i32(this.#ofEntry, entry) - 1 : -1;
  }

  #forget(row: number): void {
    const entry = i32(this.entry, row);
    let at = i32(this.#ofEntry, entry) - 1;
    if (at === row) {
      this.#ofEntry[entry] = i32(this.#older, row);
      return;
    }
    while (at >= 0) {
      const older = i32(this.#older, at) - 1;
      if (older === row) {
        this.#older[at] = i32(this.#older, row);
        return;
      }
      at = older;
    }
  }

  #link(tuple: number, hash: number): void {
    const head = hash & (this.#heads.length - 1);
    this.#hashes[tuple] = hash;
    this.#next[tuple] = i32(this.#heads, head);
    this.#heads[head] = tuple + 1;
  }

  #unlink(tuple: number): void {
    const head = i32(this.#hashes, tuple) & (this.#heads.length - 1);
    let at = i32(this.#heads, head) - 1;
    if (at === tuple) {
      this.#heads[head] = i32(this.#next, tuple);
      return;
    }
    while (at >= 0) {
      const next = i32(this.#next, at) - 1;
      if (next === tuple) {
        this.#next[at] = i32(this.#next, tuple);
        return;
      }
      at = next;
    }
  }

  /** Twice the heads; tuples are linked oldest first, so that the newest of equal keys stays in front. */
  #rehash(): void {
    this.#heads = new Int32Array(this.#heads.length * 2);
    const rows: number[] = [];
    for (let row = 0; row < this.bound; row++) if (i32(this.entry, row) >= 0) rows.push(row);
    rows.sort((a, b) => f64(this.serial, a) - f64(this.serial, b));
    const last = rows.at(-1);
    for (const row of rows) {
      // The row being inserted is not linked yet: insert() does it.
      if (row === last) continue;
      this.#link(row * 2 + 1, i32(this.#hashes, row * 2 + 1));
      this.#link(row * 2, i32(this.#hashes, row * 2));
    }
  }

  #fresh(): number {
    if (this.bound === this.entry.length) this.#grow();
    return this.bound++;
  }

  #grow(): void {
    const rows = this.entry.length;
    this.entry = growI32(this.entry).fill(-1, rows);
    this.flags = growU32(this.flags);
    this.expiresNs = growF64(this.expiresNs);
    this.serial = growF64(this.serial);
    this.hardwareUsedNs = growF64(this.hardwareUsedNs);
    this.keys = growU32(this.keys);
    this.mtu = growU32(this.mtu);
    this.xmit = growU8(this.xmit);
    this.nexthop4 = growU32(this.nexthop4);
    this.encapCount = growU8(this.encapCount);
    this.ethernet = growU8(this.ethernet);
    this.hardwarePackets = growF64(this.hardwarePackets);
    this.hardwareBytes = growF64(this.hardwareBytes);
    this.#next = growI32(this.#next);
    this.#hashes = growI32(this.#hashes);
    this.#older = growI32(this.#older);
    this.#free = growI32(this.#free);
  }
}

function keyEqual(keys: Uint32Array, at: number, key: Uint32Array): boolean {
  for (let i = 0; i < KEY_WORDS; i++) if (u32(keys, at + i) !== u32(key, i)) return false;
  return true;
}
