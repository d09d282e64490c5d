// `npm run schema`: writes docs/*.schema.json from the schemas of src/report.
import { writeFileSync } from 'node:fs';
import { suiteSchemaText } from '../src/suite/schema-text.ts';
import {
  auditSchemaText,
  coverageSchemaText,
  diffSchemaText,
  planSchemaText,
  reportSchemaText,
  traceSchemaText,
} from './schema/text.ts';

writeFileSync('docs/report.schema.json', reportSchemaText());
writeFileSync('docs/audit.schema.json', auditSchemaText());
writeFileSync('docs/diff.schema.json', diffSchemaText());
writeFileSync('docs/coverage.schema.json', coverageSchemaText());
writeFileSync('docs/plan.schema.json', planSchemaText());
writeFileSync('docs/trace.schema.json', traceSchemaText());
writeFileSync('docs/suite.schema.json', suiteSchemaText());
