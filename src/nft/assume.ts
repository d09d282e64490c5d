// What the user takes for granted about things that a replay cannot know: what the programs answer that `queue` hands
// packets to.
import type { QueueAnswer } from '../bytecode/expression.ts';
import type { DraftRuleset } from './draft-ruleset.ts';

/** No program listens: the kernel accepts with `bypass` and drops without (nf_queue of net/netfilter/nf_queue.c). */
export const ASSUMED_ANSWERS = ['accept', 'drop', 'absent'] as const satisfies readonly (QueueAnswer | 'absent')[];

export type AssumedAnswer = (typeof ASSUMED_ANSWERS)[number];

export interface Assumptions {
  queue?: AssumedAnswer | undefined;
}

/** NFT_QUEUE_FLAG_BYPASS. */
const BYPASS = 1;

/** Gives every `queue` its answer. */
export function assume(draft: DraftRuleset, { queue }: Assumptions): void {
  if (queue === undefined) return;
  for (const { chains } of draft.tables) {
    for (const { rules } of chains.values()) {
      for (const rule of rules) {
        rule.expressions = rule.expressions.map((expression) => {
          if (expression.kind !== 'queue') return expression;
          const absent = (expression.flags & BYPASS) === 0 ? 'drop' : 'accept';
          return { ...expression, assumed: queue === 'absent' ? absent : queue };
        });
      }
    }
  }
}
