// Which rules did it: the event words of a packet as rules that matched, chains gone through, and what ended each base
// chain: a rule's verdict or the policy.
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';

/** How one base chain ended; both are global indexes, one of them is -1. */
export interface Ending {
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
  /** Octets and kinds of ends are elsewhere: here is only what rules did. */
}

const BASE_CHAIN = eventKind('base-chain');
const RULE = eventKind('rule');
const JUMP = eventKind('jump');
const POLICY = eventKind('policy');
const FLOW_ADD = eventKind('flow-add');

/**
 * Reads the words of one packet. `decides` says whether a rule has a verdict of its own: a chain that ends behind a rule
 * without one ended by what that rule did (reject, queue) all the same.
 */
export function attribution(words: Uint32Array): Attribution {
  const found: Attribution = { matched: [], missed: [], chains: [], endings: [], offloads: false };
  let isOpen = false;
  let last = -1;
  const end = (): void => {
    if (isOpen && last >= 0) found.endings.push({ rule: last, policy: -1 });
    isOpen = false;
    last = -1;
  };
  for (const word of words) {
    const argument = argumentOf(word);
    switch (kindOf(word)) {
      case BASE_CHAIN:
        end();
        isOpen = true;
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
        found.endings.push({ rule: -1, policy: argument });
        isOpen = false;
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
