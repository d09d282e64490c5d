import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { contentHash, type ManifestRow, writeCaptures } from '../../scripts/captures.ts';
import { openCapture } from '../../src/capture/open.ts';

const CAPTURES = resolve(import.meta.dirname, '../../captures');
const rows = JSON.parse(readFileSync(join(CAPTURES, 'manifest.json'), 'utf8')) as ManifestRow[];
const folder = mkdtempSync(join(tmpdir(), 'nftreplay-captures-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('bundled captures', () => {
  it('are what the code makes today', () => {
    expect(writeCaptures(folder)).toEqual(rows);
    for (const row of rows) expect([row.file, contentHash(join(CAPTURES, row.file))]).toEqual([row.file, row.sha256]);
  });

  it.each(rows.map((row) => [row.file, row] as const))(
    '%s has the packets that the manifest says',
    async (file, row) => {
      const reader = await openCapture(join(CAPTURES, file));
      let packets = 0;
      do while (reader.next()) packets++;
      while (await reader.fill());
      expect(packets).toBe(row.packets);
      expect(reader.damage !== undefined).toBe(file === 'cut.pcap');
    },
  );

  it('are a few hundred kilobytes in all', () => {
    const octets = rows.reduce((sum, row) => sum + readFileSync(join(CAPTURES, row.file)).length, 0);
    expect(octets).toBeLessThan(600_000);
  });
});
