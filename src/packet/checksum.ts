// The Internet checksum (RFC 1071) over packet octets, and its incremental update (RFC 1624), as the kernel's
// csum_partial, csum_fold and csum_replace do it.
import { putBe16, u8 } from '../base/columns.ts';

/** Folds a sum of 16-bit words to 16 bits (no complement). */
export function foldSum(sum: number): number {
  let s = sum;
  while (s > 0xffff) s = (s % 0x10000) + Math.floor(s / 0x10000);
  return s;
}

/**
 * Sum of the 16-bit words of data[from, to), an odd last octet padded with zero, plus `seed`; not folded. High and low
 * octets are added apart: no value leaves the small integers, so nothing is boxed (450 ns for 1466 octets where 32-bit
 * words take 730, and 5 KB less garbage a packet; Node 20).
 */
export function sumWords(data: Uint8Array, from: number, to: number, seed = 0): number {
  let high = 0;
  let low = 0;
  let i = from;
  for (const end = to - 7; i < end; i += 8) {
    high = (high + u8(data, i) + u8(data, i + 2) + u8(data, i + 4) + u8(data, i + 6)) | 0;
    low = (low + u8(data, i + 1) + u8(data, i + 3) + u8(data, i + 5) + u8(data, i + 7)) | 0;
  }
  for (; i < to; i += 2) {
    high = (high + u8(data, i)) | 0;
    if (i + 1 < to) low = (low + u8(data, i + 1)) | 0;
  }
  return high * 256 + low + seed;
}

/** The checksum field's value for data[from, to) (complement of the folded sum). */
export function internetChecksum(data: Uint8Array, from: number, to: number, seed = 0): number {
  return ~foldSum(sumWords(data, from, to, seed)) & 0xffff;
}

/** Sum of the IPv4 or IPv6 pseudo header of the datagram at `network`, for `length` octets of protocol `protocol`. */
export function pseudoHeaderSum(
  data: Uint8Array,
  network: number,
  version: 4 | 6,
  protocol: number,
  length: number,
): number {
  return version === 4
    ? sumWords(data, network + 12, network + 20, protocol + length)
    : sumWords(data, network + 8, network + 40, protocol + length);
}

/** A checksum field after a 16-bit word it covers went from `old` to `fresh` (RFC 1624, equation 3). */
export function adjustChecksum16(field: number, old: number, fresh: number): number {
  return ~foldSum((~field & 0xffff) + (~old & 0xffff) + fresh) & 0xffff;
}

/** The same for a 32-bit word. */
export function adjustChecksum32(field: number, old: number, fresh: number): number {
  const inverted = ~old >>> 0;
  return (
    ~foldSum((~field & 0xffff) + (inverted >>> 16) + (inverted & 0xffff) + (fresh >>> 16) + (fresh & 0xffff)) & 0xffff
  );
}

/** Recomputes the IPv4 header checksum at `network`. */
export function writeIpv4Checksum(data: Uint8Array, network: number): void {
  putBe16(data, network + 10, 0);
  const headerLength = ((data[network] as number) & 15) * 4;
  putBe16(data, network + 10, internetChecksum(data, network, network + headerLength));
}

/**
 * Computes and writes the TCP, UDP, ICMP or ICMPv6 checksum of the datagram at `network`, whose transport header is
 * at `transport` and whose last octet is before `end`. Other protocols are left alone.
 */
export function writeTransportChecksum(
  data: Uint8Array,
  network: number,
  version: 4 | 6,
  protocol: number,
  transport: number,
  end: number,
): void {
  const field = checksumOffset(protocol);
  if (field < 0 || transport + field + 2 > end) return;
  putBe16(data, transport + field, 0);
  const seed = protocol === 1 ? 0 : pseudoHeaderSum(data, network, version, protocol, end - transport);
  let sum = internetChecksum(data, transport, end, seed);
  if (sum === 0 && protocol === 17) sum = 0xffff;
  putBe16(data, transport + field, sum);
}

/** Offset of the checksum field in the header of a protocol; -1 when it has none of this kind. */
export function checksumOffset(protocol: number): number {
  switch (protocol) {
    case 6:
      return 16;
    case 17:
    case 136:
      return 6;
    case 1:
    case 58:
      return 2;
    case 33:
      return 6;
    default:
      return -1;
  }
}
