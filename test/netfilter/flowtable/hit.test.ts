// The fast path: what is looked up, what falls back, what is written into a packet (nf_flow_table_ip.c).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { be16 } from '../../../src/base/columns.ts';
import * as S from '../../../src/netfilter/conntrack/status.ts';
import { NF_ACCEPT, NF_STOLEN } from '../../../src/netfilter/verdict.ts';
import { ether, fragmentIpv4, hasGoodIpv4Checksum, ip, tcp, udp } from '../../../src/packet/build.ts';
import { internetChecksum, pseudoHeaderSum } from '../../../src/packet/checksum.ts';
import { PATH_SOFTWARE, VERDICT_FORWARD } from '../../../src/packet/packet.ts';
import { Bench, type Connection, LAN_HOST, SERVER, WAN } from './fixture.ts';

const OK = S.IPS_CONFIRMED | S.IPS_SEEN_REPLY | S.IPS_ASSURED;
const MASQUERADE: Connection = { replyDst: WAN, replyDport: 61000, status: OK | S.IPS_SRC_NAT };

function out(fields: object = {}, flags = 'A', payload = 20): Uint8Array {
  return ip(
    { src: LAN_HOST, dst: SERVER, ...fields },
    tcp({ sport: 40000, dport: 443, flags }, new Uint8Array(payload).fill(7)),
  );
}
function back(fields: object = {}, dport = 40000): Uint8Array {
  return ip({ src: SERVER, dst: LAN_HOST, ...fields }, tcp({ sport: 443, dport, flags: 'A' }, new Uint8Array(9)));
}
function offloaded(connection: Connection = {}, options = {}): { bench: Bench; entry: number } {
  const bench = new Bench(options);
  const entry = bench.connect(connection);
  const six = (connection.src ?? '').includes(':');
  const inner =
    (connection.protocol ?? 6) === 17 ? udp({ sport: 40000, dport: 443 }) : tcp({ sport: 40000, dport: 443 });
  const ends = six ? { src: connection.src ?? '', dst: connection.dst ?? '' } : { src: LAN_HOST, dst: SERVER };
  expect(bench.add(entry, ether({}, ip(ends, inner)))).toBe(true);
  return { bench, entry };
}
/** Source and destination address and ports of an IPv4 frame. */
function ends(frame: Uint8Array): string {
  const at = 14;
  const address = (i: number) => [...frame.slice(i, i + 4)].join('.');
  return `${address(at + 12)}:${be16(frame, at + 20)} > ${address(at + 16)}:${be16(frame, at + 22)}`;
}
function hasGoodChecksums(frame: Uint8Array): boolean {
  const six = (frame[14] as number) >>> 4 === 6;
  const protocol = frame[14 + (six ? 6 : 9)] as number;
  const transport = 14 + (six ? 40 : 20);
  const end = six ? transport + be16(frame, 18) : 14 + be16(frame, 16);
  const seed = pseudoHeaderSum(frame, 14, six ? 6 : 4, protocol, end - transport);
  return (six || hasGoodIpv4Checksum(frame, 14)) && internetChecksum(frame, transport, end, seed) === 0;
}

describe('lookup', () => {
  test('both directions are forwarded past the hooks, one hop less', () => {
    const { bench, entry } = offloaded();
    const one = bench.hit(ether({}, out()));
    expect(one.verdict).toBe(NF_STOLEN);
    expect(one.packet).toMatchObject({
      pathClass: PATH_SOFTWARE,
      verdict: VERDICT_FORWARD,
      ct: entry,
      ctDirection: 0,
      oif: bench.index('wan0'),
    });
    expect(bench.events).toEqual(['flow-hit 4', 'flow-xmit 4']);
    const two = bench.hit(ether({}, back()), 'wan0');
    expect(two.packet).toMatchObject({ ctDirection: 1, oif: bench.index('lan0') });
    expect(bench.sent.map(({ how, oif, nexthop4 }) => [how, oif, nexthop4])).toEqual([
      ['neighbour', 'wan0', 0xcb0071fe],
      ['neighbour', 'lan0', 0xc0a8010a],
    ]);
    expect(bench.sent.map(({ frame }) => frame[22])).toEqual([63, 63]);
    expect(bench.sent.every(({ frame }) => hasGoodChecksums(frame))).toBe(true);
    expect(bench.table.fastPackets[entry]).toBe(2);
    expect(bench.table.seenPackets[entry]).toBe(5);
  });

  test.each([
    ['another port of the connection', ether({}, out()), 'wan0'],
    ['another tuple', ether({}, ip({ src: LAN_HOST, dst: SERVER }, tcp({ sport: 40001, dport: 443 }))), 'lan0'],
    [
      'another protocol',
      ether({}, ip({ src: LAN_HOST, dst: SERVER }, udp({ sport: 40000, dport: 443 }, new Uint8Array(12)))),
      'lan0',
    ],
    ['a VLAN tag', ether({ vlans: [{ id: 5 }] }, out()), 'lan0'],
    ['a PPPoE session', ether({ pppoe: 5 }, out()), 'lan0'],
    ['TTL 1', ether({}, out({ ttl: 1 })), 'lan0'],
    ['IP options', ether({}, out({ options: Uint8Array.of(1, 1, 1, 1) })), 'lan0'],
    ['a fragment', ether({}, fragmentIpv4(out({}, 'A', 2000), 1000)[0] as Uint8Array), 'lan0'],
    ['the MTU exceeded', ether({}, out({}, 'A', 1480)), 'lan0'],
    ['a cut header', ether({}, out()).slice(0, 14 + 30), 'lan0'],
  ])('%s goes the slow way and the flow stays', (_name, frame, device) => {
    const { bench, entry } = offloaded();
    const before = frame.slice();
    const { verdict, packet } = bench.hit(frame, device);
    expect(verdict).toBe(NF_ACCEPT);
    expect(packet.data.slice(packet.start, packet.end)).toEqual(before);
    expect(bench.events).toEqual(['flow-lookup 3']);
    expect(bench.status(entry) & S.IPS_OFFLOAD).not.toBe(0);
    expect(bench.sent).toEqual([]);
  });

  test.each([
    ['ARP', ether({}, new Uint8Array(28), 0x0806), 'inet'],
    ['IPv6 in a flowtable of ip', ether({}, ip({ src: 'fd00::1', dst: 'fd00::2' }, udp({ sport: 1, dport: 2 }))), 'ip'],
    ['IPv4 in a flowtable of ip6', ether({}, out()), 'ip6'],
    ['a frame without a header', new Uint8Array(9), 'inet'],
  ] as const)('%s is not looked up', (_name, frame, family) => {
    const bench = new Bench({ family });
    expect(bench.hit(frame).verdict).toBe(NF_ACCEPT);
    expect(bench.events).toEqual([]);
  });

  test('TTL 2 is forwarded fast', () => {
    const { bench } = offloaded();
    expect(bench.hit(ether({}, out({ ttl: 2 }))).verdict).toBe(NF_STOLEN);
  });

  test('a super-packet of GRO is larger than the MTU and passes', () => {
    const { bench } = offloaded();
    const { verdict } = bench.hit(ether({}, out({}, 'A', 4000)), 'lan0', 0, (packet) => {
      packet.isSuperPacket = true;
    });
    expect(verdict).toBe(NF_STOLEN);
  });

  test('the MTU of the route counts', () => {
    const { bench, entry } = offloaded({ dst: '100.65.0.1' });
    const frame = (payload: number) =>
      ether({}, ip({ src: LAN_HOST, dst: '100.65.0.1' }, tcp({ sport: 40000, dport: 443 }, new Uint8Array(payload))));
    expect(bench.hit(frame(1361)).verdict).toBe(NF_ACCEPT);
    expect(bench.refusal(entry)).toBe('mtu');
    expect(bench.hit(frame(1360)).verdict).toBe(NF_STOLEN);
    expect(bench.refusal(entry)).toBe('offloaded');
  });

  test('packets that arrive with TTL 1 are noted as the reason', () => {
    const { bench, entry } = offloaded();
    bench.hit(ether({}, out({ ttl: 1 })));
    expect(bench.refusal(entry)).toBe('ttl');
  });

  test('Ethernet padding is kept, and counted', () => {
    const { bench, entry } = offloaded({}, { counter: true, sysctl: { 'net.netfilter.nf_conntrack_acct': 1 } });
    const frame = ether({}, out({}, 'A', 0));
    const padded = new Uint8Array(60);
    padded.set(frame);
    bench.hit(padded);
    expect(bench.sent[0]?.frame.length).toBe(60);
    expect(bench.table.bytesOriginal[entry]).toBe(46);
    expect(bench.table.packetsOriginal[entry]).toBe(1);
    expect(bench.events).toEqual(['flow-hit 4', 'flow-counter 0', 'flow-xmit 4']);
  });

  test.each([
    [false, { 'net.netfilter.nf_conntrack_acct': 1 }],
    [true, {}],
  ])('without counter or without nf_conntrack_acct nothing is counted (%s)', (counter, sysctl) => {
    const { bench, entry } = offloaded({}, { counter, sysctl });
    bench.hit(ether({}, out()));
    expect(bench.table.packetsOriginal[entry]).toBe(0);
  });

  test.each(['lan0', 'wan0'])('with only %s in devices, only that direction is fast', (name) => {
    const { bench, entry } = offloaded({}, { devices: [name] });
    expect(['lan0', 'wan0'].filter((one) => bench.flowtable.handles(bench.index(one)))).toEqual([name]);
    const frame = name === 'lan0' ? out() : back();
    expect(bench.hit(ether({}, frame), name).verdict).toBe(NF_STOLEN);
    expect(bench.refusal(entry)).toBe('offloaded');
  });

  test('a flow between devices that are not in the flowtable is offloaded in vain', () => {
    const { bench, entry } = offloaded({}, { devices: ['lan1'] });
    expect(bench.add(entry, ether({}, out()))).toBe(false);
    expect(bench.refusal(entry)).toBe('device-not-in-flowtable');
  });
});

describe('end of a flow', () => {
  test.each(['FA', 'R', 'RA'])('a segment with %s tears it down and goes the slow way', (flags) => {
    const { bench, entry } = offloaded();
    const { verdict } = bench.hit(ether({}, out({}, flags)));
    expect(verdict).toBe(NF_ACCEPT);
    expect(bench.events).toEqual(['flow-teardown 0', 'flow-lookup 3']);
    expect(bench.status(entry) & S.IPS_OFFLOAD).toBe(0);
    expect(bench.hit(ether({}, out())).verdict).toBe(NF_ACCEPT);
    expect(bench.timeout(entry, 0)).toBe(86400);
  });

  test('after a RST the flow can be offloaded again before the collector took the old one', () => {
    const { bench, entry } = offloaded();
    bench.hit(ether({}, out({}, 'R')), 'lan0', 0.5e9);
    expect(bench.add(entry, ether({}, out()), 'lan0', 'wan0', 0.6e9)).toBe(true);
    expect(bench.flowtable.count).toBe(2);
    expect(bench.hit(ether({}, out()), 'lan0', 0.7e9).verdict).toBe(NF_STOLEN);
    bench.advance(1e9);
    expect(bench.flowtable.count).toBe(1);
    expect(bench.hit(ether({}, out()), 'lan0', 1.1e9).verdict).toBe(NF_STOLEN);
  });

  test('RST and flow add in turn do not fill the memory before the collector comes', () => {
    const { bench, entry } = offloaded();
    let most = 0;
    for (let i = 0; i < 20000; i++) {
      bench.hit(ether({}, out({}, 'R')), 'lan0', 1000 + i);
      bench.add(entry, ether({}, out()), 'lan0', 'wan0', 1000 + i);
      most = Math.max(most, bench.flowtable.count);
    }
    expect(most).toBeLessThan(5000);
    expect(bench.hit(ether({}, out()), 'lan0', 30000).verdict).toBe(NF_STOLEN);
  });

  test('the entry of a destroyed connection takes its flows along', () => {
    const { bench, entry } = offloaded();
    bench.table.free(entry);
    expect(bench.flowtable.count).toBe(0);
    expect(bench.hit(ether({}, out())).verdict).toBe(NF_ACCEPT);
  });

  test('a dying connection is not found', () => {
    const { bench, entry } = offloaded();
    bench.table.kill(entry);
    expect(bench.hit(ether({}, out())).verdict).toBe(NF_ACCEPT);
    bench.flowtable.advance(1e9);
    expect(bench.flowtable.count).toBe(0);
  });
});

describe('NAT', () => {
  test('masquerade there and back', () => {
    const { bench } = offloaded(MASQUERADE);
    bench.hit(ether({}, out()));
    expect(bench.events).toEqual(['flow-hit 4', 'flow-nat 1030', 'flow-xmit 4']);
    bench.hit(ether({}, back({ dst: WAN }, 61000)), 'wan0');
    expect(bench.sent.map(({ frame }) => ends(frame))).toEqual([
      `${WAN}:61000 > ${SERVER}:443`,
      `${SERVER}:443 > ${LAN_HOST}:40000`,
    ]);
    expect(bench.sent.every(({ frame }) => hasGoodChecksums(frame))).toBe(true);
  });

  test('destination NAT there and back', () => {
    const { bench } = offloaded({
      dst: '192.0.2.1',
      dport: 80,
      replySrc: SERVER,
      replySport: 8080,
      status: OK | S.IPS_DST_NAT,
    });
    bench.hit(ether({}, ip({ src: LAN_HOST, dst: '192.0.2.1' }, tcp({ sport: 40000, dport: 80 }))));
    bench.hit(ether({}, ip({ src: SERVER, dst: LAN_HOST }, tcp({ sport: 8080, dport: 40000 }))), 'wan0');
    expect(bench.sent.map(({ frame }) => ends(frame))).toEqual([
      `${LAN_HOST}:40000 > ${SERVER}:8080`,
      `192.0.2.1:80 > ${LAN_HOST}:40000`,
    ]);
    expect(bench.sent.every(({ frame }) => hasGoodChecksums(frame))).toBe(true);
  });

  test('UDP without a checksum stays without one', () => {
    const { bench } = offloaded({ ...MASQUERADE, protocol: 17 });
    const frame = ether({}, ip({ src: LAN_HOST, dst: SERVER }, udp({ sport: 40000, dport: 443 }, Uint8Array.of(1, 2))));
    frame[40] = 0;
    frame[41] = 0;
    bench.hit(frame);
    const sent = bench.sent[0]?.frame as Uint8Array;
    expect(be16(sent, 40)).toBe(0);
    expect(ends(sent)).toBe(`${WAN}:61000 > ${SERVER}:443`);
  });

  test('a partial checksum stays a partial checksum of the new addresses', () => {
    const { bench } = offloaded(MASQUERADE);
    const frame = ether({}, out());
    const length = be16(frame, 16) - 20;
    const partial = (data: Uint8Array) =>
      ~internetChecksum(new Uint8Array(0), 0, 0, pseudoHeaderSum(data, 14, 4, 6, length)) & 0xffff;
    const before = partial(frame);
    frame[14 + 20 + 16] = before >>> 8;
    frame[14 + 20 + 17] = before & 255;
    bench.hit(frame, 'lan0', 0, (packet) => {
      packet.checksumPartial = true;
    });
    const sent = bench.sent[0]?.frame as Uint8Array;
    expect(be16(sent, 14 + 20 + 16)).toBe(partial(sent));
  });

  test('whatever is translated comes back as it was, with right checksums', () => {
    const octets = fc.uint8Array({ minLength: 0, maxLength: 40 });
    const port = fc.integer({ min: 1, max: 65535 });
    fc.assert(
      fc.property(
        octets,
        port,
        port,
        port,
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 0, max: 3 }),
        (payload, sport, dport, natPort, isUdp, six, kind) => {
          const src = six ? 'fd00:1::10' : LAN_HOST;
          const dst = six ? '2001:db8:77::1' : '192.0.2.1';
          const real = six ? '2001:db8:9::7' : SERVER;
          const mine = six ? '2001:db8:2::1' : WAN;
          const bench = new Bench();
          const entry = bench.connect({
            protocol: isUdp ? 17 : 6,
            src,
            dst,
            sport,
            dport,
            replySrc: kind & 2 ? real : dst,
            replySport: kind & 2 ? 8080 : dport,
            replyDst: kind & 1 ? mine : src,
            replyDport: kind & 1 ? natPort : sport,
            status: OK | (kind & 1 ? S.IPS_SRC_NAT : 0) | (kind & 2 ? S.IPS_DST_NAT : 0),
          });
          const inner = (from: number, to: number) =>
            isUdp ? udp({ sport: from, dport: to }, payload) : tcp({ sport: from, dport: to }, payload);
          const frame = ether({}, ip({ src, dst }, inner(sport, dport)));
          expect(bench.add(entry, frame)).toBe(true);
          expect(bench.hit(frame).verdict).toBe(NF_STOLEN);
          const translated = ether(
            {},
            ip(
              { src: kind & 1 ? mine : src, dst: kind & 2 ? real : dst, ttl: 63 },
              inner(kind & 1 ? natPort : sport, kind & 2 ? 8080 : dport),
            ),
          );
          const sent = bench.sent[0]?.frame as Uint8Array;
          expect(hasGoodChecksums(sent)).toBe(true);
          expect(sent.slice(14)).toEqual(translated.slice(14));
          const reply = ether(
            {},
            ip(
              { src: kind & 2 ? real : dst, dst: kind & 1 ? mine : src },
              inner(kind & 2 ? 8080 : dport, kind & 1 ? natPort : sport),
            ),
          );
          expect(bench.hit(reply, 'wan0').verdict).toBe(NF_STOLEN);
          expect(bench.sent[1]?.frame.slice(14)).toEqual(
            ether({}, ip({ src: dst, dst: src, ttl: 63 }, inner(dport, sport))).slice(14),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
