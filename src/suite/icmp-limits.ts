// In a suite every packet that deserves an ICMP error gets it, however many came before: limits in rate hold only where the
// router's sysctls say so.
import type { RouterSpec } from '../net/spec.ts';

const UNLIMITED = {
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv4.icmp_msgs_per_sec': 1_000_000,
  'net.ipv4.icmp_msgs_burst': 1_000_000,
  'net.ipv4.route.error_cost': 0,
  'net.ipv6.icmp.ratelimit': 0,
};

/** The router, answering as often as it is asked. */
export function withoutIcmpLimits(spec: RouterSpec): RouterSpec {
  return { ...spec, sysctl: { ...UNLIMITED, ...spec.sysctl } };
}
