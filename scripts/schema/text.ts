// JSON Schema of the report, as it stands in docs/report.schema.json.
import { zod } from '../../src/base/on-demand.ts';
import { reportSchema } from '../../src/report/schema.ts';

/** The file's text. */
export function reportSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(reportSchema()), undefined, 2)}\n`;
}
