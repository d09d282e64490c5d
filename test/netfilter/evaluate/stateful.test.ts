import { describe, expect, it } from 'vitest';
import type { Expression, Limit } from '../../../src/bytecode/expression.ts';
import { ether, ip, tcp, udp } from '../../../src/packet/build.ts';
import { base, chain, counter, rule, TestRouter, table } from './harness.ts';

const FROM = { src: '192.168.1.10', dst: '198.51.100.1' };
/** A datagram of 128 octets. */
const UDP = ether({}, ip(FROM, udp({ sport: 1000, dport: 53 }, new Uint8Array(100))));

function one(...expressions: Expression[]): TestRouter {
  return new TestRouter([table('inet', [chain('c', [rule(...expressions, counter)], base('forward'))])]);
}

/** At which of these times (milliseconds) does a packet match? */
function matchedAt(router: TestRouter, timesMs: number[]): number[] {
  return timesMs.filter((timeMs) => {
    const before = router.counters()[0] ?? 0;
    router.run('forward', UDP, { timeNs: timeMs * 1e6 });
    return (router.counters()[0] ?? 0) > before;
  });
}

const limit = (more: Partial<Limit>): Expression => ({
  kind: 'limit',
  limit: { type: 'packets', rate: 10, unit: 'second', burst: 5, invert: false, ...more },
});

describe('limit', () => {
  it('starts with a full bucket, then lets one packet by each 1/rate', () => {
    const times = [0, 1, 2, 3, 4, 5, 99, 100, 101, 199, 200, 250, 300];
    expect(matchedAt(one(limit({})), times)).toEqual([0, 1, 2, 3, 4, 100, 200, 300]);
  });

  it('over matches exactly the others', () => {
    const times = [0, 1, 2, 3, 4, 5, 99, 100, 101];
    expect(matchedAt(one(limit({ invert: true })), times)).toEqual([5, 99, 101]);
  });

  it('without a burst has one of five', () => {
    expect(matchedAt(one(limit({ burst: 0, unit: 'hour' })), [0, 1, 2, 3, 4, 5])).toEqual([0, 1, 2, 3, 4]);
  });

  it('never saves up more than its burst', () => {
    const late = [100_000, 100_000, 100_000];
    expect(matchedAt(one(limit({ burst: 2 })), late).length).toBe(2);
  });

  it('of bytes takes what a datagram has: rate + burst at first', () => {
    // (1000 + 200) / 128 octets: nine whole datagrams; the tenth after the missing 80 octets, 80 ms later.
    const router = one(limit({ type: 'bytes', rate: 1000, burst: 200 }));
    expect(matchedAt(router, new Array<number>(10).fill(0)).length).toBe(9);
    expect(matchedAt(router, [79, 80])).toEqual([80]);
  });

  it.each([
    { type: 'bytes', rate: 2 ** 20, unit: 'day' },
    { type: 'bytes', rate: 60_480, unit: 'week' },
    { rate: 0 },
  ] as Partial<Limit>[])('of %o is refused: the kernel cannot count it (nft_limit_init)', (more) => {
    expect(() => one(limit(more))).toThrow(/limit/);
    expect(() => one(limit({ ...more, rate: 30 }))).not.toThrow();
  });

  it('divides as the kernel does: tokens of a third of a second are cut', () => {
    // cost = floor(1e9 / 3) = 333333333, three of them are below a second.
    const router = one(limit({ rate: 3, burst: 1 }));
    router.run('forward', UDP, { timeNs: 0 });
    const before = router.counters()[0];
    router.run('forward', UDP, { timeNs: 333_333_332 });
    expect(router.counters()[0]).toBe(before);
    router.run('forward', UDP, { timeNs: 333_333_333 });
    expect(router.counters()[0]).toBe(2);
  });

  it('shared as an object is one bucket for all rules', () => {
    const ref = rule({ kind: 'objref', objectType: 'limit', name: 'l' }, counter);
    const object = {
      type: 'limit',
      name: 'l',
      handle: 1,
      limit: { type: 'packets', rate: 1, unit: 'hour', burst: 3, invert: false },
    } as const;
    const router = new TestRouter([table('ip', [chain('c', [ref, ref], base('forward'))], { objects: [object] })]);
    for (let i = 0; i < 4; i++) router.run('forward', UDP);
    expect(router.counters()).toEqual([2, 1]);
  });
});

describe('quota', () => {
  const quota = (more: object): Expression => ({ kind: 'quota', bytes: 300, consumedBytes: 0, invert: false, ...more });
  it('matches while no more octets went by than allowed', () => {
    expect(matchedAt(one(quota({})), [0, 1, 2, 3])).toEqual([0, 1]);
  });
  it('over matches from then on', () => {
    expect(matchedAt(one(quota({ invert: true })), [0, 1, 2, 3])).toEqual([2, 3]);
  });
  it('goes on from what was consumed before, and is exported up to its limit (nft_quota_do_dump)', () => {
    const router = one(quota({ consumedBytes: 172 }));
    expect(matchedAt(router, [0, 1])).toEqual([0]);
    expect(router.netfilter.state().tables[0]?.chains[0]?.rules[0]?.[0]).toEqual({ kind: 'quota', consumedBytes: 300 });
  });
});

describe('last', () => {
  it('exports how long ago it was used, nothing when never', () => {
    const router = one({ kind: 'last' });
    const state = () => router.netfilter.state().tables[0]?.chains[0]?.rules[0]?.[0];
    expect(state()).toEqual({ kind: 'last' });
    router.run('forward', UDP, { timeNs: 2e9 });
    router.netfilter.advance(5.25e9);
    expect(state()).toEqual({ kind: 'last', usedMs: 3250 });
  });
});

describe('ct count', () => {
  const count = (invert: boolean): Expression => ({ kind: 'connlimit', count: 2, invert });
  const syn = (sport: number) => ether({}, ip(FROM, tcp({ sport, dport: 80, flags: 'S' })));
  /** A packet all the way: tracked, the rule, confirmed. */
  function pass(router: TestRouter, frame: Uint8Array, timeNs: number): void {
    router.run('prerouting', frame, { timeNs });
    router.netfilter.run(2, 2, router.packet);
    router.netfilter.run(4, 2, router.packet);
    router.netfilter.advance(timeNs);
  }

  it('over matches from the connection that is too many on; repeated packets count once', () => {
    const router = one(count(true));
    pass(router, syn(1), 0);
    pass(router, syn(1), 1e7);
    pass(router, syn(2), 2e7);
    expect(router.counters()).toEqual([0]);
    pass(router, syn(3), 3e7);
    expect(router.counters()).toEqual([1]);
  });

  it('forgets connections that have timed out', () => {
    const router = one(count(true));
    for (const sport of [1, 2]) pass(router, syn(sport), sport * 1e7);
    router.netfilter.advance(130e9);
    pass(router, syn(3), 130e9);
    expect(router.counters()).toEqual([0]);
  });
});
