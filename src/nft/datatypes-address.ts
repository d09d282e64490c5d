// Text of IPv4, IPv6 and Ethernet addresses as nft reads and lists them (inet_ntop, inet_pton, nftables src/datatype.c),
// over bigint values.

/** `1.2.3.4`: four decimal parts, as inet_pton takes them. */
export function parseIp4(text: string): bigint | undefined {
  let value = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  // By hand and with one bigint: large sets have a hundred thousand of them.
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) {
      part = part * 10 + code - 0x30;
      if (++digits > 3 || part > 255) return undefined;
    } else if (code === 0x2e && digits > 0 && dots < 3) {
      value = value * 256 + part;
      part = 0;
      digits = 0;
      dots++;
    } else {
      return undefined;
    }
  }
  return dots === 3 && digits > 0 ? BigInt(value * 256 + part) : undefined;
}

/** Dotted quad. */
export function formatIp4(value: bigint): string {
  return `${(value >> 24n) & 255n}.${(value >> 16n) & 255n}.${(value >> 8n) & 255n}.${value & 255n}`;
}

/** Colon notation, `::` and a dotted last part included. */
export function parseIp6(text: string): bigint | undefined {
  if (!text.includes(':') || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] as string);
  const tail = halves.length === 2 ? groups(halves[1] as string) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  let value = 0n;
  for (const group of [...head, ...new Array<number>(missing).fill(0), ...tail]) value = (value << 16n) | BigInt(group);
  return value;
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const found: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes('.')) {
      const quad = parseIp4(part);
      if (quad === undefined) return undefined;
      found.push(Number(quad >> 16n), Number(quad & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) found.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return found;
}

/** inet_ntop's text: the longest run of zero groups (two at least) as `::`, IPv4-mapped and -compatible ones dotted. */
export function formatIp6(value: bigint): string {
  const words: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) words.push(Number((value >> shift) & 0xffffn));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    if (end > i) i = end;
  }
  const dotted = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  const parts = words.map((word) => word.toString(16));
  if (dotted) return `::${length === 5 ? 'ffff:' : ''}${formatIp4(value & 0xffffffffn)}`;
  if (start < 0) return parts.join(':');
  return `${parts.slice(0, start).join(':')}::${parts.slice(start + length).join(':')}`;
}

/** `00:11:22:aa:bb:cc`, any number of octets from two on. */
export function parseMac(text: string): bigint | undefined {
  if (!/^[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2})+$/.test(text)) return undefined;
  let value = 0n;
  for (const part of text.split(':')) value = (value << 8n) | BigInt(Number.parseInt(part, 16));
  return value;
}

/** Octets joined by colons. */
export function formatMac(value: bigint, bits = 48): string {
  const parts: string[] = [];
  for (let shift = BigInt(bits) - 8n; shift >= 0n; shift -= 8n) {
    parts.push(((value >> shift) & 255n).toString(16).padStart(2, '0'));
  }
  return parts.join(':');
}
