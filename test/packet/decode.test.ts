import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ether, fragmentIpv4, fragmentIpv6, hasGoodIpv4Checksum, ip, tcp, udp } from '../../src/packet/build.ts';
import { decodeNetwork } from '../../src/packet/decode.ts';
import { Packet } from '../../src/packet/packet.ts';

function decoded(frame: Uint8Array, etherType: number, end = frame.length): Packet {
  const packet = new Packet();
  packet.attach(frame, 0, end, frame.length);
  packet.network = 14;
  packet.etherType = etherType;
  decodeNetwork(packet);
  return packet;
}

const V4 = { src: '192.168.1.10', dst: '198.51.100.7' };
const V6 = { src: '2001:db8::1', dst: '2001:db8::2' };

describe('decode', () => {
  it('finds ports behind IPv4 options', () => {
    const frame = ether(
      {},
      ip({ ...V4, options: Uint8Array.of(148, 4, 0, 0) }, tcp({ sport: 40000, dport: 443, flags: 'S' })),
    );
    const packet = decoded(frame, 0x0800);
    expect(packet).toMatchObject({
      ipVersion: 4,
      protocol: 6,
      hasOptions: true,
      sourcePort: 40000,
      destinationPort: 443,
    });
    expect(hasGoodIpv4Checksum(frame, 14)).toBe(true);
  });

  it('leaves Ethernet padding outside of the datagram', () => {
    const frame = new Uint8Array(60);
    frame.set(ether({}, ip(V4, udp({ sport: 1, dport: 2 }))));
    const packet = decoded(frame, 0x0800);
    expect(packet.networkEnd).toBe(14 + 28);
    expect(packet.networkLength).toBe(28);
  });

  it('a later fragment has no transport header, the first has', () => {
    const pieces = fragmentIpv4(ip({ ...V4, id: 7 }, udp({ sport: 1, dport: 2 }, new Uint8Array(3000))), 1500);
    expect(pieces.length).toBe(3);
    const packets = pieces.map((piece) => decoded(ether({}, piece), 0x0800));
    expect(packets.map((packet) => [packet.fragmentOffset, packet.moreFragments, packet.transport >= 0])).toEqual([
      [0, true, true],
      [1480, true, false],
      [2960, false, false],
    ]);
  });

  it('walks IPv6 extension headers to the fragment header and beyond', () => {
    const pieces = fragmentIpv6(ip(V6, udp({ sport: 1, dport: 2 }, new Uint8Array(2000))), 1500, 9);
    const [first, second] = pieces.map((piece) => decoded(ether({}, piece), 0x86dd));
    expect(first).toMatchObject({
      ipVersion: 6,
      protocol: 17,
      fragmentHeader: 54,
      moreFragments: true,
      destinationPort: 2,
    });
    expect(second).toMatchObject({ protocol: 17, transport: -1, fragmentOffset: 1448, moreFragments: false });
  });

  it('never throws and keeps its invariant on any octets', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 14, maxLength: 120 }),
        fc.constantFrom(0x0800, 0x86dd),
        fc.boolean(),
        (data, type, isIp) => {
          if (isIp && data.length > 14) data[14] = type === 0x0800 ? 0x40 | ((data[14] ?? 0) & 15) : 0x60;
          const packet = decoded(data, type);
          if (packet.ipVersion === 0) return;
          expect(packet.networkEnd).toBeLessThanOrEqual(packet.end);
          if (packet.transport >= 0) expect(packet.transport).toBeLessThanOrEqual(packet.networkEnd);
        },
      ),
    );
  });
});
