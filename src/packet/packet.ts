// The reused packet, our sk_buff. One object lives for a whole replay: it points into the capture's block
// and is edited in place (NAT, TTL, MAC addresses), so a packet costs no allocation and no copy.
//
// Room before `start` may be overwritten (it held records already replayed): that is how headers are pushed.
import { be16, DOUBLE_ZERO, u8 } from '../base/columns.ts';

/** What the router did with a packet, as `--events` says. */
export const VERDICT_FORWARD = 0;
export const VERDICT_LOCAL = 1;
export const VERDICT_DROP = 2;
/** A fragment that waits, or a packet that waits for a neighbour. */
export const VERDICT_CONSUMED = 3;
export const VERDICTS = ['forward', 'local', 'drop', 'consumed'] as const;

export const PATH_SLOW = 0;
export const PATH_SOFTWARE = 1;
export const PATH_HARDWARE = 2;
export const PATH_CLASSES = ['slow', 'software', 'hardware'] as const;

/** `meta pkttype` (linux/if_packet.h). */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;

/** Connection state of a packet (`enum ip_conntrack_info`); reply direction adds CT_REPLY. */
export const CT_ESTABLISHED = 0;
export const CT_RELATED = 1;
export const CT_NEW = 2;
/** No entry: invalid. */
export const CT_INVALID = 3;
/** No entry on purpose: notrack, ND. */
export const CT_UNTRACKED = 4;

const EMPTY = new Uint8Array(0);

/** Octets kept free before a packet's first octet, for headers that are pushed. */
export const HEADROOM = 64;

const NO_LENGTHS = new Uint16Array(0);

/**
 * A frame and what the router knows of it. Offsets are absolute in `data`; -1 means absent.
 * Invariant after decode(): start <= network <= transport <= end (those that are present).
 */
export class Packet {
  /** The octets; always a plain Uint8Array (never a Buffer: two hidden classes would slow every access). */
  data: Uint8Array = EMPTY;
  /** First octet of the Ethernet header (after VLAN/PPPoE headers were taken off: of the moved header). */
  start = 0;
  /** One past the last captured octet. */
  end = 0;
  /** Octets that the frame had on the wire, counted from `start`; more than end - start when the capture cut it. */
  wireLength = 0;
  /** Packet number in the merged input, 1-based. */
  number = 0;
  /** Nanoseconds since the first packet of the replay (can be fractional never; monotonic clock is the router's). */
  timeNs = DOUBLE_ZERO;

  /** EtherType of what `network` points to (0x0800, 0x86dd, 0x0806, …). */
  etherType = 0;
  /** First octet after link, VLAN and PPPoE headers. */
  network = -1;
  /** First octet of the layer-4 header; -1 for non-first fragments, and when cut away. */
  transport = -1;
  /** 4, 6, or 0 when it is neither. */
  ipVersion: 0 | 4 | 6 = 0;
  /** IP protocol number of the transport header; -1 when unknown. */
  protocol = -1;
  /** One past the last octet of the IP datagram by its own length field, never beyond `end`; Ethernet padding lies after it. */
  networkEnd = 0;
  /** Octets of the IP datagram by its own length field (also when the capture cut it): what counters count. */
  networkLength = 0;
  /** Fragment offset in octets; 0 for the first or for a whole packet. */
  fragmentOffset = 0;
  moreFragments = false;
  /** Reassembled by defrag: octets of the largest fragment's IP datagram (frag_max_size), so that output cuts it alike; else 0. */
  fragMaxSize = 0;
  /** Reassembled: octets of payload of each fragment, in order; how many, else 0. Valid until the next datagram is reassembled. */
  fragmentLengths = NO_LENGTHS;
  fragmentCount = 0;
  /** IPv6: offset of the fragment header, or -1. */
  fragmentHeader = -1;
  /** IPv6: offset of the first authentication header, where rules stop looking (IP6_FH_F_AUTH), or -1. */
  authenticationHeader = -1;
  /** IPv4 header has options, or IPv6 has a hop-by-hop header. */
  hasOptions = false;

  /** Tags taken off by the router's VLAN/PPPoE input, outermost first, for the flowtable's lookup: id | protocol << 16. */
  encapsulationCount = 0;
  readonly encapsulation = new Uint32Array(2);

  /** Interface indexes in the router (`ifindex`, 1-based); 0 = none. `iif` changes as VLAN and bridge devices take over. */
  iif = 0;
  oif = 0;
  /** The physical interface that it entered at. */
  physicalIif = 0;
  packetType = PACKET_HOST;
  mark = 0;
  priority = 0;
  nftrace = false;
  /** Larger than the MTU of the interface it came in at: a GRO/TSO super-packet that is cut again at transmit. */
  isSuperPacket = false;
  /** Checksum field holds what a sender with transmit offload leaves there (pseudo-header sum): valid, fill in on output. */
  checksumPartial = false;
  /** The layer-4 checksum was computed already, and was right (csum_valid). */
  isChecksumVerified = false;
  /** Made by the router itself (ICMP error, RST, echo reply). */
  isGenerated = false;
  /** `meta broute set 1`: a bridge leaves the frame to its port. */
  isBrouted = false;

  /** Conntrack entry, or -1. */
  ct = -1;
  /** CT_ESTABLISHED, CT_RELATED, CT_NEW, CT_INVALID or CT_UNTRACKED. */
  ctInfo = CT_INVALID;
  /** 0 original, 1 reply. */
  ctDirection = 0;

  // Outcome.
  verdict = VERDICT_DROP;
  pathClass = PATH_SLOW;
  /** Row in event/reasons.ts. */
  reason = 0;
  /** Global rule index (reason 'rule') or chain index (reason 'policy'), else -1. */
  reasonDetail = -1;

  /** Points at a captured frame and forgets everything about the one before. */
  attach(data: Uint8Array, start: number, end: number, wireLength: number): void {
    this.data = data;
    this.start = start;
    this.end = end;
    this.wireLength = wireLength;
    this.etherType = 0;
    this.network = -1;
    this.transport = -1;
    this.ipVersion = 0;
    this.protocol = -1;
    this.networkEnd = end;
    this.networkLength = 0;
    this.fragmentOffset = 0;
    this.moreFragments = false;
    this.fragMaxSize = 0;
    this.fragmentCount = 0;
    this.fragmentHeader = -1;
    this.authenticationHeader = -1;
    this.hasOptions = false;
    this.encapsulationCount = 0;
    this.iif = 0;
    this.oif = 0;
    this.physicalIif = 0;
    this.packetType = PACKET_HOST;
    this.mark = 0;
    this.priority = 0;
    this.nftrace = false;
    this.isSuperPacket = false;
    this.checksumPartial = false;
    this.isChecksumVerified = false;
    this.isGenerated = false;
    this.isBrouted = false;
    this.ct = -1;
    this.ctInfo = CT_INVALID;
    this.ctDirection = 0;
    this.verdict = VERDICT_DROP;
    this.pathClass = PATH_SLOW;
    this.reason = 0;
    this.reasonDetail = -1;
  }

  /** Source port, or 0 when there is none (other protocols, non-first fragments, cut). */
  get sourcePort(): number {
    return this.transport >= 0 && this.transport + 4 <= this.end ? be16(this.data, this.transport) : 0;
  }
  /** Destination port, or 0. */
  get destinationPort(): number {
    return this.transport >= 0 && this.transport + 4 <= this.end ? be16(this.data, this.transport + 2) : 0;
  }
  /** TTL or hop limit. */
  get hopLimit(): number {
    return u8(this.data, this.network + (this.ipVersion === 4 ? 8 : 7));
  }
}
