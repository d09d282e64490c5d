import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportSchemaText } from '../../scripts/schema/text.ts';
import { compile, jsonReport, price, profiles, replayCaptures } from '../../src/index.ts';
import { reportSchema } from '../../src/report/schema.ts';

const ROOT = resolve(import.meta.dirname, '../..');

describe('the schema of the JSON report', () => {
  it('is the one in docs', () => {
    expect(readFileSync(resolve(ROOT, 'docs/report.schema.json'), 'utf8')).toBe(reportSchemaText());
  });

  it.each(['home-router.pcapng.gz', 'cut.pcap', 'fragments.pcap'])('holds for the report on %s', async (file) => {
    const rulesetPath = resolve(ROOT, 'captures/home-router.nft');
    const { ruleset } = compile({ path: rulesetPath });
    const replay = await replayCaptures({ ruleset, captures: [{ path: resolve(ROOT, 'captures', file) }] });
    const pricings = profiles().map((row) => price(replay.result.paths, replay.result.names, row));
    const report = {
      version: '0',
      rulesetPath,
      ruleset,
      rulesetNotes: ['a note'],
      offload: 'as-ruled',
      replay,
      pricings,
    };
    const parsed = reportSchema().safeParse(JSON.parse(JSON.stringify(jsonReport(report))));
    expect(parsed.error?.issues ?? []).toEqual([]);
  });
});
