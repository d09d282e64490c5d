// How long and how often a router asks for a neighbour (net/core/neighbour.c; net.ipv4.neigh.* and net.ipv6.neigh.*).
import type { Interfaces } from './interfaces.ts';
import { type Sysctl, sysctlNumber } from './sysctl.ts';

export interface NeighbourLimits {
  /** ucast_solicit: counted as made when nobody is known yet. */
  unicastProbes: number;
  /** app_solicit: requests that a daemon would have to make. */
  applicationProbes: number;
  /** mcast_solicit. */
  multicastProbes: number;
  /** retrans_time_ms, at least 10 ms. */
  intervalNs: number;
  /** unres_qlen_bytes: SK_WMEM_MAX. */
  queueOctets: number;
}

const QUEUE_OCTETS = 212_992;
const MIN_INTERVAL_MS = 10;

/** By ifindex. */
export function readNeighbourLimits(sysctl: Sysctl, interfaces: Interfaces, tree: 'ipv4' | 'ipv6'): NeighbourLimits[] {
  return interfaces.list.map(({ name }) => {
    const value = (key: string, fallback: number): number => {
      const inherited = sysctlNumber(sysctl, `net.${tree}.neigh.default.${key}`, fallback);
      const slashed = sysctlNumber(sysctl, `net.${tree}.neigh.${name.replaceAll('.', '/')}.${key}`, inherited);
      return Math.max(0, sysctlNumber(sysctl, `net.${tree}.neigh.${name}.${key}`, slashed));
    };
    return {
      unicastProbes: value('ucast_solicit', 3),
      applicationProbes: value('app_solicit', 0),
      multicastProbes: value('mcast_solicit', 3),
      intervalNs: Math.max(MIN_INTERVAL_MS, value('retrans_time_ms', 1000)) * 1e6,
      queueOctets: value('unres_qlen_bytes', QUEUE_OCTETS),
    };
  });
}
