// `--packets-out`: the frames that left the router, one pcapng interface for each router interface, in order.
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import type { FrameRow } from '../replay/frame-rows.ts';
import type { ReplayResult } from '../replay/result.ts';

/** Writes all frames to a pcapng file. Times are those of the packets that caused them. */
export function writeFrames(path: string, rows: Iterable<FrameRow>, result: ReplayResult): void {
  const names = result.names.interfaces.slice(1).filter((name) => name !== 'lo');
  const index = new Map(result.names.interfaces.map((name, ifindex) => [ifindex, names.indexOf(name)]));
  const writer = new PcapngWriter(
    path,
    names.map((name) => ({ name })),
  );
  const first = BigInt(result.input.firstTimeNs ?? '0');
  try {
    for (const row of rows) {
      const now = first + BigInt(Math.round(row.timeNs));
      const seconds = Number(now / 1_000_000_000n);
      const nanos = Number(now % 1_000_000_000n);
      writer.write(index.get(row.ifindex) ?? 0, seconds, nanos, row.octets, 0, row.octets.length, row.wireOctets);
    }
  } finally {
    writer.close();
  }
}
