// `immediate` (nft_immediate.c): a constant into a register, or a verdict.
import { u32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { hostWord } from './cmp.ts';
import { NFT_CONTINUE, verdictCode } from './codes.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';

/** Loads a constant; the rest of its last word is zeroed (nft_data_copy). */
export function prepareImmediate(expression: Of<'immediate'>): PreparedExpression {
  const to = registerOffset(expression.dreg) >>> 2;
  const { data } = expression;
  const words = new Uint32Array((data.length + 3) >>> 2);
  for (let i = 0; i < words.length; i++) words[i] = hostWord(data, i * 4);
  const shape = { cost: 'immediate', size: data.length } as const;
  if (words.length === 1) {
    const value = u32(words, 0);
    return {
      evaluate: (run) => {
        run.words[to] = value;
        return NFT_CONTINUE;
      },
      shape,
    };
  }
  return {
    evaluate: (run) => {
      for (let i = 0; i < words.length; i++) run.words[to + i] = u32(words, i);
      return NFT_CONTINUE;
    },
    shape,
  };
}

/** Ends the rule with a verdict. */
export function prepareVerdict(expression: Of<'verdict'>, context: PrepareContext): PreparedExpression {
  const { code, chain } = expression.verdict;
  const number = verdictCode(code);
  const shape = { cost: 'verdict', size: 0 } as const;
  if (chain === undefined) return { evaluate: () => number, shape };
  const target = context.chain(chain);
  return {
    evaluate: (run) => {
      run.target = target;
      return number;
    },
    shape,
  };
}
