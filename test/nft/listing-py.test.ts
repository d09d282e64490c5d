// Every rule of nftables' own tests (tests/py, 1.1.4), compiled and listed back: as text and as JSON, in every family and chain.
import { describe, expect, test } from 'vitest';
import type { Ruleset, Table } from '../../src/bytecode/ruleset.ts';
import { translate } from '../../src/nft/compile.ts';
import { type Json, listJson, printRule } from '../../src/nft/listing.ts';
import { PY_CORPUS, type PyCase, pyCases, pyJson, pyTests, ruleText } from './py-corpus.ts';

const files = pyTests();
// nft-test.py lists without state, with protocols by number, two hours east of UTC.
const OPTIONS = { stateless: true, numericProtocol: true, timezoneSeconds: 7200 };

/** Order and spacing within braces are the tests' own; spelling is nft's. */
function normal(text: string): string {
  const sorted = text.replace(/\{([^{}]*)\}/g, (_match, inner: string) => {
    const items = inner.split(',').map((item) => item.trim());
    return `{ ${items.sort().join(', ')} }`;
  });
  return sorted
    .replace(/\s+/g, ' ')
    .replace(/ ?: /g, ' : ')
    .replace(/(\w): (\w)/g, '$1 : $2')
    .trim();
}

/** Elements of sets in one order, and keys of objects. */
function normalJson(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(normalJson).join(',')}]`;
  if (typeof json === 'bigint') return json.toString();
  if (typeof json !== 'object' || json === null) return JSON.stringify(json);
  const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = entries.map(([key, value]) =>
    key === 'set' && Array.isArray(value)
      ? `set:${value.map(normalJson).sort().join(',')}`
      : `${key}:${normalJson(value)}`,
  );
  return `{${text.join(',')}}`;
}

function compiled(one: PyCase, chain: string): { ruleset: Ruleset; table: Table } {
  const { ruleset } = translate({ path: 'test.nft', text: ruleText(one, chain), timezoneSeconds: 7200 }, false);
  return { ruleset, table: ruleset.tables[0] as Table };
}

function listed(one: PyCase, name: string): string {
  const { ruleset, table } = compiled(one, name);
  const chain = table.chains.find((candidate) => candidate.name === name);
  const rule = chain?.rules[0];
  return chain === undefined || rule === undefined ? '' : printRule(ruleset, table, chain, rule, undefined, OPTIONS);
}

function listedJson(one: PyCase, name: string): Json {
  const { nftables } = listJson(compiled(one, name).ruleset, undefined, OPTIONS);
  return (nftables.at(-1) as { rule: { expr: Json } }).rule.expr;
}

describe.skipIf(files.length === 0)('tests/py of nftables 1.1.4 list back', () => {
  let texts = 0;
  let jsons = 0;
  test.each(files.map((file) => [file.slice(PY_CORPUS.length + 1), file] as const))('%s', (_name, file) => {
    const wrong: string[] = [];
    const printed = pyJson(file, '.json.output');
    const fed = pyJson(file, '.json');
    for (const one of pyCases(file)) {
      if (one.chain === undefined || one.state === 'fail') continue;
      const where = `${one.line} [${one.table.family}] ${one.rule}`;
      const want = one.output ?? one.rule;
      const got = listed(one, one.chain);
      if (normal(got) === normal(want)) texts++;
      else wrong.push(`${where}\n   want ${want}\n   got  ${got}`);
      const block = printed.get(one.rule.trim()) ?? fed.get(one.rule.trim());
      if (block === undefined) continue;
      const wantJson = normalJson(JSON.parse(block));
      const gotJson = normalJson(listedJson(one, one.chain));
      if (gotJson === wantJson) jsons++;
      else wrong.push(`${where}\n   want ${wantJson}\n   got  ${gotJson}`);
    }
    expect(wrong).toEqual([]);
  });

  test('all of them', () => {
    console.log(`${texts} rules of tests/py list back as text, ${jsons} as JSON`);
    expect(texts).toBeGreaterThan(3300);
    expect(jsons).toBeGreaterThan(3300);
  });
});

test('the corpus of nftables is there, or its absence is said', () => {
  if (files.length === 0) console.log(`skipped: ${PY_CORPUS} is absent`);
  expect(Array.isArray(files)).toBe(true);
});
