// Scenes of connections, NAT and stateful expressions, each named by what the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, icmp, ip, type TcpFields, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';

const LAN = '192.168.1.10';
const SERVER = '198.51.100.7';
const ROUTER = '203.0.113.1';
const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7) & 255);

type Row = [ms: number, device: string, datagram: Uint8Array];
const out = (ms: number, flags: string, fields: Partial<TcpFields> = {}, n = 0): Row => [
  ms,
  'lan0',
  ip({ src: LAN, dst: SERVER, id: 1 }, tcp({ sport: 40000, dport: 80, flags, ...fields }, bytes(n))),
];
const back = (ms: number, flags: string, fields: Partial<TcpFields> = {}, n = 0, dst = LAN): Row => [
  ms,
  'wan0',
  ip({ src: SERVER, dst, id: 2 }, tcp({ sport: 80, dport: 40000, flags, ...fields }, bytes(n))),
];
const ask = (ms: number, n = 10, sport = 5000, dst = SERVER, dport = 53): Row => [
  ms,
  'lan0',
  ip({ src: LAN, dst, id: 3 }, udp({ sport, dport }, bytes(n))),
];
const answer = (ms: number, n = 10, dst = LAN): Row => [
  ms,
  'wan0',
  ip({ src: SERVER, dst, id: 4 }, udp({ sport: 53, dport: 5000 }, bytes(n))),
];
const other = (ms: number, device: string, protocol: number, n = 24): Row => [
  ms,
  device,
  ip(device === 'lan0' ? { src: LAN, dst: SERVER } : { src: SERVER, dst: LAN }, { protocol, bytes: bytes(n) }),
];
const open = (): Row[] => [
  out(0, 'S', { seq: 1000, window: 8000 }),
  back(10, 'SA', { seq: 5000, ack: 1001, window: 8000 }),
  out(20, 'A', { seq: 1001, ack: 5001, window: 8000 }),
];

const STATES = `table inet t {
	chain f {
		type filter hook forward priority 0; policy accept;
		ct state new counter
		ct state established counter
		ct state related counter
		ct state invalid counter
		ct status assured counter
	}
}`;
const forward = (...rules: string[]): string =>
  `table inet t {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\t${rules.join('\n\t\t')}\n\t}\n}`;
const nat = (...rules: string[]): string =>
  `table ip n {\n\tchain p {\n\t\ttype nat hook postrouting priority 100; policy accept;\n\t\t${rules.join('\n\t\t')}\n\t}\n}`;
const dnat = (...rules: string[]): string =>
  `table ip n {\n\tchain d {\n\t\ttype nat hook prerouting priority -100; policy accept;\n\t\t${rules.join('\n\t\t')}\n\t}\n}`;

function scene(name: string, ruleset: string, rows: Row[], sysctl: Record<string, number> = {}): KernelScene {
  return {
    name,
    ruleset,
    router: JSON.stringify({ ...TOPOLOGY, sysctl: { 'net.netfilter.nf_conntrack_acct': 1, ...sysctl } }),
    frames: rows.map(([ms, device, datagram]) => ({ device, octets: ether({}, datagram), timeNs: ms * 1e6 })),
  };
}

const TCP = 'net.netfilter.nf_conntrack_tcp_';
const outOfWindow: Row[] = [
  ...open(),
  out(30, 'PA', { seq: 90_000, ack: 5001, window: 8000 }, 10),
  out(40, 'PA', { seq: 1001, ack: 99_000, window: 8000 }, 10),
  out(50, 'PA', { seq: 1001, ack: 5001, window: 8000 }, 10),
];
const resets: Row[] = [
  ...open(),
  back(30, 'R', { seq: 900_000, ack: 0 }),
  back(40, 'R', { seq: 5100, ack: 0 }),
  back(50, 'R', { seq: 5001, ack: 0 }),
  out(60, 'A', { seq: 1001, ack: 5001 }),
];
const midStream: Row[] = [
  out(0, 'PA', { seq: 1000, ack: 5000, window: 8000 }, 10),
  back(10, 'A', { seq: 5000, ack: 1010, window: 8000 }),
  out(20, 'PA', { seq: 1010, ack: 5000, window: 8000 }, 10),
];

export const STATEFUL_SCENES: KernelScene[] = [
  scene('tcp: segments out of window are invalid', STATES, outOfWindow),
  scene('tcp: be_liberal takes segments out of window', STATES, outOfWindow, { [`${TCP}be_liberal`]: 1 }),
  scene('tcp: a RST counts when its number is the awaited one', STATES, resets),
  scene('tcp: ignore_invalid_rst', STATES, resets, { [`${TCP}ignore_invalid_rst`]: 1 }),
  scene('tcp: loose picks a connection up in mid stream', STATES, midStream),
  scene('tcp: without loose a connection in mid stream is invalid', STATES, midStream, { [`${TCP}loose`]: 0 }),
  scene('tcp: simultaneous open', STATES, [
    out(0, 'S', { seq: 1000, window: 8000 }),
    back(10, 'S', { seq: 5000, window: 8000 }),
    out(20, 'SA', { seq: 1000, ack: 5001, window: 8000 }),
    back(30, 'SA', { seq: 5000, ack: 1001, window: 8000 }),
    out(40, 'A', { seq: 1001, ack: 5001, window: 8000 }),
  ]),
  scene('tcp: a SYN on an established connection is let through and answered', STATES, [
    ...open(),
    out(30, 'S', { seq: 700_000, window: 8000 }),
    back(40, 'A', { seq: 5001, ack: 1001, window: 8000 }),
    out(50, 'R', { seq: 1001, window: 0 }),
    out(60, 'S', { seq: 700_000, window: 8000 }),
  ]),
  scene('tcp: a SYN reopens a closed connection in TIME_WAIT', STATES, [
    ...open(),
    out(30, 'FA', { seq: 1001, ack: 5001, window: 8000 }),
    back(40, 'FA', { seq: 5001, ack: 1002, window: 8000 }),
    out(50, 'A', { seq: 1002, ack: 5002, window: 8000 }),
    out(5000, 'S', { seq: 700_000, window: 8000 }),
    back(5010, 'SA', { seq: 9000, ack: 700_001, window: 8000 }),
  ]),
  scene('tcp: max_retrans shortens the timeout', STATES, [
    ...open(),
    ...[30, 40, 50, 60, 70].map((ms) => out(ms, 'PA', { seq: 1001, ack: 5001, window: 8000 }, 10)),
  ]),
  scene('tcp: unacknowledged data has a timeout of 300 s', STATES, [
    ...open(),
    out(30, 'PA', { seq: 1001, ack: 5001, window: 8000 }, 10),
    back(299_000, 'A', { seq: 5001, ack: 1011, window: 8000 }),
    out(700_000, 'PA', { seq: 1011, ack: 5001, window: 8000 }, 10),
    back(1_100_000, 'A', { seq: 5001, ack: 1021, window: 8000 }),
  ]),
  scene('tcp: a SYN that nobody answers is forgotten after 120 s', STATES, [
    out(0, 'S', { seq: 1000, window: 8000 }),
    back(125_000, 'SA', { seq: 5000, ack: 1001, window: 8000 }),
    out(126_000, 'S', { seq: 1000, window: 8000 }),
  ]),
  scene('udp: replies for two seconds make a stream, ASSURED for 120 s', STATES, [
    ask(0),
    answer(500),
    ask(1000),
    answer(2500),
    ask(3000),
    answer(100_000),
    ask(230_000),
  ]),
  scene('udp: without an answer 30 s', STATES, [ask(0), ask(29_000), ask(60_000), answer(70_000), answer(110_000)]),
  scene('icmp: errors are related to what they quote, echoes to the request', STATES, [
    ask(0),
    [10, 'wan0', ip({ src: '198.51.100.1', dst: LAN }, icmp(3, 1, 0, ask(0)[2].slice(0, 28)))],
    [20, 'wan0', ip({ src: '198.51.100.1', dst: LAN }, icmp(3, 1, 0, ask(0, 10, 6000)[2].slice(0, 28)))],
    [30, 'lan0', ip({ src: LAN, dst: SERVER }, icmp(8, 0, 0x00070001, bytes(8)))],
    [40, 'wan0', ip({ src: SERVER, dst: LAN }, icmp(0, 0, 0x00070001, bytes(8)))],
    [50, 'wan0', ip({ src: SERVER, dst: LAN }, icmp(0, 0, 0x00090001, bytes(8)))],
    [31_000, 'wan0', ip({ src: SERVER, dst: LAN }, icmp(0, 0, 0x00070002, bytes(8)))],
  ]),
  scene('generic: a protocol without ports is tracked for 600 s', STATES, [
    other(0, 'lan0', 50),
    other(10, 'wan0', 50),
    other(599_000, 'lan0', 50),
    other(1_300_000, 'wan0', 50),
  ]),
  scene('gre: version 0 is tracked without a key', STATES, [
    [0, 'lan0', ip({ src: LAN, dst: SERVER }, { protocol: 47, bytes: new Uint8Array([0, 0, 8, 0, 69, 0, 0, 0]) })],
    [10, 'wan0', ip({ src: SERVER, dst: LAN }, { protocol: 47, bytes: new Uint8Array([0, 0, 8, 0, 69, 0, 0, 0]) })],
    [29_000, 'lan0', ip({ src: LAN, dst: SERVER }, { protocol: 47, bytes: new Uint8Array([0, 0, 8, 0, 69, 0]) })],
  ]),
  scene(
    'notrack: untracked packets have no entry',
    `table inet t {\n\tchain r {\n\t\ttype filter hook prerouting priority -300; policy accept;\n\t\tudp dport 53 notrack\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tct state untracked counter\n\t\tct state new counter\n\t}\n}`,
    [ask(0), answer(10), ask(20, 10, 5000, SERVER, 54)],
  ),
  scene(
    'zones: the same tuple is two connections',
    `table inet t {\n\tchain r {\n\t\ttype filter hook prerouting priority -300; policy accept;\n\t\tip ttl 64 ct zone set 7\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tct zone 7 counter\n\t\tct state new counter\n\t}\n}`,
    [ask(0), answer(10), [20, 'lan0', ip({ src: LAN, dst: SERVER, ttl: 9 }, udp({ sport: 5000, dport: 53 }))]],
  ),
  scene('ct count: over two connections is dropped until one ends', forward('ct count over 2 counter drop'), [
    ask(0),
    ask(10, 10, 5001),
    ask(20, 10, 5002),
    ask(40_000, 10, 5003),
  ]),
  scene(
    'limit: burst, then one a second; over; bytes',
    forward(
      'limit rate 1/second burst 2 packets counter',
      'limit rate over 2/minute burst 3 packets counter',
      'limit rate 100 bytes/second burst 50 bytes counter',
      'limit rate 3/hour burst 1 packets counter',
    ),
    [0, 10, 20, 1550, 1560, 2750, 61_010, 62_030, 1_900_000, 3_700_000].map((ms) => ask(ms, 40)),
  ),
  scene('quota: until and over', forward('quota 150 bytes counter', 'quota over 150 bytes counter drop'), [
    ...[0, 10, 20, 30].map((ms) => ask(ms, 40)),
  ]),
  scene(
    'sets: elements with timeouts are renewed by update, not by add',
    `table ip t {\n\tset u {\n\t\ttype inet_service\n\t\tflags dynamic,timeout\n\t\ttimeout 10s\n\t}\n\tset a {\n\t\ttype inet_service\n\t\tflags dynamic,timeout\n\t\ttimeout 10s\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tudp sport @u counter\n\t\tudp sport @a counter\n\t\tupdate @u { udp sport }\n\t\tadd @a { udp sport timeout 20s }\n\t}\n}`,
    [ask(0), ask(6000), ask(13_000), ask(22_000), ask(45_000)],
  ),
  scene(
    'sets: an element has a limit and a counter of its own; size bounds them',
    `table ip t {\n\tset s {\n\t\ttype inet_service\n\t\tsize 2\n\t\tflags dynamic\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tadd @s { udp sport limit rate 1/second burst 1 packets } counter\n\t}\n}`,
    [ask(0), ask(10), ask(20, 10, 5001), ask(30, 10, 5002), ask(1510)],
  ),
  scene(
    'numgen: inc counts in turn',
    forward('numgen inc mod 3 == 1 counter', 'numgen inc mod 2 offset 5 == 6 counter'),
    [...Array.from({ length: 7 }, (_, i) => ask(i * 10))],
  ),
  scene('nat: a range of ports', nat('ip protocol udp snat to 203.0.113.1:2000-2000'), [
    ask(0),
    ask(10, 10, 5001),
    ask(20, 10, 5001, '198.51.100.8'),
  ]),
  scene(
    'nat: a prefix through a map keeps the host part',
    nat('snat ip prefix to ip saddr map { 192.168.1.0/24 : 203.0.113.0/24 }'),
    [ask(0), answer(10, 10, '203.0.113.10'), ask(20, 77)],
  ),
  scene(
    'nat: an address range through a map',
    nat('snat ip to ip saddr map { 192.168.1.10 : 203.0.113.20-203.0.113.20 }'),
    [ask(0), answer(10, 10, '203.0.113.20')],
  ),
  scene('nat: persistent takes the address by the source alone', nat('snat to 203.0.113.20-203.0.113.29 persistent'), [
    ask(0),
    ask(10, 10, 5000, '198.51.100.8'),
    ask(20, 10, 5001, '198.51.100.9'),
  ]),
  scene(
    'nat: redirect to a port of the router',
    dnat('udp dport 53 redirect to :5353', 'tcp dport 80 redirect to :8080'),
    [ask(0), out(10, 'S', { seq: 1000 })],
  ),
  scene(
    'nat: hairpin',
    `${dnat('ip daddr 203.0.113.1 tcp dport 80 dnat to 192.168.1.20')}\n${nat('ip saddr 192.168.1.0/24 ip daddr 192.168.1.20 masquerade').replace('table ip n', 'table ip m')}`,
    [
      [0, 'lan0', ip({ src: LAN, dst: ROUTER }, tcp({ sport: 40000, dport: 80, seq: 1, flags: 'S' }))],
      [
        10,
        'lan0',
        ip({ src: '192.168.1.20', dst: '192.168.1.1' }, tcp({ sport: 80, dport: 40000, seq: 9, ack: 2, flags: 'SA' })),
      ],
    ],
  ),
  scene(
    'reject: every kind',
    forward(
      'udp dport 1 reject',
      'udp dport 2 reject with icmp host-prohibited',
      'udp dport 3 reject with icmp net-unreachable',
      'udp dport 4 reject with icmpx host-unreachable',
      'udp dport 5 reject with icmp prot-unreachable',
      'tcp dport 80 reject with tcp reset',
    ),
    [
      ...[1, 2, 3, 4, 5].map((port) => ask(port * 10, 40, 5000, SERVER, port)),
      out(60, 'S', { seq: 1000 }),
      out(70, 'A', { seq: 1000, ack: 5 }, 10),
      out(80, 'R', { seq: 1000 }),
    ],
  ),
];
