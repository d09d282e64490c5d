// Tables of the highest load over one thing that changes: placeholder until the sweeps are written.
import type { Profile } from '../cost/profile.ts';
import type { PlanContext } from './plan.ts';
import type { Sweep } from './result.ts';

/** What can be swept. */
export const SWEEPS = ['rules', 'flowtable-size', 'threshold', 'packet-size'] as const;
export type SweepKind = (typeof SWEEPS)[number];

export async function sweep(context: PlanContext, kind: SweepKind, profile: Profile): Promise<Sweep> {
  return { kind, title: kind, profile: profile.name, columns: [], rows: [], notes: [String(context.users.packets)] };
}
