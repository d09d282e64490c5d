// The Interface Description Block of pcapng (draft-ietf-opsawg-pcapng, section 4.2): link type and the options that
// change how packets are read.
import { LINK_FORMS } from './linktype.ts';
import type { CaptureInterface } from './record.ts';
import { DEFAULT_RESOLUTION, isKnownResolution, TimestampUnit } from './timestamp.ts';

const OPTION_END = 0;
const OPTION_NAME = 2;
const OPTION_RESOLUTION = 9;
const OPTION_FCS_LENGTH = 13;
const OPTION_OFFSET = 14;
/** Names longer than this are cut: no device has one. */
const MAX_NAME = 256;

/** An interface of a pcapng section. */
export interface PcapngInterface extends CaptureInterface {
  unit: TimestampUnit;
  /** Octets of frame check sequence at the end of each frame. */
  fcsLength: number;
}

/** Reads the body of the block (after type and length) from `start` to `end`; a string says what is wrong with it. */
export function parseInterface(view: DataView, start: number, end: number, little: boolean): PcapngInterface | string {
  if (end - start < 8) return `an interface block has ${end - start} octets instead of at least 8`;
  let name = '';
  let resolution = DEFAULT_RESOLUTION;
  let offsetSeconds = 0;
  let fcsLength = 0;
  let at = start + 8;
  while (at + 4 <= end) {
    const code = view.getUint16(at, little);
    const length = view.getUint16(at + 2, little);
    const value = at + 4;
    if (code === OPTION_END) break;
    if (value + length > end) return `option ${code} of an interface block is longer than the block`;
    if (code === OPTION_NAME) name = text(view, value, length);
    else if (code === OPTION_RESOLUTION && length === 1) resolution = view.getUint8(value);
    else if (code === OPTION_OFFSET && length === 8) offsetSeconds = Number(view.getBigInt64(value, little));
    else if (code === OPTION_FCS_LENGTH && length === 1) fcsLength = fcsOctets(view.getUint8(value));
    at = value + length + (-length & 3);
  }
  if (!isKnownResolution(resolution)) {
    const power = (resolution & 0x80) !== 0 ? `2^-${resolution & 0x7f}` : `10^-${resolution}`;
    return `an interface's timestamps are in units of ${power} s, finer than 64 bits can hold`;
  }
  const linkType = view.getUint16(start, little);
  const supported = LINK_FORMS.has(linkType);
  const snaplen = view.getUint32(start + 4, little);
  const unit = new TimestampUnit(resolution, offsetSeconds);
  return { name, linkType, supported, snaplen, skipped: 0, unit, fcsLength };
}

function text(view: DataView, offset: number, length: number): string {
  const octets = new Uint8Array(view.buffer, view.byteOffset + offset, Math.min(length, MAX_NAME));
  const end = octets.indexOf(0);
  return new TextDecoder().decode(end < 0 ? octets : octets.subarray(0, end));
}

// Bits by the draft, octets by some writers: an FCS has 16 or 32 bits.
function fcsOctets(value: number): number {
  return value >= 8 ? value >>> 3 : value;
}
