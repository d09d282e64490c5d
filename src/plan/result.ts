// What a plan says: plain data for reports. Every estimate is an interval.
import type { HardwareEngine } from '../cost/profile.ts';
import type { LossPlace } from '../cost/queue-model.ts';
import type { RouterSpec } from '../net/spec.ts';
import type { OffloadMode } from '../replay/task.ts';
import type { Saturation } from './search.ts';
import type { Scaling } from './target.ts';

/** An estimate and the interval in which the truth should lie four times of five. */
export interface Band {
  value: number;
  low: number;
  high: number;
}

export interface Rates {
  packetsPerSecond: number;
  bitsPerSecond: number;
}

/** What happens at the target. */
export interface Behaviour {
  /** Busy part of the busiest core, and of all cores together, 0 … 1. */
  busiestCore: Band;
  allCores: Band;
  /** Part of the packets that is lost for want of room. */
  loss: Band;
  lostAt: Record<LossPlace, number>;
  p50Ns: Band;
  p99Ns: Band;
  p999Ns: Band;
  jitterNs: Band;
  packetsPerInterrupt: number;
  /** Busiest link and direction. */
  link: { name: string; load: number };
}

export interface ModePlan {
  mode: OffloadMode;
  /** Why there is nothing to say: the device has no such engine. */
  absent?: string;
  /** What was changed in the ruleset to have this mode. */
  note?: string;
  /** Parts of the packets. */
  shares: { slow: number; software: number; hardware: number };
  /** Highest load without loss against the capture's own; 0: it does not carry a millionth of it. */
  capacity: Band;
  saturation: Saturation;
  /** Busiest core at the highest load, 0 … 1: what is left of it where a link or a table is full first. */
  busiestCoreAtMost: Band;
  /** The target against the capacity, 0 … : what is left. */
  headroom: Band;
  target: Behaviour;
  cyclesPerPacket: Band;
  /** The engine's or the connection table's state, when it matters: 'sentence'. */
  tables: string[];
}

export interface Advice {
  /** 'offload in hardware', 'rules 3-42 of inet fw4 forward as one set', … */
  change: string;
  /** Where: file:line, when it is about rules. */
  where?: string;
  /** Highest load without loss with it, and against today's. */
  capacity: Band;
  gain: number;
  /** The gain when packets are as dear, or as cheap, as their interval says, today and with the change. */
  gainBand: Band;
  /** Cycles a packet on average with it, and what part of today's that saves (negative: it costs more). */
  cyclesPerPacket: Band;
  saved: number;
  savedBand: Band;
  /** Busiest core at the target with it. */
  busiestCore: Band;
  /** Of `replayedPackets`, those that fare otherwise (verdict or interface); absent: the ruleset is not changed. */
  changedPackets?: number;
  replayedPackets?: number;
  caveat?: string;
}

export interface DevicePlan {
  profile: string;
  title: string;
  hardware: HardwareEngine;
  modes: ModePlan[];
  /** The mode that advice is measured against. */
  base: OffloadMode;
  advice: Advice[];
  /** Changes that were tried and do not help, or not without changing what becomes of packets. */
  useless: string[];
}

export interface Plan {
  version: string;
  rulesetPath: string;
  routerPath?: string;
  router: RouterSpec;
  files: string[];
  packets: number;
  durationNs: number;
  /** The capture's own rates: mean over its time. */
  traffic: Rates;
  flows: number;
  target: { text: string; scaling: Scaling } & Rates;
  /** Flows of the clones that could not be told apart from others. */
  mergedFlows: number;
  devices: DevicePlan[];
  sweeps: Sweep[];
  assumptions: string[];
  /** Where captures ended before their end. */
  damages: string[];
}

/** A table of a sweep: one row a value, one group of columns a device. */
export interface Sweep {
  kind: string;
  title: string;
  profile: string;
  columns: string[];
  rows: SweepRow[];
  notes: string[];
}

export interface SweepRow {
  value: string;
  cells: (Band | string)[];
}
