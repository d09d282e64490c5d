// What a replay leaves for the simulation: its packets in the order of time, as columns. Clones start later than the
// capture: what runs over the capture's end is folded back to its beginning, so that all users are there all the time.
import { f64, i32, u32 } from '../base/columns.ts';
import { reasonIndex } from '../event/reasons.ts';
import type { RouterSpec } from '../net/spec.ts';
import type { EventRow } from '../replay/event-rows.ts';

/** Packets that --match left out are no traffic. */
const LEFT_OUT = reasonIndex('left-out');

/** More packets than this are not simulated: the first ones stand for all (27 octets each). */
export const MAX_ROWS = 12_000_000;

export interface TrafficColumns {
  rows: number;
  /** Packets of the replay that are not among the rows. */
  left: number;
  /** Ascending, 0 … periodNs. */
  timeNs: Float64Array;
  path: Uint32Array;
  octets: Uint32Array;
  flow: Uint32Array;
  /** Physical interfaces by their number in `links`; -1: the packet left by none. */
  inLink: Uint8Array;
  outLink: Int8Array;
  /** After so long the traffic begins again. */
  periodNs: number;
  octetsInAll: number;
  /** Physical interfaces. */
  links: string[];
}

/** Columns of all rows; `periodNs` 0: the time of all packets. */
export function trafficColumns(
  events: Iterable<EventRow>,
  packets: number,
  router: RouterSpec,
  interfaceNames: string[],
  periodNs: number,
): TrafficColumns {
  const { links, linkOf } = physicalLinks(router, interfaceNames);
  const size = Math.min(packets, MAX_ROWS);
  const columns = allocate(size, links);
  let row = 0;
  let last = 0;
  for (const event of events) {
    if (event.reason === LEFT_OUT) continue;
    if (row === size) break;
    last = Math.max(last, event.timeNs);
    columns.timeNs[row] = last;
    columns.path[row] = event.path;
    columns.octets[row] = event.wireOctets;
    columns.flow[row] = event.flow;
    columns.inLink[row] = Math.max(0, linkOf[event.ifindex] ?? 0);
    columns.outLink[row] = event.outs.length > 0 ? (linkOf[event.outs[0] as number] ?? -1) : -1;
    columns.octetsInAll += event.wireOctets;
    row++;
  }
  columns.rows = row;
  columns.left = packets - row;
  // One gap more than there are between packets: the next round does not begin with the last packet.
  const whole = last > 0 && row > 1 ? last * (row / (row - 1)) : 1e9;
  columns.periodNs = periodNs > 0 ? periodNs : whole;
  return last >= columns.periodNs ? folded(columns) : columns;
}

function allocate(size: number, links: string[]): TrafficColumns {
  return {
    rows: 0,
    left: 0,
    timeNs: new Float64Array(size),
    path: new Uint32Array(size),
    octets: new Uint32Array(size),
    flow: new Uint32Array(size),
    inLink: new Uint8Array(size),
    outLink: new Int8Array(size),
    periodNs: 0,
    octetsInAll: 0,
    links,
  };
}

/** Rows after the period's end stand among those of its beginning. */
function folded(columns: TrafficColumns): TrafficColumns {
  const { rows, periodNs, timeNs } = columns;
  const into: TrafficColumns = { ...columns, ...allocate(rows, columns.links), rows, left: columns.left, periodNs };
  into.octetsInAll = columns.octetsInAll;
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  const at = (row: number): number => f64(timeNs, row) % periodNs;
  order.sort((a, b) => at(a) - at(b) || a - b);
  for (let row = 0; row < rows; row++) {
    const from = u32(order, row);
    into.timeNs[row] = at(from);
    into.path[row] = u32(columns.path, from);
    into.octets[row] = u32(columns.octets, from);
    into.flow[row] = u32(columns.flow, from);
    into.inLink[row] = columns.inLink[from] as number;
    into.outLink[row] = columns.outLink[from] as number;
  }
  return into;
}

/** Physical interfaces, and by ifindex the number of the one below. */
function physicalLinks(router: RouterSpec, names: string[]): { links: string[]; linkOf: number[] } {
  const links = router.interfaces.filter((row) => row.type === 'physical').map((row) => row.name);
  const below = (name: string): string => {
    let row = router.interfaces.find((one) => one.name === name);
    for (let depth = 0; row !== undefined && row.type !== 'physical' && depth < 16; depth++) {
      const next: string | undefined = row.link ?? row.ports?.[0];
      if (next === undefined) break;
      row = router.interfaces.find((one) => one.name === next);
    }
    return row?.name ?? name;
  };
  if (links.length === 0) links.push('link');
  return { links, linkOf: names.map((name) => links.indexOf(below(name))) };
}

/**
 * The most flows at a time of those that have packets in one of the path classes: from their first such packet to
 * `timeoutNs` after their last.
 */
export function peakFlows(columns: TrafficColumns, isCounted: Uint8Array, timeoutNs: number): number {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  for (let row = 0; row < columns.rows; row++) {
    if (isCounted[u32(columns.path, row)] !== 1) continue;
    const flow = u32(columns.flow, row);
    if (!first.has(flow)) first.set(flow, f64(columns.timeNs, row));
    last.set(flow, f64(columns.timeNs, row));
  }
  const bins = new Int32Array(1026);
  const binNs = (columns.periodNs + timeoutNs) / 1024;
  for (const [flow, from] of first) {
    const start = Math.floor(from / binNs);
    const end = Math.floor(((last.get(flow) ?? from) + timeoutNs) / binNs) + 1;
    bins[start] = i32(bins, start) + 1;
    bins[Math.min(1025, end)] = i32(bins, Math.min(1025, end)) - 1;
  }
  let open = 0;
  let peak = 0;
  for (const change of bins) {
    open += change;
    if (open > peak) peak = open;
  }
  return peak;
}

/** How many flows have packets in paths of one kind. */
export function flowsOf(columns: TrafficColumns, isCounted: (path: number) => boolean): number {
  const flows = new Set<number>();
  for (let row = 0; row < columns.rows; row++) {
    if (isCounted(u32(columns.path, row))) flows.add(u32(columns.flow, row));
  }
  return flows.size;
}
