// A packet as a line to read: 'lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 S'. What the text says (parse-packet.ts),
// what is made of it (build-packet.ts) and how a frame is written so (print-packet.ts) share this form.
// docs/SUITES.md has the grammar.

/** One line. */
export interface PacketLine {
  text: string;
  /** When: after the packet before, or since the start of the case. */
  time?: { ns: number; isRelative: boolean };
  /** Router interface that it enters at. */
  interface: string;
  body: PacketBody;
  fields: PacketFields;
  /** x10: so many in a row. */
  repeat: number;
}

export type PacketBody =
  | DatagramBody
  | { kind: 'arp'; operation: 1 | 2; sender: ArpParty; target: ArpParty }
  /** The answer to the frame that packet `to` (or the last one that did) sent out of this interface. */
  | { kind: 'reply'; to?: number }
  | { kind: 'raw'; octets: Uint8Array };

export interface DatagramBody {
  kind: 'datagram';
  protocol: number;
  source: Endpoint;
  destination: Endpoint;
  /** 'ip … proto N': the payload is all that follows the IP header. */
  isBare?: boolean;
}

export interface ArpParty {
  ip: string;
  mac?: string;
}

export interface Endpoint {
  address: string;
  port?: number;
}

/** Sequence numbers: as written, or the automatic one plus so many. */
export interface Amount {
  value: number;
  isRelative: boolean;
}

/** ICMP errors quote a packet: one of the case (as it left by this interface), or one written in parentheses. */
export type Quote = { packet: number } | { body: DatagramBody; fields: PacketFields };

export interface PacketFields {
  // Link
  from?: string;
  to?: string;
  /** Outermost first. */
  vlans?: { id: number; protocol: number; priority: number }[];
  pppoe?: number;
  /** Octets behind the datagram (Ethernet padding). */
  padding?: number;
  /** The capture kept so many octets of the frame. */
  cut?: number;
  /** Octets that a raw frame had on the wire, when it is cut. */
  wire?: number;
  // IP
  ttl?: number;
  dscp?: number;
  ecn?: number;
  ipId?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  fragmentOffset?: number;
  /** 'auto' fragments of at most so many octets. */
  mtu?: number;
  ipOptions?: Uint8Array;
  flowLabel?: number;
  /** 'bad', or the field's value. */
  ipChecksum?: 'bad' | number;
  checksum?: 'bad' | number;
  // TCP
  flags?: string;
  seq?: Amount;
  ack?: Amount;
  window?: number;
  urgent?: number;
  options?: Uint8Array;
  // ICMP
  type?: number;
  code?: number;
  id?: number;
  /** Second word of an ICMP header, first of a GRE header. */
  rest?: number;
  quote?: Quote;
  // SCTP
  vtag?: number;
  chunk?: number;
  // ESP
  spi?: number;
  /** What follows the layer-4 header. */
  payload?: Uint8Array;
}

export const TCP_FLAG_LETTERS = 'FSRPAUEC';

/** Protocols that a line begins with; the rest is 'ip … proto N'. */
export const LINE_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['tcp', 6],
  ['udp', 17],
  ['udplite', 136],
  ['sctp', 132],
  ['dccp', 33],
  ['icmp', 1],
  ['icmpv6', 58],
  ['gre', 47],
  ['esp', 50],
]);

/** Protocols whose endpoints have ports. */
export const PORT_PROTOCOLS: ReadonlySet<number> = new Set([6, 17, 136, 132, 33]);

/** SCTP chunk types (RFC 9260). */
export const SCTP_CHUNK_TYPES: ReadonlyMap<string, number> = new Map([
  ['data', 0],
  ['init', 1],
  ['init-ack', 2],
  ['sack', 3],
  ['heartbeat', 4],
  ['heartbeat-ack', 5],
  ['abort', 6],
  ['shutdown', 7],
  ['shutdown-ack', 8],
  ['error', 9],
  ['cookie-echo', 10],
  ['cookie-ack', 11],
  ['shutdown-complete', 14],
]);

/** The name of a line protocol by number. */
export function lineProtocolName(protocol: number): string | undefined {
  for (const [name, number] of LINE_PROTOCOLS) if (number === protocol) return name;
  return undefined;
}
