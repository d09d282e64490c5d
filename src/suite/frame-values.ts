// Fields of a frame by nft's names, for expectations: 'ip ttl', 'ip dscp', 'tcp dport', 'ether daddr', 'vlan id',
// 'tcp option maxseg size'. Places and types are the language's own (src/nft/headers.ts).
import { be16 } from '../base/columns.ts';
import { type Datatype, datatype, flagNames, formatValue, fromBytes, parseValue } from '../nft/datatypes.ts';
import { findField, findProtocol, PROTOCOLS } from '../nft/headers.ts';
import { nearest } from '../nft/suggest.ts';
import { decodeNetwork } from '../packet/decode.ts';
import { Packet } from '../packet/packet.ts';
import { networkOf } from './dissect.ts';
import { TCP_FLAG_LETTERS } from './packet-line.ts';

/** Where a named field stands in frames, and how its values are written. */
interface Field {
  type: Datatype;
  bits: number;
  read(frame: Uint8Array): bigint | undefined;
}

const TCP = 6;
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: TCP,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  comp: 108,
  sctp: 132,
  udplite: 136,
};
/** Options that are worth a test: kind, offset and length of the value in octets. */
const TCP_OPTIONS: Readonly<Record<string, [kind: number, offset: number, length: number]>> = {
  'tcp option maxseg size': [2, 2, 2],
  'tcp option window count': [3, 2, 1],
  'tcp option timestamp tsval': [8, 2, 4],
  'tcp option timestamp tsecr': [8, 6, 4],
};

/** The text of a field; undefined: this frame has no such field. Throws Error for a name that is none. */
export function fieldText(frame: Uint8Array, name: string): string | undefined {
  const field = fieldOf(name);
  const value = field.read(frame);
  if (value === undefined) return undefined;
  const flags = field.type.base === 'bitmask' ? flagNames(field.type, value)?.join(', ') : undefined;
  return flags ?? formatValue(field.type, value, field.bits).replace(/^"(.*)"$/, '$1');
}

/** Whether a field has an expected value, written in any way that nft takes. */
export function isFieldValue(frame: Uint8Array, name: string, expected: string | number): boolean {
  const field = fieldOf(name);
  const value = field.read(frame);
  const wanted = parse(field.type, String(expected));
  return value !== undefined && wanted === value;
}

/** What is wrong with a field's name or value; undefined: nothing. */
export function fieldProblem(name: string, expected: string | number): string | undefined {
  try {
    const field = fieldOf(name);
    if (parse(field.type, String(expected)) !== undefined) return undefined;
    return `'${expected}' is no value of ${name} (${field.type.description})`;
  } catch (error) {
    return (error as Error).message;
  }
}

function parse(type: Datatype, text: string): bigint | undefined {
  if (type.name === 'tcp_flag' && new RegExp(`^[${TCP_FLAG_LETTERS}]+$`).test(text)) {
    return [...text].reduce((bits, letter) => bits | (1n << BigInt(TCP_FLAG_LETTERS.indexOf(letter))), 0n);
  }
  if (type.base !== 'bitmask') return parseValue(type, text);
  let bits = 0n;
  for (const part of text.split(/[,|]/)) {
    const value = parseValue(type, part.trim());
    if (value === undefined) return undefined;
    bits |= value;
  }
  return bits;
}

function fieldOf(name: string): Field {
  const option = TCP_OPTIONS[name];
  if (option !== undefined)
    return { type: datatype('integer'), bits: option[2] * 8, read: (frame) => readOption(frame, option) };
  const blank = name.indexOf(' ');
  const protocol = findProtocol(blank < 0 ? name : name.slice(0, blank));
  if (protocol === undefined) {
    const meant = nearest(
      name.split(' ')[0] ?? '',
      PROTOCOLS.map((row) => row.name),
    );
    throw new Error(
      `'${name}' is no field${meant === undefined ? ": it begins with a protocol, as 'ip ttl'" : `: did you mean '${meant}'?`}`,
    );
  }
  const field = findField(protocol, name.slice(blank + 1));
  if (field === undefined || blank < 0) {
    const known = protocol.fields.map((row) => row.name).join(', ');
    throw new Error(`${protocol.name} has no field '${blank < 0 ? '' : name.slice(blank + 1)}': there are ${known}`);
  }
  return {
    type: datatype(field.datatype),
    bits: field.length,
    read: (frame) => {
      const start = headerStart(frame, protocol.name, protocol.base);
      return start < 0 ? undefined : readBits(frame, start * 8 + field.offset, field.length);
    },
  };
}

/** Offset of a protocol's header in the frame; -1: it has none. */
function headerStart(frame: Uint8Array, name: string, base: string): number {
  if (name === 'ether') return 0;
  if (name === 'vlan') return frame.length >= 18 && [0x8100, 0x88a8].includes(be16(frame, 12)) ? 14 : -1;
  const packet = decoded(frame);
  if (packet === undefined) return -1;
  if (base === 'network') {
    if (name === 'arp') return packet.etherType === 0x0806 ? packet.network : -1;
    return packet.ipVersion === (name === 'ip' ? 4 : 6) ? packet.network : -1;
  }
  if (packet.ipVersion === 0 || packet.transport < 0) return -1;
  if (name !== 'th' && PROTOCOL_NUMBERS[name] !== packet.protocol) return -1;
  return packet.transport;
}

function decoded(frame: Uint8Array): Packet | undefined {
  const { offset, etherType } = networkOf(frame);
  if (offset < 0) return undefined;
  const packet = new Packet();
  packet.attach(frame, 0, frame.length, frame.length);
  packet.network = offset;
  packet.etherType = etherType;
  decodeNetwork(packet);
  return packet;
}

function readOption(frame: Uint8Array, [kind, offset, length]: [number, number, number]): bigint | undefined {
  const packet = decoded(frame);
  if (packet?.protocol !== TCP || packet.transport < 0 || packet.transport + 20 > frame.length) return undefined;
  const end = Math.min(packet.transport + ((frame[packet.transport + 12] as number) >>> 4) * 4, frame.length);
  for (let at = packet.transport + 20; at < end; ) {
    const found = frame[at] as number;
    if (found === 0) return undefined;
    if (found === 1) {
      at++;
      continue;
    }
    if (found === kind && at + offset + length <= end) {
      return fromBytes(frame.subarray(at + offset, at + offset + length), 'big');
    }
    at += Math.max(2, frame[at + 1] ?? 2);
  }
  return undefined;
}

function readBits(frame: Uint8Array, offset: number, length: number): bigint | undefined {
  const from = offset >>> 3;
  const to = (offset + length + 7) >>> 3;
  if (to > frame.length) return undefined;
  const value = fromBytes(frame.subarray(from, to), 'big');
  return (value >> BigInt(to * 8 - offset - length)) & ((1n << BigInt(length)) - 1n);
}
