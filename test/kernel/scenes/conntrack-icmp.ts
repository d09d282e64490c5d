// ICMP and ICMPv6 as Linux tracks them, each scene named by what the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16 } from '../../../src/base/columns.ts';
import { icmp, icmpv6, ip, type Layer4, udp } from '../../../src/packet/build.ts';
import { judged } from './judged.ts';
import { INIT, init, to } from './sctp-chunks.ts';
import { bytes, forward, LAN, LAN6, open, ROUTER, type Row, SERVER, SERVER6, scene, spoiled, V4, V6 } from './talk.ts';

/** From the router of the provider, somewhere on the way. */
const PROVIDER = '198.51.100.1';
const PROVIDER6 = '2001:db8:99::1';
const error = (ms: number, type: number, code: number, quoted: Row, length = 28, rest = 0, dst = LAN): Row => [
  ms,
  'wan0',
  ip({ src: PROVIDER, dst }, icmp(type, code, rest, quoted[2].slice(0, length))),
];
const error6 = (ms: number, type: number, code: number, quoted: Row, length = 48, rest = 0, dst = LAN6): Row => [
  ms,
  'wan0',
  ip({ src: PROVIDER6, dst }, icmpv6(type, code, rest, quoted[2].slice(0, length))),
];
const echo = (ms: number, type: number, id: number, device = 'lan0'): Row => [
  ms,
  device,
  ip(device === 'lan0' ? { src: LAN, dst: SERVER } : { src: SERVER, dst: LAN }, icmp(type, 0, id << 16, bytes(8))),
];
const echo6 = (ms: number, type: number, id: number, device = 'lan0'): Row => [
  ms,
  device,
  ip(
    device === 'lan0' ? { src: LAN6, dst: SERVER6 } : { src: SERVER6, dst: LAN6 },
    icmpv6(type, 0, id << 16, bytes(8)),
  ),
];

const gre = (ms: number, device: string, octets: number[]): Row => [
  ms,
  device,
  ip(device === 'lan0' ? { src: LAN, dst: SERVER } : { src: SERVER, dst: LAN }, {
    protocol: 47,
    bytes: Uint8Array.from(octets),
  }),
];
const raw = (protocol: number, n = 24): Layer4 => ({ protocol, bytes: bytes(n) });
export const ICMP_SCENES: KernelScene[] = [
  // ICMP.
  judged('icmp: only echo, timestamp, information and mask requests open', [
    ...[8, 13, 15, 17, 0, 14, 16, 18, 9, 10, 6, 19, 42, 255].map((type, i) => echo(i * 10, type, 100 + type)),
    ...[0, 14, 16, 18].map((type, i) => echo(200 + i * 10, type, 100 + (type === 0 ? 8 : type - 1), 'wan0')),
  ]),
  judged('icmp: an answer needs the identifier and the other way', [
    echo(0, 8, 7),
    echo(10, 0, 7),
    echo(20, 0, 8, 'wan0'),
    echo(30, 0, 7, 'wan0'),
    echo(40, 8, 7),
    echo(50, 8, 7, 'wan0'),
  ]),
  judged('icmp: the timeout is its sysctl', [echo(0, 8, 7), echo(4900, 0, 7, 'wan0'), echo(15_000, 0, 7, 'wan0')], {
    icmp_timeout: 5,
  }),
  judged('icmp: errors of every kind are related', [
    V4.ask(0),
    ...[
      [3, 0],
      [3, 3],
      [3, 4],
      [3, 13],
      [4, 0],
      [5, 1],
      [11, 0],
      [11, 1],
      [12, 0],
    ].map(([type = 0, code = 0], i) => error(10 + i * 10, type, code, V4.ask(0))),
  ]),
  judged('icmp: errors about what is unknown, other protocols, other ports are invalid', [
    V4.ask(0),
    error(10, 3, 1, V4.ask(0, 10, 5001)),
    error(20, 3, 1, V4.out(0, 'A')),
    error(30, 3, 1, V4.answer(0)),
    error(40, 3, 1, V4.ask(0), 28, 0, '192.168.1.11'),
  ]),
  judged('icmp: a quotation needs four octets of ports, ICMP eight', [
    V4.ask(0),
    echo(5, 8, 7),
    ...[0, 19, 20, 23, 24, 27].map((length, i) => error(10 + i * 10, 3, 1, V4.ask(0), length)),
    ...[24, 27, 28].map((length, i) => error(100 + i * 10, 3, 1, echo(0, 8, 7), length)),
  ]),
  judged('icmp: errors about errors, answers and later fragments are invalid', [
    V4.ask(0),
    echo(5, 8, 7),
    echo(7, 0, 7, 'wan0'),
    error(10, 3, 1, [0, '', error(0, 3, 1, V4.ask(0))[2]], 56),
    [20, 'lan0', ip({ src: LAN, dst: SERVER }, icmp(3, 1, 0, echo(0, 0, 7, 'wan0')[2].slice(0, 28)))],
    error(30, 3, 1, V4.send(0, raw(17, 40), { fragmentOffset: 1480 })),
    error(40, 11, 1, V4.send(0, udp({ sport: 5000, dport: 53 }, bytes(24)), { moreFragments: true })),
  ]),
  judged('icmp: an error from the client about the answer is related in the reply direction', [
    V4.ask(0),
    V4.answer(10),
    [20, 'lan0', ip({ src: LAN, dst: SERVER }, icmp(3, 3, 0, V4.answer(0)[2].slice(0, 28)))],
    [30, 'lan0', ip({ src: LAN, dst: PROVIDER }, icmp(3, 3, 0, V4.answer(0)[2].slice(0, 28)))],
  ]),
  judged('icmp: an error does not prolong or create', [
    V4.ask(0),
    error(20_000, 3, 1, V4.ask(0)),
    error(31_000, 3, 1, V4.ask(0)),
  ]),
  judged('icmp: errors about TCP, GRE, ESP and SCTP', [
    ...open(V4),
    gre(25, 'lan0', [0, 0, 8, 0, 1, 2, 3, 4]),
    V4.send(26, raw(50)),
    to(27, 0, init(INIT, 0xaa)),
    error(30, 3, 4, V4.out(0, 'A', { seq: 1001, ack: 5001 }), 28, 1400),
    error(40, 3, 1, gre(25, 'lan0', [0, 0, 8, 0, 1, 2, 3, 4])),
    error(50, 3, 1, V4.send(26, raw(50))),
    error(60, 3, 1, to(27, 0, init(INIT, 0xaa))),
  ]),
  judged('icmp: a bad checksum is invalid, without nf_conntrack_checksum not', [
    spoiled(echo(0, 8, 7), (data) => putBe16(data, 22, 0x1111)),
    V4.ask(10),
    spoiled(error(20, 3, 1, V4.ask(0)), (data) => putBe16(data, 22, 0x1111)),
  ]),
  judged(
    'icmp: without nf_conntrack_checksum a bad checksum is valid',
    [
      spoiled(echo(0, 8, 7), (data) => putBe16(data, 22, 0x1111)),
      V4.ask(10),
      spoiled(error(20, 3, 1, V4.ask(0)), (data) => putBe16(data, 22, 0x1111)),
    ],
    { checksum: 0 },
  ),
  judged('icmp: the router says that the time is over, and tracks what it says', [
    V4.send(0, udp({ sport: 5000, dport: 53 }, bytes(4)), { ttl: 1 }),
    [10, 'wan0', ip({ src: SERVER, dst: ROUTER, ttl: 1 }, icmp(8, 0, 0x70000, bytes(8)))],
  ]),
  judged('icmp: eight octets of header, ICMP in IPv6 and ICMPv6 in IPv4', [
    [0, 'lan0', ip({ src: LAN, dst: SERVER }, { protocol: 1, bytes: Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0) })],
    [10, 'lan0', ip({ src: LAN, dst: SERVER }, { protocol: 58, bytes: icmpv6(128, 0, 1, bytes(8)).bytes })],
    [20, 'lan0', ip({ src: LAN6, dst: SERVER6 }, { protocol: 1, bytes: icmp(8, 0, 1, bytes(8)).bytes })],
    [30, 'lan0', ip({ src: LAN, dst: SERVER }, { protocol: 58, bytes: bytes(4) })],
  ]),
  // ICMPv6.
  judged('icmpv6: only echo and node information requests open', [
    ...[128, 129, 139, 140, 127, 100, 138, 141, 142, 144, 145, 146, 147, 150, 153, 200, 255].map((type, i) =>
      echo6(i * 10, type, 100 + type),
    ),
    echo6(300, 129, 228, 'wan0'),
    echo6(310, 140, 239, 'wan0'),
  ]),
  scene(
    'icmpv6: neighbour discovery, MLD and their kin are untracked',
    // Not forwarded: the judge takes them for the router's own.
    forward('ct state untracked counter drop', 'ct state invalid counter drop', 'ct state new counter drop'),
    [130, 131, 132, 133, 134, 135, 136, 143, 148, 149, 151, 152].map((type, i) => echo6(i * 10, type, 100 + type)),
  ),
  judged('icmpv6: the timeout is its sysctl', [echo6(0, 128, 7), echo6(4900, 129, 7, 'wan0')], { icmpv6_timeout: 6 }),
  judged('icmpv6: errors of every kind are related, unknown ones too', [
    V6.ask(0),
    error6(10, 1, 0, V6.ask(0)),
    error6(20, 1, 4, V6.ask(0)),
    error6(30, 2, 0, V6.ask(0), 48, 1280),
    error6(40, 3, 0, V6.ask(0)),
    error6(50, 3, 1, V6.ask(0)),
    error6(60, 4, 1, V6.ask(0)),
    error6(70, 100, 0, V6.ask(0)),
    error6(80, 127, 0, V6.ask(0)),
    error6(90, 0, 0, V6.ask(0)),
  ]),
  judged('icmpv6: errors about what is unknown, and short quotations, are invalid', [
    V6.ask(0),
    echo6(5, 128, 7),
    error6(10, 1, 0, V6.ask(0, 10, 5001)),
    error6(20, 1, 0, V6.ask(0), 48, 0, 'fd00:1::11'),
    ...[0, 39, 40, 43, 44].map((length, i) => error6(30 + i * 10, 1, 0, V6.ask(0), length)),
    ...[44, 47, 48].map((length, i) => error6(100 + i * 10, 1, 0, echo6(0, 128, 7), length)),
    error6(200, 1, 0, echo6(0, 129, 7, 'wan0')),
  ]),
  judged('icmpv6: a redirect is related when it comes from a link-local neighbour', [
    V6.ask(0),
    ...(['fe80::1', PROVIDER6] as const).flatMap((src, i) =>
      [255, 64].map(
        (ttl, j): Row => [
          10 + i * 20 + j * 10,
          'wan0',
          ip(
            { src, dst: LAN6, ttl },
            icmpv6(137, 0, 0, Uint8Array.from([...new Array(32).fill(1), 4, 8, 0, 0, 0, 0, 0, 0, ...V6.ask(0)[2]])),
          ),
        ],
      ),
    ),
  ]),
  judged('icmpv6: a bad checksum is invalid', [
    spoiled(echo6(0, 128, 7), (data) => putBe16(data, 42, 0x1111)),
    V6.ask(10),
    spoiled(error6(20, 1, 0, V6.ask(0)), (data) => putBe16(data, 42, 0x1111)),
  ]),
];
