// Includes: what is found, what is never read, and what is said about it.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NftError } from '../../src/base/errors.ts';
import { type CompileOptions, compile } from '../../src/nft/compile.ts';
import { matchesGlob } from '../../src/nft/source.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nftreplay-include-'));
  for (const folder of ['rules/sub', 'outside', 'rules/loop']) mkdirSync(path.join(root, folder), { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(path.join(root, name), text);
  write('rules/sub/b.nft', 'define b = 2\n');
  write('rules/sub/a.nft', 'define a = 1\n');
  write('rules/sub/.hidden.nft', 'define hidden = 1\n');
  write('rules/sub/note.txt', 'this is not nft\n');
  write('outside/o.nft', 'define o = 3\n');
  write('rules/loop/self.nft', 'include "self.nft"\n');
  write('rules/unfinished.nft', 'define u = 5');
  symlinkSync(path.join(root, 'outside/o.nft'), path.join(root, 'rules/link.nft'));
  symlinkSync(path.join(root, 'rules/sub/a.nft'), path.join(root, 'rules/inside-link.nft'));
});
afterAll(() => rmSync(root, { recursive: true }));

function run(text: string, options: Partial<CompileOptions> = {}): ReturnType<typeof compile> {
  return compile({ path: path.join(root, 'rules/main.nft'), text, ...options });
}
function refusal(text: string, options: Partial<CompileOptions> = {}): string {
  try {
    run(text, options);
  } catch (error) {
    if (error instanceof NftError) return error.message;
    throw error;
  }
  return 'accepted';
}
/** Uses the variables, so that it compiles only when they are defined. */
const use = (...names: string[]): string =>
  `table ip t {\n chain c {\n${names.map((name) => `  tcp dport $${name}\n`).join('')} }\n}\n`;

describe('include', () => {
  test('a glob brings its files in alphabetical order, without hidden ones', () => {
    const { files } = run(`include "sub/*.nft"\n${use('a', 'b')}`);
    expect(files.map((file) => path.basename(file))).toEqual(['main.nft', 'a.nft', 'b.nft']);
    expect(refusal(`include "sub/*.nft"\n${use('hidden')}`)).toContain('unknown identifier');
  });

  test('a glob that matches nothing is fine, a missing file is not', () => {
    expect(run('include "nothing/*.nft"\n').files).toHaveLength(1);
    expect(refusal('include "nothing.nft"\n')).toContain('File not found: nothing.nft');
  });

  test('a file without a newline at its end ends its statement', () => {
    expect(run(`include "unfinished.nft"\n${use('u')}`).files).toHaveLength(2);
  });

  test('it stands inside blocks too', () => {
    expect(
      run('table ip t {\n include "sub/a.nft"\n chain c {\n  include "sub/b.nft"\n  tcp dport { $a, $b }\n }\n}\n')
        .files,
    ).toHaveLength(3);
  });

  test('a file outside is refused, naming the options', () => {
    for (const name of ['../outside/o.nft', path.join(root, 'outside/o.nft'), 'link.nft', '/etc/passwd']) {
      expect(refusal(`include "${name}"\n`)).toMatch(/lies outside .*--allow-absolute-includes/);
    }
  });

  test('a glob outside is not read and leaves a note', () => {
    const { notes, files } = run('include "/etc/nftables.d/*.nft"\n');
    expect(files).toHaveLength(1);
    expect(notes[0]?.message).toMatch(/"\/etc\/nftables.d\/\*.nft" was not read.*--allow-absolute-includes/);
    expect(notes[0]?.location.line).toBe(1);
  });

  test('a folder given is searched and allowed; a link inside is followed', () => {
    expect(run(`include "o.nft"\n${use('o')}`, { includePaths: [path.join(root, 'outside')] }).files).toHaveLength(2);
    expect(run(`include "../outside/o.nft"\n${use('o')}`, { allowAbsoluteIncludes: true }).files).toHaveLength(2);
    expect(run(`include "inside-link.nft"\n${use('a')}`).files).toHaveLength(2);
  });

  test('a file that includes itself ends in an error', () => {
    expect(refusal('include "loop/self.nft"\n')).toContain('include nested too deeply');
  });

  test('an error in an included file names that file', () => {
    expect(refusal('include "sub/note.txt"\n')).toMatch(/note\.txt:1:\d+: syntax error/);
  });
});

test.each([
  ['*.nft', 'a.nft', true],
  ['*.nft', 'a.nfx', false],
  ['a?c', 'abc', true],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['*a*a*a*a*b', 'a'.repeat(5000), false],
  ['**', '', true],
] as const)('pattern %s and name %.10s match: %s', (pattern, name, matches) => {
  expect(matchesGlob(pattern, name)).toBe(matches);
});
