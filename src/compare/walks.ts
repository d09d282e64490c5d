// A path's event words as what each base chain did: which rules matched, in order, and what ended it. Evaluations nest
// (a reject's RST passes the output hook while the rule runs): the inner one's events stand before the rule's own.
import { u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';

const BASE_CHAIN = eventKind('base-chain');
const RULE = eventKind('rule');
const JUMP = eventKind('jump');
const POLICY = eventKind('policy');
const FLOW_ADD = eventKind('flow-add');
const FLOW_HIT = eventKind('flow-hit');
const HARDWARE = eventKind('hardware');
const CT_NEW = eventKind('ct-new');

/** One run through a base chain and all that it jumped to. Chains and rules by global index. */
export interface ChainWalk {
  chain: number;
  /** Rules that matched, in order. */
  matched: number[];
  /** Every rule that was evaluated, in order. */
  evaluated: number[];
  /** The base chain's policy decided (else the last rule that matched). */
  byPolicy: boolean;
}

export interface Walk {
  chains: ChainWalk[];
  /** Rules whose `flow add` put the connection into a flowtable, and the flowtables. */
  added: { rule: number; flowtable: number }[];
  /** The flowtable forwarded it. */
  isFast: boolean;
  /** A connection was made for it. */
  isNew: boolean;
}

/** The walk of a path; `chainOfRule`: global chain index by global rule index. */
export function walkOf(paths: PathTable, path: number, chainOfRule: Int32Array): Walk {
  const walk: Walk = { chains: [], added: [], isFast: false, isNew: false };
  const open: { row: ChainWalk; calls: number[] }[] = [];
  let addedTo = -1;
  const last = u32(paths.offsets, path + 1);
  for (let at = u32(paths.offsets, path); at < last; at++) {
    const word = u32(paths.words, at);
    const argument = argumentOf(word);
    switch (kindOf(word)) {
      case BASE_CHAIN: {
        const row: ChainWalk = { chain: argument, matched: [], evaluated: [], byPolicy: false };
        walk.chains.push(row);
        open.push({ row, calls: [argument] });
        break;
      }
      case JUMP:
        open.at(-1)?.calls.push(argument);
        break;
      case RULE: {
        const rule = argument >>> 8;
        const row = holder(open, chainOfRule[rule] ?? -1);
        row?.evaluated.push(rule);
        if ((argument & 0xff) === RULE_MATCHED) row?.matched.push(rule);
        if (addedTo >= 0) walk.added.push({ rule, flowtable: addedTo });
        addedTo = -1;
        break;
      }
      case POLICY: {
        const row = holder(open, argument);
        if (row !== undefined) row.byPolicy = true;
        break;
      }
      case FLOW_ADD:
        addedTo = argument;
        break;
      case FLOW_HIT:
      case HARDWARE:
        walk.isFast = true;
        break;
      case CT_NEW:
        walk.isNew = true;
        break;
      default:
    }
  }
  return walk;
}

/** The innermost run that `chain` belongs to; runs inside of it have ended, and so have chains that returned to it. */
function holder(open: { row: ChainWalk; calls: number[] }[], chain: number): ChainWalk | undefined {
  for (let depth = open.length - 1; depth >= 0; depth--) {
    const run = open[depth];
    const at = run?.calls.lastIndexOf(chain) ?? -1;
    if (run === undefined || at < 0) continue;
    run.calls.length = at + 1;
    open.length = depth + 1;
    return run.row;
  }
  return undefined;
}
