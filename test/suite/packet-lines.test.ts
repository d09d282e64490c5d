import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaptureMerge } from '../../src/capture/merge.ts';
import { parseRouter } from '../../src/config/router-file.ts';
import { PacketBuilder } from '../../src/suite/build-packet.ts';
import { Link } from '../../src/suite/link.ts';
import { PacketLineError } from '../../src/suite/packet-tokens.ts';
import { parsePacketLine } from '../../src/suite/parse-packet.ts';
import { printPacket } from '../../src/suite/print-packet.ts';

const ROUTER = parseRouter(
  `interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "2001:db8:1::1/64"] }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24] }
routes: [{ dst: default, via: 203.0.113.254, dev: wan0 }]`,
  'router.yaml',
);
const link = new Link(ROUTER);

const LINES = [
  'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 S',
  'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 S nooptions',
  'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 S mss 1400 sackok ts 1 0 wscale 2',
  'lan0 < tcp [2001:db8:1::10]:40000 > [2001:db8:2::7]:443 SA',
  'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 PA text "GET / HTTP/1.1\\r\\n"',
  'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 - seq 7 ack 9 win 10 urg 3',
  'lan0 < udp 192.168.1.10:5000 > 198.51.100.7:53 len 100 ttl 1 dscp ef ecn ect0',
  'lan0 < udp 192.168.1.10:5000 > 198.51.100.7:53 hex 0102ff csum 7',
  'lan0 < udplite 192.168.1.10:5000 > 198.51.100.7:53 len 3',
  'lan0 < icmp 192.168.1.10 > 198.51.100.7 echo-request id 3 seq 4 len 56',
  'lan0 < icmp 192.168.1.10 > 198.51.100.7 port-unreachable hex 4501',
  'lan0 < icmp 192.168.1.10 > 198.51.100.7 frag-needed rest 1400 hex 4500',
  'lan0 < icmpv6 2001:db8:1::10 > 2001:db8:2::7 packet-too-big rest 1280',
  'lan0 < sctp 192.168.1.10:5000 > 198.51.100.7:53 vtag 77 hex 01000004',
  'lan0 < gre 192.168.1.10 > 198.51.100.7 rest 34827 len 2',
  'lan0 < esp 192.168.1.10 > 198.51.100.7 spi 258 seq 3 hex aabb',
  'lan0 < ip 192.168.1.10 > 198.51.100.7 proto 89 hex 0201',
  'lan0 < ip 192.168.1.10 > 198.51.100.7 proto 17 hex 0201020102010201 ipid 9 frag 0 mf',
  'lan0 < arp who-has 192.168.1.1 tell 192.168.1.10 at 02:ee:00:00:00:01',
  'lan0 < arp reply 192.168.1.10 is-at 02:aa:00:00:00:10 for 192.168.1.1 at 02:00:00:00:00:01',
  'lan0 < udp 192.168.1.10:5000 > 198.51.100.7:53 from 02:00:00:00:00:99 to 02:00:00:00:00:98 vlan 10.3 vlan 20',
  'lan0 < udp 192.168.1.10:5000 > 198.51.100.7:53 pppoe 7',
  'lan0 < udp 192.168.1.10:5000 > 224.0.0.251:5353 len 4 padding 4',
  'lan0 < udp 192.168.1.10:5000 > 198.51.100.7:53 len 400 cut 60',
  'lan0 < raw 0102',
  'lan0 < raw 0102 wire 60',
  'lan0 < raw -',
];

/** The line of the only frame of a line. */
function again(line: string, builder = new PacketBuilder(link)): string {
  const [built] = builder.preview(parsePacketLine(line));
  if (built === undefined) throw new Error('no frame');
  const { octets, wireOctets } = built;
  return printPacket(octets, { interface: 'lan0', link, builder, wireOctets });
}

describe('packet lines', () => {
  it.each(LINES)('%s is printed as it was written', (line) => {
    expect(again(line)).toBe(line);
  });

  it.each([
    ['lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 AS', 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 SA'],
    ['lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443', 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 A'],
    ['+1s lan0 < icmp 192.168.1.10 > 10.0.0.1 3 3', 'lan0 < icmp 192.168.1.10 > 10.0.0.1 port-unreachable'],
    ['lan0 < udp 192.168.1.10:1 > 10.0.0.1:2 dscp 46 x10', 'lan0 < udp 192.168.1.10:1 > 10.0.0.1:2 dscp ef'],
  ])('%s means %s', (line, meaning) => {
    expect(again(line)).toBe(meaning);
  });

  it('any frame that is printed gives the same frame', () => {
    const builder = new PacketBuilder(link);
    const property = fc.property(
      fc.constantFrom(...LINES),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      (line, edits) => {
        const [built] = builder.preview(parsePacketLine(line));
        const frame = (built?.octets ?? new Uint8Array(0)).slice();
        for (const [at, octet] of edits) frame[at % frame.length] = octet;
        const text = printPacket(frame, { interface: 'lan0', link, builder });
        expect(builder.preview(parsePacketLine(text))[0]?.octets).toEqual(frame);
      },
    );
    fc.assert(property, { numRuns: 2000, seed: 7 });
  });

  it('octets that are no packet at all are printed raw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), (frame) => {
        const builder = new PacketBuilder(link);
        const text = printPacket(frame, { interface: 'lan0', link, builder });
        expect(builder.preview(parsePacketLine(text))[0]?.octets).toEqual(frame);
      }),
      { seed: 8 },
    );
  });

  it('every frame of the bundled captures is printed so that it can be built again', async () => {
    const folder = resolve(import.meta.dirname, '../../captures');
    let packets = 0;
    let raw = 0;
    for (const name of readdirSync(folder).filter((file) => /pcap/.test(file))) {
      const merge = new CaptureMerge([{ path: resolve(folder, name) }]);
      await merge.open();
      const builder = new PacketBuilder(link);
      do {
        while (merge.next()) {
          const frame = merge.data.slice(merge.start, merge.end);
          const text = printPacket(frame, { interface: 'lan0', link, builder, wireOctets: merge.wireLength });
          const [built] = builder.build(parsePacketLine(text));
          expect(Buffer.compare(built?.octets ?? Buffer.of(), frame), text).toBe(0);
          if (text.includes(' raw ')) raw++;
          packets++;
        }
      } while (await merge.fill());
      await merge.close();
    }
    expect(packets).toBeGreaterThan(1000);
    expect(raw / packets).toBeLessThan(0.01);
  });

  it.each([
    ['lan0 tcp', 'must follow the interface', 5],
    ['lan0 < tpc 1.2.3.4:5 > 1.2.3.4:6', "'tpc' is no kind of packet", 7],
    ['lan0 < tcp 1.2.3.4 > 1.2.3.4:6', 'has no port', 11],
    ['lan0 < tcp 1.2.3.4:5 > [::1]:6', 'different families', 23],
    ['lan0 < tcp 1.2.3.4:5 > 1.2.3.4:66000', 'larger than 65535', 23],
    ['lan0 < icmp 1.2.3.4:5 > 1.2.3.4', 'no ports', 12],
    ['lan0 < udp 1.2.3.4:5 > 1.2.3.4:6 tttl 4', "'tttl' is no field", 33],
    ['lan0 < udp 1.2.3.4:5 > 1.2.3.4:6 ttl 400', 'not a TTL, 0 to 255', 37],
    ['lan0 < udp 1.2.3.4:5 > 1.2.3.4:6 text hello', 'stands in quotes', 38],
    ['lan0 < udp 1.2.3.4:5 > 1.2.3.4:6 text "a', 'never closed', 38],
    ['lan0 < udp 1.2.3.4:5 > 1.2.3.4:6 x0', 'repeats are', 33],
    ['lan0 <', 'the line ends where a packet', 6],
    ['lan0 < icmp 1.2.3.4 > 1.2.3.4 quoting (udp 1.2.3.4:5 > 1.2.3.4:6', 'never closed', 30],
  ])('%s is refused: %s', (line, message, start) => {
    const error = thrown(() => parsePacketLine(line));
    expect(error).toBeInstanceOf(PacketLineError);
    expect(error.message).toContain(message);
    expect(error.start).toBe(start);
  });

  it('a misspelt word is answered with the right one', () => {
    expect(thrown(() => parsePacketLine('lan0 < udp 1.2.3.4:5 > 1.2.3.4:6 dscpp ef')).hint).toContain("'dscp'");
    expect(thrown(() => parsePacketLine('lan0 < icmp 1.2.3.4 > 1.2.3.4 echo-requst')).hint).toContain("'echo-request'");
  });
});

function thrown(act: () => unknown): PacketLineError {
  try {
    act();
  } catch (error) {
    return error as PacketLineError;
  }
  throw new Error('nothing was thrown');
}
