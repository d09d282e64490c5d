// `queue` (nft_queue.c): a verdict that sends the packet to a program in user space, which answers later. SIMPLIFIED: queue:
// the answer that was assumed comes at once, and costs nothing beyond the verdict; without an assumption the ruleset is refused.
import { simplificationIndex } from '../../event/simplifications.ts';
import { NF_QUEUE, NF_QUEUE_ACCEPTED } from '../verdict.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';

const QUEUE = simplificationIndex('queue');

/** Ends the walk; src/netfilter/hooks.ts goes on with the next base chain, as nf_reinject does, or drops. */
export function prepareQueue(expression: Of<'queue'>, context: PrepareContext): PreparedExpression {
  const { recorder } = context.engine;
  const verdict = expression.assumed === 'accept' ? NF_QUEUE_ACCEPTED : NF_QUEUE;
  return {
    evaluate: () => {
      recorder.simplified(QUEUE);
      return verdict;
    },
    shape: { cost: 'verdict', size: 0 },
  };
}
