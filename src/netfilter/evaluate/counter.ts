// `counter` (nft_counter.c): packets, and octets as the hook sees them (skb->len).
import { f64 } from '../../base/columns.ts';
import { NFT_CONTINUE } from './codes.ts';
import type { Of } from './prepared.ts';
import type { Stateful } from './stateful.ts';

/** State: packets, octets. */
export function prepareCounter(expression: Pick<Of<'counter'>, 'packets' | 'bytes'>): Stateful {
  const { packets, bytes } = expression;
  return {
    kind: 'counter',
    start(state, at) {
      state[at] = packets;
      state[at + 1] = bytes;
    },
    evaluate(run, state, at) {
      state[at] = f64(state, at) + 1;
      state[at + 1] = f64(state, at + 1) + run.length;
      return NFT_CONTINUE;
    },
    exported: (state, at) => ({ kind: 'counter', packets: f64(state, at), bytes: f64(state, at + 1) }),
    listed: (state, at) => ({ kind: 'counter', packets: f64(state, at), bytes: f64(state, at + 1) }),
  };
}
