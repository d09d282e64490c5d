// Whom a frame is from and to: the datagram behind tags and PPPoE, its protocol, addresses and ports.
import { formatAddress } from '../../src/packet/address.ts';

export interface Endpoints {
  protocol: number;
  /** Offset of the transport header. */
  transport: number;
  src: string;
  dst: string;
  /** Of ICMP echo: the identifier. */
  sport: number;
  /** Of ICMP echo: 0. */
  dport: number;
}

const WITH_PORTS = [6, 17, 33, 132, 136];
const ECHO: Record<number, number[]> = { 1: [0, 8], 58: [128, 129] };
/** IPv6 extension headers that tell their length in units of 8 octets. */
const EXTENSIONS = [0, 43, 60];
const FRAGMENT = 44;

/** Offset of the datagram of an Ethernet frame; -1: no IP. */
export function networkOf(data: Buffer): number {
  let at = 12;
  while (at + 2 <= data.length && [0x8100, 0x88a8].includes(data.readUInt16BE(at))) at += 4;
  if (at + 10 > data.length) return -1;
  const type = data.readUInt16BE(at);
  if (type === 0x8864) return [0x0021, 0x0057].includes(data.readUInt16BE(at + 8)) ? at + 10 : -1;
  return type === 0x0800 || type === 0x86dd ? at + 2 : -1;
}

/** Of a frame; undefined: no IP, no ports, a later fragment. */
export function endpointsOf(data: Buffer): Endpoints | undefined {
  const network = networkOf(data);
  return network < 0 ? undefined : endpointsAt(data, network);
}

/** Of the datagram at `network`. */
export function endpointsAt(data: Buffer, network: number): Endpoints | undefined {
  if (network + 20 > data.length) return undefined;
  const found = (data[network] ?? 0) >>> 4 === 4 ? header4(data, network) : header6(data, network);
  if (found === undefined || found.transport + 8 > data.length) return undefined;
  const { protocol, transport } = found;
  if (WITH_PORTS.includes(protocol)) {
    return { ...found, sport: data.readUInt16BE(transport), dport: data.readUInt16BE(transport + 2) };
  }
  if (!ECHO[protocol]?.includes(data[transport] ?? 0)) return undefined;
  return { ...found, sport: data.readUInt16BE(transport + 4), dport: 0 };
}

/** Where the datagram stands that an ICMP error quotes; undefined: no error. */
export function quotedIn(data: Buffer, network: number): number | undefined {
  if (network + 40 > data.length) return undefined;
  const found = (data[network] ?? 0) >>> 4 === 4 ? header4(data, network) : header6(data, network);
  if (found === undefined || found.transport + 8 > data.length) return undefined;
  const type = data[found.transport] ?? 0;
  const isError = found.protocol === 1 ? [3, 4, 5, 11, 12].includes(type) : found.protocol === 58 && type < 128;
  return isError ? found.transport + 8 : undefined;
}

type Header = Pick<Endpoints, 'protocol' | 'transport' | 'src' | 'dst'>;

function header4(data: Buffer, network: number): Header | undefined {
  if ((data.readUInt16BE(network + 6) & 0x1fff) !== 0) return undefined;
  return {
    protocol: data[network + 9] ?? 0,
    transport: network + ((data[network] ?? 0) & 15) * 4,
    src: formatAddress(data, network + 12, 4),
    dst: formatAddress(data, network + 16, 4),
  };
}

function header6(data: Buffer, network: number): Header | undefined {
  if (network + 40 > data.length) return undefined;
  let protocol = data[network + 6] ?? 0;
  let transport = network + 40;
  while (transport + 8 <= data.length && (EXTENSIONS.includes(protocol) || protocol === FRAGMENT)) {
    if (protocol === FRAGMENT && data.readUInt16BE(transport + 2) >>> 3 !== 0) return undefined;
    const length = protocol === FRAGMENT ? 8 : ((data[transport + 1] ?? 0) + 1) * 8;
    protocol = data[transport] ?? 0;
    transport += length;
  }
  return { protocol, transport, src: formatAddress(data, network + 8, 16), dst: formatAddress(data, network + 24, 16) };
}
