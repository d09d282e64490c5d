// The header of a classic pcap file and what it decides about its records: draft-ietf-opsawg-pcap and libpcap's
// sf-pcap.c. Both byte orders; microseconds, nanoseconds and the Kuznetzov variant with its longer record header.
import { be32 } from '../base/columns.ts';
import { CaptureError } from '../base/errors.ts';
import { MAX_CAPTURED_LENGTH } from './record.ts';

/** Octets of the file header. */
export const PCAP_HEADER = 24;
/** Magic numbers, as a big-endian writer's first four octets read. */
export const MAGIC_MICRO = 0xa1b2c3d4;
export const MAGIC_NANO = 0xa1b23c4d;
export const MAGIC_MODIFIED = 0xa1b2cd34;

/** How to read the records of a file. */
export interface PcapFormat {
  littleEndian: boolean;
  variant: 'micro' | 'nano' | 'modified';
  /** Octets of a record header. */
  recordHeader: number;
  /** Nanoseconds of one unit of the fraction. */
  unitNanos: number;
  /** Captured and wire length in the other order: always (before 2.3), when the first is larger (2.3), never. */
  swappedLengths: 'always' | 'maybe' | 'never';
  linkType: number;
  snaplen: number;
  /** Octets of frame check sequence at the end of each frame. */
  fcsLength: number;
}

/** Byte order and variant by the first four octets, or undefined when they are not pcap's. */
export function pcapMagic(head: Uint8Array): { littleEndian: boolean; variant: PcapFormat['variant'] } | undefined {
  if (head.length < 4) return undefined;
  const big = be32(head, 0);
  const little = ((big << 24) | ((big & 0xff00) << 8) | ((big >>> 8) & 0xff00) | (big >>> 24)) >>> 0;
  for (const [magic, variant] of MAGICS) {
    if (big === magic) return { littleEndian: false, variant };
    if (little === magic) return { littleEndian: true, variant };
  }
  return undefined;
}

const MAGICS: readonly (readonly [number, PcapFormat['variant']])[] = [
  [MAGIC_MICRO, 'micro'],
  [MAGIC_NANO, 'nano'],
  [MAGIC_MODIFIED, 'modified'],
];

/** Reads a file header whose magic is known; throws a CaptureError when it is cut or of a version nobody writes. */
export function parsePcapHeader(path: string, head: Uint8Array): PcapFormat {
  const magic = pcapMagic(head);
  if (magic === undefined) throw new CaptureError(path, 0, 'is not a pcap file');
  if (head.length < PCAP_HEADER) {
    throw new CaptureError(
      path,
      head.length,
      `the pcap file header is cut: ${head.length} of ${PCAP_HEADER} octets; copy the file again`,
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, PCAP_HEADER);
  const little = magic.littleEndian;
  const major = view.getUint16(4, little);
  const minor = view.getUint16(6, little);
  // 543.0 is what DG/UX wrote; its lengths are the other way round.
  const isOldUnix = major === 543 && minor === 0;
  if (major !== 2 && !isOldUnix) {
    throw new CaptureError(
      path,
      4,
      `pcap version ${major}.${minor} is unknown (2.4 is usual): convert it with editcap`,
    );
  }
  const link = view.getUint32(20, little);
  // Bit 26: the top four bits are the length of the frame check sequence in 16-bit units.
  const hasFcs = (link & 0x04000000) !== 0;
  return {
    littleEndian: little,
    variant: magic.variant,
    recordHeader: magic.variant === 'modified' ? 24 : 16,
    unitNanos: magic.variant === 'nano' ? 1 : 1000,
    swappedLengths: isOldUnix || minor < 3 ? 'always' : minor === 3 ? 'maybe' : 'never',
    linkType: link & 0x03ffffff,
    snaplen: view.getUint32(16, little),
    fcsLength: hasFcs ? (link >>> 28) * 2 : 0,
  };
}

/** What to say of a record whose captured length nobody would write. */
export function absurdLength(length: number): string {
  return (
    `the packet's captured length ${length} is beyond ${MAX_CAPTURED_LENGTH}: the file is corrupt from here on; ` +
    'everything before it was read'
  );
}
