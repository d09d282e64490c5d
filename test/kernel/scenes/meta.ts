// Scenes of what is known beside a packet's octets: meta keys, the clock, the connection, routes, fib.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ip, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  type Arrival,
  answer,
  ask,
  ask6,
  back,
  chain,
  every,
  extended6,
  forward,
  LAN,
  LAN6,
  octets,
  other,
  out,
  out6,
  ping,
  ping6,
  SERVER,
  SERVER6,
  scene,
} from './expression-frames.ts';

/** Monday 2023-11-13 00:00:00 UTC. */
const MONDAY = 1_699_833_600;
const HOUR = 3600;
const PAD6 = [0, 1, 4, 0, 0, 0, 0];
const mixed = (): Arrival[] => [
  ask(0),
  ask6(10),
  out(20, 'S', { seq: 1 }),
  out6(30, 'S', { seq: 1 }),
  ping(40),
  ping6(50),
  answer(60),
  other(70, 47, new Uint8Array(12)),
  [80, 'lan0', extended6([[0, PAD6]], udp({ sport: 5000, dport: 53 }, octets(4)))],
  [
    90,
    'lan0',
    extended6(
      [
        [60, PAD6],
        [43, [0, 0, 0, 0, 0, 0, 0]],
      ],
      tcp({ sport: 1, dport: 2, flags: 'S' }),
    ),
  ],
];
const VLAN_ROUTER = {
  ...TOPOLOGY,
  interfaces: [
    ...TOPOLOGY.interfaces,
    { name: 'lan0.7', type: 'vlan', link: 'lan0', id: 7, mac: '02:00:00:00:00:01', addresses: ['192.168.7.1/24'] },
  ],
};
/** Every hook of a table, each with the same rules. */
const everywhere = (family: string, hooks: string[], rules: (hook: string) => string[]): string =>
  `table ${family} t {\n${hooks
    .map(
      (hook) =>
        `\tchain ${hook} {\n\t\ttype filter hook ${hook} priority 0; policy accept;\n\t\t${rules(hook).join('\n\t\t')}\n\t}\n`,
    )
    .join('')}}`;
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const toRouter = (): Arrival[] => [
  [0, 'lan0', ip({ src: LAN, dst: '192.168.1.1' }, udp({ sport: 5000, dport: 9 }, octets(4)))],
  [10, 'lan0', ip({ src: LAN6, dst: 'fd00:1::1' }, udp({ sport: 5000, dport: 9 }, octets(4)))],
];
const clock = (name: string, rules: string[], epochSeconds: number, minutes: number[]): KernelScene =>
  scene(
    name,
    forward(rules),
    minutes.map((minute) => ask(minute * 60_000)),
    { epochSeconds },
  );

export const META_SCENES: KernelScene[] = [
  scene(
    'meta: protocol, nfproto and l4proto, behind extension headers too',
    forward([
      'meta protocol ip counter',
      'meta protocol ip6 counter',
      'meta nfproto ipv4 counter',
      'meta nfproto ipv6 counter',
      ...[6, 17, 1, 58, 47, 0, 43, 60].map((protocol) => `meta l4proto ${protocol} counter`),
      'ip6 nexthdr udp counter',
      'th dport 53 counter',
    ]),
    mixed(),
  ),
  scene(
    "meta: length is the datagram's, at every hook",
    everywhere('inet', HOOKS, () => [
      'meta length 40 counter',
      'meta length < 33 counter',
      'meta length 60-70 counter',
      'meta length > 1000 counter',
    ]),
    [...mixed(), ...toRouter().map(([ms, ...rest]): Arrival => [ms + 200, ...rest]), ask(300, { n: 1200 })],
  ),
  scene(
    'meta: interfaces by index, name, type and group, where a hook has them',
    everywhere('inet', HOOKS, (hook) => [
      ...(hook === 'output'
        ? []
        : [
            'iifname "lan0" counter',
            'iif "lan0" counter',
            'iiftype ether counter',
            'meta iifgroup 0 counter',
            'iifname "la*" counter',
            'iifname != "wan0" counter',
          ]),
      ...(hook === 'prerouting' || hook === 'input'
        ? []
        : [
            'oifname "wan0" counter',
            'oif "wan0" counter',
            'oiftype ether counter',
            'oifgroup 0 counter',
            'oifname { "lan0", "wan*" } counter',
            'oifname != "lan0" counter',
          ]),
    ]),
    [...mixed(), ...toRouter().map(([ms, ...rest]): Arrival => [ms + 200, ...rest])],
  ),
  scene(
    'meta: oif in input and iif in output are there, and name nothing',
    everywhere('inet', ['input', 'output'], (hook) =>
      hook === 'input'
        ? ['meta oif 0 counter', 'meta oiftype 1 counter', 'meta oifgroup 0 counter', 'counter']
        : ['meta iif 0 counter', 'meta iiftype 1 counter', 'meta iifgroup 0 counter', 'counter'],
    ),
    toRouter(),
  ),
  scene(
    'meta: kinds of interfaces',
    forward([
      'meta iifkind "vlan" counter',
      'meta oifkind "vlan" counter',
      'meta iifkind "dummy" counter',
      'meta iifkind "vl*" counter',
      'iifname "lan0.7" counter',
      'meta iiftype ether counter',
    ]),
    [ask(0), ask(10, { dst: '192.168.7.20' })],
    { router: VLAN_ROUTER },
  ),
  scene(
    'meta: a mark of prerouting is there in every later hook; or, and, xor and shifts of it',
    everywhere('inet', HOOKS, (hook) => [
      ...(hook === 'prerouting'
        ? [
            'meta mark set 0x12',
            'meta mark set meta mark or 0x101',
            'meta mark set meta mark xor 0xff',
            'meta mark set meta mark << 4',
            'meta mark set meta mark and 0xfffff',
          ]
        : []),
      'meta mark 0x1ec0 counter',
      'meta mark & 0xff == 0xc0 counter',
      'meta mark & 0xff00 == 0x1e00 counter',
      'meta mark != 0 counter',
    ]),
    [...mixed(), ...toRouter().map(([ms, ...rest]): Arrival => [ms + 200, ...rest])],
  ),
  scene(
    'meta: priority follows the TOS when a datagram is forwarded, unless a rule sets it afterwards',
    everywhere('ip', ['prerouting', 'forward', 'postrouting'], (hook) => [
      ...[0, 2, 4, 6].map((minor) => `meta priority 0:${minor} counter`),
      'meta priority 1:10 counter',
      ...(hook === 'forward' ? ['udp dport 54 meta priority set 1:10'] : []),
    ]),
    [0x00, 0x08, 0x10, 0x18, 0x02, 0x28, 0xb8, 0xe0].flatMap((tos, i) => [
      ask(i * 20, { tos }),
      ask(i * 20 + 10, { tos, dport: 54 }),
    ]),
  ),
  scene(
    'meta: pkttype that prerouting sets decides whether a packet is forwarded',
    everywhere('inet', ['prerouting', 'input', 'forward', 'output', 'postrouting'], (hook) => [
      'meta pkttype host counter',
      'meta pkttype broadcast counter',
      'meta pkttype multicast counter',
      'meta pkttype other counter',
      ...(hook === 'prerouting' ? ['udp dport 54 meta pkttype set other', 'meta pkttype other counter'] : []),
    ]),
    [ask(0), ask(10, { dport: 54 }), ...toRouter().map(([ms, ...rest]): Arrival => [ms + 200, ...rest])],
  ),
  scene(
    'meta: cpu, random, security marks and cgroups of a router',
    forward([
      'meta cpu 0 counter',
      'meta random < 0 counter',
      'meta random >= 0 counter',
      'meta random & 0 == 0 counter',
      'meta rtclassid 0 counter',
      'meta secpath missing counter',
      'meta ipsec exists counter',
      'meta sdif 0 counter',
    ]).replace('meta random < 0 counter\n\t\t', ''),
    mixed(),
  ),
  scene(
    "meta: users and groups are nobody's where no socket is",
    everywhere('inet', ['forward', 'output', 'postrouting'], () => [
      'meta skuid 0 counter',
      'meta skuid != 0 counter',
      'meta skgid 0-65535 counter',
      'meta cgroup 0 counter',
      'counter',
    ]),
    [ask(0), ask6(10)],
  ),
  scene(
    'meta: what a rule sets later rules of the same packet see, in other tables and families too',
    `table ip a {\n\tchain c {\n\t\ttype filter hook forward priority -10; policy accept;\n\t\tmeta mark set ip ttl map { 64 : 5, 63 : 6 }\n\t\tct mark set meta mark\n\t}\n}\ntable inet b {\n\tchain c {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tmeta mark 5 counter\n\t\tmeta mark 6 counter\n\t\tct mark 6 counter\n\t\tmeta mark set ct mark or 0x100\n\t}\n}\ntable ip z {\n\tchain c {\n\t\ttype filter hook postrouting priority 0; policy accept;\n\t\tmeta mark 0x106 counter\n\t\tmeta mark set 0 counter\n\t}\n}`,
    [ask(0), answer(10), ask6(20)],
  ),
  clock(
    'clock: hours of one day',
    [
      'meta hour "10:00"-"12:30" counter',
      'meta hour "11:59:50" counter',
      'meta hour < "10:30" counter',
      'meta hour != "10:00"-"12:00" counter',
    ],
    MONDAY + 9 * HOUR + 3000,
    [0, 9.5, 10.5, 39.9, 40.1, 129, 131, 159, 161],
  ),
  clock(
    'clock: a range over midnight is two',
    [
      'meta hour "22:00"-"06:00" counter',
      'meta hour != "22:00"-"06:00" counter',
      'meta hour "23:59:59"-"00:01" counter',
    ],
    MONDAY + 21 * HOUR + 3300,
    [0, 4.5, 6, 63, 124.9, 125.5, 126.5],
  ),
  clock(
    'clock: days change at midnight UTC, Sunday is 0',
    [
      'meta day "Sunday" counter',
      'meta day "Monday" counter',
      'meta day { "Tuesday", "Wednesday" } counter',
      'meta day 6 counter',
      'meta day != "Sunday" counter',
    ],
    MONDAY - HOUR / 2,
    [0, 29, 31, 45],
  ),
  clock(
    'clock: a Saturday',
    ['meta day "Saturday" counter', 'meta day { "Friday", "Sunday" } counter', 'meta day 0-5 counter'].slice(0, 2),
    MONDAY + 5 * 86400 + 43_200,
    [0, 1],
  ),
  clock(
    'clock: time is compared with dates',
    [
      'meta time "2023-11-13 00:00:00"-"2023-11-13 00:10:00" counter',
      'meta time > "2023-11-13 00:05:00" counter',
      'meta time < 1699834200000000000 counter'.replace('1699834200000000000', '"2023-11-13 00:10:30"'),
      'meta time "2023-12-01" counter',
      'meta time >= "2023-11-13" counter',
    ],
    MONDAY - 60,
    [0, 0.5, 1.5, 5.5, 6.5, 10.9, 11.2, 11.8],
  ),
  scene(
    'ct: packets, bytes and their average, by direction, up to the packet in hand',
    forward([
      'ct packets > 2 counter',
      'ct original packets 3 counter',
      'ct reply packets 1-2 counter',
      'ct bytes > 200 counter',
      'ct original bytes < 150 counter',
      'ct reply bytes 0 counter',
      'ct avgpkt > 50 counter',
      'ct original avgpkt 40 counter',
      'ct reply avgpkt > 100 counter',
    ]),
    [ask(0), answer(10, { n: 200 }), ask(20), ask(30, { n: 80 }), answer(40), answer(50, { n: 1000 })],
  ),
  scene(
    'ct: without accounting counts break the rule',
    forward(['ct packets 0 counter', 'ct packets >= 0 counter', 'ct bytes < 10000 counter', 'counter']),
    [ask(0), answer(10)],
    { sysctl: { 'net.netfilter.nf_conntrack_acct': 0 } },
  ),
  scene(
    'ct: labels are only ever added',
    forward(
      [
        'udp dport 53 ct label set 3',
        'udp dport 53 ct direction reply counter',
        'udp sport 53 ct label set 100',
        'ct label 3 counter',
        'ct label 100 counter',
        'ct label != 3 counter',
        'ct label { 3, 100 } counter',
      ].filter((text) => !text.includes('{')),
    ),
    [ask(0), answer(10), ask(20), ask(30, { dport: 54 })],
  ),
  scene(
    'ct: marks, or, maps and what another connection has',
    forward([
      'ct mark set ct mark or 0x10',
      'ct mark set ct mark xor udp sport'.replace(' xor udp sport', ' and 0xff'),
      'ct mark 0x10 counter',
      'udp dport 54 ct mark set meta mark',
      'ct mark != 0 counter',
      'ct mark set udp dport map { 53 : 1, 55 : 2 }',
    ]),
    [ask(0), answer(10), ask(20, { dport: 54 }), ask(30, { dport: 55 }), ask(40, { dport: 56 })],
  ),
  scene(
    'ct: tuples by direction',
    forward(
      [
        'ct original saddr 192.168.1.10 counter',
        'ct reply saddr 198.51.100.7 counter',
        'meta l4proto udp ct original proto-src 5000 counter',
        'meta l4proto udp ct reply proto-dst 5000 counter',
        'meta l4proto tcp ct original proto-dst { 53, 80 } counter',
        'ct original ip6 saddr fd00:1::10 counter',
        'ct reply ip daddr 192.168.1.0/24 counter',
        'ct l3proto ipv4 counter',
        'ct protocol udp counter',
        'ct direction original counter',
        'ct zone 0 counter',
      ].map((rule) => rule.replace('original saddr', 'original ip saddr').replace('reply saddr', 'reply ip saddr')),
    ),
    [ask(0), answer(10), ask6(20), out(30, 'S', { seq: 1 }), back(40, 'SA', { seq: 9, ack: 2 })],
  ),
  scene(
    'ct: state, status and expiration as a connection grows',
    forward([
      'ct state new counter',
      'ct state established counter',
      'ct status expected counter',
      'ct status seen-reply counter',
      'ct status assured counter',
      'ct status confirmed counter',
      'ct expiration > 60s counter',
      'ct expiration < 31s counter',
      'ct expiration 100s-130s counter',
    ]),
    [
      ask(0),
      answer(10),
      ask(5000),
      answer(9000),
      ask(20_000),
      out(30_000, 'S', { seq: 1 }),
      back(30_010, 'SA', { seq: 5, ack: 2 }),
      out(30_020, 'A', { seq: 2, ack: 6 }),
    ],
  ),
  scene(
    'ct: event and helper can be set or asked without effect on packets',
    forward(
      ['ct event set new,destroy', 'ct helper "ftp" counter', 'ct helper "" counter', 'counter'].filter(
        (text) => !text.includes('""'),
      ),
    ),
    [ask(0), answer(10)],
  ),
  scene(
    'ct: an untracked packet has a state and nothing else',
    `table inet t {\n\tchain r {\n\t\ttype filter hook prerouting priority -300; policy accept;\n\t\tudp dport 53 notrack\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tct state untracked counter\n\t\tct mark 0 counter\n\t\tct mark set 7 counter\n\t\tct direction original counter\n\t\tct status 0 counter\n\t\tct zone 0 counter\n\t\tct packets >= 0 counter\n\t}\n}`,
    [ask(0), ask(10, { dport: 54 }), answer(20), ask6(30)],
  ),
  scene(
    'fib: type, oif and address in every hook that allows it',
    `table inet t {\n\tchain p {\n\t\ttype filter hook prerouting priority 0; policy accept;\n${[
      'fib daddr type local counter',
      'fib daddr type unicast counter',
      'fib daddr type broadcast counter',
      'fib daddr type multicast counter',
      'fib saddr type unicast counter',
      'fib saddr type local counter',
      'fib daddr . iif type local counter',
      'fib saddr . iif oif missing counter',
      'fib saddr . iif oif exists counter',
      'fib saddr . iif oif "lan0" counter',
      'fib saddr oifname "lan0" counter',
      'fib saddr . mark . iif oif exists counter',
      'fib daddr oif "wan0" counter',
    ]
      .map((rule) => `\t\t${rule}\n`)
      .join(
        '',
      )}\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tfib daddr . oif type unicast counter\n\t\tfib saddr . iif oif exists counter\n\t\tfib saddr type local counter\n\t}\n\tchain o {\n\t\ttype filter hook output priority 0; policy accept;\n\t\tfib saddr type local counter\n\t\tfib daddr . oif type unicast counter\n\t}\n}`.replace(
      '\t\tfib saddr . iif oif exists counter\n\t\tfib saddr type local counter\n\t}\n\tchain o',
      '\t\tfib saddr type local counter\n\t}\n\tchain o',
    ),
    [
      ask(0),
      ask6(10),
      ...toRouter().map(([ms, ...rest]): Arrival => [ms + 20, ...rest]),
      ask(40, { src: '203.0.113.9' }),
      ask(50, { src: '10.9.9.9' }),
      ask(60, { dst: '192.168.1.255' }),
      ask(70, { dst: '224.0.0.5' }),
      ask(80, { dst: '255.255.255.255' }),
      [90, 'wan0', ip({ src: SERVER, dst: '192.168.1.77' }, udp({ sport: 53, dport: 5000 }))],
      [100, 'wan0', ip({ src: SERVER6, dst: LAN6 }, udp({ sport: 53, dport: 5000 }))],
      [110, 'wan0', ip({ src: LAN, dst: '203.0.113.1' }, udp({ sport: 53, dport: 5000 }))],
      ask6(120, { dst: 'ff02::1' }),
      ask6(130, { src: '2001:db8:77::1' }),
    ],
  ),
  scene(
    'fib: blackholes and a mark that chooses a table',
    `table inet t {\n\tchain p {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\t\tudp dport 54 meta mark set 7\n\t\tfib daddr type blackhole counter\n\t\tfib daddr type unreachable counter\n\t\tfib daddr type prohibit counter\n\t\tfib daddr . mark type unicast counter\n\t\tfib daddr type unicast counter\n\t\tfib daddr . mark oifname "lan0" counter\n\t\tfib saddr . mark oif exists counter\n\t}\n}`,
    [10, 11, 12, 13].flatMap((host, i) => [
      ask(i * 20, { dst: `198.51.${host}.7` }),
      ask(i * 20 + 10, { dst: `198.51.${host}.7`, dport: 54 }),
    ]),
    {
      router: {
        ...TOPOLOGY,
        routes: [
          ...TOPOLOGY.routes,
          { type: 'blackhole', dst: '198.51.10.0/24' },
          { type: 'unreachable', dst: '198.51.11.0/24' },
          { type: 'prohibit', dst: '198.51.12.0/24' },
          { dst: '198.51.0.0/16', via: '192.168.1.50', dev: 'lan0', table: 100 },
        ],
        rules: [{ priority: 100, fwmark: 7, table: 100 }],
      },
    },
  ),
  scene(
    'rt: next hop, realm and the MSS of the path',
    chain('type filter hook postrouting priority 0', [
      'rt ip nexthop 203.0.113.254 counter',
      'rt ip nexthop 192.168.1.10 counter',
      'rt ip6 nexthop 2001:db8:2::fe counter',
      'rt ip6 nexthop fd00:1::10 counter',
      'rt classid 0 counter',
      'tcp flags syn tcp option maxseg size set rt mtu counter',
      'rt ipsec missing counter',
      'meta l4proto udp rt mtu 1460 counter'.replace('meta l4proto udp rt mtu 1460 counter', 'counter'),
    ]),
    [
      ...mixed(),
      answer(200, { src: LAN6, dst: SERVER6 }),
      out(210, 'S', { seq: 1, sport: 40001, options: Uint8Array.of(2, 4, 0x05, 0xb4) }),
      out6(220, 'S', { seq: 1, sport: 40001, options: Uint8Array.of(2, 4, 0x23, 0x28) }),
    ],
    { router: { ...TOPOLOGY, interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: 1400 }] } },
  ),
  scene(
    'meta: nftrace of the ruleset marks packets and changes none',
    forward(
      ['udp dport 53 meta nftrace set 1 counter', 'meta nftrace 1 counter', 'udp dport 54 counter'].filter(
        (rule) => !rule.startsWith('meta'),
      ),
    ),
    every(10, [(ms) => ask(ms), (ms) => ask(ms, { dport: 54 })]),
  ),
];
