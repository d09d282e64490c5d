// Properties of the language half on rulesets drawn from the grammar: what lists compiles to the same bytecode again, as text and
// as JSON; and the installed nft, where it is, makes the same bytecode or refuses as we do.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NftError } from '../../src/base/errors.ts';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { translate } from '../../src/nft/compile.ts';
import { printNetlink } from '../../src/nft/debug-netlink.ts';
import { jsonText, list, listJson } from '../../src/nft/listing.ts';
import { debugNetlink, instructions, nftVersion } from './nft-command.ts';
import { differsIn106, isKernelError, listsOtherwise } from './nft-versions.ts';
import { anyTable, type GeneratedTable, rulesetText } from './ruleset-arbitrary.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 150);
const NFT_RUNS = Number(process.env.PROPERTY_NFT_RUNS ?? 60);
const SEED = Number(process.env.PROPERTY_SEED ?? 20261123);

function compiled(text: string): Ruleset | NftError {
  try {
    return translate({ path: 'test.nft', text }, false).ruleset;
  } catch (error) {
    if (error instanceof NftError) return error;
    throw error;
  }
}

/** Elements that merged into one: `{ 1-2, 2 }` lists as `{ 1-2 }`, which nft reads as a plain match. */
function mergesToOne(ruleset: Ruleset): boolean {
  return ruleset.tables.some(({ sets }) =>
    sets.some((set) => set.anonymous && set.mapTo === undefined && set.elements.length === 1),
  );
}

/** The table with only those rules that compile and are compared, and those that do not compile. */
function sorted(
  table: GeneratedTable,
  isKnown: (rule: string) => string | undefined,
): { good: GeneratedTable; refused: string[] } {
  const refused: string[] = [];
  const rules = table.rules.filter((rule) => {
    if (isKnown(rule) !== undefined) return false;
    const ruleset = compiled(rulesetText({ ...table, rules: [rule] }));
    if (ruleset instanceof NftError) refused.push(rule);
    return !(ruleset instanceof NftError || mergesToOne(ruleset));
  });
  return { good: { ...table, rules }, refused };
}

function bytecode(text: string): string {
  const ruleset = compiled(text);
  if (ruleset instanceof NftError) throw ruleset;
  // Elements of sets have no order.
  return printNetlink(ruleset).replace(/^\t?.*element.*$/gm, (line) =>
    line
      .split('[end]')
      .map((part) => part.trim())
      .sort()
      .join(' | '),
  );
}

test('what lists compiles to the same bytecode, as text and as JSON, and lists the same again', () => {
  let rules = 0;
  fc.assert(
    fc.property(anyTable, (table) => {
      const { good } = sorted(table, listsOtherwise);
      rules += good.rules.length;
      const text = rulesetText(good);
      const ruleset = compiled(text) as Ruleset;
      const want = bytecode(text);
      const listed = list(ruleset);
      expect(bytecode(listed)).toBe(want);
      expect(list(compiled(listed) as Ruleset)).toBe(listed);
      const json = jsonText(listJson(ruleset));
      expect(bytecode(json)).toBe(want);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(`${rules} generated rules list and compile again`);
  expect(rules).toBeGreaterThan(RUNS);
});

describe.skipIf(nftVersion() === undefined)('the installed nft', () => {
  test('makes the same bytecode of generated rulesets', () => {
    let rules = 0;
    fc.assert(
      fc.property(anyTable, (table) => {
        const { good, refused } = sorted(table, differsIn106);
        rules += good.rules.length;
        const text = rulesetText(good);
        const real = debugNetlink(text);
        const faults = real.errors.split('\n').filter((line) => line.includes('Error: ') && !isKernelError(line));
        expect(faults).toEqual([]);
        expect(instructions(printNetlink(compiled(text) as Ruleset))).toEqual(instructions(real.output));
        for (const rule of refused.slice(0, 1))
          expect(debugNetlink(rulesetText({ ...table, rules: [rule] })).errors, rule).not.toBe('');
      }),
      { numRuns: NFT_RUNS, seed: SEED },
    );
    console.log(`${rules} generated rules have the bytecode of nft ${nftVersion()}`);
    expect(rules).toBeGreaterThan(NFT_RUNS);
  });
});
