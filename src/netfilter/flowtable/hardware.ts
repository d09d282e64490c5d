// The engine behind `flags offload`: which flows it takes, when it begins, and what it leaves to the CPU
// (net/netfilter/nf_flow_table_offload.c as seen from a driver; drivers/net/ethernet/mediatek/mtk_ppe*.c as the example).
//
// SIMPLIFIED: hardware: one engine for all physical interfaces, as capable as MediaTek's PPE, with a fixed time to bind. What it
// does to the figures: flows of a few packets bind a little earlier or later than on a given device, and a switch that
// can do less (or more) than this will show fewer (or more) hardware packets.
import { f64, growF64, growI32, i32, u32 } from '../../base/columns.ts';
import type { Interface } from '../../net/interfaces.ts';
import { ETHERTYPE_QINQ } from '../../packet/decode.ts';
import type { FlowRows } from './flow-rows.ts';
import { FLOW_BOUND, FLOW_BOUND_MASK, FLOW_DNAT, FLOW_PENDING, FLOW_SNAT } from './flow-rows.ts';
import { KEY_ENCAP, KEY_IIF, KEY_PROTOCOL, KEY_WORDS } from './tuple.ts';

export interface HardwareModel {
  /** From `flow add` to the engine's first packet: work queue, driver, table write. */
  bindNs: number;
  /** Table entries; a flow takes one for each direction. */
  capacity: number;
}

/** Capacity: MTK_PPE_ENTRIES of Linux 6.12. Time to bind: an estimate, no source. */
export const DEFAULT_HARDWARE: HardwareModel = { bindNs: 1e6, capacity: 16384 };

const TCP = 6;
const UDP = 17;

/** The engine of one flowtable: flows that wait to be bound, and how many entries are taken. */
export class Engine {
  /** The last bind() failed for want of entries. */
  isFull = false;
  readonly #rows: FlowRows;
  readonly #interfaces: readonly Interface[];
  readonly #devices: Uint8Array;
  readonly #model: HardwareModel;
  #used = 0;
  // Work queue: rows, their serials, when they are due. The delay is the same for all, so it is in order.
  #queueRows: Int32Array = new Int32Array(256);
  #queueSerials: Float64Array = new Float64Array(256);
  #queueDueNs: Float64Array = new Float64Array(256);
  #first = 0;
  #last = 0;

  /** `devices` has 1 at the ifindex of each device of the flowtable. */
  constructor(rows: FlowRows, interfaces: readonly Interface[], devices: Uint8Array, model: HardwareModel) {
    this.#rows = rows;
    this.#interfaces = interfaces;
    this.#devices = devices;
    this.#model = model;
  }

  /** nf_flow_offload_add: queues a flow, unless something is queued for it already. */
  queue(row: number, nowNs: number): void {
    const rows = this.#rows;
    if ((u32(rows.flags, row) & FLOW_PENDING) !== 0) return;
    rows.flags[row] = u32(rows.flags, row) | FLOW_PENDING;
    if (this.#last === this.#queueRows.length) this.#compact();
    this.#queueRows[this.#last] = row;
    this.#queueSerials[this.#last] = f64(rows.serial, row);
    this.#queueDueNs[this.#last++] = nowNs + this.#model.bindNs;
  }

  /** The next flow whose work is due, no longer pending; -1 when there is none. */
  take(nowNs: number): number {
    const rows = this.#rows;
    while (this.#first < this.#last && f64(this.#queueDueNs, this.#first) <= nowNs) {
      const row = i32(this.#queueRows, this.#first);
      const serial = f64(this.#queueSerials, this.#first++);
      if (i32(rows.entry, row) < 0 || f64(rows.serial, row) !== serial) continue;
      rows.flags[row] = u32(rows.flags, row) & ~FLOW_PENDING;
      return row;
    }
    return -1;
  }

  /** Binds the directions that are not bound yet. True: it took at least one. */
  bind(row: number): boolean {
    const rows = this.#rows;
    this.isFull = false;
    let taken = 0;
    for (let direction = 0; direction < 2; direction++) {
      const bit = FLOW_BOUND << direction;
      if ((u32(rows.flags, row) & bit) !== 0) continue;
      if (!canBind(rows, row * 2 + direction, this.#interfaces, this.#devices)) continue;
      if (this.#used >= this.#model.capacity) {
        this.isFull = true;
        continue;
      }
      rows.flags[row] = u32(rows.flags, row) | bit;
      this.#used++;
      taken++;
    }
    return taken > 0;
  }

  /** Takes a flow out of the engine. */
  unbind(row: number): void {
    const flags = u32(this.#rows.flags, row);
    if ((flags & FLOW_BOUND) !== 0) this.#used--;
    if ((flags & (FLOW_BOUND << 1)) !== 0) this.#used--;
    this.#rows.flags[row] = flags & ~FLOW_BOUND_MASK;
  }

  #compact(): void {
    const length = this.#last - this.#first;
    if (length * 2 > this.#queueRows.length) {
      this.#queueRows = growI32(this.#queueRows);
      this.#queueSerials = growF64(this.#queueSerials);
      this.#queueDueNs = growF64(this.#queueDueNs);
    }
    this.#queueRows.copyWithin(0, this.#first, this.#last);
    this.#queueSerials.copyWithin(0, this.#first, this.#last);
    this.#queueDueNs.copyWithin(0, this.#first, this.#last);
    this.#first = 0;
    this.#last = length;
  }
}

/**
 * Can the engine forward this direction? TCP and UDP only; no IPv6 NAT (mtk_flow_offload_replace has no such mangle); out
 * with tags of 802.1Q and a PPPoE session, not with those of 802.1ad; in by a device of the flowtable and out by a physical one.
 */
export function canBind(rows: FlowRows, tuple: number, interfaces: readonly Interface[], devices: Uint8Array): boolean {
  const at = tuple * KEY_WORDS;
  const word = u32(rows.keys, at + KEY_PROTOCOL);
  const protocol = word & 0xff;
  if (protocol !== TCP && protocol !== UDP) return false;
  const flags = u32(rows.flags, tuple >> 1);
  if (word >>> 8 === 6 && (flags & (FLOW_SNAT | FLOW_DNAT)) !== 0) return false;
  const iif = u32(rows.keys, at + KEY_IIF);
  if (devices[iif] !== 1 || interfaces[iif]?.kind !== 'physical') return false;
  // Its redirect goes to where the opposite direction enters.
  const other = (tuple ^ 1) * KEY_WORDS;
  for (let i = 0; i < 2; i++) {
    if ((u32(rows.keys, other + KEY_ENCAP + i) & 0xffff) === ETHERTYPE_QINQ) return false;
  }
  const out = u32(rows.keys, other + KEY_IIF);
  return interfaces[out]?.kind === 'physical';
}
