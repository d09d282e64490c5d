// Looks at a ruleset as `nft -c` does, and further: all errors, what the kernel accepts and users regret, and what the engine of
// nftreplay does not run.
import { NftError, type SourceLocation } from '../base/errors.ts';
import { type CompiledRuleset, type CompileOptions, translate } from './compile.ts';
import { foreignConstruct } from './linear.ts';
import { findRequirements, type Requirement } from './requirements/find.ts';
import { findWarnings } from './warnings/find.ts';
import type { RulesetWarning } from './warnings/warning.ts';

/** Something that the kernel runs and nftreplay does not, with its first place. */
export interface ForeignUse {
  construct: string;
  location?: SourceLocation;
  rules: number;
}

export interface CheckedRuleset {
  path: string;
  /** Absent when there are errors. */
  compiled?: CompiledRuleset;
  /** In the order of the text. */
  errors: readonly NftError[];
  warnings: RulesetWarning[];
  foreign: ForeignUse[];
  requirements: Requirement[];
}

/** What is to be said about a ruleset; `kernel` marks what that version lacks. Throws nothing for what is wrong with it. */
export function check(options: CompileOptions, kernel?: string): CheckedRuleset {
  const nothing = { path: options.path, errors: [], warnings: [], foreign: [], requirements: [] };
  try {
    const compiled = translate(options, false);
    return {
      ...nothing,
      compiled,
      warnings: findWarnings(compiled),
      foreign: foreignUses(compiled),
      requirements: findRequirements(compiled.ruleset, kernel),
    };
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    return { ...nothing, errors: error.errors.length > 0 ? error.errors : [error] };
  }
}

function foreignUses({ ruleset }: CompiledRuleset): ForeignUse[] {
  const uses = new Map<string, ForeignUse>();
  for (const table of ruleset.tables) {
    for (const chain of table.chains) {
      for (const { expressions, location } of chain.rules) {
        const constructs = new Set(expressions.flatMap((expression) => foreignConstruct(expression) ?? []));
        for (const construct of constructs) {
          const use = uses.get(construct) ?? { construct, ...(location && { location }), rules: 0 };
          use.rules++;
          uses.set(construct, use);
        }
      }
    }
  }
  return [...uses.values()];
}
