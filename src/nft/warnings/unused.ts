// What is declared and never used: sets, objects, definitions; and interfaces compared by a number that changes.
import type { Ruleset, Table } from '../../bytecode/ruleset.ts';
import type { Definition } from '../source.ts';
import { matchesOf, word } from './rules.ts';
import { at, type Report } from './warning.ts';

/** Devices that come and go, by how they are usually called. */
const DYNAMIC = /^(ppp|pppoe-|wg|tun|tap|wwan|l2tp|vpn|6in4-|6rd-|henet)/;

export function findUnused(table: Table, report: Report): void {
  const used = new Set<string>();
  const objects = new Set<string>();
  for (const chain of table.chains) {
    for (const { expressions } of chain.rules) {
      for (const expression of expressions) {
        if ('set' in expression) used.add(expression.set);
        if (expression.kind === 'objref') objects.add(`${expression.objectType} ${expression.name}`);
      }
    }
  }
  for (const set of table.sets) {
    for (const { object } of set.elements) if (object !== undefined) objects.add(`${set.mapTo} ${object}`);
    if (set.anonymous || used.has(set.name)) continue;
    const what = set.mapTo === undefined ? 'set' : 'map';
    report({ id: 'unused-set', message: `no rule uses ${what} '${set.name}'`, ...at(set.location) });
  }
  // Object maps may get elements while the router runs.
  const byMap = new Set(table.sets.map((set) => set.mapTo as string | undefined));
  for (const object of table.objects) {
    if (objects.has(`${object.type} ${object.name}`) || byMap.has(object.type)) continue;
    report({ id: 'unused-object', message: `no rule uses ${object.type} '${object.name}'`, ...at(object.location) });
  }
}

export function findUnusedDefinitions(definitions: readonly Definition[], report: Report): void {
  for (const { name, used, location } of definitions)
    if (!used) report({ id: 'unused-define', message: `nothing uses '$${name}'`, location });
}

export function findDynamicIndexes(ruleset: Ruleset, table: Table, report: Report): void {
  for (const chain of table.chains) {
    for (const rule of chain.rules) {
      for (const match of matchesOf(table, rule) ?? []) {
        if ((match.key !== 'meta iif' && match.key !== 'meta oif') || match.expression.kind !== 'cmp') continue;
        const device = ruleset.interfaceNames[word(match.expression.data)] ?? '';
        if (!DYNAMIC.test(device)) continue;
        const word_ = match.key.slice(5);
        report({
          id: 'iif-dynamic',
          message: `'${word_} "${device}"' compares the number of a device that comes and goes`,
          ...at(rule.location),
          help: `${word_}name "${device}"`,
        });
      }
    }
  }
}
