// Connections that packets of the router hold (skb->_nfct): when their packet ends without having been confirmed, they are
// freed (nf_conntrack_put). The kernel counts references; here the next packet that enters is the end of those before.
import { f64, growF64, growI32, i32, u32 } from '../../base/columns.ts';
import { IPS_CONFIRMED, IPS_DYING } from '../conntrack/status.ts';
import { type ConntrackTable, ENTRY_TUPLE_WORDS } from '../conntrack/table.ts';
import { TUPLE_WORDS } from '../conntrack/tuple.ts';

export class HeldConnections {
  readonly #table: ConntrackTable;
  #entries: Int32Array = new Int32Array(16);
  #flows: Float64Array = new Float64Array(16);
  #count = 0;

  readonly #keepDropped: boolean;

  /** `keepDropped`: a connection whose first packet was dropped stays known (RouterOptions.keepDropped). */
  constructor(table: ConntrackTable, keepDropped: boolean) {
    this.#table = table;
    this.#keepDropped = keepDropped;
  }

  /** A packet has got this connection. */
  add(entry: number): void {
    if (this.#count === this.#entries.length) {
      this.#entries = growI32(this.#entries);
      this.#flows = growF64(this.#flows);
    }
    this.#entries[this.#count] = entry;
    this.#flows[this.#count++] = f64(this.#table.flowNumber, entry);
  }

  /** All packets so far have ended: frees connections that were not confirmed, or were killed. */
  releaseAll(): void {
    const table = this.#table;
    for (let i = 0; i < this.#count; i++) {
      const entry = i32(this.#entries, i);
      const status = u32(table.status, entry);
      // An entry that was used again has another flow number.
      if (f64(table.flowNumber, entry) !== f64(this.#flows, i)) continue;
      if ((status & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED) continue;
      if (this.#keepDropped && (status & IPS_DYING) === 0 && this.#isFree(entry)) table.confirm(entry);
      else table.free(entry);
    }
    this.#count = 0;
  }

  /** Neither direction is known as another connection. */
  #isFree(entry: number): boolean {
    const table = this.#table;
    const at = entry * ENTRY_TUPLE_WORDS;
    return table.lookup(table.tuples, at) < 0 && table.lookup(table.tuples, at + TUPLE_WORDS) < 0;
  }
}
