// Two evaluators, one meaning: runChain is compared with the interpreter on random chains and packets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import type { Expression, MetaKey, PayloadBase } from '../../../src/bytecode/expression.ts';
import type { Rule } from '../../../src/bytecode/ruleset.ts';
import { Recorder } from '../../../src/event/recorder.ts';
import { HOOK_NAMES } from '../../../src/event/vocabulary.ts';
import { Fib } from '../../../src/net/fib.ts';
import { Interfaces } from '../../../src/net/interfaces.ts';
import { prepareRuleset } from '../../../src/netfilter/chains.ts';
import { ConntrackTable } from '../../../src/netfilter/conntrack/table.ts';
import { Evaluation } from '../../../src/netfilter/evaluate/evaluation.ts';
import { doChain, JumpStack } from '../../../src/netfilter/evaluate/interpreter.ts';
import { runChain } from '../../../src/netfilter/evaluate/matched-chain.ts';
import { nameWords } from '../../../src/netfilter/evaluate/meta.ts';
import type { Engine, PreparedChain } from '../../../src/netfilter/evaluate/prepared.ts';
import { ether, ip, tcp, udp } from '../../../src/packet/build.ts';
import { decodeNetwork } from '../../../src/packet/decode.ts';
import { HEADROOM, Packet } from '../../../src/packet/packet.ts';
import { accept, base, chain, counter, drop, IPV4, IPV6, rule, SPEC, table, verdict } from './harness.ts';

const FORWARD = HOOK_NAMES.indexOf('forward');

/** A chain prepared on its own, with what a run of it leaves. */
class Bench {
  readonly recorder = new Recorder();
  readonly chain: PreparedChain;
  readonly packet = new Packet();
  readonly #run = new Evaluation();
  readonly #stack = new JumpStack();
  readonly #engine: typeof runChain;

  constructor(rules: Rule[], other: Rule[], engine: typeof runChain) {
    const interfaces = new Interfaces(SPEC);
    const context = {
      interfaces,
      interfaceNames: nameWords(interfaces.list.map((one) => one.name)),
      fib: new Fib(SPEC, interfaces),
      random: new Random(1),
      epochSeconds: 0,
      epochNanoseconds: 0,
      conntrack: new ConntrackTable(16, 1),
      notes: { logged: 0 },
    } as unknown as Engine;
    const tables = [table('inet', [chain('c', rules, base('forward', { policy: 'drop' })), chain('other', other)])];
    const [prepared] = prepareRuleset({ tables, interfaceNames: [] }, context, this.recorder, () => undefined);
    this.chain = prepared?.chains[0]?.chain as PreparedChain;
    this.#engine = engine;
  }

  /** Everything that the outside sees of a run. */
  see(frame: Uint8Array, kept: number, ctInfo: number): unknown {
    const data = new Uint8Array(HEADROOM + frame.length);
    data.set(frame, HEADROOM);
    const { packet, recorder } = this;
    packet.attach(data, HEADROOM, HEADROOM + Math.min(kept, frame.length), frame.length);
    packet.etherType = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    packet.network = HEADROOM + 14;
    packet.iif = 1;
    packet.oif = 2;
    packet.ctInfo = ctInfo;
    decodeNetwork(packet);
    recorder.begin();
    this.#run.beginInet(packet, FORWARD, packet.ipVersion === 6 ? IPV6 : IPV4);
    const code = this.#engine(this.#run, this.chain, this.#stack, recorder);
    const { mark, reason, reasonDetail } = packet;
    return { code, mark, reason, reasonDetail, events: [...recorder.current()] };
  }
}

const META: [MetaKey, number][] = [
  ['nfproto', 1],
  ['l4proto', 1],
  ['iif', 4],
  ['mark', 4],
  ['iifname', 16],
  ['oifname', 16],
  ['cpu', 4],
];

/** Values that are often equal to what a load finds. */
const likely = (length: number): fc.Arbitrary<Uint8Array> => {
  const padded = (...octets: number[]): Uint8Array => Uint8Array.from({ length }, (_, i) => octets[i] ?? 0);
  const name = (text: string): Uint8Array => padded(...Buffer.from(text));
  return fc.oneof(
    fc.constantFrom(padded(2), padded(6), padded(17), padded(1), padded(192, 168, 1, 10), padded(0, 80), padded(10)),
    fc.constantFrom(name('lan0'), name('wan0'), padded(0xfd, 0, 0, 1)),
    fc.uint8Array({ minLength: length, maxLength: length }),
  );
};

/** A load, perhaps a mask, and a comparison, of equal or lesser length; 1 in 4 with something that ends a prefix. */
const match: fc.Arbitrary<Expression[]> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...META).map(([key, length]) => ({ load: { kind: 'meta', key, dreg: 1 } as Expression, length })),
      fc
        .tuple(
          fc.constantFrom<PayloadBase>('network', 'transport'),
          fc.constantFrom(0, 2, 9, 12, 16, 21),
          fc.constantFrom(1, 2, 3, 4, 6, 16),
        )
        .map(([of, offset, length]) => ({
          load: { kind: 'payload', base: of, offset, length, dreg: 1 } as Expression,
          length,
        })),
      fc.constant({ load: { kind: 'ct', key: 'state', dreg: 1 } as Expression, length: 4 }),
    ),
    fc.nat(3),
    fc.nat(16),
    fc.nat(7),
  )
  .chain(([{ load, length }, shorter, bits, shape]) => {
    const compared = Math.max(1, length - shorter);
    const mask = Uint8Array.from({ length }, (_, i) => (shape === 2 ? 0xff : i * 8 < bits ? 0xff : 0x0f));
    const xor = new Uint8Array(length);
    if (shape === 3) xor[0] = 1;
    const masked: Expression[] =
      shape === 2 || shape === 3 ? [{ kind: 'bitwise', op: 'mask-xor', sreg: 1, dreg: 1, length, mask, xor }] : [];
    const op = shape === 4 ? 'lt' : shape >= 5 ? 'neq' : 'eq';
    return likely(compared).map((data) => [load, ...masked, { kind: 'cmp', op, sreg: 1, data } as Expression]);
  });

const end: fc.Arbitrary<Expression[]> = fc.constantFrom<Expression[]>(
  [counter],
  [counter, accept],
  [drop],
  [verdict('jump', 'other')],
  [verdict('goto', 'other')],
  [verdict('return')],
  [{ kind: 'meta', key: 'mark', dreg: 1 }, counter],
  [
    { kind: 'immediate', dreg: 1, data: Uint8Array.of(10, 0, 0, 0) },
    { kind: 'meta-set', key: 'mark', sreg: 1 },
  ],
  [{ kind: 'limit', limit: { type: 'packets', rate: 1, unit: 'day', burst: 2, invert: false } }, accept],
);

const rules = (maxLength: number, ends: fc.Arbitrary<Expression[]>): fc.Arbitrary<Rule[]> =>
  fc.array(
    fc
      .tuple(fc.array(match, { maxLength: 3 }), ends, fc.array(match, { maxLength: 1 }))
      .map(([first, last, after]) => rule(...first.flat(), ...after.flat(), ...last)),
    { maxLength },
  );

const FRAMES = [
  ether({}, ip({ src: '192.168.1.10', dst: '198.51.100.1' }, udp({ sport: 1000, dport: 53 }))),
  ether({}, ip({ src: '192.168.1.10', dst: '198.51.100.1' }, tcp({ sport: 1000, dport: 80, flags: 'S' }))),
  ether({}, ip({ src: 'fd00:1::10', dst: '2001:db8::1' }, udp({ sport: 1000, dport: 80 }))),
];

describe('a chain with its leading matches looked at first', () => {
  it('does and records what the interpreter does', () => {
    const plainEnd = end.filter((row) => row.every((one) => one.kind !== 'verdict' || !one.verdict.chain));
    const packet = fc.record({
      frame: fc.constantFrom(...FRAMES),
      kept: fc.integer({ min: 30, max: 80 }),
      ct: fc.nat(4),
    });
    fc.assert(
      fc.property(
        rules(6, end),
        rules(3, plainEnd),
        fc.array(packet, { minLength: 1, maxLength: 4 }),
        (c, other, sent) => {
          const reference = new Bench(c, other, doChain);
          const matched = new Bench(c, other, runChain);
          for (const { frame, kept, ct } of sent)
            expect(matched.see(frame, kept, ct)).toEqual(reference.see(frame, kept, ct));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('masks what it compares', () => {
    const load: Expression = { kind: 'payload', base: 'network', offset: 12, length: 4, dreg: 1 };
    const masked = (mask: number[], ...data: number[]): Expression[] => [
      load,
      {
        kind: 'bitwise',
        op: 'mask-xor',
        sreg: 1,
        dreg: 1,
        length: 4,
        mask: Uint8Array.from(mask),
        xor: new Uint8Array(4),
      },
      { kind: 'cmp', op: 'eq', sreg: 1, data: Uint8Array.from(data) },
    ];
    const wrong = rule(...masked([255, 255, 0, 0], 192, 168, 1, 10), drop);
    const bench = new Bench([wrong, rule(...masked([255, 255, 0, 0], 192, 168, 0, 0), accept)], [], runChain);
    expect(bench.see(FRAMES[0] as Uint8Array, 80, 2)).toMatchObject({ code: 1 });
  });

  it('leaves in the registers what the rest of a rule reads', () => {
    const saddr: Expression = { kind: 'payload', base: 'network', offset: 12, length: 4, dreg: 1 };
    const is = (...data: number[]): Expression => ({ kind: 'cmp', op: 'eq', sreg: 1, data: Uint8Array.from(data) });
    const bench = new Bench(
      [
        rule(saddr, is(10, 0, 0, 1), drop),
        rule({ kind: 'meta', key: 'iif', dreg: 1 }, is(9, 0, 0, 0), drop),
        rule(saddr, is(192, 168, 1, 10), { kind: 'meta-set', key: 'mark', sreg: 1 }, accept),
      ],
      [],
      runChain,
    );
    expect(bench.see(FRAMES[0] as Uint8Array, 80, 2)).toMatchObject({ code: 1, mark: 0x0a01a8c0 });
  });

  it('loads again what a rule has set', () => {
    const mark = (value: number): Expression[] => [
      { kind: 'meta', key: 'mark', dreg: 1 },
      { kind: 'cmp', op: 'eq', sreg: 1, data: Uint8Array.of(value, 0, 0, 0) },
    ];
    const set: Expression[] = [
      { kind: 'immediate', dreg: 1, data: Uint8Array.of(7, 0, 0, 0) },
      { kind: 'meta-set', key: 'mark', sreg: 1 },
    ];
    const bench = new Bench([rule(...mark(7), drop), rule(...mark(0), ...set), rule(...mark(7), accept)], [], runChain);
    expect(bench.chain.matches).toBeDefined();
    expect(bench.see(FRAMES[0] as Uint8Array, 80, 2)).toMatchObject({ code: 1, mark: 7 });
  });
});
