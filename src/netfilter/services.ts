// What netfilter asks of the IP stack around it. The datapath implements it; tests pass small fakes.
// All calls are made in the middle of a packet: an implementation must leave the packet in hand as it found it
// (frames it makes itself go through its own Packet), except `reroute`, which sets packet.oif.
import type { Interface } from '../net/interfaces.ts';
import type { Packet } from '../packet/packet.ts';

/** The IP stack as seen from netfilter. Hooks are indexes of HOOK_NAMES (event/vocabulary.ts). */
export interface RouterServices {
  /** nf_send_reset / nf_send_reset6 (by packet.ipVersion): answers a TCP segment with RST; nothing when it is one itself. */
  sendTcpReset(packet: Packet, hook: number): void;
  /**
   * nf_send_unreach / nf_send_unreach6: an ICMP error about a packet that a rule rejects; or, of type time exceeded, plain
   * icmp_send about the first fragment of a datagram that never became whole. Checks of when none may be sent are the callee's.
   */
  sendIcmpError(packet: Packet, version: 4 | 6, type: number, code: number, hook: number): void;
  /**
   * ip_route_me_harder after a route chain or an output DNAT changed addresses or mark; sets packet.oif.
   * False: no route, the caller drops the packet.
   */
  reroute(packet: Packet): boolean;
  /**
   * The flowtable's way out: the packet is complete but for its link-layer header. nexthop6 undefined: IPv4; nexthop4: 32
   * bits, signed or not.
   */
  flowTransmit(packet: Packet, oif: Interface, nexthop4: number, nexthop6: Uint32Array | undefined): void;
  /**
   * Sends a copy. `version` 4 or 6: nf_dup_ipv4/6 to the gateway whose address octets stand at `gateway[offset…]`, by
   * interface `oif` (0: as routed). `version` 0: nf_dup_netdev_egress, the frame as it is out of `oif`.
   */
  duplicate(packet: Packet, oif: number, version: 0 | 4 | 6, gateway: Uint8Array, offset: number): void;
  /**
   * `fwd`: the packet leaves by `oif` now. `version` 0: the frame as it is; 4 or 6: to the neighbour whose address octets
   * stand at `nexthop[offset…]` (TTL was decremented already).
   */
  forwardTo(packet: Packet, oif: number, version: 0 | 4 | 6, nexthop: Uint8Array, offset: number): void;
  /**
   * dst_neigh_lookup: the hardware address that a next hop answers with, valid until the next call; undefined: nobody.
   * The flowtable asks it for the way below a bridge, VLAN or PPPoE device. nexthop6 undefined: IPv4.
   */
  neighbour?(oif: Interface, nexthop4: number, nexthop6: Uint32Array | undefined): Uint8Array | undefined;
  /** br_fdb_find: the port of a bridge behind which a hardware address was learned; `vlan` 0: the bridge filters none. */
  bridgePort?(bridge: Interface, mac: Uint8Array, vlan: number): Interface | undefined;
}
