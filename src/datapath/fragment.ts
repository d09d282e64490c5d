// Cuts a datagram into fragments: ip_do_fragment (net/ipv4/ip_output.c) and ip6_fragment (net/ipv6/ip6_output.c).
// What defrag put together leaves in the fragments that it came in, if they fit (the kernel keeps them as a list).
import { be16, putBe16, putBe32, u8 } from '../base/columns.ts';
import { eventKind } from '../event/vocabulary.ts';
import type { Interface } from '../net/interfaces.ts';
import { writeIpv4Checksum } from '../packet/checksum.ts';
import { type Packet, VERDICT_FORWARD } from '../packet/packet.ts';
import type { Stack } from './stack.ts';

const FRAGMENT = eventKind('fragment');
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT_HEADER = 44;
const DESTINATION = 60;
const NOOP = 1;

/** `R`: what the way out needs beside the device, a route or nothing. */
type Output<R> = (stack: Stack, packet: Packet, route: R, dev: Interface) => void;

/**
 * Sends `packet` as fragments of at most `size` octets each. False: it cannot be cut so small (or the capture kept too
 * little of it), and nothing was sent. Events: fragment for each, and what `output` records.
 */
export function fragment<R>(
  stack: Stack,
  packet: Packet,
  size: number,
  route: R,
  dev: Interface,
  output: Output<R>,
): boolean {
  return packet.ipVersion === 4
    ? fragment4(stack, packet, size, route, dev, output)
    : fragment6(stack, packet, size, route, dev, output);
}

function fragment4<R>(
  stack: Stack,
  packet: Packet,
  size: number,
  route: R,
  dev: Interface,
  output: Output<R>,
): boolean {
  const { data, network } = packet;
  const headerLength = (u8(data, network) & 15) * 4;
  const step = (size - headerLength) & ~7;
  const total = packet.networkLength - headerLength;
  if (step < 8) return false;
  const field = be16(data, network + 6);
  const first = field & 0x1fff;
  const restores = first === 0 && (field & 0x2000) === 0 && fits(packet, size - headerLength, total);
  for (let at = 0, i = 0; at < total; i++) {
    const isRest = restores ? i === packet.fragmentCount - 1 : total - at <= size - headerLength;
    const length = isRest ? total - at : restores ? (packet.fragmentLengths[i] as number) : step;
    const piece = newPiece(stack, packet, headerLength, at, length, at === 0);
    if (piece === undefined) return false;
    const more = !isRest || (field & 0x2000) !== 0 ? 0x2000 : 0;
    putBe16(piece.data, piece.network + 2, headerLength + length);
    putBe16(piece.data, piece.network + 6, more | (first + at / 8));
    if (at !== 0 && first === 0) clearOptions(piece.data, piece.network, headerLength);
    writeIpv4Checksum(piece.data, piece.network);
    piece.fragmentOffset = (first + at / 8) * 8;
    send(stack, packet, piece, route, dev, output);
    at += length;
  }
  return true;
}

function fragment6<R>(
  stack: Stack,
  packet: Packet,
  size: number,
  route: R,
  dev: Interface,
  output: Output<R>,
): boolean {
  const { data, network } = packet;
  const previous = lastUnfragmentableHeader(packet);
  const headerLength = unfragmentableLength;
  const step = (size - headerLength - 8) & ~7;
  const total = packet.networkLength - headerLength;
  if (previous < 0 || step < 8) return false;
  const next = u8(data, network + previous);
  const id = stack.fragmentId(packet);
  const restores = fits(packet, size - headerLength - 8, total);
  for (let at = 0, i = 0; at < total; i++) {
    const isRest = restores ? i === packet.fragmentCount - 1 : total - at <= size - headerLength - 8;
    const length = isRest ? total - at : restores ? (packet.fragmentLengths[i] as number) : step;
    const piece = newPiece(stack, packet, headerLength + 8, at - 8, length, at === 0);
    if (piece === undefined) return false;
    const header = piece.network + headerLength;
    piece.data[piece.network + previous] = FRAGMENT_HEADER;
    putBe16(piece.data, piece.network + 4, headerLength - 40 + 8 + length);
    piece.data[header] = next;
    piece.data[header + 1] = 0;
    putBe16(piece.data, header + 2, at | (isRest ? 0 : 1));
    putBe32(piece.data, header + 4, id);
    piece.fragmentHeader = header;
    piece.fragmentOffset = at;
    send(stack, packet, piece, route, dev, output);
    at += length;
  }
  return true;
}

/** skb_has_frag_list: the datagram was reassembled, of fragments that are its `total` octets and fit into `room`. */
function fits(packet: Packet, room: number, total: number): boolean {
  const { fragmentLengths, fragmentCount } = packet;
  if (fragmentCount < 2) return false;
  let sum = 0;
  for (let i = 0; i < fragmentCount; i++) {
    const length = fragmentLengths[i] as number;
    if (length > room || ((length & 7) !== 0 && i < fragmentCount - 1)) return false;
    sum += length;
  }
  return sum === total;
}

/** A packet with `headerLength` octets of header and `length` octets of the payload from `at` on. */
function newPiece(
  stack: Stack,
  packet: Packet,
  headerLength: number,
  at: number,
  length: number,
  isFirst: boolean,
): Packet | undefined {
  const piece = stack.pool.acquire(packet, headerLength + length);
  if (piece === undefined) return undefined;
  const { data, network, networkEnd } = packet;
  const to = piece.network;
  for (let i = 0; i < headerLength; i++) piece.data[to + i] = data[network + i] as number;
  const from = network + headerLength + at;
  const kept = Math.max(0, Math.min(length, networkEnd - from));
  for (let i = 0; i < kept; i++) piece.data[to + headerLength + i] = data[from + i] as number;
  piece.etherType = packet.etherType;
  piece.ipVersion = packet.ipVersion;
  piece.protocol = packet.protocol;
  piece.networkLength = headerLength + length;
  piece.networkEnd = to + headerLength + kept;
  piece.end = piece.networkEnd;
  piece.transport = isFirst ? to + headerLength : -1;
  piece.iif = packet.iif;
  piece.oif = packet.oif;
  piece.physicalIif = packet.physicalIif;
  piece.mark = packet.mark;
  piece.priority = packet.priority;
  piece.isGenerated = packet.isGenerated;
  // ip_copy_metadata: hooks below, a bridge's, know the connection.
  piece.ct = packet.ct;
  piece.ctDirection = packet.ctDirection;
  piece.ctInfo = packet.ctInfo;
  return piece;
}

function send<R>(stack: Stack, packet: Packet, piece: Packet, route: R, dev: Interface, output: Output<R>): void {
  stack.recorder.event(FRAGMENT, packet.ipVersion);
  output(stack, piece, route, dev);
  if (piece.verdict === VERDICT_FORWARD) packet.verdict = VERDICT_FORWARD;
  else packet.reason = piece.reason;
  stack.pool.release();
}

/** ip_options_fragment: options that are not to be copied become no-operations in all but the first fragment. */
function clearOptions(data: Uint8Array, network: number, headerLength: number): void {
  let at = network + 20;
  const end = network + headerLength;
  while (at < end) {
    const type = u8(data, at);
    if (type === 0) return;
    if (type === NOOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8(data, at + 1) : 0;
    if (length < 2 || at + length > end) return;
    if ((type & 0x80) === 0) data.fill(NOOP, at, at + length);
    at += length;
  }
}

/** Length of the headers that every fragment repeats, set by lastUnfragmentableHeader(). */
let unfragmentableLength = 40;

/** ip6_find_1stfragopt: offset from the IP header of the next-header octet that will say "fragment"; -1: malformed. */
function lastUnfragmentableHeader(packet: Packet): number {
  const { data, network, networkEnd } = packet;
  let octet = 6;
  let offset = 40;
  let isRouted = false;
  while (network + offset <= networkEnd) {
    const type = u8(data, network + octet);
    if (type === ROUTING) isRouted = true;
    const repeats = type === HOP_BY_HOP || type === ROUTING || (type === DESTINATION && !isRouted);
    if (!repeats) {
      unfragmentableLength = offset;
      return octet;
    }
    if (network + offset + 2 > networkEnd) return -1;
    octet = offset;
    offset += (u8(data, network + offset + 1) + 1) * 8;
  }
  return -1;
}
