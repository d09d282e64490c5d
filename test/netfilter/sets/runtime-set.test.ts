// Sets and maps as rules use them: membership, maps, verdict maps, elements that come from packets and go with time.
import { describe, expect, it } from 'vitest';
import type { Expression } from '../../../src/bytecode/expression.ts';
import type { NftSet } from '../../../src/bytecode/ruleset.ts';
import { ether, ip, udp } from '../../../src/packet/build.ts';
import {
  base,
  chain,
  cmp,
  counter,
  drop,
  immediate,
  rule,
  set,
  TestRouter,
  table,
  verdict,
} from '../evaluate/harness.ts';

const octets = (...data: number[]) => Uint8Array.from(data);
const from = (host: number, dport = 53) =>
  ether({}, ip({ src: `192.168.1.${host}`, dst: '198.51.100.1' }, udp({ sport: 1000, dport })));
const SADDR: Expression = { kind: 'payload', base: 'network', offset: 12, length: 4, dreg: 1 };
const DPORT: Expression = { kind: 'payload', base: 'transport', offset: 2, length: 2, dreg: 9 };
const host = (last: number) => octets(192, 168, 1, last);

function router(sets: NftSet[], ...rules: Expression[][]): TestRouter {
  const rows = rules.map((expressions) => rule(...expressions, counter));
  return new TestRouter([table('ip', [chain('c', rows, base('forward')), chain('side', [rule(drop)])], { sets })]);
}

const lookup = (more: Partial<Extract<Expression, { kind: 'lookup' }>> = {}): Expression => ({
  kind: 'lookup',
  set: 's',
  sreg: 1,
  invert: false,
  ...more,
});

describe('lookup', () => {
  const sets = [set('s', 4, { elements: [{ key: host(10) }, { key: host(11) }] })];
  it('goes on for members; inverted for all others', () => {
    const one = router(sets, [SADDR, lookup()], [SADDR, lookup({ invert: true })]);
    for (const last of [10, 11, 12]) one.run('forward', from(last));
    expect(one.counters()).toEqual([2, 1]);
  });

  it('in a map loads the value', () => {
    const map = set('s', 4, {
      mapTo: 'value',
      dataLength: 4,
      elements: [
        { key: host(10), data: octets(5, 0, 0, 0) },
        { key: octets(), catchAll: true, data: octets(6, 0, 0, 0) },
      ],
    });
    const one = router(
      [map],
      [SADDR, lookup({ dreg: 2 }), cmp(2, 5, 0, 0, 0)],
      [SADDR, lookup({ dreg: 2 }), cmp(2, 6, 0, 0, 0)],
    );
    for (const last of [10, 11, 12]) one.run('forward', from(last));
    expect(one.counters()).toEqual([1, 2]);
  });

  it('in a verdict map jumps, drops, or breaks where there is no element', () => {
    const map = set('s', 4, {
      mapTo: 'verdict',
      elements: [
        { key: host(10), verdict: { code: 'jump', chain: 'side' } },
        { key: host(11), verdict: { code: 'accept' } },
      ],
    });
    const one = router([map], [SADDR, lookup({ dreg: 0 })], [SADDR]);
    expect(one.run('forward', from(10))).toBe('drop');
    expect(one.events().slice(1)).toEqual(['base-chain 0', 'rule 0 matched', 'jump 1', 'rule 2 matched']);
    expect(one.run('forward', from(11))).toBe('accept');
    expect(one.counters()).toEqual([0, 0]);
    one.run('forward', from(12));
    expect(one.counters()).toEqual([0, 1]);
  });

  it('in a verdict map may not loop', () => {
    const map = set('s', 4, { mapTo: 'verdict', elements: [{ key: host(10), verdict: { code: 'goto', chain: 'a' } }] });
    const chains = [
      chain('c', [rule(verdict('jump', 'a'))], base('input')),
      chain('a', [rule(SADDR, lookup({ dreg: 0 }))]),
    ];
    expect(() => new TestRouter([table('ip', chains, { sets: [map] })])).toThrow(/in a loop/);
  });

  it('of address . port ranges uses pipapo, of prefixes the tree, of ports alone the bitmap', () => {
    const pairs = set('s', 8, {
      interval: true,
      keyFieldLengths: [4, 2],
      elements: [{ key: octets(192, 168, 1, 0, 0, 50, 0, 0), keyEnd: octets(192, 168, 1, 15, 0, 60, 0, 0) }],
    });
    const prefixes = set('p', 4, { interval: true, elements: [{ key: host(8), keyEnd: host(11) }] });
    const ports = set('q', 2, { elements: [{ key: octets(0, 53) }, { key: octets(0, 80) }] });
    const one = router(
      [pairs, prefixes, ports],
      [SADDR, DPORT, lookup()],
      [SADDR, lookup({ set: 'p' })],
      [DPORT, lookup({ set: 'q', sreg: 9 })],
    );
    for (const [last, port] of [
      [10, 53],
      [10, 61],
      [16, 53],
      [8, 80],
    ] as const) {
      one.run('forward', from(last, port));
    }
    expect(one.counters()).toEqual([1, 3, 3]);
    const costs = one.netfilter.names().rules.map((shape) => shape.expressions.map((expression) => expression.cost));
    expect(costs.slice(0, 3).map((row) => row.find((cost) => cost.startsWith('lookup')))).toEqual([
      'lookup-pipapo',
      'lookup-rbtree',
      'lookup-bitmap',
    ]);
  });
});

describe('ranges of concatenated fields', () => {
  const row = (first: number, last: number, low: number, high: number) => ({
    key: octets(192, 168, 1, first, 0, low, 0, 0),
    keyEnd: octets(192, 168, 1, last, 0, high, 0, 0),
  });
  const load = (...elements: NftSet['elements']) =>
    router([set('s', 8, { interval: true, keyFieldLengths: [4, 2], elements })], [SADDR, DPORT, lookup()]);

  it('are refused when one begins or ends in one before it (nft_pipapo_insert), not when it holds it', () => {
    expect(() => load(row(0, 255, 1, 99), row(7, 7, 53, 53))).toThrow(/overlaps one before it.*File exists/);
    expect(() => load(row(0, 9, 1, 99), row(5, 20, 50, 60))).toThrow(/overlaps/);
    expect(() => load(row(7, 7, 53, 53), row(0, 255, 1, 99))).not.toThrow();
    expect(() => load(row(7, 7, 53, 53), row(7, 7, 53, 53))).not.toThrow();
  });
});

describe('elements from packets', () => {
  const dynamic = (more: Partial<NftSet> = {}) => set('s', 4, { dynamic: true, ...more });
  const dynset = (op: 'add' | 'update' | 'delete', more: object = {}): Expression => ({
    kind: 'dynset',
    op,
    set: 's',
    sregKey: 1,
    invert: false,
    expressions: [],
    ...more,
  });
  const keys = (one: TestRouter) => one.netfilter.state().tables[0]?.sets[0]?.elements.map((element) => element.key[3]);

  it('are added once and found by other rules', () => {
    const one = router([dynamic()], [SADDR, lookup()], [SADDR, dynset('add')]);
    for (const last of [10, 10, 11]) one.run('forward', from(last));
    expect(one.counters()).toEqual([1, 3]);
    expect(keys(one)).toEqual([10, 11]);
  });

  it('break the rule when the set is full', () => {
    const one = router([dynamic({ sizeElements: 2 })], [SADDR, dynset('add')]);
    for (const last of [10, 11, 12, 10]) one.run('forward', from(last));
    expect(one.counters()).toEqual([3]);
    expect(keys(one)).toEqual([10, 11]);
  });

  it('are deleted, which never breaks', () => {
    const one = router([dynamic({ elements: [{ key: host(10) }, { key: host(11) }] })], [SADDR, dynset('delete')]);
    for (const last of [10, 99]) one.run('forward', from(last));
    expect(one.counters()).toEqual([2]);
    expect(keys(one)).toEqual([11]);
  });

  it('that are deleted count against the size until the collector has passed (nft_rhash_delete)', () => {
    const one = router(
      [dynamic({ sizeElements: 2, elements: [{ key: host(10) }, { key: host(11) }] })],
      [SADDR, { kind: 'cmp', op: 'eq', sreg: 1, data: host(10) }, dynset('delete')],
      [SADDR, { kind: 'cmp', op: 'neq', sreg: 1, data: host(10) }, dynset('add')],
    );
    one.netfilter.advance(100e6);
    one.run('forward', from(10), { timeNs: 100e6 });
    one.run('forward', from(12), { timeNs: 900e6 });
    expect(keys(one)).toEqual([11]);
    one.netfilter.advance(1100e6);
    one.run('forward', from(12), { timeNs: 1100e6 });
    expect([...(keys(one) ?? [])].sort()).toEqual([11, 12]);
  });

  it('expire; update starts their time anew, add does not', () => {
    for (const [op, alive] of [
      ['add', false],
      ['update', true],
    ] as const) {
      const one = router([dynamic({ timeout: true, timeoutMs: 10_000 })], [SADDR, lookup()], [SADDR, dynset(op)]);
      one.run('forward', from(10), { timeNs: 0 });
      one.run('forward', from(10), { timeNs: 6e9 });
      const before = one.counters()[0];
      one.run('forward', from(10), { timeNs: 12e9 });
      expect([op, one.counters()[0] !== before]).toEqual([op, alive]);
    }
  });

  it('are listed with the time that is left, and collected once it is over', () => {
    const one = router([dynamic({ timeout: true, timeoutMs: 10_000 })], [SADDR, dynset('add')]);
    one.run('forward', from(10), { timeNs: 1e9 });
    one.netfilter.advance(4e9);
    expect(one.netfilter.state().tables[0]?.sets[0]?.elements).toEqual([{ key: host(10), expiresMs: 7000 }]);
    one.netfilter.advance(11.5e9);
    expect(keys(one)).toEqual([]);
  });

  it('do not fill a set for ever: expired ones make room when they are collected', () => {
    const one = router([dynamic({ timeout: true, timeoutMs: 1000, sizeElements: 1 })], [SADDR, dynset('add')]);
    one.run('forward', from(10), { timeNs: 0 });
    one.run('forward', from(11), { timeNs: 0.5e9 });
    expect(one.counters()).toEqual([1]);
    one.netfilter.advance(2e9);
    one.run('forward', from(11), { timeNs: 2e9 });
    expect(one.counters()).toEqual([2]);
    expect(keys(one)).toEqual([11]);
  });

  it('carry their own limit and counter', () => {
    const expressions: Expression[] = [
      { kind: 'limit', limit: { type: 'packets', rate: 1, unit: 'hour', burst: 2, invert: true } },
    ];
    const one = router([dynamic({ elementExpressions: [counter] })], [SADDR, dynset('add', { expressions })]);
    for (const last of [10, 10, 10, 11, 11]) one.run('forward', from(last));
    expect(one.counters()).toEqual([1]);
  });

  it("count with the set's own expressions, at lookups too", () => {
    const one = router([dynamic({ elementExpressions: [counter] })], [SADDR, dynset('add')], [SADDR, lookup()]);
    for (const last of [10, 10, 11]) one.run('forward', from(last));
    expect(one.netfilter.state().tables[0]?.sets[0]?.elements).toEqual([
      { key: host(10), expressions: [{ kind: 'counter', packets: 4, bytes: 4 * 28 }] },
      { key: host(11), expressions: [{ kind: 'counter', packets: 2, bytes: 2 * 28 }] },
    ]);
  });

  it('of maps keep the value that they were made with', () => {
    const map = dynamic({ mapTo: 'value', dataLength: 4 });
    const one = router(
      [map],
      [{ kind: 'meta', key: 'mark', dreg: 10 }, SADDR, dynset('update', { sregData: 10 })],
      [SADDR, lookup({ dreg: 3 }), cmp(3, 7, 0, 0, 0)],
    );
    one.run('forward', from(10), { mark: 7 });
    one.run('forward', from(10), { mark: 8 });
    expect(one.counters()).toEqual([2, 2]);
    expect(one.netfilter.state().tables[0]?.sets[0]?.elements).toEqual([{ key: host(10), data: octets(7, 0, 0, 0) }]);
  });

  it('cannot be put into a set of intervals', () => {
    const intervals = set('s', 4, { interval: true });
    expect(() => router([intervals], [SADDR, dynset('add')])).toThrow(/cannot add elements of set "s" from a rule/);
  });

  it("of a flood stay within the set's size", () => {
    const many = router(
      [dynamic()],
      [{ kind: 'numgen', type: 'incremental', modulus: 2 ** 31, offset: 0, dreg: 1 }, dynset('add')],
    );
    for (let i = 0; i < 70_000; i++) many.run('forward', from(10));
    expect(many.netfilter.state().tables[0]?.sets[0]?.elements.length).toBe(65535);
  });
});

describe('state', () => {
  it('of sets that cannot change is null', () => {
    const one = router([set('s', 4, { elements: [{ key: host(10) }] })], [immediate(1, 0), lookup()]);
    expect(one.netfilter.state().tables[0]?.sets).toEqual([null]);
  });

  it('keeps static elements that time out until they do', () => {
    const timed = set('s', 4, {
      timeout: true,
      elements: [{ key: host(10), timeoutMs: 5000, comment: 'a' }, { key: host(11) }],
    });
    const one = router([timed], [SADDR, lookup()]);
    one.run('forward', from(10), { timeNs: 4e9 });
    one.run('forward', from(10), { timeNs: 6e9 });
    expect(one.counters()).toEqual([1]);
    one.netfilter.advance(4e9);
    expect(one.netfilter.state().tables[0]?.sets[0]?.elements).toEqual([
      { key: host(10), timeoutMs: 5000, expiresMs: 1000, comment: 'a' },
      { key: host(11) },
    ]);
  });
});
