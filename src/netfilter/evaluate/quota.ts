// `quota` (nft_quota.c): matches while no more octets than allowed went by; `over` (invert): from then on.
import { f64 } from '../../base/columns.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import type { Of } from './prepared.ts';
import type { Stateful } from './stateful.ts';

/** State: octets consumed. */
export function prepareQuota(expression: Pick<Of<'quota'>, 'bytes' | 'consumedBytes' | 'invert'>): Stateful {
  const { bytes, consumedBytes, invert } = expression;
  return {
    kind: 'quota',
    start(state, at) {
      state[at] = consumedBytes;
    },
    evaluate(run, state, at) {
      const consumed = f64(state, at) + run.length;
      state[at] = consumed;
      return consumed > bytes === invert ? NFT_CONTINUE : NFT_BREAK;
    },
    // The kernel dumps at most the quota itself (nft_quota_do_dump).
    exported: (state, at) => ({ kind: 'quota', consumedBytes: Math.min(bytes, f64(state, at)) }),
    listed: (state, at) => ({ kind: 'quota', bytes, consumedBytes: Math.min(bytes, f64(state, at)), invert }),
  };
}
