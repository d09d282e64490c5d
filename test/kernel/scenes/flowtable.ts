// The cases of test/netfilter/flowtable as scenes: what is offloaded, when, and what ends it.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { KERNEL_CASES, routerOf, textOf } from '../../netfilter/flowtable/kernel-cases.ts';

const TYPES: Record<string, string> = { physical: 'physical', vlan: 'vlan', bridge: 'bridge', dummy: 'dummy' };

export const FLOWTABLE_SCENES: KernelScene[] = KERNEL_CASES.map((one) => {
  const router = routerOf(one);
  const interfaces = router.interfaces.map(({ protocol, ...row }) => ({ ...row, type: TYPES[row.type] }));
  return {
    name: `flowtable: ${one.id}`,
    ruleset: textOf(one),
    router: JSON.stringify({ ...router, interfaces }),
    frames: one.frames.map(([ms, device, octets]) => ({ device, octets, timeNs: ms * 1e6 })),
  };
});
