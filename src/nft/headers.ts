// biome-ignore-all format: a field a row, several in a line, reads best here
// The packet headers that nft names: where each field lies and what it means, which value of a lower field announces a
// protocol (for implicit dependencies), IPv6 extension headers, TCP and IPv4 options, SCTP chunks.
// Sources: nftables src/proto.c, exthdr.c, tcpopt.c, ipopt.c, sctp_chunk.c; RFCs of the protocols.
import type { PayloadBase } from '../bytecode/expression.ts';
import type { DatatypeName } from './datatypes.ts';

/** One field: offset from the header's start and width, both in bits. */
export interface HeaderField {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly datatype: DatatypeName;
  /** ICMP types that have this field; nft matches them by itself beside it. */
  readonly icmpTypes?: readonly number[];
}

export interface Protocol {
  readonly name: string;
  readonly base: PayloadBase;
  /** Protocols that a field of this one announces: field value to protocol name. `key` is that field. */
  readonly key?: string;
  readonly next: ReadonlyMap<number, string>;
  readonly fields: readonly HeaderField[];
  /** Type and octet offset of the header's checksum, for writes (nft's NFT_PAYLOAD_CSUM_*). */
  readonly checksumField?: string;
  /** NFT_PAYLOAD_CSUM_INET 1, NFT_PAYLOAD_CSUM_SCTP 2. */
  readonly checksumType?: 1 | 2;
  /** Fields whose change must reach the checksum of the layer above (pseudo header). */
  readonly pseudoHeader?: readonly string[];
  /** Order in which several fields that one merged load covers are told apart in listings; others follow. */
  readonly order?: readonly string[];
  /** Header length in bits, where a header of the same base follows (ether, vlan). */
  readonly length?: number;
}

type FieldRow = readonly [name: string, offset: number, length: number, datatype?: DatatypeName, icmpTypes?: readonly number[]];

function fields(rows: readonly FieldRow[]): HeaderField[] {
  return rows.map(([name, offset, length, datatype = 'integer', icmpTypes]) =>
    icmpTypes === undefined ? { name, offset, length, datatype } : { name, offset, length, datatype, icmpTypes },
  );
}

const UPPER_OF_IPSEC = new Map([[50, 'esp'], [51, 'ah'], [108, 'comp'], [17, 'udp'], [136, 'udplite'], [6, 'tcp'], [33, 'dccp'], [132, 'sctp']]);
const UPPER = new Map([...UPPER_OF_IPSEC, [1, 'icmp'], [2, 'igmp'], [58, 'icmpv6'], [47, 'gre']]);
const UPPER_OF_LINK = new Map([[0x0800, 'ip'], [0x0806, 'arp'], [0x86dd, 'ip6'], [0x8100, 'vlan'], [0x88a8, 'vlan']]);
const NONE: ReadonlyMap<number, string> = new Map();

const ECHO4 = [8, 0];
const ECHO6 = [128, 129];

export const PROTOCOLS: readonly Protocol[] = [
  {
    name: 'ether', base: 'link', key: 'type', next: UPPER_OF_LINK, length: 112, order: ['saddr', 'daddr', 'type'],
    fields: fields([['daddr', 0, 48, 'ether_addr'], ['saddr', 48, 48, 'ether_addr'], ['type', 96, 16, 'ether_type']]),
  },
  {
    name: 'vlan', base: 'link', key: 'type', next: UPPER_OF_LINK, length: 32,
    fields: fields([['pcp', 0, 3], ['dei', 3, 1], ['cfi', 3, 1], ['id', 4, 12], ['type', 16, 16, 'ether_type']]),
  },
  {
    name: 'arp', base: 'network', next: NONE,
    fields: fields([
      ['htype', 0, 16], ['ptype', 16, 16, 'ether_type'], ['hlen', 32, 8], ['plen', 40, 8], ['operation', 48, 16, 'arp_op'],
      ['saddr ether', 64, 48, 'ether_addr'], ['saddr ip', 112, 32, 'ipv4_addr'],
      ['daddr ether', 144, 48, 'ether_addr'], ['daddr ip', 192, 32, 'ipv4_addr'],
    ]),
  },
  {
    name: 'ip', base: 'network', key: 'protocol', next: UPPER, checksumField: 'checksum', checksumType: 1,
    pseudoHeader: ['saddr', 'daddr', 'protocol', 'length'],
    order: ['saddr', 'daddr', 'dscp', 'ecn', 'ttl', 'id', 'protocol', 'length'],
    fields: fields([
      ['version', 0, 4], ['hdrlength', 4, 4], ['dscp', 8, 6, 'dscp'], ['ecn', 14, 2, 'ecn'], ['length', 16, 16], ['id', 32, 16],
      ['frag-off', 48, 16, 'xinteger'], ['ttl', 64, 8], ['protocol', 72, 8, 'inet_proto'], ['checksum', 80, 16],
      ['saddr', 96, 32, 'ipv4_addr'], ['daddr', 128, 32, 'ipv4_addr'],
    ]),
  },
  {
    name: 'ip6', base: 'network', key: 'nexthdr', next: UPPER, pseudoHeader: ['saddr', 'daddr', 'nexthdr', 'length'],
    order: ['saddr', 'daddr', 'dscp', 'ecn', 'hoplimit', 'flowlabel', 'nexthdr', 'length'],
    fields: fields([
      ['version', 0, 4], ['dscp', 4, 6, 'dscp'], ['ecn', 10, 2, 'ecn'], ['flowlabel', 12, 20], ['length', 32, 16],
      ['nexthdr', 48, 8, 'inet_proto'], ['hoplimit', 56, 8], ['saddr', 64, 128, 'ipv6_addr'], ['daddr', 192, 128, 'ipv6_addr'],
    ]),
  },
  {
    name: 'icmp', base: 'transport', key: 'type', next: NONE, checksumField: 'checksum', checksumType: 1,
    fields: fields([
      ['type', 0, 8, 'icmp_type'], ['code', 8, 8, 'icmp_code'], ['checksum', 16, 16],
      ['id', 32, 16, 'integer', ECHO4], ['sequence', 48, 16, 'integer', ECHO4],
      ['gateway', 32, 32, 'integer', [5]], ['mtu', 48, 16, 'integer', [3]],
    ]),
  },
  {
    name: 'icmpv6', base: 'transport', key: 'type', next: NONE, checksumField: 'checksum', checksumType: 1,
    fields: fields([
      ['type', 0, 8, 'icmpv6_type'], ['code', 8, 8, 'icmpv6_code'], ['checksum', 16, 16],
      ['parameter-problem', 32, 32, 'integer', [4]], ['mtu', 32, 32, 'integer', [2]],
      ['id', 32, 16, 'integer', ECHO6], ['sequence', 48, 16, 'integer', ECHO6], ['max-delay', 32, 16, 'integer', [130]],
      ['taddr', 64, 128, 'ipv6_addr', [130, 131, 132, 135, 136, 137]], ['daddr', 192, 128, 'ipv6_addr', [137]],
    ]),
  },
  {
    name: 'igmp', base: 'transport', next: NONE, checksumField: 'checksum', checksumType: 1,
    fields: fields([['type', 0, 8, 'igmp_type'], ['mrt', 8, 8], ['checksum', 16, 16], ['group', 32, 32, 'ipv4_addr']]),
  },
  {
    name: 'tcp', base: 'transport', next: NONE, checksumField: 'checksum', checksumType: 1,
    fields: fields([
      ['sport', 0, 16, 'inet_service'], ['dport', 16, 16, 'inet_service'], ['sequence', 32, 32], ['ackseq', 64, 32],
      ['doff', 96, 4], ['reserved', 100, 4], ['flags', 104, 8, 'tcp_flag'], ['window', 112, 16], ['checksum', 128, 16], ['urgptr', 144, 16],
    ]),
  },
  {
    name: 'udp', base: 'transport', next: NONE, checksumField: 'checksum', checksumType: 1,
    fields: fields([['sport', 0, 16, 'inet_service'], ['dport', 16, 16, 'inet_service'], ['length', 32, 16], ['checksum', 48, 16]]),
  },
  {
    name: 'udplite', base: 'transport', next: NONE,
    fields: fields([['sport', 0, 16, 'inet_service'], ['dport', 16, 16, 'inet_service'], ['csumcov', 32, 16], ['checksum', 48, 16]]),
  },
  {
    name: 'dccp', base: 'transport', next: NONE,
    fields: fields([['sport', 0, 16, 'inet_service'], ['dport', 16, 16, 'inet_service'], ['type', 67, 4, 'dccp_pkttype']]),
  },
  {
    name: 'sctp', base: 'transport', next: NONE, checksumField: 'checksum', checksumType: 2,
    fields: fields([['sport', 0, 16, 'inet_service'], ['dport', 16, 16, 'inet_service'], ['vtag', 32, 32], ['checksum', 64, 32]]),
  },
  {
    name: 'ah', base: 'transport', key: 'nexthdr', next: UPPER_OF_IPSEC, order: ['spi', 'hdrlength', 'nexthdr'],
    fields: fields([['nexthdr', 0, 8, 'inet_proto'], ['hdrlength', 8, 8], ['reserved', 16, 16], ['spi', 32, 32], ['sequence', 64, 32]]),
  },
  { name: 'esp', base: 'transport', next: NONE, fields: fields([['spi', 0, 32], ['sequence', 32, 32]]) },
  {
    name: 'comp', base: 'transport', key: 'nexthdr', next: UPPER_OF_IPSEC,
    fields: fields([['nexthdr', 0, 8, 'inet_proto'], ['flags', 8, 8, 'bitmask'], ['cpi', 16, 16]]),
  },
  {
    name: 'gre', base: 'transport', key: 'protocol', next: NONE,
    fields: fields([['flags', 0, 5], ['version', 13, 3], ['protocol', 16, 16, 'ether_type']]),
  },
  { name: 'th', base: 'transport', next: NONE, fields: fields([['sport', 0, 16, 'inet_service'], ['dport', 16, 16, 'inet_service']]) },
];

/** Transport protocols by number, as `meta l4proto`, `ip protocol` and `ip6 nexthdr` announce them. */
export const TRANSPORT_PROTOCOLS: ReadonlyMap<number, string> = UPPER;
/** Network protocols by EtherType, as `ether type`, `vlan type` and `meta protocol` announce them. */
export const LINK_PROTOCOLS: ReadonlyMap<number, string> = UPPER_OF_LINK;
/** Network protocols by NFPROTO number, as `meta nfproto` and `ct l3proto` announce them. */
export const NFPROTO_PROTOCOLS: ReadonlyMap<number, string> = new Map([[2, 'ip'], [10, 'ip6']]);

/** An IPv6 extension header, TCP or IPv4 option or SCTP chunk: name, number, fields. */
export interface OptionHeader {
  readonly name: string;
  readonly type: number;
  readonly fields: readonly HeaderField[];
}

/** IPv6 extension headers: `type` is their next-header number. rt0, rt2 and srh are kinds of rt. */
export const IPV6_HEADERS: readonly OptionHeader[] = [
  { name: 'hbh', type: 0, fields: fields([['nexthdr', 0, 8, 'inet_proto'], ['hdrlength', 8, 8]]) },
  { name: 'rt', type: 43, fields: fields([['nexthdr', 0, 8, 'inet_proto'], ['hdrlength', 8, 8], ['type', 16, 8], ['seg-left', 24, 8]]) },
  {
    name: 'srh', type: 43,
    fields: fields([['last-entry', 32, 8], ['flags', 40, 8], ['tag', 48, 16], ['sid[1]', 64, 128, 'ipv6_addr'], ['sid[2]', 192, 128, 'ipv6_addr']]),
  },
  { name: 'rt0', type: 43, fields: fields([['reserved', 32, 32], ['addr[1]', 64, 128, 'ipv6_addr'], ['addr[2]', 192, 128, 'ipv6_addr']]) },
  { name: 'rt2', type: 43, fields: fields([['reserved', 32, 32], ['addr', 64, 128, 'ipv6_addr']]) },
  {
    name: 'frag', type: 44,
    fields: fields([
      ['nexthdr', 0, 8, 'inet_proto'], ['reserved', 8, 8], ['frag-off', 16, 13], ['reserved2', 29, 2], ['more-fragments', 31, 1], ['id', 32, 32],
    ]),
  },
  { name: 'dst', type: 60, fields: fields([['nexthdr', 0, 8, 'inet_proto'], ['hdrlength', 8, 8]]) },
  {
    name: 'mh', type: 135,
    fields: fields([['nexthdr', 0, 8, 'inet_proto'], ['hdrlength', 8, 8], ['type', 16, 8, 'mh_type'], ['reserved', 24, 8], ['checksum', 32, 16]]),
  },
];

const KIND: FieldRow = ['kind', 0, 8];
const LENGTH: FieldRow = ['length', 8, 8];
/** TCP options by kind. `sack` is also written sack0; sack1 to sack3 are its further blocks. */
export const TCP_OPTIONS: readonly OptionHeader[] = [
  { name: 'eol', type: 0, fields: fields([KIND]) },
  { name: 'nop', type: 1, fields: fields([KIND]) },
  { name: 'maxseg', type: 2, fields: fields([KIND, LENGTH, ['size', 16, 16]]) },
  { name: 'window', type: 3, fields: fields([KIND, LENGTH, ['count', 16, 8]]) },
  { name: 'sack-perm', type: 4, fields: fields([KIND, LENGTH]) },
  { name: 'sack', type: 5, fields: fields([KIND, LENGTH, ['left', 16, 32], ['right', 48, 32]]) },
  { name: 'sack1', type: 5, fields: fields([['left', 80, 32], ['right', 112, 32]]) },
  { name: 'sack2', type: 5, fields: fields([['left', 144, 32], ['right', 176, 32]]) },
  { name: 'sack3', type: 5, fields: fields([['left', 208, 32], ['right', 240, 32]]) },
  { name: 'timestamp', type: 8, fields: fields([KIND, LENGTH, ['tsval', 16, 32], ['tsecr', 48, 32]]) },
  { name: 'md5sig', type: 19, fields: fields([KIND, LENGTH]) },
  { name: 'mptcp', type: 30, fields: fields([KIND, LENGTH, ['subtype', 16, 4, 'mptcp_subtype']]) },
  { name: 'fastopen', type: 34, fields: fields([KIND, LENGTH]) },
];

const ROUTE_OPTION = fields([['type', 0, 8], ['length', 8, 8], ['ptr', 16, 8], ['addr', 24, 32, 'ipv4_addr']]);
/** IPv4 options by option type. */
export const IPV4_OPTIONS: readonly OptionHeader[] = [
  { name: 'rr', type: 7, fields: ROUTE_OPTION },
  { name: 'lsrr', type: 131, fields: ROUTE_OPTION },
  { name: 'ssrr', type: 137, fields: ROUTE_OPTION },
  { name: 'ra', type: 148, fields: fields([['type', 0, 8], ['length', 8, 8], ['value', 16, 16]]) },
];

function chunk(name: string, type: number, rows: readonly FieldRow[] = []): OptionHeader {
  return { name, type, fields: fields([['type', 0, 8], ['flags', 8, 8], ['length', 16, 16], ...rows]) };
}
const INIT: FieldRow[] = [
  ['init-tag', 32, 32], ['a-rwnd', 64, 32], ['num-outbound-streams', 96, 16], ['num-inbound-streams', 112, 16], ['initial-tsn', 128, 32],
];
/** SCTP chunks by chunk type (RFC 9260, 5061, 3758). */
export const SCTP_CHUNKS: readonly OptionHeader[] = [
  chunk('data', 0, [['tsn', 32, 32], ['stream', 64, 16], ['ssn', 80, 16], ['ppid', 96, 32]]),
  chunk('init', 1, INIT),
  chunk('init-ack', 2, INIT),
  chunk('sack', 3, [['cum-tsn-ack', 32, 32], ['a-rwnd', 64, 32], ['num-gap-ack-blocks', 96, 16], ['num-dup-tsns', 112, 16]]),
  chunk('heartbeat', 4),
  chunk('heartbeat-ack', 5),
  chunk('abort', 6),
  chunk('shutdown', 7, [['cum-tsn-ack', 32, 32]]),
  chunk('shutdown-ack', 8),
  chunk('error', 9),
  chunk('cookie-echo', 10),
  chunk('cookie-ack', 11),
  chunk('ecne', 12, [['lowest-tsn', 32, 32]]),
  chunk('cwr', 13, [['lowest-tsn', 32, 32]]),
  chunk('shutdown-complete', 14),
  chunk('asconf-ack', 0x80, [['seqno', 32, 32]]),
  chunk('forward-tsn', 0xc0, [['new-cum-tsn', 32, 32]]),
  chunk('asconf', 0xc1, [['seqno', 32, 32]]),
];

/** The options or headers that an exthdr expression's `op` draws from. DCCP options have numbers only. */
export function optionHeaders(op: 'ipv6' | 'tcpopt' | 'ipv4' | 'sctp' | 'dccp'): readonly OptionHeader[] {
  switch (op) {
    case 'ipv6':
      return IPV6_HEADERS;
    case 'tcpopt':
      return TCP_OPTIONS;
    case 'ipv4':
      return IPV4_OPTIONS;
    case 'sctp':
      return SCTP_CHUNKS;
    case 'dccp':
      return [];
  }
}

const BY_NAME: ReadonlyMap<string, Protocol> = new Map(PROTOCOLS.map((protocol) => [protocol.name, protocol]));

/** The protocol that nft calls `name`. */
export function findProtocol(name: string): Protocol | undefined {
  return BY_NAME.get(name);
}

/** A field of a protocol or option by nft's name (`arp` addresses: `saddr ip`, `daddr ether`). */
export function findField(header: { readonly fields: readonly HeaderField[] }, name: string): HeaderField | undefined {
  return header.fields.find((field) => field.name === name);
}

/** The value of `lower`'s key field (or of meta l4proto / protocol) that announces `upper`; the first one that does. */
export function announcingValue(next: ReadonlyMap<number, string>, upper: string): number | undefined {
  for (const [value, name] of next) if (name === upper) return value;
  return undefined;
}
