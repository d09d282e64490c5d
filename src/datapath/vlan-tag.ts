// VLAN tags of a frame. The outermost one stands beside a packet in the kernel (skb->vlan_tci); here its octets stay in the
// frame and packet.encapsulation says that they are it.
import { putBe16 } from '../base/columns.ts';
import type { Packet } from '../packet/packet.ts';

/** __vlan_hwaccel_put_tag. */
export function putTag(packet: Packet, protocol: number, tci: number): void {
  pushTag(packet, protocol, tci);
  packet.encapsulation[0] = ((protocol << 16) | tci) >>> 0;
  packet.encapsulationCount = 1;
}

/** vlan_insert_tag: the addresses move forward, the tag goes between them and the type. */
function pushTag(packet: Packet, protocol: number, tci: number): void {
  const { data, start } = packet;
  data.copyWithin(start - 4, start, start + 12);
  putBe16(data, start + 8, protocol);
  putBe16(data, start + 10, tci);
  packet.start = start - 4;
  packet.wireLength += 4;
}

/** skb_reorder_vlan_header: the addresses move back over the tag. */
export function removeTag(packet: Packet): void {
  const { data, start } = packet;
  data.copyWithin(start + 4, start, start + 12);
  packet.start = start + 4;
  packet.wireLength -= 4;
  packet.encapsulationCount = 0;
}
