// Text forms of addresses: IPv4, IPv6 (RFC 5952), MAC, prefixes. For the edges (files, reports), never per packet.
import { isIPv4, isIPv6 } from 'node:net';

/** An IPv4 or IPv6 address: 4 or 16 octets in network order; undefined when the text is neither. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return parseIpv6(text);
}

function parseIpv6(text: string): Uint8Array {
  let body = text;
  const octets = new Uint8Array(16);
  const dotted = body.lastIndexOf(':') + 1;
  if (body.includes('.')) {
    const v4 = body.slice(dotted).split('.').map(Number);
    const word = (high: number): string => (((v4[high] ?? 0) << 8) | (v4[high + 1] ?? 0)).toString(16);
    body = `${body.slice(0, dotted)}${word(0)}:${word(2)}`;
  }
  const [head = '', tail] = body.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const write = (groups: string[], from: number): void => {
    groups.forEach((group, i) => {
      const value = Number.parseInt(group, 16);
      octets[from + i * 2] = value >>> 8;
      octets[from + i * 2 + 1] = value & 255;
    });
  };
  write(left, 0);
  write(right, 16 - right.length * 2);
  return octets;
}

/** '192.168.1.1' or '2001:db8::1' from 4 or 16 octets at `offset`. */
export function formatAddress(octets: Uint8Array, offset = 0, length: 4 | 16 = octets.length === 4 ? 4 : 16): string {
  if (length === 4) return `${octets[offset]}.${octets[offset + 1]}.${octets[offset + 2]}.${octets[offset + 3]}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((octets[offset + i] ?? 0) << 8) | (octets[offset + i + 1] ?? 0));
  return formatGroups(groups);
}

/** An IPv4 address from its 32-bit value. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function formatGroups(groups: number[]): string {
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (best === 0 && bestLength >= 5 && bestLength <= 6 && groups.slice(0, bestLength).every((g) => g === 0)) {
    const v4 = mappedIpv4(groups);
    if (v4 !== undefined) return v4;
  }
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}

/** ::ffff:1.2.3.4, as inet_ntop writes mapped addresses. */
function mappedIpv4(groups: number[]): string | undefined {
  if (groups.slice(0, 5).some((g) => g !== 0) || groups[5] !== 0xffff) return undefined;
  return `::ffff:${formatIpv4((((groups[6] ?? 0) << 16) | (groups[7] ?? 0)) >>> 0)}`;
}

/** 6 octets of 'aa:bb:cc:dd:ee:ff' (also with '-'); undefined when the text is not a MAC address. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^([0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

/** 'aa:bb:cc:dd:ee:ff' from 6 octets at `offset`. */
export function formatMac(octets: Uint8Array, offset = 0): string {
  let text = '';
  for (let i = 0; i < 6; i++) text += `${i === 0 ? '' : ':'}${(octets[offset + i] ?? 0).toString(16).padStart(2, '0')}`;
  return text;
}

export interface Prefix {
  address: Uint8Array;
  /** Octets 4 or 16 say the family. */
  length: number;
}

/** 'ADDRESS/LENGTH', or a bare address (its full length); undefined when it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = address.length * 8;
  if (slash < 0) return { address, length: bits };
  const tail = text.slice(slash + 1);
  const length = Number(tail);
  return /^\d{1,3}$/.test(tail) && length <= bits ? { address, length } : undefined;
}

/** Whether `address` lies in `prefix` (same family). */
export function inPrefix(address: Uint8Array, prefix: Prefix): boolean {
  if (address.length !== prefix.address.length) return false;
  const whole = prefix.length >>> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== prefix.address[i]) return false;
  const rest = prefix.length & 7;
  if (rest === 0) return true;
  return ((address[whole] ?? 0) ^ (prefix.address[whole] ?? 0)) >>> (8 - rest) === 0;
}
