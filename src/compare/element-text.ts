// Set elements as nft writes them, one by one: '192.0.2.0/24', 'established : accept'.
import type { NftSet, Ruleset, Table } from '../bytecode/ruleset.ts';
import { delinearizeSet, keyTypes } from '../nft/delinearize-sets.ts';
import { printOptions } from '../nft/listing-options.ts';
import { printExpression } from '../nft/print-expression.ts';

/** By element of the definition. */
export function elementTexts(ruleset: Ruleset, table: Table, set: NftSet): string[] {
  const options = { ...printOptions(ruleset, table, {}), stateless: true };
  const types = keyTypes(set);
  return set.elements.map((element) =>
    delinearizeSet(set, [element], types)
      .items.map((item) => printExpression(item, options))
      .join(', '),
  );
}
