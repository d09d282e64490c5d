// Rules from nft text for the tests of this folder.
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { compile } from '../../src/nft/compile.ts';

/** The bytecode of a ruleset's text. */
export function compileText(text: string): Ruleset {
  return compile({ path: 'scene.nft', text }).ruleset;
}
