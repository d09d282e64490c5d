// Which pair of rules makes a packet's fate differ: what decided it on each side, at the place where the walks part in a
// way that explains the difference. Symmetric in its two sides.
import type { Expression } from '../bytecode/expression.ts';
import { type Decision, decisionKey } from './decision.ts';
import { FATES, PATH, strongest, TRANSLATION } from './fate.ts';
import type { Alignment } from './rule-book.ts';
import type { Side } from './side.ts';

/** Statements that change a frame, its way or its marks. */
const SETTERS: ReadonlySet<Expression['kind']> = new Set([
  'payload-set',
  'exthdr-set',
  'exthdr-reset',
  'meta-set',
  'ct-set',
  'nat',
  'masquerade',
  'redirect',
  'notrack',
  'dup',
  'fwd',
]);

export interface Cause {
  old: Decision;
  new: Decision;
}

/** Finds causes; `toNew` aligns old rules with new ones, `toOld` the other way. */
export class Causes {
  readonly #old: Side;
  readonly #new: Side;
  readonly #toNew: Alignment;
  readonly #toOld: Alignment;

  constructor(sides: { old: Side; new: Side }, toNew: Alignment, toOld: Alignment) {
    this.#old = sides.old;
    this.#new = sides.new;
    this.#toNew = toNew;
    this.#toOld = toOld;
  }

  /** The cause of a row's difference. Both sides must remember all rows up to this one. */
  of(row: number, bits: number): Cause {
    const pair = this.#byFate(row, bits) ?? this.#byWalk(this.#pathOf(this.#old, row), this.#pathOf(this.#new, row));
    return pair === undefined ? NO_RULE : this.#annotate(pair);
  }

  /** Whether one of the two is not on the other side as it is here: what both have alike does not make a difference itself. */
  isChange(cause: Cause): boolean {
    return (
      this.#differs(cause.old, this.#old, this.#new, this.#toNew) ||
      this.#differs(cause.new, this.#new, this.#old, this.#toOld)
    );
  }

  #differs(row: Decision, side: Side, other: Side, to: Alignment): boolean {
    switch (row.kind) {
      case 'rule':
      case 'unmatched': {
        const counterpart = to.counterpart(row.rule ?? -1);
        return counterpart.kind !== 'same' || side.book.setsOf(row.rule ?? -1) !== other.book.setsOf(counterpart.rule);
      }
      case 'policy':
        return other.book.headOf(row.place) !== side.book.headOf(row.place);
      case 'flowtable':
        return !other.book.flowtables.some(
          ({ name, flowtable }) => row.place === `flowtable ${name}` && row.text === other.flowtableText(flowtable),
        );
      case 'absent':
        return true;
      case 'other':
        return false;
    }
  }

  #byFate(row: number, bits: number): Cause | undefined {
    const paths: [number, number] = [this.#pathOf(this.#old, row), this.#pathOf(this.#new, row)];
    if (this.#old.isDropped(row) || this.#new.isDropped(row)) return this.#byDrop(row);
    switch (FATES[strongest(bits)]) {
      case 'translation':
      case 'interface':
      case 'verdict':
        return (
          this.#byRules(this.#old.madeBy(row), this.#new.madeBy(row), 'translators') ??
          this.#byMarks(row) ??
          this.#bySetters(...paths) ??
          ((bits & PATH) !== 0 && (bits & TRANSLATION) === 0 ? this.#byOffload(row) : undefined)
        );
      case 'mark':
        return (
          this.#byMarks(row) ?? this.#bySetters(...paths) ?? ((bits & PATH) !== 0 ? this.#byOffload(row) : undefined)
        );
      case 'path':
        return this.#byOffload(row);
      default:
        return this.#bySetters(...paths) ?? this.#byMarks(row);
    }
  }

  /** One side dropped it, or both did with other answers. */
  #byDrop(row: number): Cause | undefined {
    const old = this.#old.isDropped(row) ? this.#old.dropper(row) : undefined;
    const now = this.#new.isDropped(row) ? this.#new.dropper(row) : undefined;
    if (old !== undefined && now !== undefined) return { old: old.decision, new: now.decision };
    const dropped = old ?? now;
    if (dropped === undefined) return undefined;
    if (dropped.chain === undefined) return undefined;
    if (old !== undefined) {
      return { old: old.decision, new: this.#new.ender(this.#pathOf(this.#new, row), dropped.chain, row) };
    }
    return { old: this.#old.ender(this.#pathOf(this.#old, row), dropped.chain, row), new: dropped.decision };
  }

  #byMarks(row: number): Cause | undefined {
    return this.#byRules(this.#old.markedBy(row), this.#new.markedBy(row), 'markers');
  }

  /** The last rules of a kind on two paths, when they are not the same ones. */
  #byRules(oldPath: number, newPath: number, kind: 'translators' | 'markers'): Cause | undefined {
    return this.#firstDifference(this.#old[kind](oldPath), this.#new[kind](newPath), oldPath, newPath);
  }

  #bySetters(oldPath: number, newPath: number): Cause | undefined {
    const old = this.#old.matched(oldPath, SETTERS);
    const now = this.#new.matched(newPath, SETTERS);
    return this.#firstDifference(old, now, oldPath, newPath);
  }

  /** The first place where two lists of rules differ; a rule that only one has is met by the other's end of its base chain. */
  #firstDifference(old: number[], now: number[], oldPath: number, newPath: number): Cause | undefined {
    for (let at = 0; at < Math.max(old.length, now.length); at++) {
      const a = old[at];
      const b = now[at];
      if (a !== undefined && b !== undefined && this.#isSame(a, b)) continue;
      const aIsAlone = a !== undefined && !now.some((rule) => this.#isSame(a, rule));
      const bIsAlone = b !== undefined && !old.some((rule) => this.#isSame(rule, b));
      const bases = [
        a === undefined ? undefined : this.#old.baseOf(oldPath, a),
        b === undefined ? undefined : this.#new.baseOf(newPath, b),
      ] as const;
      if (a !== undefined && b !== undefined && ((aIsAlone && bIsAlone) || bases[0] === bases[1])) {
        return { old: this.#old.rule(a), new: this.#new.rule(b) };
      }
      if (a !== undefined && aIsAlone) {
        return { old: this.#old.rule(a), new: this.#without(this.#new, newPath, bases[0], a, this.#toNew) };
      }
      if (b !== undefined && bIsAlone) {
        return { old: this.#without(this.#old, oldPath, bases[1], b, this.#toOld), new: this.#new.rule(b) };
      }
    }
    return undefined;
  }

  /** What stood on the side where the other's rule did not match: its counterpart, which missed, or the chain's end. */
  #without(side: Side, path: number, base: string | undefined, rule: number, to: Alignment): Decision {
    const counterpart = to.counterpart(rule);
    if (counterpart.kind !== 'gone') return { ...side.rule(counterpart.rule), kind: 'unmatched' };
    return base === undefined ? NO_DECISION : side.ender(path, base);
  }

  /** One side's flowtable forwarded it: who put the connection there, and who did not. */
  #byOffload(row: number): Cause | undefined {
    const oldAt = this.#old.addedAt(row);
    const newAt = this.#new.addedAt(row);
    if (oldAt >= 0 && newAt >= 0) return this.#byFlowtables(oldAt, newAt, row);
    if (oldAt >= 0) {
      const added = this.#old.walkOfRow(oldAt).added[0];
      if (added === undefined) return undefined;
      return {
        old: this.#old.rule(added.rule),
        new: this.#notAdded(this.#old, oldAt, added.rule, this.#new, this.#toNew),
      };
    }
    if (newAt < 0) return undefined;
    const added = this.#new.walkOfRow(newAt).added[0];
    if (added === undefined) return undefined;
    return {
      old: this.#notAdded(this.#new, newAt, added.rule, this.#old, this.#toOld),
      new: this.#new.rule(added.rule),
    };
  }

  #byFlowtables(oldAt: number, newAt: number, row: number): Cause | undefined {
    const old = this.#old.walkOfRow(oldAt).added[0];
    const now = this.#new.walkOfRow(newAt).added[0];
    if (old === undefined || now === undefined) return undefined;
    if (!this.#isSame(old.rule, now.rule)) return { old: this.#old.rule(old.rule), new: this.#new.rule(now.rule) };
    const pair = { old: this.#old.flowtable(old.flowtable), new: this.#new.flowtable(now.flowtable) };
    if (pair.old.text !== pair.new.text) return pair;
    // The same flow, which one side has torn down.
    return this.#old.walkOfRow(row).isFast ? { old: pair.old, new: TORN_DOWN } : { old: TORN_DOWN, new: pair.new };
  }

  /** Why the side without the flow did not add it, at the packet that the other side added it by. */
  #notAdded(by: Side, row: number, rule: number, side: Side, to: Alignment): Decision {
    const path = this.#pathOf(side, row);
    const counterpart = to.counterpart(rule);
    const base = by.baseOf(this.#pathOf(by, row), rule);
    if (counterpart.kind === 'changed' && side.book.has(counterpart.rule, FLOW)) {
      return { ...side.rule(counterpart.rule), kind: 'unmatched' };
    }
    if (counterpart.kind === 'same') {
      const isMet = side.walk(path).chains.some((run) => run.evaluated.includes(counterpart.rule));
      if (isMet) return { ...side.rule(counterpart.rule), kind: 'unmatched' };
    }
    return base === undefined ? NO_DECISION : side.ender(path, base);
  }

  /** The first rules that matched on one side and not on the other, whatever they do. */
  #byWalk(oldPath: number, newPath: number): Cause | undefined {
    const old = this.#old.walk(oldPath);
    const now = this.#new.walk(newPath);
    if (old.isFast !== now.isFast) return undefined;
    const rules = (side: Side, path: number) => side.walk(path).chains.flatMap((run) => run.matched);
    return (
      this.#firstDifference(rules(this.#old, oldPath), rules(this.#new, newPath), oldPath, newPath) ??
      this.#byEnds(oldPath, newPath)
    );
  }

  /** The first base chain that ended otherwise, or that only one side came to. */
  #byEnds(oldPath: number, newPath: number): Cause | undefined {
    const old = this.#old.walk(oldPath).chains;
    const now = this.#new.walk(newPath).chains;
    for (let at = 0; at < Math.max(old.length, now.length); at++) {
      const a = old[at];
      const b = now[at];
      const name = a === undefined ? this.#new.chainName(b?.chain ?? -1) : this.#old.chainName(a.chain);
      if (a === undefined || b === undefined) {
        return { old: this.#old.ender(oldPath, name), new: this.#new.ender(newPath, name) };
      }
      const pair = { old: this.#old.endOf(a), new: this.#new.endOf(b) };
      if (this.#new.chainName(b.chain) !== name || pair.old.text !== pair.new.text) return pair;
    }
    return undefined;
  }

  #hasOtherSets(rule: number, counterpart: number, side: Side): boolean {
    const from = side === this.#new ? this.#old : this.#new;
    return from.book.setsOf(rule) !== side.book.setsOf(counterpart);
  }

  #isSame(old: number, now: number): boolean {
    const row = this.#toNew.counterpart(old);
    return row.kind === 'same' && row.rule === now;
  }

  #pathOf(side: Side, row: number): number {
    return side.replay.columns.path[row] as number;
  }

  /** Says what became of a rule that decided alone. */
  #annotate(pair: Cause): Cause {
    return {
      old: withNote(pair.old, this.#note(pair.new, pair.old, this.#old, this.#toOld, ['new', 'is', 'said'])),
      new: withNote(pair.new, this.#note(pair.old, pair.new, this.#new, this.#toNew, ['old', 'was', 'says'])),
    };
  }

  /** What stands on `side`, where `row` decided, for `other`, a rule of the other side. */
  #note(
    other: Decision,
    row: Decision,
    side: Side,
    to: Alignment,
    words: [string, string, string],
  ): string | undefined {
    if (other.kind !== 'rule' || row.kind === 'unmatched') return undefined;
    const [which, is, says] = words;
    const counterpart = to.counterpart(other.rule ?? -1);
    if (counterpart.kind === 'gone') return which === 'old' ? 'the old rule is gone' : undefined;
    const stands = side.rule(counterpart.rule);
    if (decisionKey(stands) === decisionKey(row)) return undefined;
    const line = stands.location === undefined ? stands.place : `line ${stands.location.line}`;
    if (row.kind === 'flowtable' && counterpart.kind === 'same') {
      return `the ${which} rule stands here too, ${line}, but the flowtable's packets do not come to it`;
    }
    if (counterpart.kind === 'same' && this.#hasOtherSets(other.rule ?? -1, counterpart.rule, side)) {
      return `the ${which} rule stands here too, ${line}, but with other elements in its set`;
    }
    if (counterpart.kind === 'same') return `the ${which} rule stands here too, ${line}, but did not decide`;
    return `where the ${which} rule ${is}, ${line} ${says}: ${stands.text}`;
  }
}

function withNote(row: Decision, note: string | undefined): Decision {
  return note === undefined ? row : { ...row, note };
}

const FLOW: ReadonlySet<Expression['kind']> = new Set(['flow-offload']);
const NO_DECISION: Decision = { kind: 'other', place: '', text: 'no rule' };
const TORN_DOWN: Decision = { kind: 'other', place: '', text: 'its flow was torn down before' };
const NO_RULE: Cause = {
  old: { kind: 'other', place: '', text: 'no rule of its own: what earlier packets left behind' },
  new: { kind: 'other', place: '', text: 'no rule of its own: what earlier packets left behind' },
};
