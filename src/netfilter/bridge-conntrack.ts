// Connections of the bridge family (net/bridge/netfilter/nf_conntrack_bridge.c): what ports receive is tracked before the
// bridge decides, and confirmed when it leaves by a port. Fragments are gathered; the bridge sends them as they came.
import { be16, u8, u32 } from '../base/columns.ts';
import { internetChecksum } from '../packet/checksum.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../packet/decode.ts';
import { CT_UNTRACKED, PACKET_HOST, type Packet } from '../packet/packet.ts';
import { IPS_CONFIRMED } from './conntrack/status.ts';
import type { Conntrack } from './conntrack/track.ts';
import { PROTOCOL_DCCP, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_UDPLITE } from './conntrack/tuple.ts';
import type { Defrag } from './defrag/defrag.ts';
import { HOOK_INPUT, HOOK_POSTROUTING, HOOK_PREROUTING } from './evaluate/evaluation.ts';
import type { HeldConnections } from './evaluate/held-connections.ts';
import { type HookEntry, PRIORITY_CONFIRM, PRIORITY_CONNTRACK } from './hooks.ts';
import { NF_ACCEPT } from './verdict.ts';

/** The hook entries, with the hooks that they belong to. `held` lets go of connections that no port confirmed. */
export function bridgeConntrack(
  conntrack: Conntrack,
  defrag: Defrag,
  held: HeldConnections,
): (HookEntry & { hook: number })[] {
  const track = (packet: Packet): number => {
    if (!isTrackable(packet)) return NF_ACCEPT;
    const gathered = defrag.gather(packet, HOOK_PREROUTING);
    if (gathered !== NF_ACCEPT) return gathered;
    if (conntrack.verifyChecksums && hasWrongSum(packet)) return NF_ACCEPT;
    const verdict = conntrack.in(packet, HOOK_PREROUTING);
    if (packet.ct >= 0) held.add(packet.ct);
    return verdict;
  };
  // The IP layer shall look again at a frame whose copies may leave the bridge (nf_ct_bridge_in).
  const forget = (packet: Packet): number => {
    const { ct } = packet;
    if (ct >= 0 && packet.packetType !== PACKET_HOST && (u32(conntrack.table.status, ct) & IPS_CONFIRMED) === 0) {
      packet.ct = -1;
    }
    return NF_ACCEPT;
  };
  const confirm = (packet: Packet): number => conntrack.confirm(packet);
  return [
    { hook: HOOK_PREROUTING, priority: PRIORITY_CONNTRACK, name: 'conntrack', run: track },
    { hook: HOOK_INPUT, priority: PRIORITY_CONFIRM, name: 'conntrack', run: forget },
    { hook: HOOK_POSTROUTING, priority: PRIORITY_CONFIRM, name: 'confirm', run: confirm },
  ];
}

/** nf_ct_bridge_pre: a datagram loses its padding; what is none is untracked. */
function isTrackable(packet: Packet): boolean {
  if (packet.ct >= 0 || packet.ctInfo === CT_UNTRACKED) return false;
  if (packet.ipVersion === 0) {
    if (packet.etherType === ETHERTYPE_IPV4) trim(packet, 20, 2, 0);
    else if (packet.etherType === ETHERTYPE_IPV6) trim(packet, 40, 4, 40);
    else packet.ctInfo = CT_UNTRACKED;
    return false;
  }
  const headers = packet.network - packet.start;
  if (headers + packet.networkLength > packet.wireLength) return false;
  packet.wireLength = headers + packet.networkLength;
  packet.end = Math.min(packet.end, packet.network + packet.networkLength);
  return true;
}

/** What is no sound datagram loses its padding all the same, by the length that its header of `size` octets tells. */
function trim(packet: Packet, size: number, lengthAt: number, more: number): void {
  const { data, network, start } = packet;
  if (network + size > packet.end) return;
  const length = be16(data, network + lengthAt) + more;
  packet.wireLength = Math.min(packet.wireLength, network - start + length);
  packet.end = Math.min(packet.end, network + length);
}

/**
 * nf_ip_checksum sums the whole datagram: at a bridge nobody has looked at the IPv4 header's own checksum yet, and where it is
 * wrong that of layer 4 is taken as wrong too. Such a packet is invalid. A zero is the sender's offload (headerFault4).
 */
function hasWrongSum(packet: Packet): boolean {
  const { data, network, protocol, transport } = packet;
  if (packet.ipVersion !== 4 || transport < 0 || !isSummed(packet, protocol, transport)) return false;
  if (be16(data, network + 10) === 0) return false;
  return internetChecksum(data, network, network + (u8(data, network) & 15) * 4) !== 0;
}

/** Trackers that ask nf_ip_checksum; UDP without a checksum has nothing to verify. */
function isSummed(packet: Packet, protocol: number, transport: number): boolean {
  switch (protocol) {
    case PROTOCOL_UDP:
      return transport + 8 <= packet.networkEnd && be16(packet.data, transport + 6) !== 0;
    case PROTOCOL_TCP:
    case PROTOCOL_ICMP:
    case PROTOCOL_DCCP:
    case PROTOCOL_UDPLITE:
      return true;
    default:
      return false;
  }
}
