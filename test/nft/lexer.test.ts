// Where a token ends: the longest match wins, as in nft's scanner.
import { expect, test } from 'vitest';
import { Lexer } from '../../src/nft/lexer.ts';
import { Sources } from '../../src/nft/source.ts';

function tokens(text: string): string[] {
  const lexer = new Lexer(new Sources({ path: 'test.nft', text }));
  const result: string[] = [];
  for (let token = lexer.next(); token.kind !== 'end'; token = lexer.next()) {
    const kind = { word: 'w', number: 'n', quoted: 'q', 'star-word': '*', operator: '', newline: '', end: '' }[
      token.kind
    ];
    result.push(`${kind}${kind === '' ? '' : ':'}${token.kind === 'newline' ? '↵' : token.text}`);
  }
  return result;
}

test.each([
  ['ip saddr 1.2.3.4/24', ['w:ip', 'w:saddr', 'w:1.2.3.4', '/', 'n:24']],
  ['1.2.3.4:80-90', ['w:1.2.3.4', ':', 'n:80', '-', 'n:90']],
  ['[2001:db8::1]:25', ['w:2001:db8::1', ':', 'n:25']],
  ['::1,fe80::/10', ['w:::1', ',', 'w:fe80::', '/', 'n:10']],
  ['::ffff:1.2.3.4', ['w:::ffff:1.2.3.4']],
  ['00:11:22:33:44:55', ['w:00:11:22:33:44:55']],
  ['22 : accept', ['n:22', ':', 'w:accept']],
  ['22:accept', ['n:22', ':', 'w:accept']],
  ['priority 1:1234 ', ['w:priority', 'w:1:1234']],
  ['bcad:dada-bcad:dadc}', ['w:bcad:dada', '-', 'w:bcad:dadc', '}']],
  ['1h30m 5ms 10s 10', ['w:1h30m', 'w:5ms', 'w:10s', 'n:10']],
  ['0x1F 010 08', ['n:31', 'n:8', 'w:08']],
  ['0xffffffffffffffff 0x10000000000000000', ['n:18446744073709551615', 'w:0x10000000000000000']],
  ['syn-ack a.b a/b', ['w:syn-ack', 'w:a.b', 'w:a/b']],
  ['a . b', ['w:a', '.', 'w:b']],
  ['"eth*" eth* eth\\* *', ['q:eth*', '*:eth*', '*:eth\\*', '*']],
  ['8021q 8021ad', ['w:8021q', 'w:8021ad']],
  ['a\\\nb # rest "\nc', ['w:a', 'w:b', '↵', 'w:c']],
  ['a\r\nb', ['w:a', '↵', 'w:b']],
  ['!= == <= >> <', ['!=', '==', '<=', '>>', '<']],
  ['{a}', ['{', 'w:a', '}']],
  ['$x@y', ['$', 'w:x', '@', 'w:y']],
] as const)('%j', (text, expected) => {
  expect(tokens(text)).toEqual(expected);
});

// Quadratic time would run into the test's own limit.
test('time is linear in the text, whatever it holds', () => {
  for (const text of [
    ':'.repeat(400_000),
    'a:'.repeat(400_000),
    '1.'.repeat(400_000),
    '1d'.repeat(400_000),
    'f'.repeat(800_000),
  ]) {
    expect(tokens(text).length).toBeGreaterThan(0);
  }
});
