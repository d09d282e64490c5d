// Bytecode of nftables' own tests (tests/py, version 1.1.4) listed back, against the form that those tests expect.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Ruleset, Table } from '../../src/bytecode/ruleset.ts';
import { type Json, listJson, printRule } from '../../src/nft/listing.ts';
import { type PayloadRule, readPayloadFile } from './payload-text.ts';

const CORPUS = '../shared/corpora/nftables/tests/py';

/** Order and spacing within braces are the tests' own; spelling is nft's. */
function normal(text: string): string {
  const sorted = text.replace(
    /\{([^{}]*)\}/g,
    (_match, inner: string) =>
      `{ ${inner
        .split(',')
        .map((item) => item.trim())
        .sort()
        .join(', ')} }`,
  );
  return sorted
    .replace(/\s+/g, ' ')
    .replace(/ ?: /g, ' : ')
    .replace(/(\w): (\w)/g, '$1 : $2')
    .trim();
}

function rulesetOf(rule: PayloadRule): Ruleset {
  const table: Table = {
    family: rule.family,
    name: 't',
    handle: 1,
    flags: [],
    sets: rule.sets,
    objects: [],
    flowtables: [],
    chains: [{ name: 'c', handle: 2, rules: [{ handle: 3, expressions: rule.expressions }] }],
  };
  return { tables: [table], interfaceNames: ['', 'lo'] };
}

function listed(rule: PayloadRule): string {
  const ruleset = rulesetOf(rule);
  const [table] = ruleset.tables;
  const chain = table?.chains[0];
  const only = chain?.rules[0];
  if (table === undefined || chain === undefined || only === undefined) return '';
  return printRule(ruleset, table, chain, only, undefined, { stateless: true, numericProtocol: true });
}

function listedJson(rule: PayloadRule): Json {
  const { nftables } = listJson(rulesetOf(rule), undefined, { stateless: true, numericProtocol: true });
  const last = nftables.at(-1) as { rule: { expr: Json } };
  return last.rule.expr;
}

/** Elements of sets in one order, and keys of objects. */
function normalJson(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(normalJson).join(',')}]`;
  if (typeof json === 'bigint') return json.toString();
  if (typeof json !== 'object' || json === null) return JSON.stringify(json);
  const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = entries.map(([key, value]) =>
    key === 'set' && Array.isArray(value)
      ? `set:${value.map(normalJson).sort().join(',')}`
      : `${key}:${normalJson(value)}`,
  );
  return `{${text.join(',')}}`;
}

/** Rule text to expected JSON: what the tests say is listed, else what they feed in. */
function jsonExpectations(file: string): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const name of [`${file}.json`, `${file}.json.output`]) {
    if (!existsSync(name)) continue;
    for (const block of readFileSync(name, 'utf8').split(/^# /m).slice(1)) {
      const end = block.indexOf('\n');
      try {
        found.set(block.slice(0, end).trim(), JSON.parse(block.slice(end)));
      } catch {
        // A few blocks of the corpus are not JSON.
      }
    }
  }
  return found;
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

interface Case {
  name: string;
  file: string;
  rule: PayloadRule;
}

/** Every readable rule of the corpus, but those that show times in the time zone of the tests. */
function cases(): { read: Case[]; unread: number } {
  const files = readdirSync(CORPUS, { recursive: true }).map((name) => `${CORPUS}/${String(name)}`);
  const read: Case[] = [];
  let unread = 0;
  for (const file of files.filter((name) => name.endsWith('.t'))) {
    for (const payload of files.filter((name) => name.startsWith(`${file}.payload`))) {
      for (const rule of readPayloadFile(readFileSync(payload, 'utf8'))) {
        if (/\b(time|hour)\b/.test(rule.text)) continue;
        if (rule.unread === undefined)
          read.push({ name: `${payload.slice(CORPUS.length)} ${rule.family}: ${rule.text}`, file, rule });
        else unread++;
      }
    }
  }
  return { read, unread };
}

function report(title: string, right: number, wrong: string[], note = ''): void {
  console.log(`${right} of ${right + wrong.length} ${title}${note}`);
  if (process.env.SHOW === title) console.log(wrong.join('\n'));
}

/** What the corpus of nftables 1.1.4 reached when this was written; the rest lacks lengths in the corpus' text. */
const FLOOR = 1266;
const JSON_FLOOR = 1268;

test.skipIf(!existsSync(CORPUS))('bytecode of nftables tests/py lists back as those tests expect', () => {
  let right = 0;
  const wrong: string[] = [];
  const { read, unread } = cases();
  for (const { name, file, rule } of read) {
    const output = expectations(file).get(rule.text);
    if (output === undefined) continue;
    const got = listed(rule);
    if (normal(got) === normal(output)) right++;
    else wrong.push(`${name}\n   want ${output}\n   got  ${got}`);
  }
  report('rules of tests/py list back as text', right, wrong, `; ${unread} could not be read`);
  expect(right).toBeGreaterThanOrEqual(FLOOR);
});

test.skipIf(!existsSync(CORPUS))('bytecode of nftables tests/py lists back as the JSON that those tests expect', () => {
  let right = 0;
  const wrong: string[] = [];
  for (const { name, file, rule } of cases().read) {
    const expected = jsonExpectations(file).get(rule.text);
    if (expected === undefined) continue;
    const got = listedJson(rule);
    if (normalJson(got) === normalJson(expected)) right++;
    else wrong.push(`${name}\n   want ${normalJson(expected)}\n   got  ${normalJson(got)}`);
  }
  report('rules of tests/py list back as JSON', right, wrong);
  expect(right).toBeGreaterThanOrEqual(JSON_FLOOR);
});
