import { describe, expect, test } from 'vitest';
import { busyShare, cyclesAtBusy, cyclesAtRate, fullRate, packetsPerPoll } from '../../src/cost/load.ts';
import { lineCycles } from '../../src/cost/memory.ts';
import { profile } from '../../src/cost/profiles.ts';

const server = profile('x86-server');
/** A raw drop without its interrupts: what is left of 753 cycles at saturation. */
const DROP = 690;

describe('interrupts', () => {
  test.each([
    [0.25e6, 3195],
    [1e6, 1620],
    [3e6, 898],
  ])('a packet of the published machine at %d packets/s costs about %d cycles', (rate, cycles) => {
    expect(Math.abs(cyclesAtRate(server, rate, DROP) / cycles - 1)).toBeLessThan(0.15);
  });

  test('and some 761 when its processor is full', () => {
    expect(Math.abs((server.clock.value * 1e6) / fullRate(server, DROP) / 761 - 1)).toBeLessThan(0.1);
  });

  test('load is concave in the rate, and full at the rate that it says', () => {
    const shares = [1, 2, 3, 4].map((part) => busyShare(server, part * 1e6, DROP));
    for (let i = 1; i < 3; i++) {
      const before = (shares[i] as number) - (shares[i - 1] as number);
      expect((shares[i + 1] as number) - (shares[i] as number)).toBeLessThanOrEqual(before + 1e-9);
    }
    expect(busyShare(server, fullRate(server, DROP), DROP)).toBeCloseTo(1, 1);
    expect(packetsPerPoll(server, 1e9, DROP)).toBe(server.packetsPerPoll.value);
  });
});

describe('memory', () => {
  test('a line costs nothing while its state is small, and as much as memory when it is huge', () => {
    expect(lineCycles(server, 1000)).toBe(0);
    expect(lineCycles(server, 1e12)).toBeGreaterThan(server.memoryCycles.value * 0.99);
    const steps = [1e4, 1e5, 1e6, 1e7, 1e8].map((octets) => lineCycles(server, octets));
    expect([...steps].sort((a, b) => a - b)).toEqual(steps);
  });

  test('a packet on a core that is hardly busy costs more than on a full one', () => {
    const light = cyclesAtBusy(server, DROP, 0.1);
    expect(light).toBeGreaterThan(2 * cyclesAtBusy(server, DROP, 0.95));
    expect(busyShare(server, (0.1 * server.clock.value * 1e6) / light, DROP)).toBeCloseTo(0.1, 3);
  });
});
