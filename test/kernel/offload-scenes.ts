// Scenes of the flowtable: which packets enter a connection into it, which take it, what ends it and what it leaves behind.
import type { KernelScene } from '../../scripts/kernel/scene.ts';

export const OFFLOAD_SCENES: KernelScene[] = [];
