// What of a replay's state was in use at once, for prices: caches hold part of it (src/cost/memory.ts).
import type { WorkingSet } from '../cost/memory.ts';
import { refusalIndex } from '../event/refusals.ts';
import { peakConnections } from './connection-samples.ts';
import type { ReplayResult } from './result.ts';

const OFFLOADED = refusalIndex('offloaded');

/**
 * The most connections that stood at a time, and flows in proportion to how many connections were offloaded. All of them are
 * taken to be in use: where most are idle, caches do better than priced.
 */
export function workingSet({ connections, flows }: ReplayResult): WorkingSet {
  const peak = Math.max(1, peakConnections(connections));
  const offloaded = flows.byRefusal.find((row) => row.refusal === OFFLOADED)?.flows ?? 0;
  return { connections: peak, flows: Math.max(1, flows.flows > 0 ? (peak * offloaded) / flows.flows : 0) };
}
