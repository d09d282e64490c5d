// Connections that packets of the router hold (skb->_nfct): when their packet ends without having been confirmed, they are
// freed (nf_conntrack_put). The kernel counts references; here the next packet that enters is the end of those before.
import { f64, growF64, growI32, i32, u32 } from '../../base/columns.ts';
import { IPS_CONFIRMED, IPS_DYING } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';

export class HeldConnections {
  readonly #table: ConntrackTable;
  #entries: Int32Array = new Int32Array(16);
  #flows: Float64Array = new Float64Array(16);
  #count = 0;

  constructor(table: ConntrackTable) {
    this.#table = table;
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
      if ((status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) table.free(entry);
    }
    this.#count = 0;
  }
}
