// Bytecode of nftables' own tests (tests/py, version 1.1.4) listed back, against the form that those tests expect.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Ruleset, Table } from '../../src/bytecode/ruleset.ts';
import { printRule } from '../../src/nft/listing.ts';
import { type PayloadRule, readPayloadFile } from './payload-text.ts';

const CORPUS = '../shared/corpora/nftables/tests/py';

/** Order and spacing within braces are the tests' own; spelling is nft's. */
function normal(text: string): string {
  const sorted = text.replace(/\{([^{}]*)\}/g, (_match, inner: string) => `{ ${inner.split(',').map((item) => item.trim()).sort().join(', ')} }`);
  return sorted.replace(/\s+/g, ' ').trim();
}

function listed(rule: PayloadRule): string {
  const table: Table = {
    family: rule.family, name: 't', handle: 1, flags: [], sets: rule.sets, objects: [], flowtables: [],
    chains: [{ name: 'c', handle: 2, rules: [{ handle: 3, expressions: rule.expressions }] }],
  };
  const ruleset: Ruleset = { tables: [table], interfaceNames: ['', 'lo'] };
  const [chain] = table.chains;
  const [only] = chain?.rules ?? [];
  if (chain === undefined || only === undefined) return '';
  return printRule(ruleset, table, chain, only, undefined, { stateless: true, numericProtocol: true });
}

/** Rule text to expected listing, by test file. */
function expectations(file: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [rule, verdict, output] = line.split(';');
    if (rule === undefined || verdict?.trim() !== 'ok' || /^[#:*!?%]/.test(rule)) continue;
    found.set(rule.trim().replace(/^- /, ''), (output ?? rule).trim());
  }
  return found;
}

const FLOOR = 0;

test.skipIf(!existsSync(CORPUS))('bytecode of nftables tests/py lists back as those tests expect', () => {
  let right = 0;
  let total = 0;
  const wrong: string[] = [];
  const unread: string[] = [];
  const files = readdirSync(CORPUS, { recursive: true }).map((name) => `${CORPUS}/${String(name)}`);
  for (const file of files.filter((name) => name.endsWith('.t'))) {
    const expected = expectations(file);
    for (const payload of files.filter((name) => name.startsWith(`${file}.payload`))) {
      for (const rule of readPayloadFile(readFileSync(payload, 'utf8'))) {
        const output = expected.get(rule.text);
        if (output === undefined || /time|hour/.test(output)) continue; // those are in the time zone of the tests
        if (rule.unread !== undefined) {
          unread.push(`${payload.slice(CORPUS.length)}: ${rule.text}: ${rule.unread}`);
          continue;
        }
        total++;
        const got = listed(rule);
        if (normal(got) === normal(output)) right++;
        else wrong.push(`${payload.slice(CORPUS.length)} ${rule.family}: ${rule.text}\n   want ${output}\n   got  ${got}`);
      }
    }
  }
  console.log(`${right} of ${total} rules of tests/py list back as expected; ${unread.length} could not be read`);
  if (process.env['SHOW'] !== undefined) console.log([...wrong, ...unread].join('\n'));
  expect(right).toBeGreaterThanOrEqual(FLOOR);
});
