import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DiffEntry } from '../../src/compare/comparison.ts';
import { type Diff, diffRulesets } from '../../src/compare/diff.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { profile } from '../../src/cost/profiles.ts';
import { compile } from '../../src/nft/compile.ts';

const GENERIC = profile('generic-x86-64');

/** A ruleset that forwards what `rules` of its forward chain accept. */
function forward(rules: string, more = '', policy = 'drop'): string {
  return `table inet f {\n${more}\nchain c { type filter hook forward priority 0; policy ${policy};\n${rules}\n}\n}\n`;
}

async function diff(old: string, now: string, capture = 'web-nat.pcap'): Promise<Diff> {
  const texts = [old, now].map((text, index) => ({ path: index === 0 ? 'old.nft' : 'new.nft', text }));
  const names = [...new Set(texts.flatMap((row) => compile(row).ruleset.interfaceNames))].sort();
  const [a, b] = texts.map((row) => compile({ ...row, interfaceNames: names }).ruleset);
  if (a === undefined || b === undefined) throw new Error('two rulesets');
  const captures = [{ path: `captures/${capture}` }];
  return diffRulesets({ old: a, new: b, replay: { captures }, profile: GENERIC });
}

/** An entry in one line. */
function line({ fate, from, to, old, new: now }: DiffEntry): string {
  const side = (row: DiffEntry['old']) => `${row.kind} ${row.location?.line ?? '-'} ${row.text}`;
  return `${fate} ${from}>${to}: ${side(old)} | ${side(now)}`;
}

const early = (verdict: string) =>
  `table inet f { chain c { type filter hook prerouting priority 0;\ntcp flags syn ${verdict}\n} }`;
const ACCEPT = 'ct state established accept\nudp dport 53 accept\ntcp dport { 80, 443 } accept';

describe('diff', () => {
  it.each(readdirSync('captures').filter((name) => /\.pcap(ng)?(\.gz)?$/.test(name)))(
    'of a ruleset with itself is empty: %s',
    async (capture) => {
      const text = forward(ACCEPT, 'flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }').replace(
        'udp dport',
        'meta l4proto tcp flow add @ft\nudp dport',
      );
      const same = await diff(text, text, capture);
      expect([same.changedPackets, same.entries, same.otherwiseDecided]).toEqual([0, [], 0]);
    },
  );

  it.each([
    [
      'a rule that goes',
      forward(ACCEPT),
      forward('ct state established accept\ntcp dport { 80, 443 } accept'),
      'dns.pcap',
      ['verdict forward>drop: rule 5 udp dport 53 accept | policy 3 policy drop'],
    ],
    [
      'a rule whose port changes',
      forward(ACCEPT),
      forward(ACCEPT.replace('53', '5353')),
      'dns.pcap',
      ['verdict forward>drop: rule 5 udp dport 53 accept | policy 3 policy drop'],
    ],
    [
      'a rule that comes',
      forward('', '', 'accept'),
      forward('udp dport 53 reject', '', 'accept'),
      'dns.pcap',
      ['verdict forward>drop: policy 3 policy accept | rule 4 udp dport 53 reject'],
    ],
    [
      'drop that becomes reject',
      forward('udp dport 53 drop', '', 'accept'),
      forward('udp dport 53 reject', '', 'accept'),
      'dns.pcap',
      ['frames no frame>frames: rule 4 udp dport 53 drop | rule 4 udp dport 53 reject'],
    ],
    [
      'a mark',
      forward('udp dport 53 meta mark set 1', '', 'accept'),
      forward('udp dport 53 meta mark set 2', '', 'accept'),
      'dns.pcap',
      [
        'mark mark 0x1, ct mark 0x0>mark 0x2, ct mark 0x0: rule 4 udp dport 53 meta mark set 0x00000001 | rule 4 udp dport 53 meta mark set 0x00000002',
      ],
    ],
    [
      'octets that leave',
      forward('', '', 'accept'),
      forward('udp dport 53 ip dscp set ef', '', 'accept'),
      'dns.pcap',
      ['frames frames>frames: policy 3 policy accept | rule 4 udp dport 53 ip dscp set ef'],
    ],
    [
      'a policy',
      forward('', '', 'accept'),
      forward('', '', 'drop'),
      'dns.pcap',
      ['verdict forward>drop: policy 3 policy accept | policy 3 policy drop'],
    ],
  ])('names the pair of rules for %s', async (_, old, now, capture, expected) => {
    expect((await diff(old, now, capture)).entries.map(line)).toEqual(expected);
  });

  it('names who translates', async () => {
    const nat = (to: string) =>
      `table ip n { chain c { type nat hook postrouting priority srcnat;\noifname "wan0" snat to ${to}\n} }`;
    const { entries } = await diff(nat('203.0.113.7'), nat('203.0.113.8'), 'dns.pcap');
    expect(entries.map(line)).toEqual([
      'translation >: rule 2 oifname "wan0" snat to 203.0.113.7 | rule 2 oifname "wan0" snat to 203.0.113.8',
    ]);
  });

  it('names the flowtable rule that went', async () => {
    const table = 'flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }';
    const old = forward('meta l4proto udp flow add @ft', table, 'accept');
    const { entries } = await diff(old, forward('', table, 'accept'), 'udp-both-ways.pcap');
    expect(entries.map(line)).toEqual([
      'path software>slow: rule 4 meta l4proto udp flow add @ft | policy 3 policy accept',
    ]);
    expect(entries[0]?.before.fastPackets).toBeGreaterThan(0);
    expect(entries[0]?.after.fastPackets).toBe(0);
  });

  it('puts a thousand flows with one cause into one entry', async () => {
    const { entries, changedFlows } = await diff(early('accept'), early('drop'), 'port-scan.pcap');
    expect(entries.length).toBe(1);
    expect(entries[0]?.flows).toBe(changedFlows);
    expect(changedFlows).toBeGreaterThan(50);
    expect(entries[0]?.examples.map((row) => row.tuple.slice(0, 4))).toEqual(['tcp ', 'tcp ', 'tcp ']);
  });

  it('is mirrored when old and new are exchanged', async () => {
    const table = 'flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }';
    const rule = fc.constantFrom(
      'udp dport 53 accept',
      'udp dport 53 drop',
      'tcp dport 80 reject',
      'tcp flags syn counter accept',
      'ct state established accept',
      'ct state established,related drop',
      'meta mark set 0x7',
      'ct mark set 0x9',
      'ip dscp set cs1',
      'ip ttl set 9',
      'meta l4proto { tcp, udp } flow add @ft',
      'ip saddr 192.168.0.0/16 accept',
      'ct state invalid drop',
    );
    const text = fc
      .tuple(fc.array(rule, { maxLength: 5 }), fc.constantFrom('accept', 'drop'))
      .map(([rules, policy]) => forward(rules.join('\n'), table, policy));
    const capture = fc.constantFrom('dns.pcap', 'web-nat.pcap', 'udp-both-ways.pcap', 'icmp.pcap');
    await fc.assert(
      fc.asyncProperty(text, text, capture, async (a, b, file) => {
        const there = await diff(a, b, file);
        const back = await diff(b, a, file);
        expect(back.changedPackets).toBe(there.changedPackets);
        expect(back.before).toEqual(there.after);
        expect(back.entries.map(content).sort()).toEqual(there.entries.map(mirrored).map(content).sort());
      }),
      { numRuns: 60 },
    );
  });

  it('of the demo names the rule that stopped a host', async () => {
    const { ruleset } = compile({ path: 'captures/home-router.nft' });
    const same = await diffRulesets({
      old: ruleset,
      new: ruleset,
      replay: {
        captures: [{ path: 'captures/home-router.pcapng.gz' }],
        router: loadRouter('captures/home-router.yaml'),
      },
      profile: GENERIC,
    });
    expect(same.entries).toEqual([]);
    expect(same.flows).toBeGreaterThan(10);
  });
});

/** What must be the same in a mirrored report: file names and words of notes differ. */
function content(row: DiffEntry): string {
  const side = ({ kind, place, text, location }: DiffEntry['old']) => [kind, place, text, location?.line];
  const examples = row.examples.map(({ packet, tuple }) => [packet, tuple]);
  return JSON.stringify({ ...row, examples, old: side(row.old), new: side(row.new) });
}

function mirrored(row: DiffEntry): DiffEntry {
  const consequences = row.consequences.map((one) => ({ ...one, from: one.to, to: one.from }));
  return {
    ...row,
    consequences,
    from: row.to,
    to: row.from,
    old: row.new,
    new: row.old,
    before: row.after,
    after: row.before,
  };
}
