// Is the source of a packet one that may come in here? fib_validate_source (net/ipv4/fib_frontend.c): own addresses never,
// and with rp_filter the way back must lead out where the packet came in (1, strict) or anywhere (2, loose).
import { be32 } from '../base/columns.ts';
import type { Route } from '../net/fib.ts';
import type { Packet } from '../packet/packet.ts';
import type { Stack } from './stack.ts';

/** After a source that is good: it is on the link of its interface, not behind a gateway (if that was looked at). */
export let isSourceOnLink = false;

/**
 * Of an IPv4 packet that is to leave by `oif` (0: it is the router's). 0: good; 1: martian (-EINVAL); 2: refused by the
 * reverse path filter (-EXDEV).
 */
export function validateSource(stack: Stack, packet: Packet, oif: number): 0 | 1 | 2 {
  const { settings, fib } = stack;
  const { iif } = packet;
  const filter = settings.rpFilter[iif] as number;
  const mark = settings.sourceValidMark[iif] === 1 ? packet.mark : 0;
  const route = fib.lookup4(be32(packet.data, packet.network + 12) | 0, mark, 0, fib.keyAsked(packet, mark, true));
  const acceptsLocal = settings.acceptLocal[iif] === 1;
  isSourceOnLink = false;
  // A redirect may have to be sent: then everything is looked at.
  if (oif === iif && settings.sendRedirects[iif] === 1) return validateFully(stack, packet, route, mark);
  if (filter === 0 && fib.hasRules) return isWrongKind(route, acceptsLocal) ? 1 : 0;
  if (filter === 0) return route?.kind === 'local' && route.length === 32 && !acceptsLocal ? 1 : 0;
  if (route === undefined || isError(route)) return 2;
  if (isWrongKind(route, acceptsLocal)) return 1;
  if (route.oif.index === iif) return 0;
  if (stack.interfaces.at(iif).addresses4.length === 0 || filter === 1) return 2;
  return 0;
}

/** __fib_validate_source for a way out that is the way in. */
function validateFully(stack: Stack, packet: Packet, route: Route | undefined, mark: number): 0 | 1 | 2 {
  const { settings, fib } = stack;
  const { iif } = packet;
  const filter = settings.rpFilter[iif] as number;
  if (route === undefined || isError(route)) return filter === 0 ? 0 : 2;
  if (isWrongKind(route, settings.acceptLocal[iif] === 1)) return 1;
  if (route.oif.index === iif) {
    isSourceOnLink = route.gateway4 === 0;
    return 0;
  }
  if (stack.interfaces.at(iif).addresses4.length === 0) return filter === 0 ? 0 : 2;
  if (filter === 1) return 2;
  const here = fib.lookup4(be32(packet.data, packet.network + 12) | 0, mark, iif, fib.keyAsked(packet, mark, true));
  isSourceOnLink = here?.kind === 'unicast' && here.gateway4 === 0;
  return 0;
}

/** A route of these kinds is an error to fib_lookup. */
function isError(route: Route): boolean {
  return route.kind === 'blackhole' || route.kind === 'unreachable' || route.kind === 'prohibit';
}

function isWrongKind(route: Route | undefined, acceptsLocal: boolean): boolean {
  if (route === undefined || isError(route)) return false;
  return route.kind !== 'unicast' && (route.kind !== 'local' || !acceptsLocal);
}
