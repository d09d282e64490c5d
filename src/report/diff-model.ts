// What the reports of `nftreplay diff` are made from.
import type { Diff } from '../compare/diff.ts';

export interface DiffReport {
  /** nftreplay's own version. */
  version: string;
  oldPath: string;
  newPath: string;
  routerPath?: string;
  /** What was assumed of the comparison itself. */
  notes: string[];
  diff: Diff;
}
