// `last` (nft_last.c): when a packet came by here last.
import { f64 } from '../../base/columns.ts';
import { NFT_CONTINUE } from './codes.ts';
import type { Of } from './prepared.ts';
import type { Stateful } from './stateful.ts';

/** State: time of the last packet in nanoseconds; -Infinity: never. */
export function prepareLast(expression: Pick<Of<'last'>, 'usedMs'>): Stateful {
  const { usedMs } = expression;
  return {
    kind: 'last',
    start(state, at, nowNs) {
      state[at] = usedMs === undefined ? Number.NEGATIVE_INFINITY : nowNs - usedMs * 1e6;
    },
    evaluate(run, state, at) {
      state[at] = run.packet.timeNs;
      return NFT_CONTINUE;
    },
    exported: (state, at, nowNs) => ({ kind: 'last', ...used(f64(state, at), nowNs) }),
    listed: (state, at, nowNs) => ({ kind: 'last', ...used(f64(state, at), nowNs) }),
  };
}

function used(lastNs: number, nowNs: number): { usedMs?: number } {
  return lastNs === Number.NEGATIVE_INFINITY ? {} : { usedMs: Math.floor((nowNs - lastNs) / 1e6) };
}
