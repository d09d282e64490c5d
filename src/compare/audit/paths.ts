// Which rules acted on the packets of a path, and what else of a path the audit asks for, worked out once a path.
import { u32 } from '../../base/columns.ts';
import type { Ruleset } from '../../bytecode/ruleset.ts';
import type { PathTable } from '../../event/recorder.ts';
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../../event/vocabulary.ts';
import { type Effect, ruleEffects } from './effects.ts';

const RULE = eventKind('rule');
const CT_ACCOUNT = eventKind('ct-account');
const FLOW_COUNTER = eventKind('flow-counter');
const FLOW_LOOKUP = eventKind('flow-lookup');
const FLOW_ADD = eventKind('flow-add');
const HARDWARE = eventKind('hardware');
const CT_INVALID = eventKind('ct-invalid');

/** What a path says. */
export interface PathFacts {
  /** Arguments of the rule events: rule << 8 | expressions that ran, RULE_MATCHED when all did. */
  rules: number[];
  /** Conntrack counted the packet, on either path. */
  isAccounted: boolean;
  /** A flowtable looked for the packet and did not find it. */
  missedFlowtable: boolean;
  addsFlow: boolean;
  isHardware: boolean;
  /** Conntrack found that it belongs to no connection. */
  isInvalid: boolean;
}

/** Facts of all paths of a replay, filled in as they are asked for. */
export class Paths {
  readonly #table: PathTable;
  readonly #facts: (PathFacts | undefined)[] = [];
  constructor(table: PathTable) {
    this.#table = table;
  }

  facts(path: number): PathFacts {
    const known = this.#facts[path];
    if (known !== undefined) return known;
    const facts = readPath(this.#table, path);
    this.#facts[path] = facts;
    return facts;
  }
}

function readPath(table: PathTable, path: number): PathFacts {
  const facts: PathFacts = {
    rules: [],
    isAccounted: false,
    missedFlowtable: false,
    addsFlow: false,
    isHardware: false,
    isInvalid: false,
  };
  for (let at = u32(table.offsets, path); at < u32(table.offsets, path + 1); at++) {
    const word = u32(table.words, at);
    const argument = argumentOf(word);
    switch (kindOf(word)) {
      case RULE:
        facts.rules.push(argument);
        break;
      case CT_ACCOUNT:
      case FLOW_COUNTER:
        facts.isAccounted = true;
        break;
      case FLOW_LOOKUP:
        facts.missedFlowtable = true;
        break;
      case FLOW_ADD:
        facts.addsFlow = true;
        break;
      case CT_INVALID:
        facts.isInvalid = true;
        break;
      case HARDWARE:
        facts.isHardware = true;
        break;
      default:
    }
  }
  return facts;
}

/** Effects of all rules, by global index; rules without any have an empty row. */
export function allEffects(ruleset: Ruleset): Effect[][] {
  return ruleset.tables.flatMap((table) =>
    table.chains.flatMap((chain) => chain.rules.map((rule) => ruleEffects(rule, table))),
  );
}

/** A statement that ran: rule by the numbers of the ruleset that is audited, and which of the rule's effects. */
export interface Action {
  rule: number;
  ordinal: number;
  effect: Effect;
}

/** Statements that ran on a packet of this path, each once. `ruleOf`: numbers of the audited ruleset for those of another. */
export function actions(
  { rules }: PathFacts,
  effects: readonly Effect[][],
  ruleOf: (rule: number) => number = (rule) => rule,
): Map<string, Action> {
  const found = new Map<string, Action>();
  for (const word of rules) {
    const rule = word >>> 8;
    const ran = word & 0xff;
    for (const [ordinal, effect] of (effects[rule] ?? []).entries()) {
      if (effect.at >= ran && ran !== RULE_MATCHED) continue;
      const action = { rule: ruleOf(rule), ordinal, effect };
      if (action.rule >= 0) found.set(`${action.rule},${ordinal}`, action);
    }
  }
  return found;
}
