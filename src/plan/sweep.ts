// Tables of the highest load over one thing that changes: rules before the ones that match, the engine's table, the
// packet from which on flows are offloaded, the size of packets.
import { f64 } from '../base/columns.ts';
import type { Expression } from '../bytecode/expression.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { WorkingSet } from '../cost/memory.ts';
import { type Pricing, price } from '../cost/pricing.ts';
import type { Profile } from '../cost/profile.ts';
import type { RuleShape } from '../event/vocabulary.ts';
import type { OffloadMode } from '../replay/task.ts';
import { Device } from './device.ts';
import { hasFlowtable } from './edits.ts';
import { type PlanContext, queryOf, scaled, shares } from './plan.ts';
import type { Band, Sweep, SweepRow } from './result.ts';
import { withMissedRules, withOctets } from './rewrite-paths.ts';
import type { Traffic } from './traffic.ts';

/** What can be swept. */
export const SWEEPS = ['rules', 'flowtable-size', 'threshold', 'packet-size'] as const;
export type SweepKind = (typeof SWEEPS)[number];

const RULES = [0, 10, 100, 1000, 10_000];
const ENTRIES = [256, 1024, 4096, 8192, 16_384, 65_536];
const THRESHOLDS = [0, 2, 5, 10, 20, 50, 100, 1000];
const SIZES = [64, 128, 256, 512, 1024, 1500];
/** As many missed rules tell the interval of many. */
const MANY = 64;
/** Packets of each simulation. */
const PACKETS = 60_000;

/** The tables of one sweep for one device. */
export async function sweep(context: PlanContext, kind: SweepKind, profile: Profile): Promise<Sweep[]> {
  switch (kind) {
    case 'rules':
      return [await sweepRules(context, profile)];
    case 'flowtable-size':
      return [await sweepEntries(context, profile)];
    case 'threshold':
      return [await sweepThreshold(context, profile)];
    default:
      return sweepSize(context, profile);
  }
}

function modesOf(context: PlanContext, profile: Profile): OffloadMode[] {
  return context.options.modes.filter((mode) => mode !== 'hardware' || profile.hardware.present);
}

const COLUMN: Record<OffloadMode, string> = {
  'as-ruled': 'as ruled',
  off: 'off',
  software: 'software',
  hardware: 'hardware',
};

/** Mbit/s of the capture's own traffic times the highest load. */
function carried(context: PlanContext, device: Device, guess: number | undefined): { band: Band; factor: number } {
  const found = device.capacity(guess);
  const { scale, own } = context;
  const megabits = (own.columns.octetsInAll * 8e3) / own.columns.periodNs;
  return { band: scaled(found, (scale.factor / scale.copies) * megabits), factor: found.value };
}

async function sweepRules(context: PlanContext, profile: Profile): Promise<Sweep> {
  const chain = forwardChain(context.ruleset);
  const modes = modesOf(context, profile);
  const rows: SweepRow[] = RULES.map((value) => ({ value: value.toLocaleString('en-US'), cells: [] }));
  const notes: string[] = [];
  const columns = ['rules'];
  const shapes: [string, OffloadMode, (count: number) => Inserted][] = [
    ...modes.map((mode): [string, OffloadMode, (count: number) => Inserted] => [COLUMN[mode], mode, missedRules]),
    ['off, one set', 'off', (count) => lookup('lookup-hash', count)],
    ['off, interval set', 'off', (count) => lookup('lookup-rbtree', count)],
  ];
  if (chain === undefined)
    notes.push('the ruleset has no chain that filters what is forwarded: nothing to add rules to');
  for (const [name, mode, inserted] of shapes) {
    if (chain === undefined) break;
    columns.push(name);
    const traffic = await context.replays.traffic(queryOf(context, mode, profile));
    let guess: number | undefined;
    for (const [index, count] of RULES.entries()) {
      const device = new Device(profile, traffic, context.options.seed, {
        searchPackets: PACKETS,
        prices: pricesWith(traffic, profile, chain.index, inserted(count)),
      });
      const { band, factor } = carried(context, device, guess);
      rows[index]?.cells.push(band);
      guess = factor > 0 ? factor : undefined;
    }
  }
  const name = chain === undefined ? '' : ` at the front of chain ${chain.name}`;
  const title = `Highest load in Mbit/s over rules that never match (ip saddr ADDRESS drop)${name}, by offload`;
  return { kind: 'rules', title, profile: profile.name, columns, rows, notes };
}

interface Inserted {
  shape: RuleShape;
  evaluated: number;
  count: number;
}

function missedRules(count: number): Inserted {
  return {
    shape: shapeOf([
      { cost: 'meta', size: 1 },
      { cost: 'cmp', size: 1 },
      { cost: 'payload', size: 4 },
      { cost: 'cmp', size: 4 },
      { cost: 'verdict', size: 0 },
    ]),
    evaluated: 4,
    count,
  };
}

function lookup(cost: 'lookup-hash' | 'lookup-rbtree', size: number): Inserted {
  return {
    shape: shapeOf([
      { cost: 'meta', size: 1 },
      { cost: 'cmp', size: 1 },
      { cost: 'payload', size: 4 },
      { cost, size },
      { cost: 'verdict', size: 0 },
    ]),
    evaluated: 4,
    count: size === 0 ? 0 : 1,
  };
}

function shapeOf(expressions: RuleShape['expressions']): RuleShape {
  return { chain: 'plan', place: 0, handle: 0, expressions };
}

/** Prices of a traffic's paths with rules inserted: what one costs is exact, and many cost so many times that. */
function pricesWith({ result }: Traffic, profile: Profile, chain: number, inserted: Inserted) {
  const { paths, names } = result;
  const few = Math.min(inserted.count, MANY);
  const some = withMissedRules(paths, names, chain, { ...inserted, count: few });
  return (state: WorkingSet): Pricing => {
    const pricing = price(some.paths, some.names, profile, state);
    if (inserted.count <= few) return pricing;
    const before = price(paths, names, profile, state);
    const times = inserted.count / few;
    const grow = (into: Float64Array, from: Float64Array): void => {
      for (let path = 0; path < into.length; path++) {
        into[path] = f64(from, path) + (f64(into, path) - f64(from, path)) * times;
      }
    };
    grow(pricing.cyclesFixed, before.cyclesFixed);
    grow(pricing.cyclesBulk, before.cyclesBulk);
    grow(pricing.instructions, before.instructions);
    return pricing;
  };
}

/** The first chain that filters what is forwarded, by its global index. */
function forwardChain(ruleset: Ruleset): { index: number; name: string } | undefined {
  let index = 0;
  let best: { index: number; name: string; rules: number; priority: number } | undefined;
  for (const table of ruleset.tables) {
    for (const chain of table.chains) {
      const { base } = chain;
      const isIp = table.family === 'ip' || table.family === 'inet';
      if (isIp && base?.hook === 'forward' && base.type === 'filter') {
        const row = { index, name: chain.name, rules: chain.rules.length, priority: base.priority };
        // Of several the one where most is decided.
        if (best === undefined || row.rules > best.rules) best = row;
      }
      index++;
    }
  }
  return best;
}

async function sweepEntries(context: PlanContext, profile: Profile): Promise<Sweep> {
  const rows: SweepRow[] = [];
  const notes = ['the software flowtable has no limit: it only leaves the caches'];
  const columns = ['entries', 'most, Mbit/s', 'flows held at the highest load', 'busiest core at the target'];
  if (!profile.hardware.present) {
    notes.unshift('this device has no forwarding engine, so no table of limited size');
  } else {
    let guess: number | undefined;
    for (const entries of ENTRIES) {
      const unit = { ...(profile.hardware.entries ?? NO_ENTRIES), value: entries };
      const sized: Profile = { ...profile, hardware: { ...profile.hardware, entries: unit } };
      const traffic = await context.replays.traffic(queryOf(context, 'hardware', sized));
      const software = await context.replays.traffic(queryOf(context, 'software', sized));
      const device = new Device(sized, traffic, context.options.seed, { searchPackets: PACKETS, software });
      const { band, factor } = carried(context, device, guess);
      guess = factor > 0 ? factor : undefined;
      const core = device.at(context.scale.copies).busiestCore;
      rows.push({
        value: entries.toLocaleString('en-US'),
        cells: [band, percent(device.engine.fit(factor)), percentBand(core)],
      });
    }
  }
  const title = "Highest load over the entries of the engine's table (a connection takes two)";
  return { kind: 'flowtable-size', title, profile: profile.name, columns, rows, notes };
}

const NO_ENTRIES = { value: 0, unit: 'entries', source: 'the sweep', confidence: 'estimate' as const };

async function sweepThreshold(context: PlanContext, profile: Profile): Promise<Sweep> {
  const modes = modesOf(context, profile).filter((mode) => mode !== 'off');
  const rows: SweepRow[] = [];
  const columns = ['packets', ...modes.flatMap((mode) => [COLUMN[mode], 'past the rules'])];
  const guesses = new Map<OffloadMode, number>();
  for (const packets of THRESHOLDS) {
    const cells: SweepRow['cells'] = [];
    for (const mode of modes) {
      const query = queryOf(context, mode, profile);
      const ruleset = packets === 0 ? query.ruleset : withThreshold(query.ruleset, packets);
      const traffic = await context.replays.traffic({ ...query, ruleset });
      const device = new Device(profile, traffic, context.options.seed, { searchPackets: PACKETS });
      const { band, factor } = carried(context, device, guesses.get(mode));
      if (factor > 0) guesses.set(mode, factor);
      const part = shares(traffic);
      cells.push(band, percent(part.software + part.hardware));
    }
    rows.push({ value: packets === 0 ? 'as ruled' : `> ${packets}`, cells });
  }
  const notes = hasFlowtable(context.ruleset) ? [] : ['the ruleset has no flowtable: one was added'];
  const title =
    'Highest load in Mbit/s over the packet from which on connections are offloaded (ct packets > N flow add)';
  return { kind: 'threshold', title, profile: profile.name, columns, rows, notes };
}

const thresholds = new WeakMap<Ruleset, Map<number, Ruleset>>();

/** `ct packets > N` before each `flow add`. */
function withThreshold(ruleset: Ruleset, packets: number): Ruleset {
  const known = thresholds.get(ruleset) ?? new Map<number, Ruleset>();
  thresholds.set(ruleset, known);
  const found = known.get(packets);
  if (found !== undefined) return found;
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, BigInt(packets));
  const guard: Expression[] = [
    { kind: 'ct', key: 'pkts', dreg: 1 },
    { kind: 'byteorder', op: 'hton', sreg: 1, dreg: 1, length: 8, size: 8 },
    { kind: 'cmp', op: 'gt', sreg: 1, data },
  ];
  const guarded = {
    ...ruleset,
    tables: ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({
          ...rule,
          expressions: rule.expressions.flatMap((row) => (row.kind === 'flow-offload' ? [...guard, row] : [row])),
        })),
      })),
    })),
  };
  known.set(packets, guarded);
  return guarded;
}

async function sweepSize(context: PlanContext, profile: Profile): Promise<Sweep[]> {
  const modes = modesOf(context, profile);
  const packets: SweepRow[] = [];
  const bits: SweepRow[] = [];
  const columns = ['octets', ...modes.map((mode) => COLUMN[mode])];
  for (const octets of SIZES) {
    const value = String(octets);
    const perPacket: Band[] = [];
    const perBit: Band[] = [];
    for (const mode of modes) {
      const traffic = sized(await context.replays.traffic(queryOf(context, mode, profile)), octets);
      const device = new Device(profile, traffic, context.options.seed, { searchPackets: PACKETS });
      const found = device.capacity();
      const perSecond = (traffic.columns.rows * 1e9) / traffic.columns.periodNs;
      perPacket.push(scaled(found, perSecond / 1e3));
      perBit.push(scaled(found, (perSecond * octets * 8) / 1e6));
    }
    packets.push({ value, cells: perPacket });
    bits.push({ value, cells: perBit });
  }
  const table = (unit: string, rows: SweepRow[]): Sweep => ({
    kind: 'packet-size',
    title: `Highest load in ${unit} over the size of packets (all of the capture's of one size), by offload`,
    profile: profile.name,
    columns,
    rows,
    notes: [],
  });
  return [table('thousand packets/s', packets), table('Mbit/s', bits)];
}

/** A traffic whose packets are all of one size. */
function sized(traffic: Traffic, octets: number): Traffic {
  const { columns, result } = traffic;
  return {
    ...traffic,
    columns: {
      ...columns,
      octets: new Uint32Array(columns.octets.length).fill(octets),
      octetsInAll: columns.rows * octets,
    },
    result: { ...result, paths: withOctets(result.paths, octets) },
  };
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

function percentBand({ value, low, high }: Band): string {
  return `${percent(value)} (${percent(low)}…${percent(high)})`;
}
