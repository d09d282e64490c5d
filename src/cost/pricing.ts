// Prices the paths of a replay on one device: instructions by the weights of its instruction set, cycles by its
// profile. Linear, so that a packet's cycles are fixed + cyclesPerByte * octets on the wire (`packetCycles`), where the fixed
// part is smaller for bulk TCP on a device with GRO. All of it estimated: each price carries an interval.
import { f64, u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import { argumentOf, EVENTS, eventKind, kindOf } from '../event/vocabulary.ts';
import { FEATURES, pathFeatures, ruleFeatures } from './features.ts';
import { interruptShare } from './load.ts';
import type { WorkingSet } from './memory.ts';
import { MemoryPrices, SMALL_WORKING_SET } from './memory.ts';
import type { Profile } from './profile.ts';
import { relativeSpread } from './profile.ts';
import { WEIGHTS } from './weights/tables.ts';
import type { WeightTable, WeightVector } from './weights/weights.ts';
import { weightVector } from './weights/weights.ts';

/** Packets of at least so many octets on the wire are bulk: GRO joins them, if they are TCP (a class of length starts here). */
export const BULK_OCTETS = 1025;

/** Prices by path number, for a device whose processors are full (interrupts shared by as many packets as there can be). */
export interface Pricing {
  profile: Profile;
  /** Instructions from IP receive, or the ingress hook, to the driver's transmit. */
  instructions: Float64Array;
  /** Cycles of a packet, whatever its length. */
  cyclesFixed: Float64Array;
  /** The same for packets of BULK_OCTETS and more: less than cyclesFixed where GRO joins them. */
  cyclesBulk: Float64Array;
  /** Part of cyclesFixed: lines of connections, flows and sets that the caches do not hold. */
  memory: Float64Array;
  /** Cycles for each octet on the wire. */
  cyclesPerByte: Float64Array;
  /** Share of interrupts in cyclesFixed and cyclesBulk: without it, what a packet costs in a poll (src/cost/load.ts). */
  interrupts: Float64Array;
  /** The true cost is expected between cycles * low and cycles * high (four times of five). */
  low: Float64Array;
  high: Float64Array;
}

const RX = eventKind('rx');
const TX = eventKind('tx');
const HARDWARE = eventKind('hardware');
const SEGMENT = eventKind('gso-segment');
const TCP = 6;

/** Prices all paths of a table on a device. `names` must be those of the same replay; `state`: entries in use at once. */
export function price(
  paths: PathTable,
  names: EventNames,
  profile: Profile,
  state: WorkingSet = SMALL_WORKING_SET,
): Pricing {
  const count = paths.packets.length;
  const column = () => new Float64Array(count);
  const pricing: Pricing = {
    profile,
    instructions: column(),
    cyclesFixed: column(),
    cyclesBulk: column(),
    memory: column(),
    cyclesPerByte: column(),
    interrupts: column(),
    low: column(),
    high: column(),
  };
  const table = WEIGHTS[profile.instructionSet];
  const adder = new InstructionAdder(table, names);
  const memory = new MemoryPrices(profile, names, state);
  for (let path = 0; path < count; path++) pricePath(paths, path, adder, memory, table, pricing);
  return pricing;
}

/** Cycles of one packet of a path. */
export function packetCycles(pricing: Pricing, path: number, octets: number): number {
  const fixed = octets >= BULK_OCTETS ? f64(pricing.cyclesBulk, path) : f64(pricing.cyclesFixed, path);
  return fixed + f64(pricing.cyclesPerByte, path) * octets;
}

/** Instructions of one path by a table of weights (the calibration's way in: no profile, no cycles). */
export function pathInstructions(paths: PathTable, path: number, names: EventNames, table: WeightTable): number {
  const adder = new InstructionAdder(table, names);
  adder.addPath(paths, path);
  return adder.total;
}

function pricePath(
  paths: PathTable,
  path: number,
  adder: InstructionAdder,
  memory: MemoryPrices,
  table: WeightTable,
  pricing: Pricing,
): void {
  const profile = pricing.profile;
  const way = wayOf(paths, path);
  if (way.hardware) {
    free(pricing, path);
    return;
  }
  adder.addPath(paths, path);
  const ratio = profile.instructionRatio.value;
  const perInstruction = profile.cyclesPerInstruction.value;
  const { rules, scans } = adder;
  const inRules = rules * profile.ruleRatio.value * ratio * perInstruction;
  const inScans = scans * profile.scanRatio.value * ratio * perInstruction;
  const code = (adder.total - rules - scans) * ratio * perInstruction + inRules + inScans;
  const missed = memory.path(paths, path);
  const rx = way.received * way.segments * profile.rxCycles.value;
  const gro = way.received * way.segments * profile.groCycles.value;
  const tx = way.sent * way.segments * profile.txCycles.value;
  const interrupts = way.received * way.segments * interruptShare(profile);
  const driver = rx + gro + tx + interrupts;
  const joined = way.joins ? Math.max(1, profile.groSegments.value) : 1;
  const cut = joined > 1 ? profile.segmentCycles.value : 0;
  pricing.instructions[path] = adder.total * ratio;
  pricing.interrupts[path] = interrupts;
  pricing.memory[path] = missed;
  pricing.cyclesFixed[path] = code + missed + driver;
  pricing.cyclesBulk[path] = (code + missed) / joined + cut + driver;
  pricing.cyclesPerByte[path] = way.received > 0 ? profile.cyclesPerOctet.value : 0;
  const octets = f64(paths.packets, path) > 0 ? f64(paths.bytes, path) / f64(paths.packets, path) : 0;
  const part = octets >= BULK_OCTETS ? 1 / joined : 1;
  const perOctet = f64(pricing.cyclesPerByte, path) * octets;
  const bulk = part < 1 ? cut : 0;
  const whole = (code + missed) * part + bulk + driver + perOctet;
  const spread = combine(whole, [
    code * part * table.crossValidatedRms * TO_FOUR_OF_FIVE,
    adder.estimated * part * ratio * perInstruction * 0.5,
    code * part * relativeSpread(profile.cyclesPerInstruction),
    inRules * part * relativeSpread(profile.ruleRatio),
    inScans * part * relativeSpread(profile.scanRatio),
    code * part * relativeSpread(profile.instructionRatio),
    missed * part * Math.hypot(relativeSpread(profile.memoryCycles), USE_SPREAD),
    part < 1 ? (code + missed) * part * relativeSpread(profile.groSegments) : 0,
    bulk * relativeSpread(profile.segmentCycles),
    rx * relativeSpread(profile.rxCycles),
    gro * relativeSpread(profile.groCycles),
    tx * relativeSpread(profile.txCycles),
    interrupts * relativeSpread(profile.interruptCycles),
    perOctet * relativeSpread(profile.cyclesPerOctet),
    whole * profile.modelSpread.value,
  ]);
  pricing.low[path] = 1 / (1 + spread);
  pricing.high[path] = 1 + spread;
}

/** State is taken to be used evenly; where some of it is used more than the rest, caches hold more of what is needed. */
const USE_SPREAD = 0.5;
/** A normal error's rms to the half width that holds four of five. */
const TO_FOUR_OF_FIVE = 1.28;

interface Way {
  hardware: boolean;
  /** Frames received and sent, and packets on the wire that one of them stands for (a capture of joined packets). */
  received: number;
  sent: number;
  segments: number;
  /** GRO may join packets of this path: forwarded, and TCP as far as the path says. */
  joins: boolean;
}

function wayOf(paths: PathTable, path: number): Way {
  const way: Way = { hardware: false, received: 0, sent: 0, segments: 1, joins: true };
  let forwarded = false;
  const to = u32(paths.offsets, path + 1);
  for (let at = u32(paths.offsets, path); at < to; at++) {
    const word = u32(paths.words, at);
    const kind = kindOf(word);
    if (kind === RX) way.received++;
    else if (kind === TX) way.sent++;
    else if (kind === HARDWARE) way.hardware = true;
    else if (kind === SEGMENT) way.segments = Math.max(1, argumentOf(word));
    if (FORWARDS.has(kind)) forwarded = true;
    if (NAMES_PROTOCOL[kind] && (argumentOf(word) & 0xff) !== TCP) way.joins = false;
  }
  if (!forwarded || way.segments > 1) way.joins = false;
  return way;
}

const FORWARDS: ReadonlySet<number> = new Set([eventKind('forward'), eventKind('flow-hit')]);
const NAMES_PROTOCOL: readonly boolean[] = EVENTS.map((event) => event.argument === 'protocol');

/** What the hardware forwarded costs the CPU nothing; of that the model is sure. */
function free(pricing: Pricing, path: number): void {
  pricing.low[path] = 1;
  pricing.high[path] = 1;
}

/** Independent errors (in cycles) as a part of the whole. */
function combine(whole: number, errors: number[]): number {
  return whole > 0 ? Math.hypot(...errors) / whole : 0;
}

/** Rows of FEATURES that are loops over the look-up tables of pipapo, where the kernel has no vectors for them. */
const SCANS = FEATURES.flatMap((name, index) => (name.startsWith('expr.lookup-pipapo') ? [index] : []));

/** Sums up the weights of a path; what the first n expressions of a rule come to is kept for the next path. */
class InstructionAdder {
  total = 0;
  estimated = 0;
  /** Of the total: expressions of rules, but for `scans`. */
  rules = 0;
  scans = 0;
  readonly #weights: WeightVector;
  readonly #names: EventNames;
  readonly #scans: ReadonlySet<number>;
  readonly #rules = new Map<number, { total: number; estimated: number; scans: number }>();
  constructor(table: WeightTable, names: EventNames) {
    this.#weights = weightVector(table);
    this.#names = names;
    this.#scans = new Set(table.instructionSet === 'x86-64' ? [] : SCANS);
  }

  /** Sets all sums to those of a path. */
  addPath(paths: PathTable, path: number): void {
    this.total = 0;
    this.estimated = 0;
    this.rules = 0;
    this.scans = 0;
    pathFeatures(paths, path, this.#names, this.#feature, this.#rule);
  }

  readonly #feature = (feature: number, amount: number): void => {
    const instructions = f64(this.#weights.instructions, feature) * amount;
    this.total += instructions;
    if (this.#scans.has(feature)) this.scans += instructions;
    this.estimated += f64(this.#weights.estimated, feature) * amount;
  };

  readonly #rule = (rule: number, count: number, isV6: boolean): void => {
    const key = (rule * 256 + count) * 2 + (isV6 ? 1 : 0);
    let sum = this.#rules.get(key);
    if (sum === undefined) {
      const { total, estimated, scans } = this;
      ruleFeatures(this.#names.rules[rule], count, isV6, this.#feature);
      sum = { total: this.total - total, estimated: this.estimated - estimated, scans: this.scans - scans };
      this.#rules.set(key, sum);
    } else {
      this.total += sum.total;
      this.estimated += sum.estimated;
      this.scans += sum.scans;
    }
    this.rules += sum.total - sum.scans;
  };
}
