import { describe, expect, it } from 'vitest';
import { describeProfile } from '../../src/cost/describe-profile.ts';
import { profiles } from '../../src/cost/profiles.ts';
import { SOURCES } from '../../src/cost/sources.ts';

describe('sources of profiles', () => {
  it.each(profiles().map((row) => [row.name, row] as const))(
    '%s names where each figure was published',
    (_, profile) => {
      const text = describeProfile(profile);
      const cited = new Set([...text.matchAll(/\[([a-z]\d+)\]/g)].map((match) => match[1] ?? ''));
      expect([...cited].filter((id) => SOURCES[id] === undefined)).toEqual([]);
      for (const id of cited) expect(text).toMatch(new RegExp(`^ *\\[${id}\\](\\s|$)`, 'm'));
      expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
    },
  );
});
