// The scenarios of the kernel's own tools/testing/selftests/net/netfilter that fit one router between hosts: their topologies,
// what their rules mean and the traffic that they make, in our words. docs/FIDELITY.md says which do not fit.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { BRIDGE_SELFTESTS } from './bridged.ts';
import { CONCAT_RANGE_SELFTESTS } from './concat-range.ts';
import { CONNECTION_SELFTESTS } from './connections.ts';
import { FLOWTABLE_SELFTESTS } from './flowtable.ts';
import { ICMP_RELATED_SELFTESTS } from './icmp-related.ts';
import { LOOKUP_SELFTESTS } from './lookups.ts';
import { NAT_SELFTESTS } from './nat.ts';
import { PACKETDRILL_SELFTESTS } from './packetdrill.ts';
import { ZONE_SELFTESTS } from './zones.ts';

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
