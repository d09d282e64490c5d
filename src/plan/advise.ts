// What would help a device most: each change of the ruleset is replayed, priced and simulated, each of the device
// simulated, and ranked by what it gains. Nothing is guessed; what does not help is said as well.
import { f64, u32 } from '../base/columns.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Profile } from '../cost/profile.ts';
import { processors } from '../cost/profile.ts';
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';
import type { OffloadMode } from '../replay/task.ts';
import { Device } from './device.ts';
import { type Edit, flowtableEdits, orderEdits, setEdits } from './edits.ts';
import type { Advice, Band, ModePlan } from './result.ts';
import type { Replays, Traffic, TrafficQuery } from './traffic.ts';

/** Gains below are not worth a line: about the precision of the search. */
const LEAST_GAIN = 1.03;
/** The same for cycles, where a link and not a core is full. */
const LEAST_SAVED = 0.03;
const RULE = eventKind('rule');

export interface AdviceInput {
  profile: Profile;
  seed: number;
  replays: Replays;
  /** The traffic that changes are tried on, and its query. */
  query: TrafficQuery;
  traffic: Traffic;
  /** Today's capacity against the capture's own load, and the target. */
  base: Pick<ModePlan, 'mode' | 'capacity' | 'saturation' | 'cyclesPerPacket'>;
  /** Load of `traffic` against the capture's own, and the target's. */
  trafficFactor: number;
  targetFactor: number;
  /** The other modes, computed already. */
  modes: ModePlan[];
  devices: string[];
}

/** All changes that help, most first; and the ones that do not. */
export async function advise(input: AdviceInput): Promise<{ advice: Advice[]; useless: string[] }> {
  const advice: Advice[] = [...modeAdvice(input), ...deviceAdvice(input)];
  const { ruleset } = input.query;
  const edits = [
    ...setEdits(ruleset),
    ...orderEdits(ruleset, ruleMatches(input.traffic, ruleset)),
    ...flowtableEdits(ruleset, input.devices),
  ];
  const useless: string[] = [];
  for (const edit of edits) {
    const row = await editAdvice(input, edit);
    if (edit.keepsFates && row.changedPackets !== 0) useless.push(`${edit.change} (changes what becomes of packets)`);
    else advice.push(row);
  }
  const helps = (row: Advice): boolean =>
    row.gain >= LEAST_GAIN || (row.saved >= LEAST_SAVED && row.gain > 1 / LEAST_GAIN);
  return {
    advice: advice.filter(helps).sort(byGain),
    useless: [...advice.filter((row) => !helps(row)).map((row) => row.change), ...useless],
  };
}

/** What lets more through first, then what saves most; gains that the search cannot tell apart are alike. */
function byGain(a: Advice, b: Advice): number {
  const steps = (gain: number): number => Math.round(Math.log(gain) / Math.log(LEAST_GAIN));
  return steps(b.gain) - steps(a.gain) || b.saved - a.saved;
}

const MODE_CHANGES: Partial<Record<OffloadMode, string>> = {
  software: 'flows offloaded in software',
  hardware: 'flows offloaded in hardware',
};

function modeAdvice(input: AdviceInput): Advice[] {
  return input.modes.flatMap((mode) => {
    const change = MODE_CHANGES[mode.mode];
    if (change === undefined || mode.absent !== undefined || mode.mode === input.base.mode) return [];
    return [
      {
        change: mode.note === undefined ? change : `${change}, ${mode.note}`,
        capacity: mode.capacity,
        ...gains(input, mode.capacity, mode.cyclesPerPacket),
        cyclesPerPacket: mode.cyclesPerPacket,
        busiestCore: mode.target.busiestCore,
        caveat: 'rules for single packets no longer see offloaded connections: nftreplay audit tells which',
      },
    ];
  });
}

/** Spreading over all processors, a larger connection table, larger rings. */
function deviceAdvice(input: AdviceInput): Advice[] {
  const { profile, traffic, seed } = input;
  const { count } = processors(profile);
  const rows: Advice[] = [];
  if (count > profile.receiveCores.value) {
    const device = new Device(profile, traffic, seed, { steering: true });
    rows.push(simulated(input, device, `packet steering (RPS) over all ${count} processors`));
  }
  if (input.base.saturation.kind === 'connection table') {
    const connectionLimit = traffic.result.conntrackLimit * 4;
    const device = new Device(profile, traffic, seed, { connectionLimit });
    rows.push(simulated(input, device, `a connection table of ${connectionLimit} (net.netfilter.nf_conntrack_max)`));
  }
  if (input.base.saturation.kind === 'ring') {
    const ringPackets = profile.rxRing.value * 4;
    const device = new Device(profile, traffic, seed, { ringPackets });
    rows.push(simulated(input, device, `receive rings of ${ringPackets} descriptors (ethtool -G, if the driver can)`));
  }
  return rows;
}

async function editAdvice(input: AdviceInput, edit: Edit): Promise<Advice> {
  const traffic = await input.replays.traffic({ ...input.query, ruleset: edit.ruleset });
  const device = new Device(input.profile, traffic, input.seed);
  return {
    ...simulated(input, device, edit.change),
    ...(edit.where === undefined ? {} : { where: edit.where }),
    ...(edit.caveat === undefined ? {} : { caveat: edit.caveat }),
    changedPackets: changedPackets(input.traffic, traffic),
    replayedPackets: traffic.columns.rows,
  };
}

function simulated(input: AdviceInput, device: Device, change: string): Advice {
  const unit = input.trafficFactor;
  const guess = (input.base.capacity.value / unit) * 1.1;
  const found = device.capacity(guess > 0 ? guess : undefined);
  const capacity = { value: found.value * unit, low: found.low * unit, high: found.high * unit };
  const cyclesPerPacket = device.cyclesPerPacket(input.targetFactor / unit);
  return {
    change,
    capacity,
    ...gains(input, capacity, cyclesPerPacket),
    cyclesPerPacket,
    busiestCore: device.at(input.targetFactor / unit).busiestCore,
  };
}

/** Gains and savings against today; ends against the same end today, for one machine has one price of an instruction. */
function gains(
  { base }: AdviceInput,
  capacity: Band,
  cycles: Band,
): Pick<Advice, 'gain' | 'gainBand' | 'saved' | 'savedBand'> {
  const gainBand = each(capacity, base.capacity, (now, today) => {
    if (today > 0) return now / today;
    return now > 0 ? Number.POSITIVE_INFINITY : 1;
  });
  const savedBand = each(cycles, base.cyclesPerPacket, (now, today) => (today > 0 ? 1 - now / today : 0));
  return { gain: gainBand.value, gainBand, saved: savedBand.value, savedBand };
}

function each(now: Band, today: Band, of: (now: number, today: number) => number): Band {
  const value = of(now.value, today.value);
  const ends = [of(now.low, today.low), of(now.high, today.high), value];
  return { value, low: Math.min(...ends), high: Math.max(...ends) };
}

/** Packets whose verdict or way out is another. */
function changedPackets(before: Traffic, after: Traffic): number {
  const a = before.columns;
  const b = after.columns;
  let changed = 0;
  for (let row = 0; row < Math.min(a.rows, b.rows); row++) {
    const verdict = before.result.paths.verdict[u32(a.path, row)];
    if (verdict !== after.result.paths.verdict[u32(b.path, row)] || a.outLink[row] !== b.outLink[row]) changed++;
  }
  return changed;
}

/** [global rule] packets that matched it. */
export function ruleMatches({ result }: Traffic, ruleset: Ruleset): Float64Array {
  const { paths } = result;
  const rules = ruleset.tables.reduce(
    (sum, table) => sum + table.chains.reduce((n, row) => n + row.rules.length, 0),
    0,
  );
  const matched = new Float64Array(rules);
  for (let path = 0; path < paths.packets.length; path++) {
    for (let at = u32(paths.offsets, path); at < u32(paths.offsets, path + 1); at++) {
      const word = u32(paths.words, at);
      if (kindOf(word) !== RULE || (argumentOf(word) & 0xff) !== RULE_MATCHED) continue;
      const rule = argumentOf(word) >>> 8;
      if (rule < rules) matched[rule] = f64(matched, rule) + f64(paths.packets, path);
    }
  }
  return matched;
}
