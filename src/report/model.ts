// What a report is made from: the compiled ruleset, the replay, and its price on one or more devices.

import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Pricing } from '../cost/pricing.ts';
import type { Replay } from '../replay/replay.ts';

export interface RunReport {
  /** nftreplay's own version. */
  version: string;
  rulesetPath: string;
  routerPath?: string;
  ruleset: Ruleset;
  /** Old spellings, includes that were not read, …: 'file:line:column: text'. */
  rulesetNotes: string[];
  offload: string;
  replay: Replay;
  /** By `--profile`, the first one leads. */
  pricings: Pricing[];
}
