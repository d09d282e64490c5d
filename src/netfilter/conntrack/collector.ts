// The collector's pass over a table that was full (gc_worker of nf_conntrack_core.c): connections that are not assured or
// closing go until the table is 95 % full. Here only a refused connection asks for one: what runs out leaves the table by itself.
// When a kernel's collector comes depends on how long it has been up; here it comes at multiples of its pause.
import { f64, u8, u32 } from '../../base/columns.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_DYING } from './status.ts';
import { type ConntrackTable, ENTRY_TUPLE_WORDS } from './table.ts';
import { PROTOCOL_DCCP, PROTOCOL_SCTP, PROTOCOL_TCP, TUPLE_PROTOCOL } from './tuple.ts';

const SECOND_NS = 1e9;
/** GC_SCAN_INTERVAL_MIN, _MAX (also _INIT), _CLAMP, GC_SCAN_INITIAL_COUNT. */
const SHORTEST_NS = SECOND_NS;
const LONGEST_NS = 60 * SECOND_NS;
const CLAMP_NS = 300 * SECOND_NS;
const INITIAL_COUNT = 100;

/** States from which a connection ends by itself: first and last, by protocol (can_early_drop). */
const CLOSING: Record<number, [number, number] | undefined> = {
  [PROTOCOL_TCP]: [4, 8], // FIN_WAIT … CLOSE
  [PROTOCOL_SCTP]: [5, 7], // SHUTDOWN_SENT … SHUTDOWN_ACK_SENT
  [PROTOCOL_DCCP]: [5, 7], // CLOSEREQ … TIMEWAIT
};

/** When the collector comes next: its pause is the mean of what the connections have left. */
export function nextPassNs(table: ConntrackTable): number {
  let mean = LONGEST_NS;
  let count = INITIAL_COUNT;
  for (let entry = 0; entry < table.bound; entry++) {
    if (!isCollectable(table, entry)) continue;
    const left = Math.min(CLAMP_NS, Math.max(SHORTEST_NS, f64(table.expiresNs, entry) - table.nowNs));
    // It meets both directions.
    for (let direction = 0; direction < 2; direction++) mean += (left - mean) / ++count;
  }
  const pause = Math.min(LONGEST_NS, Math.max(SHORTEST_NS, mean));
  return (Math.floor(table.nowNs / pause) + 1) * pause;
}

/** One pass. */
export function collect(table: ConntrackTable): void {
  const enough = Math.floor(table.maximum / 100) * 95;
  if (enough === 0) return;
  for (let entry = 0; entry < table.bound && table.count >= enough; entry++) {
    if (isCollectable(table, entry) && mayGo(table, entry)) table.free(entry);
  }
}

function isCollectable(table: ConntrackTable, entry: number): boolean {
  return (
    f64(table.flowNumber, entry) !== 0 &&
    (u32(table.status, entry) & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED &&
    f64(table.expiresNs, entry) > table.nowNs
  );
}

/** gc_worker_can_early_drop. */
function mayGo(table: ConntrackTable, entry: number): boolean {
  if ((u32(table.status, entry) & IPS_ASSURED) === 0) return true;
  const range = CLOSING[u32(table.tuples, entry * ENTRY_TUPLE_WORDS + TUPLE_PROTOCOL) & 0xff];
  const state = u8(table.tcpState, entry);
  return range !== undefined && state >= range[0] && state <= range[1];
}
