// No false alarm: what has no flowtable is the same with and without offload, for real rulesets and captures.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NftreplayError } from '../../../src/base/errors.ts';
import type { Ruleset } from '../../../src/bytecode/ruleset.ts';
import { differences } from '../../../src/compare/audit/differences.ts';
import { allEffects } from '../../../src/compare/audit/paths.ts';
import { replayColumns } from '../../../src/compare/columns.ts';
import { compile } from '../../../src/nft/compile.ts';

const CORPORA = resolve(import.meta.dirname, '../../../../shared/corpora');
const isThere = existsSync(CORPORA);
if (!isThere) console.log('corpora: ../shared/corpora is absent, audit was not held against it');
/** Each ruleset with so many captures, other ones for each: the whole cross product takes ten minutes (none differs). */
const CAPTURES_EACH = 2;
const MAX_OCTETS = 200_000;

function files(folder: string, ending: RegExp): string[] {
  const path = join(CORPORA, folder);
  return readdirSync(path)
    .filter((name) => ending.test(name))
    .map((name) => join(path, name));
}

/** undefined: it does not compile on its own, or it has a flowtable. */
function withoutFlowtable(path: string): Ruleset | undefined {
  try {
    const { ruleset } = compile({ path });
    return ruleset.tables.some((table) => table.flowtables.length > 0) ? undefined : ruleset;
  } catch {
    return undefined;
  }
}

/** Some captures of the corpora hold nothing that can be replayed. */
function unusable(error: unknown): undefined {
  if (!(error instanceof NftreplayError)) throw error;
}

describe.runIf(isThere)('rulesets without a flowtable', () => {
  it('lose nothing when offload is turned on', async () => {
    const rulesets = ['wild', 'fw4'].flatMap((folder) => files(folder, /\.nft$/));
    const captures = files('captures', /\.(pcap|pcapng|cap)$/).filter((path) => statSync(path).size < MAX_OCTETS);
    let compared = 0;
    for (const [index, path] of rulesets.entries()) {
      const ruleset = withoutFlowtable(path);
      if (ruleset === undefined) continue;
      const effects = allEffects(ruleset);
      for (let n = 0; n < CAPTURES_EACH; n++) {
        const capture = captures[(index * CAPTURES_EACH + n) % captures.length] as string;
        const replay = { ruleset, captures: [{ path: capture }], workers: 1 };
        const off = await replayColumns({ ...replay, offload: 'off' }).catch(unusable);
        if (off === undefined) continue;
        const on = await replayColumns({ ...replay, offload: 'hardware' });
        const found = differences(off, effects, { replay: on, effects, hardwareCounts: true });
        const differ = [found.missed, found.fates, found.frames.all.packets, found.uncounted.packets];
        expect([path, capture, ...differ]).toEqual([path, capture, [], [], 0, 0]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });
});
