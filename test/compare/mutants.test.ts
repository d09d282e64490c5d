// A slice of `npm run mutants`: a one-rule change that changes a packet's fate is reported by diff, and no other.
import { describe, expect, it } from 'vitest';
import { Judge } from '../../scripts/mutants/judge.ts';
import { MUTATIONS, mutants } from '../../scripts/mutants/mutate.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { compile } from '../../src/nft/compile.ts';

const TEXT = `table inet f {
  flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }
  set servers { type ipv4_addr; flags interval; elements = { 192.168.0.0/16, 10.0.0.0/8 }; }
  chain early { type filter hook prerouting priority -300; meta mark set 0x5\n ip dscp set cs1\n }
  chain c {
    type filter hook forward priority 0; policy drop;
    meta l4proto { tcp, udp } flow add @ft
    ct state vmap { established : accept, related : accept }
    iifname "lan0" ip saddr @servers jump g
    udp sport 1-65535 limit rate 1000/second accept
    tcp dport { 80, 443 } accept
    reject
  }
  chain g { udp dport 53 accept\n icmp type echo-request accept\n tcp dport 1-65535 accept\n return\n }
  chain h { drop\n }
  chain nat { type nat hook postrouting priority srcnat; oifname "wan0" masquerade\n }
}`;

const CASES = ['web-nat.pcap', 'dns.pcap', 'udp-both-ways.pcap', 'icmp.pcap', 'two-interfaces.pcapng'];

describe('mutants', () => {
  it.each(CASES)('are reported if, and only if, they change a fate: %s', async (capture) => {
    const { ruleset } = compile({ path: 'a.nft', text: TEXT });
    const judge = await Judge.of(ruleset, { captures: [{ path: `captures/${capture}` }] });
    const outcomes: string[] = [];
    for (const mutant of mutants(ruleset)) {
      const { outcome, survival, what } = await judge.judge(mutant);
      if (outcome === 'MISSED' || outcome === 'FALSE ALARM') outcomes.push(`${outcome}: ${mutant.mutation} ${what}`);
      if (outcome === 'same') expect(survival).toBeDefined();
    }
    expect(outcomes).toEqual([]);
  });

  it('of the demo too: some of every kind', async () => {
    const { ruleset } = compile({ path: 'captures/home-router.nft' });
    const judge = await Judge.of(ruleset, {
      captures: [{ path: 'captures/web-nat.pcap' }],
      router: loadRouter('captures/home-router.yaml'),
    });
    const all = mutants(ruleset);
    const chosen = MUTATIONS.flatMap((name) => all.filter((row) => row.mutation === name).slice(0, 3));
    expect(new Set(chosen.map((row) => row.mutation)).size).toBeGreaterThan(10);
    for (const mutant of chosen) {
      const { outcome, what } = await judge.judge(mutant);
      expect([outcome, what]).toEqual([expect.stringMatching(/^(reported|same|refused)$/), what]);
    }
  });

  it('change one thing only, and leave the original as it was', () => {
    const { ruleset } = compile({ path: 'a.nft', text: TEXT });
    const before = JSON.stringify(ruleset);
    const all = mutants(ruleset);
    expect(all.length).toBeGreaterThan(60);
    for (const mutant of all) expect(JSON.stringify(mutant.make())).not.toBe(before);
    expect(JSON.stringify(ruleset)).toBe(before);
  });
});
