// The shape of `--format json` as a schema: docs/report.schema.json is made from it (`npm run schema`), a test holds real
// reports against it. REPORT_SCHEMA's number goes up when a key changes its meaning or goes away.
import { zod } from '../base/on-demand.ts';
import { REPORT_SCHEMA } from './json.ts';

/** The schema of jsonReport's result (zod). */
export function reportSchema() {
  const { z } = zod();
  const count = z.number().min(0);
  const share = z.number().min(0).max(1);
  const estimate = { low: z.number(), high: z.number() };
  const classes = z.strictObject({
    name: z.enum(['slow', 'software', 'hardware', 'all']),
    packets: count,
    bytes: count,
    packetShare: share,
    byteShare: share,
    cycleShare: share,
    cycles: count,
    meanCycles: count,
    p50Cycles: count,
    p99Cycles: count,
    meanInstructions: count,
    ...estimate,
  });
  const dearestPath = z.strictObject({
    path: count,
    packets: count,
    bytes: count,
    cycles: count,
    cycleShare: share,
    cyclesPerPacket: count,
    instructionsPerPacket: count,
    ...estimate,
    steps: z.array(z.string()),
  });
  return z.strictObject({
    schema: z.literal(REPORT_SCHEMA),
    version: z.string(),
    input: z.strictObject({
      files: z.array(
        z.strictObject({
          path: z.string(),
          packets: count,
          wireBytes: count,
          linkTypes: z.array(z.string()),
          damage: z.strictObject({ offsetBytes: count, message: z.string() }).optional(),
        }),
      ),
      notes: z.array(z.string()),
      packets: count,
      wireBytes: count,
      firstTimeNs: z.string().nullable().describe('nanoseconds since 1970, decimal'),
      durationNs: count,
      cutPackets: count,
      superPackets: count,
      partialChecksums: count,
      wrongChecksums: z
        .strictObject({
          packets: count,
          senders: z.array(z.strictObject({ source: z.string(), wrong: count, verified: count })),
        })
        .describe('that conntrack takes as invalid; senders: at least half of their packets'),
      fixedChecksums: count.describe('by --fix-checksums'),
      untranslatedPackets: count,
      retranslatedPackets: count,
      strippedFrames: count,
      leftOutPackets: count.describe('by --match'),
    }),
    ruleset: z.strictObject({ path: z.string(), notes: z.array(z.string()), offload: z.string() }),
    router: z.looseObject({
      path: z.string().nullable().describe('null: inferred'),
      interfaces: z.array(z.looseObject({ name: z.string() })),
    }),
    interfaces: z.array(z.strictObject({ name: z.string(), entered: count, leftFrames: count, leftBytes: count })),
    costs: z
      .array(
        z.strictObject({
          profile: z.string(),
          title: z.string(),
          estimated: z.literal(true),
          classes: z.array(classes),
          dearestPaths: z.array(dearestPath),
        }),
      )
      .describe('one for each --profile; all cycles and instructions are estimated'),
    drops: z.array(
      z.strictObject({
        reason: z.string(),
        text: z.string(),
        chain: z.string().optional(),
        rule: z.number().optional().describe('place in the chain, from 1'),
        handle: z.number().optional(),
        packets: count,
        bytes: count,
      }),
    ),
    flows: z.strictObject({
      flows: count,
      byReason: z.array(
        z.strictObject({ reason: z.string(), text: z.string(), flows: count, packets: count, bytes: count }),
      ),
      offloadedAfterPackets: z.record(z.string(), count),
      offloadedPackets: count,
      softwarePackets: count,
      hardwarePackets: count,
    }),
    rules: z.array(
      z.strictObject({
        family: z.string(),
        table: z.string(),
        chain: z.string(),
        rule: z.number(),
        handle: z.number(),
        file: z.string().optional(),
        line: z.number().optional(),
        text: z.string(),
        saw: count,
        matched: count,
      }),
    ),
    capturedOn: z
      .strictObject({
        device: z.string(),
        arrived: count,
        sent: count,
        own: count,
        originUnknown: count,
        translated: count,
        agreed: count,
        disagreed: count,
        disagreements: z.array(
          z.strictObject({
            packet: count,
            kind: z.enum(['not-sent', 'elsewhere', 'differs']),
            detail: z.string(),
          }),
        ),
      })
      .optional()
      .describe('with --captured-on'),
    conntrackPeak: count,
    assumptions: z.array(z.string()),
    split: z.string(),
    simplified: z.array(z.strictObject({ name: z.string(), effect: z.string(), times: count })),
  });
}
