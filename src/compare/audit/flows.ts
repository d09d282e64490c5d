// What offload costs and saves, connection by connection: setting a flow up is dear, each later packet is cheap, so that
// short connections lose. Cycles are estimates of the cost model.
import { f64, u32 } from '../../base/columns.ts';
import { type Pricing, packetCycles } from '../../cost/pricing.ts';
import type { PacketColumns } from '../columns.ts';

/** Connections by their number of packets. */
export const FLOW_CLASSES = [
  { name: '1-3', from: 1 },
  { name: '4-10', from: 4 },
  { name: '11-30', from: 11 },
  { name: '31-100', from: 31 },
  { name: '101-1000', from: 101 },
  { name: 'over 1000', from: 1001 },
] as const;

/** One class of connections, or all of them. */
export interface FlowClass {
  /** Packets of a connection. */
  name: string;
  flows: number;
  packets: number;
  /** Estimated cycles without and with offload, and the halves of their intervals. */
  cyclesOff: number;
  cyclesOn: number;
  spreadOff: number;
  spreadOn: number;
  /** Connections that cost more with offload than without, and the cycles that they lose. */
  losers: number;
  lostCycles: number;
}

export interface FlowCosts {
  classes: FlowClass[];
  all: FlowClass;
  /** Offloaded connections of at least so many packets gain, on the whole; undefined: none is offloaded, or none gains. */
  paysFrom: number | undefined;
  /** The longest connections below that. */
  losesUpTo: number | undefined;
}

/** Adds up both replays by connection; packets without a connection are left out. */
export function flowCosts(off: PacketColumns, on: PacketColumns, offPrice: Pricing, onPrice: Pricing): FlowCosts {
  const flows = off.flow.reduce((most, flow) => Math.max(most, flow), 0) + 1;
  const packets = new Float64Array(flows);
  const sums = [0, 1, 2, 3].map(() => new Float64Array(flows)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const [cyclesOff, cyclesOn, spreadOff, spreadOn] = sums;
  for (let at = 0; at < off.packets; at++) {
    const flow = u32(off.flow, at);
    if (flow === 0) continue;
    packets[flow] = f64(packets, flow) + 1;
    const octets = u32(off.wireOctets, at);
    const before = packetCycles(offPrice, u32(off.path, at), octets);
    const after = packetCycles(onPrice, u32(on.path, at), octets);
    cyclesOff[flow] = f64(cyclesOff, flow) + before;
    cyclesOn[flow] = f64(cyclesOn, flow) + after;
    spreadOff[flow] = f64(spreadOff, flow) + before * half(offPrice, u32(off.path, at));
    spreadOn[flow] = f64(spreadOn, flow) + after * half(onPrice, u32(on.path, at));
  }
  const classes: FlowClass[] = FLOW_CLASSES.map(({ name }) => emptyClass(name));
  const all = emptyClass('all');
  const byLength = new Map<number, { off: number; on: number }>();
  for (let flow = 1; flow < flows; flow++) {
    const count = f64(packets, flow);
    const row = classes[classOf(count)];
    if (count === 0 || row === undefined) continue;
    const before = f64(cyclesOff, flow);
    const after = f64(cyclesOn, flow);
    for (const into of [row, all]) {
      into.flows++;
      into.packets += count;
      into.cyclesOff += before;
      into.cyclesOn += after;
      into.spreadOff += f64(spreadOff, flow);
      into.spreadOn += f64(spreadOn, flow);
      // A flowtable miss costs every packet a little: losing means to lose noticeably.
      if (after > before * 1.01) {
        into.losers++;
        into.lostCycles += after - before;
      }
    }
    const length = byLength.get(count) ?? { off: 0, on: 0 };
    byLength.set(count, { off: length.off + before, on: length.on + after });
  }
  return { classes: classes.filter((entry) => entry.flows > 0), all, ...breakEven(byLength) };
}

/** The shortest length from which on connections gain, and the one below it. */
function breakEven(byLength: Map<number, { off: number; on: number }>): Pick<FlowCosts, 'paysFrom' | 'losesUpTo'> {
  let paysFrom: number | undefined;
  for (const [length, row] of [...byLength].sort((a, b) => b[0] - a[0])) {
    if (row.on >= row.off) return { paysFrom, losesUpTo: length };
    paysFrom = length;
  }
  return { paysFrom, losesUpTo: undefined };
}

function half(pricing: Pricing, path: number): number {
  return (f64(pricing.high, path) - f64(pricing.low, path)) / 2;
}

function classOf(packets: number): number {
  let row = 0;
  while (row + 1 < FLOW_CLASSES.length && packets >= (FLOW_CLASSES[row + 1]?.from ?? 0)) row++;
  return row;
}

function emptyClass(name: string): FlowClass {
  return {
    name,
    flows: 0,
    packets: 0,
    cyclesOff: 0,
    cyclesOn: 0,
    spreadOff: 0,
    spreadOn: 0,
    losers: 0,
    lostCycles: 0,
  };
}
