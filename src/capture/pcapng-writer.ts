// Writes pcapng (draft-ietf-opsawg-pcapng): one section, named interfaces with nanoseconds, enhanced packet blocks.
// No dates, host or program names: same packets, same octets.
import { MAX_CAPTURED_LENGTH } from './record.ts';
import { type ByteSink, openSink } from './sink.ts';
import { WriteBuffer } from './write-buffer.ts';

const TWO_32 = 2 ** 32;

export interface PcapngWriterInterface {
  name: string;
  /** Default 1, Ethernet. */
  linkType?: number;
}

/** Writes packets of several interfaces, one after the other; close() finishes the file. */
export class PcapngWriter {
  readonly #buffer: WriteBuffer;

  /** `target` is a path, `-`, or a sink. Throws a CaptureError when it cannot be written. */
  constructor(target: string | ByteSink, interfaces: readonly PcapngWriterInterface[]) {
    this.#buffer = new WriteBuffer(typeof target === 'string' ? openSink(target) : target, true);
    this.#writeSection();
    for (const one of interfaces) this.#writeInterface(one);
  }

  /**
   * Writes octets start … end of `data` as one packet of an interface (index in the constructor's list). Times before
   * 1970 become 1970: the format cannot hold them.
   */
  write(
    interfaceIndex: number,
    timestampSeconds: number,
    timestampNanos: number,
    data: Uint8Array,
    start = 0,
    end: number = data.length,
    wireLength: number = end - start,
  ): void {
    const captured = end - start;
    const total = 32 + captured + (-captured & 3);
    // seconds * 10^9 + nanos in two halves: 16 bits of the seconds at a time keep every product below 2^53.
    const seconds = Math.max(timestampSeconds, 0);
    const upper = Math.floor(seconds / 65536) * 1e9;
    const lower = (seconds % 65536) * 1e9 + (upper % 65536) * 65536 + timestampNanos;
    const high = Math.floor(upper / 65536) + Math.floor(lower / TWO_32);
    const buffer = this.#buffer;
    buffer.reserve(28);
    buffer.u32(6);
    buffer.u32(total);
    buffer.u32(interfaceIndex);
    buffer.u32(high);
    buffer.u32(lower % TWO_32);
    buffer.u32(captured);
    buffer.u32(wireLength);
    buffer.octets(data, start, end, 4);
    buffer.u32(total);
  }

  close(): void {
    this.#buffer.close();
  }

  #writeSection(): void {
    const buffer = this.#buffer;
    buffer.u32(0x0a0d0d0a);
    buffer.u32(28);
    buffer.u32(0x1a2b3c4d);
    buffer.u16(1);
    buffer.u16(0);
    // Section length: not known while streaming.
    buffer.u32(0xffffffff);
    buffer.u32(0xffffffff);
    buffer.u32(28);
  }

  #writeInterface(one: PcapngWriterInterface): void {
    const name = new TextEncoder().encode(one.name);
    const total = 20 + (4 + name.length + (-name.length & 3)) + 8 + 4;
    const buffer = this.#buffer;
    buffer.reserve(20);
    buffer.u32(1);
    buffer.u32(total);
    buffer.u16(one.linkType ?? 1);
    buffer.u16(0);
    buffer.u32(MAX_CAPTURED_LENGTH);
    buffer.u16(2);
    buffer.u16(name.length);
    buffer.octets(name, 0, name.length, 4);
    // if_tsresol 10^-9, one octet and padding; end of options.
    buffer.u16(9);
    buffer.u16(1);
    buffer.octets(Uint8Array.of(9), 0, 1, 4);
    buffer.u32(0);
    buffer.u32(total);
  }
}
