import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { be16, be32 } from '../../src/base/columns.ts';
import type { CloneNames } from '../../src/capture/clone-frame.ts';
import { clientSide, renameFrame } from '../../src/capture/clone-frame.ts';
import { CaptureMerge } from '../../src/capture/merge.ts';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { ether, fragmentIpv4, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { internetChecksum, pseudoHeaderSum } from '../../src/packet/checksum.ts';

const folder = mkdtempSync(join(tmpdir(), 'nftreplay-clone-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ports = Uint16Array.from({ length: 65_536 }, (_, port) =>
  port >= 1024 ? ((port - 1024 + 7777) % 64_512) + 1024 : port,
);
const serverRank = Uint32Array.from({ length: 65_536 }, (_, port) => (port < 1024 ? 1 : 0));
const words = (text: string): Uint32Array =>
  Uint32Array.from([0, 4, 8, 12], (at) => be32(ip({ src: text, dst: text }, udp({ sport: 1, dport: 2 })), 8 + at));
const from6 = words('2001:db8:1::10');
const names: CloneNames = {
  hosts4: new Map([[0xc0a8010a, 0xc0a801c8]]),
  hosts6: new Map([[from6.reduce((sum, word) => sum ^ word, 0), [{ from: from6, to: words('2001:db8:1::1:10') }]]]),
  ports,
  serverRank,
  identifier: 257,
};

function renamed(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  renameFrame(copy, 0, copy.length, names);
  return copy;
}

/** All checksums of a frame that is no fragment are right. */
function isSound(frame: Uint8Array): boolean {
  const version = (frame[14] ?? 0) >>> 4 === 4 ? 4 : 6;
  const transport = version === 4 ? 34 : 54;
  const protocol = frame[version === 4 ? 23 : 20] ?? 0;
  const seed = protocol === 1 ? 0 : pseudoHeaderSum(frame, 14, version, protocol, frame.length - transport);
  const header = version === 6 || internetChecksum(frame, 14, 34) === 0;
  return header && internetChecksum(frame, transport, frame.length, seed) === 0;
}

const V4 = { src: '192.168.1.10', dst: '198.51.100.7' };
const V6 = { src: '2001:db8:1::10', dst: '2001:db8:99::7' };
const octets = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 37) & 255);
const quoted4 = ip(V4, udp({ sport: 40_000, dport: 53 }, octets(9)));

const FRAMES: [string, Uint8Array][] = [
  ['TCP from the client', ether({}, ip(V4, tcp({ sport: 50_000, dport: 443 }, octets(21))))],
  ['TCP to the client', ether({}, ip({ src: V4.dst, dst: V4.src }, tcp({ sport: 443, dport: 50_000 }, octets(1400))))],
  ['UDP', ether({}, ip(V4, udp({ sport: 40_000, dport: 53 }, octets(30))))],
  ['TCP over IPv6', ether({}, ip(V6, tcp({ sport: 50_000, dport: 443 }, octets(20))))],
  ['UDP over IPv6', ether({}, ip(V6, udp({ sport: 50_000, dport: 53 }, octets(19))))],
  ['an echo request', ether({}, ip(V4, icmp(8, 0, 0x12340001, octets(56))))],
  ['an IPv6 echo reply', ether({}, ip(V6, icmpv6(129, 0, 0x12340001, octets(56))))],
  ['an ICMP error', ether({}, ip({ src: '198.51.100.1', dst: V4.src }, icmp(11, 0, 0, quoted4)))],
  [
    'an ICMPv6 error',
    ether({}, ip({ src: '2001:db8:99::1', dst: V6.src }, icmpv6(3, 0, 0, ip(V6, tcp({ sport: 50_000, dport: 80 }))))),
  ],
];

describe('renaming a frame', () => {
  it.each(FRAMES)('%s: host and client port change, checksums stay right', (_, frame) => {
    expect(isSound(frame)).toBe(true);
    const after = renamed(frame);
    expect(after).not.toEqual(frame);
    expect(isSound(after)).toBe(true);
  });

  it('client and server meet the same names in both directions, server ports and other hosts stay', () => {
    const there = renamed(ether({}, ip(V4, tcp({ sport: 50_000, dport: 443 }))));
    const back = renamed(ether({}, ip({ src: V4.dst, dst: V4.src }, tcp({ sport: 443, dport: 50_000 }))));
    expect([be32(there, 26), be32(there, 30), be16(there, 34), be16(there, 36)]).toEqual([
      0xc0a801c8, 0xc6336407, 57_777, 443,
    ]);
    expect([be32(back, 26), be32(back, 30), be16(back, 34), be16(back, 36)]).toEqual([
      0xc6336407, 0xc0a801c8, 443, 57_777,
    ]);
  });

  it('an error quotes the packet that its clone sent', () => {
    const sent = renamed(ether({}, quoted4));
    const error = renamed(ether({}, ip({ src: '198.51.100.1', dst: V4.src }, icmp(11, 0, 0, quoted4))));
    expect(error.slice(14 + 20 + 8)).toEqual(sent.slice(14));
  });

  it('a checksum that hardware was to compute stays the sum of the pseudo header', () => {
    const frame = ether({}, ip(V4, tcp({ sport: 50_000, dport: 443 }, octets(10))));
    const partial = (data: Uint8Array): number => {
      const sum = pseudoHeaderSum(data, 14, 4, 6, data.length - 34);
      return (sum & 0xffff) + (sum >>> 16);
    };
    frame[50] = partial(frame) >>> 8;
    frame[51] = partial(frame) & 255;
    const after = renamed(frame);
    expect(be16(after, 50)).toBe(partial(after));
  });

  it('fragments of two clones do not mix', () => {
    const whole = ip(V4, udp({ sport: 40_000, dport: 53 }, octets(3000)));
    const ids = fragmentIpv4(whole, 1500).map((part) => be16(renamed(ether({}, part)), 18));
    expect(new Set(ids)).toEqual(new Set([258]));
  });

  it('any octets at all: no exception, the same length, and nothing outside of the frame changes', () => {
    const layer: fc.Arbitrary<Layer4> = fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 120 }))
      .map(([protocol, bytes]) => ({ protocol, bytes }));
    fc.assert(
      fc.property(
        layer,
        fc.boolean(),
        fc.integer({ min: 0, max: 160 }),
        fc.uint8Array({ maxLength: 8 }),
        (inner, isV6, cut, noise) => {
          const frame = ether({}, ip(isV6 ? V6 : V4, inner));
          noise.forEach((value, i) => {
            frame[12 + ((value * 31 + i * 7) % Math.max(1, frame.length - 12))] = value;
          });
          const end = Math.min(frame.length, cut);
          const copy = new Uint8Array(frame.length + 16).fill(0xaa);
          copy.set(frame, 8);
          renameFrame(copy, 8, 8 + end, names);
          expect(copy.subarray(0, 8)).toEqual(new Uint8Array(8).fill(0xaa));
          expect(copy.subarray(8 + end, 8 + frame.length)).toEqual(frame.subarray(end));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('which port is the client’s does not depend on the direction', () => {
    fc.assert(
      fc.property(fc.nat(65_535), fc.nat(65_535), (a, b) => {
        const side = clientSide(a, b, serverRank);
        const other = clientSide(b, a, serverRank);
        expect(side < 0 ? other : 1 - other).toBe(side);
      }),
    );
  });
});

describe('the clone of a capture', () => {
  it('is later by its shift, faster by its speed, and merges with the capture by time', async () => {
    const path = join(folder, 'a.pcap');
    const writer = new PcapWriter(path, { nanoseconds: true });
    const frame = ether({}, ip(V4, udp({ sport: 40_000, dport: 53 })));
    for (const ms of [0, 100, 1500])
      writer.write(1_000_000_000 + Math.floor(ms / 1000), (ms % 1000) * 1_000_000, frame);
    writer.close();
    const clone = { shiftNs: 30_000_000, speed: 2, originSeconds: 1_000_000_000, names };
    const merge = new CaptureMerge([{ path }, { path, clone }]);
    await merge.open();
    const times: [number, number][] = [];
    for (;;) {
      while (merge.next()) {
        times.push([(merge.timestampSeconds - 1_000_000_000) * 1000 + merge.timestampNanos / 1e6, merge.source]);
      }
      if (!(await merge.fill())) break;
    }
    await merge.close();
    expect(times).toEqual([
      [0, 0],
      [30, 1],
      [80, 1],
      [100, 0],
      [780, 1],
      [1500, 0],
    ]);
  });
});
