// nftables' own rule tests judge the compiler: every rule that nft 1.1.4 accepts gives its bytecode, every other is refused.
import { describe, expect, test } from 'vitest';
import { judge, PY_CORPUS, pyTests } from './py-corpus.ts';

const files = pyTests();

describe.skipIf(files.length === 0)('tests/py of nftables 1.1.4', () => {
  test.each(files.map((file) => [file.slice(PY_CORPUS.length + 1), file] as const))('%s', (_, file) => {
    const outcomes = judge(file);
    expect(outcomes.length).toBeGreaterThan(0);
    expect(
      outcomes
        .filter((outcome) => outcome.problem !== undefined)
        .map((o) => `${o.line} [${o.family}] ${o.rule}: ${o.problem}`),
    ).toEqual([]);
  });
});

test('the corpus of nftables is there, or its absence is said', () => {
  if (files.length === 0) console.log(`skipped: ${PY_CORPUS} is absent`);
  expect(Array.isArray(files)).toBe(true);
});
