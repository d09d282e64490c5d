// `npm run schema`: writes docs/*.schema.json from the schemas of src/report.
import { writeFileSync } from 'node:fs';
import { suiteSchemaText } from '../src/suite/schema-text.ts';
import {
  auditSchemaText,
  checkSchemaText,
  coverageSchemaText,
  diffSchemaText,
  planSchemaText,
  reportSchemaText,
  suiteReportSchemaText,
  traceSchemaText,
} from './schema/text.ts';

writeFileSync('docs/report.schema.json', reportSchemaText());
writeFileSync('docs/audit.schema.json', auditSchemaText());
writeFileSync('docs/diff.schema.json', diffSchemaText());
writeFileSync('docs/coverage.schema.json', coverageSchemaText());
writeFileSync('docs/plan.schema.json', planSchemaText());
writeFileSync('docs/trace.schema.json', traceSchemaText());
writeFileSync('docs/check.schema.json', checkSchemaText());
writeFileSync('docs/test.schema.json', suiteReportSchemaText());
writeFileSync('docs/suite.schema.json', suiteSchemaText());
