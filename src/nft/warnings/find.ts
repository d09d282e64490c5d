// All that users regret in a compiled ruleset, in the order of the text.
import type { CompiledRuleset } from '../compile.ts';
import { findChains, findEqualPriorities } from './chains.ts';
import { findFlowtables } from './flowtables.ts';
import { findUnreachable } from './unreachable.ts';
import { findDynamicIndexes, findUnused, findUnusedDefinitions } from './unused.ts';
import type { RulesetWarning } from './warning.ts';

/** Warnings and notes about a ruleset that compiles. */
export function findWarnings(compiled: CompiledRuleset): RulesetWarning[] {
  const { ruleset, definitions, warnings, files } = compiled;
  const found: RulesetWarning[] = warnings.map(({ message, location }) => ({
    id: message.startsWith('nft refuses') ? 'refused-by-nft' : 'old-spelling',
    message,
    location,
  }));
  const report = (warning: RulesetWarning): void => {
    found.push(warning);
  };
  findUnusedDefinitions(definitions, report);
  findEqualPriorities(ruleset, report);
  for (const table of ruleset.tables) {
    findUnreachable(table, report);
    findFlowtables(ruleset, table, report);
    findChains(table, report);
    findUnused(table, report);
    findDynamicIndexes(ruleset, table, report);
  }
  const order = new Map(files.map((file, index) => [file, index]));
  const place = ({ location }: RulesetWarning): number[] =>
    location === undefined ? [-1, 0, 0] : [order.get(location.file) ?? 0, location.line, location.column];
  return found
    .map((warning) => ({ warning, key: place(warning) }))
    .sort(
      ({ key: a }, { key: b }) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0) || (a[2] ?? 0) - (b[2] ?? 0),
    )
    .map(({ warning }) => warning);
}
