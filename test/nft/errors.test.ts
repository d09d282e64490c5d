// The text of an error: message, source line, caret; whatever the line holds.
import { expect, test } from 'vitest';
import { NftSemanticError } from '../../src/base/errors.ts';
import { formatNftError } from '../../src/nft/errors.ts';

function format(line: string, column: number, endColumn: number, message = 'wrong'): string[] {
  return formatNftError(new NftSemanticError(message, { file: 'a.nft', line: 3, column, endColumn }, line)).split('\n');
}

test('the caret stands under the place, tabs kept', () => {
  expect(format('\t\ttcp dprot 22', 7, 12)).toEqual(['a.nft:3:7: wrong', '\t\ttcp dprot 22', '\t\t    ^^^^^']);
});

test('control characters are escaped in line and message, and the caret stays right', () => {
  expect(format('a\x1b[31mb \u202ec', 9, 10, 'x\x07y')).toEqual([
    'a.nft:3:9: x\\x07y',
    'a\\x1b[31mb \\x202ec',
    '           ^^^^^^',
  ]);
});

test('a long line is shown around the place', () => {
  const [, line, caret] = format(`${'x'.repeat(1000)}HERE${'y'.repeat(1000)}`, 1001, 1005);
  expect(line?.length).toBeLessThan(170);
  expect(line?.slice(caret?.indexOf('^'), (caret?.lastIndexOf('^') ?? 0) + 1)).toBe('HERE');
});

test('a place past the end still has a caret', () => {
  expect(format('abc', 4, 5)).toEqual(['a.nft:3:4: wrong', 'abc', '   ^']);
});
