// Which header fields of frames differ that left without and with offload: both replays are done once more for a sample of
// the packets whose frames have other digests.
import { be16, u8, u32 } from '../../base/columns.ts';
import { VERDICT_FORWARD } from '../../packet/packet.ts';
import type { FrameRow } from '../../replay/frame-rows.ts';
import { replayCaptures } from '../../replay/replay.ts';
import type { ColumnReplay } from '../columns.ts';
import type { AuditInputs } from './inputs.ts';
import { Paths } from './paths.ts';

export interface ChangedFields {
  /** Frames looked at, and those of them that differ in checksums or padding only. */
  frames: number;
  cosmetic: number;
  /** Field to frames, most first. */
  fields: { name: string; frames: number; example: string }[];
}

/** Frames that are compared at most; a property of many packets shows in few. */
const MAX_SAMPLE = 2000;

/** Compares a sample of the frames that differ; empty when none do. */
export async function changedFields(inputs: AuditInputs, off: ColumnReplay, on: ColumnReplay): Promise<ChangedFields> {
  const sample = differing(off, on);
  if (sample.size === 0) return { frames: 0, cosmetic: 0, fields: [] };
  inputs.onStage?.('frames that differ');
  const before = await framesOf(inputs, 'off', sample);
  const after = await framesOf(inputs, inputs.mode, sample);
  const found = new Map<string, { frames: number; example: string }>();
  let frames = 0;
  let cosmetic = 0;
  for (const [packet, frame] of before) {
    const other = after.get(packet);
    if (other === undefined) continue;
    frames++;
    const changed = compareFrames(frame, other);
    if (changed.every(({ name }) => isCosmetic(name))) cosmetic++;
    for (const { name, example } of changed) {
      const row = found.get(name) ?? { frames: 0, example };
      row.frames++;
      found.set(name, row);
    }
  }
  const fields = [...found].map(([name, row]) => ({ name, ...row }));
  return { frames, cosmetic, fields: fields.sort((a, b) => b.frames - a.frames || (a.name < b.name ? -1 : 1)) };
}

/** Packets that conntrack calls invalid without offload differ for a reason of their own. */
function differing(off: ColumnReplay, on: ColumnReplay): Set<number> {
  const sample = new Set<number>();
  const paths = new Paths(off.result.paths);
  for (let at = 0; at < off.columns.packets && sample.size < MAX_SAMPLE; at++) {
    if (u8(off.columns.verdict, at) !== VERDICT_FORWARD || u8(on.columns.verdict, at) !== VERDICT_FORWARD) continue;
    if (u32(off.columns.digest, at) === u32(on.columns.digest, at)) continue;
    if (!paths.facts(u32(off.columns.path, at)).isInvalid) sample.add(at + 1);
  }
  return sample;
}

interface Frame {
  ifindex: number;
  data: Uint8Array;
}

/** The first frame of each packet. */
async function framesOf(
  { replay }: AuditInputs,
  offload: 'off' | 'software' | 'hardware',
  sample: ReadonlySet<number>,
): Promise<Map<number, Frame>> {
  const frames = new Map<number, Frame>();
  await replayCaptures({
    ...replay,
    offload,
    conntrack: false,
    framesOf: sample,
    onFrames: (rows) => {
      for (const row of rows) if (sample.has(row.packet) && !frames.has(row.packet)) frames.set(row.packet, copy(row));
    },
  });
  return frames;
}

function copy(row: FrameRow): Frame {
  return { ifindex: row.ifindex, data: row.octets.slice() };
}

interface ChangedField {
  name: string;
  example: string;
}

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** Fields whose octets differ; checksums only when nothing else does. */
export function compareFrames(before: Frame, after: Frame): ChangedField[] {
  if (before.ifindex !== after.ifindex) return [{ name: 'interface', example: '' }];
  const network = networkOffset(before.data);
  if (network !== networkOffset(after.data)) return [{ name: 'encapsulation', example: '' }];
  const rows = layout(before.data, network);
  const changed = rows.filter((row) => differs(before.data, after.data, row));
  const last = rows[rows.length - 1]?.to ?? 14;
  const end = datagramEnd(before.data, network);
  const otherEnd = datagramEnd(after.data, network);
  if (end !== otherEnd) changed.push({ name: 'length', from: 0, to: 0 });
  else if (differs(before.data, after.data, { name: 'payload', from: last, to: end })) {
    changed.push({ name: 'payload', from: last, to: last });
  } else if (changed.length === 0) changed.push({ name: PADDING, from: 0, to: 0 });
  const meaning = changed.filter((row) => !isCosmetic(row.name));
  return (meaning.length > 0 ? meaning : changed).map((row) => ({
    name: row.name,
    example: example(row, before, after),
  }));
}

const PADDING = 'padding';
const PPPOE_LENGTH = 'PPPoE length';

/** Fields that differ when only padding or a checksum does. */
export function isCosmetic(name: string): boolean {
  return name === PADDING || name === PPPOE_LENGTH || name.endsWith('checksum');
}

/** One past the last octet of the IP datagram, without what pads the frame. */
function datagramEnd(data: Uint8Array, network: number): number {
  const version = (data[network] ?? 0) >>> 4;
  if (version === 4 && network + 4 <= data.length) return Math.min(data.length, network + be16(data, network + 2));
  if (version === 6 && network + 6 <= data.length) return Math.min(data.length, network + 40 + be16(data, network + 4));
  return data.length;
}

interface Field {
  name: string;
  from: number;
  to: number;
  /** Bits of a lone octet. */
  mask?: number;
}

function differs(a: Uint8Array, b: Uint8Array, { from, to, mask = 0xff }: Field): boolean {
  for (let at = from; at < to; at++) if (((a[at] ?? 0) & mask) !== ((b[at] ?? 0) & mask)) return true;
  return false;
}

function example(row: Field, before: Frame, after: Frame): string {
  if (row.to <= row.from || row.to - row.from > 4) return '';
  const value = (data: Uint8Array): number => {
    let number = 0;
    for (let at = row.from; at < row.to; at++) number = number * 256 + ((data[at] ?? 0) & (row.mask ?? 0xff));
    return row.mask === 0xfc ? number >>> 2 : number;
  };
  return `${value(before.data)} without, ${value(after.data)} with`;
}

/** Behind Ethernet, VLAN tags and a PPPoE header. */
function networkOffset(data: Uint8Array): number {
  let at = 12;
  for (let tags = 0; tags < 4 && at + 2 <= data.length; tags++) {
    const type = be16(data, at);
    if (type === 0x8864) return at + 10;
    if (type !== 0x8100 && type !== 0x88a8) break;
    at += 4;
  }
  return at + 2;
}

function layout(data: Uint8Array, network: number): Field[] {
  const ethernet: Field[] = [
    { name: 'destination MAC', from: 0, to: 6 },
    { name: 'source MAC', from: 6, to: 12 },
    ...encapsulation(data, network),
  ];
  const version = (data[network] ?? 0) >>> 4;
  const type = network === 14 ? be16(data, 12) : version === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
  if (type === ETHERTYPE_IPV4 && network + 20 <= data.length) return [...ethernet, ...ipv4(data, network)];
  if (type === ETHERTYPE_IPV6 && network + 40 <= data.length) return [...ethernet, ...ipv6(data, network)];
  return ethernet;
}

/** VLAN tags and a PPPoE header, whose length counts padding too. */
function encapsulation(data: Uint8Array, network: number): Field[] {
  if (network <= 14) return [];
  const isPppoe = network >= 22 && be16(data, network - 10) === 0x8864;
  if (!isPppoe) return [{ name: 'encapsulation', from: 12, to: network }];
  return [
    { name: 'encapsulation', from: 12, to: network - 4 },
    { name: PPPOE_LENGTH, from: network - 4, to: network - 2 },
    { name: 'encapsulation', from: network - 2, to: network },
  ];
}

function ipv4(data: Uint8Array, at: number): Field[] {
  const transport = at + ((data[at] ?? 0) & 15) * 4;
  return [
    { name: 'DSCP', from: at + 1, to: at + 2, mask: 0xfc },
    { name: 'ECN', from: at + 1, to: at + 2, mask: 0x03 },
    { name: 'IP length', from: at + 2, to: at + 4 },
    { name: 'IP identification', from: at + 4, to: at + 6 },
    { name: 'IP flags', from: at + 6, to: at + 8 },
    { name: 'TTL', from: at + 8, to: at + 9 },
    { name: 'IP checksum', from: at + 10, to: at + 12 },
    { name: 'source address', from: at + 12, to: at + 16 },
    { name: 'destination address', from: at + 16, to: at + 20 },
    ...(transport > at + 20 ? [{ name: 'IP options', from: at + 20, to: transport }] : []),
    ...(((be16(data, at + 6) & 0x1fff) === 0 && layer4(data, transport, data[at + 9] ?? 0)) || []),
  ];
}

function ipv6(data: Uint8Array, at: number): Field[] {
  return [
    { name: 'DSCP', from: at, to: at + 2 },
    { name: 'flow label', from: at + 2, to: at + 4 },
    { name: 'IP length', from: at + 4, to: at + 6 },
    { name: 'hop limit', from: at + 7, to: at + 8 },
    { name: 'source address', from: at + 8, to: at + 24 },
    { name: 'destination address', from: at + 24, to: at + 40 },
    ...layer4(data, at + 40, data[at + 6] ?? 0),
  ];
}

function layer4(data: Uint8Array, at: number, protocol: number): Field[] {
  if ((protocol !== 6 && protocol !== 17) || at + 8 > data.length) return [];
  const ports = [
    { name: 'source port', from: at, to: at + 2 },
    { name: 'destination port', from: at + 2, to: at + 4 },
  ];
  if (protocol === 17) return [...ports, { name: 'UDP checksum', from: at + 6, to: at + 8 }];
  const end = Math.min(data.length, at + ((data[at + 12] ?? 0) >>> 4) * 4);
  return [
    ...ports,
    { name: 'TCP sequence', from: at + 4, to: at + 12 },
    { name: 'TCP flags', from: at + 12, to: at + 14 },
    { name: 'TCP window', from: at + 14, to: at + 16 },
    { name: 'TCP checksum', from: at + 16, to: at + 18 },
    ...(end > at + 20 ? [{ name: 'TCP options', from: at + 20, to: end }] : []),
  ];
}
