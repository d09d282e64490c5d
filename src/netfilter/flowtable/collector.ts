// What time brings to flows: the collector's step each second, teardown, and the engine's work queue and statistics
// (nf_flow_offload_gc_step, flow_offload_teardown of net/netfilter/nf_flow_table_core.c; nf_flow_offload_stats,
// flow_offload_work_add of nf_flow_table_offload.c).
import { f64, i32, u32 } from '../../base/columns.ts';
import { refusalIndex } from '../../event/refusals.ts';
import { IPS_DYING, IPS_HW_OFFLOAD, IPS_OFFLOAD } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { type Ageing, account } from './ageing.ts';
import type { FlowRows } from './flow-rows.ts';
import { FLOW_BOUND_MASK, FLOW_HW, FLOW_HW_DEAD, FLOW_HW_DYING, FLOW_PENDING, FLOW_TEARDOWN } from './flow-rows.ts';
import type { Engine } from './hardware.ts';

const HARDWARE_REFUSED = refusalIndex('hardware-refused');
const TABLE_FULL = refusalIndex('table-full');
const SECOND_NS = 1e9;

/** The collector of one flowtable. */
export class Collector {
  readonly #rows: FlowRows;
  readonly #table: ConntrackTable;
  readonly #ageing: Ageing;
  readonly #engine: Engine;
  readonly #isHardware: boolean;
  readonly #isCounting: boolean;
  #nextCollectionNs = SECOND_NS;

  /** `isCounting`: the flowtable has `counter`, and conntrack accounts. */
  constructor(
    rows: FlowRows,
    table: ConntrackTable,
    ageing: Ageing,
    engine: Engine,
    isHardware: boolean,
    isCounting: boolean,
  ) {
    this.#rows = rows;
    this.#table = table;
    this.#ageing = ageing;
    this.#engine = engine;
    this.#isHardware = isHardware;
    this.#isCounting = isCounting;
  }

  /** One step for each whole second up to `nowNs` (nf_flow_offload_work_gc); steps are counted from time 0. */
  advance(nowNs: number): void {
    while (this.#nextCollectionNs <= nowNs) {
      if (this.#rows.count === 0) {
        this.#nextCollectionNs = (Math.floor(nowNs / SECOND_NS) + 1) * SECOND_NS;
        break;
      }
      if (this.#isHardware) this.bind(this.#nextCollectionNs);
      this.#collect(this.#nextCollectionNs);
      this.#nextCollectionNs += SECOND_NS;
    }
    if (this.#isHardware) this.bind(nowNs);
  }

  /** flow_offload_teardown: lookups miss it from now on, the collector will take it out. */
  teardown(row: number, nowNs: number): void {
    const entry = i32(this.#rows.entry, row);
    this.#table.status[entry] = u32(this.#table.status, entry) & ~IPS_OFFLOAD;
    const flags = u32(this.#rows.flags, row);
    if ((flags & FLOW_TEARDOWN) !== 0) return;
    this.#rows.flags[row] = flags | FLOW_TEARDOWN;
    this.#ageing.fixUp(entry, nowNs);
  }

  /** nf_flow_offload_gc_step of every flow. */
  #collect(nowNs: number): void {
    const rows = this.#rows;
    for (let row = 0; row < rows.bound; row++) {
      const entry = i32(rows.entry, row);
      if (entry < 0 || (u32(rows.flags, row) & FLOW_PENDING) !== 0) continue;
      const isDying = (u32(this.#table.status, entry) & IPS_DYING) !== 0;
      if (f64(rows.expiresNs, row) <= nowNs || isDying) this.teardown(row, nowNs);
      const flags = u32(rows.flags, row);
      if ((flags & FLOW_TEARDOWN) === 0) {
        this.#ageing.extend(entry, nowNs);
        if ((flags & FLOW_HW) !== 0) this.#readStatistics(row, entry, nowNs);
      } else if ((flags & FLOW_HW) === 0 || (flags & FLOW_HW_DEAD) !== 0) {
        rows.remove(row);
      } else {
        this.#engine.unbind(row);
        rows.flags[row] = u32(rows.flags, row) | FLOW_HW_DYING | FLOW_HW_DEAD;
        this.#table.status[entry] = u32(this.#table.status, entry) & ~IPS_HW_OFFLOAD;
      }
    }
  }

  /** Takes out torn-down flows before their time: RST and `flow add` in turn could make any number of them in a second. */
  sweep(): void {
    const rows = this.#rows;
    for (let row = 0; row < rows.bound; row++) {
      if (i32(rows.entry, row) < 0 || (u32(rows.flags, row) & FLOW_TEARDOWN) === 0) continue;
      this.#engine.unbind(row);
      rows.remove(row);
    }
  }

  /** nf_flow_offload_stats: once a tenth of the timeout has passed, what the engine counted is taken over. */
  #readStatistics(row: number, entry: number, nowNs: number): void {
    const rows = this.#rows;
    const timeout = this.#ageing.flowTimeoutNs(entry);
    if (f64(rows.expiresNs, row) - nowNs >= timeout * 0.9) return;
    const used = f64(rows.hardwareUsedNs, row);
    if (used > 0) rows.expiresNs[row] = Math.max(f64(rows.expiresNs, row), used + timeout);
    for (let direction = 0; direction < 2; direction++) {
      const tuple = row * 2 + direction;
      const packets = f64(rows.hardwarePackets, tuple);
      if (packets === 0) continue;
      if (this.#isCounting) account(this.#table, entry, direction, packets, f64(rows.hardwareBytes, tuple));
      rows.hardwarePackets[tuple] = 0;
      rows.hardwareBytes[tuple] = 0;
    }
  }

  /** Lets the engine take what has been queued long enough (flow_offload_work_add). */
  bind(nowNs: number): void {
    const rows = this.#rows;
    for (let row = this.#engine.take(nowNs); row >= 0; row = this.#engine.take(nowNs)) {
      const entry = i32(rows.entry, row);
      if (this.#engine.bind(row)) this.#table.status[entry] = u32(this.#table.status, entry) | IPS_HW_OFFLOAD;
      else if ((u32(rows.flags, row) & FLOW_BOUND_MASK) === 0) {
        this.#table.offloadRefusal[entry] = this.#engine.isFull ? TABLE_FULL : HARDWARE_REFUSED;
      }
    }
  }
}
