import { describe, expect, test } from 'vitest';
import { price } from '../../src/cost/pricing.ts';
import { profile } from '../../src/cost/profiles.ts';
import { dearestPaths, pathCycles, summarise } from '../../src/cost/summary.ts';
import { namesOf, type Step, tableOf } from './paths.ts';

const names = namesOf({});
const SLOW: Step[] = [
  ['rx', 1],
  ['ip-receive', 4],
  ['route', 4],
  ['ct-new', 6],
  ['forward', 4],
  ['output', 4],
  ['tx', 2],
];
const FAST: Step[] = [
  ['rx', 1],
  ['ingress-hook', 1],
  ['flow-hit', 4],
  ['flow-xmit', 4],
  ['tx', 2],
];
const HARD: Step[] = [
  ['rx', 1],
  ['hardware', 1],
  ['tx', 2],
];
const many = (count: number, octets: number) => Array.from({ length: count }, () => octets);

const paths = tableOf([
  { steps: SLOW, octets: many(3, 100) },
  { steps: FAST, octets: [...many(90, 1500), ...many(5, 60)], pathClass: 1 },
  { steps: HARD, octets: many(2, 1500), pathClass: 2 },
]);

describe('summarise', () => {
  const device = profile('bpi-r3');
  const priced = price(paths, names, device);
  const [slow, software, hardware, all] = summarise(paths, priced);

  test('counts packets, bytes and shares by path class', () => {
    expect([slow?.packets, software?.packets, hardware?.packets, all?.packets]).toEqual([3, 95, 2, 100]);
    expect([slow?.bytes, software?.bytes, all?.bytes]).toEqual([300, 135_300, 138_600]);
    expect(software?.packetShare).toBeCloseTo(0.95, 9);
    expect((slow?.cycleShare ?? 0) + (software?.cycleShare ?? 0) + (hardware?.cycleShare ?? 0)).toBeCloseTo(1, 9);
  });

  test('the mean is exact in octets', () => {
    // GRO joins the 90 long ones.
    const whole = (priced.cyclesFixed[1] as number) * 5 + (priced.cyclesBulk[1] as number) * 90;
    const cycles = whole + device.cyclesPerOctet.value * 135_300;
    expect(software?.meanCycles).toBeCloseTo(cycles / 95, 6);
    expect(software?.cycles).toBeCloseTo(pathCycles(paths, priced, 1), 6);
  });

  test('quantiles follow the classes of length', () => {
    const fixed = priced.cyclesBulk[1] as number;
    // 5 of 95 packets are short: the middle one and the 99th percentile are long (1,473 to 1,536 octets).
    expect(software?.p50Cycles).toBeCloseTo(fixed + device.cyclesPerOctet.value * 1504, 6);
    expect(software?.p99Cycles).toBe(software?.p50Cycles);
    expect(all?.p99Cycles).toBe(slow?.p50Cycles);
  });

  test('hardware costs no cycles', () => {
    expect([hardware?.cycles, hardware?.meanCycles, hardware?.p99Cycles, hardware?.meanInstructions]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  test('a class without packets is all zeroes and has a row', () => {
    const only = tableOf([{ steps: SLOW }]);
    const rows = summarise(only, price(only, names, device));
    expect(rows.map((row) => row.name)).toEqual(['slow', 'software', 'hardware', 'all']);
    expect(rows[1]).toMatchObject({ packets: 0, packetShare: 0, meanCycles: 0, p50Cycles: 0, low: 1, high: 1 });
  });

  test('an empty replay has no shares', () => {
    const none = tableOf([]);
    expect(summarise(none, price(none, names, device)).every((row) => row.packets === 0 && row.cycleShare === 0)).toBe(
      true,
    );
  });
});

describe('dearestPaths', () => {
  const priced = price(paths, names, profile('generic-x86-64'));

  test('orders by the cycles of all packets together', () => {
    const rows = dearestPaths(paths, priced, 10);
    expect(rows.map((row) => row.path)).toEqual([1, 0, 2]);
    expect(rows[0]?.cyclesPerPacket).toBeCloseTo(priced.instructions[1] as number, 6);
    expect(rows.reduce((sum, row) => sum + row.cycleShare, 0)).toBeCloseTo(1, 9);
  });

  test.each([
    [0, 0],
    [1, 1],
    [-1, 0],
  ])('%i asked for gives %i', (count, expected) => {
    expect(dearestPaths(paths, priced, count)).toHaveLength(expected);
  });

  test('equal costs keep the order in which the paths were met', () => {
    const equal = tableOf([{ steps: [['local', 4]] }, { steps: [['drop', 1]] }, { steps: [['drop', 2]] }]);
    expect(dearestPaths(equal, price(equal, names, profile('generic-x86-64')), 3).map((row) => row.path)).toEqual([
      0, 1, 2,
    ]);
  });
});
