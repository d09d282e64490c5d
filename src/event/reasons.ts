// Why a packet ended as it did: the closed list behind `reason` in --events and "drops by reason" in the report.
// Names are ours where the kernel has none; where it has one (enum skb_drop_reason, SNMP counters) the comment says it.

export interface Reason {
  name: string;
  /** What a reader of the report sees. */
  text: string;
}

/** Rows never move: their index is stored in packets. */
export const REASONS = [
  { name: '', text: 'no reason: the packet went its way' },
  { name: 'rule', text: 'dropped by a rule' },
  { name: 'policy', text: "dropped by a base chain's policy" },
  { name: 'reject', text: 'rejected by a rule' },
  { name: 'truncated', text: 'the capture cut the packet inside its headers' },
  { name: 'malformed', text: 'malformed header' }, // IP_INHDR
  { name: 'bad-checksum', text: 'bad IP header checksum' }, // IP_CSUM
  { name: 'unknown-protocol', text: 'a protocol that the router does not speak on this interface' },
  { name: 'other-host', text: 'not addressed to the router (link layer)' }, // OTHERHOST
  { name: 'unknown-vlan', text: 'tagged for a VLAN that the router does not have' },
  { name: 'no-route', text: 'no route to the destination' }, // IP_OUTNOROUTES / IPSTATS_MIB_INNOROUTES
  { name: 'blackhole', text: 'a blackhole route' },
  { name: 'unreachable', text: 'an unreachable route' },
  { name: 'prohibit', text: 'a prohibit route' },
  { name: 'martian', text: 'martian source or destination' }, // IP_INVALID_SOURCE
  { name: 'rp-filter', text: 'reverse path filter' }, // IP_RPFILTER
  { name: 'ttl', text: 'TTL or hop limit reached zero' }, // IP_INHDR at ip_forward
  { name: 'mtu', text: 'larger than the MTU of the way out, and not to be fragmented' }, // PKT_TOO_BIG
  { name: 'neighbour', text: 'no neighbour answered' }, // NEIGH_FAILED
  { name: 'fragment-timeout', text: 'a fragment whose rest never came' }, // FRAG_REASM_TIMEOUT
  { name: 'fragment', text: 'a fragment that overlaps or is too many' },
  { name: 'fragment-waits', text: 'a fragment that waits for the rest' },
  { name: 'multicast', text: 'multicast that the router does not forward' },
  { name: 'forwarding-off', text: 'forwarding is switched off' },
  { name: 'no-socket', text: 'for the router itself, where nobody listens' }, // NO_SOCKET
  { name: 'conntrack-full', text: 'the connection table is full' },
  { name: 'conntrack-invalid', text: 'conntrack refused the packet' },
  { name: 'nat-failed', text: 'no free port for the translation' },
  { name: 'queue', text: 'sent to user space' },
  { name: 'bridge', text: 'a bridge had no way out for it' },
  { name: 'ingress', text: 'dropped before IP receive' },
  { name: 'cut-payload', text: 'cut by the capture, forwarded as far as it was kept' },
  { name: 'outgoing', text: 'a copy that the capture took on the way out of the router: not replayed' },
  { name: 'source-route', text: 'an IPv4 source route, which the interface does not accept' },
  { name: 'left-out', text: 'left out by --match: not replayed' },
  { name: 'own', text: "the router's own packet, as the capture shows it: not replayed" },
  { name: 'origin-unknown', text: 'sent by the router; what it was made from cannot be known: not replayed' },
] as const satisfies readonly Reason[];

export type ReasonName = (typeof REASONS)[number]['name'];

const INDEX = new Map<string, number>(REASONS.map((row, index) => [row.name, index]));

/** The row of a reason, to be looked up once at module level, never per packet. */
export function reasonIndex(name: ReasonName): number {
  return INDEX.get(name) as number;
}
