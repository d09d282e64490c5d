// `nftreplay plan`: how much of a capture's traffic devices carry with offload off, in software, in hardware; how they
// fare at a target; what gives way first; what would help.

import { f64 } from '../base/columns.ts';
import { ConfigError } from '../base/errors.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Profile } from '../cost/profile.ts';
import type { ReplayOptions } from '../replay/replay.ts';
import type { CaptureSource, OffloadMode } from '../replay/task.ts';
import { advise } from './advise.ts';
import { type ClonedCaptures, cloneCaptures, surveyUsers, type Users } from './clones.ts';
import { Device } from './device.ts';
import { hasFlowtable, withFlowtable } from './edits.ts';
import type { Band, DevicePlan, ModePlan, Plan } from './result.ts';
import { SEARCH_PACKETS } from './search.ts';
import { tableNotes } from './table-notes.ts';
import { type Scaling, scaling, type Target, targetFactor } from './target.ts';
import { Replays, type Traffic, type TrafficQuery } from './traffic.ts';

export interface PlanOptions {
  replay: ReplayOptions;
  profiles: Profile[];
  /** Modes to compare; the first one is what advice is measured against, unless the ruleset says another. */
  modes: OffloadMode[];
  target: Target;
  targetText: string;
  /** All traffic so many times as fast. */
  speed: number;
  seed: number;
  advice: boolean;
}

/** Everything that reports do not learn from the arguments. Throws CaptureError, ConfigError, NftError as replays do. */
export type PlanResult = Omit<Plan, 'version' | 'rulesetPath' | 'routerPath' | 'sweeps'>;

export interface PlanContext {
  options: PlanOptions;
  replays: Replays;
  ruleset: Ruleset;
  captures: CaptureSource[];
  users: Users;
  /** The capture itself, as the ruleset has it. */
  own: Traffic;
  scale: Scaling;
  /** Captures of the clones, and their period. */
  cloned: ClonedCaptures;
  periodNs: number;
}

/** Replays what a plan rests on. */
export async function planContext(options: PlanOptions): Promise<PlanContext> {
  const { ruleset, captures } = options.replay;
  const replays = new Replays(options.replay);
  const own = await replays.traffic({ ruleset, captures, offload: 'as-ruled', periodNs: 0 });
  if (own.columns.rows === 0) {
    throw new ConfigError('plan', captures.map((row) => row.path).join(', '), 'no packet to plan for was replayed');
  }
  const users = await surveyUsers(captures, ruleset, own.replay.router);
  const factor = targetFactor(options.target, ratesOf(own, 1));
  const scale = scaling(factor, options.speed, own.columns.rows);
  const { clones, speed } = scale;
  const cloned = cloneCaptures(captures, users, ruleset, own.replay.router, {
    count: clones,
    speed,
    seed: options.seed,
  });
  return { options, replays, ruleset, captures, users, own, scale, cloned, periodNs: own.columns.periodNs / speed };
}

/** The plan for all devices. */
export async function plan(context: PlanContext): Promise<PlanResult> {
  const { options, own, scale } = context;
  const devices: DevicePlan[] = [];
  for (const profile of options.profiles) devices.push(await devicePlan(context, profile));
  const { result, router, assumptions } = own.replay;
  const traffic = ratesOf(own, 1);
  const cloned = await context.replays.traffic(queryOf(context, 'as-ruled', undefined));
  const flows = own.result.flows.flows;
  return {
    router,
    files: result.input.files.map((row) => row.path),
    packets: result.input.packets,
    durationNs: result.input.durationNs,
    traffic,
    flows,
    target: { text: options.targetText, scaling: scale, ...ratesOf(own, scale.factor) },
    mergedFlows: Math.max(0, flows * scale.clones - cloned.result.flows.flows),
    devices,
    assumptions,
    damages: result.input.files.flatMap((row) => (row.damage === undefined ? [] : [row.damage.message])),
  };
}

/** Mean rates of `factor` times a traffic. */
function ratesOf({ columns }: Traffic, factor: number): { packetsPerSecond: number; bitsPerSecond: number } {
  const perSecond = (factor * 1e9) / columns.periodNs;
  return { packetsPerSecond: columns.rows * perSecond, bitsPerSecond: columns.octetsInAll * 8 * perSecond };
}

/** What is replayed for a mode; a ruleset without flowtable gets one where a mode needs it. */
export function queryOf(context: PlanContext, mode: OffloadMode, profile: Profile | undefined): TrafficQuery {
  const needsOne = (mode === 'software' || mode === 'hardware') && !hasFlowtable(context.ruleset);
  const entries = mode === 'software' || mode === 'off' ? undefined : profile?.hardware.entries?.value;
  return {
    ruleset: needsOne ? flowtabled(context) : context.ruleset,
    offload: mode,
    captures: context.cloned.captures,
    neighbours: context.cloned.neighbours,
    periodNs: context.scale.clones > 1 || context.scale.speed !== 1 ? context.periodNs : 0,
    entries,
  };
}

const flowtabledRulesets = new WeakMap<Ruleset, Ruleset>();

function flowtabled({ ruleset, own }: PlanContext): Ruleset {
  const known = flowtabledRulesets.get(ruleset) ?? withFlowtable(ruleset, physical(own));
  flowtabledRulesets.set(ruleset, known);
  return known;
}

function physical(traffic: Traffic): string[] {
  return traffic.replay.router.interfaces.filter((row) => row.type === 'physical').map((row) => row.name);
}

async function devicePlan(context: PlanContext, profile: Profile): Promise<DevicePlan> {
  const { options, scale, ruleset } = context;
  const modes: ModePlan[] = [];
  for (const mode of options.modes) modes.push(await modePlan(context, profile, mode));
  const present = modes.filter((row) => row.absent === undefined);
  const ruled = ruledMode(ruleset, profile);
  const base = present.find((row) => row.mode === ruled) ?? present[0];
  const result: DevicePlan = {
    profile: profile.name,
    title: profile.title,
    hardware: profile.hardware,
    modes,
    base: base?.mode ?? 'off',
    advice: [],
    useless: [],
  };
  if (!options.advice || base === undefined) return result;
  const baseQuery = queryOf(context, base.mode, profile);
  const found = await advise({
    profile,
    seed: options.seed,
    replays: context.replays,
    query: baseQuery,
    traffic: await context.replays.traffic(baseQuery),
    base,
    trafficFactor: scale.factor / scale.copies,
    targetFactor: scale.factor,
    modes,
    devices: physical(context.own),
  });
  return { ...result, ...found };
}

/** The mode that the ruleset's own flags come to on a device. */
function ruledMode(ruleset: Ruleset, profile: Profile): OffloadMode {
  if (!hasFlowtable(ruleset)) return 'off';
  const isHardware = ruleset.tables.some((table) => table.flowtables.some((row) => row.offload));
  return isHardware && profile.hardware.present ? 'hardware' : 'software';
}

async function modePlan(context: PlanContext, profile: Profile, mode: OffloadMode): Promise<ModePlan> {
  if (mode === 'hardware' && !profile.hardware.present) return absent(mode, profile.hardware.what);
  const { scale, options, ruleset } = context;
  const asked = queryOf(context, mode, profile);
  const traffic = await context.replays.traffic(asked);
  const software =
    mode === 'hardware' ? await context.replays.traffic(queryOf(context, 'software', profile)) : undefined;
  const device = new Device(profile, traffic, options.seed, { software });
  const unit = scale.factor / scale.copies;
  const found = device.capacity();
  const capacity = { value: found.value * unit, low: found.low * unit, high: found.high * unit };
  return {
    mode,
    ...(asked.ruleset === ruleset ? {} : { note: `with a flowtable over ${physical(context.own).join(', ')}` }),
    shares: taken(shares(traffic), device.engine.taken(scale.copies)),
    capacity,
    saturation: device.saturation(found.value),
    busiestCoreAtMost: device.at(found.value, SEARCH_PACKETS).busiestCore,
    headroom: scaled(capacity, 1 / scale.factor),
    target: device.at(scale.copies),
    cyclesPerPacket: device.cyclesPerPacket(scale.copies),
    tables: tableNotes(device, unit, found.value, scale.copies),
  };
}

export function scaled(band: Band, factor: number): Band {
  return { value: band.value * factor, low: band.low * factor, high: band.high * factor };
}

/** Shares with what the engine does not take. */
function taken(row: ModePlan['shares'], part: number): ModePlan['shares'] {
  const missed = row.hardware * (1 - part);
  return { slow: row.slow, software: row.software + missed, hardware: row.hardware - missed };
}

export function shares({ result }: Traffic): ModePlan['shares'] {
  const packets = [0, 0, 0];
  let all = 0;
  for (let path = 0; path < result.paths.packets.length; path++) {
    // Left out by --match: nothing happened to it.
    if (result.paths.offsets[path] === result.paths.offsets[path + 1]) continue;
    const row = result.paths.pathClass[path] as number;
    packets[row] = (packets[row] ?? 0) + f64(result.paths.packets, path);
    all += f64(result.paths.packets, path);
  }
  const part = (row: number): number => (all > 0 ? (packets[row] ?? 0) / all : 0);
  return { slow: part(0), software: part(1), hardware: part(2) };
}

function absent(mode: OffloadMode, what: string): ModePlan {
  const none: Band = { value: 0, low: 0, high: 0 };
  return {
    mode,
    absent: what === '' || what === 'none' ? 'this device has no forwarding engine' : what,
    shares: { slow: 0, software: 0, hardware: 0 },
    capacity: none,
    saturation: { kind: 'none', name: 'nothing', bursts: false },
    busiestCoreAtMost: none,
    headroom: none,
    target: {
      busiestCore: none,
      allCores: none,
      loss: none,
      lostAt: { 'link-in': 0, host: 0, ring: 0, backlog: 0, engine: 0, 'link-out': 0 },
      p50Ns: none,
      p99Ns: none,
      p999Ns: none,
      jitterNs: none,
      packetsPerInterrupt: 0,
      link: { name: '', load: 0 },
    },
    cyclesPerPacket: none,
    tables: [],
  };
}
