// Scenes of what is read from and written to packets: payload at every base, extension headers, TCP, IP and DCCP options,
// SCTP chunks, bit operations, checksums after writes.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { fragmentIpv4, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import {
  type Arrival,
  ask,
  ask6,
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

const PAD6 = [0, 1, 4, 0, 0, 0, 0];
const UDP = udp({ sport: 5000, dport: 53 }, octets(8));
const SYN = tcp({ sport: 40000, dport: 80, flags: 'S', seq: 1 });
const six = (ms: number, headers: [number, number[]][], inner: Layer4 = UDP): Arrival => [
  ms,
  'lan0',
  extended6(headers, inner),
];
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
/** An SCTP packet: ports, tag, zero checksum, chunks of type, flags and body. */
const sctp = (ms: number, chunks: [type: number, flags: number, body: number[]][]): Arrival => {
  const bytes = [0x13, 0x88, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0];
  for (const [type, flags, body] of chunks) {
    const length = 4 + body.length;
    bytes.push(type, flags, length >> 8, length & 255, ...body, ...new Array((4 - (length & 3)) & 3).fill(0));
  }
  return other(ms, 132, Uint8Array.from(bytes));
};
/** A DCCP packet: generic header with 48-bit numbers, what its type adds, options. */
const dccp = (ms: number, type: number, added: number, options: number[]): Arrival => {
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
const zeroSum = (ms: number): Arrival => {
  const [, device, datagram] = ask(ms, { n: 5 });
  const copy = datagram.slice();
  copy.fill(0, 26, 28);
  return [ms, device, copy];
};

export const HEADER_SCENES: KernelScene[] = [
  scene(
    'payload: fields of every header',
    forward([
      'ip version 4 ip hdrlength 5 counter',
      'ip dscp cs2 counter',
      'ip ecn ect1 counter',
      'ip length < 45 counter',
      'ip id 3 counter',
      'ip frag-off 0 counter',
      'ip ttl 63 counter',
      'ip checksum != 0 counter',
      'ip6 flowlabel 0 counter',
      'ip6 length > 20 counter',
      'ip6 hoplimit 63 counter',
      'ip6 dscp 0 counter',
      'udp length 20 counter',
      'udp checksum != 0 counter',
      'tcp doff 5 counter',
      'tcp window 8000 counter',
      'tcp sequence 1 counter',
      'tcp flags == syn counter',
      'icmp type echo-request icmp id 7 icmp sequence 0 counter',
      'icmpv6 type echo-request icmpv6 id 7 counter',
      'ether type ip counter',
      'ether saddr 02:ee:00:00:00:01 counter',
      'ether daddr 02:00:00:00:00:01 counter',
    ]),
    [...mixed(), ask(100, { tos: 0x41 })],
  ),
  scene(
    'payload: raw octets at link, network, transport and inner header, of odd places and lengths',
    forward([
      '@ll,0,48 0x020000000001 counter',
      '@ll,96,16 0x0800 counter',
      '@nh,8,8 0x41 counter',
      '@nh,72,8 17 counter',
      '@nh,3,5 5 counter',
      '@nh,96,32 0xc0a8010a counter',
      '@th,16,16 53 counter',
      '@th,4,12 0x388 counter',
      '@th,0,32 & 0xffff == 53 counter',
      '@th,64,24 0x01080f counter',
      '@ih,0,8 1 counter',
      '@ih,8,16 0x080f counter',
      '@th,800,32 0 counter',
      '@nh,400,64 0 counter',
    ]),
    [...mixed(), ask(100, { tos: 0x41 })],
  ),
  scene(
    'payload: the inner header is what follows ports and options, and none for others',
    forward([
      '@ih,0,32 0x01080f16 counter',
      '@ih,0,8 1 counter',
      '@ih,32,8 0x1d counter',
      'meta l4proto icmp @ih,0,8 1 counter',
      '@ih,0,16 0 counter',
    ]),
    [
      ...mixed(),
      out(100, 'PA', { seq: 1, options: Uint8Array.from([1, 1, ...STAMP]) }, 8),
      ask(110, { n: 2 }),
      out(120, 'A', { seq: 1 }),
      other(130, 47, octets(12)),
      six(140, [[0, PAD6]]),
      sctp(150, [[0, 0, [1, 8, 15, 22]]]),
    ],
  ),
  scene(
    'payload: TCP and UDP of later fragments are not there, plain ports of raw-aligned loads are',
    `table inet t {\n\tchain p {\n\t\ttype filter hook prerouting priority -450; policy accept;\n\t\tudp dport 53 counter\n\t\tip frag-off & 0x1fff != 0 counter\n\t\tip frag-off & 0x2000 != 0 counter\n\t\tmeta l4proto udp counter\n\t\tudp length > 0 counter\n\t\t@th,0,24 0 counter\n\t\ticmp type echo-request counter\n\t}\n}`,
    [
      ...fragmentIpv4(ask(0, { n: 1000 })[2], 400).map((datagram, i): Arrival => [i * 10, 'lan0', datagram]),
      ...fragmentIpv4(ping(0, 1000)[2], 400).map((datagram, i): Arrival => [100 + i * 10, 'lan0', datagram]),
    ],
  ),
  scene(
    'payload: a datagram cut short of what a rule reads breaks the rule',
    forward([
      'udp sport 5000 counter',
      'udp checksum >= 0 counter',
      'tcp flags syn counter',
      'tcp sport 0-65535 counter',
      'icmp code 0 counter',
      'counter',
    ]),
    [
      other(0, 17, new Uint8Array([0x13, 0x88, 0, 53])),
      other(10, 6, new Uint8Array([0x9c, 0x40, 0, 80, 0, 0, 0, 0])),
      other(20, 1, new Uint8Array([8])),
      other(30, 17, new Uint8Array(0)),
      other(40, 6, tcp({ sport: 1, dport: 2, flags: 'S' }).bytes.slice(0, 19)),
    ],
  ),
  scene(
    'payload set: ports, addresses, TTL and TOS, with every checksum that covers them',
    forward([
      'udp dport 53 udp dport set 5353 counter',
      'udp sport set 1000 counter',
      'tcp dport set 8080 counter',
      'ip saddr set 10.1.2.3 counter',
      'ip daddr 198.51.100.7 ip daddr set 198.51.100.77 counter',
      'ip6 saddr set fd00:1::77 counter',
      'ip ttl set 7 counter',
      'ip6 hoplimit set 9 counter',
      'ip dscp set af21 counter',
      'ip6 dscp set ef counter',
      'ip ecn set ce counter',
      'ip id set 0xabcd counter',
    ]),
    [
      ...mixed(),
      ...mixed(13).map(([ms, ...rest]): Arrival => [ms + 100, ...rest]),
      other(310, 136, octets(12)),
      other(320, 132, octets(20)),
      six(330, [[60, PAD6]]),
    ],
  ),
  scene(
    'payload set: ICMP, ICMPv6 and TCP fields',
    forward([
      'icmp code set 3 counter',
      'icmp id set 99 counter',
      'icmpv6 id set 99 counter',
      'tcp window set 100 counter',
      'tcp flags set syn | ack counter',
      'tcp sequence set 77 counter',
      'tcp urgptr set 5 counter',
    ]),
    mixed(),
  ),
  scene(
    'payload set: MAC addresses and raw octets',
    forward([
      'ether saddr set 02:11:22:33:44:55 counter',
      '@th,64,8 set 0xee counter',
      '@nh,8,8 set 0x28 counter',
      '@th,72,16 set 0x1234 counter',
      '@th,0,16 set 4321 counter',
    ]),
    mixed(),
  ),
  scene(
    'payload set: a UDP checksum of zero stays when an address changes',
    forward(['ip daddr set 198.51.100.8 counter', 'udp checksum 0 counter', 'ip saddr set 10.0.0.1']),
    [zeroSum(0), ask(10), ask6(20)],
  ),
  scene(
    'payload set: fragments have their ports and the checksum in the first alone',
    `table ip t {\n\tchain p {\n\t\ttype filter hook prerouting priority -450; policy accept;\n\t\tudp dport set 99 counter\n\t\tip daddr set 198.51.100.9 counter\n\t}\n}`,
    fragmentIpv4(ask(0, { n: 1000 })[2], 400).map((datagram, i): Arrival => [i * 10, 'lan0', datagram]),
  ),
  scene(
    'payload: fields of ESP, AH, IPCOMP, UDP-Lite, DCCP, SCTP, GRE and IGMP by number',
    forward([
      'esp spi 0x01080f16 counter',
      'ah spi 1 counter',
      'comp cpi 5000 counter',
      'udplite dport 53 counter',
      'dccp dport 80 counter',
      'dccp type request counter',
      'sctp dport 80 counter',
      'sctp vtag 9 counter',
      'th dport 80 counter',
      'igmp type 0x16 counter',
    ]),
    [
      other(0, 50, octets(20)),
      other(10, 51, Uint8Array.from([17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, ...new Array(12).fill(0), ...UDP.bytes])),
      other(20, 108, Uint8Array.from([17, 0, 0x13, 0x88, ...octets(8)])),
      other(30, 136, Uint8Array.from([0x13, 0x88, 0, 53, 0, 0, 0, 0, 1, 2, 3])),
      dccp(40, 0, 4, []),
      sctp(50, [[1, 0, new Array(16).fill(1)]]),
      other(60, 2, Uint8Array.from([0x16, 0, 0, 0, 224, 0, 0, 9])),
    ],
  ),
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
