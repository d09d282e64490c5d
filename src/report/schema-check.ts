// The shapes of `check --format json` and `test --format json` as schemas: docs/check.schema.json and docs/test.schema.json
// are made from them (`npm run schema`), tests hold real documents against them.
import { zod } from '../base/on-demand.ts';
import { SUITE_REPORT_SCHEMA } from './suite-documents.ts';

/** Name and version of the document of `check --format json`. */
export const CHECK_SCHEMA = 'nftreplay.check/1';

/** The schema of `check --format json` (zod). */
export function checkSchema() {
  const { z } = zod();
  const count = z.number().int().min(0);
  const named = z.looseObject({ name: z.string() });
  const finding = z.strictObject({
    rule: z.string().describe('stable, e.g. check/unreachable'),
    level: z.enum(['error', 'warning', 'note']),
    message: z.string(),
    file: z.string().optional(),
    line: count.optional(),
    column: count.optional(),
    help: z.string().optional(),
    related: z.array(z.strictObject({ message: z.string(), file: z.string(), line: count })).optional(),
    properties: z.record(z.string(), z.unknown()).optional(),
  });
  const ruleset = z.strictObject({
    path: z.string(),
    understood: z.boolean().describe('false: the errors stand among the findings'),
    errors: count,
    files: z.array(z.string()).describe('the ruleset and what it includes'),
    notes: z.array(z.strictObject({ file: z.string(), line: count, message: z.string() })),
    tables: z.array(
      z.strictObject({
        family: z.enum(['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev']),
        name: z.string(),
        chains: z.array(z.looseObject({ name: z.string(), rules: count })),
        sets: z.array(z.looseObject({ name: z.string(), keyTypes: z.array(z.string()), elements: count })),
        objects: z.array(z.strictObject({ name: z.string(), type: z.string() })),
        flowtables: z.array(named),
      }),
    ),
    requirements: z.looseObject({
      kernel: z.string().nullable(),
      nft: z.string().nullable(),
      packages: z.array(z.string()),
      constructs: z.array(z.looseObject({ id: z.string(), construct: z.string(), kernel: z.string() })),
    }),
    cannotRun: z
      .array(
        z.strictObject({ construct: z.string(), rules: count, file: z.string().optional(), line: count.optional() }),
      )
      .describe('nft takes it, nftreplay run refuses it'),
  });
  return z.strictObject({
    schema: z.literal(CHECK_SCHEMA),
    version: z.string(),
    rulesets: z.array(ruleset),
    findings: z.array(finding),
  });
}

/** The schema of `test --format json` (zod). */
export function suiteReportSchema() {
  const { z } = zod();
  const count = z.number().int().min(0);
  const failure = z.strictObject({
    about: z.string().describe('packet, flow or total that the expectation is about'),
    packet: z.string().optional().describe('the packet line'),
    key: z.string().describe('what was expected: verdict, rule, path, …'),
    path: z.array(z.union([z.string(), z.number()])).describe('of the expectation in the suite'),
    expected: z.string(),
    got: z.string(),
    actual: z.unknown().optional().describe('what --update would write'),
    file: z.string(),
    line: count,
    column: count,
    walk: z.array(z.string()).optional(),
  });
  const row = z.strictObject({
    name: z.string(),
    status: z.enum(['passed', 'failed', 'error', 'skipped']),
    file: z.string(),
    line: count,
    note: z.string().optional(),
    ruleset: z.string(),
    packets: count,
    expectations: count,
    assumptions: z.array(z.string()),
    failures: z.array(failure),
  });
  return z.strictObject({
    schema: z.literal(SUITE_REPORT_SCHEMA),
    version: z.string(),
    passed: count,
    failed: count,
    skipped: count,
    suites: z.array(z.strictObject({ file: z.string(), name: z.string().optional(), cases: z.array(row) })),
  });
}
