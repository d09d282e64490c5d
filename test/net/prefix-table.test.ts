import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linearPrefixMatch, type PrefixEntry, PrefixTable } from '../../src/net/prefix-table.ts';

/** Words from a small alphabet, so that prefixes nest and addresses hit. */
const word = fc.oneof(fc.constantFrom(0, 0xffffffff, 0x0a000000, 0x0a010000, 0xc0a80101), fc.nat(0xffffffff));

function cases(count: 1 | 4): fc.Arbitrary<{ entries: PrefixEntry[]; addresses: Uint32Array[] }> {
  const address = fc.array(word, { minLength: count, maxLength: count }).map((row) => Uint32Array.from(row));
  const entry = fc.record({ words: address, length: fc.nat(32 * count) });
  return fc.record({
    entries: fc.array(entry, { maxLength: 30 }),
    addresses: fc.array(address, { minLength: 1, maxLength: 20 }),
  });
}

/** Index of the first entry with the same prefix: duplicates are one. */
function sameNet(entries: PrefixEntry[], index: number): string {
  const entry = entries[index];
  if (entry === undefined) return 'none';
  return `${entry.length} ${linearPrefixMatch([entry], entry.words)}`;
}

for (const count of [1, 4] as const) {
  test(`the hash per length finds what the linear search finds (${count} words)`, () => {
    fc.assert(
      fc.property(cases(count), ({ entries, addresses }) => {
        const table = new PrefixTable(count, entries);
        const all = [...addresses, ...entries.map((entry) => entry.words)];
        for (const address of all) {
          const found = count === 1 ? table.match4(address[0] ?? 0) : table.match6(address, 0);
          expect(found).toBe(linearPrefixMatch(entries, address));
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`next walks all shorter prefixes that hold the address (${count} words)`, () => {
    fc.assert(
      fc.property(cases(count), ({ entries, addresses }) => {
        const table = new PrefixTable(count, entries);
        for (const address of addresses) {
          const walked: string[] = [];
          let index = count === 1 ? table.match4(address[0] ?? 0) : table.match6(address, 0);
          while (index >= 0) {
            walked.push(sameNet(entries, index));
            index = count === 1 ? table.next4(address[0] ?? 0) : table.next6(address, 0);
          }
          const expected: string[] = [];
          let rest = entries;
          for (;;) {
            const best = linearPrefixMatch(rest, address);
            if (best < 0) break;
            expected.push(sameNet(rest, best));
            const length = rest[best]?.length;
            rest = rest.filter((entry) => entry.length !== length || linearPrefixMatch([entry], address) < 0);
          }
          expect(walked).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });
}
