// TCP options by name: what `mss 1460 wscale 7 sackok ts 1 0` are as octets, and back.
import { be16, be32 } from '../base/columns.ts';

/** What a SYN carries that names no options: windows large enough for anything, as hosts have. */
export const SYN_OPTIONS: Uint8Array = Uint8Array.of(2, 4, 1460 >>> 8, 1460 & 255, 1, 3, 3, 7);

/** One option, padded in front with NOPs as Linux does, so that everything stays aligned to 4 octets. */
export function tcpOption(name: string, values: readonly number[]): Uint8Array {
  const [first = 0, second = 0] = values;
  switch (name) {
    case 'mss':
      return Uint8Array.of(2, 4, first >>> 8, first & 255);
    case 'wscale':
      return Uint8Array.of(1, 3, 3, first);
    case 'sackok':
      return Uint8Array.of(1, 1, 4, 2);
    default:
      return Uint8Array.of(1, 1, 8, 10, ...word(first), ...word(second));
  }
}

function word(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** The words for option octets when tcpOption makes exactly these, else `options HEX`; 'nooptions' for none. */
export function tcpOptionWords(octets: Uint8Array): string[] {
  if (octets.length === 0) return ['nooptions'];
  const words: string[] = [];
  let at = 0;
  while (at < octets.length) {
    const row = Buffer.from(octets.subarray(at, at + 12)).toString('hex');
    if (row.startsWith('0204')) {
      words.push(`mss ${be16(octets, at + 2)}`);
      at += 4;
    } else if (row.startsWith('010303')) {
      words.push(`wscale ${octets[at + 3]}`);
      at += 4;
    } else if (row.startsWith('01010402')) {
      words.push('sackok');
      at += 4;
    } else if (row.startsWith('0101080a') && at + 12 <= octets.length) {
      words.push(`ts ${be32(octets, at + 4)} ${be32(octets, at + 8)}`);
      at += 12;
    } else {
      return [`options ${Buffer.from(octets).toString('hex')}`];
    }
  }
  return at === octets.length ? words : [`options ${Buffer.from(octets).toString('hex')}`];
}
