// A whole ruleset made ready to run: sets, objects, chains and rules of every table, with global indexes, all
// names resolved (nf_tables_api.c: nf_tables_newset … newrule, nft_chain_validate). Throws what the kernel would refuse.
import { NftreplayError } from '../base/errors.ts';
import type { Chain, Rule, Ruleset, Table } from '../bytecode/ruleset.ts';
import type { Recorder } from '../event/recorder.ts';
import { JUMP_STACK_SIZE } from './evaluate/interpreter.ts';
import { chainMatches } from './evaluate/leading-matches.ts';
import { prepareObject } from './evaluate/objects.ts';
import { prepareExpression } from './evaluate/prepare.ts';
import {
  cannotRun,
  type Engine,
  type FlowAdder,
  type PrepareContext,
  type PreparedChain,
  type PreparedExpression,
  type PreparedObject,
} from './evaluate/prepared.ts';
import { prepareStateful } from './evaluate/stateful.ts';
import { RuntimeSet } from './sets/runtime-set.ts';
import { NF_ACCEPT, NF_DROP } from './verdict.ts';

/** A chain beside its description. */
export interface ChainInTable {
  definition: Chain;
  chain: PreparedChain;
  /** [rule][expression]. */
  expressions: PreparedExpression[][];
}

export interface PreparedTable {
  definition: Table;
  chains: ChainInTable[];
  sets: RuntimeSet[];
  objects: PreparedObject[];
}

/** Rules that event words can tell apart (18 bits). */
const MAX_RULES = 1 << 18;

/** Where a ruleset that comes while the router runs begins to count, and when that is. */
export interface Start {
  chain: number;
  rule: number;
  nowNs: number;
}

const AT_ONCE: Start = { chain: 0, rule: 0, nowNs: 0 };

/** Prepares all tables. `flowtable` gives what `flow add @name` in a table adds to. */
export function prepareRuleset(
  ruleset: Ruleset,
  engine: Engine,
  recorder: Recorder,
  flowtable: (table: Table, name: string) => FlowAdder | undefined,
  from: Start = AT_ONCE,
): PreparedTable[] {
  let chainIndex = from.chain;
  let ruleIndex = from.rule;
  const tables = ruleset.tables.map((definition) => {
    const table = new TablePreparation(definition, engine, recorder, flowtable, from.nowNs);
    table.numberChains(chainIndex);
    chainIndex += definition.chains.length;
    table.prepareObjects();
    table.prepareSets();
    table.prepareRules(ruleIndex);
    ruleIndex += definition.chains.reduce((sum, chain) => sum + chain.rules.length, 0);
    table.validateJumps();
    return table.result;
  });
  if (ruleIndex > MAX_RULES) {
    throw new NftreplayError('ruleset', `${ruleIndex} rules are more than the ${MAX_RULES} that can be replayed`);
  }
  return tables;
}

class TablePreparation {
  readonly result: PreparedTable;
  readonly #engine: Engine;
  readonly #recorder: Recorder;
  readonly #flowtable: (table: Table, name: string) => FlowAdder | undefined;
  readonly #nowNs: number;
  readonly #chains = new Map<string, ChainInTable>();
  readonly #sets = new Map<string, RuntimeSet>();
  readonly #objects = new Map<string, PreparedObject>();

  constructor(
    definition: Table,
    engine: Engine,
    recorder: Recorder,
    flowtable: (table: Table, name: string) => FlowAdder | undefined,
    nowNs: number,
  ) {
    this.#nowNs = nowNs;
    this.result = { definition, chains: [], sets: [], objects: [] };
    this.#engine = engine;
    this.#recorder = recorder;
    this.#flowtable = flowtable;
  }

  numberChains(first: number): void {
    this.result.definition.chains.forEach((definition, i) => {
      const policy = definition.base?.policy === 'drop' ? NF_DROP : NF_ACCEPT;
      const chain: PreparedChain = { index: first + i, name: definition.name, rules: [], policy };
      const row: ChainInTable = { definition, chain, expressions: [] };
      this.result.chains.push(row);
      this.#chains.set(definition.name, row);
    });
  }

  prepareObjects(): void {
    for (const object of this.result.definition.objects) {
      const prepared = prepareObject(object, this.#context(`object "${object.name}"`, object));
      this.result.objects.push(prepared);
      this.#objects.set(`${object.type} ${object.name}`, prepared);
    }
  }

  prepareSets(): void {
    for (const definition of this.result.definition.sets) {
      const context = this.#context(`set "${definition.name}"`, definition);
      if (definition.interval && definition.dynamic) {
        cannotRun(context, 'the kernel has no set that is both "interval" and "dynamic"');
      }
      const set = new RuntimeSet(definition, {
        chain: context.chain,
        object: context.object,
        nowNs: this.#nowNs,
        stateful: (expression) =>
          prepareStateful(expression, this.#engine) ??
          cannotRun(context, `an element of a set cannot hold "${expression.kind}"`),
      });
      const overlap = set.overlapping();
      if (overlap !== undefined) {
        const octets = Buffer.from(overlap).toString('hex');
        cannotRun(context, `the kernel refuses an element that overlaps one before it (key 0x${octets}): File exists`);
      }
      this.result.sets.push(set);
      this.#sets.set(definition.name, set);
    }
  }

  prepareRules(first: number): void {
    let index = first;
    for (const row of this.result.chains) {
      const firstRule = index;
      for (const rule of row.definition.rules) {
        const context = this.#context(row.definition.name, rule);
        const expressions = rule.expressions.map((one) => prepareExpression(one, context, this.#recorder));
        row.expressions.push(expressions);
        row.chain.rules.push({ index: index++, expressions: expressions.map((one) => one.evaluate) });
      }
      const matches = chainMatches(row.definition.rules, row.expressions, firstRule);
      if (matches !== undefined) row.chain.matches = matches;
    }
  }

  /** nft_chain_validate: from a base chain no more than 15 jumps and gotos lead on, hence there are no loops. */
  validateJumps(): void {
    const depths = new Map<string, number>();
    for (const { definition } of this.result.chains) {
      if (definition.base !== undefined) this.#depth(definition, 0, depths);
    }
  }

  #depth(chain: Chain, level: number, depths: Map<string, number>): number {
    const known = depths.get(chain.name) ?? 0;
    if (level + known >= JUMP_STACK_SIZE) {
      const context = this.#context(chain.name, chain);
      cannotRun(context, `jumps nest deeper than ${JUMP_STACK_SIZE - 1} chains, or in a loop`);
    }
    if (depths.has(chain.name)) return known;
    let depth = 0;
    for (const name of this.#targets(chain.rules)) {
      const target = this.#chains.get(name);
      if (target !== undefined) depth = Math.max(depth, 1 + this.#depth(target.definition, level + 1, depths));
    }
    depths.set(chain.name, depth);
    return depth;
  }

  /** Chains that rules jump or go to, through verdict maps too. */
  #targets(rules: Rule[]): Set<string> {
    const names = new Set<string>();
    for (const rule of rules) {
      for (const expression of rule.expressions) {
        if (expression.kind === 'verdict' && expression.verdict.chain !== undefined)
          names.add(expression.verdict.chain);
        if (expression.kind !== 'lookup' || expression.dreg !== 0) continue;
        for (const element of this.#sets.get(expression.set)?.definition.elements ?? []) {
          if (element.verdict?.chain !== undefined) names.add(element.verdict.chain);
        }
      }
    }
    return names;
  }

  #context(what: string, at: { location?: Rule['location'] }): PrepareContext {
    const { definition } = this.result;
    const context: PrepareContext = {
      engine: this.#engine,
      family: definition.family,
      place: `${definition.family} ${definition.name} ${what}`,
      location: at.location,
      chain: (name) => this.#chains.get(name)?.chain ?? cannotRun(context, `there is no chain "${name}"`),
      set: (name) => this.#sets.get(name) ?? cannotRun(context, `there is no set or map "${name}"`),
      object: (type, name) =>
        this.#objects.get(`${type} ${name}`) ?? cannotRun(context, `there is no ${type} "${name}"`),
      flowtable: (name) => this.#flowtable(definition, name) ?? cannotRun(context, `there is no flowtable "${name}"`),
    };
    return context;
  }
}
