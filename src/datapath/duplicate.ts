// Copies and detours that rules ask for: `dup` (net/ipv4/netfilter/nf_dup_ipv4.c, nf_dup_netdev.c) and `fwd`
// (net/netfilter/nft_fwd_netdev.c). Rare: these allocate.
import { be32, putBe16, u8 } from '../base/columns.ts';
import type { Route } from '../net/fib.ts';
import { words } from '../net/interfaces.ts';
import { writeIpv4Checksum } from '../packet/checksum.ts';
import { CT_UNTRACKED, type Packet } from '../packet/packet.ts';
import { cloneFrame } from './clone-frame.ts';
import { localOut } from './output.ts';
import type { Stack } from './stack.ts';
import { neighbourTransmit, queueTransmit } from './transmit.ts';

/** nf_skb_duplicated: copies are not copied again. */
let isDuplicating = false;

/** RouterServices.duplicate. */
export function duplicate(
  stack: Stack,
  packet: Packet,
  oif: number,
  version: 0 | 4 | 6,
  gateway: Uint8Array,
  offset: number,
): void {
  if (isDuplicating) return;
  const copy = cloneFrame(stack, packet);
  if (copy === undefined) return;
  isDuplicating = true;
  const dev = stack.interfaces.list[oif];
  if (version === 0) {
    if (packet.oif === 0) asReceived(stack, copy);
    if (dev !== undefined && oif !== 0) queueTransmit(stack, copy, dev);
  } else {
    const route = gatewayRoute(stack, oif, version, gateway, offset);
    if (route !== undefined) {
      // The copy is not tracked; one made before routing is on its way out already.
      copy.ct = -1;
      copy.ctInfo = CT_UNTRACKED;
      if (version === 4) {
        const { data, network } = copy;
        putBe16(data, network + 6, (u8(data, network + 6) << 8) | u8(data, network + 7) | 0x4000);
        if (packet.oif === 0) data[network + 8] = u8(data, network + 8) - 1;
        writeIpv4Checksum(data, network);
      } else if (packet.oif === 0) {
        copy.data[copy.network + 7] = u8(copy.data, copy.network + 7) - 1;
      }
      copy.iif = 0;
      localOut(stack, copy, route);
    }
  }
  stack.pool.release();
  isDuplicating = false;
}

/** nf_dup_ipv4_route: the route to the gateway, with the gateway as next hop. */
function gatewayRoute(
  stack: Stack,
  oif: number,
  version: 4 | 6,
  gateway: Uint8Array,
  offset: number,
): Route | undefined {
  if (version === 4) {
    const address = be32(gateway, offset);
    const route = stack.fib.lookup4(address, 0, oif);
    if (route === undefined || route.kind !== 'unicast') return undefined;
    return route.gateway4 !== 0 ? route : { ...route, gateway4: address };
  }
  const address = words(gateway.slice(offset, offset + 16));
  const route = stack.fib.lookup6(address, 0, 0, oif);
  if (route === undefined || route.kind !== 'unicast') return undefined;
  return route.gateway6 !== undefined ? route : { ...route, gateway6: address };
}

/** What a PPP device received has no link-layer header, so that it leaves without one; ours keeps one for who looks at addresses. */
function asReceived(stack: Stack, packet: Packet): void {
  if (stack.interfaces.list[packet.iif]?.kind !== 'pppoe') return;
  packet.wireLength -= packet.network - packet.start;
  packet.start = packet.network;
}

/** RouterServices.forwardTo. */
export function forwardTo(
  stack: Stack,
  packet: Packet,
  oif: number,
  version: 0 | 4 | 6,
  nexthop: Uint8Array,
  offset: number,
): void {
  const dev = stack.interfaces.list[oif];
  if (dev === undefined || oif === 0) return;
  if (version === 0) {
    if (packet.oif === 0) asReceived(stack, packet);
    queueTransmit(stack, packet, dev);
    return;
  }
  const mac =
    version === 4
      ? stack.neighbours.resolve4(dev, be32(nexthop, offset))
      : stack.neighbours.resolve6(dev, words(nexthop.slice(offset, offset + 16)));
  if (mac !== undefined) neighbourTransmit(stack, packet, dev, mac);
  else stack.resolution.hold(packet, dev, nexthop.slice(offset, offset + (version === 4 ? 4 : 16)));
}
