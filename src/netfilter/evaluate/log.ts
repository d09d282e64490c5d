// `log` (nft_log.c). SIMPLIFIED: log: writes nothing here; how often it was reached is kept for the report.
import { simplificationIndex } from '../../event/simplifications.ts';
import { NFT_CONTINUE } from './codes.ts';
import { LogLines } from './log-line.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';
import { WorkCount } from './work.ts';

const LOG = simplificationIndex('log');

/** Counts the packet as logged. */
export function prepareLog(expression: Of<'log'>, context: PrepareContext): PreparedExpression {
  const { notes, recorder, countsWork } = context.engine;
  const evaluate = (): number => {
    notes.logged++;
    recorder.simplified(LOG);
    return NFT_CONTINUE;
  };
  const shape = { cost: 'log', size: expression.group === undefined ? 0 : 1 } as const;
  return countsWork === true && shape.size === 0 ? withWork(expression, context, shape, evaluate) : { evaluate, shape };
}

/** Counts how long the lines are that the kernel would write. */
function withWork(
  expression: Of<'log'>,
  context: PrepareContext,
  shape: PreparedExpression['shape'],
  evaluate: () => number,
): PreparedExpression {
  const work = new WorkCount('log');
  const names = context.engine.interfaces.list.map((row) => row.name);
  const lines = new LogLines(work.amounts, names, expression);
  return {
    evaluate: (run) => {
      work.times++;
      lines.count(run);
      return evaluate();
    },
    shape,
    work: () => work.sum(),
  };
}
