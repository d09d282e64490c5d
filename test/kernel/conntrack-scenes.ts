// All scenes of connection tracking.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { PROTOCOL_SCENES } from './conntrack-protocol-scenes.ts';
import { TCP_SCENES } from './conntrack-tcp-scenes.ts';

export const CONNTRACK_SCENES: KernelScene[] = [...TCP_SCENES, ...PROTOCOL_SCENES];
