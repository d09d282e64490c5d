// JSON Schemas of what commands write, as they stand in docs.
import { zod } from '../../src/base/on-demand.ts';
import { reportSchema } from '../../src/report/schema.ts';
import { auditSchema } from '../../src/report/schema-audit.ts';
import { checkSchema, suiteReportSchema } from '../../src/report/schema-check.ts';
import { coverageSchema, diffSchema } from '../../src/report/schema-diff.ts';
import { planSchema } from '../../src/report/schema-plan.ts';
import { traceSchema } from '../../src/report/schema-trace.ts';

/** Text of docs/report.schema.json. */
export function reportSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(reportSchema()), undefined, 2)}\n`;
}

/** Text of docs/audit.schema.json. */
export function auditSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(auditSchema()), undefined, 2)}\n`;
}

/** Text of docs/diff.schema.json. */
export function diffSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(diffSchema()), undefined, 2)}\n`;
}

/** Text of docs/trace.schema.json. */
export function traceSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(traceSchema()), undefined, 2)}\n`;
}

/** Text of docs/coverage.schema.json. */
export function coverageSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(coverageSchema()), undefined, 2)}\n`;
}

/** Text of docs/plan.schema.json. */
export function planSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(planSchema()), undefined, 2)}\n`;
}

/** Text of docs/check.schema.json. */
export function checkSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(checkSchema()), undefined, 2)}\n`;
}

/** Text of docs/test.schema.json. */
export function suiteReportSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(suiteReportSchema()), undefined, 2)}\n`;
}
