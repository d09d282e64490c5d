// A real `nft monitor trace` laid beside our walks of the same packets: which packets of the trace are in the capture, and
// where a router's kernel took another way than ours. Trace ids, counters and what the kernel draws by lot are left out.
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Dialect } from '../nft/print-text.ts';
import type { PacketTrace } from '../replay/trace-steps.ts';
import { count, visible } from './format.ts';
import { isNftStep, nftLine, RuleTexts } from './trace-nft.ts';

/** One packet of a real trace that met something else here. */
export interface TraceDifference {
  packet: number;
  /** ' ' both, '-' only the real trace, '+' only ours, before each line. */
  lines: string[];
}

export interface TraceComparison {
  /** Packets of the real trace. */
  real: number;
  alike: number;
  different: TraceDifference[];
  /** First lines of packets of the real trace that the capture has not. */
  unknown: string[];
  /** Packets of the router's own in the real trace (RSTs, ICMP errors, answers): they are not compared. */
  own: number;
  /** Tables of the real trace that the ruleset has not: their lines are left out. */
  foreignTables: string[];
  dialect: Dialect;
}

const DIALECTS: readonly Dialect[] = ['1.1.4', '1.0.6'];
/** Longer real traces are cut. */
const MAX_LINES = 1_000_000;
/** Lines of one packet that are compared. */
const MAX_PACKET_LINES = 2000;

interface RealLine {
  id: string;
  family: string;
  table: string;
  chain: string;
  text: string;
}

/** Compares by the nft whose way of writing fits better. `walks`: of all packets of the capture. */
export function compareTrace(real: string, walks: readonly PacketTrace[], ruleset: Ruleset): TraceComparison {
  const lines = realLines(real);
  const known = new Set(ruleset.tables.map((table) => `${table.family} ${table.name}`));
  const foreign = lines.map((line) => `${line.family} ${line.table}`).filter((table) => !known.has(table));
  const all = realPackets(lines.filter((line) => known.has(`${line.family} ${line.table}`)));
  const packets = all.filter(([first = '']) => !first.includes(' packet: oif '));
  const comparisons = DIALECTS.map((dialect) => compareIn(dialect, packets, walks, ruleset));
  const [best] = comparisons.sort((a, b) => b.alike - a.alike || a.unknown.length - b.unknown.length);
  return {
    ...(best as TraceComparison),
    own: all.length - packets.length,
    foreignTables: [...new Set(foreign)].map(visible),
  };
}

function compareIn(
  dialect: Dialect,
  packets: string[][],
  walks: readonly PacketTrace[],
  ruleset: Ruleset,
): TraceComparison {
  const rules = new RuleTexts(ruleset, dialect);
  const isMarking = ruleset.tables.some((table) =>
    table.chains.some((chain) =>
      chain.rules.some((rule) => rule.expressions.some((one) => one.kind === 'meta-set' && one.key === 'nftrace')),
    ),
  );
  const ours = new Map<string, { packet: number; lines: string[] }[]>();
  for (const walk of walks) {
    const lines = ourLines(walk, rules, isMarking);
    for (const key of new Set(lines.map(packetKey))) {
      if (key === '') continue;
      const row = ours.get(key) ?? [];
      row.push({ packet: walk.packet, lines });
      ours.set(key, row);
    }
  }
  const result: TraceComparison = {
    real: packets.length,
    alike: 0,
    different: [],
    unknown: [],
    own: 0,
    foreignTables: [],
    dialect,
  };
  const taken = new Set<number>();
  for (const lines of packets) {
    const candidates = ours.get(packetKey(lines[0] ?? '')) ?? [];
    const match = candidates.find((row) => !taken.has(row.packet));
    if (match === undefined) {
      result.unknown.push(visible(lines[0] ?? ''));
      continue;
    }
    taken.add(match.packet);
    // A real trace may begin later: only where the router marked the packet.
    const from = Math.max(0, match.lines.indexOf(lines[0] ?? ''));
    const mine = match.lines.slice(from);
    if (mine.length === lines.length && mine.every((line, i) => line === lines[i])) result.alike++;
    else result.different.push({ packet: match.packet, lines: difference(lines, mine) });
  }
  return result;
}

/** What tells a packet: its headers where it is first shown. */
function packetKey(line: string): string {
  const at = line.indexOf(' packet: ');
  return at < 0 ? '' : line.slice(at);
}

function ourLines(walk: PacketTrace, rules: RuleTexts, isMarking: boolean): string[] {
  return walk.steps
    .filter(isNftStep)
    .filter((step) => step.origin === 0)
    .filter((step) => (isMarking ? step.marked : step.kind !== 'packet' || step.again !== true))
    .map((step) => comparable(nftLine(step, walk.packet, rules).replace(/^trace id \S+ /, '')))
    .slice(0, MAX_PACKET_LINES);
}

function realLines(text: string): RealLine[] {
  return text.split('\n', MAX_LINES).flatMap((line) => {
    const parts = /^trace id ([0-9a-f]+) (\S+) (\S+) (\S+) (.*)$/.exec(line.trimEnd());
    if (parts === null) return [];
    const [, id = '', family = '', table = '', chain = '', rest = ''] = parts;
    return [{ id, family, table, chain, text: comparable(`${family} ${table} ${chain} ${rest}`) }];
  });
}

/** What changes from run to run is left out. */
function comparable(line: string): string {
  return line
    .trimEnd()
    .replace(/counter packets \d+ bytes \d+/g, 'counter packets N bytes N')
    .replace(/ used \d+ \w+/g, '')
    .replace(/last used \S+/g, 'last used never');
}

/** Lines of one id are one packet, until the same chain shows a packet again: the kernel gives ids anew. */
function realPackets(lines: RealLine[]): string[][] {
  const packets: string[][] = [];
  const open = new Map<string, { lines: string[]; shown: Set<string> }>();
  for (const line of lines) {
    let row = open.get(line.id);
    const isShown = line.text.includes(' packet: ');
    const chain = `${line.family} ${line.table} ${line.chain}`;
    if (row === undefined || (isShown && row.shown.has(chain))) {
      row = { lines: [], shown: new Set() };
      open.set(line.id, row);
      packets.push(row.lines);
    }
    if (isShown) row.shown.add(chain);
    if (row.lines.length < MAX_PACKET_LINES) row.lines.push(line.text);
  }
  return packets;
}

/** The longest common lines, and what stands between them on either side. */
function difference(real: readonly string[], ours: readonly string[]): string[] {
  const width = ours.length + 1;
  const common = new Uint16Array((real.length + 1) * width);
  for (let i = real.length - 1; i >= 0; i--) {
    for (let j = ours.length - 1; j >= 0; j--) {
      const below = common[(i + 1) * width + j] as number;
      const right = common[i * width + j + 1] as number;
      common[i * width + j] =
        real[i] === ours[j] ? (common[(i + 1) * width + j + 1] as number) + 1 : Math.max(below, right);
    }
  }
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < real.length || j < ours.length) {
    if (i < real.length && j < ours.length && real[i] === ours[j]) {
      lines.push(`  ${visible(real[i] ?? '')}`);
      i++;
      j++;
    } else if (
      j >= ours.length ||
      (i < real.length && (common[(i + 1) * width + j] as number) >= (common[i * width + j + 1] as number))
    ) {
      lines.push(`- ${visible(real[i++] ?? '')}`);
    } else lines.push(`+ ${visible(ours[j++] ?? '')}`);
  }
  return lines;
}

/** The comparison as text; `path` is the file of the real trace. */
export function comparisonText(comparison: TraceComparison, path: string): string {
  const { real, alike, different, unknown, own, foreignTables, dialect } = comparison;
  const packets = (n: number): string => `${count(n)} packet${n === 1 ? '' : 's'}`;
  const lines = [
    `${visible(path)}: ${packets(real)} traced, as nft ${dialect} prints`,
    `  ${count(alike)} walk alike here, ${count(different.length)} differ, ${count(unknown.length)} are not in the capture`,
  ];
  if (own > 0) lines.push(`  not compared: ${packets(own)} of the router's own`);
  if (foreignTables.length > 0) lines.push(`  left out, not in the ruleset: table ${foreignTables.join(', ')}`);
  for (const line of unknown.slice(0, SHOWN)) lines.push(`  not in the capture: ${line}`);
  if (unknown.length > SHOWN) lines.push(`  and ${count(unknown.length - SHOWN)} more that are not in the capture`);
  for (const { packet, lines: own } of different.slice(0, SHOWN)) {
    lines.push('', `packet ${packet}: - the real trace, + nftreplay`, ...own.map((line) => line.trimEnd()));
  }
  if (different.length > SHOWN) lines.push('', `and ${packets(different.length - SHOWN)} more that differ`);
  return `${lines.join('\n')}\n`;
}

/** Packets that are told one by one. */
const SHOWN = 10;
