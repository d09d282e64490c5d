// --match: which packets enter, and what becomes of the others.
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REASONS } from '../../src/event/reasons.ts';
import { compile, loadRouter, type ReplayOptions, replayCaptures } from '../../src/index.ts';

const CAPTURES = resolve(import.meta.dirname, '../../captures');
const { ruleset } = compile({ path: join(CAPTURES, 'home-router.nft') });
const router = loadRouter(join(CAPTURES, 'home-router.yaml'));
const HOME = join(CAPTURES, 'home-router.pcapng.gz');

async function replay(match: string, options: Partial<ReplayOptions> = {}) {
  const rows: { packet: number; reason: string; outs: number }[] = [];
  const { result } = await replayCaptures({
    ruleset,
    router,
    captures: [{ path: HOME }],
    match,
    onEvents: (all) => {
      for (const row of all) {
        rows.push({ packet: row.packet, reason: REASONS[row.reason]?.name ?? '', outs: row.outs.length });
      }
    },
    ...options,
  });
  return { result, rows };
}

describe('a replay of what a match means', () => {
  it.each([
    ['meta l4proto udp', 817],
    ['ip saddr 192.168.1.10 tcp dport 443', 77],
    ['iifname "lan1"', -1],
    ['ether type arp', -1],
    ['udp dport { 53, 123 }', -1],
    ['meta length > 1000', -1],
    ['ip saddr 192.168.1.10; ip daddr 192.168.1.10', -1],
    ['tcp dport 443; meta l4proto udp', -1],
  ])('%s: the others are left out, counted, and keep their numbers', async (match, expected) => {
    const { result, rows } = await replay(match);
    const { packets, leftOut } = result.input;
    const entered = rows.filter((row) => row.reason !== 'left-out');
    expect(packets).toBe(3122);
    expect(rows.length).toBe(packets);
    expect(entered.length).toBe(packets - leftOut);
    expect(entered.length).toBeGreaterThan(0);
    if (expected >= 0) expect(entered.length).toBe(expected);
    expect(rows.filter((row) => row.reason === 'left-out').every((row) => row.outs === 0)).toBe(true);
    expect(result.drops.some((row) => REASONS[row.reason]?.name === 'left-out')).toBe(false);
    // A traced replay of everything means the same packets.
    const traced = await replayCaptures({ ruleset, router, captures: [{ path: HOME }], trace: { match, limit: 4000 } });
    expect(traced.result.trace?.walks.map((walk) => walk.packet)).toEqual(entered.map((row) => row.packet));
  });

  it('is the same on any number of threads', async () => {
    const threads = { ruleset: compile({ path: 'x.nft', text: FORWARDING }).ruleset };
    const one = await replay('meta l4proto tcp', { ...threads, workers: 1 });
    const three = await replay('meta l4proto tcp', { ...threads, workers: 3 });
    expect(three.result).toEqual(one.result);
    expect(three.rows).toEqual(one.rows);
  });

  it('looks through VLAN tags and PPPoE', async () => {
    const vlan = await replay('vlan id 10 ip version 4', { captures: [{ path: join(CAPTURES, 'vlan.pcap') }] });
    const pppoe = await replay('ip version 4 meta l4proto tcp', { captures: [{ path: join(CAPTURES, 'pppoe.pcap') }] });
    for (const { result } of [vlan, pppoe]) {
      expect(result.input.packets - result.input.leftOut).toBeGreaterThan(0);
    }
  });

  it('refuses interfaces that the router has not, before anything is replayed', async () => {
    await expect(replay('iif "eth9"')).rejects.toThrow(
      'the router has no interface "eth9" (it has lo, lan1, br-lan, wan)',
    );
    await expect(replay('tcp dprot 1')).rejects.toThrow('--match:1:5');
  });
});

const FORWARDING = `table inet t {
  chain forward { type filter hook forward priority 0; policy accept;
    ct state established,related accept
    counter
  }
}`;
