// Packets of measured scenarios, their events written out by hand, against what the kernel executed (insn, 6.12.117).
import { describe, expect, test } from 'vitest';
import { price } from '../../src/cost/pricing.ts';
import { profile } from '../../src/cost/profiles.ts';
import { namesOf, rule, type Step, tableOf } from './paths.ts';

/** The weights must come this near to every scenario below: a part of the measured count. */
const STATED_ERROR = 0.04;

const COUNTERS = Array.from({ length: 10 }, () => 'counter');
const SADDR_DROP = 'payload:4 cmp:4 verdict';
const ESTABLISHED = 'ct bitwise cmp verdict';
const names = namesOf({
  empty: [],
  accept: ['verdict'],
  counters: COUNTERS,
  linear: [...Array.from({ length: 10 }, () => SADDR_DROP), 'verdict'],
  stateful: [ESTABLISHED, 'meta:16 cmp16:16 verdict', 'verdict'],
  jump: ['verdict'],
  target: ['verdict'],
  hash: ['payload:4 lookup-hash:1000 verdict', 'verdict'],
});
const chain = (name: string) => names.chains.indexOf(name);
const first = (name: string) => names.rules.findIndex((row) => row.chain === name);
const base = (name: string): Step => ['base-chain', chain(name)];
const policy = (name: string): Step => ['policy', chain(name)];

const receive: Step[] = [
  ['rx', 1],
  ['ip-receive', 4],
];
const routed: Step[] = [
  ['route', 4],
  ['forward', 4],
];
const leave: Step[] = [
  ['output', 4],
  ['tx', 2],
];
const forwardChain = (...steps: Step[]): Step[] => [...receive, ...routed, ['hook', 2], ...steps, ...leave];
const tracked = (protocol: number): Step[] => [
  ...receive,
  ['hook', 0],
  ['ct-lookup', protocol | (4 << 8)],
  ['ct-update', protocol | (4 << 8)],
  ...routed,
  ['hook', 2],
  base('stateful'),
  rule(first('stateful'), 4),
  ['output', 4],
  ['hook', 4],
  ['tx', 2],
];
const fast = (...steps: Step[]): Step[] => [
  ['rx', 1],
  ['ingress-hook', 1],
  ['flow-hit', 4],
  ...steps,
  ['flow-xmit', 4],
  ['tx', 2],
];

const SCENARIOS: [string, Step[], number, number][] = [
  ['route.v4', [...receive, ...routed, ...leave], 1967, 1917.5],
  ['fwd.empty-chain', forwardChain(base('empty'), policy('empty')), 2184, 2174],
  ['fwd.accept', forwardChain(base('accept'), rule(first('accept'), 1)), 2222, 2226.5],
  [
    'fwd.10-counters',
    forwardChain(base('counters'), ...COUNTERS.map((_, i) => rule(first('counters') + i, 1)), policy('counters')),
    2834,
    3147.5,
  ],
  [
    'fwd.linear-saddr-iptable.10',
    forwardChain(
      base('linear'),
      ...Array.from({ length: 10 }, (_, i) => rule(first('linear') + i, 2)),
      rule(first('linear') + 10, 1),
    ),
    2904,
    2980,
  ],
  [
    'fwd.jump-depth.1',
    forwardChain(base('jump'), rule(first('jump'), 1), ['jump', chain('target')], rule(first('target'), 1)),
    2297,
    2314,
  ],
  [
    'fwd.set-hash-miss.1000',
    forwardChain(base('hash'), rule(first('hash'), 2), rule(first('hash') + 1, 1)),
    2493,
    2493,
  ],
  ['ct.v4.tcp.orig', tracked(6), 3685, 3633],
  ['ct.v4.udp.orig', tracked(17), 3356, 3292.5],
  ['flow.v4.tcp.orig', fast(), 1440, 1351],
  ['flow-nat.v4.tcp.orig', fast(['flow-nat', 6 | (4 << 8)]), 1571, 1485],
];

describe.each(['x86-64', 'arm64'] as const)('%s', (set) => {
  test.each(SCENARIOS)('%s costs what was measured', (_, steps, x86, arm) => {
    const measured = set === 'x86-64' ? x86 : arm;
    const instructions = price(tableOf([{ steps }]), names, profile(`generic-${set}`)).instructions[0] as number;
    expect(Math.abs(instructions / measured - 1)).toBeLessThanOrEqual(STATED_ERROR);
  });
});
