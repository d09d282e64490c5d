// Replays one scenario with nftreplay and counts the features of the packets that were measured.
// The one place of the calibration that knows the replay.

import type { PathTable } from '../../src/event/recorder.ts';
import type { EventNames } from '../../src/event/vocabulary.ts';
import type { Scenario } from './scenarios.ts';

/** The paths of the measured packets (all of them alike in a settled scenario). */
export interface Observed {
  paths: PathTable;
  names: EventNames;
}

/** Undefined when the replay cannot run the scenario; `why` is told. */
export function observe(_scenario: Scenario, why: (message: string) => void): Observed | undefined {
  why('the replay is not there yet');
  return undefined;
}
