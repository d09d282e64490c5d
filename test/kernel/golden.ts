// The kernel's answers as they are kept: without the rule traces, and frames by what they share with the frame that came in
// (payloads are random: they do not compress, but a scene makes them again).
import type { KernelFrame, KernelPacket, KernelResult } from '../../scripts/kernel/result.ts';
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { addressed } from '../../scripts/kernel/scene.ts';

/** Hex digits from which sharing pays. */
const WORTH = 24;

/** An answer made small. */
export function packed(scene: KernelScene, answer: KernelResult): KernelResult {
  return through(scene, answer, (hex, inputs, index) => {
    for (let back = 0; back <= Math.min(index, MAX_BACK); back++) {
      const input = inputs[index - back] ?? '';
      const length = sharedTail(hex, input);
      if (length >= WORTH) return `${hex.slice(0, hex.length - length)}~${back}~${length}`;
    }
    return hex;
  });
}

/** What packed() made small, whole again. */
export function unpacked(scene: KernelScene, answer: KernelResult): KernelResult {
  return through(scene, answer, (text, inputs, index) => {
    const [head = '', back, length] = text.split('~');
    if (back === undefined || length === undefined) return text;
    return head + (inputs[index - Number(back)] ?? '').slice(-Number(length));
  });
}

/** Fragments leave with the last of them. */
const MAX_BACK = 8;

function sharedTail(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

function through(
  scene: KernelScene,
  answer: KernelResult,
  change: (hex: string, inputs: string[], index: number) => string,
): KernelResult {
  const inputs = addressed(scene).frames.map((frame) => Buffer.from(frame.octets).toString('hex'));
  const frames = (rows: KernelFrame[], index: number): KernelFrame[] =>
    rows.map((row) => ({ device: row.device, hex: change(row.hex, inputs, index) }));
  const packets = answer.packets.map((packet, index): KernelPacket => {
    const before = frames(packet.before, index);
    return { ...packet, outputs: frames(packet.outputs, index), before, steps: [] };
  });
  return { ...answer, packets };
}
