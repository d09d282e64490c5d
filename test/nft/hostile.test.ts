// Whatever the text, compile ends soon, in a result or in an NftError.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NftError } from '../../src/base/errors.ts';
import { translate } from '../../src/nft/compile.ts';
import { printNetlink } from '../../src/nft/debug-netlink.ts';
import { formatNftError } from '../../src/nft/errors.ts';

/** Compiles; anything but a result or an NftError fails the test, and so does a hang, by the test's own limit. */
function survives(text: string): void {
  try {
    printNetlink(translate({ path: 'test.nft', text }, false).ruleset);
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    expect(formatNftError(error)).toContain('test.nft:');
  }
}

const WORDS = (
  'table chain set map flowtable inet ip ip6 arp bridge netdev { } ( ) ; , . : = - / & | ^ << >> ! != == < > * @ $ # " \\ type typeof hook input ' +
  'forward priority filter policy accept drop tcp udp dport sport saddr daddr flags syn ack ct state new established mark meta set add update delete ' +
  'elements interval timeout constant dynamic 22 0x10 1.2.3.4 10.0.0.0/8 fe80::1 1s "eth0" eth* vmap jump goto return dnat snat masquerade redirect to ' +
  'counter limit rate second reject with icmp log prefix define x include element rule flush ruleset insert replace handle index position option ' +
  'maxseg size exists missing vlan id ether vxlan gre frag exthdr @th,0,16 16 map jhash mod numgen inc fib oif rt mtu comment queue num dup fwd'
).split(' ');

test('random words', () => {
  const word = fc.constantFrom(...WORDS);
  const line = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => survives(lines.join('\n'))),
    { numRuns: 1500 },
  );
});

test('random rules in a chain', () => {
  const rule = fc.array(fc.constantFrom(...WORDS.filter((word) => !['{', '}', '#', '"', '\\', ';'].includes(word))), {
    minLength: 1,
    maxLength: 8,
  });
  const family = fc.constantFrom('ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev');
  fc.assert(
    fc.property(family, rule, (name, words) =>
      survives(`table ${name} t {\n set x { type ipv4_addr; }\n chain c {\n  ${words.join(' ')}\n }\n}\n`),
    ),
    { numRuns: 3000 },
  );
});

test('random octets', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (text) => survives(text)),
    { numRuns: 500 },
  );
});

test.each([
  ['parentheses', `table ip t {\n chain c {\n  tcp flags & ${'('.repeat(50_000)}\n }\n}\n`],
  ['braces', `define a = ${'{'.repeat(50_000)}`],
  ['operators', `table ip t {\n chain c {\n  ct mark ${'& 1 '.repeat(50_000)} == 1\n }\n}\n`],
  ['subchains', `table ip t {\n chain c {\n${' jump {\n'.repeat(5000)}`],
  [
    'variables that double',
    `define a0 = { 1 }\n${Array.from({ length: 40 }, (_, i) => `define a${i + 1} = { $a${i}, $a${i} }\n`).join('')}table ip t {\n chain c {\n  tcp dport $a40\n }\n}\n`,
  ],
  ['concatenations', `table ip t {\n chain c {\n  ip saddr ${'. ip saddr '.repeat(1000)} { 1.1.1.1 }\n }\n}\n`],
  ['tunnels', `table ip t {\n chain c {\n  ${'vxlan '.repeat(5000)} ip saddr 1.1.1.1\n }\n}\n`],
  [
    'chains that call each other',
    `table ip t {\n${Array.from(
      { length: 15 },
      (_, i) => ` chain c${i} { ${i < 14 ? `jump c${i + 1}; jump c${i + 1}; jump c${i + 1}` : 'accept'}; }\n`,
    )
      .reverse()
      .join('')}}\n`,
  ],
  ['an empty file', ''],
  ['a file of newlines', '\n'.repeat(100_000)],
] as const)('nesting and repetition: %s', (_, text) => {
  survives(text);
});

const CORPORA = ['/work/shared/corpora/fw4', '/work/shared/corpora/wild'].filter((folder) => existsSync(folder));

describe.skipIf(CORPORA.length === 0)('mutated rulesets', () => {
  const texts = CORPORA.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.nft'))
      .map((name) => path.join(folder, name)),
  )
    .map((file) => readFileSync(file, 'utf8'))
    .filter((text) => text.length < 6000);

  test('pieces cut out, doubled, moved and replaced', () => {
    const edit = fc.record({
      at: fc.nat(),
      from: fc.nat(),
      length: fc.nat(40),
      word: fc.constantFrom(...WORDS),
      how: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 4 }), (original, edits) => {
        let text = original;
        for (const { at, from, length, word, how } of edits) {
          const place = at % (text.length + 1);
          const source = from % (text.length + 1);
          if (how === 0) text = text.slice(0, place) + text.slice(place + length);
          else if (how === 1) text = `${text.slice(0, place)} ${word} ${text.slice(place)}`;
          else if (how === 2) text = text.slice(0, place) + text.slice(source, source + length) + text.slice(place);
          else text = text.slice(0, place) + word + text.slice(place + length);
        }
        survives(text);
      }),
      { numRuns: 1500 },
    );
  });
});
