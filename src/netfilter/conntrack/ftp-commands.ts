// What FTP says about the data connection to come: PORT, EPRT, and the answers 227 and 229 (RFC 959, 1123, 2428; the
// patterns of nf_conntrack_ftp.c, which reads them only at the beginning of a segment).
import { u8 } from '../../base/columns.ts';
import { parseAddress } from '../../packet/address.ts';

export type FtpKind = 'port' | 'eprt' | 'pasv' | 'epsv';

/** A command found: where its numbers stand, and what they say. Offsets are absolute. */
export interface FtpCommand {
  kind: FtpKind;
  from: number;
  length: number;
  /** Four words; undefined: that of the sender (229 names none). */
  address: Uint32Array | undefined;
  port: number;
}

/** Something begins that may be a command, but it is not whole or not right: the packet is dropped. */
export const FTP_PARTIAL = 'partial';

interface Pattern {
  kind: FtpKind;
  text: string;
  /** What to skip to before the numbers; 0: nothing. */
  skip: number;
  /** What must follow the numbers; 0: anything. */
  end: number;
}

const SPACE = 0x20;
const RETURN = 0x0d;
const OPENING = 0x28;
const CLOSING = 0x29;
const COMMA = 0x2c;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** By direction: commands of the client, answers of the server. */
const PATTERNS: readonly (readonly Pattern[])[] = [
  [
    { kind: 'port', text: 'PORT', skip: SPACE, end: RETURN },
    { kind: 'eprt', text: 'EPRT', skip: SPACE, end: RETURN },
  ],
  [
    { kind: 'pasv', text: '227 ', skip: 0, end: 0 },
    { kind: 'epsv', text: '229 ', skip: OPENING, end: CLOSING },
  ],
];

/** The command at the beginning of data[from, to), FTP_PARTIAL, or undefined. `version` is that of the connection. */
export function readFtpCommand(
  data: Uint8Array,
  from: number,
  to: number,
  direction: number,
  version: 4 | 6,
): FtpCommand | typeof FTP_PARTIAL | undefined {
  for (const pattern of PATTERNS[direction] ?? []) {
    const found = find(pattern, data, from, to, version);
    if (found !== undefined) return found;
  }
  return undefined;
}

function find(
  pattern: Pattern,
  data: Uint8Array,
  from: number,
  to: number,
  version: 4 | 6,
): FtpCommand | typeof FTP_PARTIAL | undefined {
  const { text, skip } = pattern;
  const known = Math.min(text.length, to - from);
  for (let i = 0; i < known; i++) {
    if (upper(u8(data, from + i)) !== text.charCodeAt(i)) return undefined;
  }
  if (to - from <= text.length) return FTP_PARTIAL;
  let at = from + text.length;
  if (skip !== 0) {
    while (u8(data, at) !== skip) if (++at >= to) return FTP_PARTIAL;
    at++;
  }
  return readNumbers(pattern, data, at, to, version) ?? FTP_PARTIAL;
}

function upper(octet: number): number {
  return octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet;
}

function readNumbers(
  pattern: Pattern,
  data: Uint8Array,
  at: number,
  to: number,
  version: 4 | 6,
): FtpCommand | undefined {
  switch (pattern.kind) {
    case 'port':
      return readPort(pattern.kind, data, at, to, pattern.end);
    case 'pasv': {
      // Servers disagree about the parentheses: the numbers begin at the first digit.
      let digit = at;
      while (digit < to && !isDigit(u8(data, digit))) digit++;
      return digit === to ? undefined : readPort(pattern.kind, data, digit, to, 0);
    }
    case 'eprt':
      return readEprt(data, at, to, version);
    case 'epsv':
      return readEpsv(data, at, to);
  }
}

/** 192,168,1,1,5,6 */
function readPort(kind: FtpKind, data: Uint8Array, at: number, to: number, end: number): FtpCommand | undefined {
  const numbers = readList(data, at, to, 6, COMMA, end);
  if (numbers === undefined) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, high = 0, low = 0] = numbers.values;
  const address = Uint32Array.of(((a << 24) | (b << 16) | (c << 8) | d) >>> 0, 0, 0, 0);
  return { kind, from: at, length: numbers.length, address, port: ((high << 8) | low) & 0xffff };
}

/** try_number: `count` numbers with separators, then `end` (0: any other character). */
function readList(
  data: Uint8Array,
  from: number,
  to: number,
  count: number,
  separator: number,
  end: number,
): { values: number[]; length: number } | undefined {
  const values: number[] = new Array(count).fill(0);
  let row = 0;
  for (let at = from; at < to && row < count; at++) {
    const octet = u8(data, at);
    if (isDigit(octet)) values[row] = (Math.imul(values[row] ?? 0, 10) + octet - ZERO) >>> 0;
    else if (octet === separator) row++;
    else return (octet === end || end === 0) && row === count - 1 ? { values, length: at - from } : undefined;
  }
  return undefined;
}

/** |1|132.235.1.2|6275| or |2|3ffe::1|6275| */
function readEprt(data: Uint8Array, at: number, to: number, version: 4 | 6): FtpCommand | undefined {
  if (to - at <= 3) return undefined;
  const delimiter = u8(data, at);
  if (!isDelimiter(delimiter) || u8(data, at + 2) !== delimiter) return undefined;
  if (u8(data, at + 1) !== (version === 4 ? ZERO + 1 : ZERO + 2)) return undefined;
  const from = at + 3;
  let address: Uint32Array;
  let length: number;
  if (version === 4) {
    const numbers = readList(data, from, to, 4, DOT, delimiter);
    if (numbers === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = numbers.values;
    address = Uint32Array.of(((a << 24) | (b << 16) | (c << 8) | d) >>> 0, 0, 0, 0);
    length = numbers.length;
  } else {
    length = 0;
    while (from + length < to && u8(data, from + length) !== delimiter) length++;
    const octets = parseAddress(String.fromCharCode(...data.subarray(from, from + Math.min(length, 64))));
    if (octets === undefined || octets.length !== 16) return undefined;
    const view = new DataView(octets.buffer, octets.byteOffset);
    address = Uint32Array.from({ length: 4 }, (_, i) => view.getUint32(i * 4));
  }
  const port = readLastPort(data, from + length + 1, to, delimiter);
  if (port === undefined) return undefined;
  return { kind: 'eprt', from: at, length: port.end - at, address, port: port.port };
}

/** |||6446| */
function readEpsv(data: Uint8Array, at: number, to: number): FtpCommand | undefined {
  if (to - at <= 3) return undefined;
  const delimiter = u8(data, at);
  if (!isDelimiter(delimiter) || u8(data, at + 1) !== delimiter || u8(data, at + 2) !== delimiter) return undefined;
  const port = readLastPort(data, at + 3, to, delimiter);
  if (port === undefined) return undefined;
  return { kind: 'epsv', from: at, length: port.end - at, address: undefined, port: port.port };
}

/** get_port: a number up to the delimiter; `end` is behind it. */
function readLastPort(
  data: Uint8Array,
  from: number,
  to: number,
  delimiter: number,
): { port: number; end: number } | undefined {
  let port = 0;
  for (let at = from; at < to; at++) {
    const octet = u8(data, at);
    if (octet === delimiter) return port === 0 ? undefined : { port, end: at + 1 };
    if (!isDigit(octet)) return undefined;
    port = (port * 10 + octet - ZERO) & 0xffff;
  }
  return undefined;
}

function isDigit(octet: number): boolean {
  return octet >= ZERO && octet <= NINE;
}

function isDelimiter(octet: number): boolean {
  return !isDigit(octet) && octet >= 33 && octet <= 126;
}

/** nf_nat_ftp_fmt_cmd: the numbers of a command with another address and port. */
export function ftpNumbers(kind: FtpKind, address: string, port: number): string {
  switch (kind) {
    case 'port':
    case 'pasv':
      return `${address.replaceAll('.', ',')},${port >>> 8},${port & 0xff}`;
    case 'eprt':
      return `|${address.includes(':') ? 2 : 1}|${address}|${port}|`;
    case 'epsv':
      return `|||${port}|`;
  }
}
