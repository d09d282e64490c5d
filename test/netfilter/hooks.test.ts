// The order of hook entries, and netfilter as a whole: conntrack, NAT and rules on one packet.
import { describe, expect, it } from 'vitest';
import type { Expression } from '../../src/bytecode/expression.ts';
import { REASONS } from '../../src/event/reasons.ts';
import { HOOK_NAMES } from '../../src/event/vocabulary.ts';
import { HookEntries } from '../../src/netfilter/hooks.ts';
import { NF_ACCEPT, NF_DROP, NF_QUEUE, NF_STOLEN } from '../../src/netfilter/verdict.ts';
import { ether, fragmentIpv4, ip, tcp, udp } from '../../src/packet/build.ts';
import { CT_ESTABLISHED, CT_UNTRACKED, Packet } from '../../src/packet/packet.ts';
import {
  accept,
  base,
  chain,
  cmp,
  counter,
  drop,
  IPV4,
  IPV6,
  immediate,
  rule,
  TestRouter,
  table,
} from './evaluate/harness.ts';

const FROM = { src: '192.168.1.10', dst: '198.51.100.1' };
const UDP = ether({}, ip(FROM, udp({ sport: 1000, dport: 53 })));
const BACK = ether({}, ip({ src: FROM.dst, dst: FROM.src }, udp({ sport: 53, dport: 1000 })));
const STATE: Expression = { kind: 'ct', key: 'state', dreg: 1 };
const hookOf = (name: (typeof HOOK_NAMES)[number]) => HOOK_NAMES.indexOf(name);

describe('entries of a hook', () => {
  it('run by priority; of equal ones the last registered first (6.12.117)', () => {
    const entries = new HookEntries();
    const order: string[] = [];
    for (const [name, priority] of [
      ['a', 0],
      ['b', 0],
      ['c', -5],
      ['d', 5],
      ['e', 0],
    ] as const) {
      const run = () => {
        order.push(name);
        return NF_ACCEPT;
      };
      entries.register({ name, priority, run });
    }
    expect(entries.run(new Packet())).toBe(NF_ACCEPT);
    expect(order).toEqual(['c', 'e', 'b', 'a', 'd']);
  });

  it.each([
    { verdict: NF_DROP, result: NF_DROP, reason: '' },
    { verdict: NF_STOLEN, result: NF_STOLEN, reason: '' },
    { verdict: NF_QUEUE, result: NF_DROP, reason: 'queue' },
  ])('end at verdict $verdict', ({ verdict, result, reason }) => {
    const entries = new HookEntries();
    let later = 0;
    entries.register({ name: 'first', priority: 0, run: () => verdict });
    entries.register({ name: 'later', priority: 1, run: () => later++ });
    const packet = new Packet();
    expect(entries.run(packet)).toBe(result);
    expect(later).toBe(0);
    expect(REASONS[packet.reason]?.name).toBe(reason);
  });
});

describe('chains of equal priority', () => {
  it('run in the reverse order of the file, across tables', () => {
    const one = (name: string) => chain(name, [rule(counter)], base('forward'));
    const router = new TestRouter([table('inet', [one('a'), one('b')]), table('ip', [one('c')], { name: 'u' })]);
    expect(router.netfilter.listHook(hookOf('forward'), IPV4)).toEqual(['ip u c', 'inet t b', 'inet t a']);
    expect(router.netfilter.listHook(hookOf('forward'), IPV6)).toEqual(['inet t b', 'inet t a']);
  });
});

describe('built-in hooks', () => {
  const inet = (...expressions: Expression[]) => table('inet', [chain('c', [rule(...expressions)], base('forward'))]);
  const list = (router: TestRouter, family: number) =>
    (['prerouting', 'input', 'output', 'postrouting'] as const).map((name) =>
      router.netfilter.listHook(hookOf(name), family),
    );

  it('are not there when no rule needs connections', () => {
    expect(list(new TestRouter([inet(counter)]), IPV4)).toEqual([[], [], [], []]);
  });

  it('conntrack comes with `ct state`, for both families of an inet table', () => {
    const router = new TestRouter([inet(STATE)]);
    const expected = [['defrag', 'conntrack'], ['confirm'], ['defrag', 'conntrack'], ['confirm']];
    expect(list(router, IPV4)).toEqual(expected);
    expect(list(router, IPV6)).toEqual(expected);
  });

  it('conntrack of an ip table is not there for IPv6', () => {
    const router = new TestRouter([table('ip', [chain('c', [rule(STATE)], base('forward'))])]);
    expect(list(router, IPV6)).toEqual([[], [], [], []]);
  });

  it('nat comes with the first nat chain, at all four places, and brings no conntrack by itself', () => {
    const natChain = (...rules: ReturnType<typeof rule>[]) =>
      table('ip', [chain('n', rules, base('postrouting', { type: 'nat', priority: 100 }))]);
    expect(list(new TestRouter([natChain(rule(counter))]), IPV4)).toEqual([['nat'], ['nat'], ['nat'], ['nat']]);
    const masquerading = natChain(rule({ kind: 'masquerade', flags: 0 }));
    expect(list(new TestRouter([masquerading]), IPV4)).toEqual([
      ['defrag', 'conntrack', 'nat'],
      ['nat', 'confirm'],
      ['defrag', 'conntrack', 'nat'],
      ['nat', 'confirm'],
    ]);
  });

  it('stand where their priorities put them between chains', () => {
    const at = (name: string, priority: number) => chain(name, [rule(STATE)], base('prerouting', { priority }));
    const router = new TestRouter([
      table('ip', [
        at('raw', -300),
        at('mangle', -150),
        at('late', 0),
        chain('dnat', [], base('prerouting', { type: 'nat', priority: -5 })),
      ]),
    ]);
    expect(router.netfilter.listHook(hookOf('prerouting'), IPV4)).toEqual([
      'defrag',
      'ip t raw',
      'conntrack',
      'ip t mangle',
      'nat',
      'ip t late',
    ]);
  });
});

/** Takes a frame through these hooks; the last verdict. */
function pass(router: TestRouter, frame: Uint8Array, hooks: (typeof HOOK_NAMES)[number][], more: Partial<Packet> = {}) {
  const packet = router.take(frame, more);
  let verdict = NF_ACCEPT;
  for (const hook of hooks) {
    verdict = router.netfilter.run(hookOf(hook), packet.ipVersion === 6 ? IPV6 : IPV4, packet);
    if (verdict !== NF_ACCEPT) break;
  }
  router.netfilter.advance(packet.timeNs);
  return verdict;
}

const FORWARD: (typeof HOOK_NAMES)[number][] = ['prerouting', 'forward', 'postrouting'];

describe('connections', () => {
  const stateIs = (bits: number) => rule(STATE, cmp(1, bits, 0, 0, 0), counter);

  it('are new, then established; what is untracked or invalid says so', () => {
    const router = new TestRouter([
      table('inet', [
        chain(
          'raw',
          [rule({ kind: 'meta', key: 'mark', dreg: 1 }, cmp(1, 1, 0, 0, 0), { kind: 'notrack' })],
          base('prerouting', { priority: -300 }),
        ),
        chain('c', [stateIs(8), stateIs(2), stateIs(64), stateIs(1)], base('forward')),
      ]),
    ]);
    pass(router, UDP, FORWARD);
    expect(router.counters()).toEqual([1, 0, 0, 0]);
    pass(router, BACK, FORWARD, { iif: 2, oif: 1 });
    expect(router.packet.ctInfo).toBe(CT_ESTABLISHED);
    expect(router.counters()).toEqual([1, 1, 0, 0]);
    pass(router, UDP, FORWARD, { mark: 1 });
    expect(router.packet.ctInfo).toBe(CT_UNTRACKED);
    const badSum = UDP.slice();
    badSum[41] = (badSum[41] ?? 0) ^ 1;
    pass(router, badSum, FORWARD);
    expect(router.counters()).toEqual([1, 1, 1, 1]);
  });

  it('have marks, directions, tuples and counts', () => {
    const ct = (key: Extract<Expression, { kind: 'ct' }>['key'], direction?: 'original' | 'reply'): Expression =>
      direction === undefined ? { kind: 'ct', key, dreg: 1 } : { kind: 'ct', key, dreg: 1, direction };
    const rules = [
      rule(ct('direction'), cmp(1, 0), immediate(2, 7, 0, 0, 0), { kind: 'ct-set', key: 'mark', sreg: 2 }, counter),
      rule(ct('mark'), cmp(1, 7, 0, 0, 0), counter),
      rule(ct('src', 'original'), cmp(1, 192, 168, 1, 10), counter),
      rule(ct('src_ip', 'reply'), cmp(1, 198, 51, 100, 1), counter),
      rule(ct('dst_ip6', 'original'), counter),
      rule(ct('proto_dst', 'original'), cmp(1, 0, 53), counter),
      rule(ct('protocol'), cmp(1, 17), counter),
      rule(ct('l3proto'), cmp(1, 2), counter),
      rule(ct('pkts', 'original'), cmp(1, 1, 0, 0, 0, 0, 0, 0, 0), counter),
      rule(ct('bytes'), cmp(1, 56, 0, 0, 0, 0, 0, 0, 0), counter),
      rule(ct('avgpkt'), cmp(1, 28, 0, 0, 0, 0, 0, 0, 0), counter),
    ];
    const sysctl = { 'net.netfilter.nf_conntrack_acct': 1 };
    const router = new TestRouter([table('inet', [chain('c', rules, base('forward'))])], { sysctl });
    pass(router, UDP, FORWARD);
    pass(router, BACK, FORWARD, { iif: 2, oif: 1 });
    expect(router.counters()).toEqual([1, 2, 2, 2, 0, 2, 2, 2, 2, 1, 2]);
  });

  it('of dropped packets are let go', () => {
    const router = new TestRouter([table('inet', [chain('c', [rule(STATE, drop)], base('forward'))])]);
    expect(pass(router, UDP, FORWARD)).toBe(NF_DROP);
    expect(router.netfilter.conntrack.table.count).toBe(0);
  });

  it('get their fragments whole: rules see one datagram', () => {
    const router = new TestRouter([table('inet', [chain('c', [rule(STATE, counter)], base('forward'))])]);
    const datagram = ip({ ...FROM, id: 9 }, udp({ sport: 1000, dport: 53 }, new Uint8Array(200)));
    const verdicts = fragmentIpv4(datagram, 120).map((fragment) => pass(router, ether({}, fragment), FORWARD));
    expect(verdicts).toEqual([NF_STOLEN, NF_STOLEN, NF_ACCEPT]);
    const states = router.netfilter.state().tables[0]?.chains[0]?.rules[0];
    expect(states).toEqual([null, { kind: 'counter', packets: 1, bytes: 228 }]);
  });

  it('keep zones apart', () => {
    const zone: Expression[] = [
      { kind: 'meta', key: 'mark', dreg: 1 },
      cmp(1, 5, 0, 0, 0),
      { kind: 'ct-set', key: 'zone', sreg: 1 },
    ];
    const router = new TestRouter([
      table('inet', [
        chain('raw', [rule(...zone)], base('prerouting', { priority: -300 })),
        chain('c', [rule({ kind: 'ct', key: 'zone', dreg: 1 }, cmp(1, 5, 0), counter)], base('forward')),
      ]),
    ]);
    pass(router, UDP, FORWARD);
    pass(router, UDP, FORWARD, { mark: 5 });
    expect(router.netfilter.conntrack.table.count).toBe(2);
    expect(router.counters()).toEqual([1]);
  });
});

describe('nat chains', () => {
  const postrouting = (priority: number) => base('postrouting', { type: 'nat', priority });

  it('run for the first packet of a connection only; masquerade rewrites all of them, both ways', () => {
    const router = new TestRouter([
      table('ip', [chain('n', [rule(counter, { kind: 'masquerade', flags: 0 })], postrouting(100))]),
    ]);
    pass(router, UDP, FORWARD);
    const { data, network } = router.packet;
    expect([...data.subarray(network + 12, network + 16)]).toEqual([203, 0, 113, 1]);
    pass(router, UDP, FORWARD);
    const reply = ether({}, ip({ src: FROM.dst, dst: '203.0.113.1' }, udp({ sport: 53, dport: 1000 })));
    pass(router, reply, FORWARD, { iif: 2, oif: 1 });
    const back = router.packet;
    expect([...back.data.subarray(back.network + 16, back.network + 20)]).toEqual([192, 168, 1, 10]);
    expect(router.counters()).toEqual([1]);
  });

  it('stop after the first that translates; its accept ends them no sooner', () => {
    const snat: Expression[] = [
      immediate(1, 203, 0, 113, 9),
      { kind: 'nat', type: 'snat', family: 'ip', addressMin: 1, flags: 1 },
    ];
    const router = new TestRouter([
      table('ip', [
        chain('a', [rule(counter, accept)], postrouting(10)),
        chain('b', [rule(counter, ...snat)], postrouting(20)),
        chain('c', [rule(counter)], postrouting(30)),
      ]),
    ]);
    pass(router, UDP, FORWARD);
    expect(router.counters()).toEqual([1, 1, 0]);
    const { data, network } = router.packet;
    expect([...data.subarray(network + 12, network + 16)]).toEqual([203, 0, 113, 9]);
  });

  it('dnat with a port range goes by registers in network order', () => {
    const expressions: Expression[] = [
      immediate(1, 192, 168, 1, 99),
      immediate(2, 0x1f, 0x90),
      { kind: 'nat', type: 'dnat', family: 'ip', addressMin: 1, portMin: 2, flags: 3 },
    ];
    const router = new TestRouter([
      table('ip', [chain('d', [rule(...expressions)], base('prerouting', { type: 'nat', priority: -100 }))]),
    ]);
    pass(
      router,
      ether({}, ip({ src: '198.51.100.7', dst: '203.0.113.1' }, tcp({ sport: 9, dport: 80, flags: 'S' }))),
      ['prerouting'],
      { iif: 2 },
    );
    const { data, network } = router.packet;
    expect([...data.subarray(network + 16, network + 24)]).toEqual([192, 168, 1, 99, 0, 9, 0x1f, 0x90]);
  });
});

describe('flow add', () => {
  it('breaks its rule while the flow cannot be offloaded, and again when it is', () => {
    const flowtable = { name: 'f', handle: 1, priority: 0, devices: ['lan0', 'wan0'], offload: false, counter: false };
    const router = new TestRouter([
      table(
        'inet',
        [chain('c', [rule({ kind: 'flow-offload', flowtable: 'f' }, counter), rule(counter)], base('forward'))],
        {
          flowtables: [flowtable],
        },
      ),
    ]);
    pass(router, UDP, FORWARD);
    expect(router.counters()).toEqual([0, 1]);
    pass(router, BACK, FORWARD, { iif: 2, oif: 1 });
    expect(router.counters()).toEqual([1, 2]);
    pass(router, UDP, FORWARD);
    expect(router.counters()).toEqual([1, 3]);
    expect(router.netfilter.hasIngress(1)).toBe(true);
    expect(router.netfilter.hasIngress(3)).toBe(false);
    expect(router.run('ingress', UDP)).toBe('stolen');
    expect(router.calls).toEqual(['flow']);
  });
});

describe('route chains', () => {
  it('route again when they changed the mark or an address, not otherwise', () => {
    const mark: Expression[] = [immediate(1, 9, 0, 0, 0), { kind: 'meta-set', key: 'mark', sreg: 1 }];
    const one = (...expressions: Expression[]) =>
      new TestRouter([table('ip', [chain('o', [rule(...expressions)], base('output', { type: 'route' }))])]);
    const changed = one(...mark);
    changed.run('output', UDP);
    expect(changed.calls).toEqual(['reroute']);
    const same = one(counter);
    same.run('output', UDP);
    expect(same.calls).toEqual([]);
  });
});
