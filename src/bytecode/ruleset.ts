// A ruleset as the kernel holds it: tables, chains, rules, sets, objects, flowtables. Plain data, structured-cloneable;
// the language writes it, the engine runs it, and RulesetState carries back what the run changed.
import type { SourceLocation } from '../base/errors.ts';
import type { Expression, Limit, ObjectType, Verdict } from './expression.ts';

export type Family = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';
export type Hook = 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'egress';
export type ChainType = 'filter' | 'nat' | 'route';

export interface Ruleset {
  tables: Table[];
  /**
   * Names behind the interface indexes that `iif`/`oif` compare with, by index: row 0 is empty, row 1 is 'lo', then in
   * order of appearance. The router numbers its interfaces so (src/net/interfaces.ts), since real indexes are not known
   * when the text is compiled.
   */
  interfaceNames: string[];
}

export interface Table {
  family: Family;
  name: string;
  handle: number;
  flags: ('dormant' | 'owner' | 'persist')[];
  comment?: string;
  chains: Chain[];
  /** Named and anonymous sets and maps; anonymous ones are called `__set0`, `__map0`, … as nft does. */
  sets: NftSet[];
  objects: StatefulObject[];
  flowtables: Flowtable[];
}

export interface BaseChain {
  type: ChainType;
  hook: Hook;
  priority: number;
  policy: 'accept' | 'drop';
  /** netdev ingress/egress and inet ingress only. */
  devices: string[];
}

export interface Chain {
  name: string;
  handle: number;
  comment?: string;
  base?: BaseChain;
  rules: Rule[];
  location?: SourceLocation;
}

export interface Rule {
  handle: number;
  expressions: Expression[];
  comment?: string;
  /** Where the rule stands in the user's files. */
  location?: SourceLocation;
}

export interface NftSet {
  name: string;
  handle: number;
  comment?: string;
  anonymous: boolean;
  constant: boolean;
  interval: boolean;
  /** `flags dynamic` (NFT_SET_EVAL): elements come from rules. */
  dynamic: boolean;
  /** Elements may time out. */
  timeout: boolean;
  autoMerge: boolean;
  /** 'set', or a map: key to verdict, value or stateful object. */
  mapTo?: 'verdict' | 'value' | ObjectType;
  /** nft datatype of each field of the key, e.g. ['ipv4_addr', 'inet_service']; one field when no concatenation. */
  keyTypes: string[];
  /** Octets of each field (unpadded); every field but a lone one starts at a multiple of 4 in the key. */
  keyFieldLengths: number[];
  keyLength: number;
  dataTypes: string[];
  dataLength: number;
  /** The text after `typeof`, when the set was declared so (listed back). */
  keyTypeof?: string;
  dataTypeof?: string;
  /** Fields whose values are in host order (e.g. mark, iface index): needed by listing only. */
  sizeElements?: number;
  timeoutMs?: number;
  gcIntervalMs?: number;
  policy?: 'performance' | 'memory';
  /** Stateful expressions that each new element gets (`counter`, `limit …`, …). */
  elementExpressions: Expression[];
  elements: SetElement[];
  location?: SourceLocation;
}

export interface SetElement {
  /** Lowest value of the element; empty for the catch-all `*`. Concatenated fields are padded to 4 octets each. */
  key: Uint8Array;
  /** Highest value (inclusive), when it is a range or prefix. */
  keyEnd?: Uint8Array;
  catchAll?: boolean;
  verdict?: Verdict;
  data?: Uint8Array;
  /** Highest data value, when a map holds ranges (`dnat to` maps with intervals). */
  dataEnd?: Uint8Array;
  /** Name of a stateful object, in object maps. */
  object?: string;
  timeoutMs?: number;
  expiresMs?: number;
  comment?: string;
  /** Stateful expressions of this element with their start values. */
  expressions?: Expression[];
}

export type StatefulObject = { name: string; handle: number; comment?: string; location?: SourceLocation } & (
  | { type: 'counter'; packets: number; bytes: number }
  | { type: 'quota'; bytes: number; consumedBytes: number; invert: boolean }
  | { type: 'limit'; limit: Limit }
  | { type: 'ct helper'; helper: string; protocol: number; l3proto?: Family }
  | { type: 'ct timeout'; protocol: number; l3proto?: Family; policy: Record<string, number> }
  | { type: 'ct expectation'; protocol: number; dport: number; timeoutMs: number; size: number; l3proto?: Family }
  | { type: 'secmark'; context: string }
  | { type: 'synproxy'; mss: number; wscale: number; flags: number }
);

export interface Flowtable {
  name: string;
  handle: number;
  priority: number;
  devices: string[];
  /** `flags offload`: hardware. */
  offload: boolean;
  counter: boolean;
  location?: SourceLocation;
}

/** What a replay changed, index for index beside a Ruleset. */
export interface RulesetState {
  tables: TableState[];
}
export interface TableState {
  /** [chain][rule][expression]; null for an expression without state. */
  chains: { rules: (ExpressionState | null)[][] }[];
  /** [set]; null when the set cannot have changed (its elements are those of the Ruleset). */
  sets: (SetState | null)[];
  /** [object]. */
  objects: (ExpressionState | null)[];
  /** [set][element] how often lookups found it; null: nothing looks there. Only when a replay counts them. */
  hits?: (Float64Array | null)[];
}
export type ExpressionState =
  | { kind: 'counter'; packets: number; bytes: number }
  | { kind: 'quota'; consumedBytes: number }
  /** Milliseconds since last use at the end of the replay; absent: never. */
  | { kind: 'last'; usedMs?: number };
export interface SetState {
  elements: SetElement[];
}
