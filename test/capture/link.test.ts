import { describe, expect, test } from 'vitest';
import { toEthernet } from '../../src/capture/link.ts';
import { LINK_FORMS, linkTypeName, unsupportedLinkType } from '../../src/capture/linktype.ts';
import type { CaptureRecord } from '../../src/capture/record.ts';

const IPV4 = [0x45, 0, 0, 20, 1, 2, 3, 4];
const IPV6 = [0x60, 0, 0, 0, 9, 9];
const HOST = '02ee00000001';
const ADDRESS = [0x0a, 1, 2, 3, 4, 5];

function record(linkType: number, octets: number[]): CaptureRecord {
  const data = new Uint8Array(200).fill(0x77);
  data.set(octets, 100);
  return {
    data,
    start: 100,
    end: 100 + octets.length,
    wireLength: octets.length + 5,
    timestampSeconds: 0,
    timestampNanos: 0,
    interfaceIndex: 0,
    linkType,
    fileOffset: 0,
    packetType: -1,
    hostIfindex: 0,
  };
}

function hex(octets: Iterable<number>): string {
  return Buffer.from([...octets]).toString('hex');
}

/** Cooked v1 header. */
function cooked(type: number, hardware: number, protocol: number, addressLength = 6): number[] {
  return [0, type, hardware >> 8, hardware & 255, 0, addressLength, ...ADDRESS, 0, 0, protocol >> 8, protocol & 255];
}

/** Cooked v2 header. */
function cooked2(type: number, hardware: number, protocol: number, addressLength = 6): number[] {
  const end = [hardware >> 8, hardware & 255, type, addressLength, ...ADDRESS, 0, 0];
  return [protocol >> 8, protocol & 255, 0, 0, 0, 0, 0, 3, ...end];
}

describe('link headers become Ethernet', () => {
  test.each<[string, number, number[], number[], number, string, number]>([
    ['raw IPv4 (12)', 12, IPV4, IPV4, 0x0800, HOST, 0],
    ['raw IPv6 (101)', 101, IPV6, IPV6, 0x86dd, HOST, 0],
    ['raw of neither version', 14, [0x10, 1], [0x10, 1], 0xffff, HOST, 0],
    ['raw without octets', 101, [], [], 0xffff, HOST, 0],
    ['IPv4 (228)', 228, IPV4, IPV4, 0x0800, HOST, 0],
    ['IPv6 (229)', 229, IPV6, IPV6, 0x86dd, HOST, 0],
    ['NULL, little-endian AF_INET', 0, [2, 0, 0, 0, ...IPV4], IPV4, 0x0800, HOST, 4],
    ['NULL, big-endian AF_INET', 0, [0, 0, 0, 2, ...IPV4], IPV4, 0x0800, HOST, 4],
    ['NULL, Darwin AF_INET6', 0, [30, 0, 0, 0, ...IPV6], IPV6, 0x86dd, HOST, 4],
    ['NULL, FreeBSD AF_INET6', 0, [28, 0, 0, 0, ...IPV6], IPV6, 0x86dd, HOST, 4],
    ['LOOP, OpenBSD AF_INET6', 108, [0, 0, 0, 24, ...IPV6], IPV6, 0x86dd, HOST, 4],
    ['NULL, AppleTalk', 0, [16, 0, 0, 0, 1], [1], 0xffff, HOST, 4],
    ['NULL, cut', 0, [2, 0], [], 0xffff, HOST, 2],
    ['PPP with address and control', 9, [0xff, 3, 0, 0x21, ...IPV4], IPV4, 0x0800, HOST, 4],
    ['PPP without them', 9, [0, 0x57, ...IPV6], IPV6, 0x86dd, HOST, 2],
    ['PPP with a compressed protocol', 9, [0x21, ...IPV4], IPV4, 0x0800, HOST, 1],
    ['PPP LCP', 9, [0xff, 3, 0xc0, 0x21, 1], [0xc0, 0x21, 1], 0x880b, HOST, 2],
    ['PPP, cut', 9, [0xff, 3, 0], [], 0xffff, HOST, 3],
    ['PPP_HDLC', 50, [0xff, 3, 0, 0x21, ...IPV4], IPV4, 0x0800, HOST, 4],
    ['PPP_HDLC with Cisco HDLC', 50, [0x0f, 0, 8, 0, ...IPV4], IPV4, 0x0800, HOST, 4],
    ['PPPoE session', 51, [0x11, 0, 0, 1, 0, 4, 0, 0x21], [0x11, 0, 0, 1, 0, 4, 0, 0x21], 0x8864, HOST, 0],
    ['PPPoE discovery', 51, [0x11, 9, 0, 0], [0x11, 9, 0, 0], 0x8863, HOST, 0],
    ['cooked v1', 113, [...cooked(0, 1, 0x0800), ...IPV4], IPV4, 0x0800, hex(ADDRESS), 16],
    ['cooked v1 without address', 113, [...cooked(0, 512, 0x86dd, 0), ...IPV6], IPV6, 0x86dd, HOST, 16],
    ['cooked v1, 802.2', 113, [...cooked(0, 1, 4), 1, 2, 3], [1, 2, 3], 8, hex(ADDRESS), 16],
    ['cooked v1, netlink', 113, [...cooked(4, 824, 0, 0), 1], [1], 0xffff, HOST, 16],
    ['cooked v1, cut', 113, [0, 0, 0], [], 0xffff, HOST, 3],
    ['cooked v2', 276, [...cooked2(4, 1, 0x86dd), ...IPV6], IPV6, 0x86dd, hex(ADDRESS), 20],
    ['cooked v2 without address', 276, [...cooked2(0, 65534, 0x0800, 0), ...IPV4], IPV4, 0x0800, HOST, 20],
    ['cooked v2, cut', 276, [8, 0, 0, 0], [], 0xffff, HOST, 4],
  ])('%s', (_name, linkType, octets, rest, etherType, source, removed) => {
    const one = record(linkType, octets);
    const known = toEthernet(one);
    const frame = one.data.subarray(one.start, one.end);
    expect(hex(frame.subarray(0, 6))).toBe('02ffffffffff');
    expect(hex(frame.subarray(6, 12))).toBe(source);
    expect(hex(frame.subarray(12, 14))).toBe(etherType.toString(16).padStart(4, '0'));
    expect(hex(frame.subarray(14))).toBe(hex(rest));
    expect(one.wireLength).toBe(octets.length + 5 - removed + 14);
    expect([one.end, one.linkType]).toEqual([100 + octets.length, 1]);
    expect(known).toBe(etherType !== 0xffff && etherType !== 0x880b);
    expect(one.data[one.start - 1]).toBe(one.start > 100 ? octets[one.start - 101] : 0x77);
    expect(one.data[one.end]).toBe(0x77);
  });

  test('Ethernet is left alone', () => {
    const one = record(1, IPV4);
    toEthernet(one);
    expect([one.start, one.wireLength, hex(one.data.subarray(100, 108))]).toEqual([100, 13, hex(IPV4)]);
  });

  test('cooked headers tell packet type and interface index', () => {
    const first = record(113, [...cooked(4, 1, 0x0800), ...IPV4]);
    toEthernet(first);
    const second = record(276, [...cooked2(3, 1, 0x0800), ...IPV4]);
    toEthernet(second);
    expect([first.packetType, first.hostIfindex, second.packetType, second.hostIfindex]).toEqual([4, 0, 3, 3]);
  });
});

describe('link types', () => {
  test('every readable type has a name', () => {
    for (const linkType of LINK_FORMS.keys()) expect(linkTypeName(linkType)).not.toMatch(/number/);
  });
  test('a refusal names type and number, and what is readable', () => {
    expect(unsupportedLinkType(105)).toMatch(/^link type IEEE802_11 \(105\) is not supported; .*Ethernet/);
    expect(unsupportedLinkType(999)).toMatch(/^link type number 999 is not supported/);
  });
});
