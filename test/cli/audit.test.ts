// `nftreplay audit` from end to end: formats, exit codes, wrong usage.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CAPTURES, nftreplay, ROUTER, RULESET, withFolder } from './program.ts';

const HOME = join(CAPTURES, 'home-router.pcapng.gz');
const CASE = join(CAPTURES, 'cases/calico-13495');
const CALICO = [`${CASE}.nft`, `${CASE}.pcapng.gz`, '--router', `${CASE}.yaml`];

describe.concurrent('audit', () => {
  it.each([
    [[], 0],
    [['--fail-on', 'never'], 0],
    [['--fail-on', 'error'], 1],
    [['--fail-on', 'warning'], 1],
  ])('exit code with %j: %i', async (args, code) => {
    const ended = await nftreplay(['audit', ...CALICO, '--fixes', '0', ...args]);
    expect([ended.code, ended.stderr]).toEqual([code, '']);
    expect(ended.stdout).toMatch(/^Software offload breaks 4 things/);
  });

  it.each([
    ['json', /"schema": "nftreplay\.audit\/1"/],
    ['sarif', /"version": "2\.1\.0"/],
    ['github', /^::error file=/],
    ['markdown', /^### nftreplay audit: 2 errors and 2 warnings/],
  ])('--format %s', async (format, shape) => {
    const ended = await nftreplay(['audit', ...CALICO, '--fixes', '0', '--format', format]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(shape);
  });

  it('says the same for any number of workers', async () => {
    const one = await nftreplay(['audit', RULESET, HOME, '--router', ROUTER, '--workers', '1']);
    const two = await nftreplay(['audit', RULESET, HOME, '--router', ROUTER, '--workers', '2']);
    expect(two.stdout).toBe(one.stdout);
  });

  it('judges the hardware when it is asked to', async () => {
    const ended = await nftreplay(['audit', RULESET, HOME, '--router', ROUTER, '--offload', 'hardware']);
    expect(ended.stdout).toMatch(/^Hardware offload breaks one thing/);
    expect(ended.stdout).toMatch(/Fix, proved by a replay: keep its traffic off the fast path/);
  });

  it('looks only at packets that match', async () => {
    const call = await nftreplay(['audit', RULESET, HOME, '--router', ROUTER, '--match', 'udp dport 3478']);
    expect([call.code, call.stderr]).toEqual([0, '']);
    expect(call.stdout).toMatch(/this rule stops acting on 39\d of 400 packets/);
    const web = await nftreplay(['audit', RULESET, HOME, '--router', ROUTER, '--match', 'tcp dport 443']);
    expect([web.code, web.stderr]).toEqual([0, '']);
    expect(web.stdout).not.toMatch(/ip dscp set ef/);
  });

  it('writes to a file', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'audit.sarif');
      const ended = await nftreplay(['audit', ...CALICO, '--fixes', '0', '--format', 'sarif', '-o', path]);
      expect([ended.code, ended.stdout, ended.stderr]).toEqual([0, '', '']);
      expect(JSON.parse(readFileSync(path, 'utf8')).runs[0].results).toHaveLength(4);
    });
  });

  it.each([
    [['audit', RULESET], /name at least one capture/],
    [['audit', RULESET, '-'], /replayed more than once/],
    [['audit', RULESET, HOME, '--fixes', '-1'], /--fixes/],
    [['audit', RULESET, HOME, '--fail-on', 'sometimes'], /fail-on/],
    [['audit', RULESET, 'no-such.pcap'], /no-such\.pcap/],
    [['audit', RULESET, HOME, '-o', RULESET], /RULESET|--output/],
  ])('wrong usage: %j', async (args, words) => {
    const ended = await nftreplay(args);
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(words);
  });
});
