// Connections of the bridge family (net/bridge/netfilter/nf_conntrack_bridge.c): what ports receive is tracked before the
// bridge decides, and confirmed when it leaves by a port. Fragments are gathered; the bridge sends them as they came.
import { u32 } from '../base/columns.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../packet/decode.ts';
import { CT_UNTRACKED, PACKET_HOST, type Packet } from '../packet/packet.ts';
import { IPS_CONFIRMED } from './conntrack/status.ts';
import type { Conntrack } from './conntrack/track.ts';
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
    if (packet.etherType !== ETHERTYPE_IPV4 && packet.etherType !== ETHERTYPE_IPV6) packet.ctInfo = CT_UNTRACKED;
    return false;
  }
  const headers = packet.network - packet.start;
  if (headers + packet.networkLength > packet.wireLength) return false;
  packet.wireLength = headers + packet.networkLength;
  packet.end = Math.min(packet.end, packet.network + packet.networkLength);
  return true;
}
