// One traffic at one load on one device: priced packets of as many copies as the load asks for go through the queues.
import { f64, u32 } from '../base/columns.ts';
import type { Pricing } from '../cost/pricing.ts';
import { BULK_OCTETS } from '../cost/pricing.ts';
import { QueueSimulation } from '../cost/queue.ts';
import type { QueueModel, QueueResult } from '../cost/queue-model.ts';
import type { TrafficColumns } from './columns.ts';
import { asCopies, copyPhases, Superposition } from './superpose.ts';

/** Which end of the prices' interval. */
export type End = 'middle' | 'low' | 'high';

/** Time of a core by path, nanoseconds. */
export interface Services {
  fixed: Float64Array;
  bulk: Float64Array;
  perOctet: Float64Array;
  /** 1: the engine forwards it. */
  isHardware: Uint8Array;
  /** Part of the engine's flows that it holds; packets of the others cost a core what `instead` says. */
  fit: number;
  instead: { fixed: number; bulk: number; perOctet: number };
  /** [row] 1: the engine has not bound the packet's flow (yet); absent: it binds all. */
  unbound?: Uint8Array;
}

const PATH_HARDWARE = 2;

/** What packets cost a core of `hz` when interrupts are paid for apart. */
export function servicesOf(pricing: Pricing, pathClass: Uint8Array, hz: number, end: End): Services {
  const paths = pathClass.length;
  const services: Services = {
    fixed: new Float64Array(paths),
    bulk: new Float64Array(paths),
    perOctet: new Float64Array(paths),
    isHardware: new Uint8Array(paths),
    fit: 1,
    instead: { fixed: 0, bulk: 0, perOctet: 0 },
  };
  for (let path = 0; path < paths; path++) {
    const part = end === 'low' ? f64(pricing.low, path) : end === 'high' ? f64(pricing.high, path) : 1;
    const toNs = (part / hz) * 1e9;
    const interrupts = f64(pricing.interrupts, path);
    services.fixed[path] = Math.max(0, f64(pricing.cyclesFixed, path) - interrupts) * toNs;
    services.bulk[path] = Math.max(0, f64(pricing.cyclesBulk, path) - interrupts) * toNs;
    services.perOctet[path] = f64(pricing.cyclesPerByte, path) * toNs;
    services.isHardware[path] = pathClass[path] === PATH_HARDWARE ? 1 : 0;
  }
  return services;
}

export interface SimulationOptions {
  /** Packets to offer. */
  packets: number;
  seed: number;
}

/** `factor` times the traffic of the columns; when that is more than `packets`, its busiest stretch of so many. */
export function simulate(
  columns: TrafficColumns,
  services: Services,
  model: QueueModel,
  factor: number,
  options: SimulationOptions,
): QueueResult {
  const simulation = new QueueSimulation(model);
  if (columns.rows === 0) return simulation.finish();
  const { copies, speed } = asCopies(factor);
  const packets = Math.min(options.packets, columns.rows * copies);
  const phasesNs = copyPhases(copies, columns.periodNs, options.seed);
  const traffic = new Superposition(columns, phasesNs, speed, busiestStart(columns, phasesNs, packets));
  const { fixed, bulk, perOctet, isHardware, fit, instead, unbound } = services;
  const lone = columns.rows + 1;
  const stride = lone + fixed.length + 1;
  for (let offered = 0; offered < packets; offered++) {
    traffic.next();
    const { row } = traffic;
    const path = u32(columns.path, row);
    const octets = u32(columns.octets, row);
    // Packets without a connection are told apart by their path.
    const own = u32(columns.flow, row);
    const flow = (own > 0 ? own : lone + path) + traffic.copy * stride;
    const hardware = isHardware[path] === 1;
    const byEngine =
      hardware && unbound?.[row] !== 1 && (fit >= 1 || (Math.imul(flow, 0x9e3779b1) >>> 0) / 4294967296 < fit);
    const service =
      hardware && !byEngine
        ? (octets >= BULK_OCTETS ? instead.bulk : instead.fixed) + instead.perOctet * octets
        : (octets >= BULK_OCTETS ? f64(bulk, path) : f64(fixed, path)) + f64(perOctet, path) * octets;
    simulation.offer(
      traffic.timeNs,
      service,
      octets,
      flow,
      columns.inLink[row] as number,
      columns.outLink[row] as number,
      byEngine,
    );
  }
  return simulation.finish();
}

/** Parts of the period in which packets are counted to find where most come. */
const BINS = 1024;
/** The sum of more copies than this is even enough. */
const UNEVEN_COPIES = 64;
const profiles = new WeakMap<TrafficColumns, Float64Array>();

/** When, within the period, the stretch of `packets` packets begins in which all copies together bring most; 0: all is simulated. */
export function busiestStart(columns: TrafficColumns, phasesNs: Float64Array, packets: number): number {
  const copies = phasesNs.length;
  const part = packets / Math.max(1, columns.rows * copies);
  if (part >= 1 || copies > UNEVEN_COPIES) return 0;
  const profile = packetProfile(columns);
  const all = new Float64Array(BINS);
  for (const phaseNs of phasesNs) {
    const shift = Math.floor((phaseNs / columns.periodNs) * BINS);
    for (let bin = 0; bin < BINS; bin++) all[bin] = f64(all, bin) + f64(profile, (bin + shift) % BINS);
  }
  const width = Math.max(1, Math.round(part * BINS));
  let inside = 0;
  for (let bin = 0; bin < width; bin++) inside += f64(all, bin % BINS);
  let best = 0;
  let most = inside;
  for (let bin = 1; bin < BINS; bin++) {
    inside += f64(all, (bin + width - 1) % BINS) - f64(all, bin - 1);
    if (inside > most) {
      most = inside;
      best = bin;
    }
  }
  return (best / BINS) * columns.periodNs;
}

/** Packets by part of the period. */
function packetProfile(columns: TrafficColumns): Float64Array {
  let profile = profiles.get(columns);
  if (profile !== undefined) return profile;
  profile = new Float64Array(BINS);
  for (let row = 0; row < columns.rows; row++) {
    const bin = Math.min(BINS - 1, Math.floor((f64(columns.timeNs, row) / columns.periodNs) * BINS));
    profile[bin] = f64(profile, bin) + 1;
  }
  profiles.set(columns, profile);
  return profile;
}
