// Which rules did it: the event words of a packet as rules that matched, chains gone through, and what ended each base
// chain: a rule's verdict or the policy.
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';

/** How one base chain ended; all are global indexes, one of `rule` and `policy` is -1. */
export interface Ending {
  /** The base chain; -1: unknown. */
  chain: number;
  rule: number;
  /** Base chain whose policy decided. */
  policy: number;
}

export interface Attribution {
  /** Rules that matched, and those that were evaluated and did not, in order. */
  matched: number[];
  missed: number[];
  /** Chains gone through, base chains and others. */
  chains: number[];
  endings: Ending[];
  /** `flow add` put the connection into a flowtable. */
  offloads: boolean;
}

const BASE_CHAIN = eventKind('base-chain');
const RULE = eventKind('rule');
const JUMP = eventKind('jump');
const POLICY = eventKind('policy');
const FLOW_ADD = eventKind('flow-add');

/** Reads the words of one packet: a base chain that ends without its policy was ended by the rule that matched last. */
export function attribution(words: Uint32Array): Attribution {
  const found: Attribution = { matched: [], missed: [], chains: [], endings: [], offloads: false };
  let open = -1;
  let last = -1;
  const end = (): void => {
    if (open >= 0 && last >= 0) found.endings.push({ chain: open, rule: last, policy: -1 });
    open = -1;
    last = -1;
  };
  for (const word of words) {
    const argument = argumentOf(word);
    switch (kindOf(word)) {
      case BASE_CHAIN:
        end();
        open = argument;
        found.chains.push(argument);
        break;
      case JUMP:
        found.chains.push(argument);
        break;
      case RULE:
        if ((argument & 0xff) === RULE_MATCHED) {
          found.matched.push(argument >>> 8);
          last = argument >>> 8;
        } else {
          found.missed.push(argument >>> 8);
        }
        break;
      case POLICY:
        found.endings.push({ chain: argument, rule: -1, policy: argument });
        open = -1;
        last = -1;
        break;
      case FLOW_ADD:
        found.offloads = true;
        break;
    }
  }
  end();
  return found;
}
