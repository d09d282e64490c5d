// What a trace asks of netfilter: to be told what nft_trace_packet would be told (nf_tables_core.c, nf_tables_trace.c),
// when the built-in hooks begin and end, and which connection a packet is judged by. A router without a tracer pays one
// look at an undefined field a base chain and a tracked packet.
import type { Packet } from '../packet/packet.ts';
import type { Evaluation } from './evaluate/evaluation.ts';
import type { PreparedChain, PreparedRule } from './evaluate/prepared.ts';

/** What happens in a base chain and all that it jumps to. */
export interface ChainTracer {
  /** A base chain starts (nft_trace_init). */
  baseChain(run: Evaluation, base: PreparedChain): void;
  /** A rule was evaluated: `code` is NF_* or NFT_*, NFT_BREAK when an expression broke it; `evaluated` expressions ran. */
  rule(run: Evaluation, rule: PreparedRule, code: number, evaluated: number): void;
  /** The last rule of a chain, a base chain too, was passed without a verdict. */
  chainEnd(run: Evaluation, chain: PreparedChain): void;
  /** The base chain's policy decides. */
  policy(run: Evaluation, base: PreparedChain): void;
}

/** Watches the packets of a router. */
export interface Tracer extends ChainTracer {
  /** Whether the packet in hand is watched: without it nothing below is called. */
  readonly isActive: boolean;
  /** A built-in entry of a hook (index of HOOK_NAMES) begins: 'defrag', 'conntrack', 'nat', 'confirm', or a flowtable's name. */
  enter(hook: number, name: string, packet: Packet): void;
  /** It ends with a verdict (NF_*). */
  leave(hook: number, name: string, packet: Packet, verdict: number): void;
  /** The packet belongs to this connection, whose state it is about to change (`direction` 0 original, 1 reply). */
  judge(entry: number, direction: number): void;
}
