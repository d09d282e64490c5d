// `npm run mutants [-- COUNT]`: one-rule mutations of the corpora's rulesets over captures. Every mutant that changes a
// packet's fate must be reported by diff, and no other. Prints a table, and exits with 1 when one was missed.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../src/base/random.ts';
import { compile } from '../src/nft/compile.ts';
import { Judge, type Judged } from './mutants/judge.ts';
import { MUTATIONS, type Mutant, mutants } from './mutants/mutate.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CORPORA = join(ROOT, '..', 'shared', 'corpora');
const CAPTURES = [
  'captures/web-nat.pcap',
  'captures/dns.pcap',
  'captures/udp-both-ways.pcap',
  'captures/icmp.pcap',
  'captures/port-scan.pcap',
  'captures/ipv6.pcap',
  'captures/two-interfaces.pcapng',
  'captures/vlan.pcap',
  'captures/fragments.pcap',
  'captures/pppoe.pcap',
  'captures/udp-one-way.pcap',
  'captures/cases/kubernetes-128392.pcapng.gz',
].map((path) => join(ROOT, path));
/** Mutants of one ruleset over one capture: of rules that packets met, and of others; captures of one ruleset. */
const MET = 8;
const UNMET = 2;
const A_RULESET = 4;
const MAX_RULES = 3000;

const wanted = Number(process.argv[2] ?? 4000);
const judged: (Judged & { place: string })[] = [];
const files = rulesets();
const random = new Random(1);
for (const [index, path] of files.entries()) {
  if (judged.length >= wanted) break;
  const ruleset = load(path);
  if (ruleset === undefined) continue;
  const all = mutants(ruleset);
  for (let i = 0; i < A_RULESET; i++) {
    const capture = CAPTURES[(index * A_RULESET + i) % CAPTURES.length] as string;
    const judge = await Judge.of(ruleset, { captures: [{ path: capture }] }).catch(() => undefined);
    if (judge === undefined) continue;
    const met = all.filter((mutant) => judge.isReached(mutant));
    const unmet = all.filter((mutant) => !judge.isReached(mutant));
    for (const mutant of [...sample(met, MET), ...sample(unmet, UNMET)]) {
      const row = await judge.judge(mutant);
      judged.push({
        ...row,
        place: `${path.slice(CORPORA.length + 1)} rule ${mutant.rule}, ${capture.slice(ROOT.length + 1)}`,
      });
    }
  }
}
print();

function rulesets(): string[] {
  const own = [join(ROOT, 'captures', 'home-router.nft')];
  const folders = ['fw4', 'wild'].map((name) => join(CORPORA, name)).filter((folder) => existsSync(folder));
  if (folders.length === 0) console.log('../shared/corpora is absent: only the own ruleset is mutated');
  return [
    ...own,
    ...folders.flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => file.endsWith('.nft'))
        .sort()
        .map((file) => join(folder, file)),
    ),
  ];
}

function load(path: string) {
  try {
    const { ruleset } = compile({ path });
    const rules = ruleset.tables.reduce(
      (sum, table) => sum + table.chains.reduce((n, chain) => n + chain.rules.length, 0),
      0,
    );
    return rules > 0 && rules <= MAX_RULES ? ruleset : undefined;
  } catch {
    return undefined;
  }
}

/** Some mutants, every kind of mutation in turn. */
function sample(all: readonly Mutant[], count: number): Mutant[] {
  const kinds = MUTATIONS.map((name) => all.filter((row) => row.mutation === name)).filter((rows) => rows.length > 0);
  const chosen: Mutant[] = [];
  for (let i = 0; chosen.length < Math.min(count, all.length) && kinds.length > 0; i++) {
    const kind = kinds[random.below(kinds.length)] as Mutant[];
    const [mutant] = kind.splice(random.below(kind.length), 1);
    if (mutant !== undefined) chosen.push(mutant);
    if (kind.length === 0) kinds.splice(kinds.indexOf(kind), 1);
    if (i > count * 20) break;
  }
  return chosen;
}

function print(): void {
  const count = (rows: readonly Judged[], is: (row: Judged) => boolean): number => rows.filter(is).length;
  const columns = [
    'mutants',
    'reported',
    'rule named',
    'missed',
    'false alarm',
    'unchanged',
    'not reached',
    'no packet tells',
    'decided alike',
    'refused',
  ];
  const line = (name: string, rows: readonly Judged[]): string[] => [
    name,
    ...[
      rows.length,
      count(rows, (row) => row.outcome === 'reported'),
      count(rows, (row) => row.isNamed === true),
      count(rows, (row) => row.outcome === 'MISSED'),
      count(rows, (row) => row.outcome === 'FALSE ALARM'),
      count(rows, (row) => row.outcome === 'same'),
      count(rows, (row) => row.survival === 'rule never reached'),
      count(rows, (row) => row.survival === 'no packet tells them apart'),
      count(rows, (row) => row.survival === 'another rule decides alike'),
      count(rows, (row) => row.outcome === 'refused'),
    ].map(String),
  ];
  const table = [
    ['mutation', ...columns],
    ...MUTATIONS.map((name) =>
      line(
        name,
        judged.filter((row) => row.mutation === name),
      ),
    ).filter((row) => row[1] !== '0'),
    line('all', judged),
  ];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length))) ?? [];
  for (const row of table) {
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    );
  }
  const wrong = judged.filter((row) => row.outcome === 'MISSED' || row.outcome === 'FALSE ALARM');
  for (const row of wrong) console.log(`${row.outcome}: ${row.mutation}: ${row.what}: ${row.place}`);
  if (process.argv.includes('--unnamed')) {
    for (const row of judged)
      if (row.isNamed === false) console.log(`not named: ${row.mutation}: ${row.what}: ${row.place}`);
  }
  if (wrong.length > 0) process.exitCode = 1;
}
