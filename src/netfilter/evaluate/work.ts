// What evaluations of one expression met that decides their price (WORK, src/event/vocabulary.ts), summed. Only where the engine
// counts it: a look-up is walked a second time for it, as the kernel would.
import type { Work } from '../../event/vocabulary.ts';
import { WORK } from '../../event/vocabulary.ts';

export class WorkCount {
  times = 0;
  readonly amounts: Float64Array;

  constructor(cost: keyof typeof WORK) {
    this.amounts = new Float64Array(WORK[cost].length);
  }

  /** The sums as plain data; undefined before the first evaluation. */
  sum(): Work | undefined {
    return this.times === 0 ? undefined : { times: this.times, amounts: [...this.amounts] };
  }
}
