// The one table of what can happen to a packet. The datapath counts these events, the cost model prices them,
// reports name them; none of the three knows the others. An event is one 32-bit word: kind << 26 | argument.

export type ArgumentMeaning =
  | 'none'
  | 'interface'
  | 'hook'
  | 'chain'
  | 'rule'
  | 'protocol'
  | 'family'
  | 'flowtable'
  | 'reason'
  | 'octets64';

export interface EventKind {
  name: string;
  argument: ArgumentMeaning;
  /** One word or two for a readable chain of steps. */
  step: string;
  /** When the datapath records it, by the kernel function whose cost it stands for. */
  when: string;
}

/** Rows never move: their index is the kind. At most 64. */
export const EVENTS = [
  { name: 'rx', argument: 'interface', step: 'rx', when: 'driver and NAPI hand a frame to __netif_receive_skb' },
  {
    name: 'vlan-untag',
    argument: 'interface',
    step: 'untag',
    when: 'skb_vlan_untag and vlan_do_receive; argument: the VLAN device',
  },
  { name: 'pppoe-decap', argument: 'interface', step: 'pppoe in', when: 'pppoe_rcv and ppp_input' },
  { name: 'bridge-forward', argument: 'interface', step: 'bridge', when: 'br_handle_frame: fdb lookup' },
  {
    name: 'hook',
    argument: 'hook',
    step: 'hook',
    when: 'nf_hook_slow runs a hook that has entries; argument: hook number of event/hooks.ts, once a traversal',
  },
  { name: 'base-chain', argument: 'chain', step: 'chain', when: 'nft_do_chain starts at a base chain' },
  {
    name: 'rule',
    argument: 'rule',
    step: 'rule',
    when: 'a rule was evaluated; argument: rule << 8 | expressions evaluated when one of them broke it (at most 254), or RULE_MATCHED when all ran',
  },
  { name: 'jump', argument: 'chain', step: 'jump', when: 'jump or goto to a chain' },
  { name: 'policy', argument: 'chain', step: 'policy', when: 'the end of a base chain was reached' },
  { name: 'ip-receive', argument: 'family', step: 'ip receive', when: 'ip_rcv / ipv6_rcv: header checks' },
  { name: 'defrag-queue', argument: 'family', step: 'defrag', when: 'a fragment is queued' },
  { name: 'defrag-reassemble', argument: 'family', step: 'reassemble', when: 'the last fragment completes a packet' },
  {
    name: 'ct-lookup',
    argument: 'protocol',
    step: 'ct lookup',
    when: 'nf_conntrack_in finds an entry; argument: IP protocol number, 6 bits of family << 8 (4 or 6)',
  },
  {
    name: 'ct-new',
    argument: 'protocol',
    step: 'ct new',
    when: 'nf_conntrack_in finds none and init_conntrack makes one',
  },
  { name: 'ct-invalid', argument: 'protocol', step: 'ct invalid', when: 'nf_conntrack_in ends without an entry' },
  { name: 'ct-untracked', argument: 'none', step: 'untracked', when: 'conntrack skips an untracked packet' },
  {
    name: 'ct-update',
    argument: 'protocol',
    step: 'ct update',
    when: 'protocol state, window and timeout of an entry: nf_conntrack_tcp_packet and kin',
  },
  { name: 'ct-account', argument: 'none', step: 'ct acct', when: 'nf_ct_acct_update (nf_conntrack_acct=1)' },
  {
    name: 'ct-confirm',
    argument: 'none',
    step: 'ct confirm',
    when: '__nf_conntrack_confirm puts a new entry into the table',
  },
  {
    name: 'ct-checksum',
    argument: 'octets64',
    step: 'checksum',
    when: 'nf_ip_checksum over the layer-4 octets; argument: octets / 64 rounded up',
  },
  { name: 'nat-lookup', argument: 'none', step: 'nat', when: 'nf_nat_inet_fn on a packet of a connection' },
  {
    name: 'nat-setup',
    argument: 'none',
    step: 'nat setup',
    when: 'nf_nat_setup_info: a new connection gets its translation (null bindings included)',
  },
  {
    name: 'nat-mangle',
    argument: 'protocol',
    step: 'nat mangle',
    when: 'nf_nat_packet rewrites addresses, ports, checksums',
  },
  { name: 'route', argument: 'family', step: 'route', when: 'ip_route_input / ip6_route_input lookup' },
  { name: 'route-output', argument: 'family', step: 'route out', when: 'ip_route_output / ip_route_me_harder' },
  { name: 'forward', argument: 'family', step: 'forward', when: 'ip_forward / ip6_forward: TTL, MTU' },
  { name: 'local', argument: 'family', step: 'local', when: 'ip_local_deliver / ip6_input' },
  { name: 'output', argument: 'family', step: 'output', when: 'ip_output / ip6_output to the neighbour' },
  { name: 'fragment', argument: 'family', step: 'fragment', when: 'ip_do_fragment makes one fragment' },
  { name: 'neighbour', argument: 'interface', step: 'neighbour', when: 'neigh_resolve_output had to ask' },
  { name: 'vlan-push', argument: 'interface', step: 'tag', when: 'vlan_dev_hard_start_xmit' },
  { name: 'pppoe-push', argument: 'interface', step: 'pppoe out', when: 'pppoe_xmit' },
  { name: 'tx', argument: 'interface', step: 'tx', when: 'dev_queue_xmit to a physical interface' },
  {
    name: 'ingress-hook',
    argument: 'interface',
    step: 'ingress',
    when: 'nf_hook_ingress on a device that has entries there',
  },
  {
    name: 'egress-hook',
    argument: 'interface',
    step: 'egress',
    when: 'nf_hook_egress on a device that has entries there',
  },
  {
    name: 'flow-lookup',
    argument: 'flowtable',
    step: 'flowtable miss',
    when: 'nf_flow_offload_ip_hook looked and did not forward (argument: flowtable; family is in the path)',
  },
  {
    name: 'flow-hit',
    argument: 'family',
    step: 'flowtable hit',
    when: 'nf_flow_offload_ip_hook found the flow and forwards it',
  },
  { name: 'flow-nat', argument: 'protocol', step: 'flow nat', when: 'nf_flow_nat_ip rewrites the packet' },
  {
    name: 'flow-counter',
    argument: 'none',
    step: 'flow counter',
    when: 'nf_ct_acct_update on the fast path (flowtable counter)',
  },
  { name: 'flow-xmit', argument: 'family', step: 'flow xmit', when: 'neigh_xmit or direct xmit from the fast path' },
  {
    name: 'flow-add',
    argument: 'flowtable',
    step: 'flow add',
    when: 'nft_flow_offload_eval created a flow: routes, allocation, insertion',
  },
  { name: 'flow-teardown', argument: 'none', step: 'flow teardown', when: 'flow_offload_teardown' },
  {
    name: 'hardware',
    argument: 'interface',
    step: 'hardware',
    when: 'the device forwarded the frame itself: the CPU saw nothing',
  },
  { name: 'reject', argument: 'none', step: 'reject', when: 'a RST or an ICMP error is built for a reject' },
  { name: 'icmp-error', argument: 'family', step: 'icmp error', when: 'icmp_send / icmpv6_send' },
  { name: 'icmp-reply', argument: 'family', step: 'echo reply', when: 'icmp_reply to an echo request' },
  { name: 'drop', argument: 'reason', step: 'drop', when: 'kfree_skb_reason' },
  {
    name: 'gso-segment',
    argument: 'octets64',
    step: 'segment',
    when: 'a super-packet is cut to the MTU at transmit; argument: number of segments',
  },
  { name: 'set-add', argument: 'none', step: 'set add', when: 'nft_dynset_new: a rule puts an element into a set' },
] as const satisfies readonly EventKind[];

export type EventName = (typeof EVENTS)[number]['name'];

const INDEX = new Map<string, number>(EVENTS.map((row, index) => [row.name, index]));

/** Low octet of a 'rule' event whose expressions all ran: the rule matched. */
export const RULE_MATCHED = 255;

/** The kind of an event, to be looked up once at module level, never per packet. */
export function eventKind(name: EventName): number {
  return INDEX.get(name) as number;
}

/** The kind of an event word. */
export function kindOf(word: number): number {
  return word >>> 26;
}
/** The argument of an event word, 0 … 2^26 - 1. */
export function argumentOf(word: number): number {
  return word & 0x3ffffff;
}

/** Hooks as arguments of 'hook' events and as columns everywhere else (order of enum nf_inet_hooks, then ours). */
export const HOOK_NAMES = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress', 'egress'] as const;

/**
 * Kinds of expressions as the cost model prices them: the kernel's fast variants are their own rows.
 * `meta-index` loads the index of an interface. `cmp` is nft_cmp_fast (eq or neq, up to 4 octets), `cmp16` nft_cmp16_fast (eq or neq, up to 16), `cmp-generic` the rest (orders).
 * `size` of the ExpressionShape: elements of the set for `lookup-*` and `dynset`; octets loaded, stored or compared for
 * `payload`, `payload-set`, `meta`, `cmp*`, `range`, `bitwise`; a variant for `objref` (0 counter, 1 quota, 2 limit, 3 what
 * conntrack gets), `numgen` (0 random, 1 incremental) and `log` (0 to the kernel's log, 1 to a group); 0 elsewhere.
 */
export const EXPRESSION_COSTS = [
  'payload',
  'payload-set',
  'exthdr',
  'exthdr-set',
  'cmp',
  'cmp16',
  'range',
  'bitwise',
  'byteorder',
  'immediate',
  'verdict',
  'lookup-hash',
  'lookup-rbtree',
  'lookup-pipapo',
  'lookup-bitmap',
  'dynset',
  'meta',
  'meta-set',
  'ct',
  'ct-set',
  'counter',
  'limit',
  'quota',
  'connlimit',
  'last',
  'log',
  'reject',
  'nat',
  'masquerade',
  'redirect',
  'notrack',
  'flow-offload',
  'rt',
  'fib',
  'numgen',
  'hash',
  'objref',
  'dup',
  'fwd',
  'cmp-generic',
  'meta-index',
] as const;
export type ExpressionCost = (typeof EXPRESSION_COSTS)[number];

/**
 * What the price of some expressions depends on besides their shape, row by row: what one evaluation did, counted when asked for.
 * Trees: nodes, those less than the key, rounds of memcmp(). Pipapo: fields, groups of bits, words ANDed and scanned; with AVX2
 * words cleared, blocks, loads, blocks that match; rules that match, and of those such that stand for several of the next field.
 * Ranges: comparisons with the upper end (nft before 1.1 compiles two comparisons). Logs: octets of the line, the parts and
 * values it is made of, octets for the console.
 */
export const WORK = {
  'lookup-rbtree': ['node', 'lesser', 'step'],
  'lookup-pipapo': ['field', 'group', 'word', 'scan', 'clear', 'block', 'load', 'hit', 'match', 'spread'],
  range: ['upper'],
  log: ['octet', 'piece', 'value', 'console-octet'],
} as const satisfies { readonly [cost in ExpressionCost]?: readonly string[] };

/** Sums over all evaluations of an expression. */
export interface Work {
  times: number;
  /** Rows of WORK. */
  amounts: number[];
}

/** One expression of a rule for pricing: what kind, and the size that its cost depends on (set elements; octets). */
export interface ExpressionShape {
  cost: ExpressionCost;
  size: number;
  /** Octets of a key (`lookup-*`). */
  keyOctets?: number;
  /** The kind of a hash (`lookup-hash`): of one word, of any key, or one that grows (nft_set_hash.c). */
  hash?: 'fast' | 'fixed' | 'resizable';
  /** What evaluations met (expressions of WORK); absent: not counted, or never evaluated. */
  work?: Work;
}

/** What the path table must know of a rule, so that nobody above needs the ruleset to price or name it. */
export interface RuleShape {
  /** 'inet fw4 forward'. */
  chain: string;
  /** Place in its chain, 1-based, as `nft list` shows it. */
  place: number;
  handle: number;
  expressions: ExpressionShape[];
}

/** Names behind the arguments of events. */
export interface EventNames {
  /** By ifindex; row 0 is empty. */
  interfaces: string[];
  /** By global chain index: 'inet fw4 forward'. */
  chains: string[];
  /** By global rule index. */
  rules: RuleShape[];
  flowtables: string[];
}
