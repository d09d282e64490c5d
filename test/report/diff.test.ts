// diff and coverage as other programs read them: JSON by schema, findings, LCOV, Cobertura, text at 100 columns.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coverageSchemaText, diffSchemaText } from '../../scripts/schema/text.ts';
import { coverRuleset } from '../../src/compare/coverage.ts';
import { diffRulesets } from '../../src/compare/diff.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { profile } from '../../src/cost/profiles.ts';
import { compile } from '../../src/nft/compile.ts';
import { cobertura } from '../../src/report/cobertura.ts';
import type { CoverageReport } from '../../src/report/coverage-model.ts';
import { DIFF_RULES, diffFindings, jsonDiff } from '../../src/report/diff-findings.ts';
import type { DiffReport } from '../../src/report/diff-model.ts';
import { failOn } from '../../src/report/findings.ts';
import { jsonCoverage } from '../../src/report/json-coverage.ts';
import { lcov } from '../../src/report/lcov.ts';
import { coverageSchema, diffSchema } from '../../src/report/schema-diff.ts';
import { textCoverage } from '../../src/report/text-coverage.ts';
import { textDiff } from '../../src/report/text-diff.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DEMO = {
  captures: [{ path: resolve(ROOT, 'captures/home-router.pcapng.gz') }],
  router: loadRouter(resolve(ROOT, 'captures/home-router.yaml')),
};
const OLD = readFileSync(resolve(ROOT, 'captures/home-router.nft'), 'utf8');

async function diffOf(now: string, swap?: { afterNs: number }): Promise<DiffReport> {
  const diff = await diffRulesets({
    old: compile({ path: 'old.nft', text: OLD }).ruleset,
    new: compile({ path: 'new.nft', text: now }).ruleset,
    replay: DEMO,
    profile: profile('generic-x86-64'),
    ...(swap === undefined ? {} : { swap: { at: swap, keeps: true } }),
  });
  return { version: '0', oldPath: 'old.nft', newPath: 'new.nft', notes: [], diff };
}

async function coverageOf(text: string, name = 'fw.nft'): Promise<CoverageReport> {
  const coverage = await coverRuleset({ ...DEMO, ruleset: compile({ path: name, text }).ruleset });
  return { version: '0', rulesetPath: name, coverage, sources: new Map([[name, text]]) };
}

const BLOCKED = OLD.replace('ip saddr 192.168.1.66', 'ip saddr 192.168.1.0/24 tcp dport 443');
const HOSTILE = OLD.replace('flow add @ft', 'flow add @ft comment "\u001b[31mred"');
const OTHERWISE = OLD.replace('masquerade comment', 'snat ip to 203.0.113.99 comment')
  .replace('dscp set ef', 'dscp set cs1')
  .replace('flow add @ft', 'flow add @ft comment "\u001b[31mred"');

describe('the schemas of diff and coverage', () => {
  it('are those in docs', () => {
    expect(readFileSync(resolve(ROOT, 'docs/diff.schema.json'), 'utf8')).toBe(diffSchemaText());
    expect(readFileSync(resolve(ROOT, 'docs/coverage.schema.json'), 'utf8')).toBe(coverageSchemaText());
  });

  it.each([
    ['a block rule', BLOCKED, undefined],
    ['translation and marks', OTHERWISE, undefined],
    ['nothing', OLD, undefined],
    ['a swap', BLOCKED, { afterNs: 3e9 }],
  ])('hold for the diff of %s', async (_, now, swap) => {
    const parsed = diffSchema().safeParse(JSON.parse(JSON.stringify(jsonDiff(await diffOf(now, swap)))));
    expect(parsed.error?.issues ?? []).toEqual([]);
  });

  it('hold for coverage', async () => {
    const parsed = coverageSchema().safeParse(JSON.parse(JSON.stringify(jsonCoverage(await coverageOf(OLD)))));
    expect(parsed.error?.issues ?? []).toEqual([]);
  });
});

describe('the text of a diff', () => {
  it('fits 100 columns, shows no control characters, names both files and lines', async () => {
    for (const report of [await diffOf(BLOCKED), await diffOf(OTHERWISE), await diffOf(BLOCKED, { afterNs: 3e9 })]) {
      const text = textDiff(report);
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
      expect(text).not.toContain('\u001b');
      expect(text).toMatch(/old {2}old\.nft:\d+: inet fw4/);
      expect(text).toMatch(/(new|alone) {2}new\.nft:\d+: inet fw4/);
    }
  });

  it('tells what differs in the frames, and what follows from it', async () => {
    const text = textDiff(await diffOf(OTHERWISE));
    expect(text).toContain('from 203.0.113.1:40001 -> 203.0.113.99:40001');
    expect(text).toContain('in consequence: forwarded -> dropped');
  });

  it('of the same ruleset says so in one sentence', async () => {
    expect(textDiff(await diffOf(OLD))).toContain('No flow changes its fate: all 3,122 packets meet the same.');
  });
});

describe('the findings of a diff', () => {
  it('stand at the new rule, with the old one beside', async () => {
    const [finding] = diffFindings(await diffOf(BLOCKED));
    expect(finding).toMatchObject({ rule: 'diff/verdict', level: 'warning', location: { file: 'new.nft', line: 69 } });
    expect(finding?.related?.map((row) => row.location.file)).toEqual(['old.nft', 'new.nft']);
    expect(DIFF_RULES.map((row) => row.id)).toContain(finding?.rule);
  });

  it('fail on any change, on none without', async () => {
    expect(failOn(diffFindings(await diffOf(BLOCKED)), 'change')).toBe(true);
    expect(failOn(diffFindings(await diffOf(OLD)), 'change')).toBe(false);
    const swapped = diffFindings(await diffOf(BLOCKED, { afterNs: 1.6e9 }));
    expect(swapped.some((row) => row.rule === 'diff/untouched')).toBe(true);
  });
});

describe('coverage for other tools', () => {
  it('as LCOV sums up what it lists', async () => {
    const rows = lcov(await coverageOf(OLD)).split('\n');
    const values = (key: string) =>
      rows.filter((row) => row.startsWith(`${key}:`)).map((row) => row.slice(key.length + 1));
    const lines = values('DA').map((row) => row.split(',').map(Number));
    expect(values('LF')).toEqual([String(lines.length)]);
    expect(values('LH')).toEqual([String(lines.filter(([, hits]) => (hits ?? 0) > 0).length)]);
    expect(values('BRF')).toEqual([String(values('BRDA').length)]);
    expect(values('FNF')).toEqual([String(values('FN').length)]);
    expect(values('DA')).toContain('71,20');
    expect(values('FNDA')).toContain('93,inet fw4 forward');
    expect(rows.at(-2)).toBe('end_of_record');
  });

  it('as Cobertura escapes hostile names and is the same each time', async () => {
    const name = 'a"<&>\u0001.nft';
    const report = await coverageOf(OLD, name);
    const text = cobertura(report);
    expect(text).toContain('filename="a&quot;&lt;&amp;&gt;\ufffd.nft"');
    expect(text).not.toContain('\u0001');
    expect(cobertura(report)).toBe(text);
    expect(text.match(/<line /g)?.length).toBe(text.match(/<line [^>]*\/>/g)?.length);
    expect(lcov(report)).toContain('SF:a"<&> .nft\n');
  });

  it('as text lists the ruleset with marks, at 100 columns', async () => {
    const text = textCoverage(await coverageOf(HOSTILE), true);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    expect(text).not.toContain('\u001b');
    expect(text).toContain('     ##### | 21         iif "lo" accept');
    expect(text).toMatch(/~1 \| 92 .*dport 3478/);
  });
});
