// `log` (nft_log.c). SIMPLIFIED: log: writes nothing here; how often it was reached is kept for the report.
import { simplificationIndex } from '../../event/simplifications.ts';
import { NFT_CONTINUE } from './codes.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';

const LOG = simplificationIndex('log');

/** Counts the packet as logged. */
export function prepareLog(expression: Of<'log'>, context: PrepareContext): PreparedExpression {
  const { notes, recorder } = context.engine;
  return {
    evaluate: () => {
      notes.logged++;
      recorder.simplified(LOG);
      return NFT_CONTINUE;
    },
    shape: { cost: 'log', size: expression.group === undefined ? 0 : 1 },
  };
}
