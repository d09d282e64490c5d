// Golden: what Linux 6.12.117 did (kernel oracle, trace and final counters) with this ruleset, here as the bytecode that
// `nft --debug=netlink` shows for it:
//
//   table ip t { chain n { type nat hook postrouting priority 100; counter }
//                chain f { type filter hook forward priority 0; <the rules below> }
//                set d { type ipv4_addr; size 100; flags dynamic,timeout; } }
import { describe, expect, it } from 'vitest';
import type { Expression } from '../../../src/bytecode/expression.ts';
import { ether, hasGoodIpv4Checksum, ip, tcp, udp } from '../../../src/packet/build.ts';
import { base, chain, cmp, counter, immediate, rule, set, TestRouter, table } from './harness.ts';

const octets = (...data: number[]) => Uint8Array.from(data);

const RULES: { text: string; expressions: Expression[] }[] = [
  { text: 'counter', expressions: [] },
  {
    text: 'limit rate 3/second burst 2 packets',
    expressions: [{ kind: 'limit', limit: { type: 'packets', rate: 3, unit: 'second', burst: 2, invert: false } }],
  },
  {
    text: 'ip saddr . udp dport { 192.168.1.10 . 50-60 }',
    expressions: [
      { kind: 'meta', key: 'l4proto', dreg: 1 },
      cmp(1, 17),
      { kind: 'payload', base: 'network', offset: 12, length: 4, dreg: 1 },
      { kind: 'payload', base: 'transport', offset: 2, length: 2, dreg: 9 },
      { kind: 'lookup', set: '__set0', sreg: 1, invert: false },
    ],
  },
  {
    text: 'meta length 40-100',
    expressions: [
      { kind: 'meta', key: 'len', dreg: 1 },
      { kind: 'byteorder', op: 'hton', sreg: 1, dreg: 1, length: 4, size: 4 },
      { kind: 'cmp', op: 'gte', sreg: 1, data: octets(0, 0, 0, 40) },
      { kind: 'cmp', op: 'lte', sreg: 1, data: octets(0, 0, 0, 100) },
    ],
  },
  {
    text: 'tcp option maxseg size set 1300',
    expressions: [immediate(1, 5, 20), { kind: 'exthdr-set', op: 'tcpopt', type: 2, offset: 2, length: 2, sreg: 1 }],
  },
  {
    text: 'fib saddr . iif oif exists',
    expressions: [{ kind: 'fib', flags: ['saddr', 'iif'], result: 'oif', present: true, dreg: 1 }, cmp(1, 1)],
  },
  {
    text: 'fib daddr type unicast',
    expressions: [{ kind: 'fib', flags: ['daddr'], result: 'type', present: false, dreg: 1 }, cmp(1, 1, 0, 0, 0)],
  },
  {
    text: 'ip dscp set af21',
    expressions: [
      { kind: 'payload', base: 'network', offset: 0, length: 2, dreg: 1 },
      { kind: 'bitwise', op: 'mask-xor', sreg: 1, dreg: 1, length: 2, mask: octets(0xff, 3), xor: octets(0, 0x48) },
      {
        kind: 'payload-set',
        base: 'network',
        offset: 0,
        length: 2,
        sreg: 1,
        checksumType: 1,
        checksumOffset: 10,
        checksumFlags: 0,
      },
    ],
  },
  {
    text: 'meta mark set numgen inc mod 3',
    expressions: [
      { kind: 'numgen', type: 'incremental', modulus: 3, offset: 0, dreg: 1 },
      { kind: 'meta-set', key: 'mark', sreg: 1 },
    ],
  },
  {
    text: 'update @d { ip saddr timeout 10s limit rate over 2/second burst 1 packets }',
    expressions: [
      { kind: 'payload', base: 'network', offset: 12, length: 4, dreg: 1 },
      {
        kind: 'dynset',
        op: 'update',
        set: 'd',
        sregKey: 1,
        timeoutMs: 10_000,
        invert: false,
        expressions: [{ kind: 'limit', limit: { type: 'packets', rate: 2, unit: 'second', burst: 1, invert: true } }],
      },
    ],
  },
  { text: 'quota over 200 bytes', expressions: [{ kind: 'quota', bytes: 200, consumedBytes: 0, invert: true }] },
];

const SETS = [
  set('__set0', 8, {
    anonymous: true,
    interval: true,
    keyFieldLengths: [4, 2],
    elements: [{ key: octets(192, 168, 1, 10, 0, 50, 0, 0), keyEnd: octets(192, 168, 1, 10, 0, 60, 0, 0) }],
  }),
  set('d', 4, { dynamic: true, timeout: true, sizeElements: 100 }),
];

const PATH = { src: '192.168.1.10', dst: '198.51.100.1' };
const payload = Uint8Array.from({ length: 20 }, (_, i) => i);
const datagram = (id: number, dport: number) => ip({ ...PATH, id }, udp({ sport: 1000, dport }, payload));
const syn = (sport: number, ...options: number[]) =>
  ip({ ...PATH, id: 9 }, tcp({ sport, dport: 80, seq: 1, flags: 'S', options: octets(...options) }));

/** Guest time in nanoseconds, the packet, the rules that the kernel's trace shows, the transport header that came out. */
const PACKETS: { timeNs: number; bytes: Uint8Array; trace: number[]; out?: string }[] = [
  { timeNs: 2088, bytes: datagram(0, 80), trace: [0, 1, 3, 5, 6, 7, 8] },
  { timeNs: 100008207, bytes: datagram(1, 53), trace: [0, 1, 2, 3, 5, 6, 7, 8, 9] },
  { timeNs: 200008697, bytes: datagram(2, 80), trace: [0, 3, 5, 6, 7, 8, 9] },
  { timeNs: 300008077, bytes: datagram(3, 53), trace: [0, 2, 3, 5, 6, 7, 8, 9] },
  {
    timeNs: 500009092,
    bytes: syn(1000, 2, 4, 5, 180),
    trace: [0, 1, 3, 4, 5, 6, 7, 8, 10],
    out: '03e8005000000001000000006002ffffa8a6000002040514',
  },
  {
    // At an odd offset the kernel's own checksum comes out wrong.
    timeNs: 600008078,
    bytes: syn(1001, 1, 2, 4, 5, 180, 1, 1, 1),
    trace: [0, 3, 4, 5, 6, 7, 8, 9, 10],
    out: '03e9005000000001000000007002ffffe64f00000102040514010101',
  },
];

describe('the rules of a chain, as 6.12.117 ran them', () => {
  const rules = RULES.map(({ expressions }) => rule(...expressions, counter));
  const router = new TestRouter([
    table(
      'ip',
      [
        chain('n', [rule(counter)], base('postrouting', { type: 'nat', priority: 100 })),
        chain('f', rules, base('forward')),
      ],
      {
        sets: SETS,
      },
    ),
  ]);

  it.each(PACKETS)('match at $timeNs ns', ({ timeNs, bytes, trace, out }) => {
    expect(router.run('forward', ether({}, bytes), { timeNs })).toBe('accept');
    // Rule 0 is the nat chain's.
    const matched = router.events().flatMap((event) => /^rule (\d+) matched$/.exec(event)?.[1] ?? []);
    expect(matched.map((index) => Number(index) - 1)).toEqual(trace);
    const { data, network, transport, networkEnd } = router.packet;
    expect(data[network + 1]).toBe(0x48);
    expect(hasGoodIpv4Checksum(data, network)).toBe(true);
    if (out !== undefined) expect(Buffer.from(data.subarray(transport, networkEnd)).toString('hex')).toBe(out);
    router.netfilter.run(4, 2, router.packet);
  });

  it('counted so, and the nat chain without a nat statement never ran', () => {
    const states = router.netfilter.state().tables[0]?.chains.flatMap((one) => one.rules.map((row) => row.at(-1)));
    expect(states?.map((state) => (state?.kind === 'counter' ? [state.packets, state.bytes] : state))).toEqual([
      [0, 0],
      [6, 284],
      [3, 140],
      [2, 96],
      [6, 284],
      [2, 92],
      [6, 284],
      [6, 284],
      [6, 284],
      [6, 284],
      [4, 192],
      [2, 92],
    ]);
  });

  it('left this element', () => {
    router.netfilter.advance(1_600_008_078);
    const limit = { type: 'packets', rate: 2, unit: 'second', burst: 1, invert: true };
    expect(router.netfilter.state().tables[0]?.sets[1]?.elements).toEqual([
      { key: octets(192, 168, 1, 10), timeoutMs: 10_000, expiresMs: 9000, expressions: [{ kind: 'limit', limit }] },
    ]);
  });
});
