// Which header fields two datagrams differ in, in nft's words: 'ip ttl 62, captured 63; tcp dport 443, captured 8443'.
import { formatAddress } from '../packet/address.ts';

interface Field {
  name: string;
  at: number;
  octets: number;
  /** Bits of the field within its octets, from the right. */
  shift?: number;
  mask?: number;
}

const IPV4: Field[] = [
  { name: 'ip dscp', at: 1, octets: 1, shift: 2, mask: 0x3f },
  { name: 'ip ecn', at: 1, octets: 1, mask: 3 },
  { name: 'ip length', at: 2, octets: 2 },
  { name: 'ip id', at: 4, octets: 2 },
  { name: 'ip frag-off', at: 6, octets: 2 },
  { name: 'ip ttl', at: 8, octets: 1 },
  { name: 'ip protocol', at: 9, octets: 1 },
  { name: 'ip saddr', at: 12, octets: 4 },
  { name: 'ip daddr', at: 16, octets: 4 },
];
const IPV6: Field[] = [
  { name: 'ip6 dscp', at: 0, octets: 2, shift: 6, mask: 0x3f },
  { name: 'ip6 length', at: 4, octets: 2 },
  { name: 'ip6 nexthdr', at: 6, octets: 1 },
  { name: 'ip6 hoplimit', at: 7, octets: 1 },
  { name: 'ip6 saddr', at: 8, octets: 16 },
  { name: 'ip6 daddr', at: 24, octets: 16 },
];
const TCP: Field[] = [
  { name: 'tcp sport', at: 0, octets: 2 },
  { name: 'tcp dport', at: 2, octets: 2 },
  { name: 'tcp sequence', at: 4, octets: 4 },
  { name: 'tcp ackseq', at: 8, octets: 4 },
  { name: 'tcp flags', at: 13, octets: 1 },
  { name: 'tcp window', at: 14, octets: 2 },
  { name: 'tcp checksum', at: 16, octets: 2 },
];
const UDP: Field[] = [
  { name: 'udp sport', at: 0, octets: 2 },
  { name: 'udp dport', at: 2, octets: 2 },
  { name: 'udp checksum', at: 6, octets: 2 },
];
const ICMP: Field[] = [
  { name: 'icmp type', at: 0, octets: 1 },
  { name: 'icmp code', at: 1, octets: 1 },
  { name: 'icmp checksum', at: 2, octets: 2 },
  { name: 'icmp id', at: 4, octets: 2 },
];
const TRANSPORT: Record<number, { fields: Field[]; header: number }> = {
  6: { fields: TCP, header: 20 },
  17: { fields: UDP, header: 8 },
  1: { fields: ICMP, header: 8 },
  58: { fields: ICMP, header: 8 },
};

/** What differs between two datagrams that begin with their IP header; '' when nothing does. */
export function frameDifference(got: Uint8Array, captured: Uint8Array): string {
  const version = (captured[0] ?? 0) >>> 4;
  if ((got[0] ?? 0) >>> 4 !== version || (version !== 4 && version !== 6)) return 'another protocol';
  const network = version === 4 ? IPV4 : IPV6;
  const told = network.flatMap((field) => compare(field, 0, got, captured));
  const header = version === 4 ? ((captured[0] ?? 0) & 15) * 4 : 40;
  const transport = TRANSPORT[(version === 4 ? captured[9] : captured[6]) ?? 0];
  if (transport !== undefined) told.push(...transport.fields.flatMap((field) => compare(field, header, got, captured)));
  const payload = header + (transport?.header ?? 0);
  const isSame = captured.subarray(payload).every((octet, i) => octet === got[payload + i]);
  if (got.length !== captured.length) told.push(`${got.length} octets, captured ${captured.length}`);
  else if (!isSame) told.push(transport === undefined ? 'payload' : 'options or payload');
  return told.length > 0 ? told.join('; ') : header > 20 && version === 4 ? 'ip options' : 'ip checksum';
}

function compare(field: Field, base: number, got: Uint8Array, captured: Uint8Array): string[] {
  const ours = read(field, base, got);
  const theirs = read(field, base, captured);
  return ours === theirs ? [] : [`${field.name} ${ours}, captured ${theirs}`];
}

function read(field: Field, base: number, octets: Uint8Array): string {
  const from = base + field.at;
  if (from + field.octets > octets.length) return 'none';
  if (/addr$/.test(field.name)) return formatAddress(octets.slice(from, from + field.octets));
  let value = 0;
  for (let i = 0; i < field.octets; i++) value = value * 256 + (octets[from + i] ?? 0);
  if (field.mask !== undefined) value = (value >>> (field.shift ?? 0)) & field.mask;
  return /checksum|flags/.test(field.name) ? `0x${value.toString(16)}` : String(value);
}
