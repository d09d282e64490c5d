// `log` (nft_log.c): writes nothing here; how often it was reached is kept for the report.
import { NFT_CONTINUE } from './codes.ts';
import type { PrepareContext, PreparedExpression } from './prepared.ts';

/** Counts the packet as logged. */
export function prepareLog(context: PrepareContext): PreparedExpression {
  const { notes } = context.engine;
  return {
    evaluate: () => {
      notes.logged++;
      return NFT_CONTINUE;
    },
    shape: { cost: 'log', size: 0 },
  };
}
