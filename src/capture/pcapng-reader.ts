// Records of a pcapng file (draft-ietf-opsawg-pcapng), read where they lie in a reused block: several sections and
// interfaces, both byte orders, enhanced, simple and obsolete packet blocks. Other blocks (names, statistics, secrets,
// custom ones) are stepped over. Where the draft and writers differ, Wireshark's wiretap/pcapng.c decides.
import { CaptureError } from '../base/errors.ts';
import type { Block } from './block.ts';
import { unsupportedLinkType } from './linktype.ts';
import { absurdLength } from './pcap-header.ts';
import { type PcapngInterface, parseInterface } from './pcapng-interface.ts';
import { type CaptureReader, MAX_CAPTURED_LENGTH, PACKET_TYPE_UNKNOWN } from './record.ts';

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Larger blocks are damage (MAX_BLOCK_SIZE of libpcap and Wireshark): they bound the memory. */
const MAX_BLOCK = 16 * 1024 * 1024;
/** More interfaces than this are damage: they bound the memory. */
const MAX_INTERFACES = 65_536;
/** How far open looks for a supported interface before it refuses the file. */
const MAX_SEARCH = 64 * 1024 * 1024;
/** Octets before the packet, by block type. */
const ENHANCED_HEADER = 28;
const SIMPLE_HEADER = 12;

/** Reads pcapng. The block's position is the first section header. */
export class PcapngReader implements CaptureReader {
  readonly path: string;
  readonly interfaces: PcapngInterface[] = [];
  damage: CaptureError | undefined;
  untimed = 0;
  readonly lost = 0;

  data: Uint8Array;
  start = 0;
  end = 0;
  wireLength = 0;
  timestampSeconds = 0;
  timestampNanos = 0;
  interfaceIndex = 0;
  linkType = 0;
  fileOffset = 0;
  packetType = PACKET_TYPE_UNKNOWN;
  hostIfindex = 0;

  readonly #block: Block;
  #littleEndian = true;
  /** Index in `interfaces` of the section's interface 0. */
  #sectionBase = 0;
  #firstInterface = 0;
  #starving = false;
  #ended = false;

  constructor(block: Block) {
    this.path = block.path;
    this.data = block.data;
    this.#block = block;
  }

  /** Opens: reads on to the first packet that can be delivered; throws when no interface of the file is supported. */
  static async open(block: Block): Promise<PcapngReader> {
    const reader = new PcapngReader(block);
    while (reader.#seekPacket() === undefined && block.offset < MAX_SEARCH) {
      if (!(await reader.fill())) break;
    }
    const first = reader.interfaces[0];
    if (first !== undefined && !reader.interfaces.some((one) => one.supported)) {
      await reader.close();
      throw new CaptureError(block.path, reader.#firstInterface, unsupportedLinkType(first.linkType));
    }
    if (reader.damage !== undefined && reader.damage.offsetBytes === 0) throw reader.damage;
    return reader;
  }

  get readBytes(): number {
    return this.#block.readBytes;
  }
  get totalBytes(): number | undefined {
    return this.#block.source.totalBytes;
  }

  next(): boolean {
    const from = this.#seekPacket();
    if (from === undefined) return false;
    const block = this.#block;
    const view = block.view;
    const little = this.#littleEndian;
    const position = block.position;
    const total = paddedLength(view.getUint32(position + 4, little));
    const limit = position + total - 4;
    let start = position + ENHANCED_HEADER;
    let captured: number;
    let wire: number;
    if (view.getUint32(position, little) === SIMPLE_PACKET) {
      start = position + SIMPLE_HEADER;
      wire = view.getUint32(position + 8, little);
      captured = from.snaplen !== 0 && from.snaplen < wire ? from.snaplen : wire;
    } else {
      captured = view.getUint32(position + 20, little);
      wire = view.getUint32(position + 24, little);
    }
    if (captured > MAX_CAPTURED_LENGTH) return this.#fail(absurdLength(captured));
    if (start + captured > limit) {
      return this.#fail(`the packet's captured length ${captured} is beyond its block of ${total} octets`);
    }
    if (start - position === SIMPLE_HEADER) {
      this.untimed++;
    } else {
      const unit = from.unit;
      unit.set(view.getUint32(position + 12, little), view.getUint32(position + 16, little));
      this.timestampSeconds = unit.seconds;
      this.timestampNanos = unit.nanos;
    }
    block.position = position + total;
    this.data = block.data;
    this.start = start;
    this.end = start + captured;
    this.wireLength = Math.max(wire, captured);
    this.linkType = from.linkType;
    this.fileOffset = block.fileOffset + position;
    if (from.fcsLength !== 0) this.#dropFcs(from.fcsLength);
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

  // Steps over all that is not a packet of a supported interface. Returns the packet's interface with the block's
  // position at a whole packet block, or undefined when more must be loaded or nothing more comes.
  #seekPacket(): PcapngInterface | undefined {
    const block = this.#block;
    for (;;) {
      const position = block.position;
      if (position + 12 > block.limit) return this.#starve(12);
      const view = block.view;
      if (view.getUint32(position, true) === SECTION && !this.#readByteOrder()) return undefined;
      const little = this.#littleEndian;
      const type = view.getUint32(position, little);
      const claimed = view.getUint32(position + 4, little);
      if (claimed < 12 || claimed > MAX_BLOCK) {
        this.#fail(`a block claims a length of ${claimed} octets: the file is corrupt from here on`);
        return undefined;
      }
      const total = paddedLength(claimed);
      if (position + total > block.limit) return this.#starve(total);
      const trailer = view.getUint32(position + total - 4, little);
      if (trailer !== claimed && trailer !== total) {
        this.#fail(`a block's length is ${claimed} at its start and ${trailer} at its end: the file is corrupt here`);
        return undefined;
      }
      if (type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === OBSOLETE_PACKET) {
        const from = this.#packetInterface(type, total);
        if (from === undefined || from.supported) return from;
        from.skipped++;
      } else if (type === INTERFACE) {
        if (!this.#addInterface(position + 8, position + total - 4)) return undefined;
      } else if (type === SECTION) {
        if (!this.#startSection(total)) return undefined;
      }
      block.position = position + total;
    }
  }

  #packetInterface(type: number, total: number): PcapngInterface | undefined {
    const { view, position } = this.#block;
    if (total < (type === SIMPLE_PACKET ? SIMPLE_HEADER : ENHANCED_HEADER) + 4) {
      this.#fail(`a packet block of ${total} octets has no room for its fields`);
      return undefined;
    }
    let id = 0;
    if (type === ENHANCED_PACKET) id = view.getUint32(position + 8, this.#littleEndian);
    else if (type === OBSOLETE_PACKET) id = view.getUint16(position + 8, this.#littleEndian);
    const index = this.#sectionBase + id;
    const from = index < this.interfaces.length ? this.interfaces[index] : undefined;
    if (from === undefined) {
      this.#fail(`a packet belongs to interface ${id}, which its section does not describe: the file is corrupt here`);
      return undefined;
    }
    this.interfaceIndex = index;
    return from;
  }

  #readByteOrder(): boolean {
    const { view, position } = this.#block;
    if (view.getUint32(position + 8, true) === BYTE_ORDER_MAGIC) this.#littleEndian = true;
    else if (view.getUint32(position + 8, false) === BYTE_ORDER_MAGIC) this.#littleEndian = false;
    else return this.#fail('a pcapng section has no byte-order magic: the file is corrupt here');
    return true;
  }

  #startSection(total: number): boolean {
    const { view, position } = this.#block;
    if (total < 28) return this.#fail(`a pcapng section header has ${total} octets instead of at least 28`);
    const major = view.getUint16(position + 12, this.#littleEndian);
    if (major !== 1)
      return this.#fail(`pcapng version ${major} is unknown (1 is usual): convert the file with editcap`);
    this.#sectionBase = this.interfaces.length;
    return true;
  }

  #addInterface(start: number, end: number): boolean {
    const block = this.#block;
    if (this.interfaces.length >= MAX_INTERFACES) {
      return this.#fail(`more than ${MAX_INTERFACES} interfaces: the file is corrupt here`);
    }
    const one = parseInterface(block.view, start, end, this.#littleEndian);
    if (typeof one === 'string') return this.#fail(one);
    if (this.interfaces.length === 0) this.#firstInterface = block.offset;
    this.interfaces.push(one);
    return true;
  }

  #dropFcs(length: number): void {
    this.wireLength = Math.max(this.wireLength - length, 0);
    this.end = Math.min(this.end, this.start + this.wireLength);
  }

  #starve(need: number): undefined {
    this.#block.need = need;
    this.#starving = true;
    return undefined;
  }

  #fail(message: string): false {
    this.damage = this.#block.error(message);
    this.#block.discard();
    this.#ended = true;
    return false;
  }
}

// Lengths are multiples of four; some writers leave the padding out of the number (as Wireshark, we add it).
function paddedLength(length: number): number {
  return (length + 3) & ~3;
}
