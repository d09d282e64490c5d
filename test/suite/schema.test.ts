import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { suiteSchemaText } from '../../src/suite/schema-text.ts';

describe('the schema of suites', () => {
  it('is the one in docs (npm run schema writes it)', () => {
    expect(readFileSync(resolve(import.meta.dirname, '../../docs/suite.schema.json'), 'utf8')).toBe(suiteSchemaText());
  });

  it('knows every key that a suite may have, with words about them', () => {
    const schema = JSON.parse(suiteSchemaText()) as { properties: { cases: { items: { properties: object } } } };
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['ruleset', 'router', 'cases']));
    expect(Object.keys(schema.properties.cases.items.properties)).toEqual(
      expect.arrayContaining(['packets', 'captures', 'flows', 'expect', 'match', 'skip']),
    );
  });
});
