// Does diff report a mutant if, and only if, it changes some packet's fate? The judge compares rows and whole frames of
// plain replays; it knows nothing of diff's columns and digests.
import { createHash } from 'node:crypto';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { type ColumnReplay, replayColumns } from '../../src/compare/columns.ts';
import { compareSides, type Diff } from '../../src/compare/diff.ts';
import { type PathHits, pathHits } from '../../src/compare/path-hits.ts';
import { RuleBook } from '../../src/compare/rule-book.ts';
import { Side } from '../../src/compare/side.ts';
import { profile } from '../../src/cost/profiles.ts';
import { PATH_CLASSES, VERDICT_DROP, VERDICTS } from '../../src/packet/packet.ts';
import { type Replay, type ReplayOptions, replayCaptures } from '../../src/replay/replay.ts';
import type { Mutant, MutationName } from './mutate.ts';

export type Outcome = 'reported' | 'same' | 'MISSED' | 'FALSE ALARM' | 'refused';
export type Survival = 'rule never reached' | 'no packet tells them apart' | 'another rule decides alike';

export interface Judged {
  mutation: MutationName;
  what: string;
  outcome: Outcome;
  /** Of outcome 'same': why. */
  survival?: Survival;
  /** Of outcome 'reported': an entry names the mutated rule, chain or flowtable. */
  isNamed?: boolean;
  changedPackets: number;
}

/** What a replay did, a line for each packet: all that can be seen outside, and the marks and translation it keeps. */
async function fates(options: ReplayOptions): Promise<{ lines: string[]; replay: Replay }> {
  const frames = new Map<number, string>();
  const lines: string[] = [];
  const replay = await replayCaptures({
    ...options,
    digests: true,
    conntrack: false,
    onEvents: (rows, { result }) => {
      for (const row of rows) {
        const isDropped = row.verdict === VERDICT_DROP;
        const outs = row.outs.map((index) => result.names.interfaces[index]).join(',');
        const kept = isDropped ? '' : `${row.mark} ${row.ctMark}`;
        lines[row.packet - 1] = `${VERDICTS[row.verdict]} ${PATH_CLASSES[row.pathClass]} ${outs} ${kept}`;
      }
    },
    onFrames: (rows) => {
      for (const row of rows) {
        const hash = createHash('sha1').update(row.octets).digest('hex');
        frames.set(row.packet, `${frames.get(row.packet) ?? ''} ${row.ifindex}:${hash}`);
      }
    },
  });
  return { lines: lines.map((line, row) => `${line}${frames.get(row + 1) ?? ''}`), replay };
}

const PROFILE = profile('generic-x86-64');

/** One ruleset over one capture: replayed once, then compared with each of its mutants. */
export class Judge {
  readonly #ruleset: Ruleset;
  readonly #options: Omit<ReplayOptions, 'ruleset'>;
  readonly #lines: string[];
  readonly #columns: ColumnReplay;
  readonly #hits: PathHits;

  private constructor(
    ruleset: Ruleset,
    options: Omit<ReplayOptions, 'ruleset'>,
    lines: string[],
    columns: ColumnReplay,
  ) {
    this.#ruleset = ruleset;
    this.#options = options;
    this.#lines = lines;
    this.#columns = columns;
    this.#hits = pathHits(columns.result.paths, new RuleBook([ruleset]));
  }

  static async of(ruleset: Ruleset, given: Omit<ReplayOptions, 'ruleset'>): Promise<Judge> {
    const first = await fates({ ...given, ruleset });
    const options = {
      ...given,
      ...(given.router === undefined ? { inferredRouter: first.replay.router } : {}),
      knownConnections: first.replay.knownConnections,
    };
    return new Judge(ruleset, options, first.lines, await replayColumns({ ...options, ruleset }));
  }

  /** Whether a packet of the original met what the mutant changes. */
  isReached(mutant: Mutant): boolean {
    const { evaluated } = this.#hits;
    return mutant.affected.some((rule) => (evaluated[rule] ?? 0) > 0);
  }

  async judge(mutant: Mutant): Promise<Judged> {
    const ruleset = mutant.make();
    const base = { mutation: mutant.mutation, what: mutant.what, changedPackets: 0 };
    let lines: string[];
    try {
      ({ lines } = await fates({ ...this.#options, ruleset, otherRulesets: [this.#ruleset] }));
    } catch {
      return { ...base, outcome: 'refused' };
    }
    const columns = await replayColumns({ ...this.#options, ruleset, otherRulesets: [this.#ruleset] });
    const sides = {
      old: new Side(this.#columns, new RuleBook([this.#ruleset])),
      new: new Side(columns, new RuleBook([ruleset])),
    };
    const diff = await compareSides(sides, this.#options.captures, PROFILE);
    const differs = lines.some((line, row) => line !== this.#lines[row]);
    const { changedPackets } = diff;
    if (differs && changedPackets > 0)
      return { ...base, changedPackets, outcome: 'reported', isNamed: this.#isNamed(mutant, diff) };
    if (differs) return { ...base, outcome: 'MISSED' };
    if (changedPackets > 0 && !onlyTranslation(diff)) return { ...base, changedPackets, outcome: 'FALSE ALARM' };
    return { ...base, outcome: 'same', survival: this.#survival(mutant, sides) };
  }

  /** An entry names the rule (as it was or became), its neighbour, its chain's policy, or the flowtable. */
  #isNamed(mutant: Mutant, diff: Diff): boolean {
    const old = new RuleBook([this.#ruleset]);
    const lines = new Set(mutant.affected.map((rule) => old.location(rule)?.line));
    const chains = new Set(mutant.affected.map((rule) => old.rules[rule]?.chain.chain.location?.line));
    chains.add(mutant.chainLine);
    return diff.entries.some((entry) =>
      [entry.old, entry.new].some(
        ({ kind, location, via }) =>
          kind === 'flowtable' ||
          [...lines].some((line) => via?.startsWith(`line ${line}: `)) ||
          (location !== undefined && (lines.has(location.line) || (kind === 'policy' && chains.has(location.line)))),
      ),
    );
  }

  #survival(mutant: Mutant, sides: { old: Side; new: Side }): Survival {
    const old = pathHits(sides.old.replay.result.paths, sides.old.book);
    const now = pathHits(sides.new.replay.result.paths, sides.new.book);
    const sees = mutant.affected.some((rule) => (old.evaluated[rule] ?? 0) > 0);
    const chain = mutant.affected[0] === undefined ? undefined : sides.old.book.chainOfRule[mutant.affected[0]];
    const policy = mutant.mutation === 'policy' && chain !== undefined && (old.policy[chain] ?? 0) > 0;
    if (!sees && !policy) return 'rule never reached';
    const sum = (column: Float64Array) => column.reduce((total, value) => total + value, 0);
    const isSame = sum(old.matched) === sum(now.matched) && sum(old.policy) === sum(now.policy);
    return isSame ? 'no packet tells them apart' : 'another rule decides alike';
  }
}

/** Translations that nobody outside saw: of packets that the router kept. */
function onlyTranslation(diff: Diff): boolean {
  return diff.entries.every((row) => row.fate === 'translation');
}
