// Packets that can feel each other meet on one share; what cannot be told is noticed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ether, fragmentIpv4, fragmentIpv6, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { Shard } from '../../src/replay/shard.ts';
import { withRoom } from './fixture.ts';

const SHARES = 64;

function shareOf(frame: Uint8Array, shares = SHARES): number {
  const { data, start, end } = withRoom(frame);
  return new Shard(0, shares).of(data, start, end);
}

function isExactAfter(frames: Uint8Array[]): boolean {
  const shard = new Shard(0, SHARES);
  for (const frame of frames) {
    const { data, start, end } = withRoom(frame);
    shard.isMine(data, start, end);
  }
  return shard.isExact;
}

const address4 = fc.ipV4();
const address6 = fc.ipV6().filter((text) => !text.includes('.'));
const pair = fc.oneof(fc.tuple(address4, address4), fc.tuple(address6, address6));
const isV6 = (text: string): boolean => text.includes(':');

describe('one share holds', () => {
  it('both directions of a connection, however they are wrapped', () => {
    fc.assert(
      fc.property(pair, fc.nat(65535), fc.nat(65535), fc.boolean(), ([a, b], sport, dport, isTcp) => {
        const there = ip({ src: a, dst: b }, isTcp ? tcp({ sport, dport }) : udp({ sport, dport }));
        const back = ip({ src: b, dst: a }, isTcp ? tcp({ sport: dport, dport: sport }) : udp({ sport, dport }));
        const share = shareOf(ether({}, there));
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThan(SHARES);
        for (const wrapping of [
          {},
          { vlans: [{ id: 3 }] },
          { vlans: [{ id: 9, protocol: 0x88a8 }, { id: 3 }] },
          { pppoe: 5 },
        ]) {
          expect(shareOf(ether(wrapping, back))).toBe(share);
        }
      }),
    );
  });

  it('a connection and the ICMP errors about it, from whoever they come', () => {
    const errors4: [number, number][] = [
      [3, 1],
      [3, 4],
      [4, 0],
      [5, 1],
      [11, 0],
      [12, 0],
    ];
    const errors6: [number, number][] = [
      [1, 4],
      [2, 0],
      [3, 0],
      [4, 1],
    ];
    fc.assert(
      fc.property(pair, address4, address6, fc.nat(5), ([a, b], router4, router6, row) => {
        const quoted = ip({ src: a, dst: b }, udp({ sport: 1, dport: 2 }));
        const [type, code] = (isV6(a) ? errors6[row % 4] : errors4[row]) ?? [3, 1];
        const error = isV6(a) ? icmpv6(type, code, 0, quoted) : icmp(type, code, 0, quoted);
        const datagram = ip({ src: isV6(a) ? router6 : router4, dst: a }, error);
        expect(shareOf(ether({}, datagram))).toBe(shareOf(ether({}, quoted)));
      }),
    );
  });

  it('an ICMPv6 error behind extension headers', () => {
    const quoted = ip({ src: '2001:db8::1', dst: '2001:db8::2' }, udp({ sport: 1, dport: 2 }));
    const error = icmpv6(1, 4, 0, quoted);
    // Hop-by-hop options, then destination options, each 8 octets of padding.
    const headers = Uint8Array.of(60, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0);
    const inner: Layer4 = { protocol: 0, bytes: Uint8Array.from([...headers, ...error.bytes]) };
    const datagram = ip({ src: '2001:db8:5::5', dst: '2001:db8::1' }, inner);
    expect(shareOf(ether({}, datagram))).toBe(shareOf(ether({}, quoted)));
    expect(isExactAfter([ether({}, datagram)])).toBe(true);
  });

  it.each([
    [
      'IPv4',
      fragmentIpv4(ip({ src: '10.0.0.1', dst: '10.9.0.2' }, udp({ sport: 1, dport: 2 }, new Uint8Array(4000))), 1500),
    ],
    [
      'IPv6',
      fragmentIpv6(ip({ src: 'fd00::1', dst: 'fd01::2' }, udp({ sport: 1, dport: 2 }, new Uint8Array(4000))), 1500, 7),
    ],
  ])('all fragments of an %s datagram', (_, fragments) => {
    const frames = fragments.map((fragment) => ether({}, fragment));
    expect(frames.length).toBeGreaterThan(2);
    expect(new Set(frames.map((frame) => shareOf(frame))).size).toBe(1);
    expect(isExactAfter(frames)).toBe(true);
  });

  it('everything that is not IP', () => {
    const others = [ether({}, new Uint8Array(28), 0x0806), ether({}, new Uint8Array(40), 0x88cc), new Uint8Array(3)];
    expect(others.map((frame) => shareOf(frame))).toEqual([0, 0, 0]);
  });
});

it('connections spread over the shares', () => {
  const counts = new Array<number>(4).fill(0);
  for (let host = 0; host < 1000; host++) {
    const frame = ether(
      {},
      ip({ src: `192.168.${host >> 8}.${host & 255}`, dst: '198.51.100.7' }, tcp({ sport: 1, dport: 2 })),
    );
    const share = shareOf(frame, 4);
    counts[share] = (counts[share] ?? 0) + 1;
  }
  for (const count of counts) expect(count).toBeGreaterThan(150);
});

describe('a split is not exact', () => {
  const quoted4 = ip({ src: '10.0.0.1', dst: '10.9.0.2' }, udp({ sport: 1, dport: 2 }, new Uint8Array(400)));
  const error4 = ip({ src: '10.9.0.9', dst: '10.0.0.1' }, icmp(3, 1, 0, quoted4));
  const quoted6 = ip({ src: 'fd00::1', dst: 'fd01::2' }, udp({ sport: 1, dport: 2 }, new Uint8Array(400)));
  const error6 = ip({ src: 'fd09::9', dst: 'fd00::1' }, icmpv6(1, 0, 0, quoted6));

  it.each([
    ['IPv4', fragmentIpv4(error4, 200)],
    ['IPv6', fragmentIpv6(error6, 200, 1)],
  ])('after the first fragment of an %s ICMP error: nobody knows yet what it quotes', (_, fragments) => {
    const frames = fragments.map((fragment) => ether({}, fragment));
    expect(isExactAfter(frames.slice(0, 1))).toBe(false);
    expect(isExactAfter(frames.slice(1))).toBe(true);
  });

  it('after more fragments than ipfrag_max_dist: those of others count', () => {
    const frame = ether(
      {},
      ip({ src: '10.0.0.1', dst: '10.9.0.2', moreFragments: true }, udp({ sport: 1, dport: 2 }, new Uint8Array(8))),
    );
    expect(isExactAfter(new Array<Uint8Array>(64).fill(frame))).toBe(true);
    expect(isExactAfter(new Array<Uint8Array>(65).fill(frame))).toBe(false);
  });

  it('not because of echo requests and fragmented datagrams', () => {
    const echo = ip({ src: '10.0.0.1', dst: '10.9.0.2' }, icmp(8, 0, 1, new Uint8Array(2000)));
    expect(isExactAfter(fragmentIpv4(echo, 1500).map((fragment) => ether({}, fragment)))).toBe(true);
  });
});

it('octets of any kind have a share', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x8864), (octets, type) => {
      const frame = ether({}, octets, type);
      for (let end = 0; end <= frame.length; end += 3) {
        const share = shareOf(frame.slice(0, end), 5);
        expect(share >= 0 && share < 5).toBe(true);
      }
    }),
  );
});
