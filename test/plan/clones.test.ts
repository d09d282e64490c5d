import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRouter } from '../../src/config/router-file.ts';
import { compile } from '../../src/nft/compile.ts';
import { cloneCaptures, surveyUsers } from '../../src/plan/clones.ts';
import { namedConstants } from '../../src/plan/constants.ts';
import { HostNames4 } from '../../src/plan/hosts.ts';
import { Replays } from '../../src/plan/traffic.ts';

const CAPTURES = join(import.meta.dirname, '../../captures');
const ruleset = compile({ path: join(CAPTURES, 'home-router.nft') }).ruleset;
const router = loadRouter(join(CAPTURES, 'home-router.yaml'));
const captures = [{ path: join(CAPTURES, 'home-router.pcapng.gz') }];

describe('three times the users', () => {
  it('are three times the flows and packets, translated and offloaded like the first', async () => {
    const users = await surveyUsers(captures, ruleset, router);
    const cloned = cloneCaptures(captures, users, ruleset, router, { count: 3, speed: 1, seed: 1 });
    const replays = new Replays({ ruleset, captures, router, workers: 1 });
    const one = await replays.traffic({ ruleset, captures, offload: 'software', periodNs: 0 });
    const three = await replays.traffic({ ruleset, ...cloned, offload: 'software', periodNs: one.columns.periodNs });
    const sum = (t: typeof one): number[] => [
      t.result.input.packets,
      t.result.flows.flows,
      t.result.flows.offloadedPackets,
      t.result.flows.fastPackets,
    ];
    expect(sum(three)).toEqual(sum(one).map((value) => value * 3));
    expect(three.columns.periodNs).toBe(one.columns.periodNs);
    expect(three.columns.timeNs[three.columns.rows - 1]).toBeLessThan(one.columns.periodNs);
    expect(three.softwareFlows).toBeGreaterThan(2 * one.softwareFlows);
  });

  it('twice as fast takes half the time', async () => {
    const users = await surveyUsers(captures, ruleset, router);
    const fast = cloneCaptures(captures, users, ruleset, router, { count: 1, speed: 2, seed: 1 });
    const replays = new Replays({ ruleset, captures, router, workers: 1 });
    const one = await replays.traffic({ ruleset, captures, offload: 'off', periodNs: 0 });
    const two = await replays.traffic({ ruleset, ...fast, offload: 'off', periodNs: 0 });
    expect(two.columns.periodNs / one.columns.periodNs).toBeCloseTo(0.5, 3);
  });
});

describe('names of clones', () => {
  const constants = namedConstants(ruleset);

  it('hosts that the ruleset names keep their address, others get one on the same side of those named', () => {
    const at = (last: number): number => 0xc0a80100 + last;
    const names = new HostNames4(router, constants, [at(66), at(10), at(67)]);
    const taken = new Set([at(1), at(66), at(10), at(67), at(23), at(40)]);
    for (let clone = 0; clone < 200; clone++) {
      const row = names.next();
      expect(row.has(at(66))).toBe(false);
      const lower = row.get(at(10));
      // Below the addresses that the ruleset names: 192.168.1.40 and .66.
      if (lower !== undefined) expect(lower >= at(2) && lower < at(40)).toBe(true);
      for (const name of row.values()) {
        expect(taken.has(name)).toBe(false);
        expect(name > at(0) && name < at(255)).toBe(true);
        taken.add(name);
      }
    }
  });

  it('ports that the ruleset names are edges', () => {
    for (const port of [68, 443, 3478, 8443]) expect(constants.ports).toContain(port);
  });
});
