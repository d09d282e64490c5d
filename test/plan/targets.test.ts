import { describe, expect, it } from 'vitest';
import { parseTarget, scaling, targetFactor } from '../../src/plan/target.ts';

describe('targets', () => {
  it.each([
    ['x3', { kind: 'users', factor: 3 }],
    ['X0.5', { kind: 'users', factor: 0.5 }],
    ['940Mbit', { kind: 'bits', perSecond: 940e6 }],
    ['2.5Gbit/s', { kind: 'bits', perSecond: 2.5e9 }],
    ['100 mbps', { kind: 'bits', perSecond: 100e6 }],
    ['1.2Mpps', { kind: 'packets', perSecond: 1.2e6 }],
    ['300pps', { kind: 'packets', perSecond: 300 }],
  ])('%s', (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  it.each(['', '3', 'x', 'x0', 'x-3', '940', '940MB', '0Mbit', 'x1e3', 'fast', 'x9999999'])('%j is refused', (text) => {
    expect(() => parseTarget(text)).toThrow(/--target/);
  });

  it('a rate is a factor of what the capture has', () => {
    const traffic = { packetsPerSecond: 1000, bitsPerSecond: 8e6 };
    expect(targetFactor({ kind: 'bits', perSecond: 80e6 }, traffic)).toBe(10);
    expect(targetFactor({ kind: 'packets', perSecond: 500 }, traffic)).toBe(0.5);
  });

  it.each([
    [3, 1, 1000],
    [1, 1, 1000],
    [0.3, 1, 1000],
    [2.6, 2, 1000],
    [1087.4, 1, 3122],
    [1e6, 1, 10],
    [40, 1, 5_000_000],
  ])('clones, copies and speed of x%f at speed %f for %i packets make up the load', (factor, speed, packets) => {
    const { clones, copies, speed: made, factor: load } = scaling(factor, speed, packets);
    expect(clones * copies * made).toBeCloseTo(factor * speed, 6);
    expect(load).toBeCloseTo(factor * speed, 9);
    expect(Number.isInteger(clones) && clones >= 1 && clones <= 256).toBe(true);
  });

  it('up to ten users are always replayed, however long the capture', () => {
    expect(scaling(10, 1, 50_000_000)).toMatchObject({ clones: 10, copies: 1, speed: 1 });
  });
});
