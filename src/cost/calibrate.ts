// A profile of one's own router: some measured loads of it, and what the same traffic costs by the profile of a relative.
import { f64 } from '../base/columns.ts';
import { ConfigError } from '../base/errors.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import type { CalibrationPoint, PacketSize } from './calibration-point.ts';
import type { FitResult, Measured } from './fit-profile.ts';
import { FITTED_KEYS, fitProfile, priceTerms, termCycles } from './fit-profile.ts';
import { packetsPerPoll } from './load.ts';
import type { WorkingSet } from './memory.ts';
import type { Pricing } from './pricing.ts';
import { packetCycles } from './pricing.ts';
import type { Profile } from './profile.ts';
import { processors } from './profile.ts';
import { pathCycles } from './summary.ts';

/** How far a reading of a CPU's load may be off. */
const READING_SPREAD = 0.08;

/** Paths and names of the replay with a point's offload. */
export interface ReplayedPoint {
  point: CalibrationPoint;
  paths: PathTable;
  names: EventNames;
  /** In use at once while it was measured. */
  state?: WorkingSet;
}

/** As many numbers are fitted as there are points, most telling first. Throws ConfigError when a point says nothing. */
export function calibrate(base: Profile, points: readonly ReplayedPoint[], name: string): FitResult {
  const measured = points.map((row) => measuredPoint(base, row));
  const keys = FITTED_KEYS.slice(0, points.length);
  const source = `fitted by nftreplay calibrate to ${points.length} measured point${points.length === 1 ? '' : 's'}`;
  const { profile, residuals } = fitProfile(base, measured, keys, source, 'measured');
  return { profile: { ...profile, name, aliases: [], title: `${base.title}, calibrated` }, residuals };
}

function measuredPoint(base: Profile, { point, paths, names, state }: ReplayedPoint): Measured {
  let packets = 0;
  let octets = 0;
  for (let path = 0; path < paths.packets.length; path++) {
    packets += f64(paths.packets, path);
    octets += f64(paths.bytes, path);
  }
  if (packets === 0) throw new ConfigError('calibrate', point.text, 'the capture has no packets');
  const size = meanOctets(point) ?? octets / packets;
  const rate = 'bitsPerSecond' in point.rate ? point.rate.bitsPerSecond / 8 / size : point.rate.packetsPerSecond;
  const mean = (pricing: Pricing): number => {
    let cycles = 0;
    for (let path = 0; path < paths.packets.length; path++) {
      const times = f64(paths.packets, path);
      cycles +=
        point.sizes === undefined ? pathCycles(paths, pricing, path) : mixCycles(pricing, path, point.sizes) * times;
    }
    return cycles / packets;
  };
  const { count, hz } = processors(base);
  const none = { ...base, interruptCycles: { ...base.interruptCycles, value: 0 } };
  const each = termCycles(priceTerms(paths, names, none, mean, state), none);
  if (each === 0)
    throw new ConfigError('calibrate', point.text, 'the CPU has no part in it: everything went by hardware');
  const shared = packetsPerPoll(base, rate / Math.max(1, Math.min(count, base.receiveCores.value)), each);
  const loaded = { ...base, packetsPerPoll: { ...base.packetsPerPoll, value: shared } };
  const cycles = (point.busy * count * hz) / rate;
  return { ...priceTerms(paths, names, loaded, mean, state), name: point.text, cycles, spread: READING_SPREAD };
}

function meanOctets({ sizes }: CalibrationPoint): number | undefined {
  if (sizes === undefined) return undefined;
  const packets = sizes.reduce((sum, row) => sum + row.packets, 0);
  return sizes.reduce((sum, row) => sum + row.octets * row.packets, 0) / packets;
}

/** Cycles of a packet of a mix on average. */
function mixCycles(pricing: Pricing, path: number, sizes: readonly PacketSize[]): number {
  const packets = sizes.reduce((sum, row) => sum + row.packets, 0);
  return sizes.reduce((sum, row) => sum + packetCycles(pricing, path, row.octets) * row.packets, 0) / packets;
}

/** The profile as a file that `--profile FILE` reads: what differs from the built-in one that it extends. */
export function profileFile(profile: Profile, base: Profile): string {
  const lines = ['# Written by nftreplay calibrate.', `name: ${JSON.stringify(profile.name)}`, `extends: ${base.name}`];
  lines.push(`title: ${JSON.stringify(profile.title)}`);
  for (const key of FITTED_KEYS) {
    if (profile[key] === base[key]) continue;
    const { value, low, high, source, confidence } = profile[key];
    lines.push(`${key}:`, `  value: ${value}`, `  low: ${low}`, `  high: ${high}`, `  confidence: ${confidence}`);
    lines.push(`  source: ${JSON.stringify(source)}`);
  }
  return `${lines.join('\n')}\n`;
}
