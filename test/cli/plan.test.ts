import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planSchemaText } from '../../scripts/schema/text.ts';
import { planSchema } from '../../src/report/schema-plan.ts';
import { capture, nftreplay, ROUTER, RULESET } from './program.ts';

const HOME = ['plan', RULESET, capture('home-router.pcapng.gz'), '--router', ROUTER];

describe('nftreplay plan', () => {
  it('tells for each kind of offload what a device carries, in lines of at most 100 columns', async () => {
    const { code, stdout, stderr } = await nftreplay([...HOME, '--profile', 'bpi-r3', '--target', 'x3']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('3 times the users');
    expect(stdout).toContain('Carries x3 with and without offload');
    expect(stdout).toContain('latency p99.9');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  }, 120_000);

  it('writes JSON of its schema, the same for any number of workers', async () => {
    const args = [
      ...HOME,
      '--profile',
      'rk3328',
      '--format',
      'json',
      '--seed',
      '7',
      '--offload',
      'off',
      '--sweep',
      'rules',
    ];
    const one = await nftreplay([...args, '--workers', '1']);
    const two = await nftreplay([...args, '--workers', '2']);
    expect(one.code).toBe(0);
    expect(two.stdout).toBe(one.stdout);
    expect(planSchema().safeParse(JSON.parse(one.stdout)).error).toBeUndefined();
  }, 240_000);

  it('writes CSV', async () => {
    const { stdout } = await nftreplay([
      ...HOME,
      '--profile',
      'mt7621',
      '--no-advice',
      '--format',
      'csv',
      '--offload',
      'off',
    ]);
    const rows = stdout.trim().split('\r\n');
    expect(rows[0]).toBe('profile,offload,figure,value,low,high');
    expect(rows.every((row) => row.split(',').length === 6)).toBe(true);
  }, 120_000);

  it('--fail-on tells by its exit code whether a device carries the target', async () => {
    const short = [...HOME, '--profile', 'xrx200', '--no-advice', '--offload', 'off', '--format', 'csv'];
    const codes = await Promise.all(
      [
        ['--target', 'x2', '--fail-on', 'doubtful'],
        ['--target', '900Mbit', '--fail-on', 'lost'],
        ['--target', '900Mbit'],
      ].map(async (more) => (await nftreplay([...short, ...more])).code),
    );
    expect(codes).toEqual([0, 1, 0]);
  }, 240_000);

  it.each([
    [[], /--profile: .*name at least one device/],
    [['--profile', 'generic-x86-64'], /no device/],
    [['--profile', 'bpi-r4x'], /no profile is called/],
    [['--profile', 'bpi-r3', '--target', '940MB'], /--target: 940MB/],
    [['--profile', 'bpi-r3', '--speed', '0'], /--speed/],
    [['--profile', 'bpi-r3', '--sweep', 'colours'], /sweep/i],
    [['--profile', 'bpi-r3', '--offload', 'none'], /offload/i],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stderr } = await nftreplay([...HOME, ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('a capture without packets is nothing to plan for', async () => {
    const empty = join(mkdtempSync(join(tmpdir(), 'nftreplay-plan-')), 'empty.pcap');
    writeFileSync(empty, readFileSync(capture('dns.pcap')).subarray(0, 24));
    const { code, stderr } = await nftreplay(['plan', RULESET, empty, '--profile', 'bpi-r3']);
    expect(code).toBe(2);
    expect(stderr).toContain('no packet to plan for');
  });

  it('standard input cannot be replayed more than once', async () => {
    const { code, stderr } = await nftreplay(['plan', RULESET, '-', '--profile', 'bpi-r3'], capture('dns.pcap'));
    expect(code).toBe(2);
    expect(stderr).toContain('save it to a file first');
  });
});

describe('docs/plan.schema.json', () => {
  it('is what the schema says (npm run schema)', () => {
    const path = resolve(import.meta.dirname, '../../docs/plan.schema.json');
    expect(readFileSync(path, 'utf8')).toBe(planSchemaText());
  });
});
