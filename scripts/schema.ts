// `npm run schema`: writes docs/report.schema.json from src/report/schema.ts.
import { writeFileSync } from 'node:fs';
import { reportSchemaText } from './schema/text.ts';

writeFileSync('docs/report.schema.json', reportSchemaText());
