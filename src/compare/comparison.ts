// Puts the packets whose fate differs into entries: one for each pair of rules and kind of difference. A difference that
// rules make which both rulesets have alike is a consequence, told with the change in the same flow that made it.
import { f64, u8, u32 } from '../base/columns.ts';
import type { Profile } from '../cost/profile.ts';
import { PATH_CLASSES, VERDICTS } from '../packet/packet.ts';
import type { ReplayOptions } from '../replay/replay.ts';
import { type Cause, Causes } from './cause.ts';
import type { PacketColumns } from './columns.ts';
import { type Decision, decisionKey } from './decision.ts';
import { FATES, type FateName, strongest } from './fate.ts';
import { Figures, type SideFigures } from './figures.ts';
import { eachFrame } from './flows.ts';
import { Alignment, type RuleBook } from './rule-book.ts';
import type { Side } from './side.ts';

export interface DiffExample {
  /** 1-based. */
  packet: number;
  timeNs: number;
  /** 'tcp 192.168.1.10:40000 > 198.51.100.7:443 S'. */
  tuple: string;
  /** What differs in the frames that left: 'ttl 63 -> 62'. */
  change?: string;
}

/** All flows that differ in one way for one cause. */
export interface DiffEntry {
  fate: FateName;
  /** 'forward', 'drop', 'software', …; what the packets met on each side. */
  from: string;
  to: string;
  old: Decision;
  new: Decision;
  flows: number;
  /** Packets that differ, and their octets on the wire. */
  packets: number;
  bytes: number;
  /** All packets of these flows, on each side. */
  before: SideFigures;
  after: SideFigures;
  examples: DiffExample[];
  /** What else changed for these flows because of it; in `packets` too. */
  consequences: Consequence[];
}

/** A difference that follows from another one. */
export interface Consequence {
  fate: FateName;
  from: string;
  to: string;
  flows: number;
  packets: number;
}

const MAX_EXAMPLES = 3;

/** All packets of one flow that differ in one way. */
interface Way {
  flow: number;
  fate: FateName;
  from: string;
  to: string;
  cause: Cause;
  /** The cause is a change of the ruleset. */
  isRoot: boolean;
  firstRow: number;
  packets: number;
  bytes: number;
}

interface OpenEntry extends Omit<DiffEntry, 'before' | 'after'> {
  members: Set<number>;
  firstRow: number;
}

/** Takes rows in order, then yields entries. */
export class Comparison {
  readonly #sides: { old: Side; new: Side };
  readonly #causes: Causes;
  /** By 'flow fate from to'. */
  readonly #ways = new Map<string, Way>();
  readonly #changed = new Set<number>();
  readonly #before: Figures;
  readonly #after: Figures;
  #changedPackets = 0;

  /** `former`: the rules that new ones are held against, where the old side has others too. */
  constructor(sides: { old: Side; new: Side }, profile: Profile, former: RuleBook = sides.old.book) {
    this.#sides = sides;
    const { old, new: now } = sides;
    this.#causes = new Causes(sides, new Alignment(old.book, now.book), new Alignment(now.book, former));
    this.#before = new Figures(old.replay, profile);
    this.#after = new Figures(now.replay, profile);
  }

  /** The next row; `bits`: how its fate differs. */
  add(row: number, flow: number, bits: number): void {
    this.#sides.old.remember(row);
    this.#sides.new.remember(row);
    this.#before.add(row, flow);
    this.#after.add(row, flow);
    if (bits === 0) return;
    this.#changedPackets++;
    this.#changed.add(flow);
    const fate = FATES[strongest(bits)] ?? 'frames';
    const from = state(this.#sides.old.replay.columns, row, fate);
    const to = state(this.#sides.new.replay.columns, row, fate);
    // Marks may differ from packet to packet: one way all the same.
    const key = fate === 'mark' ? `${flow} mark` : `${flow} ${fate} ${from} ${to}`;
    let way = this.#ways.get(key);
    if (way === undefined) {
      const cause = this.#causes.of(row, bits);
      const isRoot = this.#causes.isChange(cause);
      way = { flow, fate, from, to, cause, isRoot, firstRow: row, packets: 0, bytes: 0 };
      this.#ways.set(key, way);
    }
    way.packets++;
    way.bytes += u32(this.#sides.old.replay.columns.wireOctets, row);
  }

  /** All rows were added. Reads the captures once more, for what the examples' packets say of themselves. */
  async result(captures: ReplayOptions['captures']) {
    const rows = this.#entries();
    await describeExamples(rows, captures);
    return {
      entries: rows.map(
        ({ members, firstRow, ...row }): DiffEntry => ({
          ...row,
          before: this.#before.of(members),
          after: this.#after.of(members),
        }),
      ),
      changedPackets: this.#changedPackets,
      changedFlows: this.#changed.size,
      before: this.#before.all(),
      after: this.#after.all(),
    };
  }

  /** The strongest differences first, then those of most packets. */
  #entries(): OpenEntry[] {
    const ways = [...this.#ways.values()];
    const roots = new Map<number, Way>();
    for (const way of ways) if (way.isRoot && !roots.has(way.flow)) roots.set(way.flow, way);
    const entries = new Map<string, OpenEntry>();
    for (const way of ways) if (way.isRoot || !roots.has(way.flow)) this.#put(entries, way);
    for (const way of ways) {
      const root = roots.get(way.flow);
      const entry = root === undefined || way.isRoot ? undefined : entries.get(entryKey(root));
      if (entry !== undefined) addConsequence(entry, way);
    }
    return [...entries.values()].sort(
      (a, b) => FATES.indexOf(a.fate) - FATES.indexOf(b.fate) || b.packets - a.packets || a.firstRow - b.firstRow,
    );
  }

  #put(entries: Map<string, OpenEntry>, way: Way): void {
    const { fate, from, to, cause, firstRow, flow } = way;
    const key = entryKey(way);
    let entry = entries.get(key);
    if (entry === undefined) {
      const none = { flows: 0, packets: 0, bytes: 0, examples: [], consequences: [], members: new Set<number>() };
      entry = { fate, from, to, ...cause, ...none, firstRow };
      entries.set(key, entry);
    }
    entry.packets += way.packets;
    entry.bytes += way.bytes;
    if (entry.members.has(flow)) return;
    entry.members.add(flow);
    entry.flows++;
    if (entry.examples.length === MAX_EXAMPLES) return;
    const timeNs = f64(this.#sides.old.replay.columns.timeNs, firstRow);
    entry.examples.push({ packet: firstRow + 1, timeNs, tuple: '' });
  }
}

function entryKey({ fate, from, to, cause }: Way): string {
  const states = fate === 'mark' ? '' : `${from} ${to}`;
  return `${fate} ${states} ${decisionKey(cause.old)} ${decisionKey(cause.new)}`;
}

function addConsequence(entry: OpenEntry, { fate, from, to, packets, bytes }: Way): void {
  entry.packets += packets;
  entry.bytes += bytes;
  const known = entry.consequences.find((row) => row.fate === fate && row.from === from && row.to === to);
  if (known === undefined) {
    entry.consequences.push({ fate, from, to, flows: 1, packets });
    return;
  }
  known.flows++;
  known.packets += packets;
}

async function describeExamples(entries: readonly OpenEntry[], captures: ReplayOptions['captures']): Promise<void> {
  const wanted = new Map<number, DiffExample[]>();
  for (const example of entries.flatMap((row) => row.examples)) {
    const row = example.packet - 1;
    wanted.set(row, [...(wanted.get(row) ?? []), example]);
  }
  if (wanted.size === 0) return;
  await eachFrame(captures, (row, frame) => {
    for (const example of wanted.get(row) ?? []) example.tuple = frame.text();
  });
}

/** What a packet met, in the terms of the difference that tells most. */
function state(columns: PacketColumns, row: number, fate: FateName): string {
  switch (fate) {
    case 'verdict':
      return VERDICTS[u8(columns.verdict, row)] ?? '';
    case 'path':
      return PATH_CLASSES[u8(columns.pathClass, row)] ?? '';
    case 'mark':
      return `mark 0x${u32(columns.mark, row).toString(16)}, ct mark 0x${u32(columns.ctMark, row).toString(16)}`;
    case 'frames':
      return u32(columns.digest, row) === 0 ? 'no frame' : 'frames';
    default:
      return '';
  }
}
