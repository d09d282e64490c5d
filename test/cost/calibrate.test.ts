import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { calibrate, profileFile } from '../../src/cost/calibrate.ts';
import { parsePoint, readPoints } from '../../src/cost/calibration-point.ts';
import { fitProfile, priceTerms, termCycles } from '../../src/cost/fit-profile.ts';
import { packetCycles, price } from '../../src/cost/pricing.ts';
import { parseProfile, profile } from '../../src/cost/profiles.ts';
import { namesOf, type Step, tableOf } from './paths.ts';

const names = namesOf({ 'ip f forward': ['payload cmp verdict'] });
const SHORT: Step[] = [
  ['rx', 1],
  ['ip-receive', 4],
  ['route', 4],
  ['forward', 4],
  ['output', 4],
  ['tx', 2],
];
const LONG: Step[] = [...SHORT, ['ct-lookup', 6], ['ct-update', 6], ['nat-mangle', 6], ['route-output', 4]];
const base = profile('mt7621');
const table = (steps: Step[]) => tableOf([{ steps, octets: [200, 200] }]);

describe('points', () => {
  test('say rate, load, offload and size', () => {
    expect(parsePoint('450Mbit cpu=63% offload=software size=1514')).toEqual({
      text: '450Mbit cpu=63% offload=software size=1514',
      rate: { bitsPerSecond: 450e6 },
      busy: 0.63,
      offload: 'software',
      sizes: [{ octets: 1514, packets: 1 }],
    });
    expect(parsePoint('90kpps cpu=5 size=imix').sizes?.map((row) => [row.octets, row.packets])).toEqual([
      [60, 7],
      [590, 4],
      [1514, 1],
    ]);
    expect(parsePoint('90kpps cpu=5 size=64B').sizes).toEqual([{ octets: 60, packets: 1 }]);
    expect(parsePoint('90kpps cpu=5').rate).toEqual({ packetsPerSecond: 90_000 });
  });

  test.each([
    '',
    '450',
    '450Mbit',
    '450Mbit cpu=0',
    '450Mbit cpu=101',
    '4Mbit cpu=1 offload=x',
    '4Mbit cpu=1 size=3',
    '4Mbit cpu=1 size=65B',
    '4Mbit cpu=1 a=b',
    '0pps cpu=4',
  ])('that are wrong are refused: %s', (text) => {
    expect(() => parsePoint(text)).toThrow(ConfigError);
  });

  test('come from a file too', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'points-')), 'points.yaml');
    writeFileSync(file, "points:\n  - '1Mpps cpu=50'\n  - { rate: 10kpps, cpu: 3, offload: 'off' }\n");
    expect(readPoints(file).map((row) => [row.rate, row.offload])).toEqual([
      [{ packetsPerSecond: 1e6 }, 'as-ruled'],
      [{ packetsPerSecond: 1e4 }, 'off'],
    ]);
  });
});

describe('the fit', () => {
  const terms = (steps: Step[]) => priceTerms(table(steps), names, base, (pricing) => packetCycles(pricing, 0, 200));

  test('terms and numbers give the price', () => {
    const cycles = packetCycles(price(table(LONG), names, base), 0, 200);
    expect(termCycles(terms(LONG), base)).toBeCloseTo(cycles, 6);
  });

  test('finds the numbers of a machine that differs within what the base allows', () => {
    const truth = {
      ...base,
      cyclesPerInstruction: { ...base.cyclesPerInstruction, value: base.cyclesPerInstruction.value * 1.2 },
      rxCycles: { ...base.rxCycles, value: base.rxCycles.value * 0.8 },
    };
    const points = [SHORT, LONG].map((steps, i) => ({
      ...terms(steps),
      name: `${i}`,
      cycles: termCycles(terms(steps), truth),
      spread: 0.001,
    }));
    const { profile: fitted, residuals } = fitProfile(
      base,
      points,
      ['cyclesPerInstruction', 'rxCycles'],
      'test',
      'measured',
    );
    for (const row of residuals) expect(Math.abs(row.after)).toBeLessThan(0.01);
    expect(fitted.cyclesPerInstruction.value / truth.cyclesPerInstruction.value).toBeCloseTo(1, 1);
  });

  test('points far from the base pull towards it and narrow the intervals', () => {
    const points = [{ ...terms(LONG), name: 'a', cycles: termCycles(terms(LONG), base) * 1.3, spread: 0.05 }];
    const { profile: fitted } = fitProfile(base, points, ['cyclesPerInstruction'], 'test', 'measured');
    expect(fitted.cyclesPerInstruction.value).toBeGreaterThan(base.cyclesPerInstruction.value);
    const { low = 0, high = 0 } = fitted.cyclesPerInstruction;
    expect(high - low).toBeLessThan((base.cyclesPerInstruction.high ?? 0) - (base.cyclesPerInstruction.low ?? 0));
  });

  test('a calibrated profile is a file that loads again', () => {
    const point = parsePoint('50kpps cpu=20');
    const { profile: mine } = calibrate(base, [{ point, paths: table(LONG), names }], 'mine');
    const again = parseProfile(profileFile(mine, base), 'mine.yaml');
    expect(again.name).toBe('mine');
    expect(again.cyclesPerInstruction).toEqual(mine.cyclesPerInstruction);
    expect(again.txCycles).toEqual(base.txCycles);
  });
});
