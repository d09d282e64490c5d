import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRouter } from '../../src/config/router-file.ts';
import { compile } from '../../src/nft/compile.ts';
import { list } from '../../src/nft/listing.ts';
import { emulateCaptures } from '../../src/replay/emulate-captures.ts';
import type { Passage } from '../../src/replay/emulated-router.ts';
import type { EventRow } from '../../src/replay/event-rows.ts';
import { type ReplayOptions, replayCaptures } from '../../src/replay/replay.ts';

const CAPTURES = resolve(import.meta.dirname, '../../captures');
const { ruleset } = compile({ path: resolve(CAPTURES, 'home-router.nft') });
const router = loadRouter(resolve(CAPTURES, 'home-router.yaml'));
const names = readdirSync(CAPTURES).filter((file) => /pcap/.test(file) && file !== 'cut.pcap');

interface Row {
  packet: number;
  timeNs: number;
  verdict: number;
  pathClass: number;
  reason: number;
  detail: number;
  wireOctets: number;
}

function row({ timeNs, verdict, pathClass, reason, detail, wireOctets }: EventRow | Passage, packet: number): Row {
  return { packet, timeNs, verdict, pathClass, reason, detail, wireOctets };
}

async function rows(
  options: ReplayOptions,
): Promise<{ rows: Row[]; frames: string[]; listing: string; conntrack: string[] }> {
  const found: Row[] = [];
  const frames: string[] = [];
  const replay = await replayCaptures({
    ...options,
    onEvents: (events) => {
      for (const event of events) found.push(row(event, event.packet));
    },
    onFrames: (sent) => {
      for (const frame of sent)
        frames.push(`${frame.packet} ${frame.ifindex} ${Buffer.from(frame.octets).toString('hex')}`);
    },
  });
  const { state, conntrack } = replay.result;
  return { rows: found, frames, listing: list(options.ruleset, state), conntrack: conntrack.map(({ line }) => line) };
}

describe('captures through the router in memory', () => {
  it.each(names.flatMap((name) => [[name, 'inferred'] as const, [name, 'given'] as const]))(
    '%s, router %s: every packet fares as in a replay',
    async (name, how) => {
      const options = {
        ruleset,
        captures: [{ path: resolve(CAPTURES, name) }],
        ...(how === 'given' ? { router } : {}),
      };
      const expected = await rows(options);
      let found: Row[] = [];
      let frames: string[] = [];
      const emulation = await emulateCaptures(options, {
        begin: () => {
          found = [];
          frames = [];
        },
        passage: (passage) => {
          found.push(row(passage, passage.number));
          for (const frame of passage.sent) {
            frames.push(`${passage.number} ${frame.ifindex} ${Buffer.from(frame.octets).toString('hex')}`);
          }
        },
      });
      const times = expected.rows.map((one, index) => ({ ...one, timeNs: found[index]?.timeNs ?? -1 }));
      expect(found).toEqual(times);
      expect(frames).toEqual(expected.frames);
      expect(list(ruleset, emulation.state)).toBe(expected.listing);
      expect(emulation.router.conntrack()).toEqual(expected.conntrack);
    },
  );
});
