// A slice of the fuzzing that scripts/fuzz-nft.ts does by the million: mutated rulesets, text and JSON, each of which must end in a
// result that lists or in an NftError.
import { expect, test } from 'vitest';
import { mutant, seedTexts, VOCABULARY } from '../../scripts/fuzz/mutate.ts';
import { fuzzOne } from '../../scripts/fuzz/one.ts';

const COUNT = Number(process.env.FUZZ_COUNT ?? 600);

test('mutated rulesets compile or are refused', () => {
  const seeds = seedTexts();
  const counts = { compiled: 0, refused: 0 };
  const failures: string[] = [];
  for (let number = 1; number <= COUNT; number++) {
    try {
      counts[fuzzOne(mutant(seeds, number))]++;
    } catch (error) {
      failures.push(
        `input ${number}: ${error instanceof Error ? error.stack?.split('\n').slice(0, 3).join(' | ') : error}`,
      );
    }
  }
  console.log(`${counts.compiled} mutated rulesets compile, ${counts.refused} are refused`);
  expect(failures).toEqual([]);
  expect(counts.refused).toBeGreaterThan(0);
});

test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'])(
  "the word '%s' anywhere in a rule",
  (word) => {
    const places = [
      '',
      'meta',
      'ct',
      'rt',
      'fib saddr',
      'socket',
      'tcp',
      'tcp option',
      'tcp dport',
      'ip option',
      'sctp chunk',
      '@nh',
      'limit rate 1/',
      'quota 1',
      'log level',
      'reject with icmp type',
      'queue flags',
    ];
    for (const place of places) fuzzOne(`table inet t {\n chain c {\n  ${place} ${word} 1\n }\n}\n`);
    for (const line of [
      `${word} table t`,
      `table ${word} t`,
      `table inet t { ${word} x; }`,
      `table inet t { set s { type ${word}; }; }`,
    ])
      expect(['compiled', 'refused']).toContain(fuzzOne(line));
    const json = `{"nftables": [{"add": {"${word}": {}}}, {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": [{"${word}": {"key": "${word}"}}]}}]}`;
    expect(fuzzOne(json)).toBe('refused');
  },
);

test('the vocabulary has words of every kind', () => {
  for (const word of ['table', '{', '"', '__proto__', '18446744073709551616']) expect(VOCABULARY).toContain(word);
});
