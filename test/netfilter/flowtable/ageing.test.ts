// Time: idle flows, the collector's steps, and what is left to the connection (nf_flow_table_core.c). The figures of
// g-flow-timeout in kernel-oracle/results/demo.json stand in the first test.
import { describe, expect, test } from 'vitest';
import * as S from '../../../src/netfilter/conntrack/status.ts';
import { TCP_FIN_WAIT, TCP_LAST_ACK, TCP_SYN_SENT } from '../../../src/netfilter/conntrack/tcp-states.ts';
import { SEEN_MAXWIN, seenAt } from '../../../src/netfilter/conntrack/tcp-window.ts';
import { NF_ACCEPT, NF_STOLEN } from '../../../src/netfilter/verdict.ts';
import { ether, ip, tcp, udp } from '../../../src/packet/build.ts';
import { Bench, LAN_HOST, SERVER } from './fixture.ts';

const ENDS = { src: LAN_HOST, dst: SERVER };
const SEGMENT = ether({}, ip(ENDS, tcp({ sport: 40000, dport: 443 }, new Uint8Array(9))));
const DATAGRAM = ether({}, ip(ENDS, udp({ sport: 40000, dport: 443 }, new Uint8Array(9))));
const MS = 1e6;

describe('an idle flow', () => {
  test('ages out after 30 s at the next whole second, and its connection keeps what offloading set', () => {
    const bench = new Bench();
    const entry = bench.connect();
    bench.add(entry, SEGMENT, 'lan0', 'wan0', 20 * MS);
    for (const at of [30, 40, 50, 60]) expect(bench.hit(SEGMENT, 'lan0', at * MS).verdict).toBe(NF_STOLEN);
    bench.advance(30000 * MS);
    expect(bench.status(entry) & S.IPS_OFFLOAD).not.toBe(0);
    bench.advance(31000 * MS);
    expect(bench.status(entry) & S.IPS_OFFLOAD).toBe(0);
    expect(Math.floor(bench.timeout(entry, 31000 * MS))).toBe(86369);
    expect(bench.hit(SEGMENT, 'lan0', 60070 * MS).verdict).toBe(NF_ACCEPT);
    bench.add(entry, SEGMENT, 'lan0', 'wan0', 60070 * MS);
    bench.advance(61000 * MS);
    expect(bench.status(entry) & S.IPS_OFFLOAD).not.toBe(0);
    bench.advance(95000 * MS);
    expect(bench.status(entry) & S.IPS_OFFLOAD).toBe(0);
    expect(Math.floor(bench.timeout(entry, 95000 * MS))).toBe(86365);
    expect(bench.flowtable.count).toBe(0);
  });

  test('is refreshed by packets, at most once a second', () => {
    const bench = new Bench();
    const entry = bench.connect();
    bench.add(entry, SEGMENT);
    // Not more than a second after it was added: no refresh.
    bench.hit(SEGMENT, 'lan0', 1e9);
    bench.advance(30e9);
    expect(bench.flowtable.count).toBe(0);
    bench.add(entry, SEGMENT, 'lan0', 'wan0', 40.5e9);
    bench.hit(SEGMENT, 'lan0', 41.6e9);
    bench.advance(71e9);
    expect(bench.flowtable.count).toBe(1);
    bench.advance(72e9);
    expect(bench.flowtable.count).toBe(0);
  });

  test.each([
    ['TCP', 6, 'net.netfilter.nf_flowtable_tcp_timeout', SEGMENT],
    ['UDP', 17, 'net.netfilter.nf_flowtable_udp_timeout', DATAGRAM],
  ] as const)('%s has its own timeout', (_name, protocol, sysctl, frame) => {
    const bench = new Bench({ sysctl: { [sysctl]: 5 } });
    const entry = bench.connect({ protocol });
    bench.add(entry, frame);
    bench.advance(4e9);
    expect(bench.flowtable.count).toBe(1);
    bench.advance(5e9);
    expect(bench.flowtable.count).toBe(0);
  });

  test('after a gap of years only the table is emptied', () => {
    const bench = new Bench();
    const entry = bench.connect();
    bench.add(entry, SEGMENT);
    bench.flowtable.advance(1e17);
    expect(bench.flowtable.count).toBe(0);
    expect(bench.timeout(entry, 30e9)).toBe(86370);
    bench.flowtable.advance(2e17);
  });
});

describe('what is left to the connection', () => {
  test.each([
    ['UDP with answers: 120 - 30 s', { protocol: 17 }, DATAGRAM, 90],
    ['UDP without: 30 - 30 s', { protocol: 17, status: S.IPS_CONFIRMED }, DATAGRAM, 0],
    ['established TCP keeps its day', {}, SEGMENT, 86400 - 30],
  ])('%s', (_name, connection, frame, left) => {
    const bench = new Bench();
    const entry = bench.connect(connection);
    bench.add(entry, frame);
    bench.flowtable.advance(30e9);
    expect(bench.timeout(entry, 30e9)).toBe(left);
  });

  test('TCP that closed meanwhile gets its state less the flow, and learns its windows anew', () => {
    const bench = new Bench();
    const entry = bench.connect();
    bench.add(entry, SEGMENT);
    bench.table.protocol[seenAt(entry, 0) + SEEN_MAXWIN] = 500;
    bench.table.protocol[seenAt(entry, 1) + SEEN_MAXWIN] = 500;
    bench.table.tcpState[entry] = TCP_FIN_WAIT;
    bench.flowtable.advance(30e9);
    expect(bench.timeout(entry, 30e9)).toBe(120 - 30);
    expect(bench.table.protocol[seenAt(entry, 0) + SEEN_MAXWIN]).toBe(0);
    expect(bench.table.protocol[seenAt(entry, 1) + SEEN_MAXWIN]).toBe(0);
  });

  test('the sysctl of the state counts', () => {
    const bench = new Bench({ sysctl: { 'net.netfilter.nf_conntrack_udp_timeout_stream': 200 } });
    const entry = bench.connect({ protocol: 17 });
    bench.add(entry, DATAGRAM);
    bench.flowtable.advance(30e9);
    expect(bench.timeout(entry, 30e9)).toBe(170);
  });
});

describe('while offloaded', () => {
  test.each([
    ['UDP', { protocol: 17 }, DATAGRAM, 0, 86400],
    ['established TCP', {}, SEGMENT, 3, 86400],
    ['closing TCP', {}, SEGMENT, TCP_LAST_ACK, 300],
    ['TCP in another state', {}, SEGMENT, TCP_SYN_SENT, 39],
  ])('%s with less than 5 minutes left is extended by the collector', (_name, connection, frame, state, left) => {
    const bench = new Bench();
    const entry = bench.connect(connection);
    bench.add(entry, frame);
    // A packet on the slow path set an ordinary timeout.
    bench.table.setExpires(entry, 40e9);
    bench.table.tcpState[entry] = state;
    bench.flowtable.advance(1e9);
    expect(bench.timeout(entry, 1e9)).toBe(left);
  });

  test('a long timeout stays', () => {
    const bench = new Bench();
    const entry = bench.connect();
    bench.add(entry, SEGMENT);
    bench.table.setExpires(entry, 301e9);
    bench.flowtable.advance(1e9);
    expect(bench.timeout(entry, 1e9)).toBe(300);
  });

  test("a one-way UDP flow lives on past its connection's 30 s", () => {
    const bench = new Bench();
    const entry = bench.connect({ protocol: 17, status: S.IPS_CONFIRMED, expiresNs: 30e9 });
    bench.add(entry, DATAGRAM);
    for (let second = 2; second < 100; second += 2) {
      expect(bench.hit(DATAGRAM, 'lan0', second * 1e9).verdict).toBe(NF_STOLEN);
    }
    expect(bench.table.fastPackets[entry]).toBe(49);
  });
});
