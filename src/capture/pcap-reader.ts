// Records of a classic pcap file, read where they lie in a reused block (draft-ietf-opsawg-pcap, libpcap sf-pcap.c).
import { CaptureError } from '../base/errors.ts';
import type { Block } from './block.ts';
import { LINK_FORMS, unsupportedLinkType } from './linktype.ts';
import { absurdLength, type PcapFormat } from './pcap-header.ts';
import { type CaptureInterface, type CaptureReader, MAX_CAPTURED_LENGTH, PACKET_TYPE_UNKNOWN } from './record.ts';

const SWAP_NEVER = 0;
const SWAP_MAYBE = 1;
const SWAP_ALWAYS = 2;

/** The one interface of a classic pcap file; throws when its link type is not supported. */
export function pcapInterface(path: string, format: PcapFormat): CaptureInterface {
  const { linkType, snaplen } = format;
  if (!LINK_FORMS.has(linkType)) throw new CaptureError(path, 20, unsupportedLinkType(linkType));
  return { name: '', linkType, supported: true, snaplen, skipped: 0 };
}

/** Reads classic pcap of every variant. The block's position is the first record. */
export class PcapReader implements CaptureReader {
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
  packetType = PACKET_TYPE_UNKNOWN;
  hostIfindex = 0;

  readonly #block: Block;
  readonly #littleEndian: boolean;
  readonly #recordHeader: number;
  readonly #unitNanos: number;
  readonly #fcsLength: number;
  readonly #swap: number;
  #starving = false;
  #ended = false;

  constructor(block: Block, format: PcapFormat) {
    this.path = block.path;
    this.interfaces = [pcapInterface(block.path, format)];
    this.linkType = format.linkType;
    this.data = block.data;
    this.#block = block;
    this.#littleEndian = format.littleEndian;
    this.#recordHeader = format.recordHeader;
    this.#unitNanos = format.unitNanos;
    this.#fcsLength = format.fcsLength;
    this.#swap =
      format.swappedLengths === 'never' ? SWAP_NEVER : format.swappedLengths === 'maybe' ? SWAP_MAYBE : SWAP_ALWAYS;
  }

  get readBytes(): number {
    return this.#block.readBytes;
  }
  get totalBytes(): number | undefined {
    return this.#block.source.totalBytes;
  }

  next(): boolean {
    const block = this.#block;
    const position = block.position;
    const body = position + this.#recordHeader;
    if (body > block.limit) return this.#starve(this.#recordHeader);
    const view = block.view;
    const little = this.#littleEndian;
    let captured = view.getUint32(position + 8, little);
    let wire = view.getUint32(position + 12, little);
    if (this.#swap !== SWAP_NEVER && (this.#swap === SWAP_ALWAYS || captured > wire)) {
      const first = captured;
      captured = wire;
      wire = first;
    }
    if (captured > MAX_CAPTURED_LENGTH) {
      return this.#fail(absurdLength(captured));
    }
    const end = body + captured;
    if (end > block.limit) return this.#starve(end - position);
    block.position = end;

    let seconds = view.getUint32(position, little);
    let nanos = view.getUint32(position + 4, little) * this.#unitNanos;
    if (nanos >= 1e9) {
      const carry = Math.floor(nanos / 1e9);
      seconds += carry;
      nanos -= carry * 1e9;
    }
    this.timestampSeconds = seconds;
    this.timestampNanos = nanos;
    this.data = block.data;
    this.start = body;
    this.end = end;
    this.wireLength = Math.max(wire, captured);
    this.fileOffset = block.fileOffset + position;
    if (this.#fcsLength !== 0) this.#dropFcs();
    if (this.#recordHeader === 24) {
      this.hostIfindex = view.getUint32(position + 16, little);
      this.packetType = view.getUint8(position + 22);
    }
    return true;
  }

  async fill(): Promise<boolean> {
    if (this.#ended) return false;
    if (!this.#starving) return true;
    if (await this.#block.fill()) {
      this.#starving = false;
      return true;
    }
    this.damage = this.#block.endError();
    await this.close();
    return false;
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#block.discard();
    await this.#block.source.close();
  }

  #dropFcs(): void {
    this.wireLength = Math.max(this.wireLength - this.#fcsLength, 0);
    this.end = Math.min(this.end, this.start + this.wireLength);
  }

  #starve(need: number): boolean {
    this.#block.need = need;
    this.#starving = true;
    return false;
  }

  #fail(message: string): boolean {
    this.damage = this.#block.error(message);
    this.#block.discard();
    this.#ended = true;
    return false;
  }
}
