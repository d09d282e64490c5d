// The rule engine: nft_do_chain of nf_tables_core.c. Slow and obvious, and the specification of matched-chain.ts, which
// routers run.
//
// Uses: the registers and packet of an Evaluation. Sets: packet.reason and reasonDetail when it drops; whatever the
// rules' statements set. Verdicts: all of NF_*. Events: base-chain, rule, jump, policy.
import { reasonIndex } from '../../event/reasons.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind, RULE_MATCHED } from '../../event/vocabulary.ts';
import type { ChainTracer } from '../tracer.ts';
import { NF_DROP, NF_QUEUE } from '../verdict.ts';
import { NFT_BREAK, NFT_CONTINUE, NFT_GOTO, NFT_JUMP } from './codes.ts';
import type { Evaluation } from './evaluation.ts';
import type { Evaluate, PreparedChain, PreparedRule } from './prepared.ts';

const BASE_CHAIN = eventKind('base-chain');
const RULE = eventKind('rule');
const JUMP = eventKind('jump');
const POLICY = eventKind('policy');
const REASON_RULE = reasonIndex('rule');
const REASON_POLICY = reasonIndex('policy');
const REASON_REJECT = reasonIndex('reject');
const REASON_QUEUE = reasonIndex('queue');

/** NFT_JUMP_STACK_SIZE: more jumps than this do not nest. */
export const JUMP_STACK_SIZE = 16;

/** Where jumps come back to; one for the whole engine is not enough, since evaluations nest (a reject's RST). */
export class JumpStack {
  readonly chains: PreparedChain[] = [];
  readonly places = new Int32Array(JUMP_STACK_SIZE);
}

/**
 * Runs a base chain and all that it jumps to. Jump depth and loops were checked when the ruleset was loaded. `tracer` is
 * told where the kernel calls nft_trace_packet.
 */
export function doChain(
  run: Evaluation,
  base: PreparedChain,
  stack: JumpStack,
  recorder: Recorder,
  tracer?: ChainTracer,
): number {
  recorder.event(BASE_CHAIN, base.index);
  tracer?.baseChain(run, base);
  let chain = base;
  let at = 0;
  let depth = 0;
  for (;;) {
    const { rules } = chain;
    let code = NFT_CONTINUE;
    let index = -1;
    while (at < rules.length) {
      const rule = rules[at++] as PreparedRule;
      const { expressions } = rule;
      let evaluated = 0;
      while (code === NFT_CONTINUE && evaluated < expressions.length) {
        code = (expressions[evaluated++] as Evaluate)(run);
      }
      index = rule.index;
      recorder.event(RULE, (index << 8) | (code === NFT_BREAK ? Math.min(evaluated, RULE_MATCHED - 1) : RULE_MATCHED));
      tracer?.rule(run, rule, code, evaluated);
      if (code === NFT_BREAK) code = NFT_CONTINUE;
      else if (code !== NFT_CONTINUE) break;
    }
    if (code >= 0) return code === NF_DROP || code === NF_QUEUE ? refuse(run, code, index) : code;
    if ((code === NFT_JUMP || code === NFT_GOTO) && run.target !== null) {
      if (code === NFT_JUMP) {
        stack.chains[depth] = chain;
        stack.places[depth++] = at;
      }
      chain = run.target;
      at = 0;
      recorder.event(JUMP, chain.index);
      continue;
    }
    // Return, or the end of the chain.
    if (code === NFT_CONTINUE) tracer?.chainEnd(run, chain);
    if (depth === 0) {
      tracer?.policy(run, base);
      return endOfChain(run, base, recorder);
    }
    chain = stack.chains[--depth] as PreparedChain;
    at = stack.places[depth] as number;
  }
}

/** The base chain's policy decides. Events: policy. */
export function endOfChain(run: Evaluation, base: PreparedChain, recorder: Recorder): number {
  recorder.event(POLICY, base.index);
  if (base.policy === NF_DROP) {
    run.packet.reason = REASON_POLICY;
    run.packet.reasonDetail = base.index;
  }
  return base.policy;
}

/** Says why: the rule, unless its statement has said so (reject, a failed translation). */
export function refuse(run: Evaluation, code: number, index: number): number {
  const { packet } = run;
  if (code === NF_QUEUE) packet.reason = REASON_QUEUE;
  else if (packet.reason === 0) packet.reason = REASON_RULE;
  if (packet.reason === REASON_RULE || packet.reason === REASON_REJECT) packet.reasonDetail = index;
  return code;
}
