// What the user wants to be carried: 'x3' (three times the users), '940Mbit', '1.2Mpps'.
import { ConfigError } from '../base/errors.ts';

export type Target =
  | { kind: 'users'; factor: number }
  | { kind: 'bits'; perSecond: number }
  | { kind: 'packets'; perSecond: number };

const PREFIXES: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };
const MOST_USERS = 1e6;

/** Throws ConfigError that says how targets look. */
export function parseTarget(text: string): Target {
  const users = /^x(\d+(?:\.\d+)?)$/i.exec(text);
  if (users !== null) {
    const factor = Number(users[1]);
    if (factor > 0 && factor <= MOST_USERS) return { kind: 'users', factor };
  }
  const rate = /^(\d+(?:\.\d+)?)\s*([kmg]?)(bit(?:\/s|ps)?|bps|pps)$/i.exec(text);
  if (rate !== null) {
    const perSecond = Number(rate[1]) * (PREFIXES[(rate[2] ?? '').toLowerCase()] ?? 1);
    if (perSecond > 0) return { kind: /pps$/i.test(rate[3] ?? '') ? 'packets' : 'bits', perSecond };
  }
  throw new ConfigError('--target', text, 'is a number of users (x3), of bits (940Mbit) or of packets (1.2Mpps)');
}

/** Load factor of a target against traffic of so many packets and bits per second. */
export function targetFactor(target: Target, traffic: { packetsPerSecond: number; bitsPerSecond: number }): number {
  if (target.kind === 'users') return target.factor;
  const has = target.kind === 'bits' ? traffic.bitsPerSecond : traffic.packetsPerSecond;
  return has > 0 ? target.perSecond / has : 1;
}

/** How a load is made: clones that are replayed, the speed at which they are, and what is left for the simulation. */
export interface Scaling {
  /** The load against the capture's own. */
  factor: number;
  clones: number;
  speed: number;
  /** The simulation takes the replayed traffic so many times. */
  copies: number;
}

/** More clones than this are copies. */
const MOST_CLONES = 256;
/** So many are always replayed. */
const SURE_CLONES = 10;
/** More packets than this are not made by cloning beyond SURE_CLONES. */
const CLONED_PACKETS = 400_000;

/** How to reach `factor` times the users, all of them `speed` times as fast. */
export function scaling(factor: number, speed: number, packets: number): Scaling {
  const users = Math.max(1, Math.round(factor));
  const most = Math.min(MOST_CLONES, Math.max(SURE_CLONES, Math.floor(CLONED_PACKETS / Math.max(1, packets))));
  const clones = Math.min(users, most);
  // Not even one user: the one is slower. A part of a user: all are a little faster or slower.
  const whole = users <= most ? factor / users : 1;
  return { factor: factor * speed, clones, speed: speed * whole, copies: factor / (clones * whole) };
}
