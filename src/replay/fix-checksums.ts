// --fix-checksums: what a capture shows of a sender whose network card fills in checksums later, as it was on the wire.
// Every wrong checksum of an IPv4 header, TCP, UDP, ICMP, ICMPv6, DCCP or SCTP is computed anew, in place. Fragments and
// packets that the capture cut cannot be mended; UDP without a checksum has none.
import { be16, be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import {
  checksumOffset,
  foldSum,
  pseudoHeaderSum,
  sctpChecksum,
  sumWords,
  writeIpv4Checksum,
  writeTransportChecksum,
} from '../packet/checksum.ts';
import { decodeNetwork } from '../packet/decode.ts';
import { Packet } from '../packet/packet.ts';
import { innerNetwork, innerType } from './ingress.ts';

const ICMP = 1;
const UDP = 17;
const UDPLITE = 136;
const SCTP = 132;

/** Mends frames. */
export class FixChecksums {
  /** Frames that were changed. */
  packets = 0;
  readonly #packet = new Packet();

  /** The frame data[start, end), of `wireLength` octets on the wire. */
  pass(data: Uint8Array, start: number, end: number, wireLength: number): void {
    const packet = this.#packet;
    packet.attach(data, start, end, wireLength);
    packet.network = innerNetwork(data, start, end);
    if (packet.network > end) return;
    packet.etherType = innerType(data, packet.network);
    if (!decodeNetwork(packet)) return;
    const isHeaderMended = mendHeader(packet);
    if (mendTransport(packet) || isHeaderMended) this.packets++;
  }
}

/** Whether the IPv4 header's checksum was wrong. */
function mendHeader({ data, network, ipVersion, end }: Packet): boolean {
  const headerEnd = network + (u8(data, network) & 15) * 4;
  if (ipVersion !== 4 || headerEnd > end) return false;
  if (foldSum(sumWords(data, network, headerEnd)) === 0xffff) return false;
  writeIpv4Checksum(data, network);
  return true;
}

/** Whether the layer-4 checksum was wrong and could be mended. */
function mendTransport(packet: Packet): boolean {
  const { data, network, networkEnd, networkLength, transport, protocol } = packet;
  const isWhole = networkEnd - network === networkLength && transport >= 0;
  if (!isWhole || packet.moreFragments || packet.fragmentOffset !== 0) return false;
  if (protocol === SCTP) return mendSctp(data, transport, networkEnd);
  const field = checksumOffset(protocol);
  if (field < 0 || protocol === UDPLITE || transport + field + 2 > networkEnd) return false;
  const end = protocol === UDP ? transport + be16(data, transport + 4) : networkEnd;
  if (end > networkEnd || transport + field + 2 > end) return false;
  if (protocol === UDP && be16(data, transport + field) === 0) return false;
  const version = packet.ipVersion === 6 ? 6 : 4;
  const pseudo = protocol === ICMP ? 0 : pseudoHeaderSum(data, network, version, protocol, end - transport);
  if (foldSum(sumWords(data, transport, end) + pseudo) === 0xffff) return false;
  putBe16(data, transport + field, 0);
  writeTransportChecksum(data, network, version, protocol, transport, end);
  return true;
}

function mendSctp(data: Uint8Array, transport: number, end: number): boolean {
  if (transport + 12 > end) return false;
  const sum = sctpChecksum(data, transport, end);
  if (be32(data, transport + 8) === sum) return false;
  putBe32(data, transport + 8, sum);
  return true;
}
