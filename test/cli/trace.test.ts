// `nftreplay trace` as a user runs it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CAPTURES, capture, nftreplay, ROUTER, RULESET, withFolder } from './program.ts';

const HOME = [RULESET, capture('home-router.pcapng.gz'), '--router', ROUTER];

describe('nftreplay trace', () => {
  it("shows the walk of packets by number, nft's lines among lines that begin with #", async () => {
    const { code, stdout, stderr } = await nftreplay(['trace', ...HOME, '--packet', '2,60']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.match(/^# packet (2|60) at /gm)).toHaveLength(2);
    expect(stdout).toContain(
      'trace id 00000002 inet fw4 forward rule iifname "br-lan" jump forward_lan (verdict jump forward_lan)',
    );
    expect(stdout).toMatch(/^# conntrack: new connection 1, udp 192\.168\.1\.10:40001 > 9\.9\.9\.9:53, 30 s +[\d,]+$/m);
    expect(stdout).toContain('# flowtable hit: forwarded at ingress');
    for (const line of stdout.split('\n')) {
      expect(line === '' || line.startsWith('# ') || line.startsWith('#   ') || line.startsWith('trace id ')).toBe(
        true,
      );
    }
  });

  it('shows only what nft monitor trace prints with --only-nft, packet lines of one chain once', async () => {
    const { stdout } = await nftreplay(['trace', ...HOME, '--packet', '2', '--only-nft']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.every((line) => line.startsWith('trace id 00000002 inet fw4 '))).toBe(true);
    const chains = lines.filter((line) => line.includes(' packet: ')).map((line) => line.split(' ')[5]);
    expect(new Set(chains).size).toBe(chains.length);
  });

  it('follows the nft that --nft-version names', async () => {
    const args = ['trace', ...HOME, '--packet', '2', '--only-nft'];
    const old = await nftreplay([...args, '--nft-version', '1.0.6']);
    const now = await nftreplay(args);
    expect(old.stdout).toMatch(/@th,64,96 0x/);
    expect(now.stdout).not.toContain('@th');
  });

  it('replays everything with --match and shows those that it means, up to --limit', async () => {
    const args = ['trace', ...HOME, '--match', 'udp dport 53', '--limit', '2'];
    const { code, stdout, stderr } = await nftreplay(args);
    expect(code).toBe(0);
    expect(stdout.match(/^# packet \d+ at /gm)).toHaveLength(2);
    expect(stderr).toBe('nftreplay: 1 further packet not shown: --limit 3 shows all\n');
  });

  it("writes typed steps as JSON, with nft's line where it has one", async () => {
    const { stdout } = await nftreplay(['trace', ...HOME, '--packet', '2-3', '--format', 'json']);
    const { schema, packets } = JSON.parse(stdout);
    expect(schema).toBe('nftreplay.trace/1');
    expect(packets.map((one: { packet: number }) => one.packet)).toEqual([2, 3]);
    const [first] = packets;
    expect(first).toMatchObject({ verdict: 'forward', path: 'slow', interface: 'lan1', flow: 1 });
    const kinds = first.steps.map((step: { kind: string }) => step.kind);
    expect(kinds.slice(0, 3)).toEqual(['receive', 'hook', 'flowtable']);
    expect(kinds).toEqual(expect.arrayContaining(['conntrack', 'nat', 'route', 'forward', 'rule', 'policy', 'sent']));
    for (const step of first.steps) {
      const isNft = ['packet', 'rule', 'policy'].includes(step.kind);
      expect(typeof step.nft, JSON.stringify(step)).toBe(isNft ? 'string' : 'undefined');
    }
  });

  it('shows what a ruleset marks itself with --nftrace, and says when nothing is marked', async () => {
    const none = await nftreplay(['trace', ...HOME, '--nftrace']);
    expect([none.code, none.stdout]).toEqual([0, '']);
    expect(none.stderr).toBe('nftreplay: none is marked by a rule: the captures have 3,122 packets\n');
  });

  it('lays a real trace beside ours with --diff, and ends with 1 when something differs', async () => {
    const folder = join(import.meta.dirname, '../report/trace');
    const files = [join(folder, 'frames.pcapng'), '--router', join(folder, 'router.yaml')];
    const args = [...files, '--diff', join(folder, 'mix.real.txt')];
    const alike = await nftreplay(['trace', join(folder, 'mix.nft'), ...args]);
    expect([alike.code, alike.stderr]).toEqual([0, '']);
    expect(alike.stdout).toContain('22 walk alike here, 0 differ, 0 are not in the capture');
    const other = await nftreplay(['trace', join(folder, 'inet.nft'), ...args]);
    expect(other.code).toBe(1);
    expect(other.stdout).toContain('left out, not in the ruleset: table inet mix');
  });

  it('writes to a file with --output', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'walks.txt');
      const { code, stdout } = await nftreplay(['trace', ...HOME, '--packet', '2', '-o', path]);
      expect([code, stdout]).toEqual([0, '']);
      expect(readFileSync(path, 'utf8')).toMatch(/^# packet 2 /);
    });
  });

  it('is the same for any --workers', async () => {
    const one = await nftreplay(['trace', ...HOME, '--packet', '1-50', '--workers', '1']);
    const four = await nftreplay(['trace', ...HOME, '--packet', '1-50', '--workers', '4']);
    expect(four).toEqual(one);
  });

  it.each([
    [[], "nftreplay: trace: say which packets: --packet 17, --match 'tcp dport 443', or --nftrace"],
    [['--packet', '0'], 'nftreplay: --packet: 0: is a number from 1, or a range: 17, 5,7-9, 100-'],
    [['--packet', '9-3'], 'nftreplay: --packet: 9-3: is a number from 1'],
    [['--packet', 'x'], 'nftreplay: --packet: x: is a number from 1'],
    [['--packet', '1', '--limit', '0'], 'nftreplay: --limit: is a number from 1 to 10000'],
    [['--match', 'tcp dprot 1'], '--match:1:5: '],
    [['--match', 'ct state new'], `--match:1:1: "ct state" is the router's state, not the frame's`],
    [
      ['--match', 'iif "eth9"'],
      'nftreplay: --match: the router has no interface "eth9" (it has lo, lan1, br-lan, wan)',
    ],
    [['--packet', '1', '--profile', 'no-such'], 'no-such'],
    [['--diff', '/no/such/file'], '--diff: /no/such/file: cannot be read'],
  ])('refuses %j', async (args, says) => {
    const { code, stdout, stderr } = await nftreplay(['trace', ...HOME, ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(says);
  });

  it('says how many packets there are when the number is beyond them', async () => {
    const { code, stderr } = await nftreplay(['trace', ...HOME, '--packet', '99999']);
    expect(code).toBe(2);
    expect(stderr).toBe('nftreplay: none of packets 99999 is there: the captures have 3,122 packets\n');
  });

  it('traces as far as a damaged capture goes', async () => {
    const { code, stdout, stderr } = await nftreplay(['trace', RULESET, join(CAPTURES, 'cut.pcap'), '--packet', '1-']);
    expect(stdout).toMatch(/^# packet 1 /);
    expect([code === 0, stderr === '']).toEqual([stderr === '', code === 0]);
  });
});
