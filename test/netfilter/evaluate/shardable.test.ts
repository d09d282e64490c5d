import { describe, expect, it } from 'vitest';
import type { Expression } from '../../../src/bytecode/expression.ts';
import type { Table } from '../../../src/bytecode/ruleset.ts';
import { crossFlowState } from '../../../src/netfilter/shardable.ts';
import { base, chain, counter, drop, rule, set, table } from './harness.ts';

const judge = (...tables: Table[]) => crossFlowState({ tables, interfaceNames: [] });
const ruled = (...expressions: Expression[]) => table('inet', [chain('c', [rule(...expressions)], base('forward'))]);

describe('flows are independent', () => {
  it.each([
    { what: 'without rules', tables: [] },
    {
      what: 'with counters, states and verdicts',
      tables: [ruled({ kind: 'ct', key: 'state', dreg: 1 }, counter, drop)],
    },
    {
      what: 'with a software flowtable',
      tables: [
        {
          ...ruled({ kind: 'flow-offload', flowtable: 'f' }),
          flowtables: [{ name: 'f', handle: 1, priority: 0, devices: [], offload: false, counter: true }],
        },
      ],
    },
    {
      what: 'with static sets that count',
      tables: [{ ...ruled(), sets: [set('s', 4, { elementExpressions: [counter] })] }],
    },
    {
      what: 'with named counters',
      tables: [{ ...ruled(), objects: [{ type: 'counter', name: 'x', handle: 1, packets: 0, bytes: 0 } as const] }],
    },
    {
      what: 'in a dormant table',
      tables: [{ ...ruled({ kind: 'quota', bytes: 1, consumedBytes: 0, invert: false }), flags: ['dormant' as const] }],
    },
  ])('$what', ({ tables }) => {
    expect(judge(...tables)).toEqual({ exact: true });
  });
});

describe('flows feel each other', () => {
  const cases: { what: string; table: Table; text: RegExp }[] = [
    {
      what: 'a limit',
      table: ruled({ kind: 'limit', limit: { type: 'packets', rate: 1, unit: 'second', burst: 5, invert: false } }),
      text: /share a rate limit \(chain "inet t c"\)/,
    },
    { what: 'a quota', table: ruled({ kind: 'quota', bytes: 1, consumedBytes: 0, invert: false }), text: /one quota/ },
    { what: 'ct count', table: ruled({ kind: 'connlimit', count: 1, invert: false }), text: /counts connections/ },
    {
      what: 'a dynamic set',
      table: ruled({ kind: 'dynset', op: 'add', set: 's', sregKey: 1, invert: false, expressions: [] }),
      text: /set "s" gets its elements from packets/,
    },
    {
      what: 'numgen',
      table: ruled({ kind: 'numgen', type: 'incremental', modulus: 2, offset: 0, dreg: 1 }),
      text: /counts the packets of all flows/,
    },
    { what: 'last', table: ruled({ kind: 'last' }), text: /last packet of any flow/ },
    { what: 'masquerade', table: ruled({ kind: 'masquerade', flags: 0 }), text: /depends on other connections/ },
    {
      what: 'a nat chain alone',
      table: table('ip', [chain('n', [], base('postrouting', { type: 'nat' }))]),
      text: /chain "ip t n" translates addresses/,
    },
    {
      what: 'a named quota',
      table: {
        ...ruled(),
        objects: [{ type: 'quota', name: 'q', handle: 1, bytes: 1, consumedBytes: 0, invert: false }],
      },
      text: /use up the quota "q" of table "inet t"/,
    },
    {
      what: 'a helper',
      table: { ...ruled(), objects: [{ type: 'ct helper', name: 'ftp', handle: 1, helper: 'ftp', protocol: 6 }] },
      text: /conntrack helper "ftp"/,
    },
    {
      what: 'a limit in a set',
      table: {
        ...ruled(),
        sets: [set('s', 4, { elementExpressions: [{ kind: 'connlimit', count: 1, invert: true }] })],
      },
      text: /elements of set "s"/,
    },
    {
      what: 'a hardware flowtable',
      table: {
        ...ruled(),
        flowtables: [{ name: 'f', handle: 1, priority: 0, devices: [], offload: true, counter: false }],
      },
      text: /hardware's table/,
    },
  ];
  it.each(cases)('through $what', ({ table: one, text }) => {
    const result = judge(one);
    expect(result.exact).toBe(false);
    expect(result.exact ? [] : result.reasons.map((reason) => reason.text)).toEqual([expect.stringMatching(text)]);
  });

  it('and the reason names its place', () => {
    const location = { file: 'x.nft', line: 2, column: 3, endColumn: 4 };
    const one = table('inet', [chain('c', [{ ...rule({ kind: 'last' }), location }], base('forward'))]);
    expect(judge(one)).toMatchObject({ reasons: [{ location }] });
  });
});
