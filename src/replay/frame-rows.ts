// Frames that left the router, for `--packets-out`: written while replaying, read back in the order of the packets
// that caused them when all workers are done.
import type { SpillReader, SpillWriter } from './spill.ts';

/** A frame that left. `octets` is valid until the next row. */
export interface FrameRow {
  /** Input packet that caused it. */
  packet: number;
  timeNs: number;
  ifindex: number;
  /** Octets on the wire; more than octets.length when the input was cut. */
  wireOctets: number;
  octets: Uint8Array;
}

const FIXED_OCTETS = 8 + 8 + 2 + 4 + 4;

/** Appends the frame data[start, end). */
export function writeFrameRow(
  spill: SpillWriter,
  packet: number,
  timeNs: number,
  ifindex: number,
  data: Uint8Array,
  start: number,
  end: number,
  wireOctets: number,
): void {
  spill.reserve(FIXED_OCTETS);
  spill.putF64(packet);
  spill.putF64(timeNs);
  spill.putU16(ifindex);
  spill.putU32(wireOctets);
  spill.putU32(end - start);
  spill.putOctets(data, start, end);
}

class FrameCursor {
  readonly row: FrameRow = { packet: 0, timeNs: 0, ifindex: 0, wireOctets: 0, octets: new Uint8Array(0) };
  readonly #spill: SpillReader;
  constructor(spill: SpillReader) {
    this.#spill = spill;
  }
  next(): boolean {
    const { row } = this;
    const spill = this.#spill;
    if (!spill.has(FIXED_OCTETS)) return false;
    row.packet = spill.f64();
    row.timeNs = spill.f64();
    row.ifindex = spill.u16();
    row.wireOctets = spill.u32();
    const length = spill.u32();
    if (!spill.has(length)) return false;
    row.octets = spill.octets(length);
    return true;
  }
}

/** All parts' frames, in the order of the packets that caused them. */
export function* mergeFrameRows(parts: SpillReader[]): Generator<FrameRow> {
  const cursors = parts.map((part) => new FrameCursor(part));
  const open = cursors.map((cursor) => cursor.next());
  for (;;) {
    let chosen = -1;
    for (let i = 0; i < cursors.length; i++) {
      if (!open[i]) continue;
      if (chosen < 0 || (cursors[i] as FrameCursor).row.packet < (cursors[chosen] as FrameCursor).row.packet)
        chosen = i;
    }
    const cursor = cursors[chosen];
    if (cursor === undefined) return;
    yield cursor.row;
    open[chosen] = cursor.next();
  }
}
