// What `npm run kernel` prints: packet by packet the kernel's trace and what left, counts, the ruleset's state, the
// connections, and where the emulated router differs. Text of 100 columns, or JSON.
import { frameSummary } from '../../src/replay/trace-frame.ts';
import { visible } from '../../src/report/format.ts';
import { stateOf } from './compare.ts';
import type { KernelFrame, KernelPacket, KernelResult } from './result.ts';
import type { KernelScene } from './scene.ts';

/** One answer and what became of it. */
export interface Told {
  scene: KernelScene;
  answer: KernelResult;
  differences: string[];
  /** Wall time of the guest and of the comparison. */
  seconds: number;
  /** The captures have more packets. */
  isCut: boolean;
}

const COLUMNS = 100;
/** Octets of a differing frame that a line shows. */
const HEX_SHOWN = 60;
/** More differences are counted. */
const DIFFERENCES_SHOWN = 50;

/** Lines of at most 100 columns where words allow it. */
export function textAnswer(told: Told, hasPackets: boolean): string {
  const { scene, answer, differences } = told;
  const lines = hasPackets ? [...answer.packets.flatMap((packet, i) => packetLines(scene, packet, i))] : [];
  if (hasPackets) lines.push(...frameLines('later', answer.after), '');
  lines.push(...summaryLines(told), '');
  const state = stateOf(answer.ruleset.filter(changes)).map((row) => `  ${words(row.text)}${seconds(row.seconds)}`);
  lines.push('State of rules, objects and sets', ...(state.length === 0 ? ['  none'] : state), '');
  const connections = answer.conntrack.map((row) => `  ${row.replaceAll(/\s+/g, ' ').trim()}`);
  lines.push('Connections', ...(connections.length === 0 ? ['  none'] : connections), '');
  if (differences.length === 0) lines.push('The emulated router does the same.');
  else lines.push(`The emulated router differs in ${differences.length} places:`);
  lines.push(...differences.slice(0, DIFFERENCES_SHOWN).flatMap((text) => text.split('\n').map(shortHex)));
  if (differences.length > DIFFERENCES_SHOWN) lines.push(`and ${differences.length - DIFFERENCES_SHOWN} more`);
  return `${lines.flatMap((line) => wrapped(visible(line))).join('\n')}\n`;
}

/** All of it, frames as hexadecimal octets, times in nanoseconds since the first packet. */
export function jsonAnswer({ scene, answer, differences, isCut }: Told): string {
  const packets = answer.packets.map((packet, index) => {
    const { timeNs, wasTraced, steps = [], before, outputs, error } = packet;
    return {
      packet: index + 1,
      timeNs,
      interface: scene.frames[index]?.device,
      octets: scene.frames[index]?.octets.length,
      path: pathOf(packet),
      prerouting: wasTraced,
      trace: steps,
      earlier: before,
      left: outputs,
      ...(error === undefined ? {} : { error }),
    };
  });
  const { kernel, after: later, ruleset, conntrack } = answer;
  return `${JSON.stringify({ kernel, isCut, packets, later, ruleset, conntrack, differences }, undefined, 1)}\n`;
}

function packetLines(scene: KernelScene, packet: KernelPacket, index: number): string[] {
  const frame = scene.frames[index];
  const octets = frame?.octets ?? new Uint8Array(0);
  const time = (packet.timeNs / 1e9).toFixed(6);
  const path = pathOf(packet) === 'fast' ? ', fast path' : '';
  return [
    ...frameLines('before', packet.before),
    `#${index + 1} ${time} s ${frame?.device}: ${frameSummary(octets, 0, octets.length)}, ${octets.length} octets${path}`,
    ...(packet.steps ?? []).map((step) => `  ${step}`),
    ...(packet.error === undefined ? [] : [`  not sent: ${packet.error}`]),
    ...(packet.outputs.length === 0 ? ['  nothing left'] : frameLines('left', packet.outputs)),
  ];
}

function frameLines(when: string, frames: KernelFrame[]): string[] {
  return frames.map(({ device, hex }) => {
    const octets = Buffer.from(hex, 'hex');
    return `  ${when} ${device}: ${frameSummary(octets, 0, octets.length)}, ${octets.length} octets`;
  });
}

/** The flowtable forwards without prerouting; what did not leave may have ended before it too. */
function pathOf(packet: KernelPacket): 'slow' | 'fast' | 'none' {
  if (packet.wasTraced) return 'slow';
  return packet.outputs.length > 0 ? 'fast' : 'none';
}

function summaryLines({ scene, answer, seconds: wall, isCut }: Told): string[] {
  const { packets } = answer;
  const frames = [...packets.flatMap((packet) => [...packet.before, ...packet.outputs]), ...answer.after];
  const devices = [...new Set(frames.map((frame) => frame.device))].sort();
  const left = devices.map((device) => `${frames.filter((frame) => frame.device === device).length} left ${device}`);
  const count = (path: string): number => packets.filter((packet) => pathOf(packet) === path).length;
  const span = ((packets.at(-1)?.timeNs ?? 0) / 1e9).toFixed(1);
  return [
    `Linux ${answer.kernel}: ${packets.length} packets${isCut ? ' (the captures have more)' : ''} of ${span} s in ${wall.toFixed(1)} s`,
    `  ${count('slow')} slow path, ${count('fast')} fast path, ${count('none')} neither`,
    `  ${left.length === 0 ? 'no frame left' : left.join(', ')}`,
    ...(scene.frames.length === packets.length ? [] : [`  ${scene.frames.length - packets.length} were not sent`]),
  ];
}

function seconds(values: number[]): string {
  return values.length === 0 ? '' : `, runs: ${values.map((value) => `${value} s`).join(', ')}`;
}

/** False for sets whose elements stay as the ruleset has them. */
function changes(row: Record<string, unknown>): boolean {
  const set = (row.set ?? row.map) as { flags?: unknown; elem?: unknown } | undefined;
  if (set === undefined) return true;
  const flags = JSON.stringify(set.flags ?? '');
  return /dynamic|timeout/.test(flags) || JSON.stringify(set.elem ?? '').includes('"elem":');
}

/** JSON's words without its marks. */
function words(text: string): string {
  const parts = text.split(/("(?:[^"\\]|\\.)*")/);
  const plain = parts.map((part, i) => (i % 2 === 1 ? part.slice(1, -1) : part.replaceAll(/[{}[\]:,]/g, ' ')));
  return plain.join('').replaceAll(/ +/g, ' ').trim();
}

/** Long runs of hexadecimal digits cut: --json has them. */
function shortHex(line: string): string {
  return line.replaceAll(/\b[0-9a-f]{61,}\b/g, (hex) => `${hex.slice(0, HEX_SHOWN)}… (${hex.length / 2} octets)`);
}

/** Broken at blanks, what follows indented under its line. */
function wrapped(line: string): string[] {
  if (line.length <= COLUMNS) return [line];
  const indent = ' '.repeat((/^ */.exec(line)?.[0].length ?? 0) + 4);
  const rows: string[] = [];
  let row = '';
  for (const word of line.split(/(?<=\S) /)) {
    if (row !== '' && row.length + 1 + word.length > COLUMNS) {
      rows.push(row);
      row = indent + word;
    } else row = row === '' ? word : `${row} ${word}`;
  }
  return [...rows, row];
}
