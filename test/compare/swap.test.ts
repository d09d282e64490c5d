// A ruleset that takes over in the middle: what stays, what goes, what the change does not reach.
import { describe, expect, it } from 'vitest';
import { type Diff, diffRulesets } from '../../src/compare/diff.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { profile } from '../../src/cost/profiles.ts';
import { compile } from '../../src/nft/compile.ts';
import { type ReplayOptions, replayCaptures } from '../../src/replay/replay.ts';

const TABLE = 'flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }';
const chain = (rules: string, table = TABLE) =>
  `table inet f {\n${table}\nchain c { type filter hook forward priority 0;\n${rules}\n} }`;
const OFFLOAD = 'meta l4proto udp flow add @ft';

function rulesets(...texts: string[]) {
  const names = texts.flatMap((text) => compile({ path: 'a.nft', text }).ruleset.interfaceNames);
  return texts.map((text) => compile({ path: 'a.nft', text, interfaceNames: names }));
}

async function swapped(
  old: string,
  now: string,
  at: NonNullable<ReplayOptions['swap']>['at'],
  options: { keeps?: boolean; capture?: string } = {},
): Promise<Diff> {
  const [a, b] = rulesets(old, now);
  if (a === undefined || b === undefined) throw new Error('two rulesets');
  return diffRulesets({
    old: a.ruleset,
    new: b.ruleset,
    replay: { captures: [{ path: `captures/${options.capture ?? 'udp-both-ways.pcap'}` }] },
    profile: profile('generic-x86-64'),
    swap: { at, keeps: options.keeps ?? true },
  });
}

describe('a swap in the middle', () => {
  it('of the same ruleset changes nothing, and keeps flows offloaded', async () => {
    const { changedPackets, swap, after, before } = await swapped(chain(OFFLOAD), chain(OFFLOAD), { packet: 20 });
    expect([changedPackets, swap?.before, swap?.untouched]).toEqual([0, 20, []]);
    expect(after).toEqual(before);
    expect(after.fastPackets).toBeGreaterThan(0);
  });

  it('takes flows off a flowtable that is deleted, and the new one gets them again', async () => {
    const { entries, after, before } = await swapped(chain(OFFLOAD), chain(OFFLOAD), { packet: 20 }, { keeps: false });
    expect(before.fastPackets - after.fastPackets).toBeGreaterThan(0);
    expect(entries.map((row) => [row.fate, row.from, row.to])).toEqual([['path', 'software', 'slow']]);
  });

  it('keeps no flows of a flowtable with other devices', async () => {
    const now = chain(OFFLOAD, TABLE.replace('lan0, wan0', 'wan0'));
    const { before, after } = await swapped(chain(OFFLOAD), now, { packet: 20 });
    expect(after.fastPackets).toBeLessThan(before.fastPackets);
  });

  it('does not reach an offloaded flow with a block rule (QubesOS/qubes-issues#8212)', async () => {
    const { changedPackets, swap } = await swapped(chain(OFFLOAD), chain(`udp dport 1-65535 drop\n${OFFLOAD}`), {
      packet: 20,
    });
    expect(changedPackets).toBe(0);
    expect(swap?.untouchedFlows).toBe(1);
    expect(swap?.untouched.map((row) => [row.from, row.to, row.old.kind, row.new.text])).toContainEqual([
      'forward',
      'drop',
      'flowtable',
      'udp dport 1-65535 drop',
    ]);
  });

  it('reaches it at once without a flowtable', async () => {
    const { changedPackets, swap, entries } = await swapped(chain('accept'), chain('udp dport 1-65535 drop'), {
      packet: 20,
    });
    expect(changedPackets).toBeGreaterThan(0);
    expect(swap?.untouched).toEqual([]);
    expect(entries[0]?.examples[0]?.packet).toBeGreaterThanOrEqual(20);
  });

  it('lets established connections through that the new ruleset would not begin', async () => {
    const old = chain('ct state established accept\nudp dport 1-65535 accept\ndrop');
    const { changedPackets, swap } = await swapped(old, chain('ct state established accept\ndrop'), { packet: 20 });
    expect(changedPackets).toBe(0);
    expect(swap?.untouched.map((row) => row.old.text)).toContain('ct state established accept');
  });

  it('is never reached when the capture ends before', async () => {
    const { changedPackets, swap } = await swapped(chain('accept'), chain('drop'), { afterNs: 1e18 });
    expect(changedPackets).toBe(0);
    expect(swap?.before).toBeUndefined();
  });

  it('from the first packet on is the new ruleset', async () => {
    const { entries, swap } = await swapped(chain('accept'), chain('drop'), { afterNs: 0 });
    expect(swap?.before).toBe(1);
    expect(entries.map((row) => [row.from, row.to])).toEqual([['forward', 'drop']]);
  });

  it('keeps what rules put into a set', async () => {
    const set = 'set seen { type ipv4_addr; flags dynamic; size 100; }';
    const learn = chain('add @seen { ip saddr } accept', set);
    const use = chain('ip saddr @seen accept\nip daddr @seen accept\ndrop', set);
    expect((await swapped(learn, use, { packet: 20 })).changedPackets).toBe(0);
    expect((await swapped(learn, use, { packet: 20 }, { keeps: false })).changedPackets).toBeGreaterThan(0);
  });

  it('names the rules of both rulesets', async () => {
    const [a, b] = rulesets(chain('accept'), chain('counter\ndrop'));
    if (a === undefined || b === undefined) throw new Error('two rulesets');
    const { result } = await replayCaptures({
      ruleset: a.ruleset,
      captures: [{ path: 'captures/udp-both-ways.pcap' }],
      swap: { ruleset: b.ruleset, at: { packet: 20 }, keeps: true },
      workers: 4,
    });
    expect(result.names.rules.map((row) => row.place)).toEqual([1, 1, 2]);
    expect(result.names.flowtables).toEqual(['inet f ft']);
    expect(result.drops.map((row) => row.detail)).toEqual([2]);
  });

  it('of the bundled case is what its page says', async () => {
    const [old, now] = ['qubes-8212.nft', 'qubes-8212-block.nft'].map((name) =>
      compile({ path: `captures/cases/${name}` }),
    );
    if (old === undefined || now === undefined) throw new Error('two rulesets');
    expect(now.replaces).toBe(false);
    const diff = await diffRulesets({
      old: old.ruleset,
      new: now.ruleset,
      replay: {
        captures: [{ path: 'captures/cases/qubes-8212.pcapng.gz' }],
        router: loadRouter('captures/cases/qubes-8212.yaml'),
      },
      profile: profile('generic-x86-64'),
      swap: { at: { afterNs: 4e9 }, keeps: true },
    });
    expect([diff.changedPackets, diff.swap?.untouchedFlows]).toEqual([0, 1]);
  });
});

describe('a ruleset file', () => {
  it.each([
    ['flush ruleset\ntable ip t { }', true],
    ['table ip t { }\ndelete table ip t', true],
    ['destroy table ip t', true],
    ['table ip t { }\nflush table ip t', false],
    ['table ip t { }', false],
  ])('says whether it takes away what was there: %j', (text, replaces) => {
    expect(compile({ path: 'a.nft', text }).replaces).toBe(replaces);
  });
});
