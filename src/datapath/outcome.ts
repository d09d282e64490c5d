// How a packet ends: verdict and reason are set here and nowhere else in the datapath.

import { type ReasonName, reasonIndex } from '../event/reasons.ts';
import type { Recorder } from '../event/recorder.ts';
import { type SimplificationName, simplificationIndex } from '../event/simplifications.ts';
import { eventKind } from '../event/vocabulary.ts';
import { NF_ACCEPT, NF_DROP } from '../netfilter/verdict.ts';
import { type Packet, VERDICT_CONSUMED, VERDICT_DROP, VERDICT_LOCAL } from '../packet/packet.ts';

const DROP = eventKind('drop');
const FRAGMENT_WAITS = reasonIndex('fragment-waits');

/** A simplification's row, for module-level constants of the stages. */
export function simplification(name: SimplificationName): number {
  return simplificationIndex(name);
}

/** A reason's row, for module-level constants of the stages. */
export function reason(name: ReasonName): number {
  return reasonIndex(name);
}

/** kfree_skb_reason. Events: drop. */
export function drop(recorder: Recorder, packet: Packet, why: number): void {
  packet.verdict = VERDICT_DROP;
  packet.reason = why;
  recorder.event(DROP, why);
}

/** Whether the packet goes on after a hook; a dropped one has its reason from netfilter. Events: drop. */
export function passes(recorder: Recorder, packet: Packet, answer: number): boolean {
  if (answer === NF_ACCEPT) return true;
  if (answer === NF_DROP) {
    packet.verdict = VERDICT_DROP;
    recorder.event(DROP, packet.reason);
  } else if (packet.verdict === VERDICT_DROP) {
    // Stolen, and nobody sent it meanwhile: a fragment in the queue.
    packet.verdict = VERDICT_CONSUMED;
    if (packet.reason === 0) packet.reason = FRAGMENT_WAITS;
  }
  return false;
}

/** The packet reached the router itself. */
export function deliver(packet: Packet, why: number): void {
  packet.verdict = VERDICT_LOCAL;
  packet.reason = why;
}
