// Gives a frame other hosts: addresses and client ports are replaced in place, checksums follow (RFC 1624). What it finds
// no address or port in stays as it is. ICMP errors are changed inside as well, so that they still quote their packet.
import { be16, be32, putBe16, u8 } from '../base/columns.ts';

/** What a clone is called by. Plain data that crosses to threads. */
export interface CloneNames {
  /** Other IPv4 addresses, as numbers. */
  hosts4: Map<number, number>;
  /** Other IPv6 addresses; by the exclusive or of the four words. */
  hosts6: Map<number, { from: Uint32Array; to: Uint32Array }[]>;
  /** By port: the client's port of the clone. */
  ports: Uint16Array;
  /** By port: how much it looks like a server's. The lower one of a packet's two is the client's; if equal, the higher port. */
  serverRank: Uint32Array;
  /** Added to identifiers of fragments and echo requests. */
  identifier: number;
}

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ICMP = 1;
const TCP = 6;
const UDP = 17;
const DCCP = 33;
const ICMPV6 = 58;
const UDPLITE = 136;
/** Octets of a quoted packet that may be changed. */
const QUOTED_OCTETS = 8 + 60 + 60 + 20;

/** Where the transport checksum is, by protocol; those without are not changed but for their addresses. */
function checksumField(protocol: number): number {
  if (protocol === TCP) return 16;
  if (protocol === UDP || protocol === UDPLITE || protocol === DCCP) return 6;
  return protocol === ICMPV6 ? 2 : -1;
}

/** The Ethernet frame data[start, end) becomes the clone's. */
export function renameFrame(data: Uint8Array, start: number, end: number, names: CloneNames): void {
  let at = start + 12;
  while (at + 6 <= end && (be16(data, at) === 0x8100 || be16(data, at) === 0x88a8)) at += 4;
  if (at + 2 > end) return;
  let type = be16(data, at);
  let network = at + 2;
  if (type === 0x8864 && network + 8 <= end) {
    type = be16(data, network + 6) === 0x0057 ? IPV6 : be16(data, network + 6) === 0x0021 ? IPV4 : 0;
    network += 8;
  }
  if (type === IPV4) renameIpv4(data, network, end, names, true);
  else if (type === IPV6) renameIpv6(data, network, end, names, true);
}

function renameIpv4(data: Uint8Array, network: number, end: number, names: CloneNames, isOuter: boolean): void {
  if (network + 20 > end || u8(data, network) >>> 4 !== 4) return;
  const transport = network + (u8(data, network) & 15) * 4;
  const protocol = u8(data, network + 9);
  const fragment = be16(data, network + 6) & 0x3fff;
  const isFirst = (fragment & 0x1fff) === 0;
  const field = isFirst ? transportField(data, transport, end, protocol) : -1;
  const length = be16(data, network + 2) - (transport - network);
  const isPartial = field >= 0 && isOuter && be16(data, field) === pseudoSum(data, network + 12, 8, protocol, length);
  for (let offset = 12; offset <= 16; offset += 4) {
    const host = names.hosts4.get(be32(data, network + offset));
    if (host === undefined) continue;
    change(data, network + offset, host >>> 16, network + 10, field);
    change(data, network + offset + 2, host & 0xffff, network + 10, field);
  }
  if (fragment !== 0) {
    change(data, network + 4, (be16(data, network + 4) + names.identifier) & 0xffff, network + 10, -1);
  }
  if (isFirst) renameTransport(data, transport, end, protocol, field, names, isOuter);
  if (isPartial) putBe16(data, field, pseudoSum(data, network + 12, 8, protocol, length));
}

function renameIpv6(data: Uint8Array, network: number, end: number, names: CloneNames, isOuter: boolean): void {
  if (network + 40 > end || u8(data, network) >>> 4 !== 6) return;
  let protocol = u8(data, network + 6);
  let transport = network + 40;
  let isFirst = true;
  while (transport + 8 <= end && (protocol === 0 || protocol === 43 || protocol === 44 || protocol === 60)) {
    const next = u8(data, transport);
    if (protocol === 44) {
      isFirst = (be16(data, transport + 2) & 0xfff8) === 0;
      putBe16(data, transport + 6, (be16(data, transport + 6) + names.identifier) & 0xffff);
      transport += 8;
    } else {
      transport += (u8(data, transport + 1) + 1) * 8;
    }
    protocol = next;
    if (!isFirst) break;
  }
  const field = isFirst ? transportField(data, transport, end, protocol) : -1;
  const length = be16(data, network + 4) - (transport - network - 40);
  const isPartial = field >= 0 && isOuter && be16(data, field) === pseudoSum(data, network + 8, 32, protocol, length);
  for (let offset = 8; offset <= 24; offset += 16) renameHost6(data, network + offset, field, names);
  if (isFirst) renameTransport(data, transport, end, protocol, field, names, isOuter);
  if (isPartial) putBe16(data, field, pseudoSum(data, network + 8, 32, protocol, length));
}

function renameHost6(data: Uint8Array, at: number, field: number, names: CloneNames): void {
  if (names.hosts6.size === 0) return;
  const rows = names.hosts6.get(be32(data, at) ^ be32(data, at + 4) ^ be32(data, at + 8) ^ be32(data, at + 12));
  if (rows === undefined) return;
  for (const row of rows) {
    let same = true;
    for (let i = 0; i < 4; i++) if (be32(data, at + i * 4) !== row.from[i]) same = false;
    if (!same) continue;
    for (let i = 0; i < 4; i++) {
      const word = row.to[i] as number;
      change(data, at + i * 4, word >>> 16, field, -1);
      change(data, at + i * 4 + 2, word & 0xffff, field, -1);
    }
    return;
  }
}

/** Where the checksum of what starts at `transport` stands, -1 when there is none (UDP may leave it out). */
function transportField(data: Uint8Array, transport: number, end: number, protocol: number): number {
  const field = checksumField(protocol);
  if (field < 0 || transport + field + 2 > end) return -1;
  return (protocol === UDP || protocol === UDPLITE) && be16(data, transport + field) === 0 ? -1 : transport + field;
}

function renameTransport(
  data: Uint8Array,
  transport: number,
  end: number,
  protocol: number,
  field: number,
  names: CloneNames,
  isOuter: boolean,
): void {
  if (protocol === TCP || protocol === UDP || protocol === UDPLITE || protocol === DCCP) {
    if (transport + 4 > end) return;
    const source = be16(data, transport);
    const destination = be16(data, transport + 2);
    const side = clientSide(source, destination, names.serverRank);
    if (side === 0) change(data, transport, names.ports[source] as number, field, -1);
    else if (side === 1) change(data, transport + 2, names.ports[destination] as number, field, -1);
    if (field >= 0 && protocol !== TCP && be16(data, field) === 0) putBe16(data, field, 0xffff);
  } else if (protocol === ICMP || protocol === ICMPV6) {
    if (transport + 8 <= end) renameIcmp(data, transport, end, protocol, names, isOuter);
  }
}

/** 0: the source port is the client's, 1: the destination port, -1: nobody can tell. */
export function clientSide(source: number, destination: number, serverRank: Uint32Array): number {
  if (source === destination) return -1;
  const a = serverRank[source] as number;
  const b = serverRank[destination] as number;
  return a === b ? (source > destination ? 0 : 1) : a < b ? 0 : 1;
}

function renameIcmp(
  data: Uint8Array,
  transport: number,
  end: number,
  protocol: number,
  names: CloneNames,
  isOuter: boolean,
): void {
  const type = u8(data, transport);
  const isV6 = protocol === ICMPV6;
  const isQuery = isV6 ? type === 128 || type === 129 : type === 8 || type === 0 || type === 13 || type === 14;
  if (isQuery) {
    change(data, transport + 4, (be16(data, transport + 4) + names.identifier) & 0xffff, transport + 2, -1);
    return;
  }
  const isError = isV6 ? type < 128 : type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
  if (!isError || !isOuter) return;
  const quoted = transport + 8;
  const to = Math.min(end, quoted + QUOTED_OCTETS);
  const before = wordSum(data, quoted, to);
  if (isV6) renameIpv6(data, quoted, to, names, false);
  else renameIpv4(data, quoted, to, names, false);
  adjust(data, transport + 2, before, wordSum(data, quoted, to));
}

/** Writes a 16-bit word, and what that makes of up to two checksums (-1: none). */
function change(data: Uint8Array, at: number, value: number, field: number, other: number): void {
  const old = be16(data, at);
  if (old === value) return;
  putBe16(data, at, value);
  if (field >= 0) adjust(data, field, old, value);
  if (other >= 0) adjust(data, other, old, value);
}

/** RFC 1624, equation 3, for sums of any size. */
function adjust(data: Uint8Array, field: number, old: number, fresh: number): void {
  putBe16(data, field, ~fold((~be16(data, field) & 0xffff) + (~fold(old) & 0xffff) + fold(fresh)) & 0xffff);
}

function fold(sum: number): number {
  let value = sum;
  while (value > 0xffff) value = (value & 0xffff) + (value >>> 16);
  return value;
}

function wordSum(data: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) sum += (u8(data, at) << 8) + (at + 1 < to ? u8(data, at + 1) : 0);
  return sum;
}

/** Pseudo header: what a sender whose hardware computes checksums leaves in the field. */
function pseudoSum(data: Uint8Array, addresses: number, octets: number, protocol: number, length: number): number {
  return fold(wordSum(data, addresses, addresses + octets) + protocol + length);
}

/** Frame addresses and ports for a survey: calls `sink` with them; ports are -1 where there are none. */
export function frameEnds(
  data: Uint8Array,
  start: number,
  end: number,
  sink: (version: number, source: number, protocol: number, sport: number, dport: number, flags: number) => void,
): void {
  let at = start + 12;
  while (at + 6 <= end && (be16(data, at) === 0x8100 || be16(data, at) === 0x88a8)) at += 4;
  if (at + 2 > end) return;
  let network = at + 2;
  let type = be16(data, at);
  if (type === 0x8864 && network + 8 <= end) {
    type = be16(data, network + 6) === 0x0057 ? IPV6 : IPV4;
    network += 8;
  }
  const version = type === IPV4 ? 4 : type === IPV6 ? 6 : 0;
  const header = version === 4 ? 20 : 40;
  if (version === 0 || network + header > end) return;
  const transport = version === 4 ? network + (u8(data, network) & 15) * 4 : network + 40;
  const protocol = u8(data, network + (version === 4 ? 9 : 6));
  const isFirst = version === 6 || (be16(data, network + 6) & 0x1fff) === 0;
  const hasPorts = isFirst && (protocol === TCP || protocol === UDP) && transport + 4 <= end;
  sink(
    version,
    network + (version === 4 ? 12 : 8),
    protocol,
    hasPorts ? be16(data, transport) : -1,
    hasPorts ? be16(data, transport + 2) : -1,
    hasPorts && protocol === TCP && transport + 14 <= end ? u8(data, transport + 13) : 0,
  );
}
