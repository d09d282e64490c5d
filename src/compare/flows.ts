// The flows of a capture, whatever a ruleset makes of them: packets with the same endpoints belong together, and packets
// that either replay gave the same connection (both sides of a translation).
import { u32 } from '../base/columns.ts';
import { CaptureMerge } from '../capture/merge.ts';
import type { CaptureSource } from '../replay/task.ts';
import { FrameTuple } from './frame-tuple.ts';

/** Reads all captures as a replay does; `visit` gets each frame by its row (packet - 1). */
export async function eachFrame(
  captures: readonly CaptureSource[],
  visit: (row: number, frame: FrameTuple) => void,
): Promise<void> {
  const merge = new CaptureMerge(captures);
  const frame = new FrameTuple();
  await merge.open();
  try {
    let row = 0;
    for (;;) {
      while (merge.next()) {
        frame.read(merge.data, merge.start, merge.end, merge.wireLength);
        visit(row++, frame);
      }
      if (!(await merge.fill())) break;
    }
  } finally {
    await merge.close();
  }
}

/**
 * [row] flow number from 1, in the order of their first packets; 0 for rows that `isLeftOut`. `connections`: flow columns of
 * replays of the captures.
 */
export async function flowsOf(
  captures: readonly CaptureSource[],
  packets: number,
  connections: readonly Uint32Array[],
  isLeftOut: (row: number) => boolean = () => false,
): Promise<Uint32Array> {
  const tuples = new Uint32Array(packets);
  const numbers = new Map<number, number>();
  await eachFrame(captures, (row, frame) => {
    const key = frame.flowKey();
    let number = numbers.get(key);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(key, number);
    }
    if (row < packets) tuples[row] = number;
  });
  const bounds = connections.map((column) => column.reduce((max, flow) => Math.max(max, flow), 0) + 1);
  const total = bounds.reduce((sum, bound) => sum + bound, numbers.size);
  const parents = Uint32Array.from({ length: total }, (_, index) => index);
  for (let row = 0; row < packets; row++) {
    let first = numbers.size;
    connections.forEach((column, index) => {
      if (u32(column, row) > 0) join(parents, u32(tuples, row), first + u32(column, row));
      first += bounds[index] ?? 0;
    });
  }
  const flows = new Uint32Array(packets);
  const order = new Map<number, number>();
  for (let row = 0; row < packets; row++) {
    if (isLeftOut(row)) continue;
    const root = find(parents, u32(tuples, row));
    let flow = order.get(root);
    if (flow === undefined) {
      flow = order.size + 1;
      order.set(root, flow);
    }
    flows[row] = flow;
  }
  return flows;
}

function find(parents: Uint32Array, node: number): number {
  let at = node;
  while (u32(parents, at) !== at) {
    parents[at] = u32(parents, u32(parents, at));
    at = u32(parents, at);
  }
  return at;
}

function join(parents: Uint32Array, a: number, b: number): void {
  const rootA = find(parents, a);
  const rootB = find(parents, b);
  if (rootA < rootB) parents[rootB] = rootA;
  else parents[rootA] = rootB;
}
