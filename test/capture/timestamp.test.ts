import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isKnownResolution, TimestampUnit } from '../../src/capture/timestamp.ts';

function convert(resolution: number, units: bigint): [number, number] {
  const unit = new TimestampUnit(resolution, 0);
  unit.set(Number(units >> 32n), Number(units & 0xffffffffn));
  return [unit.seconds, unit.nanos];
}

/** The same with integers of any size. */
function exact(resolution: number, units: bigint): [number, number] {
  const exponent = BigInt(resolution & 0x7f);
  const perSecond = (resolution & 0x80) !== 0 ? 2n ** exponent : 10n ** exponent;
  return [Number(units / perSecond), Number(((units % perSecond) * 1_000_000_000n) / perSecond)];
}

describe('pcapng timestamps', () => {
  test.each([
    ['microseconds', 6, 1_700_000_000_123_456n, [1_700_000_000, 123_456_000]],
    ['nanoseconds', 9, 1_700_000_000_123_456_789n, [1_700_000_000, 123_456_789]],
    ['a nanosecond before a second', 9, 1_699_999_999_999_999_999n, [1_699_999_999, 999_999_999]],
    ['seconds', 0, 1_700_000_000n, [1_700_000_000, 0]],
    ['milliseconds', 3, 1_700_000_000_007n, [1_700_000_000, 7_000_000]],
    ['picoseconds', 12, 1_700_000_123_456_789_999n, [1_700_000, 123_456_789]],
    ['halves of halves: 2^-10', 0x80 | 10, (1_700_000_000n << 10n) + 512n, [1_700_000_000, 500_000_000]],
    ['NTP: 2^-32', 0x80 | 32, (1_700_000_000n << 32n) + 0x80000000n, [1_700_000_000, 500_000_000]],
    ['2^-40', 0x80 | 40, (1_700_000n << 40n) + (1n << 38n), [1_700_000, 250_000_000]],
  ] as const)('%s', (_name, resolution, units, result) => {
    expect(convert(resolution, units)).toEqual(result);
  });

  test('decimal units equal exact division', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 19 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (resolution, units) => {
        const [seconds, nanos] = convert(resolution, units);
        const [exactSeconds, exactNanos] = exact(resolution, units);
        expect(nanos).toBe(exactNanos);
        if (exactSeconds < 2 ** 53) expect(seconds).toBe(exactSeconds);
      }),
      { numRuns: 2000 },
    );
  });

  test('binary units equal exact division, to a nanosecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bits, units) => {
        const [seconds, nanos] = convert(0x80 | bits, units);
        const [exactSeconds, exactNanos] = exact(0x80 | bits, units);
        expect(Math.abs(nanos - exactNanos)).toBeLessThanOrEqual(1);
        expect(nanos).toBeLessThan(1e9);
        if (exactSeconds < 2 ** 53) expect(seconds).toBe(exactSeconds);
      }),
      { numRuns: 2000 },
    );
  });

  test('if_tsoffset is added to the seconds', () => {
    const unit = new TimestampUnit(6, -3600);
    unit.set(0, 5_000_001);
    expect([unit.seconds, unit.nanos]).toEqual([-3595, 1000]);
  });

  test.each([
    [19, true],
    [20, false],
    [0x80 | 63, true],
    [0x80 | 64, false],
  ])('resolution %i can be held by 64 bits: %s', (resolution, known) => {
    expect(isKnownResolution(resolution)).toBe(known);
  });
});
