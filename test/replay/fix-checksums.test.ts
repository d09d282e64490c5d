import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addChecksumRows, ChecksumCensus } from '../../src/event/checksum-census.ts';
import { compile } from '../../src/nft/compile.ts';
import { ether, fragmentIpv4, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { FixChecksums } from '../../src/replay/fix-checksums.ts';
import { type ReplayOptions, replayCaptures } from '../../src/replay/replay.ts';
import { checksumNotes, wrongChecksums } from '../../src/report/checksums.ts';
import { withFolder, writeCapture } from './fixture.ts';

const V4 = { src: '192.168.1.10', dst: '198.51.100.7' };
const V6 = { src: 'fd00::1', dst: '2001:db8::2' };
const payload = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7 + 3) & 255);
const TCP_SYN = (n = 0): Layer4 => tcp({ sport: 40000, dport: 80, flags: 'S' }, payload(n));
const UDP = (n = 20): Layer4 => udp({ sport: 5000, dport: 53 }, payload(n));

function fixed(frame: Uint8Array, wireLength = frame.length): { frame: Uint8Array; packets: number } {
  const copy = frame.slice();
  const fix = new FixChecksums();
  fix.pass(copy, 0, copy.length, wireLength);
  return { frame: copy, packets: fix.packets };
}

function damaged(frame: Uint8Array, at: number): Uint8Array {
  const copy = frame.slice();
  copy[at] = (copy[at] as number) ^ 0x5a;
  return copy;
}

describe('a wrong checksum is computed anew', () => {
  it.each([
    { name: 'IPv4 header', right: ether({}, ip(V4, UDP())), at: 24 },
    { name: 'TCP', right: ether({}, ip(V4, TCP_SYN(33))), at: 14 + 20 + 16 },
    { name: 'UDP', right: ether({}, ip(V4, UDP())), at: 14 + 20 + 6 },
    { name: 'ICMP', right: ether({}, ip(V4, icmp(8, 0, 0x12340001, payload(9)))), at: 14 + 20 + 2 },
    { name: 'TCP over IPv6', right: ether({}, ip(V6, TCP_SYN(5))), at: 14 + 40 + 17 },
    { name: 'ICMPv6', right: ether({}, ip(V6, icmpv6(128, 0, 0x12340001, payload(9)))), at: 14 + 40 + 2 },
    { name: 'behind a VLAN tag', right: ether({ vlans: [{ id: 10 }] }, ip(V4, UDP())), at: 18 + 20 + 7 },
  ])('$name', ({ right, at }) => {
    expect(fixed(damaged(right, at))).toEqual({ frame: right, packets: 1 });
    expect(fixed(right)).toEqual({ frame: right, packets: 0 });
  });
});

describe('left alone are', () => {
  const cut = damaged(ether({}, ip(V4, UDP(100))), 40).subarray(0, 80);
  const [first = new Uint8Array()] = fragmentIpv4(ip(V4, UDP(2000)), 1000).map((one) => ether({}, one));
  const none = ether({}, ip(V4, UDP()));
  none.fill(0, 40, 42);
  it.each([
    { name: 'packets that the capture cut', frame: cut, wireLength: 142 },
    { name: 'fragments', frame: damaged(first, 40), wireLength: first.length },
    { name: 'UDP without a checksum', frame: none, wireLength: none.length },
    { name: 'what is not IP', frame: ether({}, payload(40), 0x0806), wireLength: 54 },
  ])('$name', ({ frame, wireLength }) => {
    expect(fixed(frame, wireLength)).toEqual({ frame, packets: 0 });
  });

  it('any octets beyond the frame: hostile frames never throw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 14, maxLength: 120 }),
        fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x8864),
        (octets, type) => {
          octets[12] = type >> 8;
          octets[13] = type & 255;
          const room = new Uint8Array(octets.length + 32).fill(0xee);
          room.set(octets, 16);
          new FixChecksums().pass(room, 16, 16 + octets.length, octets.length);
          expect([...room.subarray(0, 16), ...room.subarray(16 + octets.length)].every((one) => one === 0xee)).toBe(
            true,
          );
        },
      ),
    );
  });
});

describe('hosts that were captured before their network card filled checksums in', () => {
  const ruleset = compile({
    path: 'r.nft',
    text: 'table inet t {\n\tchain f {\n\t\ttype filter hook forward priority 0;\n\t\tct state invalid drop\n\t}\n}\n',
  }).ruleset;
  const wrong = (i: number) => damaged(ether({}, ip(V4, udp({ sport: 5000 + i, dport: 53 }, payload(9)))), 41);
  const frames = [...Array.from({ length: 8 }, (_, i) => wrong(i)), ether({}, ip(V4, TCP_SYN(3)))];

  async function replayed(options: Partial<ReplayOptions>) {
    return await withFolder(async (folder) => {
      const path = join(folder, 'a.pcap');
      writeCapture(
        path,
        frames.map((frame, i) => ({ seconds: i / 100, frame })),
      );
      return (await replayCaptures({ ruleset, captures: [{ path }], workers: 1, ...options })).result;
    });
  }

  it('are named, and their packets are invalid', async () => {
    const { input, drops } = await replayed({});
    expect(drops.reduce((sum, row) => sum + row.packets, 0)).toBe(8);
    expect(wrongChecksums(input.checksums)).toEqual({
      packets: 8,
      senders: [{ source: '192.168.1.10', wrong: 8, verified: 9 }],
    });
    expect(checksumNotes(wrongChecksums(input.checksums), 0, 0)[0]).toMatch(
      /^8 of 9 packets from 192\.168\.1\.10 .*--fix-checksums/,
    );
  });

  it('are mended by --fix-checksums', async () => {
    const { input, drops } = await replayed({ fixChecksums: true });
    expect(drops).toEqual([]);
    expect(input.fixedChecksums).toBe(8);
    expect(wrongChecksums(input.checksums)).toEqual({ packets: 0, senders: [] });
  });
});

describe('the census of parts', () => {
  it('adds up to that of the whole', () => {
    const arbitrary = fc.array(
      fc.record({
        host: fc.integer({ min: 0, max: 3000 }),
        isV6: fc.boolean(),
        isRight: fc.boolean(),
        part: fc.nat(2),
      }),
    );
    fc.assert(
      fc.property(arbitrary, (packets) => {
        const whole = new ChecksumCensus();
        const parts = [new ChecksumCensus(), new ChecksumCensus(), new ChecksumCensus()];
        for (const { host, isV6, isRight, part } of packets) {
          const address = `${host >> 8}.${host & 255}`;
          const data = isV6
            ? ip({ ...V6, src: `fd00::${host.toString(16)}` }, UDP(1))
            : ip({ ...V4, src: `10.9.${address}` }, UDP(1));
          for (const census of [whole, parts[part]]) census?.add(data, 0, isV6 ? 6 : 4, isRight);
        }
        expect(addChecksumRows(parts.map((census) => census.rows()))).toEqual(whole.rows());
      }),
    );
  });

  it('few wrong packets among right ones are damage, not a network card', () => {
    const rows = [{ row: 1, right: 90, wrong: 4, source: [0x0a000001] }];
    expect(wrongChecksums(rows)).toEqual({ packets: 4, senders: [] });
    expect(checksumNotes(wrongChecksums(rows), 0, 0)).toEqual([
      '4 packets have a wrong checksum: conntrack takes what it finds so as invalid',
    ]);
  });
});
