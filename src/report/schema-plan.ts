// The shape of `plan --format json` as a schema: docs/plan.schema.json is made from it, a test holds real plans against it.
import { zod } from '../base/on-demand.ts';
import { PLAN_SCHEMA } from './json-plan.ts';

/** The schema of jsonPlan's result (zod). */
export function planSchema() {
  const { z } = zod();
  const count = z.number().min(0);
  const share = z.number().min(0).max(1);
  const band = z
    .strictObject({ value: z.number(), low: z.number(), high: z.number() })
    .describe('an estimate, and where the truth should lie four times of five');
  const mode = z.enum(['as-ruled', 'off', 'software', 'hardware']);
  const rates = { packetsPerSecond: count, bitsPerSecond: count };
  const saturation = z.strictObject({
    kind: z.enum(['core', 'ring', 'backlog', 'host', 'engine', 'link', 'connection table', 'none']),
    name: z.string(),
    bursts: z.boolean().describe('its queue overflows although it is not busy all the time'),
  });
  const behaviour = z.strictObject({
    busiestCore: band,
    allCores: band,
    loss: band,
    lostAt: z.record(z.string(), count).describe('packets lost in the simulation, by place'),
    p50Ns: band,
    p99Ns: band,
    p999Ns: band,
    jitterNs: band,
    packetsPerInterrupt: count,
    link: z.strictObject({ name: z.string(), load: share }),
  });
  const present = z.strictObject({
    mode,
    note: z.string().optional(),
    shares: z.strictObject({ slow: share, software: share, hardware: share }),
    capacity: band.describe('highest load without loss, against the capture’s own'),
    capacityBitsPerSecond: band,
    capacityPacketsPerSecond: band,
    saturation,
    busiestCoreAtMost: band.describe('busiest core at the highest load'),
    headroom: band.describe('highest load / target'),
    target: behaviour,
    cyclesPerPacket: band,
    tables: z.array(z.string()),
  });
  const advice = z.strictObject({
    change: z.string(),
    where: z.string().optional(),
    capacity: band,
    gain: z.number().nullable().describe('null: from nothing'),
    gainBand: z.strictObject({ value: z.number().nullable(), low: z.number().nullable(), high: z.number().nullable() }),
    cyclesPerPacket: band,
    saved: z.number(),
    savedBand: band,
    busiestCore: band,
    changedPackets: count.optional(),
    replayedPackets: count.optional(),
    caveat: z.string().optional(),
  });
  const sweep = z.strictObject({
    kind: z.string(),
    title: z.string(),
    profile: z.string(),
    columns: z.array(z.string()),
    rows: z.array(z.strictObject({ value: z.string(), cells: z.array(z.union([band, z.string()])) })),
    notes: z.array(z.string()),
  });
  return z.strictObject({
    schema: z.literal(PLAN_SCHEMA),
    version: z.string(),
    ruleset: z.strictObject({ path: z.string() }),
    router: z.looseObject({ path: z.string().nullable().describe('null: inferred') }),
    lossFree: share.describe('"without loss": at most this part of the packets is lost'),
    files: z.array(z.string()),
    packets: count,
    durationNs: count,
    traffic: z.strictObject(rates),
    flows: count,
    mergedFlows: count,
    target: z.strictObject({ text: z.string(), ...rates, factor: count, clones: count, speed: count, copies: count }),
    devices: z.array(
      z.strictObject({
        profile: z.string(),
        title: z.string(),
        hardware: z.strictObject({ present: z.boolean(), what: z.string() }),
        modes: z.array(z.union([present, z.strictObject({ mode, absent: z.string() })])),
        base: mode.describe('what advice is measured against'),
        advice: z.array(advice),
        useless: z.array(z.string()),
      }),
    ),
    sweeps: z.array(sweep),
    assumptions: z.array(z.string()),
    damages: z.array(z.string()),
  });
}
