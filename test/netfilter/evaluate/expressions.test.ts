// Each kind of expression in a rule of its own: does it go on, and what did it load or change?
import { describe, expect, it } from 'vitest';
import type { Expression } from '../../../src/bytecode/expression.ts';
import type { Family, NftSet } from '../../../src/bytecode/ruleset.ts';
import { arp, ether, fragmentIpv4, fragmentIpv6, icmp, ip, tcp, udp } from '../../../src/packet/build.ts';
import { internetChecksum, pseudoHeaderSum } from '../../../src/packet/checksum.ts';
import type { Packet } from '../../../src/packet/packet.ts';
import { base, chain, cmp, counter, dport, immediate, rule, set, TestRouter, table, transport } from './harness.ts';

const FROM = { src: '192.168.1.10', dst: '198.51.100.1' };
const UDP = ether({}, ip(FROM, udp({ sport: 1000, dport: 53 }, new Uint8Array(10).fill(7))));
const MSS = Uint8Array.of(2, 4, 5, 180, 1, 3, 3, 7);
const SYN = ether({}, ip(FROM, tcp({ sport: 1000, dport: 80, flags: 'S', options: MSS })));
const SIX = ether({}, ip({ src: 'fd00:1::10', dst: '2001:db8::1' }, udp({ sport: 1000, dport: 53 })));
const PING = ether({}, ip(FROM, icmp(8, 0, 1)));

/** A router whose forward hook has one rule; a counter at its end says whether it matched. */
function one(expressions: Expression[], family: Family = 'inet', sets: NftSet[] = []): TestRouter {
  return new TestRouter([table(family, [chain('c', [rule(...expressions, counter)], base('forward'))], { sets })]);
}

function matches(expressions: Expression[], frame: Uint8Array, more: Partial<Packet> = {}): boolean {
  const router = one(expressions);
  router.run('forward', frame, more);
  return router.counters()[0] === 1;
}

const octets = (...data: number[]) => Uint8Array.from(data);

describe('payload and comparisons', () => {
  const load = (length: number, offset = 16): Expression => ({
    kind: 'payload',
    base: 'network',
    offset,
    length,
    dreg: 1,
  });
  const compare = (op: 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte', ...data: number[]): Expression => ({
    kind: 'cmp',
    op,
    sreg: 1,
    data: Uint8Array.from(data),
  });
  const cases: { what: string; expressions: Expression[]; frame?: Uint8Array; matched: boolean }[] = [
    { what: 'daddr equal', expressions: [load(4), compare('eq', 198, 51, 100, 1)], matched: true },
    { what: 'daddr not equal', expressions: [load(4), compare('neq', 198, 51, 100, 1)], matched: false },
    { what: 'a prefix of three octets', expressions: [load(3), compare('eq', 198, 51, 100)], matched: true },
    { what: 'another prefix', expressions: [load(3), compare('eq', 198, 51, 101)], matched: false },
    { what: 'less in network order', expressions: [load(4), compare('lt', 198, 51, 100, 2)], matched: true },
    { what: 'less than itself', expressions: [load(4), compare('lt', 198, 51, 100, 1)], matched: false },
    { what: 'at most itself', expressions: [load(4), compare('lte', 198, 51, 100, 1)], matched: true },
    { what: 'greater', expressions: [load(4), compare('gt', 198, 51, 99, 255)], matched: true },
    { what: 'at least more', expressions: [load(4), compare('gte', 199)], matched: false },
    {
      what: 'both addresses at once',
      expressions: [load(8, 12), compare('eq', 192, 168, 1, 10, 198, 51, 100, 1)],
      matched: true,
    },
    {
      what: 'both addresses, one octet off',
      expressions: [load(8, 12), compare('eq', 192, 168, 1, 10, 198, 51, 100, 0)],
      matched: false,
    },
    {
      what: 'an IPv6 address',
      expressions: [load(16, 24), compare('eq', 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)],
      frame: SIX,
      matched: true,
    },
    { what: 'beyond the datagram', expressions: [load(4, 40)], matched: false },
    { what: 'up to its last octet', expressions: [load(4, 34)], matched: true },
    { what: 'a destination port', expressions: dport(17, 53), matched: true },
    { what: 'a destination port of another protocol', expressions: dport(6, 53), matched: false },
    {
      what: 'a range of ports',
      expressions: [
        ...transport(17, 2, 2),
        { kind: 'range', op: 'eq', sreg: 1, from: octets(0, 50), to: octets(0, 60) },
      ],
      matched: true,
    },
    {
      what: 'outside of a range',
      expressions: [
        ...transport(17, 2, 2),
        { kind: 'range', op: 'neq', sreg: 1, from: octets(0, 50), to: octets(0, 60) },
      ],
      matched: false,
    },
    { what: 'the first octet of the payload', expressions: [...transport(17, 8, 1), cmp(1, 7)], matched: true },
    {
      what: 'the inner header of UDP',
      expressions: [{ kind: 'payload', base: 'inner', offset: 0, length: 2, dreg: 1 }, cmp(1, 7, 7)],
      matched: true,
    },
    {
      what: 'the EtherType',
      expressions: [{ kind: 'payload', base: 'link', offset: 12, length: 2, dreg: 1 }, cmp(1, 8, 0)],
      matched: true,
    },
    {
      what: 'the source MAC address',
      expressions: [{ kind: 'payload', base: 'link', offset: 6, length: 6, dreg: 1 }, cmp(1, 2, 0xee, 0, 0, 0, 1)],
      matched: true,
    },
  ];
  it.each(cases)('$what: $matched', ({ expressions, frame = UDP, matched }) => {
    expect(matches(expressions, frame)).toBe(matched);
  });

  it('zeroes the rest of a register word, so that longer comparisons see no leavings', () => {
    const expressions = [immediate(1, 255, 255, 255, 255), load(2), cmp(1, 198, 51, 0, 0)];
    expect(matches(expressions, UDP)).toBe(true);
  });

  it('breaks where the capture cut the packet', () => {
    expect(matches(transport(17, 8, 4), UDP, { wireLength: UDP.length })).toBe(true);
    const cut = UDP.subarray(0, 14 + 20 + 8);
    expect(matches(transport(17, 2, 2), cut)).toBe(true);
    expect(matches(transport(17, 8, 4), cut)).toBe(false);
  });

  it('does not reach into the Ethernet padding', () => {
    const padded = new Uint8Array(60);
    padded.set(PING);
    expect(matches([load(4, 28)], padded)).toBe(false);
  });

  it('has no link-layer header in packets of the router itself', () => {
    const expressions: Expression[] = [{ kind: 'payload', base: 'link', offset: 12, length: 2, dreg: 1 }];
    expect(matches(expressions, UDP, { isGenerated: true })).toBe(false);
  });
});

describe('later fragments', () => {
  const inner = new Uint8Array(64);
  inner.set([0, 9, 0, 53], 24);
  const fragments = fragmentIpv4(ip(FROM, udp({ sport: 1000, dport: 53 }, inner)), 52).map((one) => ether({}, one));
  const first = fragments[0] ?? UDP;
  const second = fragments[1] ?? UDP;

  it('aligned loads of 1, 2 and 4 octets read what stands there instead of the ports (6.12.117)', () => {
    expect(matches(dport(17, 53), first)).toBe(true);
    expect(matches(dport(17, 53), second)).toBe(true);
    expect(matches([...transport(17, 0, 4), cmp(1, 0, 9, 0, 53)], second)).toBe(true);
  });

  it('other loads break', () => {
    expect(matches(transport(17, 1, 3), first)).toBe(true);
    expect(matches(transport(17, 1, 3), second)).toBe(false);
    expect(matches([{ kind: 'payload', base: 'inner', offset: 0, length: 1, dreg: 1 }], second)).toBe(false);
  });

  it('of IPv6 read the network header', () => {
    const six = fragmentIpv6(ip({ src: 'fd00:1::10', dst: '2001:db8::1' }, udp({ sport: 1, dport: 2 }, inner)), 88, 9);
    const later = ether({}, six[1] ?? new Uint8Array(0));
    expect(matches([...transport(17, 0, 1), cmp(1, 0x60)], later)).toBe(true);
  });
});

describe('registers', () => {
  const cases: { what: string; expressions: Expression[]; matched: boolean }[] = [
    {
      what: 'mask and xor',
      expressions: [
        immediate(1, 0xf1, 0x22, 0x33, 0x44),
        {
          kind: 'bitwise',
          op: 'mask-xor',
          sreg: 1,
          dreg: 2,
          length: 4,
          mask: octets(0xf0, 0xff, 0, 0),
          xor: octets(1, 0, 0, 5),
        },
        cmp(2, 0xf1, 0x22, 0, 5),
      ],
      matched: true,
    },
    {
      what: 'mask of sixteen octets',
      expressions: [
        immediate(1, ...new Array<number>(16).fill(0xff)),
        {
          kind: 'bitwise',
          op: 'mask-xor',
          sreg: 1,
          dreg: 1,
          length: 16,
          mask: octets(...new Array<number>(16).fill(0x0f)),
          xor: octets(...new Array<number>(16).fill(0)),
        },
        cmp(1, ...new Array<number>(16).fill(0x0f)),
      ],
      matched: true,
    },
    {
      what: 'shift left carries into the word before',
      expressions: [
        immediate(1, 0, 0, 0, 0, 0, 0, 0, 0x80),
        { kind: 'bitwise', op: 'lshift', sreg: 1, dreg: 1, length: 8, shift: 1 },
        cmp(1, 1, 0, 0, 0, 0, 0, 0, 0),
      ],
      matched: true,
    },
    {
      what: 'shift right of a host-order number',
      expressions: [
        immediate(1, 0, 0, 1, 0),
        { kind: 'bitwise', op: 'rshift', sreg: 1, dreg: 1, length: 4, shift: 16 },
        cmp(1, 1, 0, 0, 0),
      ],
      matched: true,
    },
    {
      what: 'or of two registers',
      expressions: [
        immediate(1, 1, 0, 0, 0),
        immediate(2, 4, 0, 0, 0),
        { kind: 'bitwise', op: 'or', sreg: 1, sreg2: 2, dreg: 3, length: 4 },
        cmp(3, 5, 0, 0, 0),
      ],
      matched: true,
    },
    {
      what: 'byte order of two octets',
      expressions: [
        immediate(1, 1, 2),
        { kind: 'byteorder', op: 'hton', sreg: 1, dreg: 1, length: 2, size: 2 },
        cmp(1, 2, 1),
      ],
      matched: true,
    },
    {
      what: 'byte order of four octets',
      expressions: [
        immediate(1, 1, 2, 3, 4),
        { kind: 'byteorder', op: 'ntoh', sreg: 1, dreg: 1, length: 4, size: 4 },
        cmp(1, 4, 3, 2, 1),
      ],
      matched: true,
    },
    {
      what: 'byte order of eight octets',
      expressions: [
        immediate(1, 1, 2, 3, 4, 5, 6, 7, 8),
        { kind: 'byteorder', op: 'hton', sreg: 1, dreg: 1, length: 8, size: 8 },
        cmp(1, 8, 7, 6, 5, 4, 3, 2, 1),
      ],
      matched: true,
    },
    {
      what: '4-octet registers lie over 16-octet ones',
      expressions: [
        immediate(9, 1, 2, 3, 4),
        cmp(9, 1, 2, 3, 4),
        immediate(1, 0, 0, 0, 0, 5, 6, 7, 8),
        cmp(9, 5, 6, 7, 8),
      ],
      matched: true,
    },
  ];
  it.each(cases)('$what', ({ expressions, matched }) => {
    expect(matches(expressions, UDP)).toBe(matched);
  });
});

describe('meta', () => {
  const get = (key: Extract<Expression, { kind: 'meta' }>['key']): Expression => ({ kind: 'meta', key, dreg: 1 });
  const name = (text: string) =>
    cmp(
      1,
      ...text
        .padEnd(16, '\0')
        .split('')
        .map((letter) => letter.charCodeAt(0)),
    );
  const prefix = (text: string) => cmp(1, ...text.split('').map((letter) => letter.charCodeAt(0)));
  const cases: {
    what: string;
    expressions: Expression[];
    frame?: Uint8Array;
    more?: Partial<Packet>;
    matched: boolean;
  }[] = [
    { what: 'iifname', expressions: [get('iifname'), name('lan0')], matched: true },
    { what: 'oifname', expressions: [get('oifname'), name('lan0')], matched: false },
    { what: 'iifname with a wildcard', expressions: [get('iifname'), prefix('la')], matched: true },
    {
      what: 'iifname exactly, not the longer name',
      expressions: [get('iifname'), name('lan0')],
      more: { iif: 3 },
      matched: false,
    },
    { what: 'no interface: an empty name', expressions: [get('iifname'), name('')], more: { iif: 0 }, matched: true },
    {
      what: 'oif',
      expressions: [get('oif'), cmp(1, 2, 0, 0, 0)],
      matched: true,
    },
    { what: 'nfproto', expressions: [get('nfproto'), cmp(1, 2)], matched: true },
    { what: 'nfproto of IPv6', expressions: [get('nfproto'), cmp(1, 10)], frame: SIX, matched: true },
    { what: 'protocol', expressions: [get('protocol'), cmp(1, 0x86, 0xdd)], frame: SIX, matched: true },
    { what: 'length of the datagram, not of the frame', expressions: [get('len'), cmp(1, 38, 0, 0, 0)], matched: true },
    { what: 'mark', expressions: [get('mark'), cmp(1, 4, 3, 2, 1)], more: { mark: 0x01020304 }, matched: true },
    { what: 'iiftype ether', expressions: [get('iftype'), cmp(1, 1, 0)], matched: true },
    { what: 'iifkind of a VLAN', expressions: [get('iifkind'), name('vlan')], more: { iif: 3 }, matched: true },
    { what: 'iifkind of a physical device', expressions: [get('iifkind')], matched: false },
    { what: 'pkttype multicast', expressions: [get('pkttype'), cmp(1, 2)], more: { packetType: 2 }, matched: true },
    { what: 'skuid of a forwarded packet', expressions: [get('skuid')], matched: false },
  ];
  it.each(cases)('$what: $matched', ({ expressions, frame = UDP, more = {}, matched }) => {
    expect(matches(expressions, frame, more)).toBe(matched);
  });

  it('sets mark, priority and packet type', () => {
    const router = one([
      immediate(1, 9, 0, 0, 0),
      { kind: 'meta-set', key: 'mark', sreg: 1 },
      { kind: 'meta-set', key: 'priority', sreg: 1 },
      immediate(1, 1),
      { kind: 'meta-set', key: 'pkttype', sreg: 1 },
    ]);
    router.run('forward', UDP);
    expect(router.packet).toMatchObject({ mark: 9, priority: 9, packetType: 1 });
  });

  it('knows the wall clock: day of the week, seconds of the day, nanoseconds', () => {
    // 2023-11-14 22:13:20.5 UTC, a Tuesday, and 1.5 s of replay.
    const epochNs = 1_700_000_000_500_000_000n;
    const seconds = 22 * 3600 + 13 * 60 + 22;
    const now = epochNs + 1_500_000_000n;
    const octetsOf = (value: bigint, length: number) =>
      Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
    const rules = [
      rule(get('day'), cmp(1, 2), counter),
      rule(get('hour'), cmp(1, ...octetsOf(BigInt(seconds), 4)), counter),
      rule(get('time'), cmp(1, ...octetsOf(now, 8)), counter),
    ];
    const router = new TestRouter([table('ip', [chain('c', rules, base('forward'))])], { epochNs });
    router.run('forward', UDP, { timeNs: 1_500_000_000 });
    expect(router.counters()).toEqual([1, 1, 1]);
  });

  it('iifname in postrouting is the interface it came in at, in output there is none', () => {
    const match = rule(get('iifname'), name('lan0'), counter);
    const router = new TestRouter([
      table('ip', [chain('p', [match], base('postrouting')), chain('o', [match], base('output'))]),
    ]);
    router.run('postrouting', UDP);
    router.run('output', UDP);
    expect(router.counters()).toEqual([1, 0]);
  });
});

describe('counters', () => {
  it('count octets of the datagram at ip hooks, of the frame behind the Ethernet header at ingress, all of it at egress', () => {
    const padded = new Uint8Array(60);
    padded.set(PING);
    const devices = ['lan0', 'wan0'];
    const router = new TestRouter([
      table('netdev', [
        chain('i', [rule(counter)], base('ingress', { devices })),
        chain('e', [rule(counter)], base('egress', { devices })),
      ]),
      table('inet', [chain('f', [rule(counter)], base('forward'))], { name: 'u' }),
    ]);
    router.run('ingress', padded);
    router.run('forward', padded);
    router.run('egress', padded);
    const bytes = router.netfilter.state().tables.flatMap((t) => t.chains.map((c) => c.rules[0]?.[0]));
    expect(bytes).toEqual([
      { kind: 'counter', packets: 1, bytes: 46 },
      { kind: 'counter', packets: 1, bytes: 60 },
      { kind: 'counter', packets: 1, bytes: 28 },
    ]);
  });
});

describe('payload set', () => {
  const write = (base_: 'network' | 'transport', offset: number, data: number[], more: object): Expression[] => [
    immediate(1, ...data),
    {
      kind: 'payload-set',
      base: base_,
      offset,
      length: data.length,
      sreg: 1,
      checksumType: 0,
      checksumOffset: 0,
      checksumFlags: 0,
      ...more,
    },
  ];
  const goodSums = (packet: Packet): boolean[] => {
    const { data, network, transport: at, networkEnd, protocol } = packet;
    const seed = pseudoHeaderSum(data, network, 4, protocol, networkEnd - at);
    return [internetChecksum(data, network, at) === 0, internetChecksum(data, at, networkEnd, seed) === 0];
  };

  it.each([
    {
      what: 'DSCP keeps the header sum',
      expressions: write('network', 0, [0x45, 0xb8], { checksumType: 1, checksumOffset: 10 }),
      at: 1,
      value: 0xb8,
    },
    {
      what: 'TTL keeps the header sum',
      expressions: write('network', 8, [9, 17], { checksumType: 1, checksumOffset: 10 }),
      at: 8,
      value: 9,
    },
    {
      what: 'daddr keeps both sums',
      expressions: write('network', 16, [10, 9, 8, 7], { checksumType: 1, checksumOffset: 10, checksumFlags: 1 }),
      at: 16,
      value: 10,
    },
    {
      what: 'dport keeps the UDP sum',
      expressions: write('transport', 2, [1, 2], { checksumType: 1, checksumOffset: 6 }),
      at: 22,
      value: 1,
    },
  ])('$what', ({ expressions, at, value }) => {
    const router = one(expressions);
    router.run('forward', UDP);
    expect(router.counters()).toEqual([1]);
    expect(router.packet.data[router.packet.network + at]).toBe(value);
    expect(goodSums(router.packet)).toEqual([true, true]);
  });

  it('leaves a UDP checksum of zero alone', () => {
    const frame = UDP.slice();
    frame.fill(0, 40, 42);
    const router = one(write('network', 16, [10, 9, 8, 7], { checksumType: 1, checksumOffset: 10, checksumFlags: 1 }));
    router.run('forward', frame);
    expect(router.packet.data[router.packet.transport + 6]).toBe(0);
    expect(router.packet.data[router.packet.transport + 7]).toBe(0);
  });

  it('breaks beyond the packet', () => {
    expect(matches(write('transport', 40, [1, 2], {}), UDP)).toBe(false);
  });
});

describe('tcp options', () => {
  const clamp = (size: number): Expression[] => [
    immediate(1, size >>> 8, size & 255),
    { kind: 'exthdr-set', op: 'tcpopt', type: 2, offset: 2, length: 2, sreg: 1 },
  ];
  const sum = (packet: Packet) =>
    internetChecksum(
      packet.data,
      packet.transport,
      packet.networkEnd,
      pseudoHeaderSum(packet.data, packet.network, 4, 6, packet.networkEnd - packet.transport),
    );

  it.each([
    { size: 1400, left: 1400 },
    { size: 1460, left: 1460 },
    { size: 1500, left: 1460 },
  ])('maxseg set to $size leaves $left: it is only lowered', ({ size, left }) => {
    const router = one(clamp(size));
    router.run('forward', SYN);
    const { data, transport: at } = router.packet;
    expect(((data[at + 22] ?? 0) << 8) | (data[at + 23] ?? 0)).toBe(left);
    expect(sum(router.packet)).toBe(0);
    expect(router.counters()).toEqual([1]);
  });

  it('set breaks for other protocols, goes on without the option', () => {
    expect(matches(clamp(1400), UDP)).toBe(false);
    expect(matches(clamp(1400), ether({}, ip(FROM, tcp({ sport: 1, dport: 2 }))))).toBe(true);
  });

  const option = (type: number, present: boolean, length = 2, offset = 2): Expression => ({
    kind: 'exthdr',
    op: 'tcpopt',
    type,
    offset,
    length,
    dreg: 1,
    present,
  });
  it.each([
    { what: 'maxseg size', expressions: [option(2, false), cmp(1, 5, 180)], matched: true },
    { what: 'window', expressions: [option(3, false, 1), cmp(1, 7)], matched: true },
    { what: 'missing SACK', expressions: [option(4, false, 1, 0)], matched: false },
    { what: 'presence of maxseg', expressions: [option(2, true, 1, 0), cmp(1, 1)], matched: true },
    { what: 'absence of SACK', expressions: [option(4, true, 1, 0), cmp(1, 0)], matched: true },
  ])('$what: $matched', ({ expressions, matched }) => {
    expect(matches(expressions, SYN)).toBe(matched);
  });

  it('reset overwrites the option with NOPs and keeps the checksum', () => {
    const router = one([{ kind: 'exthdr-reset', op: 'tcpopt', type: 3 }]);
    router.run('forward', SYN);
    const { data, transport: at } = router.packet;
    expect([...data.subarray(at + 20, at + 28)]).toEqual([2, 4, 5, 180, 1, 1, 1, 1]);
    expect(sum(router.packet)).toBe(0);
  });

  it('options of length 0 do not hang the walk', () => {
    const hostile = ether({}, ip(FROM, tcp({ sport: 1, dport: 2, options: octets(9, 0, 9, 0) })));
    expect(matches([option(2, false)], hostile)).toBe(false);
  });
});

describe('rt tcpmss', () => {
  const get: Expression = { kind: 'rt', key: 'tcpmss', dreg: 1 };
  it('is the smaller MTU of both ways less the headers', () => {
    expect(matches([get, cmp(1, 1452 & 255, 1452 >>> 8)], SYN)).toBe(true);
    expect(matches([get, cmp(1, 1432 & 255, 1432 >>> 8)], SIX)).toBe(true);
  });
  it('breaks before routing', () => {
    expect(matches([get], SYN, { oif: 0 })).toBe(false);
  });
});

describe('fib', () => {
  const fib = (
    flags: Extract<Expression, { kind: 'fib' }>['flags'],
    result: 'oif' | 'type',
    present = false,
  ): Expression => ({
    kind: 'fib',
    flags,
    result,
    present,
    dreg: 1,
  });
  const to = (dst: string) => ether({}, ip({ src: '192.168.1.10', dst }, udp({ sport: 1, dport: 2 })));
  const from = (src: string) => ether({}, ip({ src, dst: '198.51.100.1' }, udp({ sport: 1, dport: 2 })));
  const cases: { what: string; expressions: Expression[]; frame: Uint8Array; matched: boolean }[] = [
    {
      what: 'daddr type local',
      expressions: [fib(['daddr'], 'type'), cmp(1, 2)],
      frame: to('203.0.113.1'),
      matched: true,
    },
    {
      what: 'daddr type unicast',
      expressions: [fib(['daddr'], 'type'), cmp(1, 1)],
      frame: to('198.51.100.1'),
      matched: true,
    },
    {
      what: 'daddr type broadcast',
      expressions: [fib(['daddr'], 'type'), cmp(1, 3)],
      frame: to('192.168.1.255'),
      matched: true,
    },
    {
      what: 'daddr type multicast',
      expressions: [fib(['daddr'], 'type'), cmp(1, 5)],
      frame: to('224.0.0.251'),
      matched: true,
    },
    {
      what: 'daddr . iif type of another interface',
      expressions: [fib(['daddr', 'iif'], 'type'), cmp(1, 2)],
      frame: to('203.0.113.1'),
      matched: false,
    },
    {
      what: 'daddr . iif type of this interface',
      expressions: [fib(['daddr', 'iif'], 'type'), cmp(1, 2)],
      frame: to('192.168.1.1'),
      matched: true,
    },
    {
      what: 'saddr . iif oif exists',
      expressions: [fib(['saddr', 'iif'], 'oif', true), cmp(1, 1)],
      frame: from('192.168.1.77'),
      matched: true,
    },
    {
      what: 'saddr . iif oif missing for a spoofed source',
      expressions: [fib(['saddr', 'iif'], 'oif', true), cmp(1, 0)],
      frame: from('8.8.8.8'),
      matched: true,
    },
    {
      what: 'saddr oif',
      expressions: [fib(['saddr'], 'oif'), cmp(1, 2, 0, 0, 0)],
      frame: from('8.8.8.8'),
      matched: true,
    },
    { what: 'IPv6 daddr type unicast', expressions: [fib(['daddr'], 'type'), cmp(1, 1)], frame: SIX, matched: true },
    {
      what: 'IPv6 saddr . iif oif exists',
      expressions: [fib(['saddr', 'iif'], 'oif', true), cmp(1, 1)],
      frame: SIX,
      matched: true,
    },
  ];
  it.each(cases)('$what: $matched', ({ expressions, frame, matched }) => {
    expect(matches(expressions, frame)).toBe(matched);
  });
});

describe('generators', () => {
  it('numgen inc counts from 0 below its modulus', () => {
    const router = one([{ kind: 'numgen', type: 'incremental', modulus: 3, offset: 0, dreg: 1 }, cmp(1, 0, 0, 0, 0)]);
    for (let i = 0; i < 7; i++) router.run('forward', UDP);
    expect(router.counters()).toEqual([3]);
  });
  it("jhash is the kernel's (lookup3), scaled to the modulus", () => {
    // hashlittle("Four score and seven years ago", 30, 0) = 0x17770551, by its author's own driver.
    const text = [...'Four score and seven years ago'].map((letter) => letter.charCodeAt(0));
    const expressions: Expression[] = [
      immediate(1, ...text.slice(0, 16)),
      immediate(2, ...text.slice(16)),
      { kind: 'hash', type: 'jenkins', sreg: 1, length: 30, modulus: 1 << 24, seed: 0, offset: 0, dreg: 4 },
      cmp(4, 0x05, 0x77, 0x17, 0),
    ];
    expect(matches(expressions, UDP)).toBe(true);
  });
  it('symhash is the same for both directions', () => {
    const back = ether({}, ip({ src: FROM.dst, dst: FROM.src }, udp({ sport: 53, dport: 1000 })));
    const hash: Expression = { kind: 'hash', type: 'symmetric', length: 0, modulus: 1 << 16, offset: 0, dreg: 1 };
    const router = one([hash, { kind: 'meta-set', key: 'mark', sreg: 1 }]);
    router.run('forward', UDP);
    const { mark } = router.packet;
    router.run('forward', back);
    expect(router.packet.mark).toBe(mark);
  });
});

describe('dup and fwd', () => {
  it('send copies and go on, or send the packet and end', () => {
    const device = immediate(1, 2, 0, 0, 0);
    const router = new TestRouter([
      table('netdev', [
        chain(
          'c',
          [rule(device, { kind: 'dup', deviceRegister: 1 }), rule(device, { kind: 'fwd', deviceRegister: 1 })],
          base('ingress', { devices: ['lan0'] }),
        ),
      ]),
    ]);
    expect(router.run('ingress', UDP)).toBe('stolen');
    expect(router.calls).toEqual(['dup 0 by 2', 'fwd 0 by 2']);
  });
});

describe('netdev chains', () => {
  it('see any protocol; an ARP frame has no transport header', () => {
    const frame = ether(
      {},
      arp(1, { mac: '02:00:00:00:00:09', ip: '192.168.1.9' }, { mac: '00:00:00:00:00:00', ip: '192.168.1.1' }),
      0x0806,
    );
    const router = new TestRouter([
      table('netdev', [
        chain(
          'c',
          [rule({ kind: 'meta', key: 'l4proto', dreg: 1 }, counter), rule(counter)],
          base('ingress', { devices: ['lan0'] }),
        ),
      ]),
    ]);
    expect(router.run('ingress', frame)).toBe('accept');
    expect(router.counters()).toEqual([0, 1]);
  });

  it('of inet tables drop malformed datagrams and let other protocols by', () => {
    const chains = [chain('c', [rule(counter)], base('ingress', { devices: ['lan0'] }))];
    const router = new TestRouter([table('inet', chains)]);
    const broken = UDP.slice();
    broken[14] = 0x43;
    expect(router.run('ingress', broken)).toBe('drop');
    expect(router.run('ingress', UDP)).toBe('accept');
    expect(router.counters()).toEqual([1]);
  });

  it('show the VLAN tag that was taken off before them', () => {
    const expressions: Expression[] = [
      { kind: 'payload', base: 'link', offset: 12, length: 6, dreg: 1 },
      cmp(1, 0x81, 0, 0, 10, 8, 0),
    ];
    const router = new TestRouter([
      table('netdev', [chain('c', [rule(...expressions, counter)], base('ingress', { devices: ['lan0'] }))]),
    ]);
    const packet = router.take(UDP);
    packet.encapsulation[0] = 10 | (0x8100 << 16);
    packet.encapsulationCount = 1;
    router.netfilter.runIngress(packet);
    expect(router.counters()).toEqual([1]);
  });

  it('of a device that the router has not are refused', () => {
    const tables = [table('netdev', [chain('c', [], base('ingress', { devices: ['eth9'] }))])];
    expect(() => new TestRouter(tables)).toThrow('chain "netdev t c" hooks device "eth9", which the router has not');
  });
});

describe('log', () => {
  it('goes on and is counted', () => {
    const router = one([{ kind: 'log', flags: 0 }]);
    router.run('forward', UDP);
    expect(router.counters()).toEqual([1]);
    expect(router.netfilter.notes.logged).toBe(1);
  });
});

describe('objects', () => {
  it('are one for all that refer to them, by name and through a map', () => {
    const map = set('m', 4, {
      mapTo: 'counter',
      elements: [{ key: octets(192, 168, 1, 10), object: 'x' }],
    });
    const router = new TestRouter([
      table(
        'ip',
        [
          chain(
            'c',
            [
              rule({ kind: 'objref', objectType: 'counter', name: 'x' }),
              rule(
                { kind: 'payload', base: 'network', offset: 12, length: 4, dreg: 1 },
                { kind: 'objref-map', objectType: 'counter', set: 'm', sreg: 1 },
                counter,
              ),
              rule(
                { kind: 'payload', base: 'network', offset: 16, length: 4, dreg: 1 },
                { kind: 'objref-map', objectType: 'counter', set: 'm', sreg: 1 },
                counter,
              ),
            ],
            base('forward'),
          ),
        ],
        { sets: [map], objects: [{ type: 'counter', name: 'x', handle: 1, packets: 5, bytes: 100 }] },
      ),
    ]);
    router.run('forward', UDP);
    expect(router.netfilter.state().tables[0]?.objects).toEqual([{ kind: 'counter', packets: 7, bytes: 176 }]);
    expect(router.counters()).toEqual([1, 0]);
  });
});
