// What turning offload on does to a router: the same capture without offload, with software and with hardware offload, laid
// side by side by packet; then, for what breaks, changes of the ruleset that were replayed to see that they mend it.
import { type Pricing, price } from '../../cost/pricing.ts';
import type { Profile } from '../../cost/profile.ts';
import { REFUSALS, type RefusalName } from '../../event/refusals.ts';
import type { ReplayResult } from '../../replay/result.ts';
import { workingSet } from '../../replay/working-set.ts';
import { type ColumnReplay, replayColumns } from '../columns.ts';
import { type OffloadedAgain, offloadedAgain } from './again.ts';
import { type ConnectionChanges, connectionChanges } from './connections.ts';
import { type DeviceReport, deviceReports, unseenPackets } from './devices.ts';
import { type ChangedFate, type Differences, differences, type MissedAction } from './differences.ts';
import { counterFix, devicesFix, orderFixes, ruleFixes, thresholdFix } from './fixes.ts';
import { type FlowCosts, flowCosts } from './flows.ts';
import { type ChangedFields, changedFields } from './frames.ts';
import type { AuditInputs } from './inputs.ts';
import { type NeverAdded, neverAdded } from './passed-over.ts';
import { allEffects } from './paths.ts';
import { type Baseline, type Fix, fastPackets, firstProved } from './prove.ts';

export type AuditMode = 'software' | 'hardware';

/** What one mode of offload changes. */
export interface ModeReport {
  mode: AuditMode;
  replay: ColumnReplay;
  differences: Differences;
  connections: ConnectionChanges;
  costs: FlowCosts;
  /** Why connections were not offloaded. */
  refusals: { name: RefusalName; text: string; flows: number; packets: number; bytes: number }[];
  /** TCP and UDP that never came to a `flow add`. */
  neverAdded: NeverAdded;
  again: OffloadedAgain;
}

/** A rule that stopped acting: its statements, and what helps. */
export interface StoppedRule {
  rule: number;
  missed: MissedAction[];
  fix?: Fix;
}

/** Packets of a rule or policy that go another way. */
export interface FateRow extends ChangedFate {
  fix?: Fix;
}

export interface Audit {
  /** Neither a flowtable nor a `flow add`: nothing is ever offloaded. */
  hasFlowtable: boolean;
  inputs: AuditInputs;
  off: ColumnReplay;
  offPrice: Pricing;
  software: ModeReport;
  hardware: ModeReport;
  /** The one of both that the ruleset asks for. */
  asRuled: ModeReport;
  stopped: StoppedRule[];
  fates: FateRow[];
  /** Header fields of frames that leave different. */
  fields: ChangedFields;
  devices: DeviceReport[];
  accountingFix?: Fix;
  deviceFixes: Map<string, Fix>;
  thresholdFix?: Fix;
  /** For what is passed over. */
  orderFix?: Fix;
  /** Findings whose fix was not looked for, since `maxFixes` were tried. */
  untried: number;
}

/** Runs the audit. Throws as replayCaptures does. */
export async function audit(inputs: AuditInputs): Promise<Audit> {
  const { ruleset } = inputs.replay;
  const { onStage } = inputs;
  onStage?.('offload off');
  const off = await replayColumns({ ...inputs.replay, offload: 'off' });
  const settled: AuditInputs = { ...inputs, replay: { ...inputs.replay, ...settle(inputs, off) } };
  const hasFlowtable = ruleset.tables.some((table) => table.flowtables.length > 0);
  const effects = allEffects(ruleset);
  const offPrice = priceOf(off.result, inputs.profile);
  const run = async (mode: AuditMode): Promise<ModeReport> => {
    onStage?.(`${mode} offload`);
    // Without a flowtable the mode changes nothing: one replay stands for all.
    const replay = hasFlowtable ? await replayColumns({ ...settled.replay, offload: mode }) : off;
    return modeReport(mode, replay, off, offPrice, effects, inputs);
  };
  const software = await run('software');
  const hardware = await run('hardware');
  const asRuled = inputs.mode === 'hardware' ? hardware : software;
  const { missed, fates } = asRuled.differences;
  const stopped = byRule(missed);
  const result: Audit = {
    hasFlowtable,
    inputs: settled,
    off,
    offPrice,
    software,
    hardware,
    asRuled,
    stopped,
    fates: [...fates].sort((a, b) => b.packets - a.packets || a.firstPacket - b.firstPacket),
    fields: await changedFields(settled, off, asRuled.replay),
    devices: deviceReports(ruleset, off.router, asRuled.replay),
    deviceFixes: new Map(),
    untried: 0,
  };
  if (hasFlowtable)
    await findFixes(result, {
      off,
      effects,
      on: asRuled.replay,
      before: asRuled.differences,
      costOf: (replay) => relativeCost(result, replay),
      proved: [],
    });
  return result;
}

function priceOf(result: ReplayResult, profile: Profile): Pricing {
  return price(result.paths, result.names, profile, workingSet(result));
}

/** What the first replay guessed holds for all. */
function settle({ replay }: AuditInputs, off: ColumnReplay): Partial<AuditInputs['replay']> {
  return {
    ...(replay.router === undefined ? { inferredRouter: off.router } : {}),
    knownConnections: off.knownConnections,
  };
}

function modeReport(
  mode: AuditMode,
  replay: ColumnReplay,
  off: ColumnReplay,
  offPrice: Pricing,
  effects: ReturnType<typeof allEffects>,
  { replay: { ruleset }, profile }: AuditInputs,
): ModeReport {
  const hardwareCounts = ruleset.tables.every((table) => table.flowtables.every((row) => row.counter));
  return {
    mode,
    replay,
    differences: differences(off, effects, { replay, effects, hardwareCounts }),
    connections: connectionChanges(off.result.conntrack, replay.result.conntrack),
    costs: flowCosts(off.columns, replay.columns, offPrice, priceOf(replay.result, profile)),
    neverAdded: neverAdded(ruleset, replay),
    again: offloadedAgain(replay),
    refusals: replay.result.flows.byRefusal.flatMap((row) => {
      const refusal = REFUSALS[row.refusal];
      if (refusal === undefined) return [];
      return [{ name: refusal.name, text: refusal.text, flows: row.flows, packets: row.packets, bytes: row.bytes }];
    }),
  };
}

/** Statements together by rule, the rule with most packets first. */
function byRule(missed: readonly MissedAction[]): StoppedRule[] {
  const rules = new Map<number, MissedAction[]>();
  for (const row of missed) rules.set(row.rule, [...(rules.get(row.rule) ?? []), row]);
  const most = (rows: MissedAction[]): number => Math.max(...rows.map((row) => row.packets));
  return [...rules]
    .map(([rule, rows]) => ({ rule, missed: rows.sort((a, b) => a.ordinal - b.ordinal) }))
    .sort((a, b) => most(b.missed) - most(a.missed) || a.rule - b.rule);
}

/** Effects whose loss nobody has to mend. */
export function matters(row: MissedAction): boolean {
  if (row.effect.need === 'reader') return false;
  if (row.effect.need === 'connection') return row.unseen > 0;
  // A rewrite that changed no frame said what the packet said already.
  if (row.effect.kind === 'header rewrite' || row.effect.kind === 'TCP option rewrite') return row.changedFrames > 0;
  return true;
}

/** Tries fixes for what matters, the worst first, until `maxFixes` findings have been looked at. */
async function findFixes(result: Audit, base: Baseline): Promise<void> {
  const { inputs, off } = result;
  const { ruleset } = inputs.replay;
  let tries = inputs.maxFixes;
  const isTried = (): boolean => {
    if (tries-- > 0) return true;
    result.untried++;
    return false;
  };
  for (const report of result.devices) {
    if (report.wanted === undefined || !isTried()) continue;
    inputs.onStage?.(`devices of ${report.flowtable}`);
    const names = new Set(
      report.ways
        .filter((way) => way.hitsAt === undefined && way.packets > 0)
        .map((way) => way.stack[way.stack.length - 1]),
    );
    const fix = await firstProved(
      [devicesFix(ruleset, report.flowtable, report.wanted)],
      inputs,
      { ...base, proved: [], mayMissMore: true },
      (_, replay) => (fastPackets(replay) > fastPackets(base.on) ? unseenPackets(replay, names) : 1),
    );
    if (fix !== undefined) result.deviceFixes.set(report.flowtable, fix);
  }
  for (const fate of result.fates) {
    if (!fate.passes || fate.detail < 0 || !isDropRule(fate) || !isTried()) continue;
    inputs.onStage?.(`rule ${fate.detail + 1}`);
    const candidates = ruleFixes(ruleset, off.router, fate.detail, [], inputs.mode === 'hardware');
    const fix = await firstProved(candidates, inputs, base, (after) =>
      sum(after.fates.filter((row) => row.passes && row.reason === fate.reason).map((row) => row.packets)),
    );
    if (fix !== undefined) fate.fix = fix;
  }
  for (const row of result.stopped) {
    const needed = row.missed.filter(matters);
    if (needed.length === 0 || !isTried()) continue;
    inputs.onStage?.(`rule ${row.rule + 1}`);
    const kinds = row.missed.map(({ effect }) => effect.kind);
    const candidates = ruleFixes(ruleset, off.router, row.rule, kinds, inputs.mode === 'hardware');
    const fix = await firstProved(candidates, inputs, base, (after) =>
      sum(after.missed.filter((other) => other.rule === row.rule).map((other) => other.packets)),
    );
    if (fix !== undefined) row.fix = fix;
  }
  if (base.before.uncounted.packets > 0 && isTried()) {
    inputs.onStage?.('counter');
    const fix = await firstProved([counterFix(ruleset)], inputs, base, (after) => after.uncounted.packets);
    if (fix !== undefined) result.accountingFix = fix;
  }
  const [first] = result.asRuled.neverAdded.before;
  if (first !== undefined && first.rule >= 0 && isTried()) {
    inputs.onStage?.('order');
    const fix = await firstProved(
      orderFixes(ruleset, first.rule),
      inputs,
      { ...base, proved: [], mayMissMore: true },
      (_, replay) => (fastPackets(replay) > fastPackets(base.on) ? 0 : 1),
    );
    if (fix !== undefined) result.orderFix = fix;
  }
  await findThreshold(result, base, isTried);
}

const DROP_REASONS: ReadonlySet<number> = new Set([1, 3]);

function isDropRule({ reason }: FateRow): boolean {
  return DROP_REASONS.has(reason);
}

/** Estimated cycles of all connections, as a part of those without offload. */
function relativeCost({ off, offPrice, inputs }: Audit, { columns, result }: ColumnReplay): number {
  const { all } = flowCosts(off.columns, columns, offPrice, priceOf(result, inputs.profile));
  return all.cyclesOff > 0 ? all.cyclesOn / all.cyclesOff : 1;
}

/** Short connections lose: offload later, if that costs less on the whole. */
async function findThreshold(result: Audit, base: Baseline, isTried: () => boolean): Promise<void> {
  const { costs } = result.asRuled;
  const { inputs } = result;
  const { ruleset } = inputs.replay;
  if (!losesOnShortFlows(costs) || !isTried()) return;
  inputs.onStage?.('threshold');
  const candidates = [...new Set([costs.losesUpTo ?? 3, 20])].map((packets) => thresholdFix(ruleset, packets));
  const fix = await firstProved(candidates, inputs, base, (_, replay) =>
    base.costOf(replay) < base.costOf(base.on) ? 0 : 1,
  );
  if (fix !== undefined) result.thresholdFix = fix;
}

/** Connections that lose are worth a word when they cost at least a fiftieth of all cycles, and others gain. */
export function losesOnShortFlows({ all, paysFrom }: FlowCosts): boolean {
  return paysFrom !== undefined && all.lostCycles > all.cyclesOff * 0.02;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
