// Expectations of what a case left behind: counters, quotas, elements of sets, connections.
import type { Ruleset, RulesetState } from '../bytecode/ruleset.ts';
import { listJson } from '../nft/listing.ts';
import { checkQuantity } from './check-packet.ts';
import type { Checklist } from './mismatch.ts';
import type { Scene } from './scene.ts';
import type { Quantity, TotalsExpectation } from './schema.ts';
import { stringify } from './value-text.ts';

/** Checks everything that an expectation names. */
export function checkState(expect: TotalsExpectation, ruleset: Ruleset, scene: Scene, list: Checklist): void {
  const { counters, quotas, sets, conntrack, connections } = expect;
  const state = scene.router.state();
  for (const [name, expected] of Object.entries(counters ?? {}))
    checkCounter(name, expected, ruleset, state, scene, list);
  for (const [name, expected] of Object.entries(quotas ?? {})) checkQuota(name, expected, ruleset, state, list);
  for (const [name, expected] of Object.entries(sets ?? {})) checkSet(name, expected, ruleset, state, list);
  if (conntrack === undefined && connections === undefined) return;
  const lines = scene.router.conntrack();
  if (connections !== undefined) checkQuantity(connections, lines.length, ['connections'], list);
  conntrack?.forEach((words, index) => {
    const wanted = words.split(/\s+/);
    const isMet = lines.some((line) => wanted.every((word) => line.split(/\s+/).includes(word)));
    const got =
      lines.length === 0 ? 'there are no connections' : `none of ${lines.length}: ${nearestLine(lines, wanted)}`;
    list.check(isMet, ['conntrack', index], words, undefined, got);
  });
}

/** The line that has most of the words. */
function nearestLine(lines: readonly string[], wanted: readonly string[]): string {
  const hits = (line: string): number => wanted.filter((word) => line.split(/\s+/).includes(word)).length;
  return lines.reduce((best, line) => (hits(line) > hits(best) ? line : best)).replace(/\s+/g, ' ');
}

/** 'NAME', 'TABLE NAME' or 'FAMILY TABLE NAME'. */
function isCalled(name: string, family: string, table: string, own: string): boolean {
  return name === own || name === `${table} ${own}` || name === `${family} ${table} ${own}`;
}

function checkCounter(
  name: string,
  expected: Quantity | { packets?: Quantity | undefined; bytes?: Quantity | undefined },
  ruleset: Ruleset,
  state: RulesetState,
  scene: Scene,
  list: Checklist,
): void {
  const found = namedCounter(name, ruleset, state) ?? ruleCounter(name, ruleset, state, scene);
  if (found === undefined) {
    list.wrong(['counters', name], expected, 'the ruleset has no counter, or rule with a counter, of that name');
  } else if (typeof expected === 'object') {
    if (expected.packets !== undefined)
      checkQuantity(expected.packets, found.packets, ['counters', name, 'packets'], list);
    if (expected.bytes !== undefined) checkQuantity(expected.bytes, found.bytes, ['counters', name, 'bytes'], list);
  } else {
    checkQuantity(expected, found.packets, ['counters', name], list);
  }
}

interface Counted {
  packets: number;
  bytes: number;
}

function namedCounter(name: string, { tables }: Ruleset, state: RulesetState): Counted | undefined {
  for (const [t, table] of tables.entries()) {
    for (const [o, object] of table.objects.entries()) {
      if (object.type !== 'counter' || !isCalled(name, table.family, table.name, object.name)) continue;
      const now = state.tables[t]?.objects[o];
      return now?.kind === 'counter' ? now : object;
    }
  }
  return undefined;
}

/** Of all rules that the name means together. */
function ruleCounter(name: string, { tables }: Ruleset, state: RulesetState, scene: Scene): Counted | undefined {
  const meant = scene.refs.meant(name);
  if (meant === undefined) return undefined;
  let sum: Counted | undefined;
  let index = 0;
  tables.forEach((table, t) => {
    table.chains.forEach((chain, c) => {
      chain.rules.forEach((_, r) => {
        if (!meant.rules.has(index++)) return;
        for (const now of state.tables[t]?.chains[c]?.rules[r] ?? []) {
          if (now?.kind !== 'counter') continue;
          sum = { packets: (sum?.packets ?? 0) + now.packets, bytes: (sum?.bytes ?? 0) + now.bytes };
        }
      });
    });
  });
  return sum;
}

function checkQuota(name: string, expected: Quantity, { tables }: Ruleset, state: RulesetState, list: Checklist): void {
  for (const [t, table] of tables.entries()) {
    for (const [o, object] of table.objects.entries()) {
      if (object.type !== 'quota' || !isCalled(name, table.family, table.name, object.name)) continue;
      const now = state.tables[t]?.objects[o];
      checkQuantity(expected, now?.kind === 'quota' ? now.consumedBytes : object.consumedBytes, ['quotas', name], list);
      return;
    }
  }
  list.wrong(['quotas', name], expected, 'the ruleset has no quota of that name');
}

function checkSet(
  name: string,
  expected: (string | number)[] | Quantity,
  ruleset: Ruleset,
  state: RulesetState,
  list: Checklist,
): void {
  const texts = setElements(name, ruleset, state);
  if (texts === undefined) {
    list.wrong(['sets', name], expected, 'the ruleset has no set or map of that name');
  } else if (!Array.isArray(expected)) {
    checkQuantity(expected, texts.length, ['sets', name], list);
  } else {
    const wanted = expected.map(String).sort();
    list.check(wanted.join('\n') === [...texts].sort().join('\n'), ['sets', name], expected, texts);
  }
}

/** Elements as nft writes them: '192.168.1.10', '10.0.0.0/8', '192.168.1.10 . 443', 'a : b'. */
export function setElements(name: string, ruleset: Ruleset, state: RulesetState): string[] | undefined {
  for (const table of ruleset.tables) {
    const set = table.sets.find((row) => !row.anonymous && isCalled(name, table.family, table.name, row.name));
    if (set === undefined) continue;
    const listed = listJson(ruleset, state) as { nftables: Record<string, Record<string, unknown>>[] };
    for (const row of listed.nftables) {
      const found = row.set ?? row.map;
      if (found?.name !== set.name || found.table !== table.name || found.family !== table.family) continue;
      return ((found.elem as unknown[] | undefined) ?? []).map(elementText);
    }
    return [];
  }
  return undefined;
}

/** One element of nft's JSON. */
function elementText(element: unknown): string {
  if (Array.isArray(element)) return element.map(elementText).join(' : ');
  if (typeof element !== 'object' || element === null) return String(element);
  const row = element as Record<string, unknown>;
  if (row.elem !== undefined) return elementText((row.elem as Record<string, unknown>).val);
  if (row.concat !== undefined) return (row.concat as unknown[]).map(elementText).join(' . ');
  if (row.prefix !== undefined) {
    const { addr, len } = row.prefix as { addr: unknown; len: unknown };
    return `${elementText(addr)}/${String(len)}`;
  }
  if (row.range !== undefined) return (row.range as unknown[]).map(elementText).join('-');
  const [key, value] = Object.entries(row)[0] ?? [];
  return value === null || value === undefined ? String(key) : `${key} ${stringify(value)}`;
}
