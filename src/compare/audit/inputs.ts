// What an audit is made of.
import type { Profile } from '../../cost/profile.ts';
import type { ReplayOptions } from '../../replay/replay.ts';

export interface AuditInputs {
  /** Ruleset, captures, router, workers, seed; the audit chooses offload and outputs itself. */
  replay: Omit<ReplayOptions, 'offload' | 'onEvents' | 'onFrames' | 'digests'>;
  /** What the ruleset's flowtables do as they are written. */
  mode: 'software' | 'hardware';
  /** Device to price for. */
  profile: Profile;
  /** Most fixes that are tried out by a replay each; 0: none. */
  maxFixes: number;
  /** Told what is being replayed, for a line of progress. */
  onStage?: (text: string) => void;
}
