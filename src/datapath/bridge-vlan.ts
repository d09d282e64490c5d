// A bridge that filters VLANs (vlan_filtering; net/bridge/br_vlan.c): what a frame belongs to when it enters by a port or from
// the bridge device, where it may leave, and with or without its tag. Without a filter everything passes as it is.
import { be16, putBe16 } from '../base/columns.ts';
import type { VlanFilter } from '../net/vlan-filter.ts';
import { VLAN_UNTAGGED } from '../net/vlan-filter.ts';
import { ETHERTYPE_VLAN } from '../packet/decode.ts';
import type { Packet } from '../packet/packet.ts';
import { putTag, removeTag } from './vlan-tag.ts';

/**
 * __allowed_ingress: the VLAN of a frame (0: no filter), or -1: it may not enter. A frame without a tag, or with a priority tag,
 * belongs to the port's own VLAN and is tagged with it.
 */
export function admit(packet: Packet, filter: VlanFilter | undefined): number {
  if (filter === undefined) return 0;
  const tag = packet.encapsulationCount === 0 ? 0 : (packet.encapsulation[0] as number);
  // A tag of another protocol is part of what is in the frame.
  if (tag >>> 16 !== ETHERTYPE_VLAN) {
    if (tag !== 0) {
      packet.encapsulationCount = 0;
      packet.etherType = tag >>> 16;
      packet.network = packet.start + 14;
      packet.ipVersion = 0;
    }
    if (filter.pvid === 0) return -1;
    putTag(packet, ETHERTYPE_VLAN, filter.pvid);
    return filter.pvid;
  }
  const vlan = tag & 0xfff;
  if (vlan !== 0) return filter.flags[vlan] === 0 ? -1 : vlan;
  if (filter.pvid === 0) return -1;
  const { data, start } = packet;
  putBe16(data, start + 14, be16(data, start + 14) | filter.pvid);
  packet.encapsulation[0] = (tag | filter.pvid) >>> 0;
  return filter.pvid;
}

/** br_allowed_egress. */
export function mayPass(packet: Packet, filter: VlanFilter | undefined): boolean {
  return filter === undefined || filter.flags[vlanOf(packet)] !== 0;
}

/** br_handle_vlan: the tag goes where the VLAN is untagged. */
export function untagAt(packet: Packet, filter: VlanFilter | undefined): void {
  if (filter === undefined || ((filter.flags[vlanOf(packet)] as number) & VLAN_UNTAGGED) === 0) return;
  removeTag(packet);
}

function vlanOf(packet: Packet): number {
  return packet.encapsulationCount === 0 ? 0 : (packet.encapsulation[0] as number) & 0xfff;
}
