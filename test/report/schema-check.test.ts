// The documents of `check` and `test` are what their schemas in docs say.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSchemaText, suiteReportSchemaText } from '../../scripts/schema/text.ts';
import { checkSchema, suiteReportSchema } from '../../src/report/schema-check.ts';
import { MAIN } from '../cli/program.ts';
import { withFolder } from '../replay/fixture.ts';

const ROOT = resolve(import.meta.dirname, '../..');

function json(...args: string[]): unknown {
  return JSON.parse(spawnSync(process.execPath, [MAIN, ...args], { cwd: ROOT, encoding: 'utf8' }).stdout);
}

describe('the schemas of check and test', () => {
  it('are those in docs', () => {
    expect(readFileSync(join(ROOT, 'docs/check.schema.json'), 'utf8')).toBe(checkSchemaText());
    expect(readFileSync(join(ROOT, 'docs/test.schema.json'), 'utf8')).toBe(suiteReportSchemaText());
  });

  it.each([
    ['a sound ruleset', ['captures/home-router.nft', '--notes']],
    ['what an old kernel refuses', ['captures/home-router.nft', '--requires', '--kernel', '4.9']],
  ])('check: %s', (_, args) => {
    expect(checkSchema().safeParse(json('check', ...args, '--format', 'json')).error?.issues ?? []).toEqual([]);
  });

  it('check: a wrong ruleset', () =>
    withFolder((folder) => {
      const path = join(folder, 'bad.nft');
      writeFileSync(path, 'table ip t {\n\tchain c {\n\t\ttpc dport 5 accept\n\t}\n\tset s { type ipv4_addr\n\t}\n}\n');
      const document = checkSchema().parse(json('check', path, '--format', 'json'));
      expect(document.findings.map((row) => row.level)).toContain('error');
      expect(document.rulesets.map((row) => row.understood)).toEqual([false]);
    }));

  it('test: cases that pass and that fail', () =>
    withFolder((folder) => {
      const path = join(folder, 'suite.yaml');
      const captures = join(ROOT, 'captures');
      writeFileSync(
        path,
        `ruleset: ${captures}/home-router.nft\nrouter: ${captures}/home-router.yaml\ncases:\n  - name: fails\n    packets:\n` +
          '      - packet: br-lan < tcp 192.168.1.10:40000 > 198.51.100.7:443 S\n        expect: { verdict: drop }\n',
      );
      for (const file of ['captures/home-router.nftreplay.yaml', path]) {
        const found = suiteReportSchema().safeParse(json('test', file, '--format', 'json'));
        expect(found.error?.issues ?? []).toEqual([]);
      }
    }));
});
