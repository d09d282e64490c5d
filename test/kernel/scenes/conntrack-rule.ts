// What rules ask and tell of connections: zones, marks, labels, counts, timeout policies, helpers, expectations, notrack; and
// clashes. Each scene is named by what the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { icmp, ip, tcp, udp } from '../../../src/packet/build.ts';
import { bytes, chain, forward, LAN, open, type Row, SERVER, STATES, scene, talk, V4, V6 } from './talk.ts';

const raw = (...rules: string[]): string => chain('inet r', 'prerouting', '-300', rules);
const at = (rows: Row[], ms: number): Row[] => rows.map(([time, device, datagram]) => [time + ms, device, datagram]);
const OTHER = talk('192.168.1.11', SERVER);
/** From another host of the LAN, or to another server. */
const from = (client: string, server = SERVER) => talk(client, server);

const policy = (...lines: string[]): string =>
  `table inet p {\n\tct timeout a {\n\t\tprotocol ${lines[0]}\n\t\tl3proto ip\n\t\tpolicy = { ${lines[1]} }\n\t}\n\tchain r {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\t\t${lines[2]}\n\t}\n}\n`;
const helper = (type: string, protocol: string, rule: string, hook = 'prerouting'): string =>
  `table inet h {\n\tct helper x {\n\t\ttype "${type}" protocol ${protocol}\n\t}\n\tchain r {\n\t\ttype filter hook ${hook} priority -100; policy accept;\n\t\t${rule}\n\t}\n}\n`;
const expectation = (
  rule: string,
  more = '',
  options = 'protocol tcp\n\t\tdport 9876\n\t\ttimeout 60s\n\t\tsize 12\n\t\tl3proto ip',
): string =>
  `table inet e {\n\tct expectation x {\n\t\t${options}\n\t}\n\tchain r {\n\t\ttype filter hook prerouting priority -100; policy accept;\n\t\t${rule}\n\t}\n}\n${more}`;
const call = (ms: number, dport = 9876, sport = 1234, flags = 'S'): Row =>
  V4.reply(ms, tcp({ sport, dport, seq: 77, flags }));
const RELATED = forward(
  'ct state related counter accept',
  'iifname "wan0" ct state new counter drop',
  'ct helper "ftp" counter',
);
const tftp = (ms: number, opcode: number, words = V4): Row =>
  words.send(ms, udp({ sport: 5000, dport: 69 }, Uint8Array.of(0, opcode, 65, 0, 66, 0)));

export const RULE_SCENES: KernelScene[] = [
  // Zones.
  scene(
    'zones: each zone has its own connection of one tuple',
    `${raw('ip ttl 10 ct zone set 10', 'ip ttl 11 ct zone set 11')}${forward('ct zone 0 counter', 'ct zone 10 counter', 'ct zone 11 counter', 'ct state new counter')}`,
    [
      ...[64, 10, 11, 10, 64].map((ttl, i): Row => V4.send(i * 10, udp({ sport: 5000, dport: 53 }, bytes(4)), { ttl })),
      ...[64, 10, 12].map((ttl, i): Row => V4.reply(100 + i * 10, udp({ sport: 53, dport: 5000 }, bytes(4)), { ttl })),
    ],
  ),
  scene(
    'zones: a zone of the original direction alone leaves answers in the common zone',
    `${raw('iifname "lan0" ct original zone set 5')}${forward('ct zone 5 counter', 'ct original zone 5 counter', 'ct reply zone 5 counter', 'ct state established counter', 'ct state new counter')}`,
    [V4.ask(0), V4.answer(10), V4.ask(20)],
  ),
  scene(
    'zones: a zone of the reply direction alone',
    `${raw('iifname "wan0" ct reply zone set 5', 'iifname "lan0" ct reply zone set 5')}${forward('ct zone 5 counter', 'ct original zone 5 counter', 'ct reply zone 5 counter', 'ct state established counter', 'ct state new counter')}`,
    [V4.ask(0), V4.answer(10), V4.ask(20)],
  ),
  scene(
    'zones: two originals of different zones clash in the common zone of their answers',
    `${raw('ip ttl 10 ct original zone set 10', 'ip ttl 11 ct original zone set 11')}${STATES}`,
    [
      ...[10, 11, 10, 11].map((ttl, i): Row => V4.send(i * 10, udp({ sport: 5000, dport: 53 }, bytes(4)), { ttl })),
      V4.answer(50),
      ...[10, 11].map(
        (ttl, i): Row => V4.send(100 + i * 10, tcp({ sport: 40000, dport: 80, seq: 1, flags: 'S' }), { ttl }),
      ),
      ...[10, 11].map((ttl, i): Row => V4.send(200 + i * 10, icmp(8, 0, 0x70000, bytes(4)), { ttl })),
      ...[10, 11].map((ttl, i): Row => V4.send(300 + i * 10, { protocol: 50, bytes: bytes(8) }, { ttl })),
    ],
  ),
  scene(
    'zones: masquerade finds another port for the other zone',
    `${raw('ip ttl 10 ct original zone set 10', 'ip ttl 11 ct original zone set 11')}${chain('ip n', 'postrouting', '100', ['meta l4proto udp snat ip to 203.0.113.1:3000-3001'], 'nat')}`,
    [
      ...[10, 11, 10, 11].map((ttl, i): Row => V4.send(i * 10, udp({ sport: 5000, dport: 53 }, bytes(4)), { ttl })),
      ...[3000, 3001].map(
        (dport, i): Row => [
          100 + i * 10,
          'wan0',
          ip({ src: SERVER, dst: '203.0.113.1' }, udp({ sport: 53, dport }, bytes(4))),
        ],
      ),
    ],
  ),
  scene('zones: an ICMP error is looked for in its own zone', `${raw('ip ttl 10 ct zone set 10')}${STATES}`, [
    V4.send(0, udp({ sport: 5000, dport: 53 }, bytes(4)), { ttl: 10 }),
    ...[64, 10].map(
      (ttl, i): Row => [
        10 + i * 10,
        'wan0',
        ip({ src: '198.51.100.1', dst: LAN, ttl }, icmp(3, 1, 0, V4.ask(0, 4)[2].slice(0, 28))),
      ],
    ),
  ]),
  scene(
    'zones: a zone set after tracking does nothing',
    `${chain('inet r', 'prerouting', '-150', ['ct zone set 10'])}${forward('ct zone 10 counter', 'ct zone 0 counter')}`,
    [V4.ask(0), V4.answer(10)],
  ),
  // Marks, labels and keys.
  scene(
    'marks: set, saved to the packet, by direction and IPv6',
    forward(
      'iifname "lan0" ct mark set 0x15 counter',
      'meta mark set ct mark',
      'meta mark 0x15 counter',
      'ct direction reply ct mark set ct mark or 0x100',
      'ct mark 0x115 counter',
    ),
    [V4.ask(0), V4.answer(10), V4.ask(20), V6.ask(30), V6.answer(40)],
  ),
  scene(
    'marks: the mark of a packet that is dropped is lost with its connection',
    forward('ct mark set 7', 'udp length < 20 drop', 'ct mark 7 counter'),
    [V4.ask(0, 2), V4.ask(10, 20)],
  ),
  scene(
    'labels: bits add up',
    forward(
      'udp dport 53 ct label set 1',
      'udp sport 53 ct label set 127',
      'ct label 1 counter',
      'ct label 127 counter',
      'ct label 2 counter',
      'ct label { 1, 2 } counter',
    ),
    [V4.ask(0), V4.answer(10), V4.ask(20)],
  ),
  scene(
    'keys: addresses, ports, protocol, direction, status, expiration, bytes, packets',
    forward(
      'ct original ip saddr 192.168.1.10 counter',
      'ct reply ip saddr 198.51.100.7 counter',
      'meta l4proto udp ct original proto-src 5000 counter',
      'meta l4proto udp ct reply proto-dst 5000 counter',
      'ct original protocol udp counter',
      'ct direction original counter',
      'ct direction reply counter',
      'ct status seen-reply counter',
      'ct status confirmed counter',
      'ct status snat counter',
      'ct status confirmed ct expiration < 25s counter',
      'ct status confirmed ct expiration > 60s counter',
      'ct original packets > 1 counter',
      'ct reply bytes > 40 counter',
      'ct bytes > 100 counter',
      'ct avgpkt > 40 counter',
      'ct original avgpkt < 40 counter',
    ),
    [V4.ask(0), V4.answer(10, 40), V4.ask(6000), V4.answer(6010, 5), V4.ask(7000, 900)],
  ),
  scene(
    'keys: an invalid or untracked packet has none',
    `${raw('udp dport 54 notrack')}${forward('ct state untracked counter', 'ct state invalid counter', 'ct mark 0 counter', 'ct direction original counter', 'ct status confirmed counter', 'ct zone 0 counter', 'ct mark set 5 counter', 'ct mark 5 counter')}`,
    [V4.ask(0, 4, 5000, 54), V4.back(10, 'R', { seq: 1 }), V4.ask(20)],
  ),
  scene(
    'state: a packet is new until an answer came, then established',
    `${raw('udp sport 5001 notrack')}${forward('ct state new,untracked counter', 'ct state established,related counter', 'ct state vmap { new : accept, established : accept, invalid : drop }')}`,
    [V4.ask(0), V4.ask(5), V4.answer(10), V4.ask(20), V4.ask(30, 10, 5001)],
  ),
  scene('notrack of answers alone leaves the question unanswered', `${raw('udp sport 53 notrack')}${STATES}`, [
    V4.ask(0),
    V4.answer(10),
    V4.ask(3000),
    V4.answer(3010),
  ]),
  scene(
    'notrack at the output hook: what the router answers',
    `${chain('inet r', 'output', '-300', ['meta l4proto icmp notrack'])}${chain('inet o', 'output', '0', ['ct state untracked counter', 'ct state established counter'])}`,
    [[0, 'lan0', ip({ src: LAN, dst: '192.168.1.1' }, icmp(8, 0, 7, bytes(8)))]],
  ),
  // Counting.
  scene('ct count: until two connections', forward('ct count 2 counter accept', 'counter drop'), [
    V4.ask(0),
    V4.ask(10, 10, 5001),
    V4.ask(20, 10, 5002),
    V4.ask(30),
    V4.ask(45_000, 10, 5003),
  ]),
  scene(
    'ct count over 1: closed TCP connections do not count',
    forward('tcp flags syn / syn,ack ct count over 1 counter drop'),
    [
      ...open(V4),
      V4.out(30, 'R', { seq: 1001 }),
      ...at(open(OTHER), 100),
      ...at(open(from('192.168.1.12')), 200),
      OTHER.out(300, 'FA', { seq: 1001, ack: 5001 }),
      OTHER.back(310, 'FA', { seq: 5001, ack: 1002 }),
      OTHER.out(320, 'A', { seq: 1002, ack: 5002 }),
      ...at(open(from('192.168.1.13')), 400),
    ],
  ),
  scene(
    'ct count over 1 of each client',
    `table ip t {\n\tset c {\n\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags dynamic\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tct state new add @c { ip saddr ct count over 1 } counter reject\n\t}\n}`,
    [
      V4.ask(0),
      V4.ask(10, 10, 5001),
      OTHER.ask(20),
      OTHER.ask(30, 10, 5001),
      V4.ask(40_000, 10, 5002),
      V4.ask(40_010, 10, 5003),
    ],
  ),
  scene(
    'ct count: a packet that is dropped later counts until the next look',
    forward('ct count over 1 counter drop', 'udp sport 5000 drop'),
    [V4.ask(0), V4.ask(10, 10, 5001), V4.ask(20, 10, 5002), V4.ask(30, 10, 5003)],
  ),
  // Timeout policies.
  ...(['established : 100', 'syn_sent : 17, syn_recv : 18, established : 100, unack : 44'] as const).flatMap((states) =>
    [1, 2, 3].map((n) =>
      scene(
        `ct timeout: ${states}: after ${n} segments`,
        policy('tcp', states, 'tcp dport 80 ct timeout set "a"'),
        open(V4).slice(0, n),
      ),
    ),
  ),
  scene(
    'ct timeout: close, and the last segments',
    policy('tcp', 'close : 4, time_wait : 5', 'tcp dport 80 ct timeout set "a"'),
    [...open(V4), V4.out(30, 'R', { seq: 1001 })],
  ),
  scene('ct timeout: udp, unreplied', policy('udp', 'unreplied : 7, replied : 9', 'udp dport 53 ct timeout set "a"'), [
    V4.ask(0),
    V4.ask(8000),
  ]),
  scene('ct timeout: udp, replied', policy('udp', 'unreplied : 7, replied : 90', 'udp dport 53 ct timeout set "a"'), [
    V4.ask(0),
    V4.answer(10),
    V4.ask(3000),
  ]),
  scene(
    'ct timeout: what a policy does not name is as the sysctl says',
    policy('udp', 'unreplied : 7', 'udp dport 53 ct timeout set "a"'),
    [V4.ask(0), V4.answer(10), V4.ask(3000)],
    {
      'net.netfilter.nf_conntrack_udp_timeout_stream': 77,
    },
  ),
  scene(
    'ct timeout: it is for its family and its protocol, and for new connections',
    policy('udp', 'unreplied : 7', 'ct timeout set "a"'),
    [V4.ask(0), V6.ask(10), V4.out(20, 'S', { seq: 1 }), V4.answer(30)],
  ),
  scene(
    'ct timeout: set when a connection is confirmed it does nothing',
    policy('udp', 'unreplied : 7, replied : 8', 'ct direction reply ct timeout set "a"'),
    [V4.ask(0), V4.answer(10)],
  ),
  scene(
    'ct timeout: an object of a map',
    `table inet p {\n\tct timeout a {\n\t\tprotocol udp\n\t\tl3proto ip\n\t\tpolicy = { unreplied : 7 }\n\t}\n\tct timeout b {\n\t\tprotocol udp\n\t\tl3proto ip\n\t\tpolicy = { unreplied : 11 }\n\t}\n\tchain r {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\t\tudp dport 53 ct timeout set "a"\n\t\tudp dport 54 ct timeout set "b"\n\t}\n}\n`,
    [V4.ask(0), V4.ask(10, 10, 5000, 54)],
  ),
  // Helpers.
  scene(
    'helper tftp: the answer from another port is related',
    `${helper('tftp', 'udp', 'udp dport 69 ct helper set "x"')}${RELATED}`,
    [
      tftp(0, 1),
      V4.reply(10, udp({ sport: 2000, dport: 5000 }, bytes(4))),
      V4.send(20, udp({ sport: 5000, dport: 2000 }, bytes(4))),
      V4.reply(30, udp({ sport: 2001, dport: 5000 }, bytes(4))),
    ],
  ),
  scene(
    'helper tftp: only requests to read and to write, and only for 300 s',
    `${helper('tftp', 'udp', 'udp dport 69 ct helper set "x"')}${RELATED}`,
    [
      tftp(0, 3),
      V4.reply(10, udp({ sport: 2000, dport: 5000 }, bytes(4))),
      tftp(100, 2),
      V4.reply(25_000, udp({ sport: 2000, dport: 5000 }, bytes(4))),
      tftp(26_000, 2),
      ...[1, 2, 3, 4].map((i) => tftp(26_000 + i * 25_000, 3)),
      V4.reply(150_000, udp({ sport: 2002, dport: 5000 }, bytes(4))),
    ],
  ),
  scene(
    'helper tftp: when the first connection is gone so is what it expects',
    `${helper('tftp', 'udp', 'udp dport 69 ct helper set "x"')}${RELATED}`,
    [tftp(0, 1), V4.reply(120_000, udp({ sport: 2000, dport: 5000 }, bytes(4)))],
  ),
  scene('helper tftp: IPv6', `${helper('tftp', 'udp', 'udp dport 69 ct helper set "x"')}${RELATED}`, [
    tftp(0, 1, V6),
    V6.reply(10, udp({ sport: 2000, dport: 5000 }, bytes(4))),
  ]),
  scene(
    'helper: it is for its protocol, before the connection is confirmed, once',
    `${helper('ftp', 'tcp', 'ct helper set "x"')}${forward('ct helper "ftp" counter', 'ct state new counter')}`,
    [V4.ask(0), V4.out(10, 'S', { seq: 1000 }), V4.back(20, 'SA', { seq: 5000, ack: 1001 })],
  ),
  scene(
    'helper ftp: an address that is not the sender is not expected',
    `${helper('ftp', 'tcp', 'tcp dport 21 ct helper set "x"')}${RELATED}`,
    [...ftp('PORT 192,168,1,99,4,210\r\n'), call(100, 1234, 20)],
  ),
  scene('helper ftp: PORT and the call back', `${helper('ftp', 'tcp', 'tcp dport 21 ct helper set "x"')}${RELATED}`, [
    ...ftp('PORT 192,168,1,10,4,210\r\n'),
    call(100, 1235, 20),
    call(110, 1234, 20),
    call(120, 1234, 21),
  ]),
  scene(
    'helper ftp: a command within a line is not read',
    `${helper('ftp', 'tcp', 'tcp dport 21 ct helper set "x"')}${RELATED}`,
    [...ftp('NOOP'), ftpLine(40, 1005, 'PORT 192,168,1,10,4,210\r\n'), call(100, 1234, 20)],
  ),
  // Expectations of rules.
  scene(
    'ct expectation: the server calls back, once',
    expectation('tcp dport 80 ct state new ct expectation set "x" counter', RELATED),
    [...open(V4), call(100), call(110, 9876, 1235), call(120, 9877)],
  ),
  scene(
    'ct expectation: nobody is expected of a connection that is not confirmed or gone',
    expectation(
      'tcp dport 80 ct state new ct expectation set "x" counter',
      `${RELATED}${chain('inet d', 'forward', '-10', ['tcp sport 40000 drop'])}`,
    ),
    [V4.out(0, 'S', { seq: 1000 }), call(10)],
  ),
  scene(
    'ct expectation: sixty seconds are sixty thousand',
    expectation('tcp dport 80 ct state new ct expectation set "x" counter', RELATED),
    [...open(V4), call(3_000_000)],
  ),
  scene(
    'ct expectation: three hours are none',
    expectation(
      'tcp dport 80 ct state new ct expectation set "x" counter',
      RELATED,
      'protocol tcp\n\t\tdport 9876\n\t\ttimeout 3h\n\t\tsize 12\n\t\tl3proto ip',
    ),
    [...open(V4), call(100)],
  ),
  scene(
    'ct expectation: what another connection of the host expects already is refused, and its packet dropped',
    expectation('tcp dport 80 ct state new counter ct expectation set "x" counter', RELATED),
    [
      V4.out(0, 'S', { seq: 1000 }),
      V4.send(10, tcp({ sport: 40001, dport: 80, seq: 1, flags: 'S' })),
      OTHER.out(20, 'S', { seq: 1000 }),
      call(30),
      V4.send(40, tcp({ sport: 40002, dport: 80, seq: 1, flags: 'S' })),
    ],
  ),
  scene(
    'ct expectation: size 1 breaks the second time',
    expectation(
      'tcp dport 80 ct state new ct expectation set "x" counter\n\t\ttcp dport 80 ct expectation set "x" counter\n\t\tcounter',
      RELATED,
      'protocol udp\n\t\tdport 9876\n\t\ttimeout 60s\n\t\tsize 1\n\t\tl3proto ip',
    ),
    [
      ...open(V4),
      V4.reply(100, udp({ sport: 1, dport: 9876 }, bytes(3))),
      V4.reply(110, udp({ sport: 2, dport: 9876 }, bytes(3))),
    ],
  ),
  scene(
    'ct expectation: a confirmed connection breaks the rule, its family is asked for',
    expectation('ct expectation set "x" counter\n\t\tcounter', RELATED),
    [...open(V4), ...at(open(V6), 50), call(100), V6.reply(110, tcp({ sport: 5, dport: 9876, flags: 'S' }))],
  ),
  scene(
    'ct expectation: the mark of the master is taken over',
    expectation(
      'tcp dport 80 ct mark set 9 ct expectation set "x" counter',
      forward('ct state related ct mark 9 counter', 'ct status expected counter'),
    ),
    [...open(V4), call(100), V4.send(110, tcp({ sport: 9876, dport: 1234, seq: 5, ack: 78, flags: 'SA' }))],
  ),
  scene(
    'ct expectation: then no helper is given',
    `table inet e {\n\tct expectation x {\n\t\tprotocol tcp\n\t\tdport 9876\n\t\ttimeout 60s\n\t\tsize 2\n\t\tl3proto ip\n\t}\n\tct helper h {\n\t\ttype "ftp" protocol tcp\n\t}\n\tchain r {\n\t\ttype filter hook prerouting priority -100; policy accept;\n\t\ttcp dport 80 ct expectation set "x"\n\t\tct helper set "h"\n\t\tct helper "ftp" counter\n\t}\n}\n`,
    open(V4),
  ),
  scene(
    'ct expectation: a connection with one is not offloaded',
    `table inet o {\n\tflowtable ft {\n\t\thook ingress priority 0\n\t\tdevices = { lan0, wan0 }\n\t}\n\tct expectation x {\n\t\tprotocol tcp\n\t\tdport 9876\n\t\ttimeout 60s\n\t\tsize 2\n\t\tl3proto ip\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\ttcp dport 80 ct expectation set "x"\n\t\tflow add @ft counter\n\t}\n}\n`,
    [...open(V4), V4.back(30, 'A', { seq: 5001, ack: 1001, n: 5 }), V4.out(40, 'A', { seq: 1001, ack: 5006, n: 5 })],
  ),
  scene(
    'ct expectation: behind masquerade the server calls the address that it knows',
    expectation(
      'tcp dport 80 ct state new',
      `table inet e2 {\n\tct expectation x {\n\t\tprotocol tcp\n\t\tdport 9876\n\t\ttimeout 60s\n\t\tsize 12\n\t\tl3proto ip\n\t}\n\tchain p {\n\t\ttype filter hook postrouting priority 200; policy accept;\n\t\ttcp dport 80 ct expectation set "x" counter\n\t}\n}\n${chain('ip n', 'postrouting', '100', ['oifname "wan0" masquerade'], 'nat')}${chain('inet i', 'input', '0', ['ct state related counter'])}`,
    ),
    [
      V4.out(0, 'S', { seq: 1000 }),
      [10, 'wan0', ip({ src: SERVER, dst: '203.0.113.1' }, tcp({ sport: 20, dport: 9876, seq: 1, flags: 'S' }))],
    ],
  ),
];

/** The control connection from its SYN to a first line of the client. */
function ftp(line: string): Row[] {
  return [
    V4.send(0, tcp({ sport: 40000, dport: 21, seq: 1000, flags: 'S' })),
    V4.reply(10, tcp({ sport: 21, dport: 40000, seq: 5000, ack: 1001, flags: 'SA' })),
    V4.send(20, tcp({ sport: 40000, dport: 21, seq: 1001, ack: 5001, flags: 'A' })),
    ftpLine(30, 1001, line),
  ];
}

function ftpLine(ms: number, seq: number, line: string): Row {
  return V4.send(ms, tcp({ sport: 40000, dport: 21, seq, ack: 5001, flags: 'PA' }, new TextEncoder().encode(line)));
}
