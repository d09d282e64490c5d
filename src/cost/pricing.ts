// Prices the paths of a replay on one device: instructions by the weights of its instruction set, cycles by its
// profile. Linear, so that a packet's cycles are cyclesFixed + cyclesPerOctet * octets on the wire. All of it estimated.
import { f64, u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import { eventKind, kindOf } from '../event/vocabulary.ts';
import { pathFeatures, ruleFeatures } from './features.ts';
import type { Profile } from './profile.ts';
import { receiveCycles, relativeSpread } from './profile.ts';
import { WEIGHTS } from './weights/tables.ts';
import type { WeightTable, WeightVector } from './weights/weights.ts';
import { weightVector } from './weights/weights.ts';

/** Prices by path number. */
export interface Pricing {
  profile: Profile;
  /** Instructions from IP receive, or the ingress hook, to the driver's transmit. */
  instructions: Float64Array;
  /** Cycles of a packet, whatever its length. */
  cyclesFixed: Float64Array;
  /** Cycles for each octet on the wire. */
  cyclesPerByte: Float64Array;
  /** The true cost is expected between cycles * low and cycles * high (about two of three times). */
  low: Float64Array;
  high: Float64Array;
}

const RX = eventKind('rx');
const TX = eventKind('tx');
const HARDWARE = eventKind('hardware');

/** Prices all paths of a table on a device. `names` must be those of the same replay. */
export function price(paths: PathTable, names: EventNames, profile: Profile): Pricing {
  const count = paths.packets.length;
  const pricing: Pricing = {
    profile,
    instructions: new Float64Array(count),
    cyclesFixed: new Float64Array(count),
    cyclesPerByte: new Float64Array(count),
    low: new Float64Array(count),
    high: new Float64Array(count),
  };
  const table = WEIGHTS[profile.instructionSet];
  const adder = new InstructionAdder(table, names);
  for (let path = 0; path < count; path++) pricePath(paths, path, adder, table, pricing);
  return pricing;
}

/** Cycles of one packet of a path. */
export function packetCycles(pricing: Pricing, path: number, octets: number): number {
  return f64(pricing.cyclesFixed, path) + f64(pricing.cyclesPerByte, path) * octets;
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
  table: WeightTable,
  pricing: Pricing,
): void {
  const profile = pricing.profile;
  let received = 0;
  let sent = 0;
  const to = u32(paths.offsets, path + 1);
  for (let at = u32(paths.offsets, path); at < to; at++) {
    const kind = kindOf(u32(paths.words, at));
    if (kind === RX) received++;
    else if (kind === TX) sent++;
    else if (kind === HARDWARE) {
      free(pricing, path);
      return;
    }
  }
  adder.addPath(paths, path);
  const ratio = profile.instructionRatio.value;
  const instructions = adder.total * ratio;
  const perInstruction = profile.cyclesPerInstruction.value;
  const code = instructions * perInstruction;
  const rx = received * receiveCycles(profile);
  const tx = sent * profile.txCycles.value;
  pricing.instructions[path] = instructions;
  pricing.cyclesFixed[path] = code + rx + tx;
  pricing.cyclesPerByte[path] = received > 0 ? profile.cyclesPerOctet.value : 0;
  const octets = f64(paths.packets, path) > 0 ? f64(paths.bytes, path) / f64(paths.packets, path) : 0;
  const perOctet = f64(pricing.cyclesPerByte, path) * octets;
  const spread = combine(code + rx + tx + perOctet, [
    code * table.crossValidatedRms,
    adder.estimated * ratio * perInstruction * 0.5,
    code * relativeSpread(profile.cyclesPerInstruction),
    code * relativeSpread(profile.instructionRatio),
    rx * relativeSpread(profile.rxCycles),
    tx * relativeSpread(profile.txCycles),
    perOctet * relativeSpread(profile.cyclesPerOctet),
  ]);
  pricing.low[path] = 1 / (1 + spread);
  pricing.high[path] = 1 + spread;
}

/** What the hardware forwarded costs the CPU nothing; of that the model is sure. */
function free(pricing: Pricing, path: number): void {
  pricing.low[path] = 1;
  pricing.high[path] = 1;
}

/** Independent errors (in cycles) as a part of the whole. */
function combine(whole: number, errors: number[]): number {
  return whole > 0 ? Math.hypot(...errors) / whole : 0;
}

/** Sums up the weights of a path; what the first n expressions of a rule come to is kept for the next path. */
class InstructionAdder {
  total = 0;
  estimated = 0;
  readonly #weights: WeightVector;
  readonly #names: EventNames;
  readonly #rules = new Map<number, { total: number; estimated: number }>();
  constructor(table: WeightTable, names: EventNames) {
    this.#weights = weightVector(table);
    this.#names = names;
  }

  /** Sets `total` and `estimated` to those of a path. */
  addPath(paths: PathTable, path: number): void {
    this.total = 0;
    this.estimated = 0;
    pathFeatures(paths, path, this.#names, this.#feature, this.#rule);
  }

  readonly #feature = (feature: number, amount: number): void => {
    this.total += f64(this.#weights.instructions, feature) * amount;
    this.estimated += f64(this.#weights.estimated, feature) * amount;
  };

  readonly #rule = (rule: number, count: number): void => {
    const key = rule * 256 + count;
    const known = this.#rules.get(key);
    if (known !== undefined) {
      this.total += known.total;
      this.estimated += known.estimated;
      return;
    }
    const sum = { total: -this.total, estimated: -this.estimated };
    ruleFeatures(this.#names.rules[rule], count, this.#feature);
    sum.total += this.total;
    sum.estimated += this.estimated;
    this.#rules.set(key, sum);
  };
}
