// What a trace keeps of one packet's walk: typed steps in the order in which they happened, plain data that crosses
// threads. The lines of `nft monitor trace` are made from the steps 'packet', 'rule' and 'policy'; the others say what
// the kernel cannot print. src/report/trace-text.ts prints them.
import type { SourceLocation } from '../base/errors.ts';
import type { Family } from '../bytecode/ruleset.ts';
import type { RefusalName } from '../event/refusals.ts';
import type { PATH_CLASSES, VERDICTS } from '../packet/packet.ts';

/** How a base chain's packet looked when the kernel printed it: headers cut as nf_tables_trace.c cuts them. */
export interface TracedHeaders {
  /** NFPROTO_*: 2 ip, 3 arp, 5 netdev, 7 bridge, 10 ip6. */
  nfproto: number;
  /** Interface names; absent where the hook has none. */
  iif?: string;
  oif?: string;
  /** ARPHRD_* of iif; 0 without. */
  iiftype: number;
  link?: Uint8Array;
  network?: Uint8Array;
  transport?: Uint8Array;
}

/** One direction of a connection. */
export interface TracedTuple {
  /** 'tcp', 'udp', 'icmp', …, or the IP protocol's number. */
  protocol: string;
  source: string;
  destination: string;
  /** Ports of protocols that have them. */
  sourcePort?: number;
  destinationPort?: number;
  /** ICMP echo and GRE: 'id 7', 'key 0x10'. */
  extra?: string;
}

/** A connection at one moment. */
export interface TracedConnection {
  /** Numbered from 1 in the order in which connections were made. */
  flow: number;
  original: TracedTuple;
  reply: TracedTuple;
  /** TCP, SCTP, DCCP: 'SYN_SENT', 'ESTABLISHED', … */
  state?: string;
  /** IPS_* names: SEEN_REPLY, ASSURED, CONFIRMED, SRC_NAT, DST_NAT, OFFLOAD, HW_OFFLOAD, … */
  status: string[];
  timeoutSeconds: number;
  mark: number;
}

/** What is the same for lines that `nft monitor trace` prints. */
interface ChainStep {
  family: Family;
  table: string;
  chain: string;
  /** 0: the packet itself; n: the n-th packet that the router made about it (RST, ICMP error, copy). */
  origin: number;
  /** The packet carried nf_trace: the kernel itself would print this line, by a rule of the ruleset's own. */
  marked: boolean;
}

/** A field that the router changed: `ip ttl` from `64` to `63`. */
export interface FieldChange {
  field: string;
  from: string;
  to: string;
}

export type TraceStepDetail =
  /** The frame enters at a physical interface. */
  | { kind: 'receive'; interface: string }
  /** A device takes the frame over: its tag or PPPoE header came off, or a bridge has it. */
  | { kind: 'device'; how: 'vlan' | 'pppoe' | 'bridge'; interface: string }
  /** A hook with entries runs. `device` at ingress and egress. */
  | { kind: 'hook'; hook: string; device?: string }
  /** `again`: shown before, but the ruleset has marked it only now: a line of the kernel's for the marked packet only. */
  | ({ kind: 'packet'; headers: TracedHeaders; again?: boolean } & ChainStep)
  | ({
      kind: 'rule';
      /** Global index (EventNames.rules), 1-based place in its chain, nft's handle. */
      rule: number;
      place: number;
      handle: number;
      location?: SourceLocation;
      /** accept, drop, continue, return, jump, goto, queue or stolen; of the last two the target. */
      verdict: string;
      target?: string;
      /** Rules right before it that did not match: places `from` to `to`. */
      missed?: { from: number; to: number };
    } & ChainStep)
  /** The end of a chain without a verdict: nft prints nothing. `base`: its policy is next. `missed` as above. */
  | ({ kind: 'chain-end'; base: boolean; missed?: { from: number; to: number } } & ChainStep)
  | ({ kind: 'policy'; policy: 'accept' | 'drop'; mark: number } & ChainStep)
  | { kind: 'ip-receive'; version: 4 | 6 }
  | { kind: 'defrag'; outcome: 'waits' | 'whole'; octets: number }
  | {
      kind: 'conntrack';
      outcome: 'new' | 'found' | 'invalid' | 'untracked' | 'related';
      direction: 'original' | 'reply';
      /** `ct state`. */
      state: 'new' | 'established' | 'related' | 'invalid' | 'untracked';
      /** Before the protocol judged the packet; absent for a new connection. */
      before?: TracedConnection;
      after?: TracedConnection;
    }
  /** The connection enters the table. */
  | { kind: 'confirm'; connection: TracedConnection }
  | {
      kind: 'nat';
      hook: string;
      /** The connection got its translation now: by a rule (global index) or by none (null binding). */
      setup: boolean;
      rule?: number;
      location?: SourceLocation;
      changes: FieldChange[];
    }
  /** A flowtable looked. `bypassed`: base chains that a packet on the fast path does not meet. */
  | { kind: 'flowtable'; flowtable: string; outcome: 'miss' | 'hit' | 'hardware' | 'teardown'; bypassed?: string[] }
  | { kind: 'flow-add'; flowtable: string }
  /** The packet reached `flow add` and did not offload its connection; or is offloaded and goes the slow way. */
  | { kind: 'not-offloaded'; refusal: RefusalName; rule: number; location?: SourceLocation }
  /** Its connection is offloaded, yet no flowtable forwards this packet. */
  | { kind: 'slow'; why: 'fragment' | 'ttl' | 'ip-options' | 'device' | 'other' }
  | { kind: 'route'; destination: string; outcome: string; via?: string; interface?: string }
  | { kind: 'forward'; ttl: number }
  | { kind: 'local' }
  /** The router makes a packet of its own: 'tcp reset', 'icmp error', 'echo reply'. */
  | { kind: 'generate'; what: string; origin: number }
  | { kind: 'drop'; reason: string; rule?: number; chain?: string; location?: SourceLocation }
  /** A frame leaves. `changes` against the frame that came in; absent: made by the router. */
  | { kind: 'sent'; interface: string; octets: number; summary: string; changes?: FieldChange[] }
  /** Any other event of event/vocabulary.ts. */
  | { kind: 'event'; event: string; argument: number }
  /** What is left when the packet's walk is over. */
  | { kind: 'end' };

/** `events`: how many of the packet's event words had been recorded when the step was over. */
export type TraceStep = TraceStepDetail & { events: number };

/** One packet's walk. */
export interface PacketTrace {
  /** Number in the merged input, 1-based. */
  packet: number;
  /** Nanoseconds since the first packet. */
  timeNs: number;
  /** Where it entered. */
  interface: string;
  /** Octets on the wire. */
  octets: number;
  /** 'tcp 192.168.1.10:40000 > 198.51.100.7:443 S'. */
  summary: string;
  steps: TraceStep[];
  /** Steps that were too many to keep. */
  omitted: number;
  /** All event words, for prices. */
  words: Uint32Array;
  /** 'forward', 'local', 'drop', 'consumed'; 'slow', 'software', 'hardware'; name in event/reasons.ts or ''. */
  verdict: (typeof VERDICTS)[number];
  path: (typeof PATH_CLASSES)[number];
  reason: string;
  /** Connection number, 0: none. */
  flow: number;
}
