import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ruleset } from '../../../src/bytecode/ruleset.ts';
import { type Audit, audit } from '../../../src/compare/audit/audit.ts';
import { turnOn } from '../../../src/compare/audit/turn-on.ts';
import { loadRouter } from '../../../src/config/router-file.ts';
import { profile } from '../../../src/cost/profiles.ts';
import { REASONS } from '../../../src/event/reasons.ts';
import { compile } from '../../../src/nft/compile.ts';
import type { ReplayResult } from '../../../src/replay/result.ts';
import { auditFindings } from '../../../src/report/audit-findings.ts';
import { ruleHits } from '../../../src/report/rule-hits.ts';

const ROUTER = loadRouter('captures/home-router.yaml');
const HOME = 'captures/home-router.pcapng.gz';

function run(text: string, capture = HOME, maxFixes = 0, mode: 'software' | 'hardware' = 'software'): Promise<Audit> {
  const { ruleset } = compile({ path: 'test.nft', text });
  return audit({
    replay: { ruleset, captures: [{ path: capture }], router: ROUTER, workers: 1 },
    mode,
    profile: profile('generic-x86-64'),
    maxFixes,
  });
}

/** A router's ruleset with a flowtable and some more rules in forward and mangle chains. */
function ruleset(forward: string[], mangle: string[] = [], flowtable = ''): string {
  return `table inet t {
    flowtable ft { hook ingress priority 0; devices = { "lan1", "wan" }; ${flowtable} }
    set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; }
    counter named { }
    quota few { 20 kbytes }
    chain mangle { type filter hook prerouting priority mangle; ${mangle.join('; ')} }
    chain forward { type filter hook forward priority 0; meta l4proto { tcp, udp } flow add @ft; ${forward.join('; ')} }
    chain nat { type nat hook postrouting priority 100; oifname "wan" masquerade }
  }`;
}

const MATCHES = [
  '',
  'udp dport 3478',
  'tcp sport 443',
  'ip saddr 192.168.1.0/24',
  'iifname "br-lan"',
  'ct state established',
];
const EFFECTS = [
  'counter',
  'counter name "named"',
  'log prefix "x"',
  'meta mark set 7',
  'ct mark set 9',
  'limit rate over 50/second counter drop',
  'limit rate 100/second counter',
  'quota over 50 kbytes drop',
  'quota name "few"',
  'update @seen { ip saddr }',
  'ip dscp set cs1',
  'ct count over 5 drop',
];

/** What the engine's counters say, by rule: packets of the first anonymous counter; -1: the rule has none. */
function counters(rules: Ruleset, result: ReplayResult): number[] {
  return rules.tables.flatMap((table, t) =>
    table.chains.flatMap((chain, c) =>
      chain.rules.map((_, r) => {
        const states = result.state.tables[t]?.chains[c]?.rules[r] ?? [];
        const state = states.find((row) => row?.kind === 'counter');
        return state?.kind === 'counter' ? state.packets : -1;
      }),
    ),
  );
}

describe('audit', () => {
  it('claims only rules that really stopped acting, and no fewer', async () => {
    const rule = fc
      .tuple(fc.constantFrom(...MATCHES), fc.constantFrom(...EFFECTS))
      .map(([match, effect]) => `${match} ${effect}`.trim());
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 4 }), fc.array(rule, { maxLength: 2 }), async (forward, mangle) => {
        const text = ruleset(
          forward,
          mangle.filter((row) => !row.includes('ct count')),
        );
        const result = await run(text);
        const rules = result.inputs.replay.ruleset;
        const off = result.off.result;
        const on = result.software.replay.result;
        const chains = off.names.chains.length;
        const before = ruleHits(off.paths, off.names.rules.length, chains);
        const after = ruleHits(on.paths, on.names.rules.length, chains);
        for (const { rule: index, missed } of result.stopped) {
          for (const row of missed) {
            expect(row.packets).toBeGreaterThan(0);
            expect(row.of).toBeGreaterThanOrEqual(row.packets);
          }
          // Where fates change, a rule may see other packets instead.
          const other = result.fates.length > 0 ? Number.POSITIVE_INFINITY : 0;
          expect((before.evaluated[index] as number) + other).toBeGreaterThan(after.evaluated[index] as number);
        }
        // A counter that stands in front of everything else froze by as many packets as were missed.
        const [countedOff, countedOn] = [counters(rules, off), counters(rules, on)];
        const plain = result.fates.length === 0 && !text.includes('limit') && !text.includes('quota');
        for (const [index, packets] of countedOff.entries()) {
          if (packets < 0 || !plain) continue;
          const claimed = result.stopped
            .find((row) => row.rule === index)
            ?.missed.find((row) => row.effect.kind === 'counter');
          expect(packets - (countedOn[index] as number)).toBe(claimed?.packets ?? 0);
        }
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 25) },
    );
  });

  it.each([
    ['a limit', 'udp dport 3478 limit rate over 20/second counter drop', 'audit/traffic-passes', 'error'],
    ['a mark', 'udp dport 3478 meta mark set 7', 'audit/rule-stopped', 'warning'],
    ['a log', 'udp dport 3478 log prefix "call"', 'audit/rule-stopped', 'warning'],
    ['a quota', 'udp dport 3478 quota over 20 kbytes drop', 'audit/traffic-passes', 'error'],
    ['a DSCP', 'udp dport 3478 ip dscp set ef', 'audit/rule-stopped', 'warning'],
    ['a counter', 'udp dport 3478 counter', 'audit/rule-stopped', 'note'],
    ['a named counter', 'udp dport 3478 counter name "named"', 'audit/rule-stopped', 'warning'],
    ['a set', 'udp dport 3478 update @seen { ip saddr }', 'audit/rule-stopped', 'warning'],
    [
      'an addition to a set that was made before',
      'udp dport 3478 add @seen { ip saddr }',
      'audit/rule-stopped',
      'note',
    ],
    ['a connection mark that was set before', 'udp dport 3478 ct mark set 3', 'audit/rule-stopped', 'note'],
  ])('%s in the forward hook: %s', async (_, rule, id, level) => {
    const found = auditFindings(await run(ruleset([rule]))).filter((row) => row.rule === id);
    expect(found.map((row) => row.level)).toContain(level);
  });

  it('a rewrite that changes nothing is a note', async () => {
    const found = auditFindings(await run(ruleset(['udp dport 3478 ip dscp set cs0'])));
    expect(found.filter((row) => row.rule === 'audit/rule-stopped').map((row) => row.level)).toEqual(['note']);
  });

  it('names the first packet that was missed, and its time', async () => {
    const result = await run(ruleset(['udp dport 3478 meta mark set 7']));
    const [row] = result.stopped[0]?.missed ?? [];
    const { columns } = result.software.replay;
    expect(row?.firstTimeNs).toBe(columns.timeNs[(row?.firstPacket ?? 0) - 1]);
    expect(columns.pathClass[(row?.firstPacket ?? 0) - 1]).toBe(1);
    expect(columns.pathClass.indexOf(1)).toBeLessThan(row?.firstPacket ?? 0);
  });

  it('says which rule no longer stops what', async () => {
    const result = await run(ruleset(['udp dport 3478 ct original packets > 20 drop']));
    const [fate] = result.fates;
    expect([fate?.passes, REASONS[fate?.reason ?? 0]?.name, fate?.detail]).toEqual([true, 'rule', 1]);
    const stopped = result.off.columns.verdict.filter((verdict) => verdict === 2).length;
    const passing = result.software.replay.columns.verdict.filter((verdict) => verdict === 2).length;
    expect(fate?.packets).toBe(stopped - passing);
  });

  it('hardware skips what stands at the ingress of devices, software does not', async () => {
    const text = `${ruleset([])}
      table netdev n { chain c { type filter hook ingress device "lan1" priority -500; udp dport 3478 counter } }`;
    const result = await run(text);
    expect(result.software.differences.missed).toEqual([]);
    expect(result.hardware.differences.missed.map((row) => row.effect.kind)).toEqual(['counter']);
    expect(auditFindings(result).map((row) => row.rule)).toContain('audit/hardware-only');
  });

  it('a ruleset without a flowtable has no findings', async () => {
    const result = await run('table inet t { chain c { type filter hook forward priority 0; counter drop } }');
    expect(auditFindings(result)).toEqual([]);
    expect(result.software.differences.missed).toEqual([]);
  });

  it('the same for any number of workers', async () => {
    const { ruleset: rules } = compile({ path: 'test.nft', text: ruleset([]).replace(/chain nat.*\n/, '') });
    const base = { mode: 'software', profile: profile('generic-x86-64'), maxFixes: 0 } as const;
    const replay = { ruleset: rules, captures: [{ path: HOME }], router: ROUTER };
    const one = await audit({ ...base, replay: { ...replay, workers: 1 } });
    const two = await audit({ ...base, replay: { ...replay, workers: 2 } });
    expect(auditFindings(two)).toEqual(auditFindings(one));
    expect(two.software.costs).toEqual(one.software.costs);
  });
});

describe('fixes', () => {
  it.each([
    ['moves a rewrite to ingress', ruleset([], ['iifname "br-lan" udp dport 3478 ip dscp set ef']), 'netdev'],
    ['moves a rewrite to egress', ruleset(['oifname "wan" udp dport 3478 ip dscp set ef']), 'netdev'],
    ['keeps limited traffic slow', ruleset(['udp dport 3478 limit rate over 20/second drop']), 'exempt'],
    ['keeps counted traffic slow', ruleset(['ip saddr 192.168.1.23 quota over 20 kbytes drop']), 'exempt'],
  ])('%s', async (_, text, kind) => {
    const result = await run(text, HOME, 5);
    const fixes = [...result.stopped, ...result.fates].map((row) => row.fix?.kind);
    expect(fixes).toContain(kind);
  });

  it('work: the changed ruleset has the finding no more, and everything else as before', async () => {
    const text = ruleset(['udp dport 3478 limit rate over 20/second counter drop', 'log prefix "all"']);
    const before = await run(text, HOME, 5);
    const fix = before.fates[0]?.fix;
    expect(fix).toBeDefined();
    const after = await run(fix?.text ?? '', HOME);
    expect(after.fates).toEqual([]);
    expect(after.off.columns.verdict).toEqual(before.off.columns.verdict);
    expect(after.software.replay.columns.verdict).toEqual(before.off.columns.verdict);
    expect(after.software.replay.columns.digest).toEqual(before.off.columns.digest);
    expect(fix?.fastAfter).toBeLessThan(fix?.fastBefore ?? 0);
  });

  it('are not offered when all traffic would have to stay slow', async () => {
    const result = await run(ruleset(['limit rate over 20/second drop']), HOME, 5);
    expect(result.fates.map((row) => row.passes)).toContain(true);
    expect(result.fates.map((row) => row.fix)).toEqual(result.fates.map(() => undefined));
  });

  it('let the flowtable count', async () => {
    const { ruleset: rules } = compile({ path: 'test.nft', text: ruleset([]) });
    const router = { ...ROUTER, sysctl: { 'net.netfilter.nf_conntrack_acct': 1 } };
    const result = await audit({
      replay: { ruleset: rules, captures: [{ path: HOME }], router, workers: 1 },
      mode: 'software',
      profile: profile('generic-x86-64'),
      maxFixes: 5,
    });
    expect(result.software.differences.uncounted.packets).toBe(result.software.replay.result.flows.fastPackets);
    expect(result.accountingFix?.kind).toBe('counter');
  });

  it('put flow add before what accepts established connections', async () => {
    const text = ruleset([]).replace(
      'meta l4proto { tcp, udp } flow add @ft',
      'ct state established accept; meta l4proto { tcp, udp } flow add @ft',
    );
    const result = await run(text, HOME, 5);
    // UDP that nobody answers is offloaded while it is new.
    expect(result.software.replay.result.flows.fastPackets).toBe(10);
    expect(result.orderFix?.fastAfter).toBeGreaterThan(1000);
  });

  it('are counted when they are not looked for', async () => {
    const result = await run(ruleset(['udp dport 3478 log', 'udp dport 3478 meta mark set 1']), HOME, 1);
    expect(result.untried).toBe(1);
  });
});

describe('offload turned on', () => {
  const off = `table inet t {
    chain forward { type filter hook forward priority 0; udp dport 3478 limit rate over 20/second drop; accept }
    chain nat { type nat hook postrouting priority 100; oifname "wan" masquerade }
  }`;

  it('a ruleset without a flowtable gets one for the physical devices, and rules keep their places', async () => {
    const { ruleset: rules } = compile({ path: 'test.nft', text: off });
    const on = turnOn(rules, ROUTER, false);
    expect(on?.ruleset.tables[0]?.flowtables.map((row) => row.devices)).toEqual([['lan1', 'wan']]);
    const forward = on?.ruleset.tables[0]?.chains.find((chain) => chain.name === 'forward');
    expect(forward?.rules.map((rule) => rule.location?.line)).toEqual([undefined, 2, 2]);
    expect(on?.note).toMatch(/flowtable ft with devices = \{ "lan1", "wan" \}/);
  });

  it('what it breaks is told at the rule in the file', async () => {
    const { ruleset: rules } = compile({ path: 'test.nft', text: off });
    const on = turnOn(rules, ROUTER, false);
    const result = await audit({
      replay: { ruleset: on?.ruleset ?? rules, captures: [{ path: HOME }], router: ROUTER, workers: 1 },
      mode: 'software',
      profile: profile('generic-x86-64'),
      maxFixes: 3,
    });
    const [first] = auditFindings(result);
    expect([first?.rule, first?.location?.file, first?.location?.line]).toEqual([
      'audit/traffic-passes',
      'test.nft',
      2,
    ]);
    expect(first?.help).toMatch(/^Fix, proved by a replay/);
  });

  it.each([
    ['it has a flowtable', ruleset([])],
    ['it forwards nothing', 'table inet t { chain c { type filter hook input priority 0; } }'],
  ])('nothing is added when %s', (_, text) => {
    expect(turnOn(compile({ path: 'test.nft', text }).ruleset, ROUTER, false)).toBeUndefined();
  });
});
