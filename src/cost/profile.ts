// What a device profile says: everything that turns instructions and driver events into cycles, each number with its
// source. A profile prices one CPU core; what the figures leave out stands in `notes`.
import type { InstructionSet } from './weights/weights.ts';

/** How a number came about. `published` and `datasheet` name where; `estimate` says what it rests on. */
export type Confidence = 'measured' | 'published' | 'datasheet' | 'estimate';

export interface Quantity {
  value: number;
  unit: string;
  source: string;
  confidence: Confidence;
  /** The value may lie anywhere between; absent: CONFIDENCE_SPREAD decides. */
  low?: number;
  high?: number;
}

/** Half width of the interval around a number, as a part of it, when it names none itself. */
export const CONFIDENCE_SPREAD: Record<Confidence, number> = {
  measured: 0.05,
  datasheet: 0.05,
  published: 0.2,
  estimate: 0.5,
};

/** What is known of an engine that forwards without the CPU. */
export interface HardwareEngine extends Partial<Record<HardwareKey, Quantity>> {
  present: boolean;
  what: string;
}

/** Numbers of an engine by key. */
export const HARDWARE_QUANTITIES = [
  { key: 'entries', unit: 'entries', text: 'entries of its table' },
  { key: 'bindRate', unit: 'packets/s', text: 'rate from which it takes a flow' },
  { key: 'throughput', unit: 'Mbit/s', text: 'most that it forwards' },
  { key: 'packetRate', unit: 'packets/s', text: 'most packets that it forwards' },
  { key: 'insertRate', unit: 'flows/s', text: 'flows that the driver can put into it' },
  { key: 'pollInterval', unit: 's', text: 'how often the flowtable asks it for statistics of each flow' },
  { key: 'pollCycles', unit: 'cycles/flow', text: 'CPU cycles of asking for one flow' },
] as const;
export type HardwareKey = (typeof HARDWARE_QUANTITIES)[number]['key'];

/**
 * Numbers of a profile by key: what each means, in the order of `describeProfile`. `fallback` stands in for what a file
 * of the user's leaves out.
 */
export const QUANTITIES = [
  { key: 'clock', unit: 'MHz', text: 'clock of one core' },
  { key: 'cores', unit: 'cores', text: 'cores that share the work' },
  {
    key: 'threads',
    unit: 'threads',
    text: 'hardware threads of all cores: what Linux counts as processors',
    fallback: 0,
  },
  {
    key: 'threadGain',
    unit: 'x',
    text: 'work of a core whose threads are all busy, against one busy thread',
    fallback: 1,
  },
  { key: 'receiveCores', unit: 'processors', text: 'processors over which flows are spread (RSS, RPS)', fallback: 1 },
  { key: 'instructionRatio', unit: 'x', text: "instructions against the instruction set's weights" },
  { key: 'cyclesPerInstruction', unit: 'cycles/instruction', text: 'cycles per instruction of kernel network code' },
  {
    key: 'ruleRatio',
    unit: 'x',
    text: 'cycles per instruction of rules and look-ups against those of the rest: tight loops over few lines',
    fallback: 0.8,
  },
  {
    key: 'scanRatio',
    unit: 'x',
    text: 'the same of look-ups in concatenations with ranges (pipapo) without AVX2',
    fallback: 1.1,
  },
  { key: 'rxCycles', unit: 'cycles/packet', text: 'driver, DMA and skb of a received packet' },
  { key: 'txCycles', unit: 'cycles/packet', text: 'driver and DMA of a packet sent, and freeing it' },
  { key: 'cyclesPerOctet', unit: 'cycles/octet', text: 'cache maintenance and copies per octet received' },
  { key: 'interruptCycles', unit: 'cycles', text: 'one interrupt and the NAPI poll that it starts' },
  { key: 'interruptDelay', unit: 'us', text: 'time for which the NIC holds an interrupt back', fallback: 0 },
  { key: 'packetsPerPoll', unit: 'packets', text: 'packets that one poll brings under load' },
  { key: 'pollBudget', unit: 'packets', text: 'most that one poll may bring', fallback: 64 },
  { key: 'groSegments', unit: 'packets', text: 'bulk TCP packets that GRO joins under load; 1: no GRO', fallback: 1 },
  { key: 'groCycles', unit: 'cycles/packet', text: 'what GRO takes for each packet received', fallback: 0 },
  { key: 'segmentCycles', unit: 'cycles/packet', text: 'cutting one packet from what GRO joined', fallback: 0 },
  { key: 'rxRing', unit: 'descriptors', text: 'receive ring of a queue', fallback: 512 },
  { key: 'txRing', unit: 'descriptors', text: 'transmit ring of a queue', fallback: 512 },
  { key: 'linkRate', unit: 'Mbit/s', text: 'rate of a port', fallback: 1000 },
  {
    key: 'hostRate',
    unit: 'Mbit/s',
    text: 'most between CPU and ports, each way (switch port, PCIe)',
    fallback: 10_000,
  },
  { key: 'l1', unit: 'KiB', text: 'first-level data cache of a core', fallback: 32 },
  { key: 'l2', unit: 'KiB', text: 'second-level cache that a core can use', fallback: 256 },
  { key: 'l3', unit: 'KiB', text: 'third-level cache; 0: none', fallback: 0 },
  { key: 'l2Cycles', unit: 'cycles', text: 'a line that the second level has', fallback: 14 },
  { key: 'l3Cycles', unit: 'cycles', text: 'a line that the third level has', fallback: 45 },
  { key: 'memoryCycles', unit: 'cycles', text: 'a line that only memory has', fallback: 150 },
  {
    key: 'modelSpread',
    unit: 'x',
    text: 'what the model misses on such a machine (code layout and all else)',
    fallback: 0.2,
  },
] as const satisfies readonly { key: string; unit: string; text: string; fallback?: number }[];

export type QuantityKey = (typeof QUANTITIES)[number]['key'];

export interface Profile extends Record<QuantityKey, Quantity> {
  name: string;
  /** 'BPI-R3 (MediaTek MT7986A, 4 x Cortex-A53)'. */
  title: string;
  instructionSet: InstructionSet;
  /** Other names that people have for it. */
  aliases: readonly string[];
  hardware: HardwareEngine;
  /** What the figures assume and leave out. */
  notes: string[];
}

/** Processors as Linux sees them when all of them work: how many, and cycles/s of each (threads share their core). */
export function processors(profile: Profile): { count: number; hz: number } {
  const count = Math.max(profile.cores.value, profile.threads.value);
  const gain = count > profile.cores.value ? profile.threadGain.value : 1;
  return { count, hz: (profile.clock.value * 1e6 * profile.cores.value * gain) / count };
}

/** Cycles/s of one processor while the other threads of its core are idle. */
export function clockHz(profile: Profile): number {
  return profile.clock.value * 1e6;
}

/** Half width of a quantity's interval (four times of five the truth should lie in it) as a part of its value. */
export function relativeSpread(quantity: Quantity): number {
  if (quantity.value === 0) return 0;
  if (quantity.low === undefined && quantity.high === undefined) return CONFIDENCE_SPREAD[quantity.confidence];
  const low = quantity.low ?? quantity.value;
  const high = quantity.high ?? quantity.value;
  return Math.max(high - quantity.value, quantity.value - low) / Math.abs(quantity.value);
}

/** What stands for a number that a profile does not say. */
export function fallback(key: QuantityKey, cores: number): Quantity | undefined {
  const row: { unit: string; fallback?: number } | undefined = QUANTITIES.find((one) => one.key === key);
  if (row?.fallback === undefined) return undefined;
  const value = key === 'threads' ? cores : row.fallback;
  return { value, unit: row.unit, source: 'not said by this profile: a common value', confidence: 'estimate' };
}
