// Whom a frame is from and to: the datagram behind tags and PPPoE, its protocol, addresses and ports.
import { formatAddress } from '../../src/packet/address.ts';

export interface Endpoints {
  protocol: number;
  /** Offset of the transport header. */
  transport: number;
  src: string;
  dst: string;
  /** Of ICMP requests and their answers: the identifier. */
  sport: number;
  /** Of these: 0. */
  dport: number;
}

const WITH_PORTS = [6, 17, 33, 132, 136];
const ECHO: Record<number, number[]> = { 1: [0, 8, 13, 14, 15, 16, 17, 18], 58: [128, 129] };
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

/** Of frames in the order they came: a later fragment has those of its datagram's first, if that came before. */
export function endpointsOfAll(frames: Buffer[]): (Endpoints | undefined)[] {
  const firsts = new Map<string, Endpoints>();
  return frames.map((data) => {
    const own = endpointsOf(data);
    const datagram = datagramOf(data);
    if (datagram === undefined) return own;
    if (own !== undefined) firsts.set(datagram, own);
    return own ?? firsts.get(datagram);
  });
}

/** Addresses and identification of a fragment; undefined: none. */
function datagramOf(data: Buffer): string | undefined {
  const network = networkOf(data);
  if (network < 0 || network + 40 > data.length) return undefined;
  const told = (...ranges: [from: number, length: number][]): string =>
    ranges.map(([from, length]) => data.toString('hex', from, from + length)).join(' ');
  if ((data[network] ?? 0) >>> 4 === 4) {
    if ((data.readUInt16BE(network + 6) & 0x3fff) === 0) return undefined;
    return told([network + 12, 8], [network + 9, 1], [network + 4, 2]);
  }
  const header = fragmentHeaderOf(data, network);
  return header === undefined ? undefined : told([network + 8, 32], [header + 4, 4]);
}

/** Offset of an IPv6 datagram's fragment header, behind hop-by-hop, destination and routing headers; undefined: none. */
export function fragmentHeaderOf(data: Buffer, network: number): number | undefined {
  let next = data[network + 6] ?? 0;
  let at = network + 40;
  while (EXTENSIONS.includes(next) && at + 8 <= data.length) {
    next = data[at] ?? 0;
    at += ((data[at + 1] ?? 0) + 1) * 8;
  }
  return next === FRAGMENT && at + 8 <= data.length ? at : undefined;
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
