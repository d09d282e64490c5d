import { describe, expect, it } from 'vitest';
import { countText, type Finding, failOn, textFindings } from '../../src/report/findings.ts';
import { githubAnnotations } from '../../src/report/github.ts';
import { markdownBlock, markdownCode, markdownSummary, markdownText } from '../../src/report/markdown.ts';
import { sarif } from '../../src/report/sarif.ts';

const PLACE = { file: 'rules/a b,c:%.nft', line: 3, column: 5, endColumn: 9 };
const note: Finding = { rule: 'x/note', level: 'note', message: 'a note' };
const warning: Finding = { rule: 'x/warning', level: 'warning', message: 'a warning', location: PLACE };
const error: Finding = {
  rule: 'x/error',
  level: 'error',
  message: 'a line\n::error::forged %0A',
  location: PLACE,
  help: 'do this\nand that',
  related: [{ message: 'because of this', location: { ...PLACE, line: 9 } }],
  properties: { packets: 3 },
};

describe('--fail-on', () => {
  it.each([
    ['never', [error], false],
    ['error', [warning, note], false],
    ['error', [note, error], true],
    ['warning', [note], false],
    ['warning', [warning], true],
    ['warning', [error], true],
    ['change', [note], true],
    ['change', [], false],
  ] as const)('%s of %j: %s', (level, findings, fails) => {
    expect(failOn(findings, level)).toBe(fails);
  });
});

describe('findings as text', () => {
  it('are counted by level', () => {
    expect(countText([])).toBe('no findings');
    expect(countText([note, error, error, warning])).toBe('2 errors, 1 warning and 1 note');
    expect(countText([note, note])).toBe('2 notes');
  });

  it('have their place in front, what belongs to them below', () => {
    expect(textFindings([error])).toEqual([
      'rules/a b,c:%.nft:3: error: a line\\x0a::error::forged %0A',
      '    rules/a b,c:%.nft:9: because of this',
      '    do this',
      '    and that',
    ]);
  });
});

describe('GitHub annotations', () => {
  it('are one line each, whatever the message says', () => {
    const lines = githubAnnotations([error, warning, note], 'nftreplay').split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe(
      '::error file=rules/a b%2Cc%3A%25.nft,line=3,col=5,endColumn=9,title=nftreplay%3A x/error::a line%0A::error::forged %250A%0A' +
        'rules/a b,c:%25.nft:9: because of this%0Ado this%0Aand that',
    );
    expect(lines[2]).toBe('::notice title=nftreplay%3A x/note::a note');
  });
});

describe('Markdown', () => {
  it.each([
    ['a|b', 'a\\|b'],
    ['<img src=x>', '&lt;img src=x&gt;'],
    ['@admins and #12', '@<!-- -->admins and #<!-- -->12'],
    ['*b* _i_ `c` [l](u)', '\\*b\\* \\_i\\_ \\`c\\` \\[l\\](u)'],
    ['http://x.example', 'http:<!-- -->//x.example'],
    ['a\u001b[0m', 'a\\\\x1b\\[0m'],
  ])('text %j is only text', (text, shown) => {
    expect(markdownText(text)).toBe(shown);
  });

  it('code ends where it should', () => {
    expect(markdownCode('a`b')).toBe('``a`b``');
    expect(markdownCode('a|b')).toBe('`a\\|b`');
    expect(markdownBlock('a\n```\nb')).toEqual(['````', 'a', '```', 'b', '````']);
  });

  it('has the worst findings first and a help once', () => {
    const other: Finding = { ...error, message: 'another', location: { ...PLACE, line: 4 } };
    const text = markdownSummary({ title: 'nftreplay', lead: ['Lead.'], findings: [note, error, other] });
    expect(text.indexOf('| error |')).toBeLessThan(text.indexOf('| note |'));
    expect(text.match(/and that/g)).toHaveLength(1);
    expect(text.match(/<details>/g)).toHaveLength(1);
  });
});

describe('SARIF', () => {
  it('has a place for every result, rules once, and URIs', () => {
    const log = JSON.parse(JSON.stringify(sarif([error, warning, note, note], { version: '1.2.3', file: 'fw.nft' })));
    const [run] = log.runs;
    expect(run.tool.driver.rules.map((row: { id: string }) => row.id)).toEqual(['x/error', 'x/warning', 'x/note']);
    expect(run.results.map((row: { ruleIndex: number }) => row.ruleIndex)).toEqual([0, 1, 2, 2]);
    const places = run.results.map((row: { locations: { physicalLocation: object }[] }) => row.locations[0]);
    expect(places[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'rules/a%20b%2Cc%3A%25.nft' },
      region: { startLine: 3, startColumn: 5, endColumn: 9 },
    });
    expect(places[2].physicalLocation).toEqual({ artifactLocation: { uri: 'fw.nft' } });
    expect(run.results[0].relatedLocations).toHaveLength(1);
  });
});
