// A frame in a few words, its header fields by nft's names, and what differs between a frame that came and one that left.
import { be16, be32, u8 } from '../base/columns.ts';
import { formatAddress, formatIpv4, formatMac } from '../packet/address.ts';
import { decodeNetwork, ETHERTYPE_PPPOE, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from '../packet/decode.ts';
import { Packet } from '../packet/packet.ts';
import { PROTOCOL_NAMES } from './trace-connection.ts';
import type { FieldChange } from './trace-steps.ts';

const ETHERTYPE_ARP = 0x0806;
const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMPV6 = 58;
const WITH_PORTS: ReadonlySet<number> = new Set([TCP, UDP, 33, 132, 136]);
const TCP_FLAGS = 'FSRPAUEC';

/** Header fields in the order of the headers: `ip ttl` → `64`. */
export type FrameFields = Map<string, string>;

interface Frame {
  packet: Packet;
  vlans: string[];
  pppoe: number;
}

/** 'tcp 192.168.1.10:40000 > 198.51.100.7:443 S', 'arp', 'ethertype 0x88cc', … */
export function frameSummary(data: Uint8Array, start: number, end: number): string {
  const { packet, vlans, pppoe } = read(data, start, end);
  const outer = vlans.map((id) => `vlan ${id} `).join('') + (pppoe >= 0 ? `pppoe 0x${pppoe.toString(16)} ` : '');
  return outer + networkSummary(packet);
}

function networkSummary(packet: Packet): string {
  const { data, etherType, protocol } = packet;
  if (packet.ipVersion === 0) {
    return etherType === ETHERTYPE_ARP ? 'arp' : `ethertype 0x${etherType.toString(16).padStart(4, '0')}`;
  }
  const [source, destination] = addresses(packet);
  const name = PROTOCOL_NAMES[protocol] ?? `protocol ${protocol}`;
  const at = packet.transport;
  const fragment = packet.fragmentOffset > 0 || packet.moreFragments ? ` fragment at ${packet.fragmentOffset}` : '';
  if (at < 0 || at + 4 > packet.end) return `${name} ${source} > ${destination}${fragment}`;
  if (WITH_PORTS.has(protocol)) {
    const flags = protocol === TCP && at + 14 <= packet.end ? ` ${flagLetters(u8(data, at + 13))}` : '';
    const ends = `${withPort(source, be16(data, at))} > ${withPort(destination, be16(data, at + 2))}`;
    return `${name} ${ends}${flags}${fragment}`;
  }
  const type = protocol === ICMP || protocol === ICMPV6 ? ` type ${u8(data, at)} code ${u8(data, at + 1)}` : '';
  return `${name} ${source} > ${destination}${type}${fragment}`;
}

/** '192.168.1.1:80', '[2001:db8::1]:80'. */
export function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function flagLetters(flags: number): string {
  const letters = [...TCP_FLAGS].filter((_, bit) => (flags & (1 << bit)) !== 0).join('');
  return letters === '' ? '-' : letters;
}

/** The fields that routers change. */
export function frameFields(data: Uint8Array, start: number, end: number): FrameFields {
  const fields: FrameFields = new Map();
  if (end - start < 14) return fields;
  const { packet, vlans, pppoe } = read(data, start, end);
  fields.set('ether saddr', formatMac(data, start + 6));
  fields.set('ether daddr', formatMac(data, start));
  fields.set('vlan id', vlans.length > 0 ? vlans.join(' in ') : 'none');
  fields.set('pppoe session', pppoe >= 0 ? `0x${pppoe.toString(16)}` : 'none');
  if (packet.ipVersion === 0) return fields;
  networkFields(packet, fields);
  if (packet.transport >= 0) transportFields(packet, fields);
  return fields;
}

function networkFields(packet: Packet, fields: FrameFields): void {
  const { data, network } = packet;
  const family = packet.ipVersion === 4 ? 'ip' : 'ip6';
  const [source, destination] = addresses(packet);
  const tos = packet.ipVersion === 4 ? u8(data, network + 1) : (be16(data, network) >>> 4) & 0xff;
  fields.set(`${family} saddr`, source);
  fields.set(`${family} daddr`, destination);
  fields.set(`${family} dscp`, `0x${(tos >>> 2).toString(16).padStart(2, '0')}`);
  fields.set(`${family} ecn`, String(tos & 3));
  fields.set(packet.ipVersion === 4 ? 'ip ttl' : 'ip6 hoplimit', String(packet.hopLimit));
  fields.set(`${family} length`, String(packet.networkLength));
  const isWhole = packet.fragmentOffset === 0 && !packet.moreFragments;
  fields.set('fragment', isWhole ? 'none' : `at ${packet.fragmentOffset}${packet.moreFragments ? ', more' : ', last'}`);
}

function transportFields(packet: Packet, fields: FrameFields): void {
  const { data, transport: at, end, protocol } = packet;
  const name = PROTOCOL_NAMES[protocol] ?? 'th';
  if (WITH_PORTS.has(protocol) && at + 4 <= end) {
    fields.set(`${name} sport`, String(be16(data, at)));
    fields.set(`${name} dport`, String(be16(data, at + 2)));
  }
  if (protocol === TCP && at + 14 <= end) {
    fields.set('tcp flags', flagLetters(u8(data, at + 13)));
    const size = maxseg(packet);
    if (size >= 0) fields.set('tcp option maxseg size', String(size));
  }
  const isIcmp = protocol === ICMP || protocol === ICMPV6;
  if (isIcmp && at + 8 <= end) fields.set(`${name} id`, String(be16(data, at + 4)));
}

/** The MSS option's value, or -1. */
function maxseg(packet: Packet): number {
  const { data, transport } = packet;
  const to = Math.min(packet.end, transport + (u8(data, transport + 12) >>> 4) * 4);
  for (let at = transport + 20; at < to; ) {
    const kind = u8(data, at);
    if (kind === 0) return -1;
    if (kind === 1) at++;
    else {
      const length = at + 1 < to ? u8(data, at + 1) : 0;
      if (length < 2) return -1;
      if (kind === 2 && length === 4 && at + 4 <= to) return be16(data, at + 2);
      at += length;
    }
  }
  return -1;
}

/** What differs, addresses of the link last. Of a fragment of a whole datagram only what it has of its header. */
export function fieldChanges(before: FrameFields, after: FrameFields): FieldChange[] {
  const changes: FieldChange[] = [];
  const isPiece = before.get('fragment') === 'none' && after.has('fragment') && after.get('fragment') !== 'none';
  for (const field of new Set([...before.keys(), ...after.keys()])) {
    const from = before.get(field) ?? 'none';
    const to = after.get(field) ?? 'none';
    if (from === to) continue;
    if (isPiece && (field === 'fragment' || field.endsWith(' length') || !after.has(field))) continue;
    changes.push({ field, from, to });
  }
  const isLink = (change: FieldChange): boolean => change.field.startsWith('ether ');
  return [...changes.filter((change) => !isLink(change)), ...changes.filter(isLink)];
}

/** Fields of a datagram that begins with its IP header. */
export function datagramFields(octets: Uint8Array): FrameFields {
  const packet = new Packet();
  packet.attach(octets, 0, octets.length, octets.length);
  packet.network = 0;
  packet.etherType = u8(octets, 0) >>> 4 === 6 ? 0x86dd : 0x0800;
  decodeNetwork(packet);
  return packetFields(packet);
}

/** Fields of the packet in hand from its network header on, for what a step changed. */
export function packetFields(packet: Packet): FrameFields {
  const fields: FrameFields = new Map();
  if (packet.ipVersion === 0) return fields;
  networkFields(packet, fields);
  if (packet.transport >= 0) transportFields(packet, fields);
  return fields;
}

function addresses(packet: Packet): [source: string, destination: string] {
  const { data, network } = packet;
  if (packet.ipVersion === 4) return [formatIpv4(be32(data, network + 12)), formatIpv4(be32(data, network + 16))];
  return [formatAddress(data, network + 8, 16), formatAddress(data, network + 24, 16)];
}

/** The frame's headers; VLAN tags and a PPPoE header are looked through. */
function read(data: Uint8Array, start: number, end: number): Frame {
  const packet = new Packet();
  packet.attach(data, start, end, end - start);
  const vlans: string[] = [];
  let pppoe = -1;
  if (end - start < 14) return { packet, vlans, pppoe };
  let type = be16(data, start + 12);
  let at = start + 14;
  while ((type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ) && at + 4 <= end && vlans.length < 4) {
    vlans.push(String(be16(data, at) & 0xfff));
    type = be16(data, at + 2);
    at += 4;
  }
  if (type === ETHERTYPE_PPPOE && at + 8 <= end) {
    pppoe = be16(data, at + 2);
    const protocol = be16(data, at + 6);
    type = protocol === 0x0021 ? 0x0800 : protocol === 0x0057 ? 0x86dd : 0;
    at += 8;
  }
  packet.etherType = type;
  packet.network = at;
  decodeNetwork(packet);
  return { packet, vlans, pppoe };
}
