// Connections whose flow was given up and made anew: idle for longer than the flowtable keeps a flow (30 s), or closed and
// still in use. Until the next packet comes to `flow add` they take the slow path.
import { u32 } from '../../base/columns.ts';
import type { ColumnReplay } from '../columns.ts';
import { Paths } from './paths.ts';

export interface OffloadedAgain {
  flows: number;
  /** Times, all connections together, beyond the first. */
  times: number;
  /** Longest time in nanoseconds between two packets of such a connection before it was offloaded again. */
  longestIdleNs: number;
}

/** Counts them in a replay with offload. */
export function offloadedAgain({ columns, result }: ColumnReplay): OffloadedAgain {
  const paths = new Paths(result.paths);
  const flows = columns.flow.reduce((most, flow) => Math.max(most, flow), 0) + 1;
  const added = new Uint32Array(flows);
  const lastNs = new Float64Array(flows).fill(-1);
  const idleNs = new Float64Array(flows);
  const again: OffloadedAgain = { flows: 0, times: 0, longestIdleNs: 0 };
  for (let at = 0; at < columns.packets; at++) {
    const flow = u32(columns.flow, at);
    if (flow === 0) continue;
    const timeNs = columns.timeNs[at] as number;
    const last = lastNs[flow] as number;
    if (last >= 0) idleNs[flow] = Math.max(idleNs[flow] as number, timeNs - last);
    lastNs[flow] = timeNs;
    if (!paths.facts(u32(columns.path, at)).addsFlow) continue;
    const times = u32(added, flow) + 1;
    added[flow] = times;
    if (times > 1) {
      again.times++;
      if (times === 2) again.flows++;
      again.longestIdleNs = Math.max(again.longestIdleNs, idleNs[flow] as number);
    }
    idleNs[flow] = 0;
  }
  return again;
}
