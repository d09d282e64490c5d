// SCTP as Linux tracks it (nf_conntrack_proto_sctp.c), each scene named by what the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe32 } from '../../../src/base/columns.ts';
import { judged } from './judged.ts';
import {
  ABORT,
  association,
  bytesOf,
  COOKIE_ACK,
  DATA,
  ECHO,
  ERROR,
  FLAG_T,
  from,
  HEARTBEAT,
  HEARTBEAT_ACK,
  INIT,
  INIT_ACK,
  init,
  SACK,
  SHUTDOWN,
  SHUTDOWN_ACK,
  SHUTDOWN_COMPLETE,
  sctp,
  sctpOf,
  to,
} from './sctp-chunks.ts';
import { bytes, spoiled, V4, V6 } from './talk.ts';

export const SCTP_SCENES: KernelScene[] = [
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
];
