// Events that are steps of a walk by themselves: where a frame came in, which device took it over, hooks, routes.
import { be32, u32 } from '../base/columns.ts';
import type { Router } from '../datapath/router.ts';
import { type EventName, HOOK_NAMES } from '../event/vocabulary.ts';
import { formatAddress, formatIpv4 } from '../packet/address.ts';
import type { Packet } from '../packet/packet.ts';
import type { TraceStepDetail } from './trace-steps.ts';

/** The step that an event is; undefined when it is part of another one. */
export function eventStep(
  name: EventName,
  argument: number,
  packet: Packet,
  router: Router,
): TraceStepDetail | undefined {
  const device = (): string => router.interfaces.list[argument]?.name ?? '';
  const flowtable = (): string => router.netfilter.flowtables[argument]?.name ?? '';
  switch (name) {
    case 'rx':
      return { kind: 'receive', interface: device() };
    case 'vlan-untag':
      return { kind: 'device', how: 'vlan', interface: device() };
    case 'pppoe-decap':
      return { kind: 'device', how: 'pppoe', interface: device() };
    case 'bridge-forward':
      return { kind: 'device', how: 'bridge', interface: device() };
    case 'hook':
      return { kind: 'hook', hook: HOOK_NAMES[argument] ?? '' };
    case 'ingress-hook':
      return { kind: 'hook', hook: 'ingress', device: device() };
    case 'egress-hook':
      return { kind: 'hook', hook: 'egress', device: device() };
    case 'ip-receive':
      return { kind: 'ip-receive', version: argument === 4 ? 4 : 6 };
    case 'defrag-queue':
      return { kind: 'defrag', outcome: 'waits', octets: packet.networkLength };
    case 'route':
      return routeStep(packet, router);
    case 'forward':
      return { kind: 'forward', ttl: packet.hopLimit };
    case 'local':
      return { kind: 'local' };
    case 'flow-lookup':
      return { kind: 'flowtable', flowtable: flowtable(), outcome: 'miss' };
    case 'flow-teardown':
      return { kind: 'flowtable', flowtable: '', outcome: 'teardown' };
    case 'flow-add':
      return { kind: 'flow-add', flowtable: flowtable() };
    case 'fragment':
    case 'neighbour':
    case 'gso-segment':
    case 'route-output':
      return { kind: 'event', event: name, argument };
    default:
      return undefined;
  }
}

/** The route that the packet is about to get. */
function routeStep(packet: Packet, { fib }: Router): TraceStepDetail {
  const { data, network, mark } = packet;
  const isV4 = packet.ipVersion === 4;
  const destination = isV4 ? formatIpv4(be32(data, network + 16)) : formatAddress(data, network + 24, 16);
  const first = be32(data, network + (isV4 ? 16 : 24));
  const own = isV4 ? groupOf4(first) : first >>> 24 === 0xff ? 'multicast' : undefined;
  if (own !== undefined) return { kind: 'route', destination, outcome: own };
  const key = fib.keyOf(packet);
  // Link-local destinations have a meaning only on the link.
  const oif = !isV4 && first >>> 22 === 0x3fa ? packet.iif : 0;
  const route = isV4 ? fib.lookup4(first | 0, mark, 0, key) : fib.lookup6At(data, network + 24, mark, oif, key);
  if (route === undefined) return { kind: 'route', destination, outcome: 'none' };
  const { gateway4, gateway6, kind: outcome } = route;
  const step = { kind: 'route', destination, outcome, interface: route.oif.name } as const;
  if (gateway6 !== undefined) return { ...step, via: gatewayText(gateway6) };
  return isV4 && gateway4 !== 0 ? { ...step, via: formatIpv4(gateway4) } : step;
}

/** Destinations that no route is asked for. */
function groupOf4(address: number): string | undefined {
  if (address === 0xffffffff) return 'broadcast';
  return address >>> 28 === 14 ? 'multicast' : undefined;
}

function gatewayText(words: Uint32Array): string {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  for (let i = 0; i < 4; i++) view.setUint32(i * 4, u32(words, i));
  return formatAddress(octets, 0, 16);
}
