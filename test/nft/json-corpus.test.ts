// JSON rulesets of nftables 1.1.4 read: every rule of tests/py gives the bytecode that its text gives, every dump of tests/shell lists
// as its text dump does.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NftError } from '../../src/base/errors.ts';
import { translate } from '../../src/nft/compile.ts';
import { printNetlink } from '../../src/nft/debug-netlink.ts';
import { jsonText, list, listJson } from '../../src/nft/listing.ts';
import { PY_CORPUS, type PyCase, pyCases, pyJson, pyTests, ruleText } from './py-corpus.ts';

const SHELL = '/work/shared/corpora/nftables/tests/shell/testcases';

/** Dumps whose JSON says less than their text, with the reason. */
const DUMP_EXCEPTIONS: Record<string, string> = {
  'flowtable/dumps/0012flowtable_variable_0.json-nft': "JSON has no word for a flowtable's 'counter'",
  'sets/dumps/0060set_multistmt_1.json-nft': 'JSON has only the first statement of an element',
};

const files = pyTests();
let total = 0;

/** The bytecode of a ruleset, or what is wrong with it. */
function bytecode(text: string): string {
  try {
    // The corpus was made two hours east of UTC (nft-test.py sets TZ).
    const { ruleset } = translate({ path: 'test.nft', text, timezoneSeconds: 7200 }, false);
    // Elements of anonymous sets have no order.
    return printNetlink(ruleset).replace(/^\t?.*element.*$/gm, (line) =>
      line
        .split('[end]')
        .map((part) => part.trim())
        .sort()
        .join(' | '),
    );
  } catch (error) {
    if (error instanceof NftError) return `refused: ${error.message}`;
    throw error;
  }
}

/** The first line in which two outputs differ. */
function difference(got: string, want: string): string {
  const lines = want.split('\n');
  const at = got.split('\n').findIndex((line, index) => line !== lines[index]);
  return `got  ${got.split('\n')[at]}\nwant ${lines[at]}`;
}

/** The case as one JSON ruleset: the declarations as they list, then the rule. */
function jsonRuleset(one: PyCase, chain: string, rule: string): string {
  const { ruleset } = translate({ path: 'prelude.nft', text: one.prelude.join('\n') }, false);
  const commands = listJson(ruleset).nftables.map(jsonText);
  const { family, name } = one.table;
  commands.push(`{"add": {"rule": {"family": "${family}", "table": "${name}", "chain": "${chain}", "expr": ${rule}}}}`);
  return `{"nftables": [${commands.join(',\n')}]}`;
}

describe.skipIf(files.length === 0)('JSON of tests/py', () => {
  test.each(files.map((file) => [file.slice(PY_CORPUS.length + 1), file] as const))('%s', (name, file) => {
    const wrong: string[] = [];
    let count = 0;
    // `.json` is what nft reads; what it prints (`.json.output`) may say less, as the listing of text does.
    const blocks = pyJson(file, '.json');
    for (const one of pyCases(file)) {
      const block = blocks.get(one.rule.trim());
      if (one.chain === undefined || one.state === 'fail' || block === undefined) continue;
      count++;
      const want = bytecode(ruleText(one, one.chain));
      const got = bytecode(jsonRuleset(one, one.chain, block));
      const key = `${name}: ${one.rule.trim()}`;
      if (got !== want) wrong.push(`${key} [${one.table.family}]\n${difference(got, want)}`);
    }
    total += count;
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(0);
  });
  test('many rules were compared', () => {
    console.log(`${total} rules of tests/py read from JSON give the bytecode of their text`);
    expect(total).toBeGreaterThan(3000);
  });
});

describe.skipIf(!existsSync(SHELL))('JSON dumps of tests/shell', () => {
  const dumps = existsSync(SHELL)
    ? readdirSync(SHELL, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json-nft'))
    : [];
  test.each(dumps.sort())('%s', (name) => {
    const text = readFileSync(`${SHELL}/${name}`, 'utf8');
    const source = `${SHELL}/${name.replace(/\.json-nft$/, '.nft')}`;
    const { ruleset } = translate({ path: name, text }, false);
    const listed = list(ruleset);
    const want = list(translate({ path: source }, false).ruleset);
    expect(listed === want).toBe(!(name in DUMP_EXCEPTIONS));
  });
});

test('the corpus of nftables is there, or its absence is said', () => {
  if (files.length === 0) console.log(`skipped: ${PY_CORPUS} is absent`);
  expect(Array.isArray(files)).toBe(true);
});
