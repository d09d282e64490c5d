// Replays one scenario with nftreplay and keeps the paths of the packets that were measured.
// The one place of the calibration that knows the replay.
import { join } from 'node:path';
import type { PathTable } from '../../src/event/recorder.ts';
import type { EventNames } from '../../src/event/vocabulary.ts';
import { compile, loadRouter, replayCaptures } from '../../src/index.ts';
import type { Scenario } from './scenarios.ts';

export interface Observed {
  paths: PathTable;
  names: EventNames;
  /** Paths of the measured packets, one for each (all alike in a settled scenario). */
  measured: number[];
}

/** Throws what the replay throws. */
export async function observe(scenario: Scenario): Promise<Observed> {
  const { ruleset } = compile({ path: join(scenario.folder, 'ruleset.nft') });
  const measured: number[] = [];
  const { result } = await replayCaptures({
    ruleset,
    router: loadRouter(join(scenario.folder, 'router.json')),
    captures: ['lan0', 'wan0'].map((ingress) => ({ path: join(scenario.folder, `${ingress}.pcap`), ingress })),
    prices: true,
    onEvents: (rows) => {
      for (const row of rows) if (scenario.packets.includes(row.packet)) measured.push(row.path);
    },
  });
  return { paths: result.paths, names: result.names, measured };
}
