// The shapes of diff's and coverage's `--format json` as schemas: docs/diff.schema.json and docs/coverage.schema.json are
// made from them (`npm run schema`), tests hold real reports against them.
import { zod } from '../base/on-demand.ts';
import { DIFF_SCHEMA } from './diff-findings.ts';
import { COVERAGE_SCHEMA } from './json-coverage.ts';

/** The schema of jsonDiff's result (zod). */
export function diffSchema() {
  const { z } = zod();
  const count = z.number().min(0);
  const fate = z.enum(['verdict', 'translation', 'interface', 'mark', 'path', 'frames']);
  const decision = z
    .strictObject({
      kind: z
        .enum(['rule', 'policy', 'flowtable', 'unmatched', 'absent', 'other'])
        .describe('unmatched: a rule that did not match'),
      place: z.string().describe("'inet fw4 forward rule 3'"),
      text: z.string().describe('nft text'),
      file: z.string().nullable(),
      line: count.nullable(),
      via: z.string().nullable().describe('the rule that led to its chain'),
      note: z.string().nullable().describe("what stands here for the other side's rule"),
    })
    .describe('who decided on one side');
  const figures = z.strictObject({
    packets: count,
    bytes: count,
    cycles: count.describe('estimated'),
    offloadedPackets: count,
    forwarded: count,
    local: count,
    dropped: count,
    waiting: count,
  });
  const way = { fate, from: z.string(), to: z.string(), flows: count, packets: count };
  const entry = z.strictObject({
    ...way,
    old: decision,
    new: decision,
    bytes: count,
    before: figures.describe('all packets of these flows'),
    after: figures,
    consequences: z.array(z.strictObject(way)).describe('what else changed for these flows because of it'),
    examples: z.array(
      z.strictObject({
        packet: count.describe('1-based, in the merged captures'),
        timeNs: z.number(),
        tuple: z.string(),
        change: z.string().optional().describe('what differs in the frame that left'),
      }),
    ),
  });
  return z.strictObject({
    schema: z.literal(DIFF_SCHEMA),
    version: z.string(),
    old: z.strictObject({ path: z.string() }),
    new: z.strictObject({ path: z.string() }),
    router: z.looseObject({ path: z.string().nullable().describe('null: inferred') }),
    notes: z.array(z.string()),
    captures: z.array(z.looseObject({ path: z.string(), packets: count, wireBytes: count })),
    profile: z.string(),
    estimated: z.literal(true),
    packets: count,
    flows: count,
    changedPackets: count,
    changedFlows: count,
    otherwiseDecidedPackets: count.describe('the same fate, by another rule'),
    before: figures,
    after: figures,
    entries: z.array(entry),
    swap: z
      .strictObject({
        beforePacket: count
          .nullable()
          .describe('the first packet under the new ruleset; null: the capture ended before'),
        keepsFlowtables: z.boolean(),
        untouchedFlows: count,
        untouchedPackets: count,
        untouched: z.array(entry).describe('running connections that the change does not reach; old: what holds now'),
      })
      .nullable(),
    assumptions: z.array(z.string()),
  });
}

/** The schema of jsonCoverage's result (zod). */
export function coverageSchema() {
  const { z } = zod();
  const count = z.number().min(0);
  const place = { file: z.string().nullable(), line: count.nullable() };
  const state = z.enum(['never', 'before-offload', 'reached']);
  const tally = z.strictObject({ all: count, never: count, 'before-offload': count, reached: count });
  return z.strictObject({
    schema: z.literal(COVERAGE_SCHEMA),
    version: z.string(),
    ruleset: z.strictObject({ path: z.string() }),
    router: z.looseObject({ path: z.string().nullable().describe('null: inferred') }),
    window: z
      .strictObject({
        files: z.array(z.looseObject({ path: z.string(), packets: count, wireBytes: count })),
        packets: count,
        flows: count,
        firstTimeNs: z.string().nullable(),
        durationNs: count,
      })
      .describe('what was looked at'),
    summary: z.strictObject({ rules: tally, chains: tally, elements: tally, branches: tally }),
    chains: z.array(z.strictObject({ chain: z.string(), ...place, state, entered: count, policy: count })),
    rules: z.array(
      z.strictObject({
        chain: z.string(),
        rule: count.describe('place in its chain, 1-based'),
        ...place,
        text: z.string(),
        state,
        evaluated: count,
        matched: count,
        bypassed: count.describe('packets of the connections it matched that a flowtable forwarded past it'),
        reason: z
          .strictObject({
            kind: z.enum([
              'unreachable',
              'after-verdict',
              'shadowed',
              'dormant',
              'chain-not-entered',
              'held',
              'no-traffic',
            ]),
            text: z.string(),
            by: z.array(z.strictObject({ chain: z.string(), rule: count, ...place, packets: count.nullable() })),
          })
          .nullable(),
      }),
    ),
    sets: z.array(
      z.strictObject({
        table: z.string(),
        name: z.string().nullable().describe('null: anonymous'),
        isVerdictMap: z.boolean(),
        ...place,
        elements: z.array(z.strictObject({ text: z.string(), state, hits: count })),
      }),
    ),
    assumptions: z.array(z.string()),
  });
}
