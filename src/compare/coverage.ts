// How much of a ruleset a capture exercises: for every rule, chain and set element whether packets reached it, only before
// their connection was offloaded, or never; and why not. Who shadows a dead rule is found by a second replay that asks.
import { f64, u8, u32 } from '../base/columns.ts';
import type { NftSet, Ruleset, Table } from '../bytecode/ruleset.ts';
import { PATH_SLOW } from '../packet/packet.ts';
import { type ReplayOptions, replayCaptures } from '../replay/replay.ts';
import type { ReplayResult } from '../replay/result.ts';
import { type ColumnReplay, replayColumns } from './columns.ts';
import { type DeadReason, deadReasons } from './dead-rules.ts';
import { elementTexts } from './element-text.ts';
import { type PathHits, pathHits } from './path-hits.ts';
import { RuleBook } from './rule-book.ts';
import { walkOf } from './walks.ts';

export type CoverState = 'never' | 'before-offload' | 'reached';

export interface RuleCover {
  /** Global index; `Coverage.book` has its place and text. */
  rule: number;
  state: CoverState;
  /** Packets that it was evaluated for, and that matched. */
  evaluated: number;
  matched: number;
  /** State before-offload: packets of the connections it matched that the flowtable then forwarded past it. */
  bypassed: number;
  /** State never: why. */
  reason?: DeadReason;
}

export interface ChainCover {
  /** Global index. */
  chain: number;
  state: CoverState;
  /** Times that packets entered it, and that its policy decided. */
  entered: number;
  policy: number;
}

export interface ElementCover {
  /** '192.0.2.1', 'established : accept'. */
  text: string;
  state: CoverState;
  hits: number;
}

export interface SetCover {
  table: Table;
  set: NftSet;
  /** Global indexes of the rules that look there. */
  rules: number[];
  elements: ElementCover[];
}

export interface Coverage {
  replay: ColumnReplay;
  book: RuleBook;
  rules: RuleCover[];
  chains: ChainCover[];
  /** Sets and maps with elements of their own that rules look up. */
  sets: SetCover[];
}

/** Replays and sums up; captures must be files when a rule was never met. Throws as replayCaptures does. */
export async function coverRuleset(options: Omit<ReplayOptions, 'onEvents' | 'onFrames'>): Promise<Coverage> {
  const replay = await replayColumns({ ...options, conntrack: false, coverage: { probe: [] } });
  const book = new RuleBook([options.ruleset]);
  const hits = pathHits(replay.result.paths, book);
  const offload = beforeOffload(replay, book);
  const rules = book.rules.map((_, rule): RuleCover => {
    const matched = f64(hits.matched, rule);
    const state = coverState(matched, f64(offload.matched, rule));
    const bypassed = state === 'before-offload' ? f64(offload.bypassed, rule) : 0;
    return { rule, state, evaluated: f64(hits.evaluated, rule), matched, bypassed };
  });
  const chains = book.chains.map((_, chain): ChainCover => {
    const entered = f64(hits.entered, chain);
    const state = coverState(entered, f64(offload.entered, chain));
    return { chain, state, entered, policy: f64(hits.policy, chain) };
  });
  await explain(rules, hits, book, replay, options);
  return { replay, book, rules, chains, sets: setCovers(options.ruleset, book, rules, replay.result) };
}

function coverState(all: number, offloadedLater: number): CoverState {
  return all === 0 ? 'never' : all === offloadedLater ? 'before-offload' : 'reached';
}

/** Gives dead rules their reasons; a second replay asks who took the packets of those that had a chance. */
async function explain(
  rules: RuleCover[],
  hits: PathHits,
  book: RuleBook,
  replay: ColumnReplay,
  options: Omit<ReplayOptions, 'onEvents' | 'onFrames'>,
): Promise<void> {
  const dead = rules.filter((row) => row.state === 'never');
  const asked = dead.map((row) => row.rule).filter((rule) => mayBeShadowed(rule, hits, book));
  const probes =
    asked.length === 0
      ? []
      : ((
          await replayCaptures({
            ...options,
            conntrack: false,
            knownConnections: replay.knownConnections,
            coverage: { probe: asked },
          })
        ).result.probes ?? []);
  const reasons = deadReasons(
    dead.map((row) => row.rule),
    { book, hits, probes },
  );
  for (const row of dead) {
    const reason = reasons.get(row.rule);
    if (reason !== undefined) row.reason = reason;
  }
}

/** Whether packets may have been taken before they came to a rule: not when all that came to its base chain did. */
function mayBeShadowed(rule: number, hits: PathHits, book: RuleBook): boolean {
  const entered = f64(hits.entered, book.chainOfRule[rule] as number);
  const isBase = book.rules[rule]?.chain.chain.base !== undefined;
  return entered > 0 && !(isBase && f64(hits.evaluated, rule) >= entered);
}

interface BeforeOffload {
  /** [rule] packets that matched on the slow path whose connection was offloaded then; [chain] that entered. */
  matched: Float64Array;
  entered: Float64Array;
  /** [rule] packets of those connections that a flowtable forwarded. */
  bypassed: Float64Array;
}

function beforeOffload(replay: ColumnReplay, book: RuleBook): BeforeOffload {
  const { columns, result } = replay;
  const { paths } = result;
  const fast = new Float64Array(columns.flow.reduce((max, flow) => Math.max(max, flow), 0) + 1);
  for (let row = 0; row < columns.packets; row++) {
    if (u8(columns.pathClass, row) !== PATH_SLOW) fast[u32(columns.flow, row)] = f64(fast, u32(columns.flow, row)) + 1;
  }
  fast[0] = 0;
  const byPath = new Float64Array(paths.packets.length);
  const seen = new Set<number>();
  const bypassed = new Float64Array(book.rules.length);
  const known = new Set<number>();
  const matchedOn = new Map<number, number[]>();
  for (let row = 0; row < columns.packets; row++) {
    const flow = u32(columns.flow, row);
    if (u8(columns.pathClass, row) !== PATH_SLOW || f64(fast, flow) === 0) continue;
    const path = u32(columns.path, row);
    byPath[path] = f64(byPath, path) + 1;
    if (known.has(path * fast.length + flow)) continue;
    known.add(path * fast.length + flow);
    let rules = matchedOn.get(path);
    if (rules === undefined) {
      rules = walkOf(paths, path, book.chainOfRule).chains.flatMap((run) => run.matched);
      matchedOn.set(path, rules);
    }
    for (const rule of rules) {
      if (seen.has(rule * fast.length + flow)) continue;
      seen.add(rule * fast.length + flow);
      bypassed[rule] = f64(bypassed, rule) + f64(fast, flow);
    }
  }
  const hits = pathHits({ ...paths, packets: byPath }, book);
  return { matched: hits.matched, entered: hits.entered, bypassed };
}

function setCovers(ruleset: Ruleset, book: RuleBook, rules: readonly RuleCover[], result: ReplayResult): SetCover[] {
  const users = new Map<NftSet, number[]>();
  book.rules.forEach(({ chain, rule }, index) => {
    for (const expression of rule.expressions) {
      if (expression.kind !== 'lookup') continue;
      const set = chain.table.sets.find((one) => one.name === expression.set);
      if (set !== undefined && !users.get(set)?.includes(index)) users.set(set, [...(users.get(set) ?? []), index]);
    }
  });
  return ruleset.tables.flatMap((table, t) =>
    table.sets.flatMap((set, s): SetCover[] => {
      const lookers = users.get(set);
      if (lookers === undefined || set.elements.length === 0) return [];
      const hits = result.state.tables[t]?.hits?.[s];
      const matching = lookers.filter((rule) => (rules[rule]?.matched ?? 0) > 0);
      const isBefore =
        matching.length > 0 &&
        matching.length === lookers.length &&
        matching.every((rule) => rules[rule]?.state === 'before-offload');
      const texts = elementTexts(ruleset, table, set);
      const elements = set.elements.map((_, element): ElementCover => {
        const count = hits == null ? 0 : f64(hits, element);
        const state = count === 0 ? 'never' : isBefore ? 'before-offload' : 'reached';
        return { text: texts[element] ?? '', state, hits: count };
      });
      return [{ table, set, rules: lookers, elements }];
    }),
  );
}
