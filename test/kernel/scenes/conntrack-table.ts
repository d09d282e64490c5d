// The connection table when it is full, each scene named by what the kernel does; times are in milliseconds. Its buckets are so
// many that an early drop finds nothing: what it would find is random.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { tcp, udp } from '../../../src/packet/build.ts';
import { bytes, chain, forward, open, type Row, STATES, scene, talk, V4, V6 } from './talk.ts';

const CT = 'net.netfilter.nf_conntrack_';
const full = (
  name: string,
  maximum: number,
  rows: Row[],
  tailMs = 2,
  sysctl: Record<string, number> = {},
): KernelScene =>
  scene(name, STATES, rows, { [`${CT}max`]: maximum, [`${CT}buckets`]: 65536, ...sysctl }, { tailNs: tailMs * 1e6 });
/** Assured: 120 s. */
const stream = (ms: number, sport: number): Row[] => [
  V4.ask(ms, 10, sport),
  V4.answer(ms + 10, 10, 53, sport),
  V4.ask(ms + 2500, 10, sport),
];
const picked = (ms: number, sport: number): Row => V4.send(ms, tcp({ sport, dport: 80, seq: 1, ack: 1, flags: 'A' }));
const answered = (ms: number, sport: number): Row[] => [
  picked(ms, sport),
  V4.reply(ms + 1, tcp({ sport: 80, dport: sport, seq: 1, ack: 1, flags: 'A' })),
  picked(ms + 2, sport),
];
const HUNDRED = Array.from({ length: 100 }, (_, i) => i);
const FTP_LINE = (ms: number, sport: number, port: number): Row[] => {
  const { send, reply } = talk('192.168.1.10', '198.51.100.7');
  const text = new TextEncoder().encode(`PORT 192,168,1,10,${port >> 8},${port & 255}\r\n`);
  return [
    send(ms, tcp({ sport, dport: 21, seq: 1000, flags: 'S' })),
    reply(ms + 10, tcp({ sport: 21, dport: sport, seq: 5000, ack: 1001, flags: 'SA' })),
    send(ms + 20, tcp({ sport, dport: 21, seq: 1001, ack: 5001, flags: 'A' })),
    send(ms + 30, tcp({ sport, dport: 21, seq: 1001, ack: 5001, flags: 'PA' }, text)),
  ];
};

export const TABLE_SCENES: KernelScene[] = [
  full('a full table refuses new connections and lets known ones pass', 3, [
    ...[0, 1, 2].flatMap((i) => stream(i * 100, 6000 + i)).sort((a, b) => a[0] - b[0]),
    V4.ask(3000, 10, 7000),
    V4.ask(3010, 10, 6001),
    V4.answer(3020, 10, 53, 6002),
    V4.out(3030, 'S', { seq: 1 }),
    V6.ask(3040),
  ]),
  full('un-assured connections of a long hash are not found, so they stay', 3, [
    ...[0, 1, 2, 3].map((i) => V4.ask(i * 10, 10, 6000 + i)),
    ...[0, 1, 2, 3].map((i) => V4.ask(1000 + i * 10, 10, 6000 + i)),
  ]),
  full(
    'a refused connection ends a full table soon below 95 %: what is not assured goes',
    100,
    [
      ...HUNDRED.map((i) => picked(i, 10_000 + i)),
      picked(200, 20_000),
      ...HUNDRED.slice(0, 8).map((i) => picked(70_000 + i, 30_000 + i)),
    ],
    400_000,
  ),
  full(
    'a full table that refused nobody stays',
    100,
    [...HUNDRED.map((i) => picked(i, 10_000 + i)), picked(70_000, 20_000)],
    330_000,
  ),
  full('the collector leaves what is assured and not closing', 100, [
    ...HUNDRED.flatMap((i) => [...answered(i * 4, 10_000 + i)]),
    picked(500, 20_000),
    picked(70_000, 20_001),
  ]),
  full(
    'the collector takes closing connections, assured or not',
    100,
    [
      ...HUNDRED.flatMap((i) => [
        ...answered(i * 4, 10_000 + i),
        V4.reply(i * 4 + 3, tcp({ sport: 80, dport: 10_000 + i, seq: 1, ack: 1, flags: 'FA' })),
      ]),
      picked(500, 20_000),
      ...HUNDRED.slice(0, 8).map((i) => picked(70_000 + i, 30_000 + i)),
    ],
    500_000,
    { [`${CT}tcp_timeout_fin_wait`]: 200 },
  ),
  scene(
    'a packet that is dropped gives its place back',
    forward('udp sport 6000-6999 drop'),
    [V4.ask(0), V4.ask(10, 10, 6000), V4.ask(20, 10, 6001), V4.ask(30, 10, 5001), V4.ask(40, 10, 5002)],
    { [`${CT}max`]: 2, [`${CT}buckets`]: 65536 },
  ),
  scene(
    'over nf_conntrack_expect_max nothing more is expected, the announcement is dropped',
    `table inet h {\n\tct helper x {\n\t\ttype "ftp" protocol tcp\n\t}\n\tchain r {\n\t\ttype filter hook prerouting priority -100; policy accept;\n\t\ttcp dport 21 ct helper set "x"\n\t}\n}\n${chain('inet f', 'forward', '0', ['ct state related counter'])}`,
    [
      ...FTP_LINE(0, 40000, 2000),
      ...FTP_LINE(100, 40001, 2001),
      V4.reply(200, tcp({ sport: 20, dport: 2001, seq: 1, flags: 'S' })),
      V4.reply(210, tcp({ sport: 20, dport: 2000, seq: 1, flags: 'S' })),
    ],
    { [`${CT}expect_max`]: 1 },
  ),
  scene(
    'without conntrack rules nothing is tracked and nothing is full',
    '',
    [V4.ask(0), V4.ask(10, 10, 5001), ...open(V4)],
    { [`${CT}max`]: 1 },
  ),
  scene(
    'chains of one family track that family only',
    'table ip6 t {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tct state new counter\n\t}\n}',
    [V4.ask(0), V6.ask(10), V4.send(20, udp({ sport: 1, dport: 2 }, bytes(3)))],
  ),
];
