import { describe, expect, it } from 'vitest';
import {
  invertTuple,
  quotedTransport,
  readTuple,
  TUPLE_PORTS,
  TUPLE_WORDS,
  tupleEqual,
} from '../../../src/netfilter/conntrack/tuple.ts';
import { icmp, icmpv6, ip, tcp } from '../../../src/packet/build.ts';

function read(datagram: Uint8Array, protocol: number, end = datagram.length): Uint32Array | undefined {
  const version = (datagram[0] ?? 0) >>> 4;
  const words = new Uint32Array(2 * TUPLE_WORDS);
  return readTuple(datagram, 0, version === 4 ? 20 : 40, end, version, protocol, words, 0) ? words : undefined;
}

describe('tuples', () => {
  it('hold addresses, ports, protocol and family', () => {
    const words = read(ip({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp({ sport: 4000, dport: 80 })), 6);
    expect(Array.from(words ?? []).slice(0, TUPLE_WORDS)).toEqual([
      0x0a000001,
      0,
      0,
      0,
      0x0a000002,
      0,
      0,
      0,
      (4000 << 16) | 80,
      6 | (4 << 8),
    ]);
  });

  it('of TCP need four octets of header, of ICMP eight', () => {
    const segment = ip({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp({ sport: 4000, dport: 80 }));
    expect(read(segment, 6, 24)).toBeDefined();
    expect(read(segment, 6, 23)).toBeUndefined();
    const echo = ip({ src: '10.0.0.1', dst: '10.0.0.2' }, icmp(8, 0, 0x00070001));
    expect(read(echo, 1, 28)).toBeDefined();
    expect(read(echo, 1, 27)).toBeUndefined();
  });

  it.each([
    ['echo', 8, 0],
    ['timestamp', 13, 14],
    ['information', 15, 16],
    ['address mask', 17, 18],
  ])('of ICMP %s are inverted to the reply and back', (_, request, reply) => {
    const words = read(ip({ src: '10.0.0.1', dst: '10.0.0.2' }, icmp(request, 0, 0x12340001)), 1) as Uint32Array;
    expect(invertTuple(words, 0, words, TUPLE_WORDS)).toBe(true);
    expect(words[TUPLE_WORDS + TUPLE_PORTS]).toBe((0x12340000 | (reply << 8)) >>> 0);
    const back = new Uint32Array(TUPLE_WORDS);
    invertTuple(words, TUPLE_WORDS, back, 0);
    expect(tupleEqual(words, 0, back, 0)).toBe(true);
  });

  it('of ICMP errors and ICMPv6 announcements have no inverse', () => {
    const error = read(ip({ src: '10.0.0.1', dst: '10.0.0.2' }, icmp(3, 1, 0)), 1) as Uint32Array;
    expect(invertTuple(error, 0, error, TUPLE_WORDS)).toBe(false);
    const solicitation = read(ip({ src: 'fe80::1', dst: 'fe80::2' }, icmpv6(135, 0, 0)), 58) as Uint32Array;
    expect(invertTuple(solicitation, 0, solicitation, TUPLE_WORDS)).toBe(false);
  });
});

describe('quoted packets', () => {
  it('are found behind IPv6 extension headers', () => {
    const datagram = ip(
      { src: 'fd00::1', dst: 'fd00::2' },
      { protocol: 0, bytes: Uint8Array.from([60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0, 0, 1, 0, 2]) },
    );
    expect(quotedTransport(datagram, 0, datagram.length, 6)).toBe(56 * 256 + 6);
  });

  it('without a layer-4 header are none', () => {
    const fragment = ip({ src: '10.0.0.1', dst: '10.0.0.2', fragmentOffset: 8 }, tcp({ sport: 1, dport: 2 }));
    expect(quotedTransport(fragment, 0, fragment.length, 4)).toBe(-1);
    expect(quotedTransport(fragment, 0, 19, 4)).toBe(-1);
    const loop = ip(
      { src: 'fd00::1', dst: 'fd00::2' },
      { protocol: 60, bytes: new Uint8Array(800).map((_, i) => (i % 8 === 0 ? 60 : 0)) },
    );
    expect(quotedTransport(loop, 0, loop.length, 6)).toBe(-1);
  });
});
