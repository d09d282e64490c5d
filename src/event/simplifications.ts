// Where nftreplay knowingly differs from the kernel, one row each: code that takes such a way says `SIMPLIFIED: <name>`
// and counts it, the report lists the rows that a run touched, docs/FIDELITY.md lists them all (a test compares).

export interface Simplification {
  name: string;
  /** What differs and with which effect, for a reader of the report. */
  effect: string;
}

export const SIMPLIFICATIONS = [
  { name: 'mac', effect: 'every unicast frame is taken as addressed to the router, whatever its MAC address says' },
  {
    name: 'bridge-unlearned',
    effect: 'a frame at a bridge port for an unlearned address goes to the router; a real bridge floods it',
  },
  {
    name: 'segment-size',
    effect: 'super-packets are cut to what fits both MTUs: the size of their segments is not in a capture',
  },
  {
    name: 'ip-checksum',
    effect: "a zero IPv4 header checksum is taken as the sender's checksum offload and mended; a router drops it",
  },
  { name: 'redirect', effect: 'no ICMP redirect is sent about a packet that leaves where it came in' },
  {
    name: 'icmp-rate',
    effect: 'ICMP errors of the router are not limited in rate (icmp_ratelimit, icmp_msgs_per_sec)',
  },
  { name: 'icmp-options', effect: 'ICMP answers do not echo the IPv4 options of the packet they answer' },
  { name: 'source-route', effect: 'IPv4 source routes are not followed' },
  { name: 'hop-by-hop', effect: 'hop-by-hop options of IPv6 are passed on without a look' },
  {
    name: 'refragment',
    effect: 'a reassembled datagram leaves in fragments of the largest size received, not each in its own',
  },
  { name: 'loopback', effect: 'what the router sends to itself is not received again' },
  { name: 'closed-ports', effect: 'nobody listens on the router itself: TCP gets a RST, UDP a port unreachable' },
] as const satisfies readonly Simplification[];

export type SimplificationName = (typeof SIMPLIFICATIONS)[number]['name'];

const INDEX = new Map<string, number>(SIMPLIFICATIONS.map((row, index) => [row.name, index]));

/** The row, to be looked up once at module level and given to Recorder.simplified(). */
export function simplificationIndex(name: SimplificationName): number {
  return INDEX.get(name) as number;
}
