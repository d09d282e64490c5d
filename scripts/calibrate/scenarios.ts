// The measured scenarios: counts of instructions from the kernel judge's `insn`, and the dumped rulesets, router files
// and captures that nftreplay replays to count its own events of the same packets.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Scenario {
  name: string;
  /** Instructions per packet, by instruction set; absent: not measured, or not usable there. */
  measured: { 'x86-64'?: number; arm64?: number };
  /** Folder with ruleset.nft, router.json, lan0.pcap, wan0.pcap. */
  folder: string;
  /** 1-based over the merged captures: what was measured (a first packet that makes state is left out). */
  packets: number[];
}

export interface Kernels {
  'x86-64': string;
  arm64: string;
}

/** Scenarios that one machine measured otherwise than what the dump holds. */
const UNUSABLE: Record<string, { sets: ('x86-64' | 'arm64')[]; why: string }> = {
  'flow.add.v4.udp': { sets: ['arm64'], why: '1,600 sends, but only 230 connections were prepared' },
  'flow.add.none.v4.udp': { sets: ['arm64'], why: 'as above' },
  'ct.connlimit': { sets: ['x86-64', 'arm64'], why: 'its cost grows with every connection counted' },
};

/**
 * Packets that came out beyond those that `insn` allows for, each over a veth: replies and errors back to lan0, and the
 * second fragment. Each cost (cal.fwd-veth - cal.fwd-dummy) more than the dummy driver that the numbers are about.
 */
const EXTRA_HOPS = new Set([
  'local.echo',
  'local.port-unreachable',
  'error.ttl',
  'reject.icmp',
  'reject.tcp-reset',
  'error.fragment-out',
]);

interface Measurement {
  kernel: string;
  calibration?: Record<string, { median: number }>;
  rows: { scenario: string; instructions: number; ok: boolean }[];
}

/** Composite rulesets that no fit sees: only what comes out of it is held against them. */
export function loadHeldOut(shared: string, here: string, dump: string): Scenario[] {
  dumpOne(shared, join(dump, 'heldout'), ['--scenarios', join(here, 'heldout-scenarios.py')]);
  const byName = new Map<string, Scenario>();
  for (const set of ['x86-64', 'arm64'] as const) {
    const file = join(here, `heldout-${set.replace('-', '_')}.json`);
    for (const row of (JSON.parse(readFileSync(file, 'utf8')) as Measurement).rows) {
      if (!row.ok) continue;
      const scenario = byName.get(row.scenario) ?? scenarioOf(row.scenario, join(dump, 'heldout', row.scenario));
      scenario.measured[set] = row.instructions;
      byName.set(row.scenario, scenario);
    }
  }
  return [...byName.values()];
}

/** Reads the measurements and dumps both lists of scenarios into `dump` (unless they are there). */
export function loadScenarios(shared: string, here: string, dump: string): { scenarios: Scenario[]; kernels: Kernels } {
  dumpScenarios(shared, here, dump);
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Measurement;
  const base = {
    'x86-64': read(join(shared, 'calibration/insn-x86_64-6.12.117+deb12-amd64.json')),
    arm64: read(join(shared, 'calibration/insn-arm64-6.12.117+deb12-arm64.json')),
  };
  const more = { 'x86-64': read(join(here, 'more-x86_64.json')), arm64: read(join(here, 'more-arm64.json')) };
  const byName = new Map<string, Scenario>();
  for (const [folder, files] of [
    ['insn', base],
    ['more', more],
  ] as const) {
    for (const set of ['x86-64', 'arm64'] as const) {
      for (const row of files[set].rows) {
        if (!row.ok || UNUSABLE[row.scenario]?.sets.includes(set)) continue;
        const scenario = byName.get(row.scenario) ?? scenarioOf(row.scenario, join(dump, folder, row.scenario));
        scenario.measured[set] = row.instructions - (EXTRA_HOPS.has(row.scenario) ? hop(base[set]) : 0);
        byName.set(row.scenario, scenario);
      }
    }
  }
  return { scenarios: [...byName.values()], kernels: { 'x86-64': base['x86-64'].kernel, arm64: base.arm64.kernel } };
}

function hop(measurement: Measurement): number {
  const of = (name: string) => measurement.calibration?.[name]?.median ?? 0;
  return of('cal.fwd-veth.v4.small') - of('cal.fwd-dummy.v4.small');
}

function scenarioOf(name: string, folder: string): Scenario {
  const expect = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')) as { measured_packets: number[] };
  return { name, measured: {}, folder, packets: expect.measured_packets };
}

function dumpScenarios(shared: string, here: string, dump: string): void {
  dumpOne(shared, join(dump, 'insn'), []);
  dumpOne(shared, join(dump, 'more'), ['--scenarios', join(here, 'more-scenarios.py')]);
}

function dumpOne(shared: string, target: string, extra: string[]): void {
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  const insn = join(shared, 'kernel-oracle/insn');
  execFileSync('python3', [insn, '--dump', target, ...extra], { stdio: 'inherit' });
}
