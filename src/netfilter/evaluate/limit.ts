// `limit` (nft_limit.c): a token bucket whose tokens are nanoseconds. All divisions are the kernel's integer ones;
// products that pass 2^53 are computed exactly when the ruleset is loaded.
import { f64 } from '../../base/columns.ts';
import type { Limit, LimitUnit } from '../../bytecode/expression.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { cannotRun, type PrepareContext } from './prepared.ts';
import type { Stateful } from './stateful.ts';

const UNIT_SECONDS: Record<LimitUnit, number> = { second: 1, minute: 60, hour: 3600, day: 86400, week: 604800 };
/** NFT_LIMIT_PKT_BURST_DEFAULT. */
const DEFAULT_PACKET_BURST = 5;

/** What a u64 holds. */
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** nft_limit_init: EOVERFLOW for buckets of more nanoseconds than a u64 holds, such as 1 mbytes/day. */
export function checkLimit({ type, rate, unit, burst }: Limit, context: PrepareContext): void {
  if (rate === 0) cannotRun(context, 'a limit needs a rate above zero');
  const unitNs = BigInt(UNIT_SECONDS[unit]) * 1_000_000_000n;
  const bucket = type === 'packets' ? (unitNs / BigInt(rate)) * BigInt(burst) : unitNs * BigInt(rate + burst);
  if (bucket > U64_MAX) cannotRun(context, `a limit of ${rate} ${type}/${unit} is more than the kernel can count`);
}

/** State: tokens, time of the last evaluation. A bucket starts full. */
export function prepareLimit(limit: Limit): Stateful {
  const ofPackets = limit.type === 'packets';
  const burst = ofPackets && limit.burst === 0 ? DEFAULT_PACKET_BURST : limit.burst;
  const unitNs = UNIT_SECONDS[limit.unit] * 1e9;
  const rate = Math.max(1, limit.rate);
  const packetCost = Math.floor(unitNs / rate);
  const tokensMax = ofPackets
    ? packetCost * burst
    : Number((BigInt(unitNs) * (BigInt(rate) + BigInt(burst))) / BigInt(rate));
  // floor(unitNs * length / rate) without passing 2^53: quotient and remainder of unitNs / rate apart.
  const remainder = unitNs % rate;
  const over = limit.invert ? NFT_CONTINUE : NFT_BREAK;
  const under = limit.invert ? NFT_BREAK : NFT_CONTINUE;
  return {
    kind: 'limit',
    start(state, at, nowNs) {
      state[at] = tokensMax;
      state[at + 1] = nowNs;
    },
    evaluate(run, state, at) {
      const now = run.packet.timeNs;
      const cost = ofPackets ? packetCost : packetCost * run.length + Math.floor((remainder * run.length) / rate);
      let tokens = f64(state, at) + now - f64(state, at + 1);
      if (tokens > tokensMax) tokens = tokensMax;
      state[at + 1] = now;
      if (tokens >= cost) {
        state[at] = tokens - cost;
        return under;
      }
      state[at] = tokens;
      return over;
    },
    listed: () => ({ kind: 'limit', limit }),
  };
}
