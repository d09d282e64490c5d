import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  compile,
  dearestPaths,
  describePath,
  type EventRow,
  jsonReport,
  list,
  loadRouter,
  price,
  profile,
  profiles,
  type RunReport,
  replayCaptures,
  summarise,
  textReport,
  writeFrames,
} from '../src/index.ts';

const CAPTURES = resolve(import.meta.dirname, '../captures');
const rulesetPath = join(CAPTURES, 'home-router.nft');
const compiled = compile({ path: rulesetPath });
const router = loadRouter(join(CAPTURES, 'home-router.yaml'));
const captures = [{ path: join(CAPTURES, 'home-router.pcapng.gz') }];

describe('nftreplay as a library', () => {
  it('compiles, replays, prices on every device and reports', async () => {
    const replay = await replayCaptures({ ruleset: compiled.ruleset, captures, router });
    const { paths, names } = replay.result;
    const prices = profiles().map((row) =>
      summarise(paths, price(paths, names, row)).find((one) => one.name === 'all'),
    );
    expect(prices.every((row) => row !== undefined && row.meanCycles > 100)).toBe(true);
    const pricing = price(paths, names, profile('generic-arm64'));
    const dearest = dearestPaths(paths, pricing, 3);
    expect(dearest.length).toBe(3);
    expect(describePath(paths, names, dearest[0]?.path ?? 0)[0]).toMatch(/^rx /);
    const report: RunReport = {
      version: '0',
      rulesetPath,
      ruleset: compiled.ruleset,
      rulesetNotes: [],
      offload: 'as-ruled',
      replay,
      pricings: [pricing],
    };
    expect(textReport(report)).toContain('Estimated cycles per packet on generic-arm64');
    expect(jsonReport(report)).toMatchObject({ schema: 'nftreplay.run/1', input: { packets: 3122 } });
    expect(list(compiled.ruleset, replay.result.state)).toMatch(/counter packets [1-9]\d* bytes [1-9]\d* accept/);
  });

  it('hands out a row for each packet and the frames that left', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nftreplay-library-'));
    const rows: Pick<EventRow, 'packet' | 'verdict'>[] = [];
    let frames = 0;
    await replayCaptures({
      ruleset: compiled.ruleset,
      captures,
      router,
      onEvents: (events) => {
        for (const row of events) rows.push({ packet: row.packet, verdict: row.verdict });
      },
      onFrames: (left, replay) => {
        writeFrames(join(folder, 'out.pcapng'), left, replay.result);
        frames = replay.result.left.reduce((sum, row) => sum + row.frames, 0);
      },
    });
    rmSync(folder, { recursive: true });
    expect(rows.map((row) => row.packet)).toEqual(Array.from({ length: 3122 }, (_, index) => index + 1));
    expect(frames).toBeGreaterThan(3000);
  });

  it('offload off and on forward the same frames', async () => {
    const totals = await Promise.all(
      (['off', 'software'] as const).map(async (offload) => {
        const { result } = await replayCaptures({ ruleset: compiled.ruleset, captures, router, offload });
        return result.left.map((row) => row.frames);
      }),
    );
    expect(totals[0]).toEqual(totals[1]);
  });
});
