// What a frame costs before it enters the router (the sender's copy, the room for it), by length. `insn` takes off what frames of two
// lengths cost, one for all up to 1,000 octets; base-scenarios.py measures the lengths between, so that the rest can be taken off too.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Measurement } from './scenarios.ts';

const LONG_OCTETS = 1000;
const PCAP_HEADER_OCTETS = 24;
const RECORD_HEADER_OCTETS = 16;

export class FrameBases {
  readonly #points: { octets: number; instructions: number }[];
  readonly #calibration: Record<string, { median: number }>;

  /** `measurement`: of base-scenarios.py. */
  constructor(measurement: Measurement) {
    this.#calibration = measurement.calibration ?? {};
    this.#points = measurement.rows.map((row) => ({
      octets: row.frame_bytes,
      instructions: row.instructions + this.#taken('v4', row.frame_bytes),
    }));
    this.#points.sort((a, b) => a.octets - b.octets);
  }

  /** Instructions that `insn` should have taken off besides. */
  missing(octets: number, v6: boolean): number {
    const points = this.#points;
    const after = points.findIndex((row) => row.octets >= octets);
    const [a, b] = [points[Math.max(0, after - 1)], points[after]];
    if (a === undefined || b === undefined) return 0;
    const part = b.octets === a.octets ? 1 : (octets - a.octets) / (b.octets - a.octets);
    return a.instructions + (b.instructions - a.instructions) * part - this.#taken(v6 ? 'v6' : 'v4', octets);
  }

  #taken(family: string, octets: number): number {
    return this.#calibration[`cal.base.${family}.${octets > LONG_OCTETS ? '1500' : 'small'}`]?.median ?? 0;
  }
}

/** Whether the packets that a dumped scenario measures are IPv6: those at the end of the capture that goes on for longer. */
export function isV6(folder: string): boolean {
  const last = ['lan0.pcap', 'wan0.pcap'].map((name) => lastRecord(join(folder, name)));
  last.sort((a, b) => b.timeNs - a.timeNs);
  return last[0]?.etherType === 0x86dd;
}

function lastRecord(file: string): { timeNs: number; etherType: number } {
  const record = { timeNs: -1, etherType: 0 };
  if (statSync(file).size <= PCAP_HEADER_OCTETS) return record;
  const octets = readFileSync(file);
  for (let at = PCAP_HEADER_OCTETS; at + RECORD_HEADER_OCTETS <= octets.length; ) {
    record.timeNs = octets.readUInt32LE(at) * 1e9 + octets.readUInt32LE(at + 4);
    record.etherType = octets.readUInt16BE(at + RECORD_HEADER_OCTETS + 12);
    at += RECORD_HEADER_OCTETS + octets.readUInt32LE(at + 8);
  }
  return record;
}
