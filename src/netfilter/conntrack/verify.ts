// Is the layer-4 checksum right? Conntrack asks at prerouting (nf_ip_checksum, nf_ip6_checksum of net/netfilter/utils.c).
// Captures differ from what a router receives: a frame taken at its sender may hold only the pseudo-header sum
// (transmit offload: valid, to be filled in on output), and a frame cut by the capture cannot be verified.
import { be16 } from '../../base/columns.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import { checksumOffset, foldSum, pseudoHeaderSum, sumWords } from '../../packet/checksum.ts';
import type { Packet } from '../../packet/packet.ts';
import { PROTOCOL_ICMP, PROTOCOL_UDP, PROTOCOL_UDPLITE } from './tuple.ts';

const CT_CHECKSUM = eventKind('ct-checksum');

/** Octets of the layer-4 header and payload by the IP header's own length (skb->len - dataoff). */
export function transportLength(packet: Packet): number {
  return packet.network + packet.networkLength - packet.transport;
}

/** Whether the capture (or a lying length) left octets of the datagram out. */
export function isCut(packet: Packet): boolean {
  return packet.networkEnd - packet.network < packet.networkLength;
}

/**
 * Whether the checksum of the packet's first `coverage` layer-4 octets is right. Sets packet.checksumPartial when the
 * field holds the pseudo-header sum, else packet.isChecksumVerified. A cut packet passes.
 * Events: ct-checksum.
 */
export function hasGoodChecksum(packet: Packet, coverage: number, recorder: Recorder): boolean {
  recorder.event(CT_CHECKSUM, (coverage + 63) >> 6);
  const { data, network, transport, protocol } = packet;
  const version = packet.ipVersion === 6 ? 6 : 4;
  if (packet.checksumPartial || isCut(packet)) return true;
  const field = checksumOffset(protocol);
  if (field < 0) return true;
  const length = transportLength(packet);
  // udplite_error asks for UDP's number in the pseudo header (RFC 3828 says 136): right UDP-Lite looks wrong to it.
  const number = protocol === PROTOCOL_UDPLITE ? PROTOCOL_UDP : protocol;
  const pseudo = protocol === PROTOCOL_ICMP ? 0 : pseudoHeaderSum(data, network, version, number, length);
  packet.isChecksumVerified = foldSum(sumWords(data, transport, transport + coverage) + pseudo) === 0xffff;
  packet.checksumPartial =
    !packet.isChecksumVerified && protocol !== PROTOCOL_ICMP && be16(data, transport + field) === foldSum(pseudo);
  const isGood = packet.isChecksumVerified || packet.checksumPartial;
  recorder.checksums.add(data, network, version, isGood);
  return isGood;
}
