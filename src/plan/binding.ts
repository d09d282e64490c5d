// Which packets of the engine's connections it really forwards: drivers write an entry only once a direction of the connection
// has come at a rate (`bindRate`; mtk_ppe.c: __mtk_ppe_check_skb on HIT_UNBIND_RATE_REACHED), and the engine forgets what is idle
// (BIND_AGE). Until then, and in between, the flowtable forwards in software.
import { f64, u32 } from '../base/columns.ts';
import type { TrafficColumns } from './columns.ts';

/** Packets are counted for so long. */
const WINDOW_NS = 1e9;
/** BIND_AGE of mtk_ppe.c: 7 ticks of a second for TCP, 12 for UDP; the columns do not tell which. */
const AGE_NS = 9e9;

export interface Binding {
  /** [row] 1: a packet of an offloaded connection that is not bound. */
  unbound: Uint8Array;
  /** Part of the hardware path's packets that this is. */
  share: number;
  /** Connections of which a direction was ever bound. */
  flows: number;
}

/** The packets of `isHardware` paths that come before their direction is bound at `bindRate` packets/s. */
export function binding(columns: TrafficColumns, isHardware: (path: number) => boolean, bindRate: number): Binding {
  const unbound = new Uint8Array(columns.rows);
  const ways = new Map<number, Way>();
  const bound = new Set<number>();
  let packets = 0;
  let missed = 0;
  for (let row = 0; row < columns.rows; row++) {
    if (!isHardware(u32(columns.path, row))) continue;
    const timeNs = f64(columns.timeNs, row);
    const flow = u32(columns.flow, row);
    const key = flow * 256 + (columns.inLink[row] as number);
    let way = ways.get(key);
    if (way === undefined) {
      way = { sinceNs: timeNs, lastNs: timeNs, count: 0, isBound: false };
      ways.set(key, way);
    }
    if (way.isBound && timeNs - way.lastNs > AGE_NS) way.isBound = false;
    packets++;
    if (!way.isBound) {
      if (timeNs - way.sinceNs >= WINDOW_NS) {
        way.sinceNs = timeNs;
        way.count = 0;
      }
      // The packet that reaches the rate still comes to the CPU.
      way.isBound = ++way.count >= bindRate;
      if (way.isBound) bound.add(flow);
      unbound[row] = 1;
      missed++;
    }
    way.lastNs = timeNs;
  }
  return { unbound, share: packets > 0 ? missed / packets : 0, flows: bound.size };
}

interface Way {
  sinceNs: number;
  lastNs: number;
  count: number;
  isBound: boolean;
}
