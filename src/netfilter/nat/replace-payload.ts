// Other text in a packet's payload, longer or shorter (nf_nat_helper.c: __nf_nat_mangle_tcp_packet).
import { putBe16 } from '../../base/columns.ts';
import { writeIpv4Checksum, writeTransportChecksum } from '../../packet/checksum.ts';
import { HEADROOM, type Packet } from '../../packet/packet.ts';

const MAX_DATAGRAM = 65_535;
const MAX_LINK_HEADER = 256;
/** What grows moves here: the octets behind a captured packet are the next record's. */
const room = new Uint8Array(HEADROOM + MAX_LINK_HEADER + MAX_DATAGRAM);

/**
 * Puts ASCII `text` in the place of `length` octets at data[from], and mends lengths and checksums. Returns how many octets
 * the packet has grown; undefined when it would be larger than a datagram can be (nothing is changed then).
 */
export function replacePayload(packet: Packet, from: number, length: number, text: string): number | undefined {
  const growth = text.length - length;
  if (packet.networkLength + growth > MAX_DATAGRAM) return undefined;
  const at = from - packet.start;
  if (growth > 0) moveToRoom(packet);
  const { data } = packet;
  const place = packet.start + at;
  data.copyWithin(place + text.length, place + length, packet.networkEnd);
  for (let i = 0; i < text.length; i++) data[place + i] = text.charCodeAt(i);
  packet.networkEnd += growth;
  packet.networkLength += growth;
  // Ethernet padding does not survive.
  packet.end = packet.networkEnd;
  packet.wireLength = packet.network - packet.start + packet.networkLength;
  const { network, ipVersion } = packet;
  if (ipVersion === 4) {
    putBe16(data, network + 2, packet.networkLength);
    writeIpv4Checksum(data, network);
  } else {
    putBe16(data, network + 4, packet.networkLength - 40);
  }
  writeTransportChecksum(data, network, ipVersion === 6 ? 6 : 4, packet.protocol, packet.transport, packet.networkEnd);
  packet.checksumPartial = false;
  return growth;
}

function moveToRoom(packet: Packet): void {
  if (packet.data === room) return;
  const { start, networkEnd } = packet;
  for (let i = start; i < networkEnd; i++) room[HEADROOM + i - start] = packet.data[i] as number;
  const moved = HEADROOM - start;
  packet.data = room;
  packet.start += moved;
  packet.end = packet.networkEnd + moved;
  packet.network += moved;
  packet.transport += moved;
  packet.networkEnd += moved;
  if (packet.fragmentHeader >= 0) packet.fragmentHeader += moved;
  if (packet.authenticationHeader >= 0) packet.authenticationHeader += moved;
}
