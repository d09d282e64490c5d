// A capture once more as if other users had made it, later or faster: a reader around another that shifts and scales its
// times and renames its hosts. Frames come out as Ethernet.
import type { CaptureError } from '../base/errors.ts';
import { type CloneNames, renameFrame } from './clone-frame.ts';
import { LINKTYPE_ETHERNET, toEthernet } from './link.ts';
import { type CaptureInterface, type CaptureReader, PACKET_TYPE_UNKNOWN } from './record.ts';

/** What makes a clone of a capture. Plain data that crosses to threads. */
export interface Clone {
  /** Nanoseconds added to every time. */
  shiftNs: number;
  /** Times are so much shorter after `originSeconds` (integer, since 1970). */
  speed: number;
  originSeconds: number;
  /** Absent: hosts keep their names. */
  names?: CloneNames;
}

const SECOND_NS = 1e9;

/** The clone of what a reader reads. */
export class CloneReader implements CaptureReader {
  data: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  wireLength = 0;
  timestampSeconds = 0;
  timestampNanos = 0;
  interfaceIndex = 0;
  linkType = LINKTYPE_ETHERNET;
  fileOffset = 0;
  packetType = PACKET_TYPE_UNKNOWN;
  hostIfindex = 0;
  readonly #reader: CaptureReader;
  readonly #clone: Clone;

  constructor(reader: CaptureReader, clone: Clone) {
    this.#reader = reader;
    this.#clone = clone;
  }

  get path(): string {
    return this.#reader.path;
  }
  get interfaces(): CaptureInterface[] {
    return this.#reader.interfaces;
  }
  get damage(): CaptureError | undefined {
    return this.#reader.damage;
  }
  get untimed(): number {
    return this.#reader.untimed;
  }
  get lost(): number {
    return this.#reader.lost;
  }
  get readBytes(): number {
    return this.#reader.readBytes;
  }
  get totalBytes(): number | undefined {
    return this.#reader.totalBytes;
  }

  next(): boolean {
    const reader = this.#reader;
    if (!reader.next()) return false;
    this.data = reader.data;
    this.start = reader.start;
    this.end = reader.end;
    this.wireLength = reader.wireLength;
    this.interfaceIndex = reader.interfaceIndex;
    this.linkType = reader.linkType;
    this.fileOffset = reader.fileOffset;
    this.packetType = reader.packetType;
    this.hostIfindex = reader.hostIfindex;
    this.#setTime(reader.timestampSeconds, reader.timestampNanos);
    if (this.linkType !== LINKTYPE_ETHERNET) toEthernet(this);
    if (this.#clone.names !== undefined) renameFrame(this.data, this.start, this.end, this.#clone.names);
    return true;
  }

  fill(): Promise<boolean> {
    return this.#reader.fill();
  }
  close(): Promise<void> {
    return this.#reader.close();
  }

  /** Seconds and nanoseconds apart: together they would not fit into a double. */
  #setTime(seconds: number, nanos: number): void {
    const { shiftNs, speed, originSeconds } = this.#clone;
    const sinceNs = ((seconds - originSeconds) * SECOND_NS + nanos) / speed + shiftNs;
    const whole = Math.floor(sinceNs / SECOND_NS);
    this.timestampSeconds = originSeconds + whole;
    this.timestampNanos = Math.min(SECOND_NS - 1, Math.max(0, Math.round(sinceNs - whole * SECOND_NS)));
  }
}
