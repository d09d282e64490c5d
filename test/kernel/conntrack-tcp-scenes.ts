// TCP connections as Linux tracks them (nf_conntrack_proto_tcp.c), each scene named by what the kernel does. Invalid segments
// are dropped by the rules, so every judgement shows in the frames; times are in milliseconds.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { putBe16 } from '../../src/base/columns.ts';
import { ip, tcp } from '../../src/packet/build.ts';
import { bytes, forward, LAN, open, ROUTER, type Row, STATES, scene, spoiled, V4, V6 } from './talk.ts';

const { out, back } = V4;
const TCP = 'net.netfilter.nf_conntrack_tcp_';
const options = (...octets: number[]): { options: Uint8Array } => ({ options: Uint8Array.from(octets) });
const scale = (shift: number): { options: Uint8Array } => options(1, 3, 3, shift);
const SACK_OK = options(1, 1, 4, 2);
/** SACK blocks, after two NOPs. */
const sack = (...edges: number[]): { options: Uint8Array } => {
  const octets = edges.flatMap((edge) => [edge >>> 24, (edge >>> 16) & 255, (edge >>> 8) & 255, edge & 255]);
  return options(1, 1, 5, 2 + octets.length, ...octets);
};
/** Changes the flags octet after the checksum was made, and the checksum with it. */
const flagged = (ms: number, flags: number): Row => {
  const datagram = ip({ src: LAN, dst: '198.51.100.7' }, flaggedSegment(flags));
  return [ms, 'lan0', datagram];
};
function flaggedSegment(flags: number): { protocol: number; bytes: Uint8Array } {
  const segment = tcp({ sport: 41000 + flags, dport: 80, seq: 1, ack: 1, window: 8000 });
  segment.bytes[13] = flags;
  return segment;
}

const names = (text: string): string => `tcp: ${text}`;
const tcpScene = (
  name: string,
  rows: Row[],
  sysctl: Record<string, number> = {},
  tailMs = 2,
  ruleset = STATES,
): KernelScene =>
  scene(
    names(name),
    ruleset,
    rows,
    Object.fromEntries(Object.entries(sysctl).map(([key, value]) => [key.includes('.') ? key : TCP + key, value])),
    { tailNs: tailMs * 1e6 },
  );

/** A connection that closed: TIME_WAIT. */
const closed = (): Row[] => [
  ...open(V4),
  out(30, 'FA', { seq: 1001, ack: 5001 }),
  back(40, 'A', { seq: 5001, ack: 1002 }),
  back(50, 'FA', { seq: 5001, ack: 1002 }),
  out(60, 'A', { seq: 1002, ack: 5002 }),
];

const every = Object.fromEntries(
  ['syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack', 'time_wait', 'close'].map((key, i) => [
    `timeout_${key}`,
    100 + 10 * i,
  ]),
);

export const TCP_SCENES: KernelScene[] = [
  // Windows.
  tcpScene('a window scale that both offer widens the windows', [
    ...open(V4, scale(7), scale(7)),
    ...[0, 1, 2].map((i) => out(30 + i, 'A', { seq: 1001 + i * 60_000, ack: 5001, n: 1400 })),
    out(40, 'A', { seq: 900_000, ack: 5001, n: 1400 }),
    back(50, 'A', { seq: 5001, ack: 1001, window: 30_000 }),
    out(60, 'A', { seq: 1_200_000, ack: 5001, n: 1400 }),
    out(70, 'A', { seq: 6_000_000, ack: 5001, n: 1400 }),
  ]),
  tcpScene('a window scale that only the client offers counts for nobody', [
    ...open(V4, scale(7)),
    out(30, 'A', { seq: 9000, ack: 5001, n: 10 }),
    back(35, 'A', { seq: 5001, ack: 1001 }),
    out(40, 'A', { seq: 12_000, ack: 5001, n: 10 }),
    back(50, 'A', { seq: 14_000, ack: 1001, n: 10 }),
  ]),
  tcpScene('a window scale that only the server offers counts for nobody', [
    ...open(V4, {}, scale(7)),
    back(30, 'A', { seq: 5001, ack: 1001 }),
    out(40, 'A', { seq: 12_000, ack: 5001, n: 10 }),
    back(50, 'A', { seq: 14_000, ack: 1001, n: 10 }),
  ]),
  tcpScene('a window scale above 14 is 14', [
    ...open(V4, scale(15), scale(255)),
    out(30, 'A', { seq: 1001, ack: 5001 }),
    back(40, 'A', { seq: 5001, ack: 1001 }),
    out(50, 'A', { seq: 131_000_000, ack: 5001, n: 10 }),
    out(60, 'A', { seq: 132_100_000, ack: 5001, n: 10 }),
  ]),
  tcpScene('the window of a SYN is not scaled', [
    ...open(V4, { ...scale(7), window: 500 }, { ...scale(7), window: 500 }),
    out(30, 'A', { seq: 1001, ack: 5001, n: 600 }),
    out(35, 'A', { seq: 1601, ack: 5001, n: 600 }),
    back(40, 'A', { seq: 5001, ack: 1001, window: 500 }),
    out(50, 'A', { seq: 40_000, ack: 5001, n: 600 }),
  ]),
  tcpScene('a SACK edge beyond what was sent is invalid', [
    ...open(V4, SACK_OK, SACK_OK),
    out(30, 'A', { seq: 1001, ack: 5001, n: 100 }),
    back(40, 'A', { seq: 5001, ack: 1001, ...sack(1101, 1201) }),
    back(50, 'A', { seq: 5001, ack: 1001, ...sack(1051, 1101) }),
    out(60, 'A', { seq: 1101, ack: 5001, n: 100 }),
  ]),
  tcpScene('SACK blocks of those who did not agree on SACK are not read', [
    ...open(V4),
    out(30, 'A', { seq: 1001, ack: 5001, n: 100 }),
    back(40, 'A', { seq: 5001, ack: 1001, ...sack(1101, 99_201) }),
  ]),
  tcpScene('the SACK edge moves the window', [
    ...open(V4, SACK_OK, SACK_OK),
    out(30, 'A', { seq: 1001, ack: 5001, n: 1000 }),
    back(40, 'A', { seq: 5001, ack: 1001, window: 8000, ...sack(1501, 2001) }),
    out(50, 'A', { seq: 9990, ack: 5001, n: 10 }),
    out(60, 'A', { seq: 10_001, ack: 5001, n: 10 }),
    out(70, 'A', { seq: 10_030, ack: 5001, n: 10 }),
  ]),
  tcpScene('a broken SACK option is no SACK', [
    ...open(V4, SACK_OK, SACK_OK),
    out(30, 'A', { seq: 1001, ack: 5001, n: 100 }),
    back(40, 'A', { seq: 5001, ack: 1001, ...options(1, 1, 5, 9, 0, 9, 9, 9, 9, 9, 9, 1) }),
    back(50, 'A', { seq: 5001, ack: 1001, ...options(5, 40, 0, 0) }),
    back(60, 'A', { seq: 5001, ack: 1001, ...options(5, 0, 0, 0) }),
    back(70, 'A', { seq: 5001, ack: 1001, ...options(8, 10, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1) }),
  ]),
  tcpScene('old data far behind the window passes and changes nothing', [
    ...open(V4),
    out(30, 'A', { seq: 1001, ack: 5001, n: 1000 }),
    back(40, 'A', { seq: 5001, ack: 2001 }),
    out(50, 'A', { seq: 4_294_960_000, ack: 5001, n: 10 }),
    out(60, 'A', { seq: 1001, ack: 5001, n: 1000 }),
  ]),
  tcpScene('an ACK far behind passes and changes nothing', [
    ...open(V4),
    out(30, 'A', { seq: 1001, ack: 5001, n: 1000 }),
    back(40, 'A', { seq: 5001, ack: 2001 }),
    back(50, 'A', { seq: 5001, ack: 2001 - 65_000 + 2 ** 32 }),
    back(60, 'A', { seq: 5001, ack: 2001 - 70_000 + 2 ** 32 }),
  ]),
  tcpScene('a slight overshoot of the window passes, a great one is invalid', [
    ...open(V4),
    out(30, 'A', { seq: 9010, ack: 5001, n: 100 }),
    back(40, 'A', { seq: 5001, ack: 9110 }),
    back(45, 'A', { seq: 5001, ack: 1001 }),
    out(50, 'A', { seq: 16_990, ack: 5001, n: 100 }),
    out(60, 'A', { seq: 99_000, ack: 5001, n: 100 }),
  ]),
  tcpScene('an ACK of what was not sent is invalid', [
    ...open(V4),
    back(30, 'A', { seq: 5001, ack: 1002 }),
    back(40, 'A', { seq: 5001, ack: 1001 }),
    out(50, 'A', { seq: 1001, ack: 5002 }),
  ]),
  tcpScene(
    'be_liberal takes everything but a RST out of window',
    [
      ...open(V4),
      out(30, 'A', { seq: 99_000_000, ack: 5001, n: 100 }),
      back(40, 'A', { seq: 5001, ack: 77_000_000 }),
      out(50, 'R', { seq: 4_000_000_000 }),
      out(60, 'A', { seq: 1001, ack: 5001 }),
    ],
    { be_liberal: 1 },
  ),
  tcpScene('a zero window shortens the timeout, its probes are valid', [
    ...open(V4),
    out(30, 'A', { seq: 1001, ack: 5001, n: 1000 }),
    back(40, 'A', { seq: 5001, ack: 2001, window: 0 }),
    out(1000, 'A', { seq: 2001, ack: 5001, n: 1 }),
    back(1010, 'A', { seq: 5001, ack: 2001, window: 0 }),
    out(2000, 'A', { seq: 2001, ack: 5001, n: 1 }),
    back(2010, 'A', { seq: 5001, ack: 2001, window: 0 }),
    out(3000, 'A', { seq: 2001, ack: 5001, n: 2 }),
    out(3010, 'A', { seq: 2003, ack: 5001, n: 20 }),
  ]),
  tcpScene('the window opens again after a zero window', [
    ...open(V4),
    back(40, 'A', { seq: 5001, ack: 1001, window: 0 }),
    out(1000, 'A', { seq: 1001, ack: 5001, n: 1 }),
    back(1010, 'A', { seq: 5001, ack: 1002, window: 4000 }),
    out(1020, 'A', { seq: 1002, ack: 5001, n: 1000 }),
  ]),
  tcpScene(
    'keep-alives of an octet behind are valid and keep the connection',
    [
      ...open(V4),
      out(200_000, 'A', { seq: 1000, ack: 5001, n: 1 }),
      back(200_010, 'A', { seq: 5001, ack: 1001 }),
      out(400_000, 'A', { seq: 1000, ack: 5001 }),
      back(400_010, 'A', { seq: 5001, ack: 1001 }),
      back(500_000, 'A', { seq: 5000, ack: 1001 }),
    ],
    { timeout_established: 300 },
  ),
  tcpScene('sequence numbers go around', [
    ...open(V4, { seq: 4_294_967_290 }, { ack: 4_294_967_291 }).slice(0, 2),
    out(20, 'A', { seq: 4_294_967_291, ack: 5001 }),
    out(30, 'A', { seq: 4_294_967_291, ack: 5001, n: 100 }),
    back(40, 'A', { seq: 5001, ack: 95 }),
    out(50, 'A', { seq: 95, ack: 5001, n: 100 }),
    out(60, 'A', { seq: 4_294_967_291, ack: 5001, n: 100 }),
    out(70, 'R', { seq: 4_294_967_200 }),
    out(80, 'R', { seq: 195, ack: 0 }),
  ]),
  tcpScene('data beyond the first window of a handshake is invalid', [
    out(0, 'S', { seq: 1000, window: 100 }),
    back(10, 'SA', { seq: 5000, ack: 1001, window: 200 }),
    back(15, 'A', { seq: 5001, ack: 1001, n: 100 }),
    back(16, 'A', { seq: 5101, ack: 1001, n: 100 }),
    back(17, 'A', { seq: 5301, ack: 1001, n: 100 }),
    out(20, 'A', { seq: 1001, ack: 5001, window: 100, n: 100 }),
    out(30, 'A', { seq: 1402, ack: 5001, window: 100, n: 100 }),
  ]),
  tcpScene('data in a SYN and in its answer counts', [
    out(0, 'S', { seq: 1000, n: 20 }),
    back(10, 'SA', { seq: 5000, ack: 1021, n: 30 }),
    out(20, 'A', { seq: 1021, ack: 5031 }),
    back(30, 'A', { seq: 5031, ack: 1021, n: 5 }),
  ]),
  tcpScene('a SYN sent again starts its windows anew', [
    out(0, 'S', { seq: 1000 }),
    out(1000, 'S', { seq: 700_000 }),
    back(1010, 'SA', { seq: 5000, ack: 1001 }),
    back(1020, 'SA', { seq: 5000, ack: 700_001 }),
    out(1030, 'A', { seq: 700_001, ack: 5001 }),
  ]),
  tcpScene('a SYN with a lower number does not start anew', [
    out(0, 'S', { seq: 700_000 }),
    out(1000, 'S', { seq: 1000 }),
    back(1010, 'SA', { seq: 5000, ack: 1001 }),
    back(1020, 'SA', { seq: 5000, ack: 700_001 }),
  ]),
  // Picking up.
  tcpScene('a connection is picked up by an ACK, not by SYN/ACK, FIN or RST', [
    back(0, 'SA', { seq: 5000, ack: 1001 }),
    back(10, 'FA', { seq: 5000, ack: 1001 }),
    back(20, 'R', { seq: 5000, ack: 1001 }),
    back(30, 'RA', { seq: 5000, ack: 1001 }),
    back(40, 'PA', { seq: 5000, ack: 1001, n: 10 }),
    out(50, 'A', { seq: 1001, ack: 5010 }),
    back(60, 'FA', { seq: 5010, ack: 1001 }),
    out(70, 'FA', { seq: 1001, ack: 5011 }),
    back(80, 'A', { seq: 5011, ack: 1002 }),
  ]),
  tcpScene(
    'a connection picked up and never answered lives for timeout_unacknowledged',
    [
      out(0, 'A', { seq: 1000, ack: 5000, n: 10 }),
      out(100_000, 'A', { seq: 1010, ack: 5000, n: 10 }),
      back(350_000, 'A', { seq: 5000, ack: 1020 }),
      out(360_000, 'A', { seq: 1020, ack: 5000, n: 10 }),
    ],
    { timeout_unacknowledged: 200 },
  ),
  tcpScene('who picks up a connection is liberal in both directions', [
    out(0, 'A', { seq: 1000, ack: 5000, window: 100, n: 10 }),
    back(10, 'A', { seq: 99_000, ack: 1010, n: 10 }),
    out(20, 'A', { seq: 700_000, ack: 99_010, n: 10 }),
    back(30, 'R', { seq: 1, ack: 0 }),
    back(40, 'R', { seq: 99_010, ack: 0 }),
    out(50, 'A', { seq: 700_010, ack: 99_010 }),
  ]),
  tcpScene('a RST closes a connection that was picked up and never answered', [
    out(0, 'A', { seq: 1000, ack: 5000, n: 10 }),
    back(10, 'R', { seq: 5000 }),
    out(20, 'A', { seq: 1010, ack: 5000, n: 10 }),
    out(30, 'R', { seq: 1020 }),
  ]),
  tcpScene(
    'without loose only a SYN opens',
    [
      back(0, 'SA', { seq: 5000, ack: 1001 }),
      out(10, 'A', { seq: 1000, ack: 5000, n: 10 }),
      out(20, 'S', { seq: 1000 }),
      back(30, 'SA', { seq: 5000, ack: 1001 }),
      out(40, 'A', { seq: 1001, ack: 5001 }),
    ],
    { loose: 0 },
  ),
  // Retransmissions and timeouts.
  tcpScene(
    'max_retrans 1: the first repetition shortens the timeout',
    [...open(V4), out(30, 'PA', { seq: 1001, ack: 5001, n: 10 }), out(40, 'PA', { seq: 1001, ack: 5001, n: 10 })],
    { max_retrans: 1, timeout_max_retrans: 77 },
  ),
  tcpScene(
    'a repetition with another window is not one',
    [
      ...open(V4),
      ...[30, 40, 50, 60, 70].map((ms) => out(ms, 'PA', { seq: 1001, ack: 5001, n: 10, window: 8000 + ms })),
      back(80, 'A', { seq: 5001, ack: 1011 }),
    ],
    { timeout_max_retrans: 77 },
  ),
  tcpScene(
    'an answer ends a row of repetitions',
    [
      ...open(V4),
      ...[30, 40, 50, 60].map((ms) => out(ms, 'PA', { seq: 1001, ack: 5001, n: 10 })),
      back(80, 'A', { seq: 5001, ack: 1011 }),
    ],
    { timeout_max_retrans: 77 },
  ),
  tcpScene('max_retrans 0 shortens every timeout', open(V4), { max_retrans: 0, timeout_max_retrans: 77 }),
  tcpScene('unacknowledged data has its own timeout', [...open(V4), back(30, 'A', { seq: 5001, ack: 1001, n: 10 })], {
    timeout_unacknowledged: 55,
  }),
  ...(
    [
      ['SYN_SENT', open(V4).slice(0, 1)],
      ['SYN_RECV', open(V4).slice(0, 2)],
      ['ESTABLISHED', open(V4)],
      ['FIN_WAIT', closed().slice(0, 4)],
      ['CLOSE_WAIT', closed().slice(0, 5)],
      ['LAST_ACK', closed().slice(0, 6)],
      ['TIME_WAIT', closed()],
      ['CLOSE', [...open(V4), out(30, 'R', { seq: 1001 })]],
    ] as [string, Row[]][]
  ).map(([state, rows]) => tcpScene(`the timeout of ${state} is its sysctl's`, rows, every)),
  tcpScene('a SYN repeated does not keep an entry alive', [
    out(0, 'S', { seq: 1000 }),
    out(50_000, 'S', { seq: 1000 }),
    out(100_000, 'S', { seq: 1000 }),
    back(121_000, 'SA', { seq: 5000, ack: 1001 }),
  ]),
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
