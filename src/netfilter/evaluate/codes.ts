// Verdict codes while a chain is evaluated (enum nft_verdicts, linux/netfilter/nf_tables.h); the hook verdicts of
// ../verdict.ts (NF_DROP … NF_QUEUE, all >= 0) end the evaluation.

import { unreachable } from '../../base/errors.ts';
import type { Verdict } from '../../bytecode/expression.ts';
import { NF_ACCEPT, NF_DROP, NF_QUEUE, NF_STOLEN } from '../verdict.ts';

/** Go on with the next expression. */
export const NFT_CONTINUE = -1;
/** The rule does not match: go on with the next rule. */
export const NFT_BREAK = -2;
export const NFT_JUMP = -3;
export const NFT_GOTO = -4;
export const NFT_RETURN = -5;

/** The number of a verdict's code. */
export function verdictCode(code: Verdict['code']): number {
  switch (code) {
    case 'accept':
      return NF_ACCEPT;
    case 'drop':
      return NF_DROP;
    case 'queue':
      return NF_QUEUE;
    case 'stolen':
      return NF_STOLEN;
    case 'continue':
      return NFT_CONTINUE;
    case 'break':
      return NFT_BREAK;
    case 'return':
      return NFT_RETURN;
    case 'jump':
      return NFT_JUMP;
    case 'goto':
      return NFT_GOTO;
    default:
      return unreachable(code);
  }
}
