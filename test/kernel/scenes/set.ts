// Scenes of sets and maps: elements that rules add, renew and delete, their timeouts, statements and bounds; intervals,
// concatenations and verdict maps. No packet comes at the moment at which an element runs out.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { type Arrival, ask, ask6, back, every, forward, LAN, out, ping, SERVER, scene } from './expression-frames.ts';

const set = (name: string, ...lines: string[]): string => `\tset ${name} {\n\t\t${lines.join('\n\t\t')}\n\t}\n`;
const map = (name: string, ...lines: string[]): string => `\tmap ${name} {\n\t\t${lines.join('\n\t\t')}\n\t}\n`;
const ports = (step: number, values: number[]): Arrival[] =>
  every(
    step,
    values.map((sport) => (ms: number) => ask(ms, { sport })),
  );
const from = (ms: number, host: number, fields: Parameters<typeof ask>[1] = {}): Arrival =>
  ask(ms, { src: `192.168.1.${host}`, ...fields });

export const SET_SCENES: KernelScene[] = [
  scene(
    'dynamic: add leaves the time of an element that is there, update renews it',
    forward(
      ['add @a { udp sport }', 'update @u { udp sport }', 'udp sport @a counter', 'udp sport @u counter'],
      set('a', 'type inet_service; flags dynamic,timeout; timeout 10s') +
        set('u', 'type inet_service; flags dynamic,timeout; timeout 10s'),
    ),
    [ask(0), ask(6000), ask(6500, { sport: 5001 }), ask(14_000), ask(20_000)],
  ),
  scene(
    "dynamic: a rule's timeout goes before the set's; update with another one sets it anew",
    forward(
      [
        'udp dport 53 add @s { udp sport timeout 30s }',
        'udp dport 54 update @s { udp sport timeout 60s }',
        'udp dport 55 update @s { udp sport }',
      ],
      set('s', 'type inet_service; flags dynamic,timeout; timeout 10s'),
    ),
    [
      ask(0),
      ask(10, { sport: 5001 }),
      ask(20, { sport: 5002 }),
      ask(5000, { dport: 54 }),
      ask(5010, { dport: 55, sport: 5001 }),
      ask(5020, { dport: 55, sport: 5003 }),
      ask(5030, { dport: 55 }),
    ],
  ),
  scene(
    'dynamic: without flag timeout elements stay',
    forward(['add @s { udp sport }'], set('s', 'type inet_service; flags dynamic; size 3')),
    [ask(0), ask(100_000, { sport: 5001 })],
  ),
  scene(
    'dynamic: an element of the ruleset has its own timeout and none',
    forward(
      ['update @s { udp sport }', 'udp sport @s counter'],
      set(
        's',
        'type inet_service; flags dynamic,timeout; timeout 20s; elements = { 5000 timeout 40s, 5001, 5002 timeout 5s }',
      ),
    ),
    [ask(8000), ask(9000, { sport: 5001 }), ask(10_000, { sport: 5003 }), ask(25_000)],
  ),
  scene(
    'dynamic: a full set breaks the rule; what expires makes room',
    forward(
      ['add @s { udp sport } counter', 'counter'],
      set('s', 'type inet_service; size 2; flags dynamic,timeout; timeout 5s'),
    ),
    [
      ...ports(10, [5000, 5001, 5002, 5000]),
      ask(7500, { sport: 5003 }),
      ask(7510, { sport: 5004 }),
      ask(7520, { sport: 5005 }),
    ],
  ),
  scene(
    'dynamic: != matches when the set is full',
    forward(
      ['udp sport != 0 add @s { udp sport } counter', 'udp sport != @s counter'],
      set('s', 'type inet_service; size 2; flags dynamic'),
    ),
    ports(10, [1, 2, 3, 1]),
  ),
  scene(
    'dynamic: delete takes an element out, and does nothing without it',
    forward(
      [
        'udp dport 54 delete @s { udp sport } counter',
        'udp dport 53 add @s { udp sport } counter',
        'udp sport @s counter',
      ],
      set('s', 'type inet_service; flags dynamic; size 10; elements = { 7 }'),
    ),
    [
      ask(0),
      ask(10, { sport: 5001 }),
      ask(20, { dport: 54 }),
      ask(30, { dport: 54 }),
      ask(40, { sport: 7, dport: 54 }),
      ask(50),
    ],
  ),
  scene(
    'dynamic: elements of addresses, ports and protocols together',
    forward(
      [
        'ip version 4 add @s { ip saddr . ip daddr . udp dport . meta l4proto }',
        'add @i { meta iifname . ip6 saddr }',
        'update @m { ether saddr . meta mark }',
      ],
      set('s', 'type ipv4_addr . ipv4_addr . inet_service . inet_proto; flags dynamic; size 100') +
        set('i', 'type ifname . ipv6_addr; flags dynamic; size 100') +
        set('m', 'type ether_addr . mark; flags dynamic,timeout; timeout 1h'),
    ),
    [ask(0), ask6(10), ask(20, { dport: 99 }), from(30, 11), ask6(40), ping(50)],
  ),
  scene(
    'dynamic: a counter of each element counts from its first packet on',
    forward(
      ['add @s { ip saddr counter }', 'update @u { ip daddr counter }', 'ip saddr @s'],
      set('s', 'type ipv4_addr; flags dynamic; size 100') +
        set('u', 'type ipv4_addr; flags dynamic,timeout; timeout 9s'),
      'ip',
    ),
    [from(0, 10), from(10, 11), from(20, 10), from(4000, 10), from(15_500, 10), from(15_510, 11)],
  ),
  scene(
    'dynamic: counters that the set declares count at every lookup too',
    forward(
      ['ip saddr @c counter', 'add @d { ip saddr }', 'ip saddr @d counter'],
      set('c', 'type ipv4_addr; counter; elements = { 192.168.1.10, 192.168.1.11 counter packets 5 bytes 500 }') +
        set('d', 'type ipv4_addr; size 9; flags dynamic; counter'),
      'ip',
    ),
    [from(0, 10), from(10, 11), from(20, 12), from(30, 10), from(40, 12)],
  ),
  scene(
    'dynamic: a limit of each element; over it the rule matches',
    forward(
      [
        'add @s { ip saddr limit rate over 2/second burst 2 packets } counter drop',
        'update @u { ip saddr . udp dport limit rate 100 bytes/second burst 20 bytes } counter',
        'counter',
      ],
      set('s', 'type ipv4_addr; flags dynamic; size 100') +
        set('u', 'type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1m'),
      'ip',
    ),
    [
      ...every(
        10,
        [10, 10, 10, 11, 10, 11, 11].map((host) => (ms: number) => from(ms, host)),
      ),
      from(1130, 10),
      from(1140, 10),
      from(1150, 10),
      from(1160, 10),
    ],
  ),
  scene(
    'dynamic: a quota of each element',
    forward(
      ['add @s { ip saddr quota over 90 bytes } counter drop', 'add @u { udp sport quota 100 bytes } counter'],
      set('s', 'type ipv4_addr; flags dynamic; size 100') + set('u', 'type inet_service; flags dynamic; size 100'),
      'ip',
    ),
    [from(0, 10), from(10, 10), from(20, 10), from(30, 11), from(40, 10), from(50, 11, { n: 100 })],
  ),
  scene(
    'dynamic: several statements of an element run in order until one breaks',
    forward(
      [
        'add @s { ip saddr limit rate over 1/second burst 1 packets counter } counter',
        'add @t { ip saddr counter limit rate over 1/second burst 1 packets } counter',
        'update @u { udp sport counter quota over 60 bytes } counter',
      ],
      set('s', 'type ipv4_addr; flags dynamic; size 100') +
        set('t', 'type ipv4_addr; flags dynamic; size 100') +
        set('u', 'type inet_service; flags dynamic; size 100'),
      'ip',
    ),
    [from(0, 10), from(10, 10), from(20, 11), from(1200, 10), from(1210, 10), from(1220, 11)],
  ),
  scene(
    'dynamic: ct count of each element counts its connections that live',
    forward(
      [
        'ct state new add @s { ip saddr ct count over 2 } counter drop',
        'ct state new add @t { udp dport ct count 1 } counter',
      ],
      set('s', 'type ipv4_addr; flags dynamic; size 100') + set('t', 'type inet_service; flags dynamic; size 100'),
      'ip',
    ),
    [
      ...every(
        10,
        [5000, 5001, 5002, 5001, 5003].map((sport) => (ms: number) => from(ms, 10, { sport })),
      ),
      from(60, 11),
      from(45_000, 10, { sport: 5004 }),
      from(45_010, 10, { sport: 5005 }),
      from(45_020, 10, { sport: 5006 }),
    ],
  ),
  scene(
    'ct count: in a rule, over and until',
    forward([
      'ct state new tcp dport 80 ct count over 1 counter reject with tcp reset',
      'ct count 2 counter',
      'ct count over 2 counter',
    ]),
    [
      out(0, 'S', { seq: 1 }),
      out(10, 'S', { seq: 1, sport: 40001 }),
      back(20, 'SA', { seq: 9, ack: 2 }),
      ask(30),
      ask(40, { sport: 5001 }),
      ask(40_000, { sport: 5002 }),
      out(130_000, 'S', { seq: 1, sport: 40002 }),
    ],
  ),
  scene(
    'map: add and update put values that later packets find',
    forward(
      [
        'udp dport 53 add @m { udp sport : meta length }',
        'udp dport 54 update @m { udp sport : 7 }',
        'meta mark set udp sport map @m counter',
        'meta mark 40 counter',
        'meta mark 7 counter',
      ],
      map('m', 'type inet_service : mark; flags dynamic,timeout; timeout 10s'),
    ).replace('meta length', '40'),
    [
      ask(0),
      ask(10, { dport: 54 }),
      ask(20, { sport: 5001, dport: 54 }),
      ask(30, { sport: 5001 }),
      ask(6000, { dport: 54 }),
      ask(13_000),
      ask(30_500, { sport: 9, dport: 9 }),
    ],
  ),
  scene(
    'map: a client learns its server',
    `table ip t {\n\tmap last { type ipv4_addr : ipv4_addr; flags dynamic,timeout; timeout 1m\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tip daddr ip saddr map @last counter\n\t\tudp dport 53 update @last { ip saddr counter : ip daddr }\n\t}\n}`.replace(
      'ip daddr ip saddr map @last counter',
      'meta mark set jhash ip saddr mod 2 seed 1',
    ),
    [ask(0), ask(10, { dst: '198.51.100.8' }), from(20, 11)],
  ),
  scene(
    'meter: a set of the rule, with a limit each',
    forward(
      ['ip protocol udp meter m { ip saddr limit rate 2/second burst 2 packets } counter accept', 'counter'],
      '',
      'ip',
    ),
    every(
      10,
      [10, 10, 10, 11, 10, 11].map((host) => (ms: number) => from(ms, host)),
    ),
  ),
  scene(
    'meter: with timeout and size',
    forward(['meter m size 2 { ip saddr . udp sport timeout 5s counter } counter', 'counter'], '', 'ip'),
    [from(0, 10), from(10, 10), from(20, 11), from(30, 12), from(7500, 12), from(7510, 13)],
  ),
  scene(
    'static: intervals, prefixes and single values, negated and not',
    forward(
      [
        'udp dport { 1-10, 53, 100-65535 } counter',
        'udp dport != { 10-52, 54 } counter',
        'ip daddr @nets counter',
        'ip saddr != @nets counter',
        'ip6 daddr { 2001:db8::/32, fe80::/10 } counter',
      ],
      set(
        'nets',
        'type ipv4_addr; flags interval; auto-merge; elements = { 198.51.0.0/16, 198.51.100.7, 10.0.0.0-10.0.3.77 }',
      ),
    ),
    [1, 10, 11, 52, 53, 54, 55, 99, 100, 65535].flatMap((dport, i) => [
      ask(i * 20, { dport }),
      ask6(i * 20 + 10, { dport }),
    ]),
  ),
  scene(
    'static: elements of an interval set expire',
    forward(
      ['ip saddr @s counter'],
      set(
        's',
        'type ipv4_addr; flags interval,timeout; elements = { 192.168.1.0/28 timeout 4s, 192.168.1.16-192.168.1.20 timeout 40s, 192.168.1.30 }',
      ),
      'ip',
    ),
    [from(0, 10), from(10, 17), from(20, 30), from(7000, 10), from(7010, 17), from(7020, 30), from(43_000, 17)],
  ),
  scene(
    'static: concatenations of ranges (pipapo): the first that fits',
    forward(
      [
        'ip saddr . udp dport @s counter',
        'ip daddr . udp sport . udp dport { 198.51.100.0/24 . 5000-5005 . 1-1023, 198.51.101.7 . 5001 . 53, 0.0.0.0/0 . 6000 . 60 } counter',
        'meta mark set ip saddr . udp dport map { 192.168.1.0/28 . 50-60 : 3, 192.168.1.11 . 61-70 : 4 }',
        'meta mark 3 counter',
        'meta mark 4 counter',
      ],
      set(
        's',
        'type ipv4_addr . inet_service; flags interval; counter; elements = { 192.168.1.10 . 53-55, 192.168.1.11-192.168.1.13 . 53, 192.168.0.0/16 . 54 }',
      ),
      'ip',
    ),
    [10, 11, 13, 14, 31].flatMap((host, i) =>
      [53, 54, 55, 60, 61].map((dport, k) =>
        from(i * 100 + k * 10, host, { dport, sport: dport === 60 ? 6000 : 5000 + i }),
      ),
    ),
  ),
  scene(
    'static: concatenations of ranges expire',
    forward(
      ['ip saddr . udp dport @s counter', 'counter'],
      set(
        's',
        'type ipv4_addr . inet_service; flags interval,timeout; timeout 30s; elements = { 192.168.1.0/24 . 53-60 timeout 3s, 192.168.1.10 . 70-90 }',
      ),
      'ip',
    ),
    [
      from(0, 10),
      from(10, 10, { dport: 80 }),
      from(6000, 10),
      from(6010, 10, { dport: 80 }),
      from(34_000, 10, { dport: 80 }),
    ],
  ),
  scene(
    'static: IPv6 prefixes with ports, and a catch-all',
    forward([
      'ip6 saddr . udp dport { fd00:1::/64 . 53, fd00:1::10 . 54-60 } counter',
      'meta mark set udp dport map { 53 : 1, 54 : 2, * : 9 }',
      'meta mark 9 counter',
      'udp sport vmap { 5000 : continue, * : drop }',
    ]),
    [53, 54, 60, 61].flatMap((dport, i) => [
      ask6(i * 40, { dport }),
      ask6(i * 40 + 10, { dport, src: 'fd00:1::99' }),
      ask(i * 40 + 20, { dport, sport: 5001 }),
    ]),
  ),
  scene(
    'static: verdict maps over intervals, states and interfaces; what is not in them goes on',
    forward(
      [
        'ct state vmap { established : accept, invalid : drop }',
        'iifname . meta l4proto vmap { "lan0" . udp : jump udps, "lan0" . tcp : goto tcps, "wan0" . udp : drop }',
        'counter',
      ],
      '\tchain udps {\n\t\tudp dport vmap { 1-50 : drop, 51-60 : return, 61-70 : accept, 71-80 : jump deep, 99 : continue }\n\t\tcounter\n\t}\n\tchain deep {\n\t\tudp sport vmap { 5000 : accept }\n\t\tcounter\n\t}\n\tchain tcps {\n\t\ttcp flags vmap { syn : accept, fin | syn : drop }\n\t\tcounter\n\t}\n',
    ),
    [
      ...every(
        10,
        [1, 55, 65, 75, 85, 99].map((dport) => (ms: number) => ask(ms, { dport, sport: 5000 + (dport % 2) })),
      ),
      ask(100, { dport: 78, sport: 6 }),
      out(110, 'S', { seq: 5 }),
      out(120, 'FS', { seq: 5, sport: 40001 }),
      out(130, 'A', { seq: 5, sport: 40002 }),
      ping(140),
    ],
  ),
  scene(
    'static: maps of ranges, prefixes and data that is used',
    forward(
      [
        'meta priority set ip daddr map { 198.51.100.0/25 : 1:7, 198.51.100.128/25 : 1:8 } counter',
        'meta mark set udp dport map { 1-52 : 10, 53 : 20, 54-100 : 30 } counter',
        'ct mark set ip saddr . udp sport map { 192.168.1.10 . 5000 : 17, 192.168.1.10 . 5001 : 18 } counter',
      ],
      '',
      'ip',
    ),
    [
      ask(0),
      ask(10, { dst: '198.51.100.200', dport: 60 }),
      ask(20, { dst: '192.0.2.1', dport: 3, sport: 5001 }),
      ask(30, { dport: 200 }),
    ],
  ),
  scene(
    'static: many elements, of every size of backend',
    forward(
      [
        `udp dport { ${Array.from({ length: 300 }, (_, i) => i * 3).join(', ')} } counter`,
        `ip daddr { ${Array.from({ length: 200 }, (_, i) => `198.51.100.${i + 1}`).join(', ')} } counter`,
        `ip daddr { ${Array.from({ length: 100 }, (_, i) => `198.51.${i}.0/${24 + (i % 8)}`).join(', ')} } counter`,
        `ip ttl { ${Array.from({ length: 60 }, (_, i) => i * 2).join(', ')} } counter`,
        `ip saddr . ip daddr . udp dport { ${Array.from({ length: 120 }, (_, i) => `192.168.1.${i} . 198.51.100.${i % 16}/28 . ${i}-${i * 2 + 50}`.replace(/\.(\d+)\/28/, (_m, x) => `.${Number(x) & 0xf0}/28`)).join(', ')} } counter`,
      ],
      '',
      'ip',
    ),
    every(
      10,
      [10, 11, 12, 60, 119].flatMap((host) =>
        [53, 54, 120, 900].map(
          (dport) => (ms: number) => from(ms, host, { dport, dst: `198.51.${host}.${dport & 255}` }),
        ),
      ),
    ),
  ),
  scene(
    "set: an update of a connection's peers in both directions, looked up by netmask",
    forward(
      [
        'add @nets { ip saddr & 255.255.255.0 counter }',
        'ip daddr & 255.255.255.0 @nets counter',
        'add @high { udp sport & 0xff00 }',
      ].slice(0, 2),
      set('nets', 'type ipv4_addr; flags dynamic; size 10'),
      'ip',
    ),
    [ask(0), ask(10, { dst: LAN, src: '192.168.1.11' }), ask(20, { src: LAN, dst: SERVER })],
  ),
];
