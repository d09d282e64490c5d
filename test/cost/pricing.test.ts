import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packetCycles, price } from '../../src/cost/pricing.ts';
import type { Profile } from '../../src/cost/profile.ts';
import { profile, profiles } from '../../src/cost/profiles.ts';
import { WEIGHTS } from '../../src/cost/weights/tables.ts';
import { EVENTS } from '../../src/event/vocabulary.ts';
import { ALL_EVENTS, namesOf, rule, type Step, tableOf } from './paths.ts';

const names = namesOf({
  'ip f forward': ['payload cmp verdict', 'counter', 'meta:16 cmp16:16 verdict', 'payload lookup-rbtree:1000 verdict'],
});
const weight = (feature: string) => WEIGHTS['x86-64'].rows[feature]?.instructions ?? Number.NaN;
const x86 = profile('generic-x86-64');
const ROUTED: Step[] = [
  ['rx', 1],
  ['ip-receive', 4],
  ['route', 4],
  ['forward', 4],
  ['output', 4],
  ['tx', 2],
];

function instructions(steps: readonly Step[], on: Profile = x86): number {
  return price(tableOf([{ steps }]), names, on).instructions[0] as number;
}

describe('instructions', () => {
  test.each<[string, Step[], string[]]>([
    ['an event costs its weight', [['ip-receive', 4]], ['ip-receive.v4']],
    ['IPv6 has its own weight', [['ip-receive', 6]], ['ip-receive.v6']],
    ["the kernel's AF_INET6 is IPv6 as well", [['route', 10]], ['route.v6']],
    [
      'a protocol has its own weight',
      [
        ['ct-update', 6],
        ['ct-update', 17],
        ['ct-update', 1],
      ],
      ['ct-update.tcp', 'ct-update.udp', 'ct-update.other'],
    ],
    ['the family may stand above the protocol', [['ct-lookup', 17 | (6 << 8)]], ['ct-lookup.v6']],
    [
      'a base chain takes the family of its packet',
      [['ip-receive', 6], 'base-chain'],
      ['ip-receive.v6', 'base-chain.v6'],
    ],
    [
      'what comes before the family belongs to it',
      ['flow-lookup', ['ip-receive', 6]],
      ['flow-lookup.v6', 'ip-receive.v6'],
    ],
    [
      'a checksum costs per 64 octets',
      [['ct-checksum', 2]],
      ['ct-checksum', 'ct-checksum.per-unit', 'ct-checksum.per-unit'],
    ],
    [
      'a translation after routing costs more',
      ['route', ['nat-mangle', 6]],
      ['route.v4', 'nat-mangle.tcp', 'nat-mangle.after-routing'],
    ],
    ['a rule that missed costs what it evaluated', [rule(0, 2)], ['rule', 'expr.payload', 'expr.cmp']],
    ['a rule that matched costs all of it', [rule(0, 3)], ['rule', 'expr.payload', 'expr.cmp', 'expr.verdict']],
    ['255 expressions stand for all of a rule', [rule(0, 255)], ['rule', 'expr.payload', 'expr.cmp', 'expr.verdict']],
    ['an interface name is a wide load', [rule(2, 2)], ['rule', 'expr.meta.name', 'expr.cmp16']],
    ['a rule without a known shape costs the rule alone', [rule(77, 3)], ['rule']],
  ])('%s', (_, steps, features) => {
    const expected = features.reduce((sum, feature) => sum + weight(feature), 0);
    expect(instructions(steps)).toBeCloseTo(expected, 6);
  });

  test('a tree costs by the logarithm of its elements', () => {
    const nodes = Math.log2(2001);
    const expected =
      weight('rule') +
      weight('expr.payload') +
      weight('expr.lookup-rbtree') +
      nodes * (weight('expr.lookup-rbtree.node') + 0.5 * weight('expr.lookup-rbtree.lesser')) +
      nodes * 1.5 * weight('expr.lookup-rbtree.step');
    expect(instructions([rule(3, 2)])).toBeCloseTo(expected, 6);
  });

  test('a meta load without a size before a 16-octet compare is an interface name', () => {
    const sizeless = namesOf({ 'ip f c': ['meta:0 cmp16:16 verdict'] });
    const priced = price(tableOf([{ steps: [rule(0, 2)] }]), sizeless, x86);
    expect(priced.instructions[0]).toBeCloseTo(weight('rule') + weight('expr.meta.name') + weight('expr.cmp16'), 6);
  });

  test('a chain of the netdev family costs as a link-layer chain', () => {
    const link = namesOf({ 'netdev n ingress': [] });
    const priced = price(tableOf([{ steps: ['base-chain'] }]), link, x86);
    expect(priced.instructions[0]).toBeCloseTo(weight('base-chain.link'), 6);
  });

  test('a path never gets cheaper by one more event', () => {
    const step = fc.tuple(fc.constantFrom(...EVENTS.map((event) => event.name)), fc.integer({ min: 0, max: 1023 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), step, (steps, more) => {
        if (more[0] === 'hardware' || steps.some((row) => row[0] === 'hardware')) return;
        // Last, so that it cannot change what the others are taken for.
        const without = price(tableOf([{ steps: [['ip-receive', 4], ...steps] }]), names, profile('bpi-r3'));
        const withIt = price(tableOf([{ steps: [['ip-receive', 4], ...steps, more] }]), names, profile('bpi-r3'));
        expect(withIt.instructions[0] as number).toBeGreaterThanOrEqual((without.instructions[0] as number) - 1e-9);
        // Short, for GRO joins long ones as soon as they are forwarded.
        expect(packetCycles(withIt, 0, 500)).toBeGreaterThanOrEqual(packetCycles(without, 0, 500) - 1e-9);
      }),
      { numRuns: 200 },
    );
  });
});

describe('cycles', () => {
  test('the generic profiles take one cycle for an instruction and nothing for the driver', () => {
    for (const name of ['generic-x86-64', 'generic-arm64']) {
      const priced = price(tableOf([{ steps: ROUTED }]), names, profile(name));
      expect(priced.cyclesFixed[0]).toBe(priced.instructions[0]);
      expect(priced.cyclesPerByte[0]).toBe(0);
    }
  });

  test('a packet costs instructions, the drivers on both sides, its part of an interrupt, and its octets', () => {
    const device = profile('bpi-r3');
    const priced = price(tableOf([{ steps: ROUTED }]), names, device);
    const fixed =
      (priced.instructions[0] as number) * device.cyclesPerInstruction.value +
      device.rxCycles.value +
      device.groCycles.value +
      device.interruptCycles.value / device.packetsPerPoll.value +
      device.txCycles.value;
    expect(priced.cyclesFixed[0]).toBeCloseTo(fixed, 6);
    expect(packetCycles(priced, 0, 1000)).toBeCloseTo(fixed + 1000 * device.cyclesPerOctet.value, 6);
  });

  test('an instruction of a rule costs less than one of the path around it, one of pipapo without AVX2 by a ratio of its own', () => {
    const sets = namesOf({ 'ip f forward': ['payload cmp verdict', 'lookup-pipapo:1000'] });
    const cyclesOf = (device: Profile, step: Step) => {
      const [without, withIt] = [ROUTED, [...ROUTED, step]].map((steps) => price(tableOf([{ steps }]), sets, device));
      const more = (row: 'cyclesFixed' | 'instructions') => (withIt?.[row][0] ?? 0) - (without?.[row][0] ?? 0);
      return more('cyclesFixed') / more('instructions') / device.cyclesPerInstruction.value;
    };
    for (const name of ['bcm2711', 'x86-j4125']) {
      const device = profile(name);
      // The rule's own step (the event) is of the path, its expressions are not.
      expect(cyclesOf(device, rule(0, 255))).toBeGreaterThan(device.ruleRatio.value);
      expect(cyclesOf(device, rule(0, 255))).toBeLessThan(0.9);
      expect(cyclesOf(device, rule(1, 255)) / device.scanRatio.value).toBeCloseTo(1, 1);
    }
    const server = profile('epyc-7402');
    expect(cyclesOf(server, rule(1, 255)) / server.ruleRatio.value).toBeCloseTo(1, 1);
  });

  test('connections that outgrow the caches make packets dearer, and the price says by how much', () => {
    const device = profile('mt7621');
    const paths = tableOf([{ steps: [...ROUTED, ['ct-lookup', 6]] }]);
    const few = price(paths, names, device, { connections: 1, flows: 1 });
    const many = price(paths, names, device, { connections: 100_000, flows: 1 });
    expect(few.memory[0]).toBe(0);
    expect(many.memory[0] as number).toBeGreaterThan(100);
    expect((many.cyclesFixed[0] as number) - (few.cyclesFixed[0] as number)).toBeCloseTo(many.memory[0] as number, 6);
    const width = ({ high, cyclesFixed }: typeof few) => ((high[0] as number) - 1) * (cyclesFixed[0] as number);
    expect(width(many)).toBeGreaterThan(width(few));
  });

  test('what the hardware forwards costs the CPU nothing, for sure', () => {
    const priced = price(
      tableOf([
        {
          steps: [
            ['rx', 1],
            ['hardware', 1],
            ['tx', 2],
          ],
          pathClass: 2,
        },
      ]),
      names,
      profile('mt7621'),
    );
    expect([
      priced.cyclesFixed[0],
      priced.cyclesPerByte[0],
      priced.instructions[0],
      priced.low[0],
      priced.high[0],
    ]).toEqual([0, 0, 0, 1, 1]);
  });

  test('a packet that the router makes itself has no receive cost', () => {
    const device = profile('x86-server');
    const priced = price(
      tableOf([
        {
          steps: [
            ['route-output', 4],
            ['output', 4],
            ['tx', 2],
          ],
        },
      ]),
      names,
      device,
    );
    const code = (priced.instructions[0] as number) * device.cyclesPerInstruction.value;
    expect(priced.cyclesFixed[0]).toBeCloseTo(code + device.txCycles.value, 6);
    expect(priced.cyclesPerByte[0]).toBe(0);
  });

  test.each(profiles().map((row) => row.name))('%s prices every event with finite numbers', (name) => {
    const priced = price(
      tableOf([{ steps: ALL_EVENTS.filter((step) => step[0] !== 'hardware') }]),
      names,
      profile(name),
    );
    expect(Number.isFinite(priced.cyclesFixed[0])).toBe(true);
    expect(priced.cyclesFixed[0] as number).toBeGreaterThan(10_000);
  });
});

describe('intervals', () => {
  test('they enclose the estimate and are wider where more is guessed', () => {
    const width = (name: string) => {
      const priced = price(tableOf([{ steps: ROUTED }]), names, profile(name));
      expect(priced.low[0] as number).toBeLessThan(1);
      expect(priced.high[0] as number).toBeGreaterThan(1);
      expect((priced.low[0] as number) * (priced.high[0] as number)).toBeCloseTo(1, 9);
      return priced.high[0] as number;
    };
    expect(width('generic-x86-64')).toBeLessThan(width('x86-server'));
    expect(width('x86-server')).toBeLessThan(width('mt7621'));
  });

  test('a step that was never measured widens the interval', () => {
    const measured = price(tableOf([{ steps: ROUTED }]), names, x86);
    const guessed = price(tableOf([{ steps: [...ROUTED, ['pppoe-push', 2]] }]), names, x86);
    expect(guessed.high[0] as number).toBeGreaterThan(measured.high[0] as number);
  });

  test('an empty path costs nothing', () => {
    const priced = price(tableOf([{ steps: [] }]), names, x86);
    expect([priced.cyclesFixed[0], priced.low[0], priced.high[0]]).toEqual([0, 1, 1]);
  });
});
