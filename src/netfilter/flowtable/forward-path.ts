// Which way a flow goes below its routes: VLAN tags, PPPoE sessions and bridge ports down to the device that carries the
// frames (dev_fill_forward_path of net/core/dev.c, ndo_fill_forward_path of VLAN, PPP and bridge devices, and
// nft_dev_path_info, nft_dev_forward_path of net/netfilter/nft_flow_offload.c).
//
// SIMPLIFIED: dsa: no DSA ports, no IPsec: such routers offload a little differently.
import { DOUBLE_ZERO } from '../../base/columns.ts';
import type { Interface } from '../../net/interfaces.ts';
import { ARPHRD_ETHER } from '../../net/interfaces.ts';
import { VLAN_UNTAGGED } from '../../net/vlan-filter.ts';
import { ETHERTYPE_PPPOE, ETHERTYPE_VLAN } from '../../packet/decode.ts';
import type { RouterServices } from '../services.ts';

/** NF_FLOW_TABLE_ENCAP_MAX. */
export const ENCAP_MAX = 2;
/** NET_DEVICE_PATH_VLAN_MAX. */
const VLAN_MAX = 2;
/** NET_DEVICE_PATH_STACK_MAX. */
const STACK_MAX = 5;

/** One direction's way out, and what its opposite looks like when it enters: one object a direction, used again. */
export class DirectionRoute {
  /** Way out by the route. */
  oif: Interface | undefined = undefined;
  gateway4 = DOUBLE_ZERO;
  gateway6: Uint32Array | undefined = undefined;
  mtu = 0;
  /** Where the opposite direction's frames enter: for the other tuple. */
  inIndex = 0;
  /** Encapsulations of those frames, as id << 16 | EtherType, innermost first. */
  encapCount = 0;
  readonly encap = new Uint32Array(ENCAP_MAX);
  readonly tags = new Uint32Array(VLAN_MAX);
  /** Frames are sent by `out` with these addresses, without asking the neighbour table. */
  direct = false;
  out: Interface | undefined = undefined;
  readonly destination = new Uint8Array(6);
  readonly source = new Uint8Array(6);

  /** nft_default_forward_path: as the route says. */
  reset(oif: Interface, gateway4: number, gateway6: Uint32Array | undefined, mtu: number): void {
    this.oif = oif;
    this.gateway4 = gateway4;
    this.gateway6 = gateway6;
    this.mtu = mtu;
    this.inIndex = oif.index;
    this.encapCount = 0;
    this.direct = false;
    this.out = undefined;
    this.destination.fill(0);
    this.source.fill(0);
  }
}

/**
 * nft_dev_forward_path: follows `route` below its interface. Changes it only when the device at the bottom is one of
 * the flowtable's; else it stays what reset() made it. The next hop's address is given in one of the two forms.
 */
export function fillForwardPath(
  route: DirectionRoute,
  devices: Uint8Array,
  hardware: boolean,
  services: RouterServices,
  nexthop4: number,
  nexthop6: Uint32Array | undefined,
): void {
  const top = route.oif;
  if (top === undefined) return;
  let address: Uint8Array | undefined;
  if (isEther(top)) {
    address = services.neighbour?.(top, nexthop4, nexthop6);
    if (address === undefined && services.neighbour !== undefined) return;
  }
  let encapCount = 0;
  let viaBridge = false;
  let out: Interface | undefined;
  let device: Interface = top;
  const { source, encap } = route;
  // net_device_path_ctx: tags that the devices so far would have put on.
  const { tags } = route;
  let tagCount = 0;
  for (let depth = 0; hasForwardPath(device); depth++) {
    // One more path than this does not fit on the stack.
    if (depth + 1 >= STACK_MAX) return;
    if (isZero(source)) source.set(device.mac);
    if (device.kind === 'bridge') {
      const filter = device.vlanFilter;
      const top = tagCount > 0 ? (tags[tagCount - 1] as number) : 0;
      // br_vlan_fill_forward_path_pvid: a tag of the flow says the VLAN, else the bridge's own.
      const isTagged = (top & 0xffff) === ETHERTYPE_VLAN;
      const vlan = filter === undefined ? 0 : isTagged ? top >>> 16 : filter.pvid;
      const port =
        address === undefined || device.master !== undefined ? undefined : services.bridgePort?.(device, address, vlan);
      if (port === undefined) return;
      const flags = filter === undefined ? 0 : (port.vlanFilter?.flags[vlan] ?? 0);
      if (filter !== undefined && flags === 0) return;
      viaBridge = true;
      device = port;
      if (filter === undefined) continue;
      const leavesTagged = (flags & VLAN_UNTAGGED) === 0;
      if (leavesTagged && !isTagged) {
        if (tagCount >= VLAN_MAX) return;
        tags[tagCount++] = ((vlan << 16) | ETHERTYPE_VLAN) >>> 0;
        if (encapCount < ENCAP_MAX) encap[encapCount++] = tags[tagCount - 1] as number;
      } else if (!leavesTagged && isTagged) {
        tagCount--;
        if (encapCount > 0) encapCount--;
      }
      continue;
    }
    if (device.kind === 'vlan') {
      if (tagCount >= VLAN_MAX) return;
      tags[tagCount++] = ((device.vlanId << 16) | device.vlanProtocol) >>> 0;
    }
    if (device.link === undefined || (device.kind === 'pppoe' && device.pppoeSession === 0)) return;
    if (encapCount < ENCAP_MAX) {
      out ??= device;
      encap[encapCount++] =
        device.kind === 'vlan'
          ? ((device.vlanId << 16) | device.vlanProtocol) >>> 0
          : ((device.pppoeSession << 16) | ETHERTYPE_PPPOE) >>> 0;
    }
    if (device.kind === 'pppoe') address = device.pppoePeer;
    device = device.link;
  }
  if (isZero(source)) source.set(device.mac);
  if (devices[device.index] !== 1) return;
  route.inIndex = device.index;
  route.encapCount = encapCount;
  // Without an address there is no frame to write: SIMPLIFIED: neighbours: for services without neighbours, which only tests have.
  if (address === undefined || !(viaBridge || (hardware && isEther(device)))) return;
  route.direct = true;
  route.out = out ?? device;
  route.destination.set(address);
}

/** nft_is_valid_ether_device. */
export function isEther(device: Interface): boolean {
  return (
    device.kind !== 'loopback' &&
    device.type === ARPHRD_ETHER &&
    ((device.mac[0] as number) & 1) === 0 &&
    !isZero(device.mac)
  );
}

function hasForwardPath(device: Interface): boolean {
  return device.kind === 'vlan' || device.kind === 'pppoe' || device.kind === 'bridge';
}

function isZero(address: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (address[i] !== 0) return false;
  return true;
}
