// What a packet line says as octets: the layer-4 header and its payload, the datagram around them, its fragments. Fields
// that the line leaves open have the defaults that stand here; sequence numbers come from conversation.ts before.
import { putBe16, putBe32 } from '../base/columns.ts';
import { fragmentIpv4, fragmentIpv6, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../packet/build.ts';
import { checksumOffset, sctpChecksum, writeIpv4Checksum } from '../packet/checksum.ts';
import type { DatagramBody, PacketFields } from './packet-line.ts';
import { SYN_OPTIONS } from './tcp-options.ts';

const SCTP = 132;
const EMPTY = new Uint8Array(0);
const SCTP_INIT = 1;
const SCTP_INIT_ACK = 2;
const SCTP_DATA = 0;
/** Initiate tag 1, window 65536, a stream each way, TSN 1. */
const SCTP_INIT_VALUE = Uint8Array.of(0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1);
/** TSN 1, stream 0, four octets. */
const SCTP_DATA_VALUE = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
const SCTP_DATA_FLAGS = 3;
/** A request of service code 0 (RFC 4340), behind the ports. */
const DCCP_REQUEST = Uint8Array.of(5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);

/** Default values that the printer leaves out. */
export const DEFAULT_TTL = 64;
export const DEFAULT_IP_ID = 1;
export const DEFAULT_WINDOW = 65_535;
export const DEFAULT_GRE_WORD = 0x0800;
export const DEFAULT_SPI = 1;
export const DEFAULT_VTAG = 1;
export const DEFAULT_ICMP_ID = 1;
export const DEFAULT_ICMP_SEQUENCE = 1;
const IPV6_FRAGMENT_ID = 1;

/** The datagram. `quoted`: what an ICMP error quotes, from its IP header on. */
export function buildDatagram(body: DatagramBody, fields: PacketFields, quoted: Uint8Array = EMPTY): Uint8Array {
  const { address: src } = body.source;
  const { address: dst } = body.destination;
  const isV4 = !src.includes(':');
  const inner = body.isBare
    ? { protocol: body.protocol, bytes: fields.payload ?? EMPTY }
    : layer4(body, fields, quoted);
  const datagram = ip(
    {
      src,
      dst,
      ttl: fields.ttl ?? DEFAULT_TTL,
      tos: ((fields.dscp ?? 0) << 2) | (fields.ecn ?? 0),
      id: (fields.ipId ?? DEFAULT_IP_ID) & 0xffff,
      dontFragment: fields.dontFragment ?? false,
      moreFragments: fields.moreFragments ?? false,
      fragmentOffset: fields.fragmentOffset ?? 0,
      ...(fields.ipOptions === undefined ? {} : { options: fields.ipOptions }),
    },
    inner,
  );
  if (isV4) overrideIpv4Checksum(datagram, fields);
  else if (fields.flowLabel !== undefined) putFlowLabel(datagram, fields.flowLabel);
  // No checksum is written into octets that the line gives whole.
  if (body.isBare) datagram.set(inner.bytes, datagram.length - inner.bytes.length);
  else overrideChecksum(datagram, isV4 ? ((datagram[0] as number) & 15) * 4 : 40, inner.protocol, fields);
  return datagram;
}

/** The datagram's fragments, when the line gives an `mtu` that it exceeds; else itself. */
export function fragments(datagram: Uint8Array, fields: PacketFields): Uint8Array[] {
  if (fields.mtu === undefined || datagram.length <= fields.mtu) return [datagram];
  if ((datagram[0] as number) >>> 4 === 4) return fragmentIpv4(datagram, fields.mtu);
  return fragmentIpv6(datagram, fields.mtu, fields.ipId ?? IPV6_FRAGMENT_ID);
}

function layer4(body: DatagramBody, fields: PacketFields, quoted: Uint8Array): Layer4 {
  const { protocol } = body;
  const sport = body.source.port ?? 0;
  const dport = body.destination.port ?? 0;
  const payload = fields.payload ?? EMPTY;
  const type = fields.type ?? 8;
  switch (protocol) {
    case 6:
      return tcpSegment(sport, dport, fields, payload);
    case 17:
      return udp({ sport, dport }, payload);
    case 136: {
      const { bytes } = udp({ sport, dport }, payload);
      putBe16(bytes, 4, 0);
      return { protocol, bytes };
    }
    case 1:
      return icmp(type, fields.code ?? 0, icmpRest(fields, type === 8 || type === 0), joined(payload, quoted));
    case 58: {
      const type6 = fields.type ?? 128;
      const isEcho = type6 === 128 || type6 === 129;
      return icmpv6(type6, fields.code ?? 0, icmpRest(fields, isEcho), joined(payload, quoted));
    }
    case SCTP:
      return { protocol, bytes: sctpPacket(sport, dport, fields, payload) };
    case 33:
      return { protocol, bytes: withPorts(sport, dport, fields.payload ?? DCCP_REQUEST) };
    case 47:
      return { protocol, bytes: joined(word(fields.rest ?? DEFAULT_GRE_WORD), payload) };
    case 50:
      return {
        protocol,
        bytes: joined(word(fields.spi ?? DEFAULT_SPI), joined(word(fields.seq?.value ?? 1), payload)),
      };
    default:
      return { protocol, bytes: payload };
  }
}

function tcpSegment(sport: number, dport: number, fields: PacketFields, payload: Uint8Array): Layer4 {
  const flags = fields.flags ?? 'A';
  const options = fields.options ?? (flags.includes('S') ? SYN_OPTIONS : EMPTY);
  const segment = tcp(
    {
      sport,
      dport,
      seq: fields.seq?.value ?? 0,
      ack: fields.ack?.value ?? 0,
      flags,
      window: fields.window ?? DEFAULT_WINDOW,
      options,
    },
    payload,
  );
  putBe16(segment.bytes, 18, fields.urgent ?? 0);
  return segment;
}

function icmpRest(fields: PacketFields, isEcho: boolean): number {
  if (fields.rest !== undefined) return fields.rest;
  if (!isEcho) return 0;
  return (((fields.id ?? DEFAULT_ICMP_ID) << 16) | ((fields.seq?.value ?? DEFAULT_ICMP_SEQUENCE) & 0xffff)) >>> 0;
}

function sctpPacket(sport: number, dport: number, fields: PacketFields, payload: Uint8Array): Uint8Array {
  const chunk = fields.chunk === undefined ? payload : sctpChunk(fields.chunk, fields.payload);
  const bytes = new Uint8Array(12 + chunk.length);
  putBe16(bytes, 0, sport);
  putBe16(bytes, 2, dport);
  putBe32(bytes, 4, fields.vtag ?? (fields.chunk === SCTP_INIT ? 0 : DEFAULT_VTAG));
  bytes.set(chunk, 12);
  putBe32(bytes, 8, sctpChecksum(bytes, 0, bytes.length));
  return bytes;
}

/** The chunk with its value (a plausible one when absent), padded to 4 octets. */
export function sctpChunk(type: number, given: Uint8Array | undefined): Uint8Array {
  const isInit = type === SCTP_INIT || type === SCTP_INIT_ACK;
  const value = given ?? (isInit ? SCTP_INIT_VALUE : type === SCTP_DATA ? SCTP_DATA_VALUE : EMPTY);
  const bytes = new Uint8Array((4 + value.length + 3) & ~3);
  bytes[0] = type;
  bytes[1] = type === SCTP_DATA ? SCTP_DATA_FLAGS : 0;
  putBe16(bytes, 2, 4 + value.length);
  bytes.set(value, 4);
  return bytes;
}

function overrideIpv4Checksum(datagram: Uint8Array, { ipChecksum }: PacketFields): void {
  if (ipChecksum === undefined) return;
  writeIpv4Checksum(datagram, 0);
  const right = ((datagram[10] as number) << 8) | (datagram[11] as number);
  putBe16(datagram, 10, ipChecksum === 'bad' ? right ^ 0x5555 : ipChecksum);
}

function overrideChecksum(datagram: Uint8Array, transport: number, protocol: number, { checksum }: PacketFields): void {
  if (checksum === undefined) return;
  const at = transport + (protocol === SCTP ? 8 : checksumOffset(protocol));
  const width = protocol === SCTP ? 4 : 2;
  if (at < transport || at + width > datagram.length) return;
  if (checksum === 'bad') datagram[at] = (datagram[at] as number) ^ 0x55;
  else if (width === 2) putBe16(datagram, at, checksum);
  else putBe32(datagram, at, checksum);
}

function putFlowLabel(datagram: Uint8Array, label: number): void {
  datagram[1] = ((datagram[1] as number) & 0xf0) | (label >>> 16);
  putBe16(datagram, 2, label & 0xffff);
}

function withPorts(sport: number, dport: number, rest: Uint8Array): Uint8Array {
  return joined(word(((sport << 16) | dport) >>> 0), rest);
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putBe32(bytes, 0, value);
  return bytes;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
