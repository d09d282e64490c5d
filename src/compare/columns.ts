// What one replay did with every packet, as columns by packet number, so that replays of the same captures can be
// laid side by side: the same row is the same input packet. About 55 octets a packet.
import type { EventRow } from '../replay/event-rows.ts';
import { type Replay, type ReplayOptions, replayCaptures } from '../replay/replay.ts';

/** Row n - 1 is packet n. */
export interface PacketColumns {
  packets: number;
  /** Nanoseconds since the first packet, as the capture says. */
  timeNs: Float64Array;
  /** Interface that it entered at; 0: none. */
  ifindex: Uint16Array;
  /** VERDICT_* and PATH_* of src/packet/packet.ts, row of event/reasons.ts. */
  verdict: Uint8Array;
  pathClass: Uint8Array;
  reason: Uint8Array;
  /** Rule or chain of the reason (global index), -1 when it has none. */
  detail: Int32Array;
  /** Row of the replay's path table. */
  path: Uint32Array;
  wireOctets: Uint32Array;
  /** Connection, numbered from 1 in the order of first mention; 0: none. */
  flow: Uint32Array;
  /** First interface that a frame left through; 0: none left. */
  out: Uint16Array;
  /** Of all frames that left because of it; 0: none. Equal digests: the same frames through the same interfaces. */
  digest: Uint32Array;
  /** The packet's mark and its connection's when the router was done with it. */
  mark: Uint32Array;
  ctMark: Uint32Array;
  /** Of its connection's translation; 0: it has no connection. */
  nat: Uint32Array;
}

export interface ColumnReplay extends Replay {
  columns: PacketColumns;
}

/** A replay with its columns. Throws as replayCaptures does. */
export async function replayColumns(options: Omit<ReplayOptions, 'onEvents' | 'digests'>): Promise<ColumnReplay> {
  let columns = allocate(0);
  const replay = await replayCaptures({
    ...options,
    digests: true,
    onEvents: (rows, done) => {
      columns = allocate(done.result.input.packets);
      fill(columns, rows);
    },
  });
  return { ...replay, columns };
}

function allocate(packets: number): PacketColumns {
  return {
    packets,
    timeNs: new Float64Array(packets),
    ifindex: new Uint16Array(packets),
    verdict: new Uint8Array(packets),
    pathClass: new Uint8Array(packets),
    reason: new Uint8Array(packets),
    detail: new Int32Array(packets),
    path: new Uint32Array(packets),
    wireOctets: new Uint32Array(packets),
    flow: new Uint32Array(packets),
    out: new Uint16Array(packets),
    digest: new Uint32Array(packets),
    mark: new Uint32Array(packets),
    ctMark: new Uint32Array(packets),
    nat: new Uint32Array(packets),
  };
}

function fill(columns: PacketColumns, rows: Iterable<EventRow>): void {
  for (const row of rows) {
    const at = row.packet - 1;
    columns.timeNs[at] = row.timeNs;
    columns.ifindex[at] = row.ifindex;
    columns.verdict[at] = row.verdict;
    columns.pathClass[at] = row.pathClass;
    columns.reason[at] = row.reason;
    columns.detail[at] = row.detail;
    columns.path[at] = row.path;
    columns.wireOctets[at] = row.wireOctets;
    columns.flow[at] = row.flow;
    columns.out[at] = row.outs[0] ?? 0;
    columns.digest[at] = row.digest;
    columns.mark[at] = row.mark;
    columns.ctMark[at] = row.ctMark;
    columns.nat[at] = row.nat;
  }
}
