// Every kind of expectation, met and not met: what a failure says is what the suite would have to say.
import { describe, expect, it } from 'vitest';
import type { CaseResult } from '../../src/suite/result.ts';
import { runSuite } from '../../src/suite/run-suite.ts';
import { parseSuite } from '../../src/suite/suite-file.ts';

const RULESET = `
table inet t {
  flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }
  counter web { }
  quota month { 1000 mbytes }
  set seen { type ipv4_addr; flags dynamic; }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ip protocol { tcp, udp } flow add @ft
    ct state established,related accept comment "answers"
    tcp dport 80 counter name web quota name "month" add @seen { ip saddr } meta mark set 7 accept comment "web"
    tcp dport 443 jump deep
    udp dport 161 reject comment "no snmp"
    tcp dport 22 counter drop comment "no ssh"
    icmp type echo-request limit rate 1/second burst 2 packets accept comment "ping"
  }
  chain deep { ip dscp set ef accept comment "https" }
  chain srcnat { type nat hook postrouting priority srcnat; oifname "wan0" masquerade }
}`;

const ROUTER = {
  interfaces: [
    { name: 'lan0', addresses: ['192.168.1.1/24'] },
    { name: 'wan0', addresses: ['203.0.113.1/24'] },
  ],
  routes: [{ dst: 'default', via: '203.0.113.254', dev: 'wan0' }],
};

const HTTP = 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:80 S';
const HTTPS = 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 S';
const SSH = 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:22 S';
const SNMP = 'lan0 < udp 192.168.1.10:40000 > 198.51.100.7:161 len 8';
const PING = 'lan0 < icmp 192.168.1.10 > 198.51.100.7 echo-request';
const OPEN = [HTTP, 'wan0 < reply', 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:80 A'];
const DATA = 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:80 PA len 100';

async function run(one: object): Promise<CaseResult> {
  const text = JSON.stringify({ ruleset: RULESET, router: ROUTER, cases: [{ name: 'case', ...one }] });
  const { cases } = await runSuite(parseSuite(text, 'suite.yaml'));
  return cases[0] as CaseResult;
}

/** key, right, wrong, what is got, packets; the expectation is of the last packet. */
const OF_PACKETS: [key: string, right: unknown, wrong: unknown, got: string | RegExp, packets: string[]][] = [
  ['verdict', 'forward', 'drop', 'forward', [HTTP]],
  ['verdict', 'accept', 'reject', 'forward', [HTTP]],
  ['verdict', 'reject', 'accept', 'drop', [SNMP]],
  ['verdict', 'local', 'forward', 'local', ['lan0 < icmp 192.168.1.10 > 192.168.1.1 echo-request']],
  ['verdict', { forward: 3 }, { forward: 2 }, '3', [`${HTTP} x3`]],
  ['reason', 'ttl', 'no-route', 'ttl', [`${HTTP} ttl 1`]],
  ['reason', 'rule', 'policy', 'rule', [SSH]],
  ['rule', 'web', 'answers', /\(tcp dport 80 counter name "web"/, [HTTP]],
  ['rule', 'no ssh', 'web', /tcp dport 22/, [SSH]],
  ['rule', 'policy forward', 'no ssh', 'policy of inet t forward', ['lan0 < tcp 192.168.1.10:1 > 198.51.100.7:25 S']],
  ['rule', 'inet t deep rule 1', 'forward 3', /ip dscp set/, [HTTPS]],
  ['rule', 'tcp dport 22 counter drop', 'ruleset:11', /tcp dport 22/, [SSH]],
  ['rule', 'forward: tcp dport 22 counter drop', 'deep: accept', /tcp dport 22/, [SSH]],
  ['matches', ['https'], ['no ssh'], 'the packet never reached it', [HTTPS]],
  ['matches', 'no ssh', ['web'], 'it was evaluated and did not match', [SSH]],
  ['misses', 'no ssh', 'https', 'it matched', [HTTPS]],
  ['misses', ['ping'], ['https'], 'it matched', [HTTPS]],
  ['chain', 'deep', 'nowhere', 'the ruleset has no chain of that name', [HTTPS]],
  ['chain', ['t forward', 'deep'], 'nowhere', /no chain/, [HTTPS]],
  ['chain', 'inet t forward', ['forward', 'deep'], /it went through forward/, [SSH]],
  ['path', 'software', 'slow', 'software', [...OPEN, DATA]],
  ['path', { software: 2 }, { slow: 2 }, '0', [...OPEN, `${DATA} x2`]],
  ['out', 'wan0', 'lan0', 'wan0', [HTTP]],
  ['out', 'none', 'wan0', 'none', [SSH]],
  ['frames', 1, 2, '1', [HTTP]],
  ['frames', '3', '> 3', '3', [`${HTTP} x3`]],
  ['frame', { 'ip ttl': 63, 'tcp dport': 80 }, { 'ip ttl': 64 }, '63', [HTTP]],
  ['frame', { 'ip dscp': 'ef' }, { 'ip dscp': 'cs0' }, 'ef', [HTTPS]],
  ['frame', { 'tcp flags': 'syn', 'tcp option maxseg size': 1460 }, { 'tcp flags': 'SA' }, 'syn', [HTTP]],
  ['frame', { 'ether saddr': '02:00:00:00:00:02' }, { 'ip6 hoplimit': 3 }, 'the frame has no such field', [HTTP]],
  ['nat', { snat: '203.0.113.1:40000' }, { snat: '203.0.113.2' }, '{ snat: 203.0.113.1:40000 }', [HTTP]],
  ['nat', { snat: '203.0.113.1' }, 'none', '{ snat: 203.0.113.1:40000 }', [HTTP]],
  ['answer', 'icmp port-unreachable', 'reset', 'icmp port-unreachable', [SNMP]],
  ['answer', 'none', 'icmp', 'none', [SSH]],
  [
    'answer',
    { 'icmp type': 'destination-unreachable' },
    { 'icmp code': 'host-unreachable' },
    'port-unreachable',
    [SNMP],
  ],
  ['mark', 7, 8, '7', [HTTP]],
  ['ct', 'established', 'new', 'established', OPEN],
  ['ct', 'new', 'invalid', 'new', [HTTP]],
  ['offloads', true, false, 'true', OPEN],
  ['offloads', false, true, 'false', [HTTP]],
  ['cycles', '> 500', '< 500', /^\d{4,}$/, [HTTP]],
  ['cycles', '1..100000', 'many', /no number or comparison/, [HTTP]],
];

const OF_ALL: [key: string, right: unknown, wrong: unknown, got: string | RegExp, packets: string[]][] = [
  ['packets', 4, 5, '4', [...OPEN, DATA]],
  ['forward', '>= 3', '< 3', '4', [...OPEN, DATA]],
  ['drop', 1, 0, '1', [SSH, HTTP]],
  ['local', 0, 1, '0', [HTTP]],
  ['consumed', 0, 1, '0', [HTTP]],
  ['slow', 3, 4, '3', [...OPEN, DATA]],
  ['software', '5 +- 20%', '3 +- 1', '6', [...OPEN, `${DATA} x6`]],
  ['hardware', 0, '!= 0', '0', [HTTP]],
  ['offloaded', '>= 70%', '>= 80%', '75.0%', [...OPEN, `${DATA} x9`]],
  ['out', { wan0: 3, lan0: 1 }, { wan0: 4 }, '3', [...OPEN, DATA]],
  ['out', { wan0: 1 }, { eth9: 1 }, 'the router has no such interface', [HTTP]],
  ['reasons', { rule: 2 }, { policy: 2 }, '0', [`${SSH} x2`]],
  ['rules', { web: 1, answers: 2 }, { web: 2 }, '1', [...OPEN, DATA]],
  ['rules', { web: 1 }, { wep: 1 }, /did you mean 'web'/, [HTTP]],
  ['decided', { 'no ssh': 3 }, { 'policy forward': 3 }, '0', [`${SSH} x3`]],
  ['cycles', '> 500', '< 500', /^\d{4,}$/, [HTTP]],
  ['connections', 1, 2, '1', OPEN],
  ['counters', { web: 1 }, { web: 2 }, '1', [HTTP]],
  ['counters', { web: { packets: 1, bytes: '> 40' } }, { web: { bytes: 0 } }, /^\d\d$/, [HTTP]],
  ['counters', { 'no ssh': 2 }, { nothing: 2 }, /no counter/, [`${SSH} x2`]],
  ['quotas', { month: '> 40' }, { month: 0 }, /^\d\d$/, [HTTP]],
  ['quotas', { month: 0 }, { year: 0 }, /no quota/, [SSH]],
  ['sets', { seen: ['192.168.1.10'] }, { seen: [] }, '[192.168.1.10]', [HTTP]],
  ['sets', { seen: 1 }, { other: 1 }, /no set or map/, [HTTP]],
  ['conntrack', ['src=192.168.1.10 dport=80 [OFFLOAD]'], ['dport=81'], /none of 1: ipv4 2 tcp/, OPEN],
];

describe('an expectation of a packet', () => {
  it.each(OF_PACKETS)('%s: %j is met, %j is not: got %s', async (key, right, wrong, got, lines) => {
    const packets = (expectation: unknown) => [
      ...lines.slice(0, -1),
      { packet: lines.at(-1), expect: { [key]: expectation } },
    ];
    const met = await run({ packets: packets(right) });
    expect(met.failures).toEqual([]);
    expect(met).toMatchObject({ status: 'passed' });
    expect(met.checked).toBeGreaterThan(0);
    const unmet = await run({ packets: packets(wrong) });
    expect(unmet.status).toBe('failed');
    expect(unmet.failures.map((row) => row.got).join('\n')).toMatch(got);
    expect(unmet.failures[0]?.key.split('.')[0]).toBe(key);
    expect(unmet.failures[0]?.walk?.packet).toBe(unmet.packets);
  });

  it('may be a verdict alone', async () => {
    const { failures } = await run({ packets: [{ packet: SSH, expect: 'forward' }] });
    expect(failures).toMatchObject([{ path: ['cases', 0, 'packets', 0, 'expect'], actual: 'drop' }]);
  });
});

describe('an expectation of all packets', () => {
  it.each(OF_ALL)('%s: %j is met, %j is not: got %s', async (key, right, wrong, got, packets) => {
    expect((await run({ packets, expect: { [key]: right } })).failures).toEqual([]);
    const { status, failures } = await run({ packets, expect: { [key]: wrong } });
    expect(status).toBe('failed');
    expect(failures.map((row) => row.got).join('\n')).toMatch(got);
  });
});

describe('an expectation of a flow', () => {
  const flow = 'tcp 192.168.1.10:40000 > 198.51.100.7:80';
  const packets = [...OPEN, `${DATA} x3`, SSH, 'wan0 < reply to 1 len 10'];

  it.each([
    [{ flow }, { packets: 7, forward: 7, nat: { snat: '203.0.113.1' }, out: { lan0: 2 } }],
    [{ match: 'tcp dport 22' }, { packets: 1, drop: 1, decided: { 'no ssh': 1 } }],
    [{ match: 'ip saddr 198.51.100.7' }, { packets: 2, software: 1 }],
  ])('%j has both directions, after NAT too', async (which, expectation) => {
    expect((await run({ packets, flows: [{ ...which, expect: expectation }] })).failures).toEqual([]);
    const wrong = await run({ packets, flows: [{ ...which, expect: { packets: 99 } }] });
    expect(wrong.failures).toMatchObject([{ key: 'packets', expected: '99' }]);
    expect(wrong.failures[0]?.walk).toBeDefined();
  });
});

describe('a case', () => {
  it('begins with a fresh router', async () => {
    const text = JSON.stringify({
      ruleset: RULESET,
      router: ROUTER,
      cases: ['a', 'b'].map((name) => ({ name, packets: [`${PING} x3`], expect: { forward: 2, drop: 1 } })),
    });
    const { cases } = await runSuite(parseSuite(text, 'suite.yaml'));
    expect(cases.map((row) => row.status)).toEqual(['passed', 'passed']);
  });

  it('lets time go on', async () => {
    const { failures } = await run({ packets: [`${PING} x3`, { packet: `+2s ${PING} id 9`, expect: 'forward' }] });
    expect(failures).toEqual([]);
  });

  it('keeps the conversation of TCP: data, acknowledgements, the end, and a new one', async () => {
    const client = 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:80';
    const packets = [
      `${client} S`,
      'wan0 < reply SA',
      `${client} A`,
      `${client} PA text "GET / HTTP/1.0"`,
      'wan0 < reply PA len 1400 x50',
      `${client} A`,
      'wan0 < reply FA',
      `${client} FA`,
      'wan0 < reply A',
      `+200s ${client} S`,
      'wan0 < reply SA',
    ].map((packet) => ({ packet, expect: { verdict: 'forward' } }));
    const result = await run({ packets, offload: 'off' });
    expect(result.failures).toEqual([]);
  });

  it('is an error when it answers nothing', async () => {
    expect(await run({ packets: ['wan0 < reply'] })).toMatchObject({ status: 'error', note: /nothing to answer/ });
  });

  it('may be skipped', async () => {
    expect(await run({ packets: [HTTP], skip: 'later' })).toMatchObject({ status: 'skipped', note: 'later' });
  });

  it('fragments wait for the last one, and errors quote what left', async () => {
    const { failures } = await run({
      packets: [
        { packet: 'lan0 < udp 192.168.1.10:40000 > 198.51.100.7:161 len 3000 mtu 1500', expect: 'reject' },
        HTTP,
        {
          packet: 'wan0 < icmp 198.51.100.1 > 203.0.113.1 host-unreachable quoting 2',
          expect: { ct: 'related', out: 'lan0' },
        },
      ],
    });
    expect(failures).toEqual([]);
  });
});

describe('a suite that is wrong', () => {
  it.each([
    ['cases: [', /1:9: /],
    [
      'ruleset: x\ncase: []\ncases:\n  - name: a\n    packets: ["l < raw 00"]',
      /unknown key 'case'.*did you mean 'cases'/,
    ],
    ['cases:\n  - name: a\n    packets: [x]', /no ruleset/],
    [
      'ruleset: x\ncases:\n  - name: a\n    packets: ["lan0 < tcp 1.2.3.4 > 1.2.3.4:5"]',
      /suite\.yaml:4:27: .*has no port/,
    ],
    [
      'ruleset: x\ncases:\n  - name: a\n    packets: [{ packet: "lan0 < udp 1.2.3.4:5 > 1.2.3.4:5", expect: { verdikt: drop } }]',
      /did you mean 'verdict'/,
    ],
    [
      'ruleset: x\ncases:\n  - name: a\n    packets: ["l < raw 00"]\n  - name: a\n    packets: ["l < raw 00"]',
      /another case has this name/,
    ],
    ['ruleset: x\ncases:\n  - name: a', /needs 'packets' or 'captures'/],
    [
      'ruleset: x\ncases:\n  - name: a\n    packets: ["l < raw 00"]\n    expect: { reasons: { no-rout: 1 } }',
      /did you mean 'no-route'/,
    ],
  ])('%j is refused', (text, message) => {
    expect(() => parseSuite(text, 'suite.yaml')).toThrow(message);
  });
});
