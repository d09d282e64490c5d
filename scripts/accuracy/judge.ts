// The judgement: which runs are fitted, what the fitted profiles say of each figure, and whether that holds it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FittedKey, Measured, Terms } from '../../src/cost/fit-profile.ts';
import { FITTED_KEYS, fitProfile, noTerms, priceTerms, RATIO_KEYS } from '../../src/cost/fit-profile.ts';
import { packetsPerPoll } from '../../src/cost/load.ts';
import { packetCycles, price } from '../../src/cost/pricing.ts';
import type { Profile } from '../../src/cost/profile.ts';
import { clockHz, processors, relativeSpread } from '../../src/cost/profile.ts';
import { WEIGHTS } from '../../src/cost/weights/tables.ts';
import type { Observed } from '../calibrate/observe.ts';
import { observe } from '../calibrate/observe.ts';
import type { Figure } from './figures.ts';
import { FIGURES } from './figures.ts';
import { judgeSet, lookupScatter, ratePoint, replaySelftests } from './judge-sets.ts';
import { SET_FIGURES, type SetFigure } from './set-figures.ts';

export interface Verdict {
  id: string;
  profile: string;
  what: string;
  unit: string;
  value: number;
  estimate: number;
  low: number;
  high: number;
  use: 'fitted' | 'left out';
  full: boolean;
  /** Nothing that the CPU decides. */
  limited: boolean;
}

export interface Outcome {
  verdicts: Verdict[];
  fitted: { profile: Profile; keys: FittedKey[]; before: Profile }[];
}

const SEED = 'nftreplay-1';
/** How far one published figure may be off by itself: full setup, partial setup. */
const FIGURE_SPREAD = { full: 0.1, partial: 0.25 } as const;
/** TCP on a line that is full: headers of 90 of 1,538 octets, and what senders leave. */
const GOODPUT = 1448 / 1538;
const LINE_SPREAD = 0.05;
/** Percent of the CPU that a router needs beside forwarding. */
const BACKGROUND = 5;

/** Fits, predicts, compares. */
export async function accuracy(profiles: Profile[], dump: string): Promise<Outcome> {
  const replays = new Map<string, Observed>();
  for (const scenario of new Set(FIGURES.flatMap((row) => row.parts.map((part) => part.scenario)))) {
    const folder = join(dump, scenario);
    const { measured_packets: packets } = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8'));
    replays.set(scenario, await observe({ name: scenario, measured: {}, hop: {}, folder, packets }));
  }
  await replaySelftests(SET_FIGURES);
  const fitRuns = chooseRuns();
  const outcome: Outcome = { verdicts: [], fitted: [] };
  const fittedProfiles = new Map<string, Profile>();
  for (const before of profiles) {
    const figures = FIGURES.filter((row) => row.profile === before.name);
    const sets = SET_FIGURES.filter((row) => row.profile === before.name);
    if (figures.length + sets.length === 0) continue;
    const chosenSets = sets.filter((row) => fitRuns.has(row.run));
    const points = [
      ...figures
        .filter((row) => fitRuns.has(row.run) && row.limit === undefined)
        .map((row) => point(row, before, replays)),
    ];
    const profile = fittedInTurn(before, points, chosenSets);
    const keys = [...FITTED_KEYS, ...RATIO_KEYS].filter((key) => profile[key] !== before[key]);
    const kept = points.length > 0 ? profile : fromDrops(profile);
    if (keys.length > 0) outcome.fitted.push({ profile: kept, keys, before });
    const use = (run: string, limited: boolean) => (fitRuns.has(run) && !limited ? 'fitted' : 'left out');
    for (const row of figures) {
      outcome.verdicts.push({ ...judge(row, profile, replays), use: use(row.run, row.limit !== undefined) });
    }
    fittedProfiles.set(before.name, profile);
  }
  const scatter = lookupScatter(
    SET_FIGURES.filter((row) => fitRuns.has(row.run)),
    fittedProfiles,
  );
  for (const row of SET_FIGURES) {
    const profile = fittedProfiles.get(row.profile);
    if (profile === undefined) continue;
    const use = fitRuns.has(row.run) ? 'fitted' : 'left out';
    outcome.verdicts.push({ ...judgeSet(row, profile, scatter), use });
  }
  return outcome;
}

/** How far a path may be off that is said from drops alone: what is fixed in them cannot be told from what grows with a path. */
const DROP_SPREAD = 0.4;

/** A profile fitted to drops and look-ups only: sure of those, less of whole paths. */
function fromDrops(profile: Profile): Profile {
  const { cyclesPerInstruction: was } = profile;
  const low = Number((was.value * (1 - DROP_SPREAD)).toPrecision(4));
  const high = Number((was.value * (1 + DROP_SPREAD)).toPrecision(4));
  return { ...profile, cyclesPerInstruction: { ...was, low, high } };
}

/** Rounds until the two fits agree. */
const ROUNDS = 6;

/**
 * Whole paths (and drops alone) tell cycles per instruction and the driver's numbers; single look-ups beside drops tell how much
 * less an instruction of theirs costs. One depends on the other, so they are fitted in turn, each from the profile's own numbers.
 */
function fittedInTurn(before: Profile, points: Measured[], sets: readonly SetFigure[]): Profile {
  let profile = before;
  for (let round = 0; round < ROUNDS; round++) {
    const { ruleRatio, scanRatio } = profile;
    const start = { ...before, ruleRatio, scanRatio };
    const drops = sets.filter((row) => row.lookup === 'none').map((row) => ratePoint(row, start));
    const whole = fitted(start, [...points, ...drops], FITTED_KEYS);
    const lookups = sets.filter((row) => row.lookup !== 'none').map((row) => ratePoint(row, whole));
    const again = { ...whole, ruleRatio: before.ruleRatio, scanRatio: before.scanRatio };
    profile = fitted(again, lookups, RATIO_KEYS);
  }
  return profile;
}

function fitted(profile: Profile, points: Measured[], keys: readonly FittedKey[]): Profile {
  return fitProfile(profile, points, keys, `fitted to ${names(points)} (scripts/accuracy.ts)`, 'published').profile;
}

function names(points: Measured[]): string {
  return points.map((row) => `[${row.name}]`).join(' ');
}

/** Of each profile's runs the first half by a seeded hash; a profile with a single run is predicted only. */
function chooseRuns(): Set<string> {
  const chosen = new Set<string>();
  const rows = [...FIGURES.filter((row) => row.limit === undefined), ...SET_FIGURES];
  for (const profile of new Set(rows.map((row) => row.profile))) {
    const runs = [...new Set(rows.filter((row) => row.profile === profile).map((row) => row.run))];
    runs.sort((a, b) => hash(SEED + a) - hash(SEED + b));
    if (runs.length > 1) for (const run of runs.slice(0, Math.ceil(runs.length / 2))) chosen.add(run);
  }
  return chosen;
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/** The profile as the figure's setup has it: GRO, and the packets that share an interrupt at its rate. */
function asMeasured(row: Figure, profile: Profile, replays: Map<string, Observed>): Profile {
  const one = { ...profile.groSegments, value: 1 };
  const set =
    row.gro === false ? { ...profile, groSegments: one, groCycles: { ...profile.groCycles, value: 0 } } : profile;
  if (row.rate === undefined) return set;
  const packets = row.parts.reduce((sum, part) => sum + part.times, 0);
  const cores = row.unit === '% idle' ? 1 : processors(profile).count;
  const none = { ...set, interruptCycles: { ...set.interruptCycles, value: 0 } };
  const each = cyclesOf(row, none, replays).cycles / packets;
  const shared = packetsPerPoll(set, (row.rate * packets) / cores, each);
  return { ...set, packetsPerPoll: { ...set.packetsPerPoll, value: shared } };
}

function cyclesOf(row: Figure, profile: Profile, replays: Map<string, Observed>): { cycles: number; spread: number } {
  let cycles = moreInstructions(row, profile) * profile.cyclesPerInstruction.value;
  // What was guessed by us is half as sure as what was measured.
  let error = (row.moreInstructions ?? 0) * profile.cyclesPerInstruction.value * 0.5;
  for (const part of row.parts) {
    const { paths, names: all, measured } = replays.get(part.scenario) as Observed;
    const path = measured[0] as number;
    const pricing = price(paths, all, profile);
    const here = packetCycles(pricing, path, part.octets) * part.times;
    cycles += here;
    error += here * ((pricing.high[path] as number) - 1);
  }
  return { cycles, spread: error / cycles };
}

/** Instructions beside those of the parts. */
function moreInstructions(row: Figure, profile: Profile): number {
  const { rows } = WEIGHTS[profile.instructionSet];
  const features = Object.entries(row.moreFeatures ?? {}).reduce(
    (sum, [name, times]) => sum + (rows[name]?.instructions ?? 0) * times,
    0,
  );
  return (row.moreInstructions ?? 0) + features * profile.instructionRatio.value;
}

function point(row: Figure, before: Profile, replays: Map<string, Observed>): Measured {
  const profile = asMeasured(row, before, replays);
  const sum: Terms = { constant: 0, terms: noTerms() };
  for (const part of row.parts) {
    const { paths, names: all, measured } = replays.get(part.scenario) as Observed;
    const terms = priceTerms(paths, all, profile, (pricing) =>
      packetCycles(pricing, measured[0] as number, part.octets),
    );
    sum.constant += terms.constant * part.times;
    for (const key of FITTED_KEYS) sum.terms[key] += terms.terms[key] * part.times;
  }
  sum.terms.cyclesPerInstruction += moreInstructions(row, profile);
  return {
    ...sum,
    name: row.id,
    cycles: inCycles(row, profile, row.value),
    spread: FIGURE_SPREAD[row.full ? 'full' : 'partial'],
  };
}

/** Cycles of all processors that the figure speaks of. */
function capacity(row: Figure, profile: Profile): number {
  if (row.unit === '% idle' || (row.busy === undefined && row.unit !== '% busy')) return clockHz(profile);
  const { count, hz } = processors(profile);
  return count * hz * (row.busy ?? 1);
}

/** Cycles for each data packet that a value of the figure means; the same the other way round in `inUnits`. */
function inCycles(row: Figure, profile: Profile, value: number): number {
  const hz = capacity(row, profile);
  if (row.unit === 'cycles') return value;
  if (row.unit === 'kpps') return hz / (value * 1e3);
  if (row.unit === 'Mbit/s') return (hz * 8 * 1448) / (value * 1e6);
  const busy = (row.unit === '% idle' ? 100 - value : value) - (row.background ?? 0);
  return (hz * busy) / 100 / (row.rate ?? 1);
}

function inUnits(row: Figure, profile: Profile, cycles: number): number {
  const hz = capacity(row, profile);
  if (row.unit === 'cycles') return cycles;
  if (row.unit === 'kpps') return hz / cycles / 1e3;
  if (row.unit === 'Mbit/s') return Math.min((hz / cycles) * 8 * 1448e-6, profile.linkRate.value * GOODPUT);
  const busy = Math.min(100, ((row.rate ?? 1) * cycles * 100) / hz + (row.background ?? 0));
  return row.unit === '% idle' ? 100 - busy : busy;
}

function judge(row: Figure, fitted: Profile, replays: Map<string, Observed>): Omit<Verdict, 'use'> {
  const known = { ...base(row), full: row.full, limited: row.limit !== undefined };
  if (row.limit !== undefined) {
    if (row.unit === '% busy') return { ...known, estimate: 0, low: 0, high: BACKGROUND };
    const line = fitted.linkRate.value * GOODPUT;
    return { ...known, estimate: line, low: line * (1 - LINE_SPREAD), high: line * (1 + LINE_SPREAD) };
  }
  const profile = asMeasured(row, fitted, replays);
  const { cycles, spread } = cyclesOf(row, profile, replays);
  const whole = row.unit === 'cycles' ? spread : Math.hypot(spread, relativeSpread(profile.clock));
  const ends = [inUnits(row, profile, cycles * (1 + whole)), inUnits(row, profile, cycles / (1 + whole))];
  return { ...known, estimate: inUnits(row, profile, cycles), low: Math.min(...ends), high: Math.max(...ends) };
}

function base(row: Figure): Pick<Verdict, 'id' | 'profile' | 'what' | 'unit' | 'value'> {
  return { id: row.id, profile: row.profile, what: row.what, unit: row.unit, value: row.value };
}
