// Scenes of the bridge, arp and netdev families, and of the ingress hook of inet.
import type { KernelScene } from '../../scripts/kernel/scene.ts';

export const FAMILY_SCENES: KernelScene[] = [];
