import { describe, expect, it } from 'vitest';
import { NftError } from '../../src/base/errors.ts';
import { compileMatch } from '../../src/nft/compile-match.ts';
import { formatNftError } from '../../src/nft/errors.ts';

function failure(text: string): string {
  try {
    compileMatch(text);
  } catch (error) {
    if (error instanceof NftError) return formatNftError(error);
    throw error;
  }
  throw new Error(`compiled: ${text}`);
}

describe('a match', () => {
  it.each([
    'ip saddr 192.168.1.10 tcp dport 443',
    'iifname "lan0" udp dport { 53, 123 }',
    'iif lo',
    'ether saddr 02:00:00:00:00:01',
    'vlan id 10 ip daddr 10.0.0.0/8',
    'ip6 saddr 2001:db8::/32 icmpv6 type echo-request',
    'meta length 1000-1500 meta l4proto { tcp, udp } th dport != 22',
    'tcp flags & (syn | ack) == syn',
    'tcp option maxseg exists',
    '@nh,64,8 64',
    'meta protocol arp',
    'meta hour "08:00"-"18:00"',
    'ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 80 }',
    'tcp dport 443 # the web',
    'tcp dport 443;',
  ])('%s compiles to one rule that only looks', (text) => {
    const { tables } = compileMatch(text);
    expect(tables.map((table) => table.chains.map((chain) => chain.rules.length))).toEqual([[1]]);
  });

  it.each(['tcp dport 443; tcp sport 443', 'tcp dport 443\ntcp sport 443'])('%j compiles to two rules', (text) => {
    expect(compileMatch(text).tables[0]?.chains[0]?.rules).toHaveLength(2);
  });

  it('numbers interfaces as the router does', () => {
    const names = ['', 'lo', 'lan0', 'wan0'];
    const rule = compileMatch('iif "wan0"', names).tables[0]?.chains[0]?.rules[0];
    expect(rule?.expressions[1]).toEqual({ kind: 'cmp', op: 'eq', sreg: 1, data: Uint8Array.of(3, 0, 0, 0) });
    expect(compileMatch('iif "eth9"', names).interfaceNames[4]).toBe('eth9');
  });

  it.each([
    ['', 'an empty match chooses nothing'],
    ['   ', 'an empty match chooses nothing'],
    ['tcp dport 443 accept', '"accept" is a verdict: a match only chooses packets, leave it out'],
    ['tcp dport 443 counter', '"counter" is a statement'],
    ['log prefix "x"', '"log" is a statement'],
    ['meta mark set 1', 'meta'],
    ['ct state new', `"ct state" is the router's state, not the frame's`],
    ['meta mark 1', '"meta mark" is not known of a frame that arrives'],
    ['oifname "wan"', '"meta oifname" is not known of a frame that arrives'],
    ['fib saddr type local', `asks the router's routes`],
    ['ip saddr @blocked', 'a match knows no named sets'],
    ['tcp dport vmap { 22 : drop }', 'a verdict map decides'],
    ['tcp dport 22; counter', '"counter" is a statement'],
    ['tcp dport 22; }; chain x { tcp dport 23', 'is more than matches'],
    ['tcp dport 1; }; }; table inet x { chain y { tcp dport 2', 'is more than matches'],
    ['include "/etc/passwd"', '--match:1:'],
    ['tcp dport {', 'the match ends too early'],
    ['tcp dprot 22', '--match:1:5'],
  ])('%j is refused: %s', (text, says) => {
    const message = failure(text);
    expect(message).toContain(says);
    expect(message).toMatch(/^--match:1:\d+: /);
  });

  it('points at what is wrong in the text of the option', () => {
    expect(failure('ip saddr 1.2.3.400').split('\n').slice(-2)).toEqual(['ip saddr 1.2.3.400', '         ^^^^^^^^^']);
  });
});
