// Scenes whose rules drop what conntrack calls invalid.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { type Row, STATES, scene } from './talk.ts';

export const CT = 'net.netfilter.nf_conntrack_';
export const judged = (name: string, rows: Row[], sysctl: Record<string, number> = {}, tailMs = 2): KernelScene =>
  scene(
    name,
    STATES,
    rows,
    Object.fromEntries(Object.entries(sysctl).map(([key, value]) => [key.includes('.') ? key : CT + key, value])),
    { tailNs: tailMs * 1e6 },
  );
