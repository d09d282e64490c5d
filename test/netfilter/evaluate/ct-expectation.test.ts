// ct expectation objects that a kernel refuses to load. What they do is judged in test/kernel/scenes/conntrack-rule.ts.
import { describe, expect, it } from 'vitest';
import { compile } from '../../../src/nft/compile.ts';
import { TestRouter } from './harness.ts';

const tables = (family: string, protocol: string, l3proto: string) =>
  compile({
    path: 'x.nft',
    text: `table ${family} t {\n\tct expectation x {\n\t\tprotocol ${protocol}\n\t\tdport 9\n\t\ttimeout 1m\n\t\tsize 1\n${l3proto}\t}\n\tchain c {\n\t\ttype filter hook forward priority 0\n\t\tct expectation set "x"\n\t}\n}\n`,
  }).ruleset.tables;

describe('a ct expectation object', () => {
  it('of an inet table without l3proto is refused, by name and place', () => {
    expect(() => new TestRouter(tables('inet', 'tcp', ''))).toThrow(
      /x\.nft:2.*"ct expectation" object "x" needs "l3proto ip" or "l3proto ip6"/,
    );
  });

  it.each([
    ['ip', ''],
    ['ip6', ''],
    ['inet', '\t\tl3proto ip6\n'],
  ])('of family %s%s loads', (family, l3proto) => {
    expect(() => new TestRouter(tables(family, 'udp', l3proto))).not.toThrow();
  });
});
