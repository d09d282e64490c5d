// Makes an Ethernet frame of a captured packet, in place: takes off the link header and pushes 14 octets in front of
// the network header. Formats: https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and its neighbours, RFC 1661
// and 1662 (PPP). No packet is lost here: what cannot carry IP gets an EtherType that no router handles.
import { be16, be32, putBe16, u8 } from '../base/columns.ts';
import { unreachable } from '../base/errors.ts';
import { LINK_FORMS } from './linktype.ts';
import type { CaptureRecord } from './record.ts';

/** EtherType (reserved, RFC 1701) of what is neither IP nor anything known: a cut link header, an odd address family. */
export const ETHERTYPE_UNKNOWN = 0xffff;
/** EtherType of a PPP frame that is not IP (LCP, IPCP, …); the payload starts with the PPP protocol number. */
export const ETHERTYPE_PPP = 0x880b;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_PPPOE_DISCOVERY = 0x8863;
const ETHERTYPE_PPPOE_SESSION = 0x8864;
const ETHERNET_HEADER = 14;
/** LINKTYPE_ETHERNET. */
export const LINKTYPE_ETHERNET = 1;

/**
 * Turns the record in hand into an Ethernet frame: changes its octets, `start`, `wireLength`, `linkType`, and for
 * cooked captures `packetType` and `hostIfindex`. The link type must be one of LINK_FORMS. Returns whether the payload
 * is of a known type. Frames get source 02:ee:00:00:00:01 (or the cooked header's address) and destination 02:ff:ff:ff:ff:ff.
 */
export function toEthernet(record: CaptureRecord): boolean {
  const form = LINK_FORMS.get(record.linkType) ?? 'raw';
  switch (form) {
    case 'ethernet':
      return true;
    case 'cooked':
      return fromCooked(record);
    case 'cooked2':
      return fromCooked2(record);
    case 'raw':
      return push(record, 0, ipEtherType(record.data, record.start, record.end), -1);
    case 'ipv4':
      return push(record, 0, ETHERTYPE_IPV4, -1);
    case 'ipv6':
      return push(record, 0, ETHERTYPE_IPV6, -1);
    case 'null':
      return fromNull(record);
    case 'ppp':
      return fromPpp(record);
    case 'pppoe':
      return fromPppoe(record);
    default:
      return unreachable(form);
  }
}

// packet type 2, ARPHRD 2, address length 2, address 8, protocol 2
function fromCooked(record: CaptureRecord): boolean {
  const { data, start } = record;
  if (record.end - start < 16) return push(record, record.end - start, ETHERTYPE_UNKNOWN, -1);
  record.packetType = be16(data, start);
  const etherType = cookedEtherType(be16(data, start + 14), be16(data, start + 2), record.wireLength - 16);
  return push(record, 16, etherType, be16(data, start + 4) === 6 ? start + 6 : -1);
}

// protocol 2, reserved 2, ifindex 4, ARPHRD 2, packet type 1, address length 1, address 8
function fromCooked2(record: CaptureRecord): boolean {
  const { data, start } = record;
  if (record.end - start < 20) return push(record, record.end - start, ETHERTYPE_UNKNOWN, -1);
  record.packetType = u8(data, start + 10);
  record.hostIfindex = be32(data, start + 4);
  const etherType = cookedEtherType(be16(data, start), be16(data, start + 8), record.wireLength - 20);
  return push(record, 20, etherType, u8(data, start + 11) === 6 ? start + 12 : -1);
}

// The protocol field is an EtherType unless the hardware says otherwise (netlink 824, 802.11 801-803); small numbers
// are 802.3 frames, whose field is a length.
function cookedEtherType(protocol: number, hardware: number, payloadLength: number): number {
  if (hardware === 824 || (hardware >= 801 && hardware <= 803)) return ETHERTYPE_UNKNOWN;
  return protocol < 0x600 ? Math.min(Math.max(payloadLength, 0), 1500) : protocol;
}

// Address family in the byte order of whoever captured (NULL) or big-endian (LOOP): the small reading is right.
function fromNull(record: CaptureRecord): boolean {
  const { data, start } = record;
  if (record.end - start < 4) return push(record, record.end - start, ETHERTYPE_UNKNOWN, -1);
  const big = be32(data, start);
  const family = big <= 0xffff ? big : u8(data, start) | (u8(data, start + 1) << 8);
  return push(record, 4, familyEtherType(family), -1);
}

// AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
function familyEtherType(family: number): number {
  if (family === 2) return ETHERTYPE_IPV4;
  const isInet6 = family === 10 || family === 23 || family === 24 || family === 28 || family === 30;
  return isInet6 ? ETHERTYPE_IPV6 : ETHERTYPE_UNKNOWN;
}

// [ff 03] protocol (one octet when odd: compressed). Cisco HDLC within PPP_HDLC: 0f|8f 00 EtherType.
function fromPpp(record: CaptureRecord): boolean {
  const { data, end } = record;
  let at = record.start;
  if (end - at >= 4 && (u8(data, at) === 0x0f || u8(data, at) === 0x8f) && u8(data, at + 1) === 0) {
    return push(record, 4, be16(data, at + 2), -1);
  }
  if (end - at >= 2 && u8(data, at) === 0xff && u8(data, at + 1) === 0x03) at += 2;
  if (end - at < 2) return push(record, end - record.start, ETHERTYPE_UNKNOWN, -1);
  const compressed = (u8(data, at) & 1) === 1;
  const protocol = compressed ? u8(data, at) : be16(data, at);
  const headerLength = at - record.start + (compressed ? 1 : 2);
  if (protocol === 0x0021) return push(record, headerLength, ETHERTYPE_IPV4, -1);
  if (protocol === 0x0057) return push(record, headerLength, ETHERTYPE_IPV6, -1);
  return push(record, at - record.start, ETHERTYPE_PPP, -1);
}

// A PPPoE frame without its Ethernet header: code 0 is a session, the others are discovery.
function fromPppoe(record: CaptureRecord): boolean {
  const cut = record.end - record.start < 2;
  const isSession = !cut && u8(record.data, record.start + 1) === 0;
  return push(record, 0, isSession ? ETHERTYPE_PPPOE_SESSION : ETHERTYPE_PPPOE_DISCOVERY, -1);
}

function ipEtherType(data: Uint8Array, start: number, end: number): number {
  const version = start < end ? u8(data, start) >>> 4 : 0;
  if (version === 4) return ETHERTYPE_IPV4;
  return version === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_UNKNOWN;
}

// Takes `headerLength` octets off and puts an Ethernet header before the rest; `address` is the offset of the source
// address, or -1. The address may lie where the new header goes: it is copied (as one move) before the rest is written.
function push(record: CaptureRecord, headerLength: number, etherType: number, address: number): boolean {
  const data = record.data;
  const start = record.start + headerLength - ETHERNET_HEADER;
  if (address >= 0) {
    data.copyWithin(start + 6, address, address + 6);
  } else {
    data[start + 6] = 0x02;
    data[start + 7] = 0xee;
    data[start + 8] = 0;
    data[start + 9] = 0;
    data[start + 10] = 0;
    data[start + 11] = 1;
  }
  data[start] = 0x02;
  data[start + 1] = 0xff;
  data[start + 2] = 0xff;
  data[start + 3] = 0xff;
  data[start + 4] = 0xff;
  data[start + 5] = 0xff;
  putBe16(data, start + 12, etherType);
  record.start = start;
  record.wireLength += ETHERNET_HEADER - headerLength;
  record.linkType = LINKTYPE_ETHERNET;
  return etherType !== ETHERTYPE_UNKNOWN && etherType !== ETHERTYPE_PPP;
}
