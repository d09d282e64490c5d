import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { peakFlows, type TrafficColumns } from '../../src/plan/columns.ts';
import { busiestStart } from '../../src/plan/simulate.ts';
import { asCopies, copyPhases, Superposition } from '../../src/plan/superpose.ts';

function columnsOf(timesNs: number[], periodNs: number, flows = timesNs.map(() => 1)): TrafficColumns {
  const rows = timesNs.length;
  return {
    rows,
    left: 0,
    timeNs: Float64Array.from(timesNs),
    path: new Uint32Array(rows),
    octets: new Uint32Array(rows).fill(100),
    flow: Uint32Array.from(flows),
    inLink: new Uint8Array(rows),
    outLink: new Int8Array(rows),
    periodNs,
    octetsInAll: rows * 100,
    links: ['a'],
  };
}

describe('superposition', () => {
  it('every copy brings every packet once a period, in the order of time', () => {
    const times = fc
      .array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 40 })
      .map((row) => row.sort((a, b) => a - b));
    fc.assert(
      fc.property(
        times,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 999 }),
        fc.nat(),
        (row, copies, start, seed) => {
          const columns = columnsOf(row, 1000);
          const traffic = new Superposition(columns, copyPhases(copies, 1000, seed), 2, start);
          const seen = new Map<string, number>();
          let last = -1;
          for (let i = 0; i < row.length * copies * 2; i++) {
            traffic.next();
            expect(traffic.timeNs).toBeGreaterThanOrEqual(Math.max(0, last));
            last = traffic.timeNs;
            const key = `${traffic.copy} ${traffic.row}`;
            seen.set(key, (seen.get(key) ?? 0) + 1);
          }
          // Two periods at twice the speed.
          expect(last).toBeLessThan(1000);
          expect(seen.size).toBe(row.length * copies);
          expect(new Set(seen.values())).toEqual(new Set([2]));
        },
      ),
    );
  });

  it.each([0.2, 1, 1.4, 2.6, 4.25, 812.7, 9999])('a load of %f is copies times speed', (factor) => {
    const { copies, speed } = asCopies(factor);
    expect(copies * speed).toBeCloseTo(factor, 9);
  });

  it('the busiest stretch of a capture with one burst is the burst', () => {
    const times = [...Array(100).keys()].map((i) => (i < 10 ? i * 50 : i < 90 ? 600 + i : 700 + (i - 90) * 30));
    const start = busiestStart(columnsOf(times, 1000), Float64Array.of(0), 60);
    expect(start).toBeGreaterThan(550);
    expect(start).toBeLessThan(640);
  });

  it('flows are counted at their peak', () => {
    // Flow 1 ends before flow 3 begins; flow 2 lasts.
    const columns = columnsOf([0, 10, 100, 5000, 9000, 9500], 10_000, [1, 2, 1, 2, 3, 2]);
    expect(peakFlows(columns, Uint8Array.of(1), 100)).toBe(2);
    expect(peakFlows(columns, Uint8Array.of(1), 10_000)).toBe(3);
    expect(peakFlows(columns, Uint8Array.of(0), 10_000)).toBe(0);
  });
});
