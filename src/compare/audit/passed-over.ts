// TCP and UDP that is forwarded and not offloaded, because a rule accepts established packets before they come to
// `flow add`. The rule that let them go is the last one that matched in the forward hook.
import { f64, u8, u32 } from '../../base/columns.ts';
import type { Chain, Rule, Ruleset, Table } from '../../bytecode/ruleset.ts';
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../../event/vocabulary.ts';
import { VERDICT_FORWARD } from '../../packet/packet.ts';
import type { ColumnReplay } from '../columns.ts';

export interface PassedOver {
  /** Global index; -1: no rule matched. */
  rule: number;
  flows: number;
  packets: number;
}

const RULE = eventKind('rule');
const BASE_CHAIN = eventKind('base-chain');
const FLOW_ADD = eventKind('flow-add');
const CT_LOOKUP = eventKind('ct-lookup');
const CT_NEW = eventKind('ct-new');
const TCP = 6;
const UDP = 17;
/** Shorter connections gain nothing. */
const MIN_PACKETS = 4;

export interface NeverAdded {
  /** By rule that accepted them before, most packets first. */
  before: PassedOver[];
  /** Connections that the matches of `flow add` leave out, or that rules before it lead past it. */
  leftOut: { flows: number; packets: number };
}

/** Connections of a few packets and more that never come to `flow add`. */
export function neverAdded(ruleset: Ruleset, { columns, result }: ColumnReplay): NeverAdded {
  const facts = pathFacts(ruleset, result.paths);
  const flows = columns.flow.reduce((most, flow) => Math.max(most, flow), 0) + 1;
  const packets = new Float64Array(flows);
  const reached = new Uint8Array(flows);
  const last = new Int32Array(flows).fill(-1);
  for (let at = 0; at < columns.packets; at++) {
    const flow = u32(columns.flow, at);
    if (flow === 0 || u8(columns.verdict, at) !== VERDICT_FORWARD) continue;
    const row = facts[u32(columns.path, at)];
    if (row === undefined || row.offloads) reached[flow] = 1;
    else if (!row.reaches) {
      packets[flow] = f64(packets, flow) + 1;
      if (row.decided >= 0) last[flow] = row.decided;
    }
  }
  const order = evaluationOrder(ruleset);
  const rules = ruleset.tables.flatMap((table) =>
    table.chains.flatMap((chain) => chain.rules.map((rule) => ({ table, rule }))),
  );
  const firstFlowAdd = Math.min(
    ...rules.flatMap(({ rule }, index) =>
      rule.expressions.some((row) => row.kind === 'flow-offload') ? [order[index] ?? 0] : [],
    ),
  );
  // A rule behind `flow add` accepts what the matches of `flow add` left out on purpose.
  const isBefore = (index: number): boolean => {
    const row = rules[index];
    return row !== undefined && (order[index] ?? 0) < firstFlowAdd && accepts(row.rule, row.table);
  };
  const leftOut = { flows: 0, packets: 0 };
  const found = new Map<number, PassedOver>();
  for (let flow = 1; flow < flows; flow++) {
    if (u8(reached, flow) === 1 || f64(packets, flow) < MIN_PACKETS) continue;
    const rule = last[flow] as number;
    if (!isBefore(rule)) {
      leftOut.flows++;
      leftOut.packets += f64(packets, flow);
      continue;
    }
    const row = found.get(rule) ?? { rule, flows: 0, packets: 0 };
    row.flows++;
    row.packets += f64(packets, flow);
    found.set(rule, row);
  }
  const before = [...found.values()].sort((a, b) => b.packets - a.packets || a.rule - b.rule);
  return { before, leftOut };
}

/** Can the rule end its base chain by accepting? */
function accepts({ expressions }: Rule, table: Table): boolean {
  return expressions.some((row) => {
    if (row.kind === 'verdict') return row.verdict.code === 'accept';
    if (row.kind !== 'lookup' || row.dreg !== 0) return false;
    const set = table.sets.find((other) => other.name === row.set);
    return set?.elements.some((element) => element.verdict?.code === 'accept') ?? false;
  });
}

/** [rule] its place in the order in which the forward hook meets rules, jumps followed; Infinity: it does not. */
function evaluationOrder({ tables }: Ruleset): number[] {
  const indexes = new Map<Rule, number>();
  for (const rule of tables.flatMap((table) => table.chains.flatMap((chain) => chain.rules))) {
    indexes.set(rule, indexes.size);
  }
  const order = Array.from({ length: indexes.size }, () => Number.POSITIVE_INFINITY);
  let next = 0;
  const visit = (table: Table, chain: Chain, depth: number): void => {
    for (const rule of chain.rules) {
      const index = indexes.get(rule) ?? -1;
      if (order[index] !== Number.POSITIVE_INFINITY) continue;
      order[index] = next++;
      if (depth < 16) for (const other of targets(rule, table)) visit(table, other, depth + 1);
    }
  };
  const bases = tables.flatMap((table) =>
    table.chains.filter((chain) => chain.base?.hook === 'forward').map((chain) => ({ table, chain })),
  );
  bases.sort((a, b) => (a.chain.base?.priority ?? 0) - (b.chain.base?.priority ?? 0));
  for (const { table, chain } of bases) visit(table, chain, 0);
  return order;
}

/** Chains that a rule jumps or goes to. */
function targets(rule: Rule, table: Table): Chain[] {
  const names = rule.expressions.flatMap((row) => {
    if (row.kind === 'verdict') return row.verdict.chain ?? [];
    if (row.kind !== 'lookup' || row.dreg !== 0) return [];
    const set = table.sets.find((other) => other.name === row.set);
    return set?.elements.flatMap((element) => element.verdict?.chain ?? []) ?? [];
  });
  return table.chains.filter((chain) => names.includes(chain.name));
}

interface Facts {
  /** It offloaded its connection, took the fast path, or is neither TCP nor UDP. */
  offloads: boolean;
  /** It came to a `flow add`. */
  reaches: boolean;
  /** Last rule that matched in the forward hook. */
  decided: number;
}

function pathFacts(ruleset: Ruleset, paths: ColumnReplay['result']['paths']): Facts[] {
  const chains = ruleset.tables.flatMap((table) => table.chains);
  const flowAt = chains.flatMap((chain) =>
    chain.rules.map((rule) => rule.expressions.findIndex((row) => row.kind === 'flow-offload')),
  );
  const rows: Facts[] = [];
  for (let path = 0; path < paths.packets.length; path++) {
    const facts: Facts = { offloads: u8(paths.pathClass, path) !== 0, reaches: false, decided: -1 };
    let isForward = false;
    let isOffloadable = false;
    for (let at = u32(paths.offsets, path); at < u32(paths.offsets, path + 1); at++) {
      const word = u32(paths.words, at);
      const argument = argumentOf(word);
      switch (kindOf(word)) {
        case BASE_CHAIN:
          isForward = chains[argument]?.base?.hook === 'forward';
          break;
        case CT_LOOKUP:
        case CT_NEW:
          isOffloadable = (argument & 0xff) === TCP || (argument & 0xff) === UDP;
          break;
        case FLOW_ADD:
          facts.offloads = true;
          break;
        case RULE: {
          const ran = argument & 0xff;
          const flow = flowAt[argument >>> 8] ?? -1;
          if (flow >= 0 && (ran === RULE_MATCHED || ran > flow)) facts.reaches = true;
          if (isForward && ran === RULE_MATCHED) facts.decided = argument >>> 8;
          break;
        }
        default:
      }
    }
    if (!isOffloadable) facts.offloads = true;
    rows.push(facts);
  }
  return rows;
}
