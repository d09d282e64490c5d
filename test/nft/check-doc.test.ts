// docs/CHECK.md says what the tables say.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkDocument } from '../../scripts/check-doc.ts';

it('docs/CHECK.md is written from the tables (node dist/scripts/check-doc.js writes it)', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/CHECK.md'), 'utf8');
  expect(page).toBe(checkDocument());
});
