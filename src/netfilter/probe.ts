// Why a rule never matches: looks, after each verdict, at the rules that the packet no longer came to, and whether the
// matches of those asked about would have let it in. Only looks: statements are not run, state is not touched.
//
// Uses: the packet as the verdict left it. Sets: nothing of the packet. Verdicts, Events: none.
import type { Expression } from '../bytecode/expression.ts';
import type { Ruleset, Table } from '../bytecode/ruleset.ts';
import { NFT_BREAK, NFT_CONTINUE, NFT_GOTO, NFT_JUMP, NFT_RETURN } from './evaluate/codes.ts';
import { Evaluation } from './evaluate/evaluation.ts';
import type { Evaluate, PreparedChain, PreparedRule } from './evaluate/prepared.ts';
import type { Tracer } from './tracer.ts';

/** Packets that `rule` would have matched, which `taker` took before it. */
export interface ProbeCount {
  rule: number;
  taker: number;
  packets: number;
}

/** Expressions that only look. */
const LOOKS: ReadonlySet<Expression['kind']> = new Set([
  'payload',
  'exthdr',
  'cmp',
  'range',
  'bitwise',
  'byteorder',
  'immediate',
  'meta',
  'ct',
  'rt',
  'fib',
  'hash',
]);
/** Statements that let a packet on and change nothing that matches look at: passed over. */
const PASSED: ReadonlySet<Expression['kind']> = new Set([
  'counter',
  'log',
  'last',
  'limit',
  'quota',
  'connlimit',
  'objref',
]);

/** A chain that a run is in: where it stands, and the rule that matched last. */
interface Frame {
  chain: PreparedChain;
  next: number;
  last: number;
  /** A goto left it: nothing comes back here. */
  isLeft: boolean;
}

/** What a rule's matches are, and where it leads when they match. */
interface Matches {
  looks: Evaluate[];
  /** Its matches lead to rules asked about. */
  leads: boolean;
  isAsked: boolean;
}

const MAX_DEPTH = 16;

export class RuleProbe implements Tracer {
  readonly isActive = true;
  readonly #rules: { table: Table; expressions: readonly Expression[]; chain: string }[];
  readonly #asked: ReadonlySet<number>;
  /** Chains ('family table chain') that hold rules asked about, or lead to them. */
  readonly #leading: ReadonlySet<string>;
  readonly #matches = new Map<number, Matches>();
  readonly #runs: Frame[][] = [];
  readonly #look = new Evaluation();
  readonly #counts = new Map<number, ProbeCount>();
  #visited = new Set<number>();

  /** `rules`: global indexes of those asked about. */
  constructor(ruleset: Ruleset, rules: readonly number[]) {
    this.#rules = ruleset.tables.flatMap((table) =>
      table.chains.flatMap((chain) =>
        chain.rules.map(({ expressions }) => ({ table, expressions, chain: chainKey(table, chain.name) })),
      ),
    );
    this.#asked = new Set(rules);
    this.#leading = this.#findLeading();
  }

  /** By rule, then by how many packets were taken. */
  counts(): ProbeCount[] {
    return [...this.#counts.values()].sort((a, b) => a.rule - b.rule || b.packets - a.packets || a.taker - b.taker);
  }

  baseChain(_run: Evaluation, base: PreparedChain): void {
    this.#runs.push([{ chain: base, next: 0, last: -1, isLeft: false }]);
  }

  rule(run: Evaluation, rule: PreparedRule, code: number): void {
    const frames = this.#runs.at(-1);
    const frame = frames?.at(-1);
    if (frames === undefined || frame === undefined) return;
    frame.next = rule.index - (frame.chain.rules[0]?.index ?? rule.index) + 1;
    if (code === NFT_BREAK) return;
    frame.last = rule.index;
    if (code === NFT_JUMP || code === NFT_GOTO) {
      if (run.target === null) return;
      if (code === NFT_GOTO) {
        this.#skip(run, [frame], rule.index);
        frame.isLeft = true;
      }
      frames.push({ chain: run.target, next: 0, last: -1, isLeft: false });
    } else if (code === NFT_RETURN) {
      this.#skip(run, [frame], rule.index);
      leave(frames);
    } else if (code !== NFT_CONTINUE) {
      this.#skip(run, frames, rule.index);
      this.#runs.pop();
    }
  }

  chainEnd(): void {
    const frames = this.#runs.at(-1);
    if (frames !== undefined && frames.length > 1) leave(frames);
  }

  policy(): void {
    this.#runs.pop();
  }

  enter(): void {}
  leave(): void {}
  judge(): void {}

  /** The rest of these chains is not come to, because of `taker`. */
  #skip(run: Evaluation, frames: readonly Frame[], taker: number): void {
    this.#visited = new Set();
    for (let depth = frames.length - 1; depth >= 0; depth--) {
      const frame = frames[depth] as Frame;
      if (!frame.isLeft) this.#rest(run, frame.chain, frame.next, taker, 0);
    }
  }

  #rest(run: Evaluation, chain: PreparedChain, from: number, taker: number, depth: number): void {
    const first = chain.rules[0]?.index;
    if (first === undefined || depth > MAX_DEPTH || !this.#leading.has(this.#rules[first]?.chain ?? '')) return;
    for (let at = from; at < chain.rules.length; at++) {
      const rule = chain.rules[at] as PreparedRule;
      const matches = this.#matchesOf(rule);
      if (!(matches.isAsked || matches.leads) || this.#visited.has(rule.index)) continue;
      this.#visited.add(rule.index);
      const look = this.#look;
      copy(run, look);
      let code: number = NFT_CONTINUE;
      for (let i = 0; i < matches.looks.length && code === NFT_CONTINUE; i++)
        code = (matches.looks[i] as Evaluate)(look);
      if (code === NFT_BREAK) continue;
      if (matches.isAsked) this.#count(rule.index, taker);
      if ((code === NFT_JUMP || code === NFT_GOTO) && look.target !== null)
        this.#rest(run, look.target, 0, taker, depth + 1);
    }
  }

  #count(rule: number, taker: number): void {
    const key = rule * 0x40000 + taker;
    const count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, { rule, taker, packets: 1 });
    else count.packets++;
  }

  #matchesOf(rule: PreparedRule): Matches {
    let matches = this.#matches.get(rule.index);
    if (matches !== undefined) return matches;
    const row = this.#rules[rule.index];
    const looks: Evaluate[] = [];
    for (const [i, expression] of (row?.expressions ?? []).entries()) {
      if (PASSED.has(expression.kind)) continue;
      if (!LOOKS.has(expression.kind) && !isJump(expression) && !this.#isPlainLookup(row?.table, expression)) break;
      looks.push(rule.expressions[i] as Evaluate);
    }
    const leads = targets(row?.table, row?.expressions ?? []).some((name) => this.#leading.has(name));
    matches = { looks, leads, isAsked: this.#asked.has(rule.index) };
    this.#matches.set(rule.index, matches);
    return matches;
  }

  /** A lookup that does not count. */
  #isPlainLookup(table: Table | undefined, expression: Expression): boolean {
    if (expression.kind !== 'lookup') return false;
    const set = table?.sets.find((one) => one.name === expression.set);
    return set !== undefined && set.elementExpressions.length === 0 && !set.elements.some((row) => row.expressions);
  }

  #findLeading(): Set<string> {
    const leading = new Set<string>();
    for (const rule of this.#asked) leading.add(this.#rules[rule]?.chain ?? '');
    for (let found = true; found; ) {
      found = false;
      for (const { table, expressions, chain } of this.#rules) {
        if (leading.has(chain) || !targets(table, expressions).some((name) => leading.has(name))) continue;
        leading.add(chain);
        found = true;
      }
    }
    return leading;
  }
}

/** A chain ended without a verdict: back to where it was called, past chains that a goto left. */
function leave(frames: Frame[]): void {
  frames.pop();
  while (frames.at(-1)?.isLeft === true) frames.pop();
}

function chainKey(table: Table, chain: string): string {
  return `${table.family} ${table.name} ${chain}`;
}

function isJump(expression: Expression): boolean {
  return expression.kind === 'verdict' && expression.verdict.chain !== undefined;
}

/** Chains that a rule jumps or goes to, through verdict maps too. */
function targets(table: Table | undefined, expressions: readonly Expression[]): string[] {
  if (table === undefined) return [];
  return expressions.flatMap((expression) => {
    if (expression.kind === 'verdict') {
      return expression.verdict.chain === undefined ? [] : [chainKey(table, expression.verdict.chain)];
    }
    if (expression.kind !== 'lookup' || expression.dreg !== 0) return [];
    const elements = table.sets.find((set) => set.name === expression.set)?.elements ?? [];
    return elements.flatMap(({ verdict }) => (verdict?.chain === undefined ? [] : [chainKey(table, verdict.chain)]));
  });
}

function copy(from: Evaluation, to: Evaluation): void {
  to.packet = from.packet;
  to.hook = from.hook;
  to.pf = from.pf;
  to.iif = from.iif;
  to.oif = from.oif;
  to.length = from.length;
  to.end = from.end;
  to.hasTransport = from.hasTransport;
  to.protocol = from.protocol;
  to.transport = from.transport;
  to.isLaterFragment = from.isLaterFragment;
  to.target = null;
}
