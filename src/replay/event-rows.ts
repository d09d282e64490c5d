// Per-packet rows of `--events`, written while replaying and read back in packet order when all workers are done.
import type { SpillReader, SpillWriter } from './spill.ts';

/** One input packet as the report layer sees it. Reused: valid until the next row. */
export interface EventRow {
  packet: number;
  /** Nanoseconds since the first packet. */
  timeNs: number;
  ifindex: number;
  verdict: number;
  pathClass: number;
  reason: number;
  /** Rule or chain of the reason, -1 when it has none. */
  detail: number;
  /** Path in the (merged) path table. */
  path: number;
  wireOctets: number;
  /** Connection, numbered from 1 in the order of first mention; 0: none. */
  flow: number;
  /** Over all frames that left because of it and their interfaces (ReplayOptions.digests); 0: none, or not asked for. */
  digest: number;
  /** The packet's mark and its connection's at the end. */
  mark: number;
  ctMark: number;
  /** Of the connection's reply tuple, i.e. of its translation (ReplayOptions.digests); 0: no connection, or not asked for. */
  nat: number;
  outs: number[];
}

const FIXED_OCTETS = 8 + 8 + 2 + 1 + 1 + 1 + 4 + 4 + 4 + 8 + 4 + 4 + 4 + 4 + 2;

/** Appends a row; `outs` are the first `outCount` ifindexes. */
export function writeEventRow(
  spill: SpillWriter,
  row: Omit<EventRow, 'outs'>,
  outs: Int32Array,
  outCount: number,
): void {
  spill.reserve(FIXED_OCTETS + outCount * 2);
  spill.putF64(row.packet);
  spill.putF64(row.timeNs);
  spill.putU16(row.ifindex);
  spill.putU8(row.verdict);
  spill.putU8(row.pathClass);
  spill.putU8(row.reason);
  spill.putU32(row.detail + 1);
  spill.putU32(row.path);
  spill.putU32(row.wireOctets);
  spill.putF64(row.flow);
  spill.putU32(row.digest);
  spill.putU32(row.mark >>> 0);
  spill.putU32(row.ctMark >>> 0);
  spill.putU32(row.nat);
  spill.putU16(outCount);
  for (let i = 0; i < outCount; i++) spill.putU16(outs[i] as number);
}

/** The digest of the frames before this one, continued with this one (FNV-1a over interface and octets); never 0. */
export function frameDigest(before: number, ifindex: number, data: Uint8Array, start: number, end: number): number {
  let digest = Math.imul((before === 0 ? 0x811c9dc5 : before) ^ ifindex, 0x01000193);
  for (let at = start; at < end; at++) digest = Math.imul(digest ^ (data[at] as number), 0x01000193);
  return digest >>> 0 || 1;
}

/** The digest of a tuple's words (FNV-1a over words); never 0. */
export function tupleDigest(words: Uint32Array, from: number, to: number): number {
  let digest = 0x811c9dc5;
  for (let at = from; at < to; at++) digest = Math.imul(digest ^ (words[at] as number), 0x01000193) ^ (digest >>> 15);
  return digest >>> 0 || 1;
}

/** One part's rows, front to back; `row` is the one in hand. */
class EventCursor {
  readonly row: EventRow = {
    packet: 0,
    timeNs: 0,
    ifindex: 0,
    verdict: 0,
    pathClass: 0,
    reason: 0,
    detail: -1,
    path: 0,
    wireOctets: 0,
    flow: 0,
    digest: 0,
    mark: 0,
    ctMark: 0,
    nat: 0,
    outs: [],
  };
  readonly #spill: SpillReader;
  readonly #pathOf: Uint32Array;
  constructor(spill: SpillReader, pathOf: Uint32Array) {
    this.#spill = spill;
    this.#pathOf = pathOf;
  }
  next(): boolean {
    const { row } = this;
    const spill = this.#spill;
    if (!spill.has(FIXED_OCTETS)) return false;
    row.packet = spill.f64();
    row.timeNs = spill.f64();
    row.ifindex = spill.u16();
    row.verdict = spill.u8();
    row.pathClass = spill.u8();
    row.reason = spill.u8();
    row.detail = spill.u32() - 1;
    row.path = this.#pathOf[spill.u32()] as number;
    row.wireOctets = spill.u32();
    row.flow = spill.f64();
    row.digest = spill.u32();
    row.mark = spill.u32();
    row.ctMark = spill.u32();
    row.nat = spill.u32();
    const outCount = spill.u16();
    row.outs.length = 0;
    if (spill.has(outCount * 2)) for (let i = 0; i < outCount; i++) row.outs.push(spill.u16());
    return true;
  }
}

/**
 * All parts' rows in packet order. Connections are numbered anew, in the order in which the rows mention them: the
 * same numbers whatever the number of parts.
 */
export function* mergeEventRows(parts: { spill: SpillReader; pathOf: Uint32Array }[]): Generator<EventRow> {
  const cursors = parts.map((part) => new EventCursor(part.spill, part.pathOf));
  const numbers = parts.map(() => new Map<number, number>());
  const open = cursors.map((cursor) => cursor.next());
  let flows = 0;
  for (;;) {
    let chosen = -1;
    for (let i = 0; i < cursors.length; i++) {
      if (!open[i]) continue;
      if (chosen < 0 || (cursors[i] as EventCursor).row.packet < (cursors[chosen] as EventCursor).row.packet)
        chosen = i;
    }
    const cursor = cursors[chosen];
    const known = numbers[chosen];
    if (cursor === undefined || known === undefined) return;
    if (cursor.row.flow > 0) {
      let flow = known.get(cursor.row.flow);
      if (flow === undefined) {
        flow = ++flows;
        known.set(cursor.row.flow, flow);
      }
      cursor.row.flow = flow;
    }
    yield cursor.row;
    open[chosen] = cursor.next();
  }
}
