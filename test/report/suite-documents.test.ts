// Results of suites in all their forms, with names that are hostile to each.
import { describe, expect, it } from 'vitest';
import { githubAnnotations } from '../../src/report/github.ts';
import { junitXml } from '../../src/report/junit.ts';
import { SUITE_REPORT_SCHEMA, suiteFindings, suiteJson, suiteMarkdown } from '../../src/report/suite-documents.ts';
import { textSuites } from '../../src/report/text-suite.ts';
import { updateText } from '../../src/report/text-update.ts';
import type { SuiteResult } from '../../src/suite/result.ts';
import { runSuite } from '../../src/suite/run-suite.ts';
import { parseSuite } from '../../src/suite/suite-file.ts';
import { updateSuite } from '../../src/suite/update.ts';

const TEXT = String.raw`name: "<b> & \"q\" \e[31m ::error::"
ruleset: |
  table inet t { chain f { type filter hook forward priority 0; policy drop; tcp dport 443 accept comment "web"; }; }
cases:
  - name: "a < b ]]> \x01 \uFFFE @you | ${'`'}x${'`'}"   # kept
    packets:
      - packet: lan0 < tcp 10.0.0.5:1000 > 198.51.100.1:80 S
        expect: forward # why
      - packet: lan0 < tcp 10.0.0.5:1000 > 198.51.100.1:443 S
        expect: { verdict: drop, rule: web, out: none }
    expect: { forward: 7 }
  - name: later
    skip: not yet
    packets: ["lan0 < raw 00"]
  - name: nothing to answer
    packets: ["lan0 < reply"]
  - name: fine
    packets: ["lan0 < tcp 10.0.0.5:1000 > 198.51.100.1:80 S"]
    expect: { drop: 1 }
`;

async function results(): Promise<SuiteResult[]> {
  return [await runSuite(parseSuite(TEXT, 'dir/x.yaml'))];
}

/** Tags of an XML text with their attributes; throws when it is not well-formed as far as this looks. */
function elements(xml: string): { name: string; attributes: Record<string, string> }[] {
  const open: string[] = [];
  const found: { name: string; attributes: Record<string, string> }[] = [];
  const body = xml.replace(/^<\?xml[^>]*\?>\n/, '');
  for (const [, text = '', close, name = '', written = '', self] of body.matchAll(
    /([^<]*)<(\/?)([\w-]+)((?: [\w-]+="[^"<]*")*)(\/?)>/g,
  )) {
    if (/&(?!(?:amp|lt|gt|quot);)/.test(text + written)) throw new Error(`a bare ampersand in ${text}${written}`);
    if (close === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes another element`);
      continue;
    }
    const attributes = Object.fromEntries([...written.matchAll(/([\w-]+)="([^"]*)"/g)].map((row) => [row[1], row[2]]));
    found.push({ name, attributes });
    if (self !== '/') open.push(name);
  }
  if (open.length > 0) throw new Error(`<${open.join('><')}> stays open`);
  return found;
}

describe('results of suites', () => {
  it('as JUnit are well-formed, with one element for what is wrong with a case', async () => {
    const xml = junitXml(await results(), { timestamp: '2026-01-31T08:00:00' });
    const rows = elements(xml);
    expect(rows.map((row) => row.name)).toEqual([
      ...['testsuites', 'testsuite', 'properties', 'testcase', 'failure', 'testcase', 'skipped'],
      ...['testcase', 'error', 'testcase', 'system-out', 'system-err'],
    ]);
    expect(rows[1]?.attributes).toMatchObject({
      package: 'dir/x.yaml',
      tests: '4',
      failures: '1',
      errors: '1',
      skipped: '1',
      timestamp: '2026-01-31T08:00:00',
    });
    expect(rows[4]?.attributes.message).toBe('packet 1: verdict: expected forward, got drop');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/);
  });

  it('as text show expected, got and the walk, and nothing that a terminal obeys', async () => {
    const text = textSuites(await results());
    expect(text).toMatch(/expected {2}forward\n\s+got {7}drop/);
    expect(text).toContain('trace id');
    expect(text).toContain('4 cases in 1 suite: 1 passed, 2 failed, 1 skipped');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    const quiet = textSuites(await results(), { quiet: true, noWalk: true });
    expect(quiet).not.toContain('fine');
    expect(quiet).not.toContain('trace id');
  });

  it('as JSON carry schema, version and what would be right', async () => {
    const json = JSON.parse(JSON.stringify(suiteJson(await results(), '1.2.3')));
    expect(json).toMatchObject({ schema: SUITE_REPORT_SCHEMA, version: '1.2.3', passed: 1, failed: 2, skipped: 1 });
    expect(json.suites[0].cases[0].failures[0]).toMatchObject({
      expected: 'forward',
      got: 'drop',
      actual: 'drop',
      line: 8,
    });
    expect(json.suites[0].cases[0].failures[0].walk.length).toBeGreaterThan(5);
  });

  it('as annotations and Markdown stay what they are', async () => {
    const lines = githubAnnotations(suiteFindings(await results()), 'nftreplay test')
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(5);
    expect(lines.every((line) => line.startsWith('::error file=dir/x.yaml,line='))).toBe(true);
    const markdown = suiteMarkdown(await results());
    expect(markdown).toContain('| `dir/x.yaml` | 1 | 2 | 1 |');
    expect(markdown).not.toContain('<b>');
    expect(markdown).toContain('@<!-- -->you');
  });
});

describe('--update', () => {
  it('changes values that were not met, and nothing else', async () => {
    const suite = parseSuite(TEXT, 'x.yaml');
    const { text, changes, unmended } = updateSuite(suite.source, await runSuite(suite));
    expect(text).toBe(
      TEXT.replace('expect: forward # why', 'expect: drop # why')
        .replace('{ verdict: drop, rule: web, out: none }', '{ verdict: forward, rule: web, out: wan0 }')
        .replace('{ forward: 7 }', '{ forward: 1 }'),
    );
    expect(unmended).toEqual([]);
    expect(updateText('x.yaml', { text, changes, unmended })).toMatch(
      /8 - {9}expect: forward # why\n\s+\+ {9}expect: drop # why/,
    );
    const again = parseSuite(text, 'x.yaml');
    const { cases } = await runSuite(again);
    expect(cases[0]?.failures).toEqual([]);
  });
});
