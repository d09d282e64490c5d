// All scenes of fragments.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ASSEMBLY_SCENES } from './fragment-assembly.ts';
import { REFRAGMENT_SCENES } from './fragment-output.ts';
import { RANDOM_FRAGMENT_SCENES } from './fragment-random.ts';

export const FRAGMENT_SCENES: KernelScene[] = [...ASSEMBLY_SCENES, ...REFRAGMENT_SCENES, ...RANDOM_FRAGMENT_SCENES];
