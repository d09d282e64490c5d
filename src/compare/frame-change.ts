// What differs between the frames that two replays sent for the same packets, in words: 'leaves from 203.0.113.7:1024,
// not 203.0.113.1:40000', 'DSCP 0 -> 46'. Both are replayed once more for the few packets that are asked for.
import { type ReplayOptions, replayCaptures } from '../replay/replay.ts';
import { compareFrames } from './audit/frames.ts';
import { FrameTuple } from './frame-tuple.ts';

interface Frame {
  ifindex: number;
  data: Uint8Array;
}

/** The first frame of each packet that one left for. */
export async function firstFrames(options: ReplayOptions, packets: ReadonlySet<number>): Promise<Map<number, Frame>> {
  const frames = new Map<number, Frame>();
  await replayCaptures({
    ...options,
    conntrack: false,
    framesOf: packets,
    onFrames: (rows) => {
      for (const row of rows) {
        if (packets.has(row.packet) && !frames.has(row.packet)) {
          frames.set(row.packet, { ifindex: row.ifindex, data: row.octets.slice() });
        }
      }
    },
  });
  return frames;
}

/** What became of a frame; `names`: interfaces by index. Undefined: nothing that can be said. */
export function frameChange(
  before: Frame | undefined,
  after: Frame | undefined,
  names: readonly string[],
): string | undefined {
  if (before === undefined || after === undefined) {
    const frame = before ?? after;
    if (frame === undefined) return undefined;
    const text = `${tuple(frame.data).text()} by ${names[frame.ifindex] ?? 'an interface'}`;
    return before === undefined ? `leaves now: ${text}` : `left: ${text}`;
  }
  const parts: string[] = [];
  if (before.ifindex !== after.ifindex) {
    parts.push(`leaves by ${names[before.ifindex] ?? '?'} -> ${names[after.ifindex] ?? '?'}`);
  }
  const [old, now] = [tuple(before.data), tuple(after.data)];
  if (old.source() !== now.source()) parts.push(`from ${old.source()} -> ${now.source()}`);
  if (old.destination() !== now.destination()) parts.push(`to ${old.destination()} -> ${now.destination()}`);
  for (const { name, example } of compareFrames({ ...before, ifindex: after.ifindex }, after)) {
    if (IN_TUPLE.has(name)) continue;
    const values = /^(\d+) without, (\d+) with$/.exec(example);
    parts.push(values === null ? name : `${name} ${values[1]} -> ${values[2]}`);
  }
  return parts.length === 0 ? undefined : parts.join(', ');
}

const IN_TUPLE = new Set(['source address', 'destination address', 'source port', 'destination port']);

function tuple(data: Uint8Array): FrameTuple {
  const frame = new FrameTuple();
  frame.read(data, 0, data.length);
  return frame;
}
