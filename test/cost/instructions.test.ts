// `instructions` of `nftreplay run --profile generic-… --events` against what a 6.12 kernel executed, where the kernel judge and
// its measurements are at hand (../shared). All scenarios: node dist/scripts/instructions.js.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import yargs from 'yargs';
import { commands } from '../../src/cli/commands.ts';

const SHARED = resolve(import.meta.dirname, '../../../shared');
const INSN = join(SHARED, 'kernel-oracle/insn');
/** Connections of TCP: new ones, known ones, translated, offloaded; 1500 octets, checksums. */
const ONLY = 'v4.tcp';

interface Measurement {
  rows: { scenario: string; instructions: number; ok: boolean }[];
}

describe.skipIf(!existsSync(INSN))('what the kernel executed, within 15 % of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-instructions-'));
  beforeAll(() => {
    execFileSync('python3', [INSN, '--dump', join(folder, 'dump'), '--only', ONLY]);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ['generic-x86-64', 'insn-x86_64-6.12.117+deb12-amd64.json'],
    ['generic-arm64', 'insn-arm64-6.12.117+deb12-arm64.json'],
  ])('what --events says on %s', { timeout: 300_000 }, async (profile, file) => {
    const { rows } = JSON.parse(readFileSync(join(SHARED, 'calibration', file), 'utf8')) as Measurement;
    const dumped = new Set(readdirSync(join(folder, 'dump')));
    const measured = rows.filter((row) => row.ok && dumped.has(row.scenario));
    expect(measured.length).toBeGreaterThan(15);
    const errors: Record<string, number> = {};
    for (const { scenario, instructions } of measured) {
      errors[scenario] = (await printed(join(folder, 'dump', scenario), profile)) / instructions - 1;
    }
    expect(Object.entries(errors).filter(([, error]) => !(Math.abs(error) <= 0.15))).toEqual([]);
  });

  /** Mean of the measured packets' `instructions`. */
  async function printed(scenario: string, profile: string): Promise<number> {
    const events = join(folder, 'events.ndjson');
    const captures = ['lan0', 'wan0'].flatMap((name) => ['--in', `${name}=${join(scenario, `${name}.pcap`)}`]);
    const args = ['run', join(scenario, 'ruleset.nft'), '--router', join(scenario, 'router.json'), ...captures];
    const modules = commands('').map((row) => row.module);
    await yargs([
      ...args,
      '--profile',
      profile,
      '--events',
      events,
      '--workers',
      '1',
      '--output',
      join(folder, 'report'),
    ])
      .command(modules)
      .strict()
      .exitProcess(false)
      .parseAsync();
    const expected = JSON.parse(readFileSync(join(scenario, 'expect.json'), 'utf8')) as { measured_packets: number[] };
    const packets = readFileSync(events, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { packet: number; instructions: number })
      .filter((row) => expected.measured_packets.includes(row.packet));
    return packets.reduce((sum, row) => sum + row.instructions, 0) / packets.length;
  }
});
