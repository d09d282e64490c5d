// docs/suite.schema.json, for editors: `# yaml-language-server: $schema=…` on top of a suite.
import { zod } from '../base/on-demand.ts';
import { suiteSchema } from './schema.ts';

/** The file's text. */
export function suiteSchemaText(): string {
  return `${JSON.stringify(zod().z.toJSONSchema(suiteSchema(), { io: 'input' }), undefined, 2)}\n`;
}
