// Whether a reject answers a packet with regard to its checksum (nf_reject_verify_csum of nf_reject.h, nf_ip_checksum and
// nf_ip6_checksum of net/netfilter/utils.c, skb_csum_unnecessary).
import { u8 } from '../base/columns.ts';
import { hasGoodChecksum, isCut, transportLength } from '../netfilter/conntrack/verify.ts';
import { internetChecksum, pseudoHeaderSum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import type { Stack } from './stack.ts';

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const DCCP = 33;
const GRE = 47;
const ESP = 50;
const AH = 51;
const ICMPV6 = 58;
const SCTP = 132;
const UDP_LITE = 136;

/** Of nf_send_unreach and nf_send_unreach6: protocols without a checksum over their whole payload pass. */
export function mayAnswer(stack: Stack, packet: Packet): boolean {
  const { data, transport, networkEnd, protocol } = packet;
  if (packet.checksumPartial || packet.isChecksumVerified) return true;
  if (packet.ipVersion === 6 && (transport < 0 || transport >= networkEnd)) return isCut(packet);
  switch (protocol) {
    case UDP:
      return u8(data, transport + 6) + u8(data, transport + 7) === 0 || isChecksumRight(stack, packet);
    case GRE:
    case ESP:
    case AH:
    case SCTP:
    case UDP_LITE:
    case DCCP:
      return true;
    default:
      return isChecksumRight(stack, packet);
  }
}

/** nf_ip_checksum(…) == 0 and its twin. Protocols that nobody knows are taken to have a checksum like ICMP's. */
export function isChecksumRight(stack: Stack, packet: Packet): boolean {
  const { data, network, transport, networkEnd, protocol } = packet;
  if (packet.checksumPartial || transport < 0 || isCut(packet)) return true;
  const isIpv4 = packet.ipVersion === 4;
  // The sum goes over the IPv4 header too, which is wrong while its options were changed.
  if (isIpv4 && packet.hasOptions && internetChecksum(data, network, transport) !== 0) return false;
  if (protocol === UDP || protocol === TCP || protocol === ICMP || protocol === ICMPV6) {
    return hasGoodChecksum(packet, transportLength(packet), stack.recorder);
  }
  if (isIpv4) return internetChecksum(data, network, networkEnd) === 0;
  const seed = pseudoHeaderSum(data, network, 6, protocol, networkEnd - transport);
  return internetChecksum(data, transport, networkEnd, seed) === 0;
}
