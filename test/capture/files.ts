// Captures for the tests: octets built block by block, independently of the writers of src/capture, and a reader of
// everything in them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { CaptureError } from '../../src/base/errors.ts';
import { type OpenOptions, openCapture } from '../../src/capture/open.ts';
import type { CaptureReader } from '../../src/capture/record.ts';

/** A record as a plain object. */
export interface ReadRecord {
  seconds: number;
  nanos: number;
  data: Uint8Array;
  wireLength: number;
  interfaceIndex: number;
  linkType: number;
  offset: number;
}

/** All that a capture gives. */
export interface ReadCapture {
  records: ReadRecord[];
  damage: CaptureError | undefined;
  reader: CaptureReader;
}

const folder = mkdtempSync(join(tmpdir(), 'nftreplay-capture-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** A path in a folder that is removed after the tests. */
export function temporaryPath(name: string): string {
  return join(folder, name);
}

/** Writes octets to a temporary file; its path. */
export function temporaryFile(octets: Uint8Array, name = `capture-${files++}`): string {
  const path = temporaryPath(name);
  writeFileSync(path, octets);
  return path;
}

/** Reads a capture to its end, copying every record; overwrites the headroom of each as the router may. */
export async function readAll(path: string, options: OpenOptions = {}): Promise<ReadCapture> {
  const reader = await openCapture(path, options);
  const records: ReadRecord[] = [];
  for (;;) {
    while (reader.next()) {
      const data = reader.data.slice(reader.start, reader.end);
      const { wireLength, interfaceIndex, linkType, fileOffset: offset } = reader;
      const { timestampSeconds: seconds, timestampNanos: nanos } = reader;
      records.push({ seconds, nanos, data, wireLength, interfaceIndex, linkType, offset });
      reader.data.fill(0xee, reader.start - 80, reader.end);
    }
    if (!(await reader.fill())) break;
  }
  await reader.close();
  return { records, damage: reader.damage, reader };
}

/** Appends numbers and octets in one byte order. */
export class Octets {
  readonly little: boolean;
  readonly #octets: number[] = [];
  constructor(little: boolean) {
    this.little = little;
  }
  get length(): number {
    return this.#octets.length;
  }
  u16(value: number): this {
    return this.raw(this.little ? [value, value >>> 8] : [value >>> 8, value]);
  }
  u32(value: number): this {
    const low = value & 0xffff;
    const high = value >>> 16;
    return this.little ? this.u16(low).u16(high) : this.u16(high).u16(low);
  }
  u64(value: bigint): this {
    const low = Number(value & 0xffffffffn);
    const high = Number((value >> 32n) & 0xffffffffn);
    return this.little ? this.u32(low).u32(high) : this.u32(high).u32(low);
  }
  raw(octets: Iterable<number>): this {
    for (const octet of octets) this.#octets.push(octet & 0xff);
    return this;
  }
  pad(multiple: number): this {
    while (this.length % multiple !== 0) this.#octets.push(0);
    return this;
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }
}

export interface PcapPacket {
  seconds: number;
  /** Microseconds or nanoseconds. */
  fraction: number;
  data: Uint8Array;
  wireLength?: number;
}

/** A classic pcap file. */
export function pcapFile(
  packets: readonly PcapPacket[],
  options: {
    magic?: number;
    little?: boolean;
    linkType?: number;
    major?: number;
    minor?: number;
    snaplen?: number;
  } = {},
): Uint8Array {
  const magic = options.magic ?? 0xa1b2c3d4;
  const out = new Octets(options.little ?? true);
  out
    .u32(magic)
    .u16(options.major ?? 2)
    .u16(options.minor ?? 4);
  out
    .u32(0)
    .u32(0)
    .u32(options.snaplen ?? 65535)
    .u32(options.linkType ?? 1);
  for (const packet of packets) {
    out.u32(packet.seconds).u32(packet.fraction);
    out.u32(packet.data.length).u32(packet.wireLength ?? packet.data.length);
    if (magic === 0xa1b2cd34) out.u32(7).u16(0x0800).raw([4, 0]);
    out.raw(packet.data);
  }
  return out.bytes();
}

export type PcapngBlock =
  | { kind: 'section'; little?: boolean; major?: number }
  | { kind: 'interface'; linkType?: number; snaplen?: number; name?: string; resolution?: number; offset?: bigint }
  | {
      kind: 'enhanced' | 'obsolete';
      from?: number;
      time?: bigint;
      data: Uint8Array;
      wireLength?: number;
      options?: boolean;
    }
  | { kind: 'simple'; data: Uint8Array; wireLength?: number }
  | { kind: 'other'; type: number; length: number };

/** A pcapng file, and where each block ends. */
export function pcapngFile(blocks: readonly PcapngBlock[]): { octets: Uint8Array; ends: number[] } {
  let little = true;
  const ends: number[] = [];
  const all: number[] = [];
  for (const block of blocks) {
    if (block.kind === 'section') little = block.little ?? true;
    const { type, body } = blockBody(block, little);
    const total = 12 + body.length;
    const out = new Octets(little).u32(type).u32(total).raw(body.bytes()).u32(total);
    for (const octet of out.bytes()) all.push(octet);
    ends.push(all.length);
  }
  return { octets: Uint8Array.from(all), ends };
}

function blockBody(block: PcapngBlock, little: boolean): { type: number; body: Octets } {
  const body = new Octets(little);
  switch (block.kind) {
    case 'section':
      body
        .u32(0x1a2b3c4d)
        .u16(block.major ?? 1)
        .u16(0)
        .u32(0xffffffff)
        .u32(0xffffffff);
      return { type: 0x0a0d0d0a, body };
    case 'interface':
      body
        .u16(block.linkType ?? 1)
        .u16(0)
        .u32(block.snaplen ?? 0);
      interfaceOptions(body, block);
      return { type: 1, body };
    case 'simple':
      body
        .u32(block.wireLength ?? block.data.length)
        .raw(block.data)
        .pad(4);
      return { type: 3, body };
    case 'other':
      body.raw(new Uint8Array(block.length).fill(0x5a)).pad(4);
      return { type: block.type, body };
    default: {
      const time = block.time ?? 0n;
      if (block.kind === 'enhanced') body.u32(block.from ?? 0);
      else body.u16(block.from ?? 0).u16(0xffff);
      body.u32(Number((time >> 32n) & 0xffffffffn)).u32(Number(time & 0xffffffffn));
      body
        .u32(block.data.length)
        .u32(block.wireLength ?? block.data.length)
        .raw(block.data)
        .pad(4);
      if (block.options === true) body.u16(2).u16(4).u32(1).u32(0);
      return { type: block.kind === 'enhanced' ? 6 : 2, body };
    }
  }
}

function interfaceOptions(body: Octets, block: PcapngBlock & { kind: 'interface' }): void {
  if (block.name !== undefined) {
    const name = new TextEncoder().encode(block.name);
    body.u16(2).u16(name.length).raw(name).pad(4);
  }
  if (block.resolution !== undefined) body.u16(9).u16(1).raw([block.resolution]).pad(4);
  if (block.offset !== undefined) body.u16(14).u16(8).u64(block.offset);
  if (block.name !== undefined) body.u32(0);
}

/** Octets that differ from place to place. */
export function payload(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + (i >>> 8)) & 0xff);
}
