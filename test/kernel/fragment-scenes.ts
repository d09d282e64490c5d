// All scenes of fragments.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { ASSEMBLY_SCENES } from './fragment-assembly-scenes.ts';
import { REFRAGMENT_SCENES } from './fragment-output-scenes.ts';
import { RANDOM_FRAGMENT_SCENES } from './fragment-random-scenes.ts';

export const FRAGMENT_SCENES: KernelScene[] = [...ASSEMBLY_SCENES, ...REFRAGMENT_SCENES, ...RANDOM_FRAGMENT_SCENES];
