// What a replay's paths cost in all: by path class (slow, software, hardware), and the dearest paths one by one.
import { f64, u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import { LENGTH_CLASSES, lengthClassOctets } from '../event/recorder.ts';
import { EVENTS, kindOf } from '../event/vocabulary.ts';
import type { Pricing } from './pricing.ts';
import { BULK_OCTETS } from './pricing.ts';

/** By PathTable.pathClass. */
export const PATH_CLASSES = ['slow', 'software', 'hardware'] as const;
export type PathClassName = (typeof PATH_CLASSES)[number];

export interface ClassSummary {
  name: PathClassName | 'all';
  packets: number;
  /** Octets on the wire. */
  bytes: number;
  /** Part of all packets, bytes and cycles of the replay, 0 … 1. */
  packetShare: number;
  byteShare: number;
  cycleShare: number;
  /** Estimated cycles of all packets together. */
  cycles: number;
  /** Estimated per packet; 0 without packets. Quantiles are exact up to the table's classes of length. */
  meanCycles: number;
  p50Cycles: number;
  p99Cycles: number;
  meanInstructions: number;
  /** The mean is expected between meanCycles * low and meanCycles * high. */
  low: number;
  high: number;
}

/** One row for each path class, then one for all. */
export function summarise(paths: PathTable, pricing: Pricing): ClassSummary[] {
  const rows = [...PATH_CLASSES.map((name, index) => classSummary(name, index, paths, pricing))];
  const all = classSummary('all', -1, paths, pricing);
  rows.push(all);
  for (const row of rows) {
    row.packetShare = part(row.packets, all.packets);
    row.byteShare = part(row.bytes, all.bytes);
    row.cycleShare = part(row.cycles, all.cycles);
  }
  return rows;
}

export interface DearPath {
  /** The first of the paths that are alike; they differ in lengths only (checksummed octets, segments). */
  path: number;
  packets: number;
  bytes: number;
  /** Estimated cycles of all its packets. */
  cycles: number;
  /** Part of the cycles of the replay, 0 … 1. */
  cycleShare: number;
  /** Means over the packets. */
  cyclesPerPacket: number;
  instructionsPerPacket: number;
  low: number;
  high: number;
}

/** The `count` ways that took most cycles in all, dearest first; paths that differ in lengths only count as one. */
export function dearestPaths(paths: PathTable, pricing: Pricing, count: number): DearPath[] {
  const ways = new Map<string, DearPath>();
  let whole = 0;
  for (let path = 0; path < paths.packets.length; path++) {
    const packets = f64(paths.packets, path);
    if (packets === 0 || u32(paths.offsets, path) === u32(paths.offsets, path + 1)) continue;
    const cycles = pathCycles(paths, pricing, path);
    whole += cycles;
    const key = wayKey(paths, path);
    const way = ways.get(key) ?? { path, packets: 0, bytes: 0, cycles: 0, ...NO_MEANS };
    if (!ways.has(key)) ways.set(key, way);
    way.packets += packets;
    way.bytes += f64(paths.bytes, path);
    way.cycles += cycles;
    way.instructionsPerPacket += f64(pricing.instructions, path) * packets;
    way.low += f64(pricing.low, path) * cycles;
    way.high += f64(pricing.high, path) * cycles;
  }
  return [...ways.values()]
    .sort((a, b) => b.cycles - a.cycles || f64(paths.firstPacket, a.path) - f64(paths.firstPacket, b.path))
    .slice(0, Math.max(0, count))
    .map((way) => ({
      ...way,
      cycleShare: part(way.cycles, whole),
      cyclesPerPacket: part(way.cycles, way.packets),
      instructionsPerPacket: part(way.instructionsPerPacket, way.packets),
      low: way.cycles > 0 ? way.low / way.cycles : 1,
      high: way.cycles > 0 ? way.high / way.cycles : 1,
    }));
}

const NO_MEANS = { cycleShare: 0, cyclesPerPacket: 0, instructionsPerPacket: 0, low: 0, high: 0 };

/** Events whose argument is a length: it does not make another way. */
const LENGTHS = new Set(EVENTS.flatMap((row, kind) => (row.argument === 'octets64' ? [kind] : [])));

function wayKey(paths: PathTable, path: number): string {
  const words = paths.words.subarray(u32(paths.offsets, path), u32(paths.offsets, path + 1));
  const kinds = words.map((word) => (LENGTHS.has(kindOf(word)) ? (kindOf(word) << 26) >>> 0 : word));
  return `${paths.pathClass[path]},${paths.verdict[path]},${kinds.join()}`;
}

/** Estimated cycles of all packets of a path. */
export function pathCycles(paths: PathTable, pricing: Pricing, path: number): number {
  const bulk = bulkPackets(paths, path);
  return (
    f64(pricing.cyclesFixed, path) * (f64(paths.packets, path) - bulk) +
    f64(pricing.cyclesBulk, path) * bulk +
    f64(pricing.cyclesPerByte, path) * f64(paths.bytes, path)
  );
}

/** Classes of length from which on GRO may have joined packets. */
const FIRST_BULK_CLASS = Array.from({ length: LENGTH_CLASSES }, (_, row) => lengthClassOctets(row)).findIndex(
  (octets) => octets >= BULK_OCTETS,
);

function bulkPackets(paths: PathTable, path: number): number {
  let packets = 0;
  for (let row = FIRST_BULK_CLASS; row < LENGTH_CLASSES; row++)
    packets += u32(paths.lengths, path * LENGTH_CLASSES + row);
  return packets;
}

function classSummary(name: ClassSummary['name'], pathClass: number, paths: PathTable, pricing: Pricing): ClassSummary {
  let packets = 0;
  let bytes = 0;
  let cycles = 0;
  let instructions = 0;
  let lowest = 0;
  let highest = 0;
  const cells: Cell[] = [];
  for (let path = 0; path < paths.packets.length; path++) {
    if (pathClass >= 0 && paths.pathClass[path] !== pathClass) continue;
    // Nothing happened to these: copies of what the router sent, packets that --match left out.
    if (u32(paths.offsets, path) === u32(paths.offsets, path + 1)) continue;
    const here = pathCycles(paths, pricing, path);
    packets += f64(paths.packets, path);
    bytes += f64(paths.bytes, path);
    cycles += here;
    instructions += f64(pricing.instructions, path) * f64(paths.packets, path);
    lowest += here * f64(pricing.low, path);
    highest += here * f64(pricing.high, path);
    addCells(paths, pricing, path, cells);
  }
  cells.sort((a, b) => a.cycles - b.cycles);
  return {
    name,
    packets,
    bytes,
    packetShare: 0,
    byteShare: 0,
    cycleShare: 0,
    cycles,
    meanCycles: part(cycles, packets),
    p50Cycles: quantile(cells, 0.5),
    p99Cycles: quantile(cells, 0.99),
    meanInstructions: part(instructions, packets),
    low: cycles > 0 ? lowest / cycles : 1,
    high: cycles > 0 ? highest / cycles : 1,
  };
}

/** Packets of one path and one class of length. */
interface Cell {
  cycles: number;
  packets: number;
}

function addCells(paths: PathTable, pricing: Pricing, path: number, cells: Cell[]): void {
  const perByte = f64(pricing.cyclesPerByte, path);
  const fixed = f64(pricing.cyclesFixed, path);
  const bulk = f64(pricing.cyclesBulk, path);
  if (perByte === 0 && fixed === bulk) {
    if (f64(paths.packets, path) > 0) cells.push({ cycles: fixed, packets: f64(paths.packets, path) });
    return;
  }
  for (let row = 0; row < LENGTH_CLASSES; row++) {
    const packets = u32(paths.lengths, path * LENGTH_CLASSES + row);
    if (packets === 0) continue;
    const middle = (lengthClassOctets(row) + (row === 0 ? 0 : lengthClassOctets(row - 1))) / 2;
    cells.push({ cycles: (row >= FIRST_BULK_CLASS ? bulk : fixed) + perByte * middle, packets });
  }
}

/** The smallest cost that at least `share` of the packets do not exceed; 0 when there are none. */
function quantile(sorted: Cell[], share: number): number {
  const whole = sorted.reduce((sum, cell) => sum + cell.packets, 0);
  let seen = 0;
  for (const cell of sorted) {
    seen += cell.packets;
    if (seen >= whole * share) return cell.cycles;
  }
  return sorted[sorted.length - 1]?.cycles ?? 0;
}

function part(value: number, whole: number): number {
  return whole > 0 ? value / whole : 0;
}
