// UDP, DCCP, GRE and any other protocol as Linux tracks them, each scene named by what the kernel does; times are in
// milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16 } from '../../../src/base/columns.ts';
import { ip, type Layer4, udp } from '../../../src/packet/build.ts';
import { internetChecksum } from '../../../src/packet/checksum.ts';
import { DCCP, dccpFrom, dccpTo } from './dccp-packets.ts';
import { judged } from './judged.ts';
import { bytes, cut, LAN, type Row, SERVER, spoiled, V4, V6 } from './talk.ts';

/** UDP-Lite: its checksum made as Linux's tracker wants it (with UDP's number), or as RFC 3828 says. */
function udplite(ms: number, device: string, coverage: number, protocol = 136, n = 24): Row {
  const isOut = device === 'lan0';
  const octets = new Uint8Array(8 + n);
  octets.set(bytes(n), 8);
  putBe16(octets, 0, isOut ? 600 : 601);
  putBe16(octets, 2, isOut ? 601 : 600);
  putBe16(octets, 4, coverage);
  const fields = isOut ? { src: LAN, dst: SERVER } : { src: SERVER, dst: LAN };
  const covered = coverage === 0 ? octets.length : coverage;
  const datagram = ip(fields, { protocol: 136, bytes: octets });
  const pseudo = new Uint8Array(12 + covered);
  pseudo.set(datagram.subarray(12, 20));
  pseudo[9] = protocol;
  putBe16(pseudo, 10, octets.length);
  pseudo.set(octets.subarray(0, covered), 12);
  putBe16(datagram, 26, internetChecksum(pseudo, 0, pseudo.length));
  return [ms, device, datagram];
}

const gre = (ms: number, device: string, octets: number[]): Row => [
  ms,
  device,
  ip(device === 'lan0' ? { src: LAN, dst: SERVER } : { src: SERVER, dst: LAN }, {
    protocol: 47,
    bytes: Uint8Array.from(octets),
  }),
];
const raw = (protocol: number, n = 24): Layer4 => ({ protocol, bytes: bytes(n) });

export const PROTOCOL_SCENES: KernelScene[] = [
  // UDP.
  judged(
    'udp: the timeouts of a question and of a stream are their sysctls',
    [V4.ask(0), V4.answer(5000), V4.ask(6000), V4.answer(10_000), V4.ask(25_000), V4.ask(0, 10, 6000)],
    { udp_timeout: 11, udp_timeout_stream: 22 },
  ),
  judged('udp: an answer within two seconds is no stream yet', [V4.ask(0), V4.answer(1000), V4.ask(1900)]),
  judged('udp: answered and still there after two seconds it is assured, even by the question alone', [
    V4.ask(0),
    V4.answer(100),
    V4.ask(2100),
  ]),
  judged('udp: questions without an answer keep the entry for 30 s each', [
    V4.ask(0),
    V4.ask(20_000),
    V4.ask(40_000),
    V4.answer(69_000),
  ]),
  judged('udp: lengths that lie and bad checksums are invalid, a zero checksum is valid', [
    spoiled(V4.ask(0), (data) => putBe16(data, 24, 7)),
    spoiled(V4.ask(10), (data) => putBe16(data, 24, 19)),
    spoiled(V4.ask(20), (data) => putBe16(data, 26, 0x1111)),
    spoiled(V4.ask(30), (data) => putBe16(data, 26, 0)),
    cut(V4.ask(40, 10, 5001), 27),
    cut(V4.ask(50, 10, 5002), 23),
    spoiled(V4.ask(60, 10, 5003), (data) => putBe16(data, 24, 10)),
  ]),
  judged(
    'udp: without nf_conntrack_checksum a bad checksum is valid, a length that lies not',
    [
      spoiled(V4.ask(0), (data) => putBe16(data, 26, 0x1111)),
      spoiled(V4.ask(10, 10, 5001), (data) => putBe16(data, 24, 19)),
    ],
    { checksum: 0 },
  ),
  judged('udp: IPv6, with and without a checksum', [
    V6.ask(0),
    V6.answer(100),
    V6.ask(2500),
    spoiled(V6.ask(2600, 10, 5001), (data) => putBe16(data, 46, 0)),
    spoiled(V6.ask(2700, 10, 5002), (data) => putBe16(data, 46, 0x1111)),
  ]),
  judged('udp: what the router itself receives and refuses is tracked', [
    [0, 'lan0', ip({ src: LAN, dst: '192.168.1.1' }, udp({ sport: 5, dport: 6 }, bytes(4)))],
    [10, 'lan0', ip({ src: LAN, dst: '192.168.1.255' }, udp({ sport: 5, dport: 6 }, bytes(4)))],
    [20, 'lan0', ip({ src: LAN, dst: '224.0.0.251' }, udp({ sport: 5, dport: 6 }, bytes(4)))],
  ]),
  judged('udplite: coverage, and a checksum that only Linux takes for right', [
    udplite(0, 'lan0', 0, 17),
    udplite(10, 'wan0', 8, 17),
    udplite(20, 'lan0', 20, 17),
    udplite(30, 'lan0', 20, 136),
    udplite(40, 'lan0', 7, 17),
    udplite(50, 'lan0', 33, 17),
    spoiled(udplite(60, 'lan0', 8, 17), (data) => putBe16(data, 26, 0)),
  ]),
  // DCCP.
  judged('dccp: from request to reset', [
    dccpTo(0, DCCP.request, 100),
    dccpFrom(10, DCCP.response, 500, 100),
    dccpTo(20, DCCP.ack, 101, 500),
    dccpFrom(30, DCCP.dataAck, 501, 101),
    dccpTo(40, DCCP.dataAck, 102, 501),
    dccpFrom(50, DCCP.closeReq, 502, 102),
    dccpTo(60, DCCP.close, 103, 502),
    dccpFrom(70, DCCP.reset, 503, 103),
  ]),
  judged('dccp: an ACK of something else does not assure', [
    dccpTo(0, DCCP.request, 100),
    dccpFrom(10, DCCP.response, 500, 100),
    dccpTo(20, DCCP.ack, 101, 499),
  ]),
  judged('dccp: the ACK of the response assures', [
    dccpTo(0, DCCP.request, 100),
    dccpFrom(10, DCCP.response, 500, 100),
    dccpTo(20, DCCP.ack, 101, 500),
  ]),
  judged('dccp: a DATA-ACK of the response does not assure', [
    dccpTo(0, DCCP.request, 100),
    dccpFrom(10, DCCP.response, 500, 100),
    dccpTo(20, DCCP.dataAck, 101, 500),
    dccpFrom(30, DCCP.dataAck, 501, 101),
  ]),
  judged('dccp: a reset to a request forgets it', [
    dccpTo(0, DCCP.request, 100),
    dccpFrom(10, DCCP.reset, 500, 100),
    dccpTo(20, DCCP.request, 100),
    dccpTo(30, DCCP.request, 101),
  ]),
  judged('dccp: picked up in the middle, and what may not open', [
    ...[DCCP.response, DCCP.data, DCCP.ack, DCCP.dataAck, DCCP.closeReq, DCCP.close, DCCP.reset, DCCP.sync, 10].map(
      (type, i) => dccpTo(i * 10, type, 100 + i, 5),
    ),
  ]),
  judged('dccp: a second connection over TIMEWAIT changes the roles', [
    dccpTo(0, DCCP.request, 100),
    dccpFrom(10, DCCP.response, 500, 100),
    dccpFrom(20, DCCP.reset, 501, 100),
    dccpFrom(30, DCCP.request, 900),
    dccpTo(40, DCCP.response, 700, 900),
    dccpFrom(50, DCCP.ack, 901, 700),
  ]),
  // GRE.
  judged(
    'gre: an answer makes it a stream, assured',
    [
      gre(0, 'lan0', [0, 0, 8, 0, 1, 2, 3, 4]),
      gre(10, 'wan0', [0, 0, 8, 0, 1, 2, 3, 4]),
      gre(20, 'lan0', [0x20, 0, 8, 0, 0, 0, 0, 9]),
      gre(30, 'lan0', [0, 0, 8]),
    ],
    { gre_timeout: 33, gre_timeout_stream: 44 },
  ),
  judged('gre: version 1 goes by call id, other versions by nothing', [
    gre(0, 'lan0', [0x30, 1, 0x88, 0x0b, 0, 4, 0, 77, 0, 0, 0, 1]),
    gre(10, 'wan0', [0x30, 1, 0x88, 0x0b, 0, 4, 0, 77, 0, 0, 0, 1]),
    gre(20, 'wan0', [0x30, 1, 0x88, 0x0b, 0, 4, 0, 0, 0, 0, 0, 1]),
    gre(30, 'lan0', [0x30, 1, 0x08, 0x00, 0, 4, 0, 78, 0, 0, 0, 1]),
    gre(40, 'lan0', [0x30, 1, 0x88, 0x0b, 0, 4]),
    gre(50, 'lan0', [0x30, 2, 0x88, 0x0b, 0, 4, 0, 79]),
  ]),
  // Anything else.
  judged(
    'generic: every protocol is a connection of addresses alone',
    [
      V4.send(0, raw(50)),
      V4.reply(10, raw(50)),
      V4.send(20, raw(51)),
      V4.send(30, raw(4, 40)),
      V4.send(40, raw(253, 0)),
      V4.send(50, raw(2, 8)),
      V6.send(60, raw(50)),
      V6.reply(70, raw(50)),
      V6.send(80, raw(253, 0)),
      V6.send(90, raw(59, 8)),
      V6.send(100, raw(135, 8)),
    ],
    { generic_timeout: 99 },
  ),
  judged('generic: a TCP or UDP header too short for ports is no connection', [
    ...[0, 1, 3, 4].flatMap((n, i) => [
      V4.send(i * 20, { protocol: 17, bytes: bytes(n) }),
      V4.send(i * 20 + 10, { protocol: 6, bytes: bytes(n) }),
    ]),
    ...[3, 4].map((n, i) => V6.send(200 + i * 10, { protocol: 17, bytes: bytes(n) })),
  ]),
];
