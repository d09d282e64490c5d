// The output of a run is the same, octet by octet, for any number of workers: all files that it can write, for rulesets
// whose connections do and do not share state, described and inferred routers.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture, nftreplay, ROUTER, RULESET, withFolder } from './program.ts';

/** Nothing that connections share: one capture may be split. */
const SPLITTABLE = `
table inet f {
	flowtable ft { hook ingress priority 0; devices = { lan1, wan } }
	counter everything { packets 5 bytes 500 }
	set ports { type inet_service; flags interval; counter; elements = { 1-100 counter packets 3 bytes 30, 443, 5000-6000 } }
	chain pre { type filter hook prerouting priority -150; ct state new counter packets 10 bytes 1000 }
	chain forward {
		type filter hook forward priority 0; policy drop;
		meta l4proto { tcp, udp } flow add @ft
		counter name everything
		tcp dport @ports counter
		ct state established,related accept
		iifname "lan1" accept
		ct state invalid drop
		meta l4proto tcp reject with tcp reset
		reject
	}
	chain input { type filter hook input priority 0; policy drop; ct state established accept; icmp type echo-request accept; reject }
}
`;
const PLAIN_ROUTER = `
interfaces:
  - { name: lan1, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "2001:db8:1::1/64"] }
  - { name: wan, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan }
sysctl: { net.netfilter.nf_conntrack_acct: 1 }
`;

async function outputs(folder: string, args: string[], workers: number): Promise<Record<string, string>> {
  const path = (name: string): string => join(folder, name);
  const files = ['--events', path('events'), '--packets-out', path('packets'), '--conntrack-out', path('conntrack')];
  const text = await nftreplay([
    'run',
    ...args,
    '--workers',
    `${workers}`,
    ...files,
    '--ruleset-out',
    path('ruleset.nft'),
    '-o',
    path('text'),
  ]);
  const json = await nftreplay([
    'run',
    ...args,
    '--workers',
    `${workers}`,
    '--ruleset-out',
    path('ruleset.json'),
    '--format',
    'json',
    '-o',
    path('report.json'),
  ]);
  const found: Record<string, string> = { text: JSON.stringify(text), json: JSON.stringify(json) };
  for (const name of readdirSync(folder)) found[name] = readFileSync(path(name), 'latin1');
  return found;
}

async function compare(args: string[], others: number[] = [2, 3, 4]): Promise<Record<string, string>> {
  const single = await withFolder((folder) => outputs(folder, args, 1));
  expect(Object.keys(single).sort()).toEqual([
    'conntrack',
    'events',
    'json',
    'packets',
    'report.json',
    'ruleset.json',
    'ruleset.nft',
    'text',
  ]);
  for (const workers of others) {
    const many = await withFolder((folder) => outputs(folder, args, workers));
    for (const name of Object.keys(single))
      expect(many[name] === single[name], `${name} of ${workers} workers`).toBe(true);
  }
  return single;
}

describe('any number of workers writes the same', () => {
  it('when one capture is split', async () => {
    await withFolder(async (folder) => {
      const ruleset = join(folder, 'fw.nft');
      const router = join(folder, 'router.yaml');
      writeFileSync(ruleset, SPLITTABLE);
      writeFileSync(router, PLAIN_ROUTER);
      const captures = ['home-router.pcapng.gz', 'fragments.pcap', 'icmp.pcap', 'cut.pcap'].map(capture);
      const single = await compare([ruleset, ...captures, '--router', router]);
      expect(single['report.json']).toContain('connections do not influence each other here');
    });
  }, 180_000);

  it('when one capture is split and the router is inferred', async () => {
    await withFolder(async (folder) => {
      const ruleset = join(folder, 'fw.nft');
      writeFileSync(ruleset, SPLITTABLE);
      await compare([
        ruleset,
        capture('two-interfaces.pcapng'),
        capture('ipv6.pcap'),
        '--in',
        `wan=${capture('icmp.pcap')}`,
      ]);
    });
  }, 120_000);

  it('when connections share state, and nothing can be split', async () => {
    const single = await compare([RULESET, capture('home-router.pcapng.gz'), '--router', ROUTER], [4]);
    expect(single['report.json']).toContain('replayed in one go, because connections share state');
  }, 120_000);
});

it('tests run the workers of the build', () => {
  expect(existsSync(join(process.env.NFTREPLAY_DIST ?? 'dist', 'workers/replay.js'))).toBe(true);
});
