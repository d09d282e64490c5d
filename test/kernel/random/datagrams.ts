// Datagrams of the random traffic: building what packet/build.ts has not, reading what arrived, damaging what is sound.
import { putBe16, putBe32 } from '../../../src/base/columns.ts';
import { formatAddress } from '../../../src/packet/address.ts';
import { ip, type Layer4 } from '../../../src/packet/build.ts';
import { sctpChecksum, writeIpv4Checksum } from '../../../src/packet/checksum.ts';
import { type Draw, pattern } from './draw.ts';

/** Addresses and ports of a datagram; the ports of ICMP are its identifier and zero. */
export interface Ends {
  src: string;
  dst: string;
  sport: number;
  dport: number;
}

export interface Seen extends Ends {
  six: boolean;
  protocol: number;
  transport: number;
}

/** Reads a datagram; undefined: no whole IP header, or a later fragment. */
export function seen(datagram: Uint8Array): Seen | undefined {
  const view = Buffer.from(datagram);
  const version = (view[0] ?? 0) >>> 4;
  if (version === 4 && view.length >= 24) {
    if ((view.readUInt16BE(6) & 0x1fff) !== 0) return undefined;
    const transport = ((view[0] ?? 0) & 15) * 4;
    const src = [...view.subarray(12, 16)].join('.');
    const dst = [...view.subarray(16, 20)].join('.');
    return { six: false, protocol: view[9] ?? 0, transport, src, dst, ...ports(view, view[9] ?? 0, transport) };
  }
  if (version !== 6 || view.length < 44) return undefined;
  const protocol = view[6] ?? 0;
  return {
    six: true,
    protocol,
    transport: 40,
    src: formatAddress(view, 8, 16),
    dst: formatAddress(view, 24, 16),
    ...ports(view, protocol, 40),
  };
}

function ports(view: Buffer, protocol: number, transport: number): { sport: number; dport: number } {
  if (transport + 6 > view.length) return { sport: 0, dport: 0 };
  if (protocol === 1 || protocol === 58) return { sport: view.readUInt16BE(transport + 4), dport: 0 };
  return { sport: view.readUInt16BE(transport), dport: view.readUInt16BE(transport + 2) };
}

/** An SCTP packet of chunks. */
export function sctp(sport: number, dport: number, tag: number, chunks: [type: number, body: Uint8Array][]): Layer4 {
  const parts = chunks.map(([type, body]) => {
    const length = 4 + body.length;
    const chunk = new Uint8Array((length + 3) & ~3);
    chunk[0] = type;
    putBe16(chunk, 2, length);
    chunk.set(body, 4);
    return chunk;
  });
  const bytes = new Uint8Array(12 + parts.reduce((sum, part) => sum + part.length, 0));
  putBe16(bytes, 0, sport);
  putBe16(bytes, 2, dport);
  putBe32(bytes, 4, tag);
  let at = 12;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  putBe32(bytes, 8, sctpChecksum(bytes, 0, bytes.length));
  return { protocol: 132, bytes };
}

/** An IPv4 datagram with `change` applied and its header checksum mended. */
export function patched(datagram: Uint8Array, change: (copy: Uint8Array) => void, mend = true): Uint8Array {
  const copy = datagram.slice();
  change(copy);
  if (mend && (copy[0] ?? 0) >>> 4 === 4) writeIpv4Checksum(copy, 0);
  // A zero is taken as the sender's checksum offload.
  if ((copy[0] ?? 0) >>> 4 === 4 && copy[10] === 0 && copy[11] === 0) copy[11] = 1;
  return copy;
}

/** The same datagram with something wrong. */
export function damaged(draw: Draw, datagram: Uint8Array): Uint8Array {
  const found = seen(datagram);
  if (found === undefined) return datagram;
  const { six, transport } = found;
  const end = datagram.length;
  const options: (() => Uint8Array)[] = [
    // Wrong checksum above, cut, a length field that lies, a header that ends early.
    () => patched(datagram, (copy) => flip(copy, end - 1)),
    () => patched(datagram, (copy) => flip(copy, transport + draw.below(8))),
    () => datagram.slice(0, draw.between(1, end)),
    () => datagram.slice(0, transport + draw.below(8)),
    () =>
      patched(datagram, (copy) => putBe16(copy, six ? 4 : 2, draw.pick([0, 10, 19, 24, end + 9, end - 1, end - 12]))),
    () => shortened(datagram, six, transport + draw.below(20)),
    () => patched(datagram, (copy) => putBe16(copy, six ? 6 : 8, draw.word() & 0xffff)),
    () =>
      patched(datagram, (copy) => copy.fill(draw.pick([0, 0x40, 0x50, 0xf0, 0x2f]), transport + 12, transport + 13)),
  ];
  if (!six) {
    options.push(
      () => patched(datagram, (copy) => flip(copy, 10), false),
      () => patched(datagram, (copy) => copy.fill(draw.pick([0x40, 0x44, 0x46, 0x4f, 0x65, 0x05]), 0, 1)),
      () => patched(datagram, (copy) => copy.fill(draw.pick([0x80, 0x20, 0x60, 0xc0]), 6, 7)),
    );
  }
  return draw.pick(options)();
}

function flip(copy: Uint8Array, at: number): void {
  if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ 0x5a;
}

/** A whole datagram that says to be shorter than its transport header. */
function shortened(datagram: Uint8Array, six: boolean, length: number): Uint8Array {
  return patched(datagram.slice(0, length), (copy) => putBe16(copy, six ? 4 : 2, six ? length - 40 : length));
}

/** TCP options that hosts send with a SYN. */
export function synOptions(draw: Draw): Uint8Array {
  const mss = draw.pick([1460, 1400, 536, 9000]);
  const all = [
    Uint8Array.of(2, 4, mss >>> 8, mss & 255),
    Uint8Array.of(1, 3, 3, draw.pick([0, 7, 14, 15])),
    Uint8Array.of(1, 1, 4, 2),
    Uint8Array.of(1, 1, 8, 10, ...pattern(8)),
  ];
  return Uint8Array.from(draw.some(all, 4).flatMap((option) => [...option]));
}

/** IPv4 options that no answer echoes: no-ops, router alert. */
export const QUIET_OPTIONS = [Uint8Array.of(1, 1, 1, 0), Uint8Array.of(148, 4, 0, 0)];

/** ip() for hosts: an identification of its own. */
export function datagramOf(draw: Draw, ends: Ends, inner: Layer4, more: object = {}): Uint8Array {
  const rare = draw.oneIn(14) ? { ttl: draw.pick([1, 2, 3, 255]) } : { ttl: draw.pick([64, 128]) };
  const tos = draw.oneIn(3) ? draw.pick([0xb8, 2, 0x10, 3, 0x88]) : 0;
  return ip(
    { src: ends.src, dst: ends.dst, id: draw.between(1, 65_535), tos, ...rare, dontFragment: draw.oneIn(2), ...more },
    inner,
  );
}
