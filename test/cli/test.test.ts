// nftreplay test and record as a user runs them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CAPTURES, capture, nftreplay, ROUTER, RULESET, withFolder } from './program.ts';

const SUITE = join(CAPTURES, 'home-router.nftreplay.yaml');

describe('nftreplay test', () => {
  it('passes the example suite', async () => {
    const { code, stdout } = await nftreplay(['test', SUITE]);
    expect(stdout).toContain('8 passed');
    expect(code).toBe(0);
  });

  it('finds suites below the folder, and says so when there is none', async () => {
    await withFolder(async (folder) => {
      const none = await nftreplay(['test'], undefined, folder);
      expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('no suites here') });
      writeFileSync(
        join(folder, 'a.nftreplay.yaml'),
        `ruleset: ${RULESET}\ncases:\n  - name: a\n    packets: ["lan0 < raw 00"]\n`,
      );
      expect(await nftreplay(['test'], undefined, folder)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('1 passed'),
      });
    });
  });

  it('ends with 1 when something failed, with 2 and the place when the suite is wrong', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'a.yaml');
      const text = `ruleset: ${RULESET}\nrouter: ${ROUTER}\ncases:\n  - name: a\n    packets:\n      - packet: "wan < udp 1.2.3.4:5 > 203.0.113.1:9"\n        expect: forward\n`;
      writeFileSync(path, text);
      const failed = await nftreplay(['test', path]);
      expect(failed.code).toBe(1);
      expect(failed.stdout).toMatch(/expected {2}forward\n\s+got {7}drop/);
      expect((await nftreplay(['test', path, '--filter', 'zzz'])).code).toBe(2);
      expect((await nftreplay(['test', path, '--update'])).stdout).toContain('+         expect: drop');
      expect((await nftreplay(['test', path])).code).toBe(0);
      writeFileSync(path, text.replace('udp', 'upd'));
      const wrong = await nftreplay(['test', path]);
      expect(wrong.code).toBe(2);
      expect(wrong.stderr).toMatch(/a\.yaml:6:\d+: 'upd' is no kind of packet.*did you mean 'udp'/);
      expect(wrong.stderr).toMatch(/\n\s+\^\^\^/);
    });
  });

  it.each(['json', 'junit', 'github', 'markdown'])('writes %s to a file', async (format) => {
    await withFolder(async (folder) => {
      const out = join(folder, 'out');
      expect(await nftreplay(['test', SUITE, '--format', format, '-o', out])).toMatchObject({ code: 0, stdout: '' });
      expect(existsSync(out)).toBe(true);
    });
  });
});

describe('nftreplay record', () => {
  it.each([[[]], [['--inline']], [['--match', 'tcp dport 443', '--flows', '2']]])(
    '%j: what it writes passes',
    async (options) => {
      await withFolder(async (folder) => {
        const out = join(folder, 'a.nftreplay.yaml');
        const recorded = await nftreplay([
          'record',
          RULESET,
          capture('web-nat.pcap'),
          '--router',
          ROUTER,
          '-o',
          out,
          ...options,
        ]);
        expect(recorded).toMatchObject({ code: 0, stderr: expect.stringContaining('1 case') });
        expect(readFileSync(out, 'utf8')).toMatch(/^# Recorded by nftreplay record from web-nat\.pcap/);
        expect(await nftreplay(['test', out])).toMatchObject({ code: 0 });
      });
    },
  );

  it('refuses pipes, and captures that are too large for lines', async () => {
    expect((await nftreplay(['record', RULESET, '-'])).stderr).toContain('replayed more than once');
    const large = await nftreplay(['record', RULESET, capture('home-router.pcapng.gz'), '--inline']);
    expect(large).toMatchObject({ code: 2, stderr: expect.stringContaining('more than 2,000 packets') });
  });
});
