// Where nftreplay knowingly differs from the kernel, one row each: code that takes such a way says `SIMPLIFIED: <name>`
// and counts it, the report lists the rows that a run touched, docs/FIDELITY.md lists them all (a test compares).

export interface Simplification {
  name: string;
  /** What differs and with which effect, for a reader of the report. */
  effect: string;
}

export const SIMPLIFICATIONS = [
  {
    name: 'mac',
    effect:
      'every unicast frame is taken as addressed to the router, whatever its MAC address says (not with strictMac)',
  },
  {
    name: 'bridge-unlearned',
    effect:
      'a frame at a bridge port for an unlearned address goes to the router; a real bridge floods it (so does strictMac)',
  },
  {
    name: 'segment-size',
    effect: 'super-packets are cut to what fits both MTUs: the size of their segments is not in a capture',
  },
  {
    name: 'ip-checksum',
    effect: "a zero IPv4 header checksum is taken as the sender's checksum offload and mended; a router drops it",
  },
  { name: 'source-route', effect: 'IPv4 source routes are not followed' },
  {
    name: 'hop-by-hop',
    effect: 'hop-by-hop options of IPv6 are checked, but IOAM, CALIPSO and jumbo payload ones are not read',
  },
  { name: 'loopback', effect: 'what the router sends to itself is not received again' },
  { name: 'closed-ports', effect: 'nobody listens on the router itself: TCP gets a RST, UDP a port unreachable' },
  {
    name: 'helpers',
    effect:
      'conntrack helpers other than ftp and tftp have a name and read nothing: no expectations, no sequence adjustment',
  },
  { name: 'log', effect: '`log` statements are counted, nothing is written' },
  {
    name: 'queue',
    effect: 'user space answers `queue` at once, as --assume says; the way there and back is not priced',
  },
  {
    name: 'hash-seed',
    effect: "hashes have the kernel's spread but not its random keys: a flow may get another value",
  },
  {
    name: 'hardware',
    effect: "one engine as capable as MediaTek's PPE (16,384 entries), bound 1 ms after `flow add`: an estimate",
  },
  { name: 'gso-mtu', effect: 'super-packets on the fast path are taken to fit the MTU of the way out' },
  {
    name: 'early-drop',
    effect: 'a full connection table evicts as the kernel does, but which un-assured connections is random in both',
  },
  {
    name: 'cut-nat',
    effect: 'a packet cut by the capture keeps its SCTP CRC; a cut quotation is translated as far as it goes',
  },
  {
    name: 'neighbours',
    effect:
      'every neighbour answers at once, but for those that the router file says do not; one that was heard stays known',
  },
  { name: 'ipsec', effect: 'there is no IPsec: its policy checks never fire' },
  { name: 'use-count', effect: '`use=` of listed connections counts the flowtable only' },
  { name: 'dsa', effect: 'no DSA ports on the way of an offloaded flow' },
  {
    name: 'truesize',
    effect: 'memory of waiting fragments is counted by powers of two: floods meet the limit a little earlier or later',
  },
  { name: 'fragment-distance', effect: 'ipfrag_max_dist counts sources by a hash: only floods notice' },
  { name: 'time-zone', effect: '`meta time`, `day` and `hour` are in UTC' },
  { name: 'names', effect: 'groups, marks, realms and labels have no names of the local machine' },
  { name: 'include-search', effect: 'included names without a path are searched beside the including file' },
  { name: 'duplicate-address', effect: "others' duplicate address detection is answered, never acted upon" },
  { name: 'interface-exists', effect: '`iif`, `oif`, `dup` and `fwd` take any interface name; nft wants it to exist' },
  { name: 'user-names', effect: 'only root, daemon, bin and nobody are known by name' },
  { name: 'show-commands', effect: 'commands that only show something are left out, each with a note' },
  { name: 'busy', effect: 'deleting what is in use is judged at the end of the file, not at the deletion' },
  {
    name: 'swap-state',
    effect: '`diff --swap-at`: counters, limits and quotas of the new ruleset begin anew, those of rules that stay too',
  },
] as const satisfies readonly Simplification[];

export type SimplificationName = (typeof SIMPLIFICATIONS)[number]['name'];

const INDEX = new Map<string, number>(SIMPLIFICATIONS.map((row, index) => [row.name, index]));

/** The row, to be looked up once at module level and given to Recorder.simplified(). */
export function simplificationIndex(name: SimplificationName): number {
  return INDEX.get(name) as number;
}
