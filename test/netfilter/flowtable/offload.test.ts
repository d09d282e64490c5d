// `flow add`: each guard of nft_flow_offload_eval, and what a successful one changes.
import { describe, expect, test } from 'vitest';
import type { Table } from '../../../src/bytecode/ruleset.ts';
import * as S from '../../../src/netfilter/conntrack/status.ts';
import { FLAG_BE_LIBERAL } from '../../../src/netfilter/conntrack/tcp-segment.ts';
import { TCP_FIN_WAIT, TCP_SYN_RECV } from '../../../src/netfilter/conntrack/tcp-states.ts';
import { SEEN_FLAGS, seenAt } from '../../../src/netfilter/conntrack/tcp-window.ts';
import { refuseSharedDevices } from '../../../src/netfilter/flowtable/devices.ts';
import { ether, icmp, ip, tcp, udp } from '../../../src/packet/build.ts';
import { Bench, type Connection, LAN_HOST, SERVER } from './fixture.ts';

const ENDS = { src: LAN_HOST, dst: SERVER };
const OK = S.IPS_CONFIRMED | S.IPS_SEEN_REPLY | S.IPS_ASSURED;

function segment(flags = 'A', fields: object = {}): Uint8Array {
  return ether({}, ip({ ...ENDS, ...fields }, tcp({ sport: 40000, dport: 443, flags })));
}
function datagram(fields: object = {}): Uint8Array {
  return ether({}, ip({ ...ENDS, ...fields }, udp({ sport: 40000, dport: 443 }, new Uint8Array(20))));
}
const GRE = ether({}, ip(ENDS, { protocol: 47, bytes: new Uint8Array(24) }));

interface Case {
  name: string;
  refusal: string;
  connection?: Connection;
  frame?: Uint8Array;
  helper?: number;
}
const REFUSED: Case[] = [
  { name: 'IPv4 options', refusal: 'ip-options', frame: segment('A', { options: Uint8Array.of(1, 1, 1, 1) }) },
  { name: 'a FIN', refusal: 'tcp-closing', frame: segment('FA') },
  { name: 'a RST', refusal: 'tcp-closing', frame: segment('RA') },
  { name: 'half-open TCP', refusal: 'tcp-not-established', connection: { tcpState: TCP_SYN_RECV } },
  { name: 'closing TCP', refusal: 'tcp-not-established', connection: { tcpState: TCP_FIN_WAIT } },
  { name: 'TCP that is not assured', refusal: 'tcp-not-established', connection: { status: OK & ~S.IPS_ASSURED } },
  { name: 'ICMP', refusal: 'protocol', connection: { protocol: 1 }, frame: ether({}, ip(ENDS, icmp(8, 0, 1))) },
  { name: 'GRE with NAT', refusal: 'protocol', connection: { protocol: 47, status: OK | S.IPS_SRC_NAT }, frame: GRE },
  { name: 'GRE with keys', refusal: 'protocol', connection: { protocol: 47, sport: 9 }, frame: GRE },
  { name: 'a helper', refusal: 'helper', helper: 0 },
  { name: 'sequence adjustment', refusal: 'sequence-adjustment', connection: { status: OK | S.IPS_SEQ_ADJUST } },
  { name: 'a NAT clash', refusal: 'sequence-adjustment', connection: { status: OK | S.IPS_NAT_CLASH } },
  { name: 'the first packet', refusal: 'not-confirmed', connection: { protocol: 17, status: 0 }, frame: datagram() },
];

describe('flow add', () => {
  test.each(REFUSED)('$name keeps a connection out: $refusal', ({ refusal, connection, frame, helper }) => {
    const bench = new Bench();
    const entry = bench.connect(connection);
    if (helper !== undefined) bench.table.helper[entry] = helper;
    expect(bench.add(entry, frame ?? segment())).toBe(false);
    expect(bench.refusal(entry)).toBe(refusal);
    expect(bench.status(entry) & S.IPS_OFFLOAD).toBe(0);
    expect(bench.events).toEqual([]);
    expect(bench.flowtable.count).toBe(0);
  });

  test('an established TCP connection goes in, for a day, and its windows are not judged any more', () => {
    const bench = new Bench();
    const entry = bench.connect();
    expect(bench.add(entry, segment(), 'lan0', 'wan0', 5e9)).toBe(true);
    expect(bench.status(entry) & S.IPS_OFFLOAD).not.toBe(0);
    expect(bench.timeout(entry, 5e9)).toBe(86400);
    expect(bench.table.offloadedAfter[entry]).toBe(3);
    expect(bench.refusal(entry)).toBe('offloaded');
    for (const direction of [0, 1]) {
      expect((bench.table.protocol[seenAt(entry, direction) + SEEN_FLAGS] ?? 0) & FLAG_BE_LIBERAL).not.toBe(0);
    }
    expect(bench.events).toEqual(['flow-add 3']);
  });

  test('a second time it breaks the rule', () => {
    const bench = new Bench();
    const entry = bench.connect();
    bench.add(entry, segment());
    expect(bench.add(entry, segment())).toBe(false);
    expect(bench.flowtable.count).toBe(1);
    expect(bench.refusal(entry)).toBe('offloaded');
  });

  test.each([
    ['a confirmed one-way UDP flow', { protocol: 17, status: S.IPS_CONFIRMED }, datagram()],
    ['plain GRE', { protocol: 47 }, GRE],
    ['an IPv6 flow with a hop-by-hop header', { src: 'fd00:1::10', dst: '2001:db8:9::7' }, undefined],
  ])('%s goes in', (_name, connection, frame) => {
    const bench = new Bench();
    const entry = bench.connect(connection);
    const six = ip({ src: 'fd00:1::10', dst: '2001:db8:9::7' }, tcp({ sport: 40000, dport: 443 }));
    const withHeader = new Uint8Array(six.length + 8);
    withHeader.set(six.subarray(0, 40));
    withHeader[5] = (withHeader[5] as number) + 8;
    withHeader[6] = 0;
    withHeader.set([6, 0, 1, 4, 0, 0, 0, 0], 40);
    withHeader.set(six.subarray(40), 48);
    expect(bench.add(entry, frame ?? ether({}, withHeader))).toBe(true);
  });

  test('a fixed timeout stays', () => {
    const bench = new Bench();
    const entry = bench.connect({ status: OK | S.IPS_FIXED_TIMEOUT, expiresNs: 100e9 });
    expect(bench.add(entry, segment())).toBe(true);
    expect(bench.timeout(entry, 0)).toBe(100);
  });

  test('an IPv6 connection without a way back stays out', () => {
    const bench = new Bench();
    const entry = bench.connect({ src: 'ff02::10', dst: '2001:db8:9::7' });
    const frame = ether({}, ip({ src: 'ff02::10', dst: '2001:db8:9::7' }, tcp({ sport: 40000, dport: 443 })));
    expect(bench.add(entry, frame)).toBe(false);
    expect(bench.refusal(entry)).toBe('no-route');
    expect(bench.status(entry) & S.IPS_OFFLOAD).toBe(0);
  });

  test('the refusal that got farthest is kept', () => {
    const bench = new Bench();
    const entry = bench.connect({ tcpState: TCP_SYN_RECV });
    bench.add(entry, segment('S'));
    bench.table.tcpState[entry] = 3;
    bench.table.helper[entry] = 0;
    bench.add(entry, segment());
    bench.add(entry, segment('FA'));
    expect(bench.refusal(entry)).toBe('helper');
  });

  test('a packet without a connection breaks the rule', () => {
    expect(new Bench().add(-1, segment())).toBe(false);
  });

  test('an ICMP error about a connection is judged as if it were TCP, as the kernel does', () => {
    const inner = ip({ src: SERVER, dst: LAN_HOST, id: 5 }, tcp({ sport: 443, dport: 40000 }));
    const error = icmp(3, 3, 0, inner.slice(0, 28));
    const bench = new Bench();
    const entry = bench.connect();
    // Octet 13 of the message is the low octet of the inner identification: 5 looks like FIN and RST.
    expect(bench.add(entry, ether({}, ip(ENDS, error)))).toBe(false);
    expect(bench.refusal(entry)).toBe('tcp-closing');
  });

  test('with --offload off the statement does nothing, and the rule goes on', () => {
    const bench = new Bench({ mode: 'off', offload: true });
    const entry = bench.connect();
    expect(bench.add(entry, segment())).toBe(true);
    expect(bench.status(entry) & S.IPS_OFFLOAD).toBe(0);
    expect(bench.flowtable.handles(bench.index('lan0'))).toBe(false);
    expect(bench.events).toEqual([]);
  });

  test('a device that the router has not is refused, as the kernel does', () => {
    expect(() => new Bench({ devices: ['lan7'] })).toThrow('flowtable "ft" names device "lan7"');
  });

  test.each([
    ['as-ruled', false, false],
    ['as-ruled', true, true],
    ['software', true, false],
    ['hardware', false, true],
  ] as const)('--offload %s makes flags offload %s to %s', (mode, offload, expected) => {
    expect(new Bench({ mode, offload }).flowtable.isHardware).toBe(expected);
  });
});

test('a device belongs to one flowtable of a table', () => {
  const flowtable = (name: string, devices: string[]) => ({
    name,
    handle: 1,
    priority: 0,
    devices,
    offload: false,
    counter: false,
  });
  const table = (...flowtables: ReturnType<typeof flowtable>[]): Table => ({
    family: 'inet',
    name: 't',
    handle: 1,
    flags: [],
    chains: [],
    sets: [],
    objects: [],
    flowtables,
  });
  expect(() => refuseSharedDevices(table(flowtable('a', ['lan0']), flowtable('b', ['wan0'])))).not.toThrow();
  expect(() => refuseSharedDevices(table(flowtable('a', ['lan0']), flowtable('b', ['wan0', 'lan0'])))).toThrow(
    'flowtable "b" names device "lan0", which is flowtable "a"\'s already',
  );
});
