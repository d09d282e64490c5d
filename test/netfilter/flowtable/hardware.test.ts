// `flags offload`: when the engine takes a flow, what it leaves to the CPU, what it reports (nf_flow_table_offload.c).
import { describe, expect, test } from 'vitest';
import * as S from '../../../src/netfilter/conntrack/status.ts';
import { NF_ACCEPT, NF_STOLEN } from '../../../src/netfilter/verdict.ts';
import { ether, ip, tcp, udp } from '../../../src/packet/build.ts';
import { PATH_HARDWARE, PATH_SOFTWARE } from '../../../src/packet/packet.ts';
import { Bench, type Connection, LAN_HOST, type Options, SERVER, WAN } from './fixture.ts';

const ENDS = { src: LAN_HOST, dst: SERVER };
const OK = S.IPS_CONFIRMED | S.IPS_SEEN_REPLY | S.IPS_ASSURED;
const MODEL = { bindNs: 1e6, capacity: 16 };

function segment(flags = 'A', fields: object = {}, payload = 60): Uint8Array {
  return ether({}, ip({ ...ENDS, ...fields }, tcp({ sport: 40000, dport: 443, flags }, new Uint8Array(payload))));
}
function reply(): Uint8Array {
  return ether({}, ip({ src: SERVER, dst: LAN_HOST }, tcp({ sport: 443, dport: 40000 }, new Uint8Array(60))));
}
function offloaded(options: Options = {}, connection: Connection = {}): { bench: Bench; entry: number } {
  const bench = new Bench({ offload: true, hardware: MODEL, ...options });
  const entry = bench.connect(connection);
  expect(bench.add(entry, segment())).toBe(true);
  return { bench, entry };
}

describe('hardware', () => {
  test('the first packets are forwarded in software, then the CPU sees none', () => {
    const { bench, entry } = offloaded();
    expect(bench.hit(segment(), 'lan0', 0.5e6).packet.pathClass).toBe(PATH_SOFTWARE);
    expect(bench.status(entry) & S.IPS_HW_OFFLOAD).toBe(0);
    const { verdict, packet } = bench.hit(segment(), 'lan0', 1e6);
    expect(verdict).toBe(NF_STOLEN);
    expect(packet.pathClass).toBe(PATH_HARDWARE);
    expect(bench.events).toEqual([`hardware ${bench.index('lan0')}`]);
    expect(bench.status(entry) & S.IPS_HW_OFFLOAD).not.toBe(0);
    expect(bench.hit(reply(), 'wan0', 2e6).packet.pathClass).toBe(PATH_HARDWARE);
    expect(bench.events).toEqual([`hardware ${bench.index('wan0')}`]);
    expect(bench.table.hardwarePackets[entry]).toBe(2);
    expect(bench.table.fastPackets[entry]).toBe(1);
    expect(bench.sent.map(({ frame }) => frame[22])).toEqual([63, 63, 63]);
    // Frames of a hardware flowtable leave with the addresses found when the flow was made.
    expect(bench.sent.map(({ how }) => how)).toEqual(['direct', 'direct', 'direct']);
  });

  test.each([
    ['TTL 1', segment('A', { ttl: 1 })],
    ['IP options', segment('A', { options: Uint8Array.of(1, 1, 1, 1) })],
    ['more than the MTU', segment('A', {}, 1480)],
  ])('a packet with %s goes to the CPU and there the slow way', (_name, frame) => {
    const { bench } = offloaded();
    expect(bench.hit(frame, 'lan0', 2e6).verdict).toBe(NF_ACCEPT);
    expect(bench.hit(segment(), 'lan0', 3e6).packet.pathClass).toBe(PATH_HARDWARE);
  });

  test('FIN goes to the CPU and tears the flow down; the engine goes on until the collector comes', () => {
    const { bench, entry } = offloaded();
    expect(bench.hit(segment('FA'), 'lan0', 2e6).verdict).toBe(NF_ACCEPT);
    expect(bench.status(entry) & S.IPS_OFFLOAD).toBe(0);
    expect(bench.hit(reply(), 'wan0', 3e6).packet.pathClass).toBe(PATH_HARDWARE);
    expect(bench.hit(reply(), 'wan0', 1.1e9).verdict).toBe(NF_ACCEPT);
    expect(bench.status(entry) & S.IPS_HW_OFFLOAD).toBe(0);
    expect(bench.flowtable.count).toBe(1);
    bench.advance(2e9);
    expect(bench.flowtable.count).toBe(0);
  });

  test("what the engine counted reaches conntrack and the flow's age with the collector's statistics", () => {
    const { bench, entry } = offloaded({ counter: true, sysctl: { 'net.netfilter.nf_conntrack_acct': 1 } });
    bench.hit(segment(), 'lan0', 2e6);
    bench.hit(reply(), 'wan0', 2.5e9);
    expect(bench.table.packetsOriginal[entry]).toBe(0);
    // Not before a tenth of the timeout has passed.
    bench.advance(3e9);
    expect(bench.table.packetsOriginal[entry]).toBe(0);
    bench.advance(4e9);
    expect(bench.table.packetsOriginal[entry]).toBe(1);
    expect(bench.table.bytesReply[entry]).toBe(100);
    bench.advance(32e9);
    expect(bench.flowtable.count).toBe(1);
    bench.advance(34e9);
    expect(bench.flowtable.count).toBe(0);
  });

  test('packets in hardware keep a flow alive', () => {
    const { bench, entry } = offloaded();
    for (let second = 1; second < 100; second++) bench.hit(segment(), 'lan0', second * 1e9);
    expect(bench.table.hardwarePackets[entry]).toBe(99);
  });

  test('a full engine leaves the flow to the CPU, which tries again', () => {
    const { bench, entry } = offloaded({ hardware: { bindNs: 1e6, capacity: 1 } });
    expect(bench.hit(segment(), 'lan0', 2e6).packet.pathClass).toBe(PATH_HARDWARE);
    expect(bench.hit(reply(), 'wan0', 2e6).packet.pathClass).toBe(PATH_SOFTWARE);
    const other = bench.connect({ sport: 40001 });
    const frame = ether({}, ip(ENDS, tcp({ sport: 40001, dport: 443 })));
    bench.add(other, frame, 'lan0', 'wan0', 3e6);
    expect(bench.hit(frame, 'lan0', 5e6).packet.pathClass).toBe(PATH_SOFTWARE);
    expect(bench.refusal(other)).toBe('table-full');
    bench.table.free(entry);
    bench.hit(frame, 'lan0', 1.5e9);
    expect(bench.hit(frame, 'lan0', 1.6e9).packet.pathClass).toBe(PATH_HARDWARE);
  });

  test.each([
    [
      'IPv6 with NAT',
      { src: 'fd00:1::10', dst: '2001:db8:9::7', replyDst: '2001:db8:2::1', status: OK | S.IPS_SRC_NAT },
      true,
    ],
    ['plain IPv6', { src: 'fd00:1::10', dst: '2001:db8:9::7' }, false],
  ])('%s: refused %s', (_name, connection, refused) => {
    const bench = new Bench({ offload: true });
    const entry = bench.connect(connection);
    const frame = ether({}, ip({ src: 'fd00:1::10', dst: '2001:db8:9::7' }, tcp({ sport: 40000, dport: 443 })));
    bench.add(entry, frame);
    const { packet } = bench.hit(frame, 'lan0', 1e9 - 1);
    expect(packet.pathClass).toBe(refused ? PATH_SOFTWARE : PATH_HARDWARE);
    expect(bench.refusal(entry)).toBe(refused ? 'hardware-refused' : 'offloaded');
  });

  test('NAT and UDP in hardware', () => {
    const { bench } = offloaded({}, { replyDst: WAN, replyDport: 61000, status: OK | S.IPS_SRC_NAT });
    bench.hit(segment(), 'lan0', 2e6);
    expect([...(bench.sent[0]?.frame.slice(26, 30) ?? [])]).toEqual([203, 0, 113, 1]);
    const udpBench = new Bench({ mode: 'hardware' });
    const frame = ether({}, ip(ENDS, udp({ sport: 40000, dport: 443 }, new Uint8Array(30))));
    udpBench.add(udpBench.connect({ protocol: 17 }), frame);
    expect(udpBench.hit(frame, 'lan0', 2e6).packet.pathClass).toBe(PATH_HARDWARE);
  });

  test('the engine compares the number of a tag, the CPU its priority too', () => {
    const bench = new Bench({ offload: true });
    const tagged = (priority: number) =>
      ether(
        { vlans: [{ id: 10, priority }] },
        ip({ src: '10.10.0.5', dst: SERVER }, tcp({ sport: 40000, dport: 443 }, new Uint8Array(60))),
      );
    bench.add(
      bench.connect({ src: '10.10.0.5' }),
      ether({}, ip({ src: '10.10.0.5', dst: SERVER }, tcp({ sport: 40000, dport: 443 }))),
      'lan0.10',
      'wan0',
    );
    expect(bench.hit(tagged(5), 'lan0', 0.5e6).verdict).toBe(NF_ACCEPT);
    expect(bench.hit(tagged(5), 'lan0', 2e6).packet.pathClass).toBe(PATH_HARDWARE);
    expect(bench.hit(tagged(0), 'lan0', 2e6).packet.pathClass).toBe(PATH_HARDWARE);
  });

  test('the engine puts no 802.1ad tag on: that direction stays with the CPU', () => {
    const bench = new Bench({ offload: true });
    const out = ether(
      { vlans: [{ id: 30, protocol: 0x88a8 }] },
      ip({ src: '10.40.0.5', dst: SERVER }, tcp({ sport: 40000, dport: 443 }, new Uint8Array(60))),
    );
    const back = ether(
      {},
      ip({ src: SERVER, dst: '10.40.0.5' }, tcp({ sport: 443, dport: 40000 }, new Uint8Array(60))),
    );
    bench.add(
      bench.connect({ src: '10.40.0.5' }),
      ether({}, ip({ src: '10.40.0.5', dst: SERVER }, tcp({ sport: 40000, dport: 443 }))),
      'lan0.30',
      'wan0',
    );
    expect(bench.hit(out, 'lan0', 2e6).packet.pathClass).toBe(PATH_HARDWARE);
    expect(bench.hit(back, 'wan0', 2e6).packet.pathClass).toBe(PATH_SOFTWARE);
  });

  test('a device that is not physical is left to software', () => {
    const bench = new Bench({ offload: true, devices: ['br0', 'wan0'] });
    const frame = ether({}, ip({ src: '10.20.0.5', dst: SERVER }, tcp({ sport: 40000, dport: 443 })));
    bench.add(bench.connect({ src: '10.20.0.5' }), frame, 'br0', 'wan0');
    expect(bench.hit(frame, 'br0', 5e6).packet.pathClass).toBe(PATH_SOFTWARE);
  });
});
