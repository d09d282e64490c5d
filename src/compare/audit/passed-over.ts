// TCP and UDP that is forwarded and never comes to a `flow add`: a rule before it accepts them, or its matches leave them
// out. The rule that let them go is the last one that matched in the forward hook.
import { f64, u8, u32 } from '../../base/columns.ts';
import type { Ruleset } from '../../bytecode/ruleset.ts';
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
const CT_LOOKUP = eventKind('ct-lookup');
const CT_NEW = eventKind('ct-new');
const TCP = 6;
const UDP = 17;
/** Shorter connections gain nothing. */
const MIN_PACKETS = 4;

/** By rule, most packets first. */
export function passedOver(ruleset: Ruleset, { columns, result }: ColumnReplay): PassedOver[] {
  const facts = pathFacts(ruleset, result.paths);
  const flows = columns.flow.reduce((most, flow) => Math.max(most, flow), 0) + 1;
  const packets = new Float64Array(flows);
  const reached = new Uint8Array(flows);
  const last = new Int32Array(flows).fill(-1);
  for (let at = 0; at < columns.packets; at++) {
    const flow = u32(columns.flow, at);
    if (flow === 0 || u8(columns.verdict, at) !== VERDICT_FORWARD) continue;
    const row = facts[u32(columns.path, at)];
    if (row === undefined || row.reaches) reached[flow] = 1;
    else {
      packets[flow] = f64(packets, flow) + 1;
      if (row.decided >= 0) last[flow] = row.decided;
    }
  }
  const found = new Map<number, PassedOver>();
  for (let flow = 1; flow < flows; flow++) {
    if (u8(reached, flow) === 1 || f64(packets, flow) < MIN_PACKETS) continue;
    const rule = last[flow] as number;
    const row = found.get(rule) ?? { rule, flows: 0, packets: 0 };
    row.flows++;
    row.packets += f64(packets, flow);
    found.set(rule, row);
  }
  return [...found.values()].sort((a, b) => b.packets - a.packets || a.rule - b.rule);
}

interface Facts {
  /** It came to a `flow add`, took the fast path, or is neither TCP nor UDP. */
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
    const facts: Facts = { reaches: u8(paths.pathClass, path) !== 0, decided: -1 };
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
    if (!isOffloadable) facts.reaches = true;
    rows.push(facts);
  }
  return rows;
}
