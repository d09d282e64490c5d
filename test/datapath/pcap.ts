// Captures for the kernel oracle: one file for each interface, packets 20 ms apart in their common order.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const STEP_MICROSECONDS = 20_000;

/** Writes FOLDER/NAME.IFACE.pcap for each interface; returns [interface, file] pairs. */
export function writePcaps(
  folder: string,
  name: string,
  frames: [iface: string, frame: Uint8Array][],
): [string, string][] {
  const interfaces = [...new Set(frames.map(([iface]) => iface))];
  return interfaces.map((iface) => {
    const parts = [Buffer.from('a1b2c3d40002000400000000000000000004000000000001', 'hex')];
    frames.forEach(([at, frame], i) => {
      if (at !== iface) return;
      const head = Buffer.alloc(16);
      const microseconds = i * STEP_MICROSECONDS;
      head.writeUInt32BE(1_700_000_000 + Math.floor(microseconds / 1e6), 0);
      head.writeUInt32BE(microseconds % 1e6, 4);
      head.writeUInt32BE(frame.length, 8);
      head.writeUInt32BE(frame.length, 12);
      parts.push(head, Buffer.from(frame));
    });
    const file = join(folder, `${name}.${iface}.pcap`);
    writeFileSync(file, Buffer.concat(parts));
    return [iface, file];
  });
}
