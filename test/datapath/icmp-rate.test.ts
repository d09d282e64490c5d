// Limits in rate: the buckets themselves, and when the parts of a split replay cannot have felt each other.
import { describe, expect, it } from 'vitest';
import { IcmpRate, type IcmpUsage, isIndependent } from '../../src/datapath/icmp-rate.ts';

const HOST = 0xc0a8010a;
const SECOND = 1e9;
const NO_LIMIT_FOR_ALL = { 'net.ipv4.icmp_msgs_per_sec': 1_000_000, 'net.ipv4.icmp_msgs_burst': 1_000_000 };

/** Which of the times get their message. */
function answered(rate: IcmpRate, times: number[], host = HOST): boolean[] {
  return times.map((ns) => rate.allowsAny(ns) && rate.allows4(host, ns, false));
}

describe('ICMP rates', () => {
  it('let six at once through, then one a second', () => {
    const rate = new IcmpRate(NO_LIMIT_FOR_ALL, 1);
    expect(answered(rate, new Array(8).fill(0))).toEqual([true, true, true, true, true, true, false, false]);
    expect(answered(rate, [0.9 * SECOND, 1.1 * SECOND, 1.2 * SECOND])).toEqual([false, true, false]);
  });

  it('give loopback everything', () => {
    const rate = new IcmpRate(NO_LIMIT_FOR_ALL, 1);
    expect(Array.from({ length: 20 }, () => rate.allows4(HOST, 0, true)).every(Boolean)).toBe(true);
  });

  it('hold all hosts together to icmp_msgs_per_sec and its burst, by lot', () => {
    const rate = new IcmpRate({}, 1);
    const sent = Array.from({ length: 400 }, (_, i) => answered(rate, [0], i + 1)[0]).filter(Boolean).length;
    // Each takes none, one or two of fifty.
    expect(sent).toBeGreaterThanOrEqual(25);
    expect(sent).toBeLessThan(120);
    const again = new IcmpRate({}, 1);
    expect(Array.from({ length: 400 }, (_, i) => answered(again, [0], i + 1)[0]).filter(Boolean).length).toBe(sent);
  });

  it('read masks', () => {
    const rate = new IcmpRate({ 'net.ipv4.icmp_ratemask': 1, 'net.ipv6.icmp.ratemask': '3,128-130' }, 1);
    expect([0, 3, 11].map((type) => rate.isLimited4(type, 0))).toEqual([true, false, false]);
    expect([1, 3, 129, 131].map((type) => rate.isLimited6(type))).toEqual([false, true, true, false]);
    expect(new IcmpRate({}, 1).isLimited4(3, 4)).toBe(false);
    expect([1, 2, 3, 129].map((type) => new IcmpRate({}, 1).isLimited6(type))).toEqual([true, false, true, false]);
  });

  it('remember a bounded number of hosts', () => {
    const rate = new IcmpRate(NO_LIMIT_FOR_ALL, 1);
    for (let host = 0; host < 70_000; host++) rate.allows4(host, 0, false);
    expect(rate.usage().hosts.length).toBe(65_536);
  });
});

describe('the parts of a split replay', () => {
  const usage = (peak: number, ...hosts: [number, number][]): IcmpUsage => ({ peak, hosts });

  it.each<[string, IcmpUsage[], boolean]>([
    ['nobody was told anything', [usage(0), usage(0)], true],
    ['a host of one part took all', [usage(4, [1, 40]), usage(1, [2, 1])], true],
    ['a host of two parts took little', [usage(1, [1, 2]), usage(1, [1, 3])], true],
    ['a host of two parts took more than a bucket', [usage(1, [1, 3]), usage(1, [1, 3])], false],
    ['three parts together', [usage(1, [1, 2]), usage(1, [1, 2]), usage(1, [1, 2])], false],
    ['all at once', [usage(5, [1, 5]), usage(5, [2, 5])], false],
  ])('%s', (_name, parts, expected) => {
    expect(isIndependent(parts)).toBe(expected);
  });

  it('of which one counted itself, by host and by 20 ms', () => {
    const rate = new IcmpRate({}, 1);
    answered(rate, [0, 0, SECOND, SECOND + 1e6, SECOND + 25e6]);
    answered(rate, [3 * SECOND], 7);
    expect(rate.usage()).toEqual({
      peak: 3,
      hosts: [
        [HOST, 5],
        [7, 1],
      ],
    });
  });
});
