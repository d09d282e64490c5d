// The scenarios of the kernel's own tools/testing/selftests/net/netfilter that fit one router between hosts: their topologies,
// what their rules mean and the traffic that they make, in our words. docs/FIDELITY.md says which do not fit.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { BRIDGE_SELFTESTS } from './selftest-scenes/bridged.ts';
import { CONCAT_RANGE_SELFTESTS } from './selftest-scenes/concat-range.ts';
import { CONNECTION_SELFTESTS } from './selftest-scenes/connections.ts';
import { FLOWTABLE_SELFTESTS } from './selftest-scenes/flowtable.ts';
import { ICMP_RELATED_SELFTESTS } from './selftest-scenes/icmp-related.ts';
import { LOOKUP_SELFTESTS } from './selftest-scenes/lookups.ts';
import { NAT_SELFTESTS } from './selftest-scenes/nat.ts';
import { PACKETDRILL_SELFTESTS } from './selftest-scenes/packetdrill.ts';
import { ZONE_SELFTESTS } from './selftest-scenes/zones.ts';

export const SELFTEST_SCENES: KernelScene[] = [
  ...FLOWTABLE_SELFTESTS,
  ...NAT_SELFTESTS,
  ...ZONE_SELFTESTS,
  ...ICMP_RELATED_SELFTESTS,
  ...CONNECTION_SELFTESTS,
  ...PACKETDRILL_SELFTESTS,
  ...LOOKUP_SELFTESTS,
  ...CONCAT_RANGE_SELFTESTS,
  ...BRIDGE_SELFTESTS,
];
