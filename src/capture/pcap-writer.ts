// Writes classic pcap (draft-ietf-opsawg-pcap), both byte orders, micro- or nanoseconds. Same packets, same octets.
import { MAGIC_MICRO, MAGIC_NANO } from './pcap-header.ts';
import { MAX_CAPTURED_LENGTH } from './record.ts';
import { type ByteSink, openSink } from './sink.ts';
import { WriteBuffer } from './write-buffer.ts';

export interface PcapWriterOptions {
  /** Default 1, Ethernet. */
  linkType?: number;
  /** Default false: microseconds. */
  nanoseconds?: boolean;
  /** Default false. */
  bigEndian?: boolean;
  /** Default 262144. */
  snaplen?: number;
}

/** Writes packets one after the other; close() finishes the file. */
export class PcapWriter {
  readonly #buffer: WriteBuffer;
  readonly #unitNanos: number;

  /** `target` is a path, `-`, or a sink. Throws a CaptureError when it cannot be written. */
  constructor(target: string | ByteSink, options: PcapWriterOptions = {}) {
    const sink = typeof target === 'string' ? openSink(target) : target;
    const buffer = new WriteBuffer(sink, options.bigEndian !== true);
    this.#buffer = buffer;
    this.#unitNanos = options.nanoseconds === true ? 1 : 1000;
    buffer.u32(options.nanoseconds === true ? MAGIC_NANO : MAGIC_MICRO);
    buffer.u16(2);
    buffer.u16(4);
    buffer.u32(0);
    buffer.u32(0);
    buffer.u32(options.snaplen ?? MAX_CAPTURED_LENGTH);
    buffer.u32(options.linkType ?? 1);
  }

  /** Writes octets start … end of `data` as one packet; microseconds are rounded down. */
  write(
    timestampSeconds: number,
    timestampNanos: number,
    data: Uint8Array,
    start = 0,
    end: number = data.length,
    wireLength: number = end - start,
  ): void {
    const buffer = this.#buffer;
    buffer.reserve(16);
    buffer.u32(timestampSeconds);
    buffer.u32(Math.floor(timestampNanos / this.#unitNanos));
    buffer.u32(end - start);
    buffer.u32(wireLength);
    buffer.octets(data, start, end, 1);
  }

  close(): void {
    this.#buffer.close();
  }
}
