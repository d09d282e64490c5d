// `meta time`, `day` and `hour` (nft_meta.c): the wall clock of the capture, in UTC.
// SIMPLIFIED: time-zone: `meta day` follows the router's time zone in the kernel (sys_tz); here it is UTC, as sys_tz is where
// nothing sets it. (`meta hour` is UTC in the kernel as well; nft converts.)
import { NFT_CONTINUE } from './codes.ts';
import type { Engine, Evaluate } from './prepared.ts';

const DAY = 86400;
/** 1970-01-01 was a Thursday; Sunday is 0. */
const EPOCH_WEEKDAY = 4;

/** Loads one of the three. Numbers above 2^53 (nanoseconds) are put together from halves. */
export function metaTime(key: 'time' | 'day' | 'hour', to: number, engine: Engine): Evaluate {
  const { epochSeconds, epochNanoseconds } = engine;
  if (key === 'time') {
    return (run) => {
      const nanoseconds = epochNanoseconds + run.packet.timeNs;
      const carry = Math.floor(nanoseconds / 1e9);
      const seconds = epochSeconds + carry;
      const rest = nanoseconds - carry * 1e9;
      // seconds * 1e9 as high * 2^16 + low, each product below 2^53.
      const high = Math.floor(seconds / 65536) * 1e9;
      const low = (high % 65536) * 65536 + (seconds % 65536) * 1e9 + rest;
      run.words[to] = low % 4294967296;
      run.words[to + 1] = Math.floor(high / 65536) + Math.floor(low / 4294967296);
      return NFT_CONTINUE;
    };
  }
  const isDay = key === 'day';
  return (run) => {
    const seconds = epochSeconds + Math.floor((epochNanoseconds + run.packet.timeNs) / 1e9);
    run.words[to] = isDay ? (EPOCH_WEEKDAY + Math.floor(seconds / DAY)) % 7 : seconds % DAY;
    return NFT_CONTINUE;
  };
}
