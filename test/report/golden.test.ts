// Whole reports as text. A changed report is looked at as a result (git diff), then taken over with `vitest -u`.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nftreplay } from '../cli/program.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const REPORTS: [string, string[]][] = [
  [
    'home-router.txt',
    [
      'captures/home-router.nft',
      'captures/home-router.pcapng.gz',
      '--router',
      'captures/home-router.yaml',
      '--profile',
      'generic-arm64',
    ],
  ],
  ['inferred.txt', ['captures/home-router.nft', 'captures/web-nat.pcap', 'captures/ipv6.pcap', 'captures/vlan.pcap']],
  [
    'hardware.txt',
    [
      'captures/home-router.nft',
      'captures/two-interfaces.pcapng',
      '--router',
      'captures/home-router.yaml',
      '--offload',
      'hardware',
      '--profile',
      'bpi-r3',
      '--profile',
      'mt7621',
    ],
  ],
];

describe('the report of', () => {
  it.each(REPORTS)('%s is as reviewed', async (name, args) => {
    const { code, stdout, stderr } = await nftreplay(['run', ...args], undefined, ROOT);
    expect([code, stderr]).toEqual([0, '']);
    await expect(stdout).toMatchFileSnapshot(`golden/${name}`);
    for (const line of stdout.split('\n')) {
      expect(line.length, line).toBeLessThanOrEqual(100);
      expect(line, 'trailing blanks').not.toMatch(/\s$/);
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});
