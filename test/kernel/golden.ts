// The kernel's answers as they are kept: frames by what they share with the frame that came in (payloads are random: they do
// not compress, but a scene makes them again), traces of rules by number, since packets of a scene go the same ways.
import { changedRows } from '../../scripts/kernel/foreign.ts';
import type { KernelFrame, KernelPacket, KernelResult } from '../../scripts/kernel/result.ts';
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { addressed } from '../../scripts/kernel/scene.ts';

/** Hex digits from which sharing pays. */
const WORTH = 24;

/** An answer as it is kept: `steps` of packets are numbers in `walks`, those of a walk numbers in `steps`. */
export type PackedResult = Omit<KernelResult, 'packets'> & {
  packets: (Omit<KernelPacket, 'steps'> & { walk?: number })[];
  steps?: string[];
  walks?: string[];
};

/** An answer made small. */
export function packed(scene: KernelScene, answer: KernelResult): PackedResult {
  const steps = new Numbers();
  const walks = new Numbers();
  const { packets, ...rest } = packedFrames(scene, answer);
  const rows = packets.map(({ steps: walk, ...packet }) =>
    walk === undefined ? packet : { ...packet, walk: walks.of(walk.map((step) => steps.of(step)).join(' ')) },
  );
  const ruleset = scene.isForeign ? changedRows(rest.ruleset) : rest.ruleset;
  return { ...rest, ruleset, packets: rows, steps: steps.texts, walks: walks.texts };
}

/** Texts by number, each once. */
class Numbers {
  readonly texts: string[] = [];
  readonly #known = new Map<string, number>();

  of(text: string): number {
    const known = this.#known.get(text) ?? this.texts.push(text) - 1;
    this.#known.set(text, known);
    return known;
  }
}

function packedFrames(scene: KernelScene, answer: KernelResult): KernelResult {
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
export function unpacked(scene: KernelScene, { steps = [], walks = [], ...answer }: PackedResult): KernelResult {
  const packets = answer.packets.map(({ walk, ...packet }): KernelPacket => {
    const row: KernelPacket = { ...packet };
    // Answers of before walks were kept have empty ones.
    delete row.steps;
    const numbers = walk === undefined ? undefined : walks[walk]?.split(' ').filter(Boolean);
    return numbers === undefined ? row : { ...row, steps: numbers.map((number) => steps[Number(number)] ?? '') };
  });
  return through(scene, { ...answer, packets }, (text, inputs, index) => {
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
    return { ...packet, outputs: frames(packet.outputs, index), before };
  });
  return { ...answer, packets };
}
