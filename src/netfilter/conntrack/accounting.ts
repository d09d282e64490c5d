// Refreshing a connection's timeout and counting its packets (__nf_ct_refresh_acct, nf_ct_acct_update of
// nf_conntrack_core.c). Counting happens with net.netfilter.nf_conntrack_acct only.
import { f64 } from '../../base/columns.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import type { Packet } from '../../packet/packet.ts';
import type { ConntrackTable } from './table.ts';

const CT_ACCOUNT = eventKind('ct-account');

/** Keeps the table's timeouts and counters for all trackers. */
export class Accounting {
  readonly enabled: boolean;
  readonly #table: ConntrackTable;
  readonly #recorder: Recorder;

  constructor(table: ConntrackTable, recorder: Recorder, enabled: boolean) {
    this.#table = table;
    this.#recorder = recorder;
    this.enabled = enabled;
  }

  /** The entry lives for `timeoutNs` from now; the packet counts. */
  refresh(entry: number, direction: number, packet: Packet, timeoutNs: number): void {
    this.#table.refresh(entry, timeoutNs);
    this.count(entry, direction, packet.networkLength);
  }

  /** Counts a packet of so many octets (IP header included), if accounting is on. */
  count(entry: number, direction: number, octets: number): void {
    if (!this.enabled) return;
    this.#recorder.event(CT_ACCOUNT, 0);
    const table = this.#table;
    if (direction === 0) {
      table.packetsOriginal[entry] = f64(table.packetsOriginal, entry) + 1;
      table.bytesOriginal[entry] = f64(table.bytesOriginal, entry) + octets;
    } else {
      table.packetsReply[entry] = f64(table.packetsReply, entry) + 1;
      table.bytesReply[entry] = f64(table.bytesReply, entry) + octets;
    }
  }
}
