// `nftreplay diff` and `nftreplay coverage` as a user runs them: exit codes, outputs, refusals.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CAPTURES, capture, nftreplay, ROUTER, RULESET, withFolder } from './program.ts';

const DEMO = [capture('home-router.pcapng.gz'), '--router', ROUTER];

/** The demo's ruleset with a rule that blocks one host, in a file of its own. */
function blocked(folder: string, from = 'ip saddr 192.168.1.66', to = 'ip saddr 192.168.1.10'): string {
  const path = join(folder, 'new.nft');
  writeFileSync(path, readFileSync(RULESET, 'utf8').replace(from, to));
  return path;
}

describe('nftreplay diff', () => {
  it('of a ruleset with itself ends with 0, whatever --fail-on says', async () => {
    const { code, stdout, stderr } = await nftreplay(['diff', RULESET, RULESET, ...DEMO, '--fail-on', 'change']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('No flow changes its fate');
  });

  it('ends with 1 for a change when asked, with 0 when not', async () => {
    await withFolder(async (folder) => {
      const now = blocked(folder);
      const plain = await nftreplay(['diff', RULESET, now, ...DEMO]);
      expect([plain.code, plain.stderr]).toEqual([0, '']);
      expect(plain.stdout).toContain('forwarded -> dropped');
      expect((await nftreplay(['diff', RULESET, now, ...DEMO, '--fail-on', 'change'])).code).toBe(1);
      expect((await nftreplay(['diff', RULESET, now, ...DEMO, '--fail-on', 'error'])).code).toBe(0);
    });
  });

  it('is the same for any number of workers', async () => {
    await withFolder(async (folder) => {
      const now = blocked(folder);
      const run = (workers: string) => nftreplay(['diff', RULESET, now, capture('ipv6.pcap'), '--workers', workers]);
      expect((await run('2')).stdout).toBe((await run('1')).stdout);
    });
  });

  it('writes every format', async () => {
    await withFolder(async (folder) => {
      const now = blocked(folder);
      const run = async (format: string) =>
        (await nftreplay(['diff', RULESET, now, ...DEMO, '--format', format])).stdout;
      expect(JSON.parse(await run('json'))).toMatchObject({
        schema: 'nftreplay.diff/1',
        entries: [{ fate: 'verdict' }],
      });
      expect(JSON.parse(await run('sarif'))).toMatchObject({
        version: '2.1.0',
        runs: [{ results: [{ level: 'warning' }] }],
      });
      expect(await run('github')).toMatch(/^::warning file=.*new\.nft,line=69,/);
      expect(await run('markdown')).toMatch(/^### nftreplay diff: 1 warning/);
    });
  });

  it('chooses packets by --match', async () => {
    await withFolder(async (folder) => {
      const args = [
        'diff',
        RULESET,
        blocked(folder),
        ...DEMO,
        '--match',
        'ip saddr 192.168.1.23',
        '--fail-on',
        'change',
      ];
      expect((await nftreplay(args)).code).toBe(0);
    });
  });

  it('loads the new ruleset in the middle', async () => {
    const files = ['qubes-8212.nft', 'qubes-8212-block.nft', 'qubes-8212.pcapng.gz'].map((name) =>
      join(CAPTURES, 'cases', name),
    );
    const router = ['--router', join(CAPTURES, 'cases/qubes-8212.yaml')];
    for (const at of ['4000ms', '#23']) {
      const { stdout, code } = await nftreplay(['diff', ...files, ...router, '--swap-at', at]);
      expect([code, at, stdout.includes('1 running connection goes on as before')]).toEqual([0, at, true]);
    }
    const flushed = await nftreplay(['diff', ...files, ...router, '--swap-at', '4s', '--swap-flush']);
    expect(flushed.stdout).toMatch(/flowtables are deleted and\s+made anew/);
    expect(flushed.stdout).toContain('its flow was torn down before');
  });

  it.each([
    [['diff', RULESET], /name two rulesets/],
    [['diff', RULESET, RULESET], /CAPTURE: name at least one capture/],
    [['diff', RULESET, RULESET, '-'], /is replayed more than once: save it to a file first/],
    [['diff', RULESET, RULESET, ...DEMO, '--swap-at', 'noon'], /--swap-at: noon: is no time: 12\.5s/],
    [['diff', RULESET, RULESET, ...DEMO, '--swap-flush'], /needs --swap-at/],
    [['diff', RULESET, '/no/such.nft', ...DEMO], /no\/such\.nft/],
    [['diff', RULESET, RULESET, ...DEMO, '--formatt', 'json'], /did you mean --format/],
    [['diff', RULESET, RULESET, ...DEMO, '-o', RULESET], /is the same file/],
    [['coverage', RULESET], /CAPTURE: name at least one capture/],
    [['coverage', RULESET, '-'], /is replayed more than once/],
  ])('%j is wrong usage, told in one line', async (args, message) => {
    const { code, stdout, stderr } = await nftreplay(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').length).toBe(1);
  });

  it('tells of a damaged capture, and ends with 2', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'broken.pcap');
      writeFileSync(path, readFileSync(capture('dns.pcap')).subarray(0, 500));
      const { code, stdout, stderr } = await nftreplay(['diff', RULESET, RULESET, path]);
      expect(code).toBe(2);
      expect(stdout).toContain('DAMAGED');
      expect(stderr).toContain('broken.pcap');
    });
  });
});

describe('nftreplay coverage', () => {
  it('lists what is dead, with reasons, and annotates the ruleset', async () => {
    const { code, stdout, stderr } = await nftreplay(['coverage', RULESET, ...DEMO, '--annotate']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Never reached');
    expect(stdout).toContain('##### | 21 ');
    expect(stdout).toContain('shadowed: 33 packets would match, line 33');
  });

  it('writes files for other tools', async () => {
    await withFolder(async (folder) => {
      for (const [format, begin] of [
        ['lcov', 'TN:nftreplay\nSF:'],
        ['cobertura', '<?xml version="1.0"'],
        ['json', '{\n  "schema": "nftreplay.coverage/1"'],
      ]) {
        const path = join(folder, `${format}`);
        const { code, stdout } = await nftreplay(['coverage', RULESET, ...DEMO, '--format', `${format}`, '-o', path]);
        expect([code, stdout]).toEqual([0, '']);
        expect(readFileSync(path, 'utf8').startsWith(`${begin}`)).toBe(true);
      }
    });
  });
});
