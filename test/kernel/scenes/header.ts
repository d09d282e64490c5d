// Scenes of what is read from and written to packets: payload at every base, and the checksums after writes.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { fragmentIpv4, ip, tcp } from '../../../src/packet/build.ts';
import {
  type Arrival,
  ask,
  ask6,
  forward,
  LAN,
  octets,
  other,
  out,
  out6,
  PAD6,
  ping,
  ping6,
  SERVER,
  scene,
  sctp,
  six,
  UDP,
} from './expression-frames.ts';

const _SYN = tcp({ sport: 40000, dport: 80, flags: 'S', seq: 1 });
const _syn = (ms: number, options: number[], flags = 'S', sport = 40000 + ms): Arrival =>
  out(ms, flags, { seq: 1, sport, options: Uint8Array.from(options) });
const _MSS = [2, 4, 0x05, 0xb4];
const _SACK_OK = [4, 2];
const STAMP = [8, 10, 0, 0, 1, 2, 0, 0, 3, 4];
const _SCALE = [3, 3, 7];
const _withOptions = (ms: number, options: number[]): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN, dst: SERVER, options: Uint8Array.from(options) }, UDP),
];
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
];
