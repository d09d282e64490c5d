// `lookup` and `dynset` (nft_lookup.c, nft_dynset.c): find a register's octets in a set or map, or put them there.
import { f64 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { type ExpressionCost, type ExpressionShape, eventKind } from '../../event/vocabulary.ts';
import { hashKind } from '../sets/choose.ts';
import type { RuntimeSet } from '../sets/runtime-set.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { cannotRun, type Evaluate, type Of, type PrepareContext, type PreparedExpression } from './prepared.ts';
import { prepareStateful } from './stateful.ts';
import { WorkCount } from './work.ts';

const SET_ADD = eventKind('set-add');

/** Breaks unless the key is in the set; maps put their value into a register, or are the verdict. */
export function prepareLookup(expression: Of<'lookup'>, context: PrepareContext): PreparedExpression {
  const set = context.set(expression.set);
  const from = registerOffset(expression.sreg);
  const plain = lookup(expression, set, from);
  const evaluate = context.engine.countsElements === true ? counted(plain, set, from) : plain;
  const prepared = { evaluate, shape: lookupShape(set) };
  return context.engine.countsWork === true ? withWork(prepared, set, from) : prepared;
}

/** Counts what the kernel would do to find each key, where that is not always the same. */
function withWork(prepared: PreparedExpression, set: RuntimeSet, from: number): PreparedExpression {
  const { evaluate, shape } = prepared;
  const { cost } = shape;
  if (cost !== 'lookup-rbtree' && cost !== 'lookup-pipapo') return prepared;
  const work = new WorkCount(cost);
  return {
    evaluate: (run) => {
      work.times++;
      set.countWork(run.bytes, from, work.amounts);
      return evaluate(run);
    },
    shape,
    work: () => work.sum(),
  };
}

/** Looks twice: once to count what is found. */
function counted(plain: Evaluate, set: RuntimeSet, from: number): Evaluate {
  set.hits ??= new Float64Array(set.definition.elements.length);
  const { hits } = set;
  return (run) => {
    const element = set.lookup(run.bytes, from, run.packet.timeNs);
    if (element >= 0 && element < hits.length) hits[element] = f64(hits, element) + 1;
    return plain(run);
  };
}

function lookup(expression: Of<'lookup'>, set: RuntimeSet, from: number): Evaluate {
  const { invert, dreg } = expression;
  if (invert) {
    return (run) => {
      const element = set.lookup(run.bytes, from, run.packet.timeNs);
      return element >= 0 ? NFT_BREAK : NFT_CONTINUE;
    };
  }
  if (dreg === undefined) {
    return (run) => {
      const element = set.lookup(run.bytes, from, run.packet.timeNs);
      return element < 0 ? NFT_BREAK : set.evaluateElement(element, run);
    };
  }
  if (dreg === 0) {
    return (run) => {
      const element = set.lookup(run.bytes, from, run.packet.timeNs);
      if (element < 0) return NFT_BREAK;
      const code = set.evaluateElement(element, run);
      return code === NFT_CONTINUE ? set.verdict(element, run) : code;
    };
  }
  const to = registerOffset(dreg) >>> 2;
  return (run) => {
    const element = set.lookup(run.bytes, from, run.packet.timeNs);
    if (element < 0) return NFT_BREAK;
    set.copyData(element, run.words, to);
    return set.evaluateElement(element, run);
  };
}

const LOOKUP_COSTS = {
  hash: 'lookup-hash',
  rbtree: 'lookup-rbtree',
  pipapo: 'lookup-pipapo',
  bitmap: 'lookup-bitmap',
} as const satisfies Record<string, ExpressionCost>;

/** What a lookup in a set costs; its elements of now stand for those that it will have. */
export function lookupShape(set: RuntimeSet): ExpressionShape {
  const { elements, keyLength } = set.definition;
  const shape = { cost: LOOKUP_COSTS[set.backendName], size: elements.length, keyOctets: keyLength };
  return set.backendName === 'hash' ? { ...shape, hash: hashKind(set.definition) } : shape;
}

/** `add`, `update`, `delete`: breaks when the set is full (or, inverted, when it is not). */
export function prepareDynset(expression: Of<'dynset'>, context: PrepareContext): PreparedExpression {
  const set = context.set(expression.set);
  const { definition } = set;
  if (set.backendName !== 'hash') {
    cannotRun(context, `the kernel cannot add elements of set "${definition.name}" from a rule: it has intervals`);
  }
  set.hasState = true;
  const from = registerOffset(expression.sregKey);
  const shape = { cost: 'dynset', size: definition.elements.length } as const;
  if (expression.op === 'delete') {
    return {
      evaluate: (run) => {
        set.deleteDynamic(run.bytes, from, run.packet.timeNs);
        return NFT_CONTINUE;
      },
      shape,
    };
  }
  return { evaluate: addOrUpdate(expression, context, set, from), shape };
}

function addOrUpdate(expression: Of<'dynset'>, context: PrepareContext, set: RuntimeSet, from: number): Evaluate {
  const dataWord = expression.sregData === undefined ? 0 : registerOffset(expression.sregData) >>> 2;
  const timeoutMs = expression.timeoutMs || (set.definition.timeout ? set.definition.timeoutMs : 0) || 0;
  const timeoutNs = timeoutMs * 1e6;
  const isUpdate = expression.op === 'update';
  const { recorder } = context.engine;
  const added = expression.invert ? NFT_BREAK : NFT_CONTINUE;
  const full = expression.invert ? NFT_CONTINUE : NFT_BREAK;
  const program =
    expression.expressions.length === 0
      ? undefined
      : expression.expressions.map((inner) => {
          const stateful = prepareStateful(inner, context.engine);
          return stateful ?? cannotRun(context, `an element of a set cannot hold "${inner.kind}"`);
        });
  return (run) => {
    const now = run.packet.timeNs;
    const { added: before } = set;
    const element = set.addDynamic(run.bytes, from, run.words, dataWord, timeoutNs, program, now);
    if (element < 0) return full;
    if (set.added !== before) recorder.event(SET_ADD, 0);
    if (isUpdate) set.refresh(element, timeoutNs, now);
    const code = set.evaluateElement(element, run);
    return code === NFT_CONTINUE ? added : added === NFT_BREAK ? NFT_BREAK : code;
  };
}
