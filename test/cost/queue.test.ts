import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { LATENCY_ERROR, LatencyHistogram } from '../../src/cost/latency-histogram.ts';
import { QueueSimulation } from '../../src/cost/queue.ts';
import type { LinkModel, QueueModel, QueueResult } from '../../src/cost/queue-model.ts';
import { LOSS_PLACES, lossShare } from '../../src/cost/queue-model.ts';

const LINK = { name: 'a', bitsPerSecond: Number.POSITIVE_INFINITY, queuePackets: 10 };
/** One core, no interrupts, endless ring, links without length. */
const BARE: QueueModel = {
  queues: 1,
  ringPackets: 1 << 20,
  budget: 64,
  moderationNs: 0,
  moderationPackets: 1,
  interruptNs: 0,
  pollNs: 0,
  wakeNs: 0,
  wakeAfterNs: 0,
  links: [LINK, { ...LINK, name: 'b' }],
};
const SERVICE_NS = 1000;
const PACKETS = 500_000;

function uniform(random: Random): number {
  return (random.next() + 0.5) / 4294967296;
}
function exponential(random: Random, mean: number): number {
  return -mean * Math.log(uniform(random));
}

/** Poisson arrivals with a load of `load` on one core. */
function run(model: QueueModel, load: number, seed: number, service: 'D' | 'M', packets = PACKETS): QueueResult {
  const random = new Random(seed);
  const simulation = new QueueSimulation(model);
  let now = 0;
  for (let i = 0; i < packets; i++) {
    now += exponential(random, SERVICE_NS / load);
    simulation.offer(now, service === 'D' ? SERVICE_NS : exponential(random, SERVICE_NS), 100, i, 0, 1, false);
  }
  return simulation.finish();
}

const LOADS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const SEEDS = [1, 2, 3];

/** Mean over seeds of what waited before its service, in service times. */
function meanWait(service: 'D' | 'M', load: number): number {
  const packets = load > 0.7 ? 4 * PACKETS : PACKETS;
  const waits = SEEDS.map((seed) => run(BARE, load, seed, service, packets).latency.meanNs / SERVICE_NS - 1);
  return waits.reduce((total, wait) => total + wait, 0) / waits.length;
}

describe('the queue simulation against theory', () => {
  it.each(LOADS)('M/D/1: mean wait within 2 % at load %f', (load) => {
    const theory = load / (2 * (1 - load));
    expect(Math.abs(meanWait('D', load) / theory - 1)).toBeLessThan(0.02);
  });

  it.each(LOADS)('M/M/1: mean wait within 2 % at load %f', (load) => {
    expect(Math.abs(meanWait('M', load) / (load / (1 - load)) - 1)).toBeLessThan(0.02);
  });

  it.each([
    [0.5, 3],
    [0.9, 3],
    [0.9, 10],
    [1, 7],
    [1.5, 5],
  ])('M/M/1/K: loss at load %f with %i packets waiting', (load, ring) => {
    const K = ring + 1;
    const theory = load === 1 ? 1 / (K + 1) : ((1 - load) * load ** K) / (1 - load ** (K + 1));
    const loss = lossShare(run({ ...BARE, ringPackets: ring }, load, 7, 'M'));
    expect(Math.abs(loss / theory - 1)).toBeLessThan(0.03);
  });

  it.each([0.3, 1, 2])('Erlang B with one server and no ring: load / (1 + load), whatever the service (%f)', (load) => {
    const theory = load / (1 + load);
    for (const service of ['D', 'M'] as const) {
      expect(Math.abs(lossShare(run({ ...BARE, ringPackets: 0 }, load, 3, service)) / theory - 1)).toBeLessThan(0.01);
    }
  });

  it.each([
    [0.8, 2],
    [1.2, 4],
    [0.95, 8],
  ])('M/D/1/K: loss at load %f with %i packets waiting', (load, ring) => {
    const loss = lossShare(run({ ...BARE, ringPackets: ring }, load, 5, 'D'));
    expect(Math.abs(loss / md1kLoss(load, ring + 1) - 1)).toBeLessThan(0.03);
  });

  it('a wire is a queue of its own: M/D/1 on the link to leave by', () => {
    const links = [LINK, { name: 'b', bitsPerSecond: 1e9, queuePackets: 1 << 20 }];
    // 101 + 24 octets take 1000 ns.
    const random = new Random(11);
    const simulation = new QueueSimulation({ ...BARE, links });
    let now = 0;
    for (let i = 0; i < PACKETS; i++) {
      now += exponential(random, 1000 / 0.8);
      simulation.offer(now, 0, 101, i, 0, 1, false);
    }
    const result = simulation.finish();
    expect(Math.abs((result.latency.meanNs / 1000 - 1) / (0.8 / 0.4) - 1)).toBeLessThan(0.02);
    expect(Math.abs((result.linkOutLoad[1] ?? 0) / 0.8 - 1)).toBeLessThan(0.01);
  });
});

/** Loss of M/D/1/K by the chain embedded at departures. */
function md1kLoss(load: number, K: number): number {
  const arrivals: number[] = [];
  let p = Math.exp(-load);
  for (let k = 0; k <= K; k++) {
    arrivals.push(p);
    p *= load / (k + 1);
  }
  // q[n]: probability (not scaled) that a departure leaves n behind, n < K.
  const q = [1];
  const behind = (n: number): number => q[n] ?? 0;
  const arriving = (k: number): number => arrivals[k] ?? 0;
  for (let n = 0; n < K - 1; n++) {
    let value = behind(n) - behind(0) * arriving(n);
    for (let j = 1; j <= n; j++) value -= behind(j) * arriving(n - j + 1);
    q.push(value / arriving(0));
  }
  const q0 = 1 / q.reduce((total, value) => total + value, 0);
  return 1 - 1 / (q0 + load);
}

describe('conservation', () => {
  const model = fc.record({
    queues: fc.integer({ min: 1, max: 4 }),
    ringPackets: fc.integer({ min: 0, max: 20 }),
    budget: fc.integer({ min: 1, max: 64 }),
    moderationNs: fc.constantFrom(0, 500, 20_000),
    moderationPackets: fc.integer({ min: 1, max: 8 }),
    interruptNs: fc.constantFrom(0, 700),
    pollNs: fc.constantFrom(0, 100),
    wakeNs: fc.constantFrom(0, 3000),
    wakeAfterNs: fc.constantFrom(0, 5000),
    links: fc.constantFrom<LinkModel[]>(
      [LINK],
      [
        { name: 'a', bitsPerSecond: 1e9, queuePackets: 5 },
        { name: 'b', bitsPerSecond: 1e8, queuePackets: 3 },
      ],
    ),
    host: fc.option(fc.constant({ bitsPerSecond: 5e8, queuePackets: 6 }), { nil: undefined }),
    steering: fc.option(
      fc.record({
        cores: fc.integer({ min: 1, max: 6 }),
        receiveNs: fc.constantFrom(0, 200),
        handOverNs: fc.constantFrom(0, 90),
        backlogPackets: fc.integer({ min: 0, max: 30 }),
      }),
      { nil: undefined },
    ),
    engine: fc.option(fc.constant({ bitsPerSecond: 1e9, packetsPerSecond: 1e6, queuePackets: 4 }), { nil: undefined }),
  });
  const packet = fc.record({
    gap: fc.integer({ min: 0, max: 3000 }),
    service: fc.integer({ min: 0, max: 5000 }),
    octets: fc.integer({ min: 60, max: 1514 }),
    flow: fc.integer({ min: 0, max: 9 }),
    toward: fc.integer({ min: -1, max: 1 }),
    byEngine: fc.boolean(),
  });

  it('what is offered is sent, ended or lost, exactly, and nothing is busy for longer than all the time', () => {
    fc.assert(
      fc.property(model, fc.array(packet, { maxLength: 300 }), (given, packets) => {
        const { steering, engine, host, ...rest } = given;
        const simulation = new QueueSimulation({
          ...rest,
          ...(steering === undefined ? {} : { steering }),
          ...(engine === undefined ? {} : { engine }),
          ...(host === undefined ? {} : { host }),
        });
        let now = 0;
        for (const row of packets) {
          now += row.gap;
          const last = given.links.length - 1;
          simulation.offer(
            now,
            row.service,
            row.octets,
            row.flow,
            row.flow % given.links.length,
            Math.min(row.toward, last),
            row.byEngine,
          );
        }
        const result = simulation.finish();
        const lost = LOSS_PLACES.reduce((sum, place) => sum + result.lost[place], 0);
        expect(result.offered).toBe(packets.length);
        expect(result.sent + result.ended + lost).toBe(packets.length);
        for (const load of [
          ...result.coreLoad,
          ...result.linkInLoad,
          ...result.linkOutLoad,
          result.engineLoad,
          result.hostInLoad,
        ]) {
          expect(load).toBeGreaterThanOrEqual(0);
          expect(load).toBeLessThanOrEqual(1);
        }
        expect(result.latency.p50Ns).toBeLessThanOrEqual(result.latency.p99Ns);
        expect(result.latency.p99Ns).toBeLessThanOrEqual(result.latency.maximumNs);
      }),
      { numRuns: 500 },
    );
  });
});

describe('interrupts', () => {
  const device: QueueModel = {
    ...BARE,
    ringPackets: 512,
    moderationNs: 50_000,
    moderationPackets: 32,
    interruptNs: 2000,
    wakeNs: 10_000,
    wakeAfterNs: 40_000,
  };
  const at = (load: number): QueueResult => run(device, load, 1, 'D', 300_000);

  it('the load of a core is concave in the rate: an interrupt serves more packets the more come', () => {
    const loads = [0.005, 0.02, 0.1, 0.3, 0.6, 0.9];
    const costs = loads.map((load) => (at(load).coreLoad[0] ?? 0) / load);
    expect(costs).toEqual([...costs].sort((a, b) => b - a));
    expect(Math.max(...costs)).toBeGreaterThan(2.4);
    expect(Math.min(...costs)).toBeLessThan(1.1);
  });

  it('latency is higher at very low load than at moderate load, and grows again by queueing', () => {
    const moderate = at(0.8).latency.p50Ns;
    expect(at(0.001).latency.p50Ns).toBeGreaterThan(1.5 * moderate);
    expect(at(0.99).latency.p50Ns).toBeGreaterThan(1.2 * moderate);
  });

  it('flows are spread over cores, and steering takes what the polling core cannot do', () => {
    const offered = 2;
    const one = run({ ...device, queues: 1 }, offered, 1, 'D', 200_000);
    const four = run({ ...device, queues: 4 }, offered, 1, 'D', 200_000);
    const steering = { cores: 4, receiveNs: 200, handOverNs: 50, backlogPackets: 1000 };
    const steered = run({ ...device, queues: 1, steering }, offered, 1, 'D', 200_000);
    expect(lossShare(one)).toBeGreaterThan(0.45);
    expect(lossShare(four)).toBe(0);
    expect(lossShare(steered)).toBe(0);
    expect(four.coreLoad.every((load) => load > 0.4 && load < 0.65)).toBe(true);
  });
});

describe('the latency histogram', () => {
  it('quantiles are right within the stated error', () => {
    const histogram = new LatencyHistogram();
    const values: number[] = [];
    const random = new Random(9);
    for (let i = 0; i < 50_000; i++) values.push(Math.exp(uniform(random) * 18));
    for (const value of values) histogram.add(value);
    values.sort((a, b) => a - b);
    for (const share of [0.01, 0.5, 0.9, 0.99, 0.999]) {
      const exact = values[Math.ceil(share * values.length) - 1] ?? 0;
      expect(Math.abs(histogram.quantile(share) - exact)).toBeLessThanOrEqual(exact * LATENCY_ERROR + 1);
    }
  });
});
