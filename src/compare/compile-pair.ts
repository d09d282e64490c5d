// Two rulesets that are to be compared, compiled so that interface numbers mean the same in both.
import { type CompiledRuleset, type CompileOptions, compile } from '../nft/compile.ts';

export interface RulesetPair {
  old: CompiledRuleset;
  new: CompiledRuleset;
}

/** Compiles both, numbering interfaces alike whichever is called old. Throws NftError. */
export function compilePair(old: CompileOptions, now: CompileOptions): RulesetPair {
  return alike({ compiled: compile(old), options: old }, { compiled: compile(now), options: now });
}

/** As compilePair, for rulesets that were compiled already. */
export function alike(old: CompiledInput, now: CompiledInput): RulesetPair {
  const names = [old, now].flatMap(({ compiled }) => compiled.ruleset.interfaceNames);
  const interfaceNames = [...new Set(names)].sort();
  const again = ({ options }: CompiledInput): CompiledRuleset => compile({ ...options, interfaceNames });
  return { old: again(old), new: again(now) };
}

export interface CompiledInput {
  compiled: CompiledRuleset;
  options: CompileOptions;
}
