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
export interface HardwareEngine {
  present: boolean;
  what: string;
  /** Connections that fit into its table (two entries of the table each count as one connection here: no; entries). */
  entries?: Quantity;
  /** Packets per second that a flow must reach before the engine takes it. */
  bindRate?: Quantity;
  /** Most that it forwards. */
  throughput?: Quantity;
}

/** Numbers of a profile by key: what each means, in the order of `describeProfile`. */
export const QUANTITIES = [
  { key: 'clock', unit: 'MHz', text: 'clock of one core' },
  { key: 'cores', unit: 'cores', text: 'cores that share the work' },
  { key: 'instructionRatio', unit: 'x', text: "instructions against the instruction set's weights" },
  { key: 'cyclesPerInstruction', unit: 'cycles/instruction', text: 'cycles per instruction of kernel network code' },
  { key: 'rxCycles', unit: 'cycles/packet', text: 'driver, DMA and skb of a received packet' },
  { key: 'txCycles', unit: 'cycles/packet', text: 'driver and DMA of a packet sent, and freeing it' },
  { key: 'cyclesPerOctet', unit: 'cycles/octet', text: 'cache maintenance and copies per octet received' },
  { key: 'interruptCycles', unit: 'cycles', text: 'one interrupt and the NAPI poll that it starts' },
  { key: 'packetsPerPoll', unit: 'packets', text: 'packets that one poll brings under load' },
] as const;

export type QuantityKey = (typeof QUANTITIES)[number]['key'];

export interface Profile extends Record<QuantityKey, Quantity> {
  name: string;
  /** 'BPI-R3 (MediaTek MT7986A, 4 x Cortex-A53)'. */
  title: string;
  instructionSet: InstructionSet;
  hardware: HardwareEngine;
  /** What the figures assume and leave out. */
  notes: string[];
}

/** Cycles that one received packet costs outside of the instructions counted: driver plus its share of an interrupt. */
export function receiveCycles(profile: Profile): number {
  return profile.rxCycles.value + profile.interruptCycles.value / Math.max(1, profile.packetsPerPoll.value);
}

/** Half width of a quantity's interval as a part of its value. */
export function relativeSpread(quantity: Quantity): number {
  if (quantity.value === 0) return 0;
  if (quantity.low === undefined && quantity.high === undefined) return CONFIDENCE_SPREAD[quantity.confidence];
  const low = quantity.low ?? quantity.value;
  const high = quantity.high ?? quantity.value;
  return Math.max(high - quantity.value, quantity.value - low) / Math.abs(quantity.value);
}
