// What is recorded passes when it is tested at once, and a changed rule fails it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NftreplayError } from '../../src/base/errors.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { profile } from '../../src/cost/profiles.ts';
import { compile } from '../../src/nft/compile.ts';
import { recordCaptures } from '../../src/suite/record.ts';
import { recordLines } from '../../src/suite/record-lines.ts';
import { RuleRefs } from '../../src/suite/rule-refs.ts';
import { runSuite } from '../../src/suite/run-suite.ts';
import type { CaseInput, SuiteInput } from '../../src/suite/schema.ts';
import { parseSuite } from '../../src/suite/suite-file.ts';
import { routerInput, suiteText } from '../../src/suite/write-suite.ts';

const CAPTURES = resolve(import.meta.dirname, '../../captures');
const RULESET = resolve(CAPTURES, 'home-router.nft');
const ROUTER = resolve(CAPTURES, 'home-router.yaml');
const CORPORA = resolve(import.meta.dirname, '../../../shared/corpora');

interface Input {
  ruleset: string;
  capture: string;
  router?: string;
  text?: string;
}

function common({ ruleset, capture, router, text }: Input) {
  const compiled = compile({ path: ruleset, ...(text === undefined ? {} : { text }) });
  return {
    loaded: { name: ruleset, compiled, refs: new RuleRefs(compiled.ruleset) },
    captures: [{ path: capture }],
    ...(router === undefined ? {} : { router: loadRouter(router) }),
    profile: profile('generic-x86-64'),
  };
}

async function byReference(input: Input): Promise<SuiteInput> {
  const { case: one } = await recordCaptures({ ...common(input), flows: 20 });
  return suite(input, { name: 'recorded', captures: [input.capture], ...one });
}

async function inline(input: Input, maximum = 2000): Promise<SuiteInput | undefined> {
  const options = common(input);
  const done = await recordLines({ ...options, ruleset: options.loaded.compiled.ruleset, maximum });
  if (done === undefined || done.packets === 0) return undefined;
  return {
    ...suite(input, { name: 'recorded', ...done.case }),
    router: routerInput(done.spec),
    ...(done.knownConnections ? { 'known-connections': true } : {}),
  };
}

function suite({ ruleset, router }: Input, one: CaseInput): SuiteInput {
  return { ruleset, ...(router === undefined ? {} : { router }), cases: [one] };
}

async function failures(recorded: SuiteInput): Promise<string[]> {
  const { cases } = await runSuite(parseSuite(suiteText(recorded, ['a comment']), '/suite.yaml'));
  return cases.flatMap((row) => [
    ...(row.status === 'error' ? [row.note ?? ''] : []),
    ...row.failures.map((one) => `${one.about} ${one.key}: expected ${one.expected}, got ${one.got}`),
  ]);
}

describe('a recorded suite', () => {
  const names = readdirSync(CAPTURES).filter((name) => /pcap/.test(name) && name !== 'cut.pcap');

  it.each(names.flatMap((name) => [[name, undefined] as const, [name, ROUTER] as const]))(
    'of %s (router %s) passes, by reference and with packets as lines',
    async (name, router) => {
      const input = { ruleset: RULESET, capture: resolve(CAPTURES, name), ...(router === undefined ? {} : { router }) };
      expect(await failures(await byReference(input))).toEqual([]);
      const lines = await inline(input);
      if (lines !== undefined) expect(await failures(lines)).toEqual([]);
    },
  );

  it('fails when a rule changes', async () => {
    const input = { ruleset: RULESET, capture: resolve(CAPTURES, 'web-nat.pcap'), router: ROUTER };
    const recorded = await byReference(input);
    const lines = (await inline(input)) as SuiteInput;
    const text = readFileSync(RULESET, 'utf8').replace(
      'oifname $WAN counter accept',
      'oifname $WAN tcp dport 80 counter accept',
    );
    for (const one of [recorded, lines]) {
      const changed = await failures({ ...one, ruleset: text });
      expect(changed.some((row) => /expected .*, got/.test(row))).toBe(true);
    }
  });

  it('is as short as leaves every packet its fate', async () => {
    const lines = await inline({ ruleset: RULESET, capture: resolve(CAPTURES, 'web-nat.pcap'), router: ROUTER });
    const [first] = lines?.cases[0]?.packets ?? [];
    expect(first).toMatchObject({ packet: 'lan1 < tcp 192.168.1.10:43000 > 198.51.100.7:80 S df' });
  });
});

/** Every so many rulesets; 1: all. */
const SAMPLE = Number(process.env.NFTREPLAY_SAMPLE ?? 12);
/** Which captures a ruleset gets. */
const STRIDE = Number(process.env.NFTREPLAY_STRIDE ?? 37);
const rulesets = ['wild', 'fw4'].flatMap((folder) => filesOf(resolve(CORPORA, folder), /\.nft$/));
const captures = filesOf(resolve(CORPORA, 'captures'), /\.(pcap|pcapng|cap)$/);

describe.skipIf(rulesets.length === 0)('recorded suites of the corpora', () => {
  it('pass, for a sample of rulesets and captures', { timeout: 300_000 }, async () => {
    let pairs = 0;
    let checked = 0;
    for (const [index, ruleset] of rulesets.entries()) {
      const capture = captures[(index * STRIDE) % captures.length];
      if (capture === undefined || index % SAMPLE !== 0) continue;
      try {
        const input = { ruleset, capture };
        const recorded = await byReference(input);
        expect(await failures(recorded), `${ruleset} × ${capture}`).toEqual([]);
        const lines = await inline(input, 400);
        if (lines !== undefined) expect(await failures(lines), `${ruleset} × ${capture}, lines`).toEqual([]);
        checked += lines === undefined ? 1 : 2;
      } catch (error) {
        // Rulesets that nftreplay refuses, captures that are damaged.
        if (!(error instanceof NftreplayError)) throw error;
      }
      pairs++;
    }
    expect(checked).toBeGreaterThan(pairs / 2);
  });
});

if (rulesets.length === 0) console.log('no ../shared/corpora here: its recorded suites are not tested');

function filesOf(folder: string, name: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((row) => row.isFile() && name.test(row.name))
    .map((row) => resolve(row.parentPath, row.name))
    .sort();
}
