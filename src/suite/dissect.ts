// A frame taken apart into what a packet line can say: tags, addresses, ports, every field explicit. What a line cannot
// say is left to `raw`: print-packet.ts builds each line again and compares.
import { be16, be32 } from '../base/columns.ts';
import { formatAddress, formatMac } from '../packet/address.ts';
import { checksumOffset } from '../packet/checksum.ts';
import type { DatagramBody, PacketBody, PacketFields } from './packet-line.ts';
import { PORT_PROTOCOLS, TCP_FLAG_LETTERS } from './packet-line.ts';

export interface Dissected {
  body: PacketBody;
  fields: PacketFields;
}

export interface DissectedDatagram {
  body: DatagramBody;
  fields: PacketFields;
}

const VLAN = 0x8100;
const QINQ = 0x88a8;
const PPPOE = 0x8864;
const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ESP = 50;
const GRE = 47;
const ICMPV6 = 58;
const SCTP = 132;

/** Where the network header of an Ethernet frame starts, behind tags and PPPoE, and its EtherType; -1 when it is cut. */
export function networkOf(frame: Uint8Array): { offset: number; etherType: number } {
  let at = 12;
  while (at + 6 <= frame.length && (be16(frame, at) === VLAN || be16(frame, at) === QINQ)) at += 4;
  if (at + 2 > frame.length) return { offset: -1, etherType: 0 };
  const etherType = be16(frame, at);
  if (etherType !== PPPOE) return { offset: at + 2, etherType };
  if (at + 10 > frame.length) return { offset: -1, etherType };
  const protocol = be16(frame, at + 8);
  return { offset: at + 10, etherType: protocol === 0x0021 ? IPV4 : protocol === 0x0057 ? IPV6 : 0 };
}

/** The parts of a frame; undefined when it is nothing that lines name. `wireOctets` is more than its length when cut. */
export function dissect(frame: Uint8Array, wireOctets = frame.length): Dissected | undefined {
  const { offset, etherType } = networkOf(frame);
  if (offset < 0) return undefined;
  const link = linkFields(frame);
  if (wireOctets > frame.length) link.cut = frame.length;
  if (etherType === ARP) return dissectArp(frame, offset, link);
  if (etherType !== IPV4 && etherType !== IPV6) return undefined;
  const length = datagramLength(frame, offset, etherType);
  if (length < 0) return undefined;
  // What the capture cut off is taken as zeros.
  const whole = new Uint8Array(Math.max(length, 0));
  whole.set(frame.subarray(offset, offset + length));
  const padding = wireOctets - offset - length;
  // More than a line can say: the frame's length lies.
  if (padding < 0 || padding > 65_535) return undefined;
  if (padding > 0) link.padding = padding;
  const inner = dissectDatagram(whole);
  return inner === undefined ? undefined : { body: inner.body, fields: { ...link, ...inner.fields } };
}

function linkFields(frame: Uint8Array): PacketFields {
  const fields: PacketFields = { to: formatMac(frame, 0), from: formatMac(frame, 6) };
  const vlans: NonNullable<PacketFields['vlans']> = [];
  let at = 12;
  for (; at + 6 <= frame.length && (be16(frame, at) === VLAN || be16(frame, at) === QINQ); at += 4) {
    const tci = be16(frame, at + 2);
    vlans.push({ id: tci & 0xfff, protocol: be16(frame, at), priority: tci >>> 13 });
  }
  if (vlans.length > 0) fields.vlans = vlans;
  if (be16(frame, at) === PPPOE) fields.pppoe = be16(frame, at + 4);
  return fields;
}

/** Octets of the datagram by its own length field; -1: nonsense. */
function datagramLength(frame: Uint8Array, offset: number, etherType: number): number {
  if (etherType === IPV4) {
    const length = offset + 20 <= frame.length ? be16(frame, offset + 2) : -1;
    return length >= 20 ? length : -1;
  }
  return offset + 40 <= frame.length ? be16(frame, offset + 4) + 40 : -1;
}

function dissectArp(frame: Uint8Array, at: number, link: PacketFields): Dissected | undefined {
  if (frame.length < at + 28 || be32(frame, at) !== 0x0001_0800 || be16(frame, at + 4) !== 0x0604) return undefined;
  const operation = be16(frame, at + 6);
  if (operation !== 1 && operation !== 2) return undefined;
  const sender = { mac: formatMac(frame, at + 8), ip: formatAddress(frame, at + 14, 4) };
  const target = { mac: formatMac(frame, at + 18), ip: formatAddress(frame, at + 24, 4) };
  const padding = frame.length - at - 28;
  return { body: { kind: 'arp', operation, sender, target }, fields: padding > 0 ? { ...link, padding } : link };
}

/** The parts of a whole datagram from its IP header on. */
export function dissectDatagram(data: Uint8Array): DissectedDatagram | undefined {
  const version = (data[0] ?? 0) >>> 4;
  if (version === 4 && data.length >= 20) return dissectIpv4(data);
  return version === 6 && data.length >= 40 ? dissectIpv6(data) : undefined;
}

function dissectIpv4(data: Uint8Array): DissectedDatagram | undefined {
  const header = ((data[0] as number) & 15) * 4;
  if (header < 20 || header > data.length) return undefined;
  const flags = be16(data, 6);
  const offset = (flags & 0x1fff) * 8;
  const fields: PacketFields = {
    ...tosFields(data[1] as number),
    ttl: data[8] as number,
    ipId: be16(data, 4),
    dontFragment: (flags & 0x4000) !== 0,
    ipChecksum: be16(data, 10),
  };
  if (header > 20) fields.ipOptions = data.slice(20, header);
  const isFragment = (flags & 0x3fff) !== 0;
  if (isFragment) {
    fields.moreFragments = (flags & 0x2000) !== 0;
    fields.fragmentOffset = offset;
  }
  const source = formatAddress(data, 12, 4);
  const destination = formatAddress(data, 16, 4);
  return transport(data, header, data[9] as number, source, destination, fields, isFragment);
}

function dissectIpv6(data: Uint8Array): DissectedDatagram | undefined {
  const first = be32(data, 0);
  const fields: PacketFields = {
    ...tosFields((first >>> 20) & 0xff),
    ttl: data[7] as number,
    flowLabel: first & 0xfffff,
  };
  const source = formatAddress(data, 8, 16);
  const destination = formatAddress(data, 24, 16);
  return transport(data, 40, data[6] as number, source, destination, fields, false);
}

function tosFields(tos: number): PacketFields {
  return { dscp: tos >>> 2, ecn: tos & 3 };
}

const LAYER4_HEADERS: Readonly<Record<number, number>> = {
  [TCP]: 20,
  [UDP]: 8,
  136: 8,
  [ICMP]: 8,
  [ICMPV6]: 8,
  [SCTP]: 12,
  33: 4,
  [GRE]: 4,
  [ESP]: 8,
};

function transport(
  data: Uint8Array,
  at: number,
  protocol: number,
  source: string,
  destination: string,
  fields: PacketFields,
  isFragment: boolean,
): DissectedDatagram {
  const header = LAYER4_HEADERS[protocol];
  // Not named: 'ip … proto N'.
  if (isFragment || header === undefined || data.length < at + header) {
    fields.payload = data.slice(at);
    const body: DatagramBody = {
      kind: 'datagram',
      protocol,
      source: { address: source },
      destination: { address: destination },
      isBare: true,
    };
    return { body, fields };
  }
  const ports = PORT_PROTOCOLS.has(protocol);
  const body: DatagramBody = {
    kind: 'datagram',
    protocol,
    source: ports ? { address: source, port: be16(data, at) } : { address: source },
    destination: ports ? { address: destination, port: be16(data, at + 2) } : { address: destination },
  };
  const checksum = checksumOffset(protocol);
  if (protocol === SCTP) fields.checksum = be32(data, at + 8);
  else if (checksum >= 0 && protocol !== 33) fields.checksum = be16(data, at + checksum);
  fields.payload = data.slice(at + header);
  if (protocol === TCP) tcpFields(data, at, fields);
  else if (protocol === ICMP || protocol === ICMPV6) icmpFields(data, at, protocol, fields);
  else if (protocol === SCTP) fields.vtag = be32(data, at + 4);
  else if (protocol === GRE) fields.rest = be32(data, at);
  else if (protocol === ESP) {
    fields.spi = be32(data, at);
    fields.seq = { value: be32(data, at + 4), isRelative: false };
  }
  return { body, fields };
}

function tcpFields(data: Uint8Array, at: number, fields: PacketFields): void {
  const header = ((data[at + 12] as number) >>> 4) * 4;
  const bits = data[at + 13] as number;
  fields.flags = [...TCP_FLAG_LETTERS].filter((_, bit) => (bits & (1 << bit)) !== 0).join('');
  fields.seq = { value: be32(data, at + 4), isRelative: false };
  fields.ack = { value: be32(data, at + 8), isRelative: false };
  fields.window = be16(data, at + 14);
  fields.urgent = be16(data, at + 18);
  if (header < 20 || at + header > data.length) return;
  fields.options = data.slice(at + 20, at + header);
  fields.payload = data.slice(at + header);
}

function icmpFields(data: Uint8Array, at: number, protocol: 1 | 58, fields: PacketFields): void {
  const type = data[at] as number;
  fields.type = type;
  fields.code = data[at + 1] as number;
  const isEcho = protocol === ICMP ? type === 8 || type === 0 : type === 128 || type === 129;
  if (!isEcho) {
    fields.rest = be32(data, at + 4);
    return;
  }
  fields.id = be16(data, at + 4);
  fields.seq = { value: be16(data, at + 6), isRelative: false };
}
