import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { describeProfile } from '../../src/cost/describe-profile.ts';
import { FEATURES } from '../../src/cost/features.ts';
import { type Profile, QUANTITIES, type Quantity } from '../../src/cost/profile.ts';
import { PROFILE_ALIASES } from '../../src/cost/profiles/all.ts';
import { loadProfile, parseProfile, profile, profiles } from '../../src/cost/profiles.ts';
import { WEIGHTS } from '../../src/cost/weights/tables.ts';
import { weightVector } from '../../src/cost/weights/weights.ts';

function quantities(row: Profile): [string, Quantity][] {
  const hardware = ['entries', 'bindRate', 'throughput'] as const;
  return [
    ...QUANTITIES.map(({ key }): [string, Quantity] => [key, row[key]]),
    ...hardware.flatMap((key): [string, Quantity][] => {
      const quantity = row.hardware[key];
      return quantity === undefined ? [] : [[`hardware.${key}`, quantity]];
    }),
  ];
}

function failure(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe.each(profiles().map((row) => [row.name, row] as const))('%s', (_, row) => {
  test('every number has a unit, a source and lies in its own range', () => {
    for (const [key, quantity] of quantities(row)) {
      expect(quantity.value, key).toBeGreaterThanOrEqual(0);
      expect(quantity.unit, key).not.toBe('');
      expect(quantity.source.length, key).toBeGreaterThan(5);
      expect(quantity.low ?? quantity.value, key).toBeLessThanOrEqual(quantity.value);
      expect(quantity.high ?? quantity.value, key).toBeGreaterThanOrEqual(quantity.value);
    }
    expect(row.clock.value * row.cores.value * row.packetsPerPoll.value).toBeGreaterThan(0);
  });

  test('published numbers name a record, a link or a list', () => {
    for (const [key, quantity] of quantities(row)) {
      if (quantity.confidence === 'published') expect(quantity.source, key).toMatch(/\[[a-z]\d+\]/);
    }
  });

  test('its description fits 100 columns, names every source and says that it is estimated', () => {
    const text = describeProfile(row);
    expect(text).toMatch(/estimated/);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    const words = text.replace(/\s+/g, ' ');
    for (const [key, quantity] of quantities(row)) expect(words, key).toContain(quantity.source.replace(/\s+/g, ' '));
  });
});

describe('the list', () => {
  test('holds an x86 server core, ARM64 and MIPS routers and the generic sets', () => {
    const names = profiles().map((row) => row.name);
    expect(names).toEqual(
      expect.arrayContaining(['generic-x86-64', 'generic-arm64', 'x86-server', 'mt7986', 'mt7621']),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  test.each([
    ['x86-sever', 'x86-server'],
    ['MT7986', 'mt7986'],
    ['generic-arm', 'generic-arm64'],
  ])('%s suggests %s', (wrong, right) => {
    const error = failure(() => profile(wrong));
    expect(error.message).toContain(`did you mean '${right}'?`);
  });

  test('every alias leads to a profile', () => {
    for (const [alias, name] of Object.entries(PROFILE_ALIASES)) expect(profile(alias).name).toBe(name);
  });

  test('a name like no other lists all of them', () => {
    const message = failure(() => profile('zzz')).message;
    expect(message).not.toContain('did you mean');
    expect(message).toContain('bcm2711');
  });
});

describe('a profile file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'nftreplay-profile-'));
  const file = join(directory, 'mine.yaml');

  test('may extend a built-in profile and change some numbers', () => {
    writeFileSync(
      file,
      'name: mine\nextends: mt7986\nclock: 1800\nrxCycles: { value: 2000, source: perf stat, confidence: measured }\n',
    );
    const mine = loadProfile(file);
    expect(profile(file)).toEqual(mine);
    expect(mine).toMatchObject({
      name: 'mine',
      instructionSet: 'arm64',
      clock: { value: 1800, source: file, confidence: 'estimate', unit: 'MHz' },
    });
    expect(mine.rxCycles).toEqual({ value: 2000, source: 'perf stat', confidence: 'measured', unit: 'cycles/packet' });
    expect(mine.txCycles).toEqual(profile('bpi-r3').txCycles);
  });

  test('may be JSON and stand alone', () => {
    const numbers = Object.fromEntries(QUANTITIES.map(({ key }) => [key, 1]));
    const mine = parseProfile(JSON.stringify({ name: 'one', instructionSet: 'mips', ...numbers }), 'one.json');
    expect(mine.hardware.present).toBe(false);
    expect(mine.packetsPerPoll.value).toBe(1);
  });

  test.each([
    ['name: a\nextends: mt7986\nclok: 3\n', 'clok', /unknown key/],
    ['name: a\nextends: mt79\n', 'extends', /did you mean/],
    ['name: a\n', 'instructionSet', /missing/],
    ['name: a\ninstructionSet: mips\n', 'clock', /missing/],
    ['name: a\nextends: mt7986\nclock: fast\n', 'clock', /number/],
    ['name: a\nextends: mt7986\nclock: 0\n', 'clock', /greater than 0/],
    ['name: a\nextends: mt7986\nrxCycles: { value: 5, confidence: measured }\n', 'rxCycles', /source/],
    ['name: a\nextends: mt7986\nrxCycles: { value: 5, source: x, confidence: sure }\n', 'rxCycles', /confidence/],
    [
      'name: a\nextends: mt7986\nrxCycles: { value: 5, source: x, confidence: measured, low: 9 }\n',
      'rxCycles',
      /ascend/,
    ],
    ['name: a\nextends: mt7986\nhardware: { present: maybe }\n', 'hardware.present', /boolean/],
    ['name: [\n', '', /./],
    ['- 1\n', '', /object/],
  ])('%j fails at %s', (text, path, message) => {
    const error = failure(() => parseProfile(text, 'bad.yaml'));
    expect(error.path).toBe(path);
    expect(error.message).toMatch(message);
    expect(error.message.startsWith('bad.yaml: ')).toBe(true);
  });

  test('that is not there is named', () => {
    expect(failure(() => loadProfile(join(directory, 'none.yaml'))).message).toMatch(
      /none\.yaml: there is no such file/,
    );
  });
});

describe.each(['x86-64', 'arm64', 'mips'] as const)('the weights of %s', (set) => {
  test('have a finite row for every feature, and a note wherever nothing was measured', () => {
    expect(Object.keys(WEIGHTS[set].rows).sort()).toEqual([...FEATURES].sort());
    for (const [name, row] of Object.entries(WEIGHTS[set].rows)) {
      expect(row.instructions, name).toBeGreaterThanOrEqual(0);
      if (row.basis === 'estimate') expect(row.note ?? '', name).not.toBe('');
    }
    expect(weightVector(WEIGHTS[set]).instructions).toHaveLength(FEATURES.length);
  });
});
