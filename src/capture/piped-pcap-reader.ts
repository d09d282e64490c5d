// Classic microsecond pcap from a pipe or standard input, decoded by the npm package pcap-parser. It checks no length
// and drops a cut tail silently, so it only ever gets whole records: their headers are walked before, octets are
// counted, and what is wrong is reported with its byte offset. Portions are pulled one by one and handed over only when
// the records of the one before were taken, so the writer of the pipe is held back and memory stays bounded.
import { EventEmitter } from 'node:events';
import { type PcapParserPacket, parse } from 'pcap-parser';
import type { CaptureError } from '../base/errors.ts';
import type { Block } from './block.ts';
import { absurdLength, PCAP_HEADER, type PcapFormat } from './pcap-header.ts';
import { pcapInterface } from './pcap-reader.ts';
import { type CaptureInterface, type CaptureReader, MAX_CAPTURED_LENGTH, PACKET_TYPE_UNKNOWN } from './record.ts';
import { RecordQueue } from './record-queue.ts';

const RECORD_HEADER = 16;

/** What pcap-parser takes for a stream; the reader hands it octets with emit('data'). */
class Feed extends EventEmitter {
  pause(): void {}
  resume(): void {}
}

/** Reads classic pcap from a stream. The block's position is the file header. */
export class PipedPcapReader implements CaptureReader {
  readonly path: string;
  readonly interfaces: CaptureInterface[];
  damage: CaptureError | undefined;
  readonly untimed = 0;
  readonly lost = 0;

  data: Uint8Array;
  start = 0;
  end = 0;
  wireLength = 0;
  timestampSeconds = 0;
  timestampNanos = 0;
  readonly interfaceIndex = 0;
  readonly linkType: number;
  fileOffset = 0;
  readonly packetType = PACKET_TYPE_UNKNOWN;
  readonly hostIfindex = 0;

  readonly #block: Block;
  readonly #littleEndian: boolean;
  readonly #fcsLength: number;
  readonly #feed = new Feed();
  readonly #queue = new RecordQueue();
  #nextOffset = PCAP_HEADER;
  /** What is wrong after the records of the queue. */
  #pendingDamage: CaptureError | undefined;
  #ended = false;

  constructor(block: Block, format: PcapFormat) {
    this.path = block.path;
    this.interfaces = [pcapInterface(block.path, format)];
    this.linkType = format.linkType;
    this.data = this.#queue.data;
    this.#block = block;
    this.#littleEndian = format.littleEndian;
    this.#fcsLength = format.fcsLength;
    const parser = parse(this.#feed);
    parser.on('packet', (packet: PcapParserPacket) => this.#take(packet));
    parser.on('error', (error: Error) => {
      this.#pendingDamage ??= block.error(error.message);
    });
    this.#hand(PCAP_HEADER);
  }

  get readBytes(): number {
    return this.#block.source.readBytes;
  }
  get totalBytes(): number | undefined {
    return this.#block.source.totalBytes;
  }

  next(): boolean {
    const queue = this.#queue;
    if (!queue.next()) return false;
    this.data = queue.data;
    this.start = queue.start;
    this.end = queue.end;
    this.timestampSeconds = queue.timestampSeconds;
    this.timestampNanos = queue.timestampNanos;
    this.wireLength = queue.wireLength;
    this.fileOffset = this.#nextOffset;
    this.#nextOffset += RECORD_HEADER + queue.end - queue.start;
    if (this.#fcsLength !== 0) {
      this.wireLength = Math.max(this.wireLength - this.#fcsLength, 0);
      this.end = Math.min(this.end, this.start + this.wireLength);
    }
    return true;
  }

  async fill(): Promise<boolean> {
    const queue = this.#queue;
    if (queue.taken < queue.count) return true;
    queue.clear();
    while (!this.#ended && queue.count === 0) {
      if (this.#pendingDamage !== undefined) {
        this.damage = this.#pendingDamage;
        await this.close();
      } else if (await this.#block.fill()) {
        this.#handWholeRecords();
      } else {
        this.damage = this.#block.endError();
        await this.close();
      }
    }
    return queue.count > 0;
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#block.discard();
    await this.#block.source.close();
  }

  // Walks record headers to the end of the last record that is loaded whole, and hands over what lies before it.
  #handWholeRecords(): void {
    const block = this.#block;
    const from = block.position;
    let at = from;
    let records = 0;
    let absurd = -1;
    for (;;) {
      block.need = RECORD_HEADER;
      if (at + RECORD_HEADER > block.limit) break;
      const captured = block.view.getUint32(at + 8, this.#littleEndian);
      if (captured > MAX_CAPTURED_LENGTH) {
        absurd = captured;
        break;
      }
      block.need = RECORD_HEADER + captured;
      if (at + block.need > block.limit) break;
      at += block.need;
      records++;
    }
    if (at > from) this.#hand(at - from);
    if (absurd >= 0) this.#pendingDamage ??= block.error(absurdLength(absurd));
    if (this.#queue.count !== records) {
      this.#pendingDamage ??= block.error(`pcap-parser found ${this.#queue.count} of ${records} records`);
    }
  }

  // pcap-parser keeps a reference to the first octets it gets: they must be a copy. Later ones it copies itself.
  #hand(length: number): void {
    const block = this.#block;
    const octets = Buffer.from(block.data.buffer, block.data.byteOffset + block.position, length);
    this.#feed.emit('data', length === PCAP_HEADER ? Buffer.from(octets) : octets);
    block.position += length;
  }

  #take(packet: PcapParserPacket): void {
    const { timestampSeconds, timestampMicroseconds, capturedLength, originalLength } = packet.header;
    const carry = Math.floor(timestampMicroseconds / 1e6);
    const nanos = (timestampMicroseconds - carry * 1e6) * 1000;
    const wireLength = Math.max(originalLength, capturedLength);
    this.#queue.push(packet.data, capturedLength, wireLength, timestampSeconds + carry, nanos);
  }
}
