// How TCP connections open, close, are reset and reopened, and what is no segment (nf_conntrack_proto_tcp.c), each scene named
// by what the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16 } from '../../../src/base/columns.ts';
import { ip, tcp } from '../../../src/packet/build.ts';
import { back, closed, flagged, out, scale, tcpScene } from './conntrack-tcp-frames.ts';
import { bytes, forward, LAN, open, ROUTER, type Row, spoiled, V4, V6 } from './talk.ts';

export const TCP_STATE_SCENES: KernelScene[] = [
  // Opening.
  tcpScene('two SYNs that cross and one answer open', [
    out(0, 'S', { seq: 1000 }),
    back(10, 'S', { seq: 5000 }),
    back(20, 'SA', { seq: 5000, ack: 1001 }),
    out(30, 'A', { seq: 1001, ack: 5001 }),
    back(40, 'A', { seq: 5001, ack: 1001, n: 10 }),
  ]),
  tcpScene('an ACK to a SYN passes, and the RST to it closes (half-open server)', [
    out(0, 'S', { seq: 1000 }),
    back(10, 'A', { seq: 77_000, ack: 88_000 }),
    out(20, 'R', { seq: 88_000 }),
    out(1000, 'S', { seq: 1000 }),
    back(1010, 'SA', { seq: 9000, ack: 1001 }),
    out(1020, 'A', { seq: 1001, ack: 9001 }),
  ]),
  tcpScene('an ACK to a SYN and a RST that does not fit it', [
    out(0, 'S', { seq: 1000 }),
    back(10, 'A', { seq: 77_000, ack: 88_000 }),
    out(20, 'R', { seq: 5 }),
    out(30, 'R', { seq: 88_001 }),
  ]),
  tcpScene('a refused connection is forgotten at once', [
    out(0, 'S', { seq: 1000 }),
    back(10, 'RA', { seq: 0, ack: 1001 }),
    out(20, 'S', { seq: 1000 }),
    back(30, 'RA', { seq: 0, ack: 55_555 }),
    back(40, 'R', { seq: 9, ack: 0 }),
  ]),
  tcpScene('the client gives a SYN up with a RST', [
    out(0, 'S', { seq: 1000 }),
    out(10, 'R', { seq: 1001 }),
    back(20, 'SA', { seq: 5000, ack: 1001 }),
  ]),
  tcpScene('SYN/ACK sent again, and a late one, pass', [
    out(0, 'S', { seq: 1000 }),
    back(10, 'SA', { seq: 5000, ack: 1001 }),
    back(1000, 'SA', { seq: 5000, ack: 1001 }),
    out(1010, 'A', { seq: 1001, ack: 5001 }),
    back(1020, 'SA', { seq: 5000, ack: 1001 }),
    back(1030, 'SA', { seq: 95_000, ack: 81_001 }),
  ]),
  tcpScene('a SYN/ACK or FIN of the client before the answer is invalid', [
    out(0, 'S', { seq: 1000 }),
    out(10, 'SA', { seq: 1000, ack: 1 }),
    out(20, 'FA', { seq: 1001, ack: 1 }),
    out(30, 'A', { seq: 1001, ack: 1 }),
    back(40, 'FA', { seq: 5001, ack: 1001 }),
  ]),
  // A SYN on an old connection.
  tcpScene('a SYN of the other side reopens TIME_WAIT with the roles changed', [
    ...closed(),
    back(1000, 'S', { seq: 90_000 }),
    out(1010, 'SA', { seq: 70_000, ack: 90_001 }),
    back(1020, 'A', { seq: 90_001, ack: 70_001 }),
  ]),
  tcpScene('a SYN after the client RST reopens, after the server RST too', [
    ...open(V4),
    out(30, 'R', { seq: 1001 }),
    out(40, 'S', { seq: 700_000 }),
    back(50, 'SA', { seq: 9000, ack: 700_001 }),
    out(60, 'A', { seq: 700_001, ack: 9001 }),
    back(70, 'R', { seq: 9001 }),
    out(80, 'S', { seq: 800_000 }),
    back(90, 'SA', { seq: 9900, ack: 800_001 }),
  ]),
  tcpScene('a SYN on an established connection, a challenge ACK, the RST to it', [
    ...open(V4),
    out(30, 'S', { seq: 700_000 }),
    back(40, 'A', { seq: 5001, ack: 1001 }),
    out(50, 'R', { seq: 1001 }),
    out(60, 'S', { seq: 700_000 }),
    back(70, 'SA', { seq: 9000, ack: 700_001 }),
    out(80, 'A', { seq: 700_001, ack: 9001 }),
  ]),
  tcpScene('a SYN on an established connection that the server answers with SYN/ACK', [
    ...open(V4),
    out(30, 'S', { seq: 700_000, ...scale(3) }),
    back(40, 'SA', { seq: 9000, ack: 700_001, ...scale(3) }),
    out(50, 'A', { seq: 700_001, ack: 9001 }),
    back(60, 'A', { seq: 9001, ack: 700_001, n: 10 }),
    out(70, 'A', { seq: 700_001 + 60_000, ack: 9011, n: 10 }),
  ]),
  tcpScene('a SYN on an established connection that the server answers with a RST', [
    ...open(V4),
    out(30, 'S', { seq: 700_000 }),
    back(40, 'RA', { seq: 0, ack: 700_001 }),
    out(50, 'A', { seq: 1001, ack: 5001 }),
  ]),
  tcpScene('a SYN in FIN_WAIT, CLOSE_WAIT and LAST_ACK passes and changes nothing', [
    ...closed().slice(0, 4),
    out(31, 'S', { seq: 700_000 }),
    ...closed().slice(4, 5),
    out(41, 'S', { seq: 700_000 }),
    ...closed().slice(5, 6),
    out(51, 'S', { seq: 700_000 }),
    back(52, 'A', { seq: 5002, ack: 1002 }),
    out(60, 'A', { seq: 1002, ack: 5002 }),
  ]),
  tcpScene('a SYN of the server on a connection of the client is invalid', [
    ...open(V4),
    back(30, 'S', { seq: 700_000 }),
    back(40, 'A', { seq: 5001, ack: 1001 }),
  ]),
  // Resets.
  tcpScene('a RST in window but not exact keeps the connection, for timeout_unacknowledged', [
    ...open(V4),
    back(30, 'A', { seq: 5001, ack: 1001 }),
    back(40, 'R', { seq: 5101 }),
    out(50, 'A', { seq: 1001, ack: 5001 }),
    back(60, 'R', { seq: 5001 }),
    out(70, 'A', { seq: 1001, ack: 5001 }),
  ]),
  tcpScene(
    'after a RST not exact the timeout is that of unacknowledged data',
    [...open(V4), back(40, 'R', { seq: 5101 })],
    { timeout_unacknowledged: 55 },
  ),
  tcpScene('a RST right behind data of its sender is exact enough', [
    ...open(V4),
    back(30, 'A', { seq: 5001, ack: 1001, n: 500 }),
    back(40, 'R', { seq: 5501 }),
    out(50, 'A', { seq: 1001, ack: 5001 }),
  ]),
  tcpScene('a RST below what was acknowledged is invalid', [
    ...open(V4),
    back(30, 'A', { seq: 5001, ack: 1001, n: 500 }),
    out(40, 'A', { seq: 1001, ack: 5501 }),
    back(50, 'R', { seq: 5400 }),
    back(60, 'RA', { seq: 5500, ack: 1001 }),
    back(70, 'RA', { seq: 5501, ack: 1001 }),
  ]),
  tcpScene('a RST with ACK 0 passes', [...open(V4), out(30, 'RA', { seq: 1001, ack: 0 })]),
  tcpScene('a RST beyond the window is invalid', [
    ...open(V4),
    back(30, 'R', { seq: 50_000 }),
    out(40, 'R', { seq: 50_000 }),
    out(50, 'A', { seq: 1001, ack: 5001 }),
  ]),
  tcpScene('a RST before the client has acknowledged anything', [
    out(0, 'S', { seq: 1000 }),
    back(10, 'SA', { seq: 5000, ack: 1001 }),
    back(20, 'R', { seq: 77 }),
    back(30, 'R', { seq: 5001 }),
  ]),
  tcpScene('a RST when closing needs no right number', [
    ...closed(),
    back(70, 'R', { seq: 900_000_000 }),
    out(80, 'R', { seq: 800_000_000 }),
    out(90, 'A', { seq: 1002, ack: 5002 }),
  ]),
  tcpScene(
    'FIN and RST out of window from both sides shorten the timeout',
    [
      ...open(V4),
      out(30, 'FA', { seq: 900_000, ack: 5001 }),
      back(40, 'FA', { seq: 900_000, ack: 1001 }),
      out(50, 'A', { seq: 1001, ack: 5001 }),
      out(60, 'R', { seq: 1_900_000 }),
      back(70, 'R', { seq: 1_900_000 }),
    ],
    { timeout_unacknowledged: 150 },
  ),
  // Closing.
  tcpScene('both sides close at once', [
    ...open(V4),
    out(30, 'FA', { seq: 1001, ack: 5001 }),
    back(31, 'FA', { seq: 5001, ack: 1001 }),
    out(40, 'A', { seq: 1002, ack: 5002 }),
    back(41, 'A', { seq: 5002, ack: 1002 }),
  ]),
  tcpScene('the server closes first, the client sends on', [
    ...open(V4),
    back(30, 'FA', { seq: 5001, ack: 1001 }),
    out(40, 'A', { seq: 1001, ack: 5002 }),
    out(50_000, 'A', { seq: 1001, ack: 5002, n: 100 }),
    back(50_010, 'A', { seq: 5002, ack: 1101 }),
    out(100_000, 'FA', { seq: 1101, ack: 5002 }),
    back(100_010, 'A', { seq: 5002, ack: 1102 }),
  ]),
  tcpScene('a FIN sent again', [
    ...open(V4),
    out(30, 'FA', { seq: 1001, ack: 5001 }),
    out(300, 'FA', { seq: 1001, ack: 5001 }),
    out(600, 'FA', { seq: 1001, ack: 5001 }),
    back(610, 'FA', { seq: 5001, ack: 1002 }),
    back(900, 'FA', { seq: 5001, ack: 1002 }),
    out(910, 'A', { seq: 1002, ack: 5002 }),
    back(920, 'FA', { seq: 5001, ack: 1002 }),
    out(930, 'A', { seq: 1002, ack: 5002 }),
  ]),
  tcpScene('a FIN with data, before the handshake ended', [
    out(0, 'S', { seq: 1000 }),
    back(10, 'SA', { seq: 5000, ack: 1001 }),
    out(20, 'FPA', { seq: 1001, ack: 5001, n: 100 }),
    back(30, 'FA', { seq: 5001, ack: 1102 }),
    out(40, 'A', { seq: 1102, ack: 5002 }),
  ]),
  tcpScene('after the last ACK segments are still tracked in TIME_WAIT', [
    ...closed(),
    back(1000, 'A', { seq: 5002, ack: 1002 }),
    out(119_000, 'A', { seq: 1002, ack: 5002 }),
    out(240_000, 'A', { seq: 1002, ack: 5002 }),
  ]),
  // Segments that are none.
  tcpScene(
    'flags that make no sense are invalid',
    Array.from({ length: 64 }, (_, flags) => flagged(flags * 5, flags)),
  ),
  tcpScene('ECE, CWR and NS do not matter', [
    out(0, 'SEC', { seq: 1000 }),
    back(10, 'SAE', { seq: 5000, ack: 1001 }),
    out(20, 'AC', { seq: 1001, ack: 5001 }),
    flagged(30, 0xc2),
    flagged(40, 0xc1),
  ]),
  tcpScene('bad checksums are invalid', [
    spoiled(out(0, 'S', { seq: 1000 }), (data) => putBe16(data, 36, 0x1234)),
    ...open(V4).map(([ms, device, datagram]): Row => [ms + 100, device, datagram]),
    spoiled(out(200, 'A', { seq: 1001, ack: 5001, n: 9 }), (data) => putBe16(data, 36, 0x1234)),
  ]),
  tcpScene(
    'without nf_conntrack_checksum bad checksums are valid',
    [
      spoiled(out(0, 'S', { seq: 1000 }), (data) => putBe16(data, 36, 0x1234)),
      spoiled(back(10, 'SA', { seq: 5000, ack: 1001 }), (data) => putBe16(data, 36, 0x1234)),
    ],
    { 'net.netfilter.nf_conntrack_checksum': 0 },
  ),
  tcpScene(
    'header lengths that lie are invalid',
    [
      ...[0, 4, 6, 15].map((words, i) =>
        spoiled(out(i * 10, 'S', { seq: 1000 + i }), (data) => {
          data[32] = words << 4;
          // Its checksum does not matter: nf_conntrack_checksum is off.
        }),
      ),
      [50, 'lan0', ip({ src: LAN, dst: '198.51.100.7' }, { protocol: 6, bytes: bytes(19) })],
      [60, 'lan0', ip({ src: LAN, dst: '198.51.100.7' }, { protocol: 6, bytes: bytes(3) })],
    ],
    { 'net.netfilter.nf_conntrack_checksum': 0 },
  ),
  // Others.
  tcpScene('IPv6: a connection from SYN to TIME_WAIT', [
    ...open(V6),
    V6.out(30, 'PA', { seq: 1001, ack: 5001, n: 100 }),
    V6.back(40, 'A', { seq: 5001, ack: 1101 }),
    V6.out(50, 'PA', { seq: 90_000_000, ack: 5001, n: 100 }),
    V6.back(60, 'FA', { seq: 5001, ack: 1101 }),
    V6.out(70, 'FA', { seq: 1101, ack: 5002 }),
    V6.back(80, 'A', { seq: 5002, ack: 1102 }),
    V6.out(1000, 'S', { seq: 700_000 }),
  ]),
  tcpScene('IPv6: mid-stream, RST, bad checksum', [
    V6.out(0, 'A', { seq: 1001, ack: 5001, n: 100 }),
    V6.back(10, 'A', { seq: 5001, ack: 1101 }),
    spoiled(V6.out(20, 'A', { seq: 1101, ack: 5001 }), (data) => putBe16(data, 56, 0x1234)),
    V6.back(30, 'R', { seq: 5001 }),
    V6.out(40, 'A', { seq: 1101, ack: 5001 }),
  ]),
  tcpScene('the router answers for its closed port: the RST of output closes', [
    [0, 'wan0', ip({ src: '198.51.100.7', dst: ROUTER }, tcp({ sport: 999, dport: 22, seq: 5, flags: 'S' }))],
    [10, 'wan0', ip({ src: '198.51.100.7', dst: ROUTER }, tcp({ sport: 999, dport: 22, seq: 5, ack: 9, flags: 'A' }))],
  ]),
  tcpScene(
    'reject with tcp reset closes the connection',
    [...open(V4), out(30, 'PA', { seq: 1001, ack: 5001, n: 50 }), back(40, 'A', { seq: 5001, ack: 1051 })],
    {},
    2,
    forward('meta length > 80 counter reject with tcp reset', 'ct state invalid counter drop'),
  ),
  tcpScene(
    'a connection that has run out is picked up as a new one',
    [...open(V4), out(20_000, 'PA', { seq: 1001, ack: 5001, n: 50 }), back(20_010, 'A', { seq: 5001, ack: 1051 })],
    { timeout_established: 10 },
  ),
];
