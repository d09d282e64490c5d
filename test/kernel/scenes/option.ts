// Scenes of what must be searched for or computed: extension headers, TCP and IP options, SCTP chunks; bit operations,
// comparisons, ICMP fields.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { icmp, icmpv6, ip, tcp } from '../../../src/packet/build.ts';
import {
  type Arrival,
  ask,
  ask6,
  every,
  forward,
  LAN,
  LAN6,
  octets,
  other,
  out,
  out6,
  PAD6,
  ping,
  ping6,
  SERVER,
  SERVER6,
  scene,
  sctp,
  six,
  UDP,
} from './expression-frames.ts';

const SYN = tcp({ sport: 40000, dport: 80, flags: 'S', seq: 1 });
const syn = (ms: number, options: number[], flags = 'S', sport = 40000 + ms): Arrival =>
  out(ms, flags, { seq: 1, sport, options: Uint8Array.from(options) });
const MSS = [2, 4, 0x05, 0xb4];
const SACK_OK = [4, 2];
const STAMP = [8, 10, 0, 0, 1, 2, 0, 0, 3, 4];
const SCALE = [3, 3, 7];
const withOptions = (ms: number, options: number[]): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN, dst: SERVER, options: Uint8Array.from(options) }, UDP),
];
/** A DCCP packet: generic header with 48-bit numbers, what its type adds, options. */
const _dccp = (ms: number, type: number, added: number, options: number[]): Arrival => {
  const padded = [...options, ...new Array((4 - (options.length & 3)) & 3).fill(0)];
  const words = (16 + added + padded.length) / 4;
  const bytes = [0x13, 0x88, 0, 80, words, 0, 0, 0, (type << 1) | 1, 0, 0, 0, 0, 0, 0, 1];
  return other(ms, 33, Uint8Array.from([...bytes, ...new Array(added).fill(0), ...padded]));
};
const mixed = (n = 12): Arrival[] => [
  ask(0, { n }),
  ask6(10, { n }),
  out(20, 'S', { seq: 1 }, n),
  out6(30, 'S', { seq: 1 }, n),
  ping(40, n),
  ping6(50, n),
];
const _zeroSum = (ms: number): Arrival => {
  const [, device, datagram] = ask(ms, { n: 5 });
  const copy = datagram.slice();
  copy.fill(0, 26, 28);
  return [ms, device, copy];
};

export const OPTION_SCENES: KernelScene[] = [
  scene(
    'exthdr: IPv6 headers and their fields, wherever they stand',
    forward(
      [
        'exthdr hbh exists counter',
        'exthdr dst exists counter',
        'exthdr rt exists counter',
        'exthdr frag exists counter',
        'exthdr mh exists counter',
        'exthdr hbh missing counter',
        'hbh nexthdr 60 counter',
        'hbh hdrlength 0 counter',
        'dst nexthdr udp counter',
        'rt nexthdr 17 counter',
        'rt type 4 counter',
        'rt seg-left 0 counter',
        'frag more-fragments 0 counter',
        'frag id 0x01020304 counter',
        'mh type 1 counter',
        'udp dport 53 counter',
        'meta l4proto udp counter',
        'tcp dport 80 counter',
      ],
      '',
      'ip6',
    ),
    [
      six(0, []),
      six(10, [[0, PAD6]]),
      six(20, [
        [0, PAD6],
        [60, PAD6],
      ]),
      six(30, [[43, [0, 4, 0, 0, 0, 0, 0]]]),
      six(40, [[44, [0, 0, 0, 1, 2, 3, 4]]]),
      six(
        50,
        [
          [60, PAD6],
          [43, [0, 0, 0, 0, 0, 0, 0]],
          [60, PAD6],
        ],
        SYN,
      ),
      six(60, [[135, [0, 1, 0, 0, 0, 0, 0]]], { protocol: 59, bytes: octets(4) }),
      six(70, [[60, [1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]]),
      six(
        80,
        [[51, [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]]].map(
          ([type, rest]) => [type as number, [1, ...(rest as number[]).slice(1)]] as [number, number[]],
        ),
      ),
      six(90, [], { protocol: 59, bytes: octets(4) }),
      ask(100),
    ],
  ),
  scene(
    'exthdr: fragments before reassembly',
    `table ip6 t {\n\tchain p {\n\t\ttype filter hook prerouting priority -450; policy accept;\n\t\texthdr frag exists counter\n\t\tfrag frag-off 0 counter\n\t\tfrag frag-off 8 counter\n\t\tfrag more-fragments 1 counter\n\t\tfrag reserved 0 counter\n\t\tudp dport 53 counter\n\t\tmeta l4proto udp counter\n\t\tmeta l4proto ipv6-frag counter\n\t\texthdr dst exists counter\n\t}\n}`,
    [
      six(0, [[44, [0, 0, 1, 0, 0, 0, 9]]], UDP),
      six(10, [[44, [0, 0, 16, 0, 0, 0, 9]]], { protocol: 17, bytes: octets(8) }),
      six(20, [[44, [0, 0, 64, 0, 0, 0, 8]]], { protocol: 60, bytes: Uint8Array.from([17, ...PAD6, ...UDP.bytes]) }),
    ],
  ),
  scene(
    'tcp options: there or not, and their fields',
    forward([
      'tcp option maxseg exists counter',
      'tcp option maxseg size 1460 counter',
      'tcp option maxseg size > 1400 counter',
      'tcp option maxseg length 4 counter',
      'tcp option window exists counter',
      'tcp option window count 7 counter',
      'tcp option sack-perm exists counter',
      'tcp option sack-perm missing counter',
      'tcp option timestamp exists counter',
      'tcp option timestamp tsval 258 counter',
      'tcp option timestamp tsecr 772 counter',
      'tcp option sack exists counter',
      'tcp option sack left 1 counter',
      'tcp option sack0 right 2 counter',
      'tcp option sack1 left 3 counter',
      'tcp option nop exists counter',
      'tcp option eol exists counter',
      'tcp option 254 exists counter',
      'tcp option @254,16,8 7 counter',
      'tcp option fastopen exists counter',
      'tcp option md5sig exists counter',
      'tcp option mptcp subtype 0 counter',
    ]),
    [
      syn(0, MSS),
      syn(10, [...MSS, ...SACK_OK, ...STAMP, 1, ...SCALE]),
      syn(20, []),
      syn(30, [1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4], 'A'),
      syn(40, [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2], 'A'),
      syn(50, [254, 4, 7, 8, 0, 0, 0, 0]),
      syn(60, [254, 0, 7, 8, 2, 4, 5, 180]),
      syn(70, [2, 40, 5, 180]),
      syn(80, [1, 1, 1, 2]),
      syn(90, [34, 2, 19, 18, ...new Array(16).fill(0)]),
      syn(100, [30, 12, 0x01, 0x81, ...new Array(8).fill(0)]),
      syn(110, [0, 0, 0, 0, ...MSS]),
      out6(120, 'S', { seq: 1, options: Uint8Array.from(MSS) }),
      ask(130),
    ],
  ),
  scene(
    'tcp options: set lowers a segment size, never raises it; other fields take any value',
    forward([
      'tcp option maxseg size set 1300 counter',
      'tcp option maxseg size set 9000 counter',
      'tcp option timestamp tsval set 1 counter',
      'tcp option timestamp tsecr set 2 counter',
      'tcp option sack0 left set 99 counter',
      'counter',
    ]),
    [
      syn(0, MSS),
      syn(10, [2, 4, 2, 0]),
      syn(20, [1, ...MSS, 1, 1, 1]),
      syn(30, [...MSS, ...SACK_OK, ...STAMP]),
      syn(40, [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2], 'A'),
      syn(50, []),
      syn(60, [2, 2, 1, 1]),
      syn(70, [2, 40, 1, 1]),
      syn(80, [1, 1, 1, 2]),
      out6(90, 'S', { seq: 1, options: Uint8Array.from(MSS) }, 5),
      ask(100),
    ],
  ),
  scene(
    'tcp options: reset writes NOPs over them',
    forward([
      'reset tcp option sack-perm counter',
      'reset tcp option timestamp counter',
      'reset tcp option fastopen counter',
      'reset tcp option 254 counter',
      'counter',
    ]),
    [
      syn(0, [...MSS, ...SACK_OK, ...STAMP, 1, ...SCALE]),
      syn(10, [1, ...STAMP, 1]),
      syn(20, MSS),
      syn(30, [254, 3, 9, 1]),
      syn(40, [1, 254, 40, 9]),
      syn(50, [254, 0, 9, 1]),
      out6(60, 'S', { seq: 1, options: Uint8Array.from([1, ...STAMP, 1]) }, 3),
      ask(70),
    ],
  ),
  scene(
    'ip options: there or not, their fields, and malformed ones',
    forward(
      [
        'ip option rr exists counter',
        'ip option ra exists counter',
        'ip option ra value 0 counter',
        'ip option rr ptr 4 counter',
        'ip option rr length 7 counter',
        'ip option lsrr exists counter',
        'ip option ssrr missing counter',
        'ip hdrlength > 5 counter',
        'counter',
      ],
      '',
      'ip',
    ),
    [
      withOptions(0, [7, 7, 4, 0, 0, 0, 0]),
      withOptions(10, [148, 4, 0, 0]),
      withOptions(20, [1, 1, 1, 148, 4, 0, 0]),
      withOptions(30, [148, 4, 0, 1]),
      withOptions(40, [1, 1, 1, 1]),
      withOptions(50, [0, 148, 4, 0]),
      ask(60),
    ],
  ),
  scene(
    'sctp: chunks by type, there or not, and their fields',
    forward([
      'sctp chunk data exists counter',
      'sctp chunk init exists counter',
      'sctp chunk init-ack missing counter',
      'sctp chunk data type 0 counter',
      'sctp chunk data flags 3 counter',
      'sctp chunk data length 20 counter',
      'sctp chunk data tsn 0x01010101 counter',
      'sctp chunk data stream 257 counter',
      'sctp chunk init initial-tsn 0x01010101 counter',
      'sctp chunk sack cum-tsn-ack 0x02020202 counter',
      'sctp chunk shutdown exists counter',
    ]),
    [
      sctp(0, [[1, 0, new Array(16).fill(1)]]),
      sctp(10, [
        [10, 0, new Array(8).fill(3)],
        [0, 3, new Array(16).fill(1)],
      ]),
      sctp(20, [
        [0, 1, new Array(13).fill(1)],
        [3, 0, new Array(12).fill(2)],
      ]),
      sctp(30, [[7, 0, [0, 0, 0, 1]]]),
      sctp(40, []),
      other(50, 132, Uint8Array.from([0x13, 0x88, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 20])),
      other(60, 132, Uint8Array.from([0x13, 0x88, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0, 3, 0, 200, 1, 2, 3, 4])),
      ask(70),
    ],
  ),
  scene(
    'bits: masks, shifts, or, xor and not of fields and marks',
    forward([
      'ip saddr & 255.255.255.0 == 192.168.1.0 counter',
      'ip saddr & 0.0.0.15 > 5 counter',
      'ip daddr & 0.0.0.255 != 7 counter'.replace('!= 7', '!= 0.0.0.7'),
      'tcp flags & (syn | ack) == syn counter',
      'tcp flags & (fin | syn | rst | ack) != 0 counter',
      'tcp flags syn / syn,ack counter',
      'tcp flags != syn / fin,syn counter',
      'tcp flags { syn, syn | ack, ack } counter',
      'meta mark set udp sport and 0xff counter'.replace('udp sport and 0xff', '0x55'),
      'meta mark set meta mark << 8 or 0x3',
      'meta mark and 0xff00 == 0x5500 counter',
      'meta mark set meta mark >> 1 xor 0xffffffff',
      'meta mark > 0x80000000 counter',
      'ct mark set meta mark and 0xff',
      'ct mark & 0xf0 != 0 counter',
      'ip6 saddr & ffff:ffff:: == fd00:1:: counter',
      'udp length & 7 == 4 counter',
      'ip ttl & 1 == 1 counter',
      'th sport & 0xff00 == 0x1300 counter',
    ]),
    [
      ...mixed(),
      out(100, 'SA', { seq: 1, sport: 40005 }),
      out(110, 'FPU', { seq: 1, sport: 40006 }),
      out(120, 'R', { seq: 1, sport: 40007 }),
    ],
  ),
  scene(
    'compare: less, greater and ranges are of the number as it stands in the packet',
    forward([
      'udp sport < 5000 counter',
      'udp sport <= 5000 counter',
      'udp sport > 4999 counter',
      'udp sport 4000-5000 counter',
      'udp sport != 5000-6000 counter',
      'ip saddr 192.168.1.9-192.168.1.11 counter',
      'ip saddr > 192.168.1.9 counter',
      'ip saddr < 192.168.1.10 counter',
      'ip6 saddr fd00:1::-fd00:1::ffff counter',
      'ip6 saddr > fd00:1::f counter',
      'meta mark < 1 counter',
      'meta length >= 40 counter',
      'ct mark 0-4294967295 counter',
      'ip daddr 198.51.100.0/25 counter',
      'ip daddr != 198.0.0.0/8 counter',
      'ether saddr > 02:00:00:00:00:00 counter',
    ]),
    [
      ...mixed(),
      ask(100, { sport: 256, src: '192.168.1.9' }),
      ask(110, { sport: 65535, src: '192.168.1.11' }),
      ask(120, { sport: 1 }),
    ],
  ),
  scene(
    'icmp: types, codes and fields of errors and of both families',
    forward([
      'icmp type { echo-request, destination-unreachable, time-exceeded } counter',
      'icmp code 3 counter',
      'icmp mtu 1400 counter',
      'icmp gateway 3232235777 counter',
      'icmpv6 type { packet-too-big, echo-request, mld-listener-query } counter',
      'icmpv6 mtu 1400 counter',

      'icmpv6 max-delay 0 counter',
      'icmp code . icmp type { 3 . 3 } counter'.replace('icmp code . icmp type { 3 . 3 }', 'icmp code { 3, 4 }'),
    ]),
    [
      ping(0),
      [10, 'lan0', ip({ src: LAN, dst: SERVER }, icmp(3, 3, 0, ask(0)[2].slice(0, 28)))],
      [20, 'lan0', ip({ src: LAN, dst: SERVER }, icmp(3, 4, 1400, ask(0)[2].slice(0, 28)))],
      [30, 'lan0', ip({ src: LAN, dst: SERVER }, icmp(11, 0, 0, ask(0)[2].slice(0, 28)))],
      ping6(40),
      [50, 'lan0', ip({ src: LAN6, dst: SERVER6 }, icmpv6(2, 0, 1400, ask6(0)[2].slice(0, 48)))],
      [60, 'lan0', ip({ src: LAN6, dst: SERVER6 }, icmpv6(4, 0, 1400, ask6(0)[2].slice(0, 48)))],
      ...every(10, [(ms) => ping(ms, 0, 9)]).map(([ms, ...rest]): Arrival => [ms + 70, ...rest]),
    ],
  ),
];
