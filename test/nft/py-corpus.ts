// Reads nftables' own rule tests (tests/py: rules with ok or fail, the bytecode that nft 1.1.4 makes of them) and judges our compiler
// by them. The data are not part of this project: see /work/shared/corpora.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NftError } from '../../src/base/errors.ts';
import { translate } from '../../src/nft/compile.ts';
import { printNetlink } from '../../src/nft/debug-netlink.ts';

export const PY_CORPUS = '/work/shared/corpora/nftables/tests/py';

/** One rule in one chain of one table. */
export interface PyOutcome {
  file: string;
  line: number;
  family: string;
  rule: string;
  problem: string | undefined;
}

export interface PyTable {
  family: string;
  name: string;
  chains: string[];
}

/** Test files of a corpus folder; none when it is absent. */
export function pyTests(folder = PY_CORPUS): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.t'))
    .sort()
    .map((name) => path.join(folder, name));
}

/** A rule of the corpus in one chain of one table, or a declaration among the rules. */
export interface PyCase {
  line: number;
  table: PyTable;
  /** Commands that come before it. */
  prelude: string[];
  /** Undefined for a declaration, whose `problem` is known already. */
  chain: string | undefined;
  rule: string;
  state: 'ok' | 'fail';
  /** What lists instead of the rule as written. */
  output: string | undefined;
  payload: string[] | undefined;
  problem: string | undefined;
}

/** Judges every rule of a test file by its bytecode. */
export function judge(file: string): PyOutcome[] {
  return pyCases(file).map((one) => ({
    file: `${path.basename(path.dirname(file))}/${path.basename(file)}`,
    line: one.line,
    family: one.table.family,
    rule: one.rule,
    problem:
      one.chain === undefined
        ? one.problem
        : compare(ruleText(one, one.chain), one.chain, one.state, one.payload, one.table),
  }));
}

/** The commands of a case as one ruleset. */
export function ruleText(one: PyCase, chain: string): string {
  return `${one.prelude.join('\n')}\nadd rule ${one.table.family} ${one.table.name} ${chain} ${one.rule}\n`;
}

/** Every rule of a test file in every chain that it is tested in, declarations applied on the way. */
export function pyCases(file: string): PyCase[] {
  const cases: PyCase[] = [];
  const tables: PyTable[] = [];
  const chains = new Map<string, string>();
  const prelude = new Map<PyTable, string[]>();
  const payloads = new Map<string, Map<string, string[]>>();
  const payload = (family: string, rule: string): string[] | undefined => {
    for (const suffix of [`.payload.${family}`, '.payload']) {
      const name = file + suffix;
      if (!payloads.has(name)) payloads.set(name, existsSync(name) ? readPayloads(name) : new Map());
      const found = payloads.get(name)?.get(rule);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#') || line.startsWith('-')) continue;
    if (line.startsWith(':')) {
      const [name, declaration] = line.slice(1).split(/;(.*)/s) as [string, string];
      chains.set(name, declaration.trim());
      continue;
    }
    if (line.startsWith('*')) {
      const [family, name, list] = line.slice(1).trim().split(';') as [string, string, string];
      const table = { family, name, chains: list.split(',') };
      tables.push(table);
      const text = [`add table ${family} ${name}`];
      for (const chain of table.chains) text.push(`add chain ${family} ${name} ${chain} { ${chains.get(chain)} ; }`);
      prelude.set(table, text);
      continue;
    }
    const base = { line: index + 1, output: undefined, payload: undefined, problem: undefined };
    if (/^[!?%]/.test(line)) {
      const { commands, expected } = declaration(line);
      for (const table of tables) {
        const text = prelude.get(table) as string[];
        for (const command of commands) {
          const next = command.replace('TABLE', `${table.family} ${table.name}`);
          const refusal = refusalOf([...text, next].join('\n'));
          const known = { ...base, table, prelude: [...text], chain: undefined, rule: line, state: 'ok' as const };
          if (refusal === undefined) text.push(next);
          if ((refusal === undefined) !== (expected === 'ok')) {
            const problem = refusal === undefined ? 'accepted, should fail' : `refused: ${refusal}`;
            cases.push({ ...known, problem });
          } else cases.push(known);
        }
      }
      continue;
    }
    const parts = line.split(';');
    const [rule = '', given = '', output] = parts;
    const state = given.trim();
    if (parts.length > 3 || (state !== 'ok' && state !== 'fail')) continue;
    for (const table of tables) {
      const known = {
        ...base,
        table,
        rule,
        state,
        output: output?.trim(),
        payload: payload(table.family, rule.trim()),
      };
      const text = [...(prelude.get(table) as string[])];
      for (const chain of table.chains) cases.push({ ...known, prelude: text, chain } as PyCase);
    }
  }
  return cases;
}

/** JSON of the rules of a test file: what nft reads (`.json`) or prints where that differs (`.json.output`), by rule, as text. */
export function pyJson(file: string, suffix: '.json' | '.json.output'): Map<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(file + suffix)) return found;
  for (const block of readFileSync(file + suffix, 'utf8')
    .split(/^# /m)
    .slice(1)) {
    const end = block.indexOf('\n');
    found.set(block.slice(0, end).trim(), block.slice(end).replace(/^#.*$/gm, '').trim());
  }
  return found;
}

function readPayloads(file: string): Map<string, string[]> {
  const result = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('#')) {
      const rule = line.trim().slice(2);
      current = result.has(rule) ? undefined : [];
      if (current !== undefined) result.set(rule, current);
    } else if (line.trim() === '') current = undefined;
    else current?.push(line);
  }
  return result;
}

/** Sets, elements and objects: as commands with TABLE for family and name. */
function declaration(line: string): { commands: string[]; expected: string } {
  const brace = line.startsWith('%') ? line.lastIndexOf('}') : -1;
  const [body = '', expected = ''] =
    brace >= 0 ? [line.slice(1, brace + 1), line.slice(brace + 2)] : line.slice(1).split(';');
  if (line.startsWith('?')) {
    const space = body.indexOf(' ');
    const elements = body.slice(space).split(',');
    return {
      commands: elements.map((element) => `add element TABLE ${body.slice(0, space)} { ${element} }`),
      expected: expected.trim(),
    };
  }
  const words = body.split(' ');
  if (line.startsWith('%')) {
    const isCt = words[2] === 'ct';
    const type = isCt ? `ct ${words[3]}` : words[2];
    return {
      commands: [`add ${type} TABLE ${words[0]} ${words.slice(isCt ? 4 : 3).join(' ')}`],
      expected: expected.trim(),
    };
  }
  const flags = words.indexOf('flags');
  const timeout = words.indexOf('timeout');
  const end = [flags, timeout].filter((index) => index > 0).reduce((a, b) => Math.min(a, b), words.length);
  const type = words.slice(1, end).join(' ');
  const options = `${timeout > 0 ? `timeout ${words[timeout + 1]};` : ''}${flags > 0 ? `flags ${words[flags + 1]};` : ''}`;
  return {
    commands: [`add ${type.includes(' : ') ? 'map' : 'set'} TABLE ${words[0]} { ${type}; ${options} }`],
    expected: expected.trim(),
  };
}

function refusalOf(text: string): string | undefined {
  try {
    translate({ path: 'test.nft', text }, false);
    return undefined;
  } catch (error) {
    if (error instanceof NftError) return error.message;
    throw error;
  }
}

function compare(
  text: string,
  chain: string,
  state: string,
  expected: string[] | undefined,
  table: PyTable,
): string | undefined {
  let got: string[];
  try {
    // The corpus was made two hours east of UTC (nft-test.py sets TZ).
    const { ruleset } = translate({ path: 'test.nft', text, timezoneSeconds: 7200 }, false);
    const only = {
      ...ruleset,
      tables: ruleset.tables.map((table) => ({ ...table, sets: table.sets.filter((set) => set.anonymous) })),
    };
    got = printNetlink(only).split('\n');
  } catch (error) {
    if (!(error instanceof NftError)) return `crash: ${(error as Error).stack?.split('\n').slice(0, 3).join(' | ')}`;
    return state === 'fail' ? undefined : `refused: ${error.message.replace(/^test.nft:/, '')}`;
  }
  if (state === 'fail') return 'accepted, should fail';
  if (expected === undefined) return 'no payload in the corpus';
  const start = got.findIndex((line) => line.startsWith(`${table.family} ${table.name} ${chain}`));
  const mine = got
    .slice(0, got.length)
    .filter((line, index) => /\[.*\]/.test(line) && (index > start || line.includes('element')));
  const theirs = expected.filter((line) => /\[.*\]/.test(line));
  for (let i = 0; i < Math.max(mine.length, theirs.length); i++) {
    if (mine[i] === theirs[i]) continue;
    if (isElements(mine[i]) && isElements(theirs[i]) && elementsOf(mine[i]) === elementsOf(theirs[i])) continue;
    return `line ${i}:\n      got  ${mine[i]?.trim()}\n      want ${theirs[i]?.trim()}`;
  }
  return undefined;
}

function isElements(line: string | undefined): boolean {
  return line?.includes('element') === true;
}
function elementsOf(line: string | undefined): string {
  return (line ?? '')
    .split('[end]')
    .map((part) => part.trim().replace(/\s+/g, ' '))
    .sort()
    .join('|');
}
