// Scenes of verdicts, chains and priorities; of dup, fwd and log; of what sends packets out of a rule.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ip, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  type Arrival,
  answer,
  ask,
  ask6,
  every,
  forward,
  LAN,
  LAN6,
  octets,
  out,
  ping,
  ping6,
  scene,
} from './expression-frames.ts';

const ports = (...values: number[]): Arrival[] =>
  every(
    10,
    values.map((dport) => (ms: number) => ask(ms, { dport })),
  );
const table = (family: string, name: string, ...chains: string[]): string =>
  `table ${family} ${name} {\n${chains.join('')}}\n`;
const base = (
  name: string,
  hook: string,
  priority: number | string,
  rules: string[],
  policy = 'accept',
  type = 'filter',
): string =>
  `\tchain ${name} {\n\t\ttype ${type} hook ${hook} priority ${priority}; policy ${policy};\n\t\t${rules.join('\n\t\t')}\n\t}\n`;
const side = (name: string, rules: string[]): string => `\tchain ${name} {\n\t\t${rules.join('\n\t\t')}\n\t}\n`;
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const depth = (n: number, verdict: string): string =>
  Array.from({ length: n }, (_, i) =>
    side(`d${i}`, i === n - 1 ? ['counter', verdict] : [`jump d${i + 1}`, 'counter']),
  ).join('');
const toRouter = (ms: number, dport = 9): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN, dst: '192.168.1.1' }, udp({ sport: 5000, dport }, octets(4))),
];
const third = { name: 'dmz0', mac: '02:00:00:00:00:03', addresses: ['192.168.3.1/24', 'fd00:3::1/64'], mtu: 1500 };
const THREE = { ...TOPOLOGY, interfaces: [...TOPOLOGY.interfaces, third] };

export const VERDICT_SCENES: KernelScene[] = [
  scene(
    'accept ends a base chain only: the next one of the hook still drops',
    table('inet', 'a', base('c', 'forward', -10, ['udp dport 53 counter accept', 'counter'])) +
      table('inet', 'b', base('c', 'forward', 10, ['udp dport 53 counter drop', 'counter'])),
    ports(53, 54),
  ),
  scene(
    'drop ends everything: no later chain sees the packet',
    table('inet', 'a', base('c', 'forward', -10, ['udp dport 53 counter drop', 'counter'])) +
      table('ip', 'b', base('c', 'forward', 10, ['counter accept']), base('p', 'postrouting', 0, ['counter'])),
    ports(53, 54),
  ),
  scene(
    'accept in a chain that was jumped to ends the base chain, return goes back',
    table(
      'inet',
      'a',
      side('yes', ['udp dport 53 counter accept', 'udp dport 54 counter return', 'counter']),
      base('c', 'forward', 0, ['jump yes', 'counter', 'drop']),
    ),
    ports(53, 54, 55),
  ),
  scene(
    'goto does not come back: the end of its chain is the end of the one that jumped',
    table(
      'inet',
      'a',
      side('leaf', ['udp dport 53 counter return', 'counter']),
      side('mid', ['udp dport < 60 goto leaf', 'counter']),
      base('c', 'forward', 0, ['udp dport 53-54 goto mid', 'jump mid', 'counter'], 'drop'),
    ),
    [...ports(53, 54, 55, 70), toRouter(100)],
  ),
  scene(
    'return in a base chain is its policy',
    table(
      'inet',
      'a',
      base('c', 'forward', 0, ['udp dport 53 counter return', 'udp dport 54 counter accept', 'counter'], 'drop'),
    ),
    ports(53, 54, 55),
  ),
  scene(
    'continue goes on with the next rule, as a rule without a verdict does',
    forward([
      'udp dport 53 counter continue',
      'udp dport vmap { 53 : continue, 54 : drop }',
      'counter',
      'ip protocol vmap { udp : continue }',
      'counter',
    ]),
    ports(53, 54, 55),
  ),
  scene(
    'chains jump 15 deep',
    table(
      'inet',
      'a',
      depth(15, 'udp dport 53 accept'),
      base('c', 'forward', 0, ['jump d0', 'counter', 'udp dport 54 drop']),
    ).replace(/^/, ''),
    ports(53, 54, 55),
  ),
  scene(
    'return deep down goes one chain back, not all',
    table('inet', 'a', depth(5, 'return'), base('c', 'forward', 0, ['jump d1', 'counter', 'jump d3', 'counter'])),
    ports(53),
  ),
  scene(
    'verdict maps jump, go, return and fall through when nothing fits',
    table(
      'inet',
      'a',
      side('j', ['counter']),
      side('g', ['counter']),
      side('v', ['udp dport vmap { 1 : jump j, 2 : goto g, 3 : return, 4 : accept, 5 : drop }', 'counter']),
      base('c', 'forward', 0, ['jump v', 'counter']),
    ),
    ports(1, 2, 3, 4, 5, 6),
  ),
  scene(
    'chains of one hook run by priority across tables and families, in order of creation when equal',
    [
      table('ip', 'late', base('c', 'forward', 300, ['meta mark & 0x4 == 0x4 counter'])),
      table('inet', 'first', base('c', 'forward', -300, ['meta mark set 0x1'])),
      table(
        'ip',
        'same',
        base('a', 'forward', 0, ['meta mark 0x1 meta mark set 0x2 counter']),
        base('b', 'forward', 0, ['meta mark 0x2 meta mark set 0x4 counter', 'meta mark 0x3 counter']),
      ),
      table('inet', 'same', base('c', 'forward', 0, ['meta mark 0x2 counter', 'meta mark 0x4 counter'])),
      table('ip', 'mid', base('c', 'forward', -1, ['meta mark 0x1 counter'])),
      table(
        'inet',
        'named',
        base('r', 'prerouting', 'raw', ['counter']),
        base('m', 'prerouting', 'mangle + 5', ['counter']),
        base('d', 'prerouting', 'dstnat - 1', ['counter']),
        base('f', 'forward', 'security', ['counter']),
        base('s', 'postrouting', 'srcnat', ['counter']),
      ),
    ].join(''),
    [ask(0), ask6(10), answer(20)],
  ),
  scene(
    "policies of every hook; a drop policy at output drops the router's own answers",
    table(
      'inet',
      'a',
      ...HOOKS.map((hook) =>
        base(
          hook,
          hook,
          0,
          hook === 'output' ? ['meta l4proto icmp counter accept', 'counter'] : ['counter'],
          hook === 'output' ? 'drop' : 'accept',
        ),
      ),
    ),
    [
      toRouter(0),
      [10, 'lan0', ip({ src: LAN, dst: '192.168.1.1' }, tcp({ sport: 5000, dport: 22, flags: 'S', seq: 5 }))],
      [20, 'lan0', ip({ src: LAN6, dst: 'fd00:1::1' }, udp({ sport: 1, dport: 2 }))],
      ask(30, { ttl: 1 }),
      ask(40),
    ],
  ),
  scene(
    'prerouting drops before conntrack and after it: only the later one made a connection that was never confirmed',
    table(
      'inet',
      'a',
      base('early', 'prerouting', 'raw', ['udp dport 53 drop', 'ct state new counter']),
      base('late', 'prerouting', 'filter', ['ct state new counter', 'udp dport 54 drop']),
    ),
    [ask(0), ask(10, { dport: 54 }), ask(20, { dport: 54 }), ask(30, { dport: 55 }), ask(40, { dport: 55 })],
  ),
  scene(
    'postrouting drops: nothing left, no connection; counters before it counted',
    table(
      'inet',
      'a',
      base('f', 'forward', 0, ['ct state new counter']),
      base('p', 'postrouting', 0, ['udp dport 53 counter drop', 'counter']),
    ),
    [ask(0), ask(10), ask(20, { dport: 54 }), ask(30, { dport: 54 })],
  ),
  scene(
    'a table of ip sees no IPv6, one of inet both; bridge and arp tables see nothing of what is routed',
    [
      table('ip', 't', base('c', 'forward', 0, ['counter'])),
      table('ip6', 't', base('c', 'forward', 0, ['counter'])),
      table('inet', 't', base('c', 'forward', 0, ['counter', 'meta nfproto ipv6 counter'])),
      table('bridge', 't', base('c', 'forward', 0, ['counter'])),
      table('arp', 't', base('c', 'input', 0, ['counter'])),
    ].join(''),
    [ask(0), ask6(10), ping(20), ping6(30)],
  ),
  scene(
    'a dormant table does nothing',
    `table inet t {\n\tflags dormant\n\tchain c {\n\t\ttype filter hook forward priority 0; policy drop;\n\t\tcounter\n\t}\n}\ntable inet u {\n\tchain c {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tcounter\n\t}\n}`,
    ports(53),
  ),
  scene(
    'anonymous chains: jump and goto into braces',
    forward([
      'udp dport 53 jump { ip ttl 63 counter',
      'udp sport 5000 counter return',
      'counter drop',
      '}',
      'udp dport 54 goto { counter accept',
      '}',
      'counter',
    ]),
    ports(53, 54, 55),
  ),
  scene(
    'statements after a match that breaks do not run; those before it did',
    forward([
      'counter udp dport 54 counter',
      'meta mark set 5 udp dport 53 ct mark set 6',
      'meta mark 5 counter',
      'ct mark 6 counter',
      'limit rate 1/hour burst 1 packets udp dport 54 counter',
      'limit rate 1/hour burst 1 packets udp dport 53 counter',
    ]),
    ports(53, 54, 54, 53),
  ),
  scene(
    'log writes and goes on',
    forward([
      'log prefix "a " level info flags all counter',
      'udp dport 53 log prefix "b" drop',
      'log group 3 snaplen 40 queue-threshold 2 counter',
      'counter',
    ]),
    [...ports(53, 54), ask6(40), ping(50)],
  ),
  scene(
    'dup: a copy leaves for its gateway, the packet goes on',
    table(
      'ip',
      't',
      base('p', 'prerouting', 0, [
        'udp dport 53 dup to 192.168.3.9 device "dmz0" counter',
        'udp dport 54 dup to 192.168.3.9 counter drop',
        'counter',
      ]),
      base('q', 'postrouting', 0, ['counter']),
    ),
    [...ports(53, 54, 55), ask(50, { dport: 53, ttl: 1 }), ask(60, { dport: 53, n: 1400 })],
    { router: THREE },
  ),
  scene(
    'dup: IPv6, and by a map',
    table('ip6', 't', base('p', 'prerouting', 0, ['udp dport 53 dup to fd00:3::9 device "dmz0" counter'])) +
      table(
        'ip',
        't',
        base('p', 'prerouting', 0, ['dup to udp dport map { 53 : 192.168.3.8, 54 : 192.168.3.9 } counter', 'counter']),
      ),
    [ask6(0), ask6(10, { dport: 54 }), ask(20), ask(30, { dport: 54 }), ask(40, { dport: 55 })],
    { router: THREE },
  ),
  scene(
    'fwd: an ingress frame leaves elsewhere as it came; to a gateway with a new link header and TTL',
    `table netdev t {\n\tchain c {\n\t\ttype filter hook ingress device "lan0" priority 0; policy accept;\n\t\tudp dport 53 counter fwd to "dmz0"\n\t\tudp dport 54 counter fwd ip to 192.168.3.9 device "dmz0"\n\t\tip6 nexthdr udp udp dport 55 counter fwd ip6 to fd00:3::9 device "dmz0"\n\t\tudp dport 56 counter drop\n\t\tcounter\n\t}\n}`,
    [
      ask(0),
      ask(10, { dport: 54 }),
      ask6(20, { dport: 55 }),
      ask(30, { dport: 56 }),
      ask(40, { dport: 57 }),
      ask(50, { dport: 54, ttl: 1 }),
      ask6(60),
    ],
    { router: THREE },
  ),
  scene(
    'dup at ingress: to a device',
    `table netdev t {\n\tchain c {\n\t\ttype filter hook ingress device "lan0" priority 0; policy accept;\n\t\tudp dport 53 dup to "dmz0" counter\n\t\tudp dport 54 dup to "dmz0" drop\n\t}\n\tchain e {\n\t\ttype filter hook egress device "wan0" priority 0; policy accept;\n\t\tcounter\n\t\tudp dport 55 dup to "dmz0" counter\n\t\tudp dport 57 drop\n\t}\n}`,
    ports(53, 54, 55, 56, 57),
    { router: THREE },
  ),
  scene(
    'inet ingress sees IP before anything else, of its devices only',
    `table inet t {\n\tset seen { type ipv4_addr; flags dynamic; size 100\n\t}\n\tchain i {\n\t\ttype filter hook ingress device "lan0" priority 0; policy accept;\n\t\tadd @seen { ip saddr }\n\t\tudp dport 53 counter drop\n\t\tmeta mark set 9\n\t\tmeta l4proto icmp counter accept\n\t\tcounter\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tmeta mark 9 counter\n\t\tip saddr @seen counter\n\t}\n}`,
    [ask(0), ask(10, { dport: 54 }), ask6(20), ask6(30, { dport: 54 }), ping(40), answer(50, { dport: 54 })],
  ),
  scene(
    "the route chain: a mark or an address set at output routes the router's own packet anew",
    table(
      'ip',
      't',
      base('o', 'output', 'mangle', ['ip protocol icmp meta mark set 7 counter', 'counter'], 'accept', 'route'),
      base('p', 'postrouting', 0, ['oifname "dmz0" counter', 'counter']),
    ),
    [
      toRouter(0),
      ask(10, { ttl: 1 }),
      [20, 'lan0', ip({ src: LAN, dst: '192.168.1.1' }, tcp({ sport: 5000, dport: 22, flags: 'S', seq: 5 }))],
    ],
    {
      router: {
        ...THREE,
        routes: [...TOPOLOGY.routes, { dst: '0.0.0.0/0', via: '192.168.3.9', dev: 'dmz0', table: 100 }],
        rules: [{ priority: 100, fwmark: 7, table: 100 }],
      },
    },
  ),
  scene(
    'two tables set what the other reads: marks of the packet and of the connection, in both directions',
    table('inet', 'a', base('p', 'prerouting', 'mangle', ['ct mark != 0 meta mark set ct mark counter'])) +
      table(
        'inet',
        'b',
        base('f', 'forward', 'mangle', [
          'meta mark 0 ct state new meta mark set 3',
          'ct mark set meta mark',
          'meta mark 3 counter',
          'ct direction reply meta mark 3 counter',
        ]),
      ),
    [ask(0), answer(10), ask(20), out(30, 'S', { seq: 1 })],
  ),
];
