// A ruleset made ready to run: what the kernel's rule blobs are (nf_tables_commit_chain_prepare). Names are resolved,
// operands validated, so that evaluating cannot fail; everything a packet meets is one of these objects.
import { NftreplayError, type SourceLocation } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Expression, ObjectType } from '../../bytecode/expression.ts';
import type { ExpressionState, Family } from '../../bytecode/ruleset.ts';
import type { Recorder } from '../../event/recorder.ts';
import type { ExpressionShape, Work } from '../../event/vocabulary.ts';
import type { Fib } from '../../net/fib.ts';
import type { Interfaces } from '../../net/interfaces.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Expectations } from '../conntrack/expectations.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import type { Nat } from '../nat/nat.ts';
import type { RouterServices } from '../services.ts';
import type { RuntimeSet } from '../sets/runtime-set.ts';
import type { Evaluation } from './evaluation.ts';
import type { ChainMatches } from './matches.ts';
import type { StatefulInstance } from './stateful.ts';

/**
 * Evaluates one expression: NFT_CONTINUE, NFT_BREAK, or a verdict (then `run.target` is set for jump and goto).
 * A closure: 2-3 times as fast as a switch over objects (DESIGN.md's measurements).
 */
export type Evaluate = (run: Evaluation) => number;

export interface PreparedExpression {
  evaluate: Evaluate;
  shape: ExpressionShape;
  /** What its evaluations met; absent: not counted. */
  work?: () => Work | undefined;
  /** What a replay changed in it; absent: has no state of its own. */
  state?: (nowNs: number) => ExpressionState;
}

export interface PreparedRule {
  /** Global index. */
  index: number;
  expressions: Evaluate[];
}

export interface PreparedChain {
  /** Global index. */
  index: number;
  name: string;
  rules: PreparedRule[];
  /** What its rules begin with; undefined: nothing that can be looked at ahead. */
  matches?: ChainMatches;
  /** Base chains: NF_ACCEPT or NF_DROP. */
  policy: number;
}

/** A named stateful object, shared by all that refer to it. */
export interface PreparedObject {
  type: ObjectType;
  evaluate: Evaluate;
  state?: (nowNs: number) => ExpressionState;
}

/** Where connections go when they are offloaded. */
export interface FlowAdder {
  /** nft_flow_offload_eval: true when the flow was added now, false = NFT_BREAK. */
  add(packet: Packet, entry: number): boolean;
}

/** What expressions may use of the router; one for the whole ruleset. */
export interface Engine {
  interfaces: Interfaces;
  /** Names of interfaces as `meta iifname` loads them: 4 words by ifindex. */
  interfaceNames: Uint32Array;
  fib: Fib;
  services: RouterServices;
  random: Random;
  /** Wall clock of packet.timeNs = 0, split: seconds and nanoseconds. */
  epochSeconds: number;
  epochNanoseconds: number;
  conntrack: ConntrackTable;
  nat: Nat;
  helpers: HelperSetup;
  /** Packets that `log` statements took note of. */
  notes: { logged: number };
  /** Counts that the run took a way that differs from the kernel's. */
  recorder: Recorder;
  /** Lookups count how often they find each element (RuntimeSet.hits). */
  countsElements?: boolean;
  /** Expressions count what decides their price (WORK, src/event/vocabulary.ts). */
  countsWork?: boolean;
}

/** What `ct helper set`, `ct timeout set` and `ct zone set` ask of conntrack. */
export interface HelperSetup {
  /** What connections expect. */
  expectations: Expectations;
  /** Name behind conntrack.table.helper. */
  nameOf(number: number): string;
  assignHelper(packet: Packet, name: string): void;
  /** The setter of a timeout policy; its names are those of nft(8), values seconds. */
  timeoutPolicy(protocol: number, policy: Record<string, number>): (packet: Packet) => void;
  setZone(packet: Packet, zone: number, direction: 'original' | 'reply' | undefined): void;
}

/** What the expressions of one table are prepared in. */
export interface PrepareContext {
  engine: Engine;
  family: Family;
  /** Where the rule stands, for messages: 'inet fw4 forward'. */
  place: string;
  location: SourceLocation | undefined;
  chain(name: string): PreparedChain;
  set(name: string): RuntimeSet;
  object(type: ObjectType, name: string): PreparedObject;
  flowtable(name: string): FlowAdder;
}

/** A ruleset that cannot run, though it is well formed: names the place and what is wrong. */
export function cannotRun(context: PrepareContext, what: string): never {
  const { location, place } = context;
  const at = location === undefined ? place : `${location.file}:${location.line}:${location.column}: ${place}`;
  throw new NftreplayError('ruleset', `${at}: ${what}`);
}

/** The operands of an expression of one kind. */
export type Of<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>;

/** A stateful expression in a rule: its own instance of the state. */
export function ownInstance(instance: StatefulInstance, cost: ExpressionShape['cost']): PreparedExpression {
  const { stateful, state, at } = instance;
  const { evaluate, exported } = stateful;
  const prepared: PreparedExpression = {
    evaluate: (run) => evaluate(run, state, at),
    shape: { cost, size: 0 },
  };
  if (exported !== undefined) prepared.state = (nowNs) => exported(state, at, nowNs);
  return prepared;
}
