// One side of a comparison: its replay, its rules, and what connections remember of their earlier packets (who translated
// them, who marked them, who put them into a flowtable).
import { i32, u8, u32 } from '../base/columns.ts';
import type { Expression } from '../bytecode/expression.ts';
import type { Flowtable } from '../bytecode/ruleset.ts';
import { REASONS } from '../event/reasons.ts';
import { VERDICT_DROP } from '../packet/packet.ts';
import type { ColumnReplay } from './columns.ts';
import type { Decision } from './decision.ts';
import type { RuleBook } from './rule-book.ts';
import { type ChainWalk, type Walk, walkOf } from './walks.ts';

const NAT: ReadonlySet<Expression['kind']> = new Set(['nat', 'masquerade', 'redirect']);
const MARKS: ReadonlySet<Expression['kind']> = new Set(['meta-set', 'ct-set']);

/** What a connection's packets so far had done to it. */
interface Memory {
  /** Path of the packet that made it. */
  made: number;
  /** Paths that had a rule mark it, and that added it to a flowtable; -1: none. */
  marked: number;
  added: number;
  /** Row (packet - 1) of the packet that added it. */
  addedRow: number;
}

export class Side {
  readonly replay: ColumnReplay;
  readonly book: RuleBook;
  readonly #walks = new Map<number, Walk>();
  /** Paths on which a rule set a mark. */
  readonly #marking = new Set<number>();
  readonly #memory = new Map<number, Memory>();

  constructor(replay: ColumnReplay, book: RuleBook) {
    this.replay = replay;
    this.book = book;
  }

  walk(path: number): Walk {
    let walk = this.#walks.get(path);
    if (walk === undefined) {
      walk = walkOf(this.replay.result.paths, path, this.book.chainOfRule);
      this.#walks.set(path, walk);
      if (this.#hasMatched(walk, MARKS)) this.#marking.add(path);
    }
    return walk;
  }

  walkOfRow(row: number): Walk {
    return this.walk(u32(this.replay.columns.path, row));
  }

  /** Takes note of what a packet did to its connection: to be called for every row in order, before its cause is asked. */
  remember(row: number): void {
    const { columns } = this.replay;
    const flow = u32(columns.flow, row);
    if (flow === 0) return;
    const path = u32(columns.path, row);
    const walk = this.walk(path);
    let memory = this.#memory.get(flow);
    if (memory === undefined) {
      memory = { made: path, marked: -1, added: -1, addedRow: -1 };
      this.#memory.set(flow, memory);
    }
    if (walk.added.length > 0) {
      memory.added = path;
      memory.addedRow = row;
    }
    if (this.#marking.has(path)) memory.marked = path;
  }

  /** Path that made the row's connection, else its own. */
  madeBy(row: number): number {
    return this.#of(row)?.made ?? u32(this.replay.columns.path, row);
  }
  /** Path that last marked the row's connection or packet, else its own. */
  markedBy(row: number): number {
    const memory = this.#of(row);
    return memory === undefined || memory.marked < 0 ? u32(this.replay.columns.path, row) : memory.marked;
  }
  /** Row of the packet that put the row's connection into a flowtable; -1: none did. */
  addedAt(row: number): number {
    return this.#of(row)?.addedRow ?? -1;
  }

  isDropped(row: number): boolean {
    return u8(this.replay.columns.verdict, row) === VERDICT_DROP;
  }

  /** Who dropped the packet of a row. */
  dropper(row: number): { decision: Decision; chain: string | undefined } {
    const { columns } = this.replay;
    const reason = REASONS[u8(columns.reason, row)];
    const detail = i32(columns.detail, row);
    if (detail >= 0 && (reason?.name === 'rule' || reason?.name === 'reject')) {
      const run = this.walkOfRow(row).chains.find((one) => one.evaluated.includes(detail));
      if (run === undefined) return { decision: this.rule(detail), chain: undefined };
      return { decision: this.#ruleOf(run, detail), chain: this.chainName(run.chain) };
    }
    if (detail >= 0 && reason?.name === 'policy') {
      return { decision: this.policy(detail), chain: this.chainName(detail) };
    }
    return { decision: { kind: 'other', place: '', text: reason?.text ?? 'no reason' }, chain: undefined };
  }

  /** What a base chain of this name said to a path; `row`: to know the flowtable that forwarded its packet past it. */
  ender(path: number, name: string, row = -1): Decision {
    const walk = this.walk(path);
    const run = walk.chains.find((one) => this.chainName(one.chain) === name);
    if (run !== undefined) return this.endOf(run);
    if (walk.isFast) {
      const at = row < 0 ? -1 : this.addedAt(row);
      return this.flowtable((at < 0 ? undefined : this.walkOfRow(at).added[0]?.flowtable) ?? -1);
    }
    const chain = this.book.chainNamed(name);
    if (chain === undefined) return { kind: 'absent', place: name, text: 'there is no such chain' };
    return { kind: 'other', place: name, text: 'the packet did not come to this chain' };
  }

  endOf(run: ChainWalk): Decision {
    const rule = run.matched.at(-1);
    return run.byPolicy || rule === undefined ? this.policy(run.chain) : this.#ruleOf(run, rule);
  }

  rule(index: number): Decision {
    const row = this.book.rules[index];
    if (row === undefined) return { kind: 'other', place: '', text: 'a rule' };
    const { location } = row.rule;
    const place = `${row.chain.name} rule ${row.place}`;
    return {
      kind: 'rule',
      rule: index,
      place,
      text: this.book.text(index),
      ...(location === undefined ? {} : { location }),
    };
  }

  /** A rule with who jumped to its chain in a run. */
  #ruleOf(run: ChainWalk, rule: number): Decision {
    const decision = this.rule(rule);
    const chain = this.book.rules[rule]?.chain;
    if (chain === undefined || this.book.chainOfRule[rule] === run.chain) return decision;
    const before = run.matched.slice(0, Math.max(0, run.matched.lastIndexOf(rule)));
    const jump = before.findLast((one) => this.book.leadsTo(one, chain));
    if (jump === undefined) return decision;
    const line = this.book.location(jump)?.line;
    return { ...decision, via: `${line === undefined ? '' : `line ${line}: `}${this.book.text(jump)}` };
  }

  policy(index: number): Decision {
    const row = this.book.chains[index];
    if (row === undefined) return { kind: 'other', place: '', text: 'a chain' };
    const { location } = row.chain;
    const text = row.chain.base === undefined ? 'end of the chain' : `policy ${row.chain.base.policy}`;
    return { kind: 'policy', place: row.name, text, ...(location === undefined ? {} : { location }) };
  }

  /** A flowtable by index; -1: the only one, or any. */
  flowtable(index: number): Decision {
    const rows = this.book.flowtables;
    const row = index >= 0 ? rows[index] : rows.length === 1 ? rows[0] : undefined;
    if (row === undefined) return { kind: 'flowtable', place: 'flowtable', text: 'forwarded past all later hooks' };
    return {
      kind: 'flowtable',
      place: `flowtable ${row.name}`,
      text: this.flowtableText(row.flowtable),
      ...(row.flowtable.location === undefined ? {} : { location: row.flowtable.location }),
    };
  }

  flowtableText({ devices, offload }: Flowtable): string {
    return `devices = { ${devices.join(', ')} };${offload ? ' flags offload;' : ''} forwards past all later hooks`;
  }

  /** Rules of these kinds that matched on a path, in order. */
  matched(path: number, kinds: ReadonlySet<Expression['kind']>): number[] {
    return this.walk(path)
      .chains.flatMap((run) => run.matched)
      .filter((rule) => this.book.has(rule, kinds));
  }
  translators(path: number): number[] {
    return this.matched(path, NAT);
  }
  markers(path: number): number[] {
    return this.matched(path, MARKS);
  }

  /** Name of the base chain in whose run a rule was evaluated on a path. */
  baseOf(path: number, rule: number): string | undefined {
    const run = this.walk(path).chains.find((one) => one.evaluated.includes(rule));
    return run === undefined ? undefined : this.chainName(run.chain);
  }

  chainName(index: number): string {
    return this.book.chains[index]?.name ?? '';
  }

  #of(row: number): Memory | undefined {
    return this.#memory.get(u32(this.replay.columns.flow, row));
  }

  #hasMatched(walk: Walk, kinds: ReadonlySet<Expression['kind']>): boolean {
    return walk.chains.some((run) => run.matched.some((rule) => this.book.has(rule, kinds)));
  }
}
