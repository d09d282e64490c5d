import { describe, expect, it } from 'vitest';
import { REASONS } from '../../../src/event/reasons.ts';
import { ether, ip, tcp, udp } from '../../../src/packet/build.ts';
import { accept, base, chain, counter, dport, drop, rule, TestRouter, table, verdict } from './harness.ts';

const DNS = ether({}, ip({ src: '192.168.1.10', dst: '198.51.100.1' }, udp({ sport: 1000, dport: 53 })));
const WEB = ether({}, ip({ src: '192.168.1.10', dst: '198.51.100.1' }, tcp({ sport: 1000, dport: 80, flags: 'S' })));

describe('a base chain', () => {
  it('ends with accept, and the packet goes on to the next base chain of the hook', () => {
    const router = new TestRouter([
      table('ip', [
        chain('first', [rule(counter, accept), rule(counter)], base('forward', { priority: -1 })),
        chain('second', [rule(counter, drop)], base('forward')),
      ]),
    ]);
    expect(router.run('forward', DNS)).toBe('drop');
    expect(router.counters()).toEqual([1, 0, 1]);
    expect(router.events()).toEqual([
      'hook forward',
      'base-chain 0',
      'rule 0 matched',
      'base-chain 1',
      'rule 2 matched',
    ]);
    expect(REASONS[router.packet.reason]?.name).toBe('rule');
    expect(router.packet.reasonDetail).toBe(2);
  });

  it('drops for good: later base chains do not see the packet', () => {
    const router = new TestRouter([
      table('ip', [
        chain('first', [rule(drop)], base('forward', { priority: -1 })),
        chain('second', [rule(counter, accept)], base('forward')),
      ]),
    ]);
    expect(router.run('forward', DNS)).toBe('drop');
    expect(router.counters()).toEqual([0]);
  });

  it('does what its policy says when no rule decides', () => {
    const router = new TestRouter([table('ip', [chain('c', [rule(counter)], base('forward', { policy: 'drop' }))])]);
    expect(router.run('forward', DNS)).toBe('drop');
    expect(router.events()).toEqual(['hook forward', 'base-chain 0', 'rule 0 matched', 'policy 0']);
    expect(REASONS[router.packet.reason]?.name).toBe('policy');
    expect(router.packet.reasonDetail).toBe(0);
  });

  it('of an inet table runs for both families, of an ip table for one', () => {
    const six = ether({}, ip({ src: 'fd00:1::10', dst: '2001:db8::1' }, udp({ sport: 1, dport: 2 })));
    const router = new TestRouter([
      table('inet', [chain('both', [rule(counter)], base('forward'))]),
      table('ip', [chain('four', [rule(counter)], base('forward'))], { name: 'u' }),
    ]);
    router.run('forward', six);
    router.run('forward', DNS);
    expect(router.counters()).toEqual([2, 1]);
  });

  it('of a dormant table does not run', () => {
    const router = new TestRouter([table('ip', [chain('c', [rule(drop)], base('forward'))], { flags: ['dormant'] })]);
    expect(router.run('forward', DNS)).toBe('accept');
  });
});

describe('a rule', () => {
  it('stops at the expression that breaks, and the next rule goes on', () => {
    const router = new TestRouter([
      table('ip', [chain('c', [rule(...dport(17, 123), drop), rule(...dport(17, 53), counter)], base('forward'))]),
    ]);
    expect(router.run('forward', DNS)).toBe('accept');
    expect(router.events()).toEqual([
      'hook forward',
      'base-chain 0',
      'rule 0 broke at 4',
      'rule 1 matched',
      'policy 0',
    ]);
    router.run('forward', WEB);
    expect(router.events()).toEqual([
      'hook forward',
      'base-chain 0',
      'rule 0 broke at 2',
      'rule 1 broke at 2',
      'policy 0',
    ]);
  });
});

describe('jumps', () => {
  // input: jump a, counter; a: jump b, counter; b: <verdict>, counter.
  const cases: { last: Parameters<typeof verdict>[0]; result: string; counted: number[] }[] = [
    { last: 'return', result: 'accept', counted: [1, 1, 0] },
    { last: 'continue', result: 'accept', counted: [1, 1, 1] },
    { last: 'accept', result: 'accept', counted: [0, 0, 0] },
    { last: 'drop', result: 'drop', counted: [0, 0, 0] },
  ];
  it.each(cases)('end with $last as the kernel has it', ({ last, result, counted }) => {
    const router = new TestRouter([
      table('ip', [
        chain('input', [rule(verdict('jump', 'a')), rule(counter)], base('input')),
        chain('a', [rule(verdict('jump', 'b')), rule(counter)]),
        chain('b', [rule(verdict(last)), rule(counter)]),
      ]),
    ]);
    expect(router.run('input', DNS)).toBe(result);
    expect(router.counters()).toEqual(counted);
  });

  it('a goto does not come back to the chain that went, but to the one that jumped to it', () => {
    const router = new TestRouter([
      table('ip', [
        chain('input', [rule(verdict('jump', 'a')), rule(counter)], base('input')),
        chain('a', [rule(verdict('goto', 'b')), rule(counter)]),
        chain('b', [rule(counter)]),
      ]),
    ]);
    router.run('input', DNS);
    expect(router.counters()).toEqual([1, 0, 1]);
    expect(router.events()).toEqual([
      'hook input',
      'base-chain 0',
      'rule 0 matched',
      'jump 1',
      'rule 2 matched',
      'jump 2',
      'rule 4 matched',
      'rule 1 matched',
      'policy 0',
    ]);
  });

  it('a return in a base chain is its policy', () => {
    const router = new TestRouter([
      table('ip', [chain('c', [rule(verdict('return')), rule(accept)], base('input', { policy: 'drop' }))]),
    ]);
    expect(router.run('input', DNS)).toBe('drop');
  });

  const nested = (depth: number) =>
    table('ip', [
      chain('c0', [rule(verdict('jump', 'c1'))], base('input')),
      ...Array.from({ length: depth }, (_, i) =>
        chain(`c${i + 1}`, [i + 1 < depth ? rule(verdict('jump', `c${i + 2}`)) : rule(counter, drop)]),
      ),
    ]);

  it('nest fifteen deep, not sixteen', () => {
    const router = new TestRouter([nested(15)]);
    expect(router.run('input', DNS)).toBe('drop');
    expect(router.counters()).toEqual([1]);
    expect(() => new TestRouter([nested(16)])).toThrow(/jumps nest deeper than 15 chains, or in a loop/);
  });

  it('in a loop are refused, also through a goto', () => {
    const loop = table('ip', [
      chain('c', [rule(verdict('jump', 'a'))], base('input')),
      chain('a', [rule(verdict('goto', 'b'))]),
      chain('b', [rule(verdict('goto', 'a'))]),
    ]);
    expect(() => new TestRouter([loop])).toThrow(/ip t [abc]: jumps nest deeper/);
  });

  it('to a chain that is not there are refused, with the place', () => {
    const location = { file: 'x.nft', line: 3, column: 5, endColumn: 9 };
    const wrong = table('ip', [chain('c', [{ ...rule(verdict('jump', 'nowhere')), location }], base('input'))]);
    expect(() => new TestRouter([wrong])).toThrow('x.nft:3:5: ip t c: there is no chain "nowhere"');
  });
});

describe('reject', () => {
  const reject = (type: 'icmp' | 'icmpx' | 'tcp-reset', code: number) =>
    new TestRouter([table('inet', [chain('c', [rule({ kind: 'reject', type, code })], base('forward'))])]);
  const six = ether({}, ip({ src: 'fd00:1::10', dst: '2001:db8::1' }, tcp({ sport: 1, dport: 2 })));

  it.each([
    { type: 'icmp', code: 3, frame: DNS, call: 'icmp4 3/3 at forward' },
    { type: 'icmpx', code: 1, frame: DNS, call: 'icmp4 3/3 at forward' },
    { type: 'icmpx', code: 3, frame: DNS, call: 'icmp4 3/13 at forward' },
    { type: 'icmpx', code: 1, frame: six, call: 'icmp6 1/4 at forward' },
    { type: 'icmpx', code: 0, frame: six, call: 'icmp6 1/0 at forward' },
    { type: 'tcp-reset', code: 0, frame: WEB, call: 'reset at forward' },
  ] as const)('$type $code asks for $call and drops', ({ type, code, frame, call }) => {
    const router = reject(type, code);
    expect(router.run('forward', frame)).toBe('drop');
    expect(router.calls).toEqual([call]);
    expect(REASONS[router.packet.reason]?.name).toBe('reject');
    expect(router.packet.reasonDetail).toBe(0);
  });
});

describe('queue', () => {
  it('drops, since nobody listens in user space', () => {
    const router = new TestRouter([table('ip', [chain('c', [rule(verdict('queue'))], base('forward'))])]);
    expect(router.run('forward', DNS)).toBe('drop');
    expect(REASONS[router.packet.reason]?.name).toBe('queue');
  });
});
