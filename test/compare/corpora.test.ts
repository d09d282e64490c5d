// A sample of ../shared/corpora (all of it: `npm run diff-corpora -- all`): a ruleset differs from itself in nothing, and
// the difference of two is mirrored when they change places.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NftreplayError } from '../../src/base/errors.ts';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { type Diff, diffRulesets } from '../../src/compare/diff.ts';
import { profile } from '../../src/cost/profiles.ts';
import { compile } from '../../src/nft/compile.ts';

const CORPORA = resolve(import.meta.dirname, '../../../shared/corpora');
const isThere = existsSync(CORPORA);
if (!isThere) console.log('../shared/corpora is absent: diff is not tested with it');

function files(folder: string, name: RegExp): string[] {
  return readdirSync(join(CORPORA, folder))
    .filter((file) => name.test(file))
    .sort()
    .map((file) => join(CORPORA, folder, file));
}

function load(path: string, interfaceNames: readonly string[] = []): Ruleset | undefined {
  try {
    return compile({ path, interfaceNames }).ruleset;
  } catch (error) {
    if (error instanceof NftreplayError) return undefined;
    throw error;
  }
}

/** Undefined: refused with a message. */
async function diff(old: Ruleset, now: Ruleset, capture: string): Promise<Diff | undefined> {
  try {
    return await diffRulesets({
      old,
      new: now,
      replay: { captures: [{ path: capture }] },
      profile: profile('generic-x86-64'),
    });
  } catch (error) {
    if (error instanceof NftreplayError) return undefined;
    throw error;
  }
}

describe.runIf(isThere)('diff of the corpora', () => {
  it('of a ruleset with itself is empty', async () => {
    const rulesets = [...files('fw4', /\.nft$/), ...files('wild', /\.nft$/)];
    const captures = files('captures', /\.(pcap|pcapng)$/).filter((path) => statSync(path).size < 200_000);
    const different: string[] = [];
    let compared = 0;
    for (const [index, path] of rulesets.entries()) {
      const ruleset = load(path);
      const capture = captures[(index * 7) % captures.length];
      if (ruleset === undefined || capture === undefined) continue;
      const same = await diff(ruleset, ruleset, capture);
      if (same === undefined) continue;
      compared++;
      if (same.changedPackets > 0 || same.otherwiseDecided > 0) different.push(`${path} ${capture}`);
    }
    expect(different).toEqual([]);
    expect(compared).toBeGreaterThan(50);
  }, 120_000);

  it('of two is mirrored', async () => {
    const paths = [...files('fw4', /\.nft$/), ...files('wild', /\.nft$/)];
    const captures = ['web-nat.pcap', 'dns.pcap', 'fragments.pcap', 'icmp.pcap'].map((name) => `captures/${name}`);
    let compared = 0;
    for (let i = 0; i < paths.length; i += 3) {
      const [a, b] = [paths[i] ?? '', paths[(i * 5 + 1) % paths.length] ?? ''];
      const names = [...new Set([a, b].flatMap((path) => load(path)?.interfaceNames ?? []))].sort();
      const [old, now] = [load(a, names), load(b, names)];
      if (old === undefined || now === undefined) continue;
      const capture = captures[i % captures.length] ?? '';
      const there = await diff(old, now, capture);
      const back = await diff(now, old, capture);
      expect(back?.changedPackets).toBe(there?.changedPackets);
      expect(back?.entries.map((row) => keyOf(row.new, row.old, row.packets)).sort()).toEqual(
        there?.entries.map((row) => keyOf(row.old, row.new, row.packets)).sort(),
      );
      if (there !== undefined) compared++;
    }
    expect(compared).toBeGreaterThan(20);
  }, 120_000);
});

type Decision = Diff['entries'][number]['old'];

function keyOf(old: Decision, now: Decision, packets: number): string {
  return JSON.stringify([old.kind, old.place, old.text, now.kind, now.place, now.text, packets]);
}
