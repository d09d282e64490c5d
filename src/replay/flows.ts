// Folds connections into what the report says of flows: how many were offloaded, after how many packets, and why
// the others were not. Connections are folded when they end, so that memory does not grow with their number.
import { f64, u8, u32 } from '../base/columns.ts';
import { REFUSALS, refusalIndex } from '../event/refusals.ts';
import type { ConntrackTable } from '../netfilter/conntrack/table.ts';
import type { Netfilter } from '../netfilter/netfilter.ts';
import type { FlowSummary } from './result.ts';
import { OFFLOADED_AFTER_ROWS } from './result.ts';

const OFFLOADED = refusalIndex('offloaded');
const NO_RULE = refusalIndex('no-rule');
const DROPPED = refusalIndex('dropped');
const LOCAL = refusalIndex('local');
const STATUS_CONFIRMED = 8;

/** Accumulates over the life of a replay. */
export class FlowFold {
  readonly #table: ConntrackTable;
  readonly #flows = new Float64Array(REFUSALS.length);
  readonly #packets = new Float64Array(REFUSALS.length);
  readonly #bytes = new Float64Array(REFUSALS.length);
  readonly #after = new Float64Array(OFFLOADED_AFTER_ROWS);
  #offloadedPackets = 0;
  #fastPackets = 0;
  #hardwarePackets = 0;

  constructor(netfilter: Netfilter) {
    this.#table = netfilter.conntrack.table;
    netfilter.onDestroy = (entry) => this.fold(entry);
  }

  /** A packet of this connection was delivered to the router itself. */
  markLocal(entry: number): void {
    if (u8(this.#table.offloadRefusal, entry) === NO_RULE) this.#table.offloadRefusal[entry] = LOCAL;
  }

  /** Adds one connection that ends now, or stands at the end of the replay. */
  fold(entry: number): void {
    const table = this.#table;
    // Made for a packet that turned out to be invalid: no connection.
    if (f64(table.seenPackets, entry) === 0) return;
    const after = u32(table.offloadedAfter, entry);
    const refusal = after > 0 ? this.#offloadedRefusal(entry) : this.#refusal(entry);
    this.#flows[refusal] = f64(this.#flows, refusal) + 1;
    this.#packets[refusal] = f64(this.#packets, refusal) + f64(table.seenPackets, entry);
    this.#bytes[refusal] = f64(this.#bytes, refusal) + f64(table.seenBytes, entry);
    if (after === 0) return;
    const row = Math.min(after, OFFLOADED_AFTER_ROWS - 1);
    this.#after[row] = f64(this.#after, row) + 1;
    this.#offloadedPackets += f64(table.seenPackets, entry);
    this.#fastPackets += f64(table.fastPackets, entry);
    this.#hardwarePackets += f64(table.hardwarePackets, entry);
  }

  /** An offloaded connection counts as such, unless not one of its packets was ever fast. */
  #offloadedRefusal(entry: number): number {
    const refusal = u8(this.#table.offloadRefusal, entry);
    const fast = f64(this.#table.fastPackets, entry) + f64(this.#table.hardwarePackets, entry);
    return fast > 0 || refusal === NO_RULE ? OFFLOADED : refusal;
  }

  #refusal(entry: number): number {
    const refusal = u8(this.#table.offloadRefusal, entry);
    const confirmed = (u32(this.#table.status, entry) & STATUS_CONFIRMED) !== 0;
    return refusal === NO_RULE && !confirmed ? DROPPED : refusal;
  }

  summary(): FlowSummary {
    const byRefusal = REFUSALS.map((_, refusal) => ({
      refusal,
      flows: f64(this.#flows, refusal),
      packets: f64(this.#packets, refusal),
      bytes: f64(this.#bytes, refusal),
    })).filter((row) => row.flows > 0);
    return {
      flows: byRefusal.reduce((sum, row) => sum + row.flows, 0),
      byRefusal,
      offloadedAfter: [...this.#after],
      offloadedPackets: this.#offloadedPackets,
      fastPackets: this.#fastPackets,
      hardwarePackets: this.#hardwarePackets,
    };
  }
}
