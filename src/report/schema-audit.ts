// The shape of audit's `--format json` as a schema: docs/audit.schema.json is made from it (`npm run schema`), a test holds
// real audits against it. AUDIT_SCHEMA's number goes up when a key changes its meaning or goes away.
import { zod } from '../base/on-demand.ts';
import { AUDIT_SCHEMA } from './json-audit.ts';

/** The schema of jsonAudit's result (zod). */
export function auditSchema() {
  const { z } = zod();
  const count = z.number().min(0);
  const finding = z.strictObject({
    rule: z.string().describe('stable: audit/rule-stopped, audit/traffic-passes, … (docs/CI.md lists them)'),
    level: z.enum(['error', 'warning', 'note']),
    message: z.string(),
    file: z.string().optional(),
    line: count.optional(),
    column: count.optional(),
    help: z.string().optional().describe('what to do about it; a fix is one that a replay proved'),
    related: z.array(z.strictObject({ message: z.string(), file: z.string(), line: count })).optional(),
    properties: z.record(z.string(), z.unknown()).optional().describe('packets, bytes, flows, firstPacket, …'),
  });
  const flowClass = z.strictObject({
    name: z.string().describe('packets of a connection'),
    flows: count,
    packets: count,
    cyclesOff: count,
    cyclesOn: count,
    spreadOff: count.describe('half of the interval'),
    spreadOn: count,
    losers: count.describe('connections that cost more with offload'),
    lostCycles: count,
  });
  const mode = z.strictObject({
    softwarePackets: count,
    hardwarePackets: count,
    offloadedFlows: count,
    flows: count,
    notOffloaded: z.array(
      z.strictObject({
        name: z.string(),
        text: z.string(),
        flows: count,
        packets: count,
        bytes: count,
        remedy: z.string(),
      }),
    ),
    offloadedAgain: z.strictObject({ flows: count, times: count, longestIdleNs: count }),
    connections: z
      .strictObject({
        common: count,
        shorter: count,
        longer: count,
        states: count,
        marks: count,
        onlyOff: count,
        onlyOn: count,
      })
      .describe('connections left at the end, against those without offload'),
    estimatedCosts: z.strictObject({
      classes: z.array(flowClass),
      all: flowClass,
      paysFromPackets: count.nullable(),
    }),
  });
  return z.strictObject({
    schema: z.literal(AUDIT_SCHEMA),
    version: z.string(),
    ruleset: z.strictObject({ path: z.string(), notes: z.array(z.string()), hasFlowtable: z.boolean() }),
    router: z.strictObject({ path: z.string().nullable().describe('null: inferred'), interfaces: z.array(z.string()) }),
    input: z.strictObject({
      files: z.array(z.strictObject({ path: z.string(), packets: count })),
      packets: count,
    }),
    profile: z.string(),
    mode: z.enum(['software', 'hardware']).describe('what the findings are about'),
    findings: z.array(finding),
    fixes: z.array(
      z.strictObject({
        kind: z.string(),
        what: z.string(),
        lines: z.array(z.string()),
        fastPacketsBefore: count,
        fastPacketsAfter: count,
        estimatedCostBefore: count.describe('cycles with offload, as a part of those without'),
        estimatedCostAfter: count,
        ruleset: z.string().describe('the whole ruleset with the change, which was replayed'),
      }),
    ),
    untriedFixes: count,
    software: mode,
    hardware: mode,
    changedFields: z.strictObject({
      frames: count.describe('frames looked at'),
      cosmetic: count.describe('those that differ in checksums or padding only'),
      fields: z.array(z.strictObject({ name: z.string(), frames: count, example: z.string() })),
    }),
    devices: z.array(
      z.strictObject({
        flowtable: z.string(),
        devices: z.array(z.string()),
        wanted: z.array(z.string()).nullable(),
        ways: z.array(
          z.strictObject({
            stack: z.array(z.string()),
            hitsAt: z.string().nullable(),
            hardware: z.boolean(),
            why: z.string(),
            packets: count,
            passedBy: count.describe('packets of offloaded connections that were not found'),
          }),
        ),
      }),
    ),
    assumptions: z.array(z.string()),
  });
}
