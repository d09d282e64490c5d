// The measured scenarios: counts of instructions from the kernel judge's `insn`, and the dumped rulesets, router files
// and captures that nftreplay replays to count its own events of the same packets.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FrameBases, isV6 } from './frame-bases.ts';

/** What `insn` writes. */
export interface Measurement {
  kernel: string;
  calibration?: Record<string, { median: number }>;
  rows: { scenario: string; instructions: number; ok: boolean; frame_bytes: number }[];
}

export interface Scenario {
  name: string;
  /** Instructions per packet, by instruction set; absent: not measured, or not usable there. */
  measured: { 'x86-64'?: number; arm64?: number };
  /** What a packet costs that comes out beyond those that `insn` allows for, over a veth instead of the dummy driver. */
  hop: { 'x86-64'?: number; arm64?: number };
  /** Folder with ruleset.nft, router.json, lan0.pcap, wan0.pcap. */
  folder: string;
  /** 1-based over the merged captures: what was measured (a first packet that makes state is left out). */
  packets: number[];
}

export interface Kernels {
  'x86-64': string;
  arm64: string;
}

/** Lists of scenarios beside this file that the fit sees, besides those of `insn` itself. */
const OUR_LISTS = ['more', 'shape', 'gap', 'witness', 'walk'] as const;

/** Scenarios that one machine measured otherwise than what the dump holds. */
const UNUSABLE: Record<string, { sets: ('x86-64' | 'arm64')[]; why: string }> = {
  'flow.add.v4.udp': { sets: ['arm64'], why: '1,600 sends, but only 230 connections were prepared' },
  'flow.add.none.v4.udp': { sets: ['arm64'], why: 'as above' },
  'error.v6.ttl': {
    sets: ['x86-64', 'arm64'],
    why: 'most errors were not sent: their number is limited (gap.* lifts that)',
  },
  'local.v6.port-unreachable': { sets: ['x86-64', 'arm64'], why: 'as above' },
  'reject.v6': { sets: ['x86-64', 'arm64'], why: 'as above' },
  'ct.connlimit': { sets: ['x86-64', 'arm64'], why: 'its cost grows with every connection counted' },
};

/** Measured, and priced less well: no event tells them apart, and fitting them would spoil what they are priced as. */
export const NOT_FITTED: Record<string, string> = {
  'frag.v4.plain': 'a fragment without conntrack skips the early socket lookup',
  'frag.v6.plain': 'as above',
  'frag.v6.queued': 'fragments that nothing completes: 1,260 to 2,610 instructions, by no pattern that we know',
  'gap.frag.v6.queued.1000': 'as above',
  'w.frag.v6.queued.320': 'as above',
  'w.frag.v6.queued.640': 'as above',
  'expr.rt-nexthop.5': 'rt nexthop is priced as rt mtu, which walks the routes',
};

/** Composite rulesets that no fit sees: only what comes out of it is held against them. */
export function loadHeldOut(shared: string, here: string, dump: string, list: string): Scenario[] {
  dumpOne(shared, join(dump, list), ['--scenarios', join(here, `${list}-scenarios.py`)]);
  const bases = frameBases(here);
  const byName = new Map<string, Scenario>();
  for (const set of ['x86-64', 'arm64'] as const) {
    const file = join(here, `${list}-${set.replace('-', '_')}.json`);
    const measurement = JSON.parse(readFileSync(file, 'utf8')) as Measurement;
    for (const row of measurement.rows) {
      if (!row.ok) continue;
      const scenario = byName.get(row.scenario) ?? scenarioOf(row.scenario, join(dump, list, row.scenario));
      scenario.measured[set] = row.instructions - bases[set].missing(row.frame_bytes, isV6(scenario.folder));
      scenario.hop[set] = hop(measurement);
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
  const list = (name: string) => ({
    'x86-64': read(join(here, `${name}-x86_64.json`)),
    arm64: read(join(here, `${name}-arm64.json`)),
  });
  const bases = frameBases(here);
  const byName = new Map<string, Scenario>();
  for (const [folder, files] of [['insn', base] as const, ...OUR_LISTS.map((name) => [name, list(name)] as const)]) {
    for (const set of ['x86-64', 'arm64'] as const) {
      for (const row of files[set].rows) {
        if (!row.ok || UNUSABLE[row.scenario]?.sets.includes(set) || row.scenario in NOT_FITTED) continue;
        const scenario = byName.get(row.scenario) ?? scenarioOf(row.scenario, join(dump, folder, row.scenario));
        scenario.measured[set] = row.instructions - bases[set].missing(row.frame_bytes, isV6(scenario.folder));
        scenario.hop[set] = hop(base[set]);
        byName.set(row.scenario, scenario);
      }
    }
  }
  return { scenarios: [...byName.values()], kernels: { 'x86-64': base['x86-64'].kernel, arm64: base.arm64.kernel } };
}

function frameBases(here: string): Record<'x86-64' | 'arm64', FrameBases> {
  const of = (arch: string) =>
    new FrameBases(JSON.parse(readFileSync(join(here, `base-${arch}.json`), 'utf8')) as Measurement);
  return { 'x86-64': of('x86_64'), arm64: of('arm64') };
}

function hop(measurement: Measurement): number {
  const of = (name: string) => measurement.calibration?.[name]?.median ?? 0;
  return of('cal.fwd-veth.v4.small') - of('cal.fwd-dummy.v4.small');
}

function scenarioOf(name: string, folder: string): Scenario {
  const expect = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')) as { measured_packets: number[] };
  return { name, measured: {}, hop: {}, folder, packets: expect.measured_packets };
}

function dumpScenarios(shared: string, here: string, dump: string): void {
  dumpOne(shared, join(dump, 'insn'), []);
  for (const name of OUR_LISTS) dumpOne(shared, join(dump, name), ['--scenarios', join(here, `${name}-scenarios.py`)]);
}

function dumpOne(shared: string, target: string, extra: string[]): void {
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  const insn = join(shared, 'kernel-oracle/insn');
  execFileSync('python3', [insn, '--dump', target, ...extra], { stdio: 'inherit' });
}
