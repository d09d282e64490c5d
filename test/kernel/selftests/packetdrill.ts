// packetdrill/*.pkt of nf_conntrack_packetdrill.sh: what conntrack says of odd TCP segments, here of a connection that is
// forwarded; `<` of the scripts is the far host, `>` the near one (except where the scripts' stack is the server).
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import type { TcpFields } from '../../../src/packet/build.ts';
import { later, type Row, scene, TcpTalk } from './talk.ts';

const CLIENT = '192.0.2.1';
const SERVER = '198.51.100.9';
const ROUTER = {
  interfaces: [
    { name: 'tun0', mac: '02:00:00:00:00:01', addresses: ['192.0.2.254/24'] },
    { name: 'tun1', mac: '02:00:00:00:00:02', addresses: ['198.51.100.254/24'] },
  ],
  sysctl: { 'net.netfilter.nf_conntrack_acct': 1 },
};
/** Every segment by state; the invalid ones are dropped, as the scripts do. */
const RULES = `table inet t {
	chain forward {
		type filter hook forward priority 0; policy accept;
		ct state invalid iifname "tun0" counter drop
		ct state invalid iifname "tun1" counter drop
		ct state new counter
		ct state established ct status assured counter
		ct state established counter
	}
}`;

const MSS = [2, 4, 0x05, 0xb4];
const NOP = [1];
const wscale = (shift: number): number[] => [3, 3, shift];
const stamps = (value: number, echo: number): number[] => [
  8,
  10,
  ...[value, echo].flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]),
];
const options = (...parts: number[][]): Uint8Array => Uint8Array.from(parts.flat());
const SYN_OPTIONS = options(MSS, [4, 2], stamps(1, 0), NOP, wscale(8));

type Segment = [
  from: 'near' | 'far',
  flags: string,
  seq: number,
  ack: number,
  length?: number,
  more?: Partial<TcpFields>,
  afterMs?: number,
];

/** Segments with the numbers of the script. */
function script(segments: Segment[]): Row[] {
  const talk = new TcpTalk({ device: 'tun0', ip: CLIENT, port: 34_375 }, { device: 'tun1', ip: SERVER, port: 8080 });
  return segments.flatMap(([from, flags, seq, ack, length = 0, more = {}, afterMs = 20]) =>
    later(afterMs, talk.segment(from, flags, length, { seq, ack, window: 65_535, ...more })),
  );
}

const one = (name: string, segments: Segment[]): KernelScene =>
  scene({ name: `nf_conntrack_packetdrill: ${name}`, router: ROUTER, ruleset: RULES, rows: script(segments) });

/** Connect, the server sends three times 1000 octets, the client 1000. */
const transferred: Segment[] = [
  ['near', 'S', 0, 0, 0, { options: SYN_OPTIONS }],
  ['far', 'SA', 0, 1, 0, { options: options(MSS) }],
  ['near', 'A', 1, 1],
  ...[0, 1, 2].map((i): Segment => ['far', 'A', 1 + i * 1000, 1, 1000]),
  ...[1, 2, 3].map((i): Segment => ['near', 'A', 1, 1 + i * 1000]),
  ['near', 'PA', 1, 3001, 1000],
];

const ackLoss: Segment[] = [
  ['near', 'S', 0, 0, 0, { window: 32_792, options: options([2, 4, 0x03, 0xe8]) }],
  ['far', 'SA', 0, 1, 0, { options: options(MSS) }],
  ['near', 'A', 1, 1],
  ...Array.from({ length: 46 }, (_, i) => i).flatMap((i): Segment[] => [
    ['near', 'PA', 1 + i * 1460, 1, 1460, { window: 257 }, 1],
    ['far', 'A', 1, 1461 + i * 1460, 0, {}, 1],
  ]),
  // All of it was acknowledged: a retransmission of the first.
  ['near', 'PA', 1, 1, 1460, { window: 257 }],
  ['far', 'A', 1, 67_161],
];

const inexactReset: Segment[] = [
  ...transferred,
  ['far', 'FA', 3001, 1001],
  ['near', 'A', 1001, 3002],
  ['near', 'RA', 1001, 3002, 0, {}, 1000],
  ['far', 'R', 2001, 0, 0, { window: 0 }, 100],
];

const invalidResets: Segment[] = [
  ...transferred,
  ['far', 'R', 0, 0, 0, { window: 0 }],
  ['far', 'R', 1_000_000, 0, 0, { window: 0 }],
  ['far', 'R', 42, 0, 0, { window: 0 }],
  ['near', 'PA', 1, 3001, 1000],
  ['far', 'A', 3001, 1001],
  ['far', 'RA', 3000, 1001, 0, { window: 0 }],
  ['far', 'RA', 3001, 1001, 0, { window: 0 }],
];

const STAMPED = options(MSS, NOP, NOP, stamps(1, 1), NOP, wscale(0));
const challenge: Segment[] = [
  ['near', 'S', 0, 0, 0, { options: SYN_OPTIONS }],
  ['far', 'A', 145_824_453, 643_160_523, 0, { window: 240, options: STAMPED }, 100],
  ['near', 'R', 643_160_523, 0, 0, { window: 0 }, 10],
  ['near', 'S', 0, 0, 0, { options: SYN_OPTIONS }, 110],
  ['far', 'SA', 0, 1, 0, { window: 250, options: STAMPED }, 100],
  ['near', 'A', 1, 1, 0, { window: 256, options: options(NOP, NOP, stamps(1, 1)) }, 10],
];

const oldSynAck: Segment[] = [
  ['near', 'S', 0, 0, 0, { options: SYN_OPTIONS }],
  ['far', 'SA', 145_824_453, 643_160_523, 0, { window: 240, options: STAMPED }, 100],
  ['near', 'S', 0, 0, 0, { options: options(MSS, [4, 2], stamps(1015, 0), NOP, wscale(8)) }, 1000],
  ['far', 'SA', 145_758_918, 1, 0, { window: 250, options: STAMPED }],
  ['near', 'PA', 1, 145_758_919, 1, { window: 256, options: options(NOP, NOP, stamps(1067, 1)) }],
  ['far', 'A', 145_758_919, 2, 0, { window: 250 }],
];

/** The SYN of a new connection meets the old one; the server challenges, the client resets and tries again. */
const reused: Segment[] = [
  [
    'near',
    'S',
    0,
    0,
    0,
    { window: 32_792, options: options([2, 4, 0x03, 0xe8], NOP, wscale(7), stamps(1, 0), NOP, NOP) },
  ],
  ['far', 'SA', 0, 1, 0, { options: options(MSS, NOP, NOP, stamps(100, 1), NOP, wscale(8)) }],
  ['near', 'A', 1, 1, 0, { window: 257, options: options(stamps(1, 100), NOP, NOP) }, 10],
  ['near', 'PA', 1, 1, 100, { window: 257, options: options(stamps(2, 100), NOP, NOP) }],
  ['far', 'A', 1, 101, 0, { window: 256, options: options(NOP, NOP, stamps(110, 2)) }],
  [
    'near',
    'S',
    2000,
    0,
    0,
    { window: 32_792, options: options([2, 4, 0x03, 0xe8], NOP, wscale(7), stamps(233, 0), NOP, NOP) },
    1000,
  ],
  ['far', 'A', 1, 101, 0, { window: 256, options: options(NOP, NOP, stamps(112, 2)) }],
  ['near', 'RA', 101, 1, 0, { window: 257 }],
  [
    'near',
    'S',
    2000,
    0,
    0,
    { window: 32_792, options: options([2, 4, 0x03, 0xe8], NOP, wscale(0), stamps(233, 0), NOP, NOP) },
    1500,
  ],
  ['far', 'SA', 9_000_000, 2001, 0, { options: options(MSS) }],
];

export const PACKETDRILL_SELFTESTS: KernelScene[] = [
  one('what was acknowledged long ago may come again', ackLoss),
  one('a reset that is not exact closes a connection that is closing', inexactReset),
  one('resets out of window are invalid and change nothing', invalidResets),
  one('a challenge ACK to a SYN passes, the reset after it clears the entry', challenge),
  one('a SYN ACK of an older incarnation is ignored', oldSynAck),
  one('a SYN within an established connection, challenged, reset, repeated', reused),
];
