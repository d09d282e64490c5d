// Connections of UDP, ICMP, SCTP, DCCP, GRE and any other protocol as Linux tracks them, each scene named by what the kernel
// does. Invalid packets are dropped by the rules, so every judgement shows in the frames; times are in milliseconds.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { putBe16, putBe32 } from '../../src/base/columns.ts';
import { icmp, icmpv6, ip, type Layer4, udp } from '../../src/packet/build.ts';
import { internetChecksum, sctpChecksum } from '../../src/packet/checksum.ts';
import {
  bytes,
  cut,
  forward,
  LAN,
  LAN6,
  open,
  ROUTER,
  type Row,
  SERVER,
  SERVER6,
  STATES,
  scene,
  spoiled,
  type Talk,
  V4,
  V6,
} from './talk.ts';

const CT = 'net.netfilter.nf_conntrack_';
const judged = (name: string, rows: Row[], sysctl: Record<string, number> = {}, tailMs = 2): KernelScene =>
  scene(
    name,
    STATES,
    rows,
    Object.fromEntries(Object.entries(sysctl).map(([key, value]) => [key.includes('.') ? key : CT + key, value])),
    { tailNs: tailMs * 1e6 },
  );

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

// SCTP.
type Chunk = [type: number, flags?: number, body?: number[]];
const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const init = (type: number, tag: number): Chunk => [type, 0, [...word(tag), ...word(1500), 0, 1, 0, 1, ...word(9)]];
function sctp(sport: number, dport: number, tag: number, chunks: Chunk[]): Layer4 {
  const body = chunks.flatMap(([type, flags = 0, data = []]) => {
    const length = 4 + data.length;
    return [type, flags, length >>> 8, length & 255, ...data, ...new Array((4 - (length & 3)) & 3).fill(0)];
  });
  const octets = new Uint8Array(12 + body.length);
  putBe16(octets, 0, sport);
  putBe16(octets, 2, dport);
  putBe32(octets, 4, tag);
  octets.set(body, 12);
  putBe32(octets, 8, sctpChecksum(octets, 0, octets.length));
  return { protocol: 132, bytes: octets };
}
const sctpOf = ({ send, reply }: Talk) => ({
  to: (ms: number, tag: number, ...chunks: Chunk[]): Row => send(ms, sctp(3000, 36412, tag, chunks)),
  from: (ms: number, tag: number, ...chunks: Chunk[]): Row => reply(ms, sctp(36412, 3000, tag, chunks)),
});
const { to, from } = sctpOf(V4);
const DATA = 0;
const INIT = 1;
const INIT_ACK = 2;
const SACK = 3;
const HEARTBEAT = 4;
const HEARTBEAT_ACK = 5;
const ABORT = 6;
const SHUTDOWN = 7;
const SHUTDOWN_ACK = 8;
const ERROR = 9;
const ECHO = 10;
const COOKIE_ACK = 11;
const SHUTDOWN_COMPLETE = 14;
const FLAG_T = 1;
/** The association: the client's tag is 0xaa, the server's 0xbb. */
const association = (words = sctpOf(V4)): Row[] => [
  words.to(0, 0, init(INIT, 0xaa)),
  words.from(10, 0xaa, init(INIT_ACK, 0xbb)),
  words.to(20, 0xbb, [ECHO, 0, [1, 2, 3, 4]]),
  words.from(30, 0xaa, [COOKIE_ACK]),
];

// DCCP.
const DCCP = {
  request: 0,
  response: 1,
  data: 2,
  ack: 3,
  dataAck: 4,
  closeReq: 5,
  close: 6,
  reset: 7,
  sync: 8,
  syncAck: 9,
};
function dccp(src: string, dst: string, type: number, seq: number, ack?: number): Uint8Array {
  const isToServer = src === LAN;
  const octets = new Uint8Array(28);
  putBe16(octets, 0, isToServer ? 7000 : 7001);
  putBe16(octets, 2, isToServer ? 7001 : 7000);
  octets[4] = 7;
  octets[8] = (type << 1) | 1;
  putBe32(octets, 12, seq);
  if (ack !== undefined) putBe32(octets, 20, ack);
  const datagram = ip({ src, dst }, { protocol: 33, bytes: octets });
  const pseudo = new Uint8Array(12 + 28);
  pseudo.set(datagram.subarray(12, 20));
  pseudo[9] = 33;
  pseudo[11] = 28;
  pseudo.set(octets, 12);
  putBe16(datagram, 26, internetChecksum(pseudo, 0, pseudo.length));
  return datagram;
}
const dccpTo = (ms: number, type: number, seq: number, ack?: number): Row => [
  ms,
  'lan0',
  dccp(LAN, SERVER, type, seq, ack),
];
const dccpFrom = (ms: number, type: number, seq: number, ack?: number): Row => [
  ms,
  'wan0',
  dccp(SERVER, LAN, type, seq, ack),
];

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
  // SCTP.
  judged('sctp: from INIT to SHUTDOWN COMPLETE', [
    ...association(),
    to(40, 0xbb, [DATA, 3, bytesOf(16)]),
    from(50, 0xaa, [SACK, 0, bytesOf(12)]),
    to(60, 0xbb, [SHUTDOWN, 0, [0, 0, 0, 1]]),
    from(70, 0xaa, [SHUTDOWN_ACK]),
    to(80, 0xbb, [SHUTDOWN_COMPLETE]),
  ]),
  ...(
    [
      ['CLOSED', 1],
      ['COOKIE_WAIT', 2],
      ['COOKIE_ECHOED', 3],
      ['ESTABLISHED', 4],
      ['SHUTDOWN_SENT', 5],
      ['SHUTDOWN_ACK_SENT', 6],
    ] as [string, number][]
  ).map(([state, n]) =>
    judged(
      `sctp: the timeout of ${state} is its sysctl`,
      [...association(), to(60, 0xbb, [SHUTDOWN, 0, [0, 0, 0, 1]]), from(70, 0xaa, [SHUTDOWN_ACK])].slice(0, n),
      {
        sctp_timeout_closed: 101,
        sctp_timeout_cookie_wait: 111,
        sctp_timeout_cookie_echoed: 121,
        sctp_timeout_established: 131,
        sctp_timeout_shutdown_sent: 141,
        sctp_timeout_shutdown_ack_sent: 161,
      },
    ),
  ),
  judged(
    'sctp: the server shuts down',
    [
      ...association(),
      from(60, 0xaa, [SHUTDOWN, 0, [0, 0, 0, 1]]),
      to(70, 0xbb, [SHUTDOWN_ACK]),
      from(80, 0xaa, [SHUTDOWN_COMPLETE]),
    ],
    { sctp_timeout_closed: 77 },
  ),
  judged(
    'sctp: SHUTDOWN RECEIVED has a timeout of its own',
    [...association(), from(60, 0xaa, [SHUTDOWN, 0, [0, 0, 0, 1]])],
    { sctp_timeout_shutdown_recd: 88 },
  ),
  judged('sctp: verification tags that do not fit are invalid', [
    to(0, 5, init(INIT, 0xaa)),
    to(5, 0, init(INIT, 0xaa)),
    from(10, 0xab, init(INIT_ACK, 0xbb)),
    from(15, 0xaa, init(INIT_ACK, 0xbb)),
    to(20, 0xbc, [ECHO, 0, [1, 2, 3, 4]]),
    to(25, 0xbb, [ECHO, 0, [1, 2, 3, 4]]),
    from(30, 0xab, [COOKIE_ACK]),
    from(35, 0xaa, [COOKIE_ACK]),
    to(40, 0xaa, [DATA, 3, bytesOf(16)]),
    from(45, 0xbb, [SACK, 0, bytesOf(12)]),
    to(50, 0xbb, [DATA, 3, bytesOf(16)]),
  ]),
  judged('sctp: an ABORT closes, with its own tag or with the reflected one', [
    ...association(),
    to(40, 0xcc, [ABORT]),
    to(50, 0xaa, [ABORT]),
    to(60, 0xaa, [ABORT, FLAG_T]),
    from(70, 0xaa, [ABORT]),
  ]),
  judged('sctp: an ABORT to an INIT', [
    to(0, 0, init(INIT, 0xaa)),
    from(10, 0xaa, [ABORT, FLAG_T]),
    from(20, 0xaa, [ABORT]),
  ]),
  judged('sctp: heartbeats open and establish without an INIT', [
    to(0, 0xbb, [HEARTBEAT, 0, bytesOf(8)]),
    from(10, 0xaa, [HEARTBEAT_ACK, 0, bytesOf(8)]),
    to(20, 0xbb, [DATA, 3, bytesOf(16)]),
    from(30, 0xac, [DATA, 3, bytesOf(16)]),
  ]),
  judged(
    'sctp: a heartbeat that nobody answers has its own timeout',
    [to(0, 0xbb, [HEARTBEAT, 0, bytesOf(8)]), from(10, 0xaa, [DATA, 3, bytesOf(16)])],
    { sctp_timeout_heartbeat_sent: 66 },
  ),
  judged('sctp: after a heartbeat with another tag its answer sets the tag right', [
    ...association(),
    to(40, 0xcc, [HEARTBEAT, 0, bytesOf(8)]),
    from(50, 0xdd, [HEARTBEAT_ACK, 0, bytesOf(8)]),
    from(60, 0xdd, [SACK, 0, bytesOf(12)]),
    to(70, 0xcc, [SACK, 0, bytesOf(12)]),
    to(80, 0xcd, [HEARTBEAT, 0, bytesOf(8)]),
    to(90, 0xce, [HEARTBEAT, 0, bytesOf(8)]),
  ]),
  judged('sctp: what comes out of the blue is invalid, but for what may open', [
    ...[DATA, INIT_ACK, SACK, ABORT, SHUTDOWN, ERROR, ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE, 12, 13, 15, 63, 192].map(
      (type, i) => V4.send(i * 10, sctp(4000 + i, 36412, 9, [[type, 0, bytesOf(16)]])),
    ),
    V4.send(300, sctp(4100, 36412, 9, [[SHUTDOWN_ACK]])),
    V4.reply(310, sctp(36412, 4100, 9, [[SHUTDOWN_COMPLETE, FLAG_T]])),
  ]),
  judged('sctp: two INITs that cross', [
    to(0, 0, init(INIT, 0xaa)),
    from(5, 0, init(INIT, 0xbb)),
    to(10, 0xbb, init(INIT_ACK, 0xaa)),
    from(15, 0xaa, init(INIT_ACK, 0xbb)),
    to(20, 0xbb, [ECHO, 0, [1, 2, 3, 4]]),
    from(25, 0xaa, [COOKIE_ACK]),
  ]),
  judged('sctp: an INIT sent again, with the same tag and with another', [
    to(0, 0, init(INIT, 0xaa)),
    to(5000, 0, init(INIT, 0xaa)),
    to(6000, 0, init(INIT, 0xab)),
    from(6010, 0xaa, init(INIT_ACK, 0xbb)),
    from(6020, 0xab, init(INIT_ACK, 0xbb)),
  ]),
  judged('sctp: an INIT on an established association (restart)', [
    ...association(),
    to(1000, 0, init(INIT, 0xca)),
    from(1010, 0xca, init(INIT_ACK, 0xcb)),
    to(1020, 0xcb, [ECHO, 0, [1, 2, 3, 4]]),
    from(1030, 0xca, [COOKIE_ACK]),
    to(1040, 0xcb, [DATA, 3, bytesOf(16)]),
  ]),
  judged('sctp: chunks that must be alone or first, lengths of zero, bad sums', [
    V4.send(0, sctp(4000, 36412, 0, [init(INIT, 0xaa), [DATA, 3, bytesOf(16)]])),
    V4.send(10, sctp(4001, 36412, 9, [[DATA, 3, bytesOf(16)], [ECHO]])),
    spoiled(V4.send(20, sctp(4002, 36412, 0, [init(INIT, 0xaa)])), (data) => putBe32(data, 28, 0x12345678)),
    V4.send(30, sctp(4003, 36412, 0, [])),
    V4.send(40, { protocol: 132, bytes: bytes(11) }),
    V4.send(50, sctp(4005, 36412, 0, [[INIT, 0, bytesOf(8)]])),
  ]),
  judged(
    'sctp: without nf_conntrack_checksum a bad sum is valid',
    [spoiled(V4.send(20, sctp(4002, 36412, 0, [init(INIT, 0xaa)])), (data) => putBe32(data, 28, 0x12345678))],
    { checksum: 0 },
  ),
  judged('sctp: IPv6', association(sctpOf(V6))),
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

function bytesOf(n: number): number[] {
  return [...bytes(n)];
}
