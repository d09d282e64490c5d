// A range as the fewest prefixes that cover it (pipapo_expand of nft_set_pipapo.c). Setup only.

export interface Prefix {
  octets: Uint8Array;
  /** Leading bits that count. */
  length: number;
}

/** The prefixes of low … high (both inclusive, same length), in ascending order. */
export function prefixesOf(low: Uint8Array, high: Uint8Array): Prefix[] {
  const bits = low.length * 8;
  let from = toBigInt(low);
  const to = toBigInt(high);
  const prefixes: Prefix[] = [];
  while (from <= to) {
    // The largest block that starts at `from` and does not pass `to`.
    let size = 0;
    while (size < bits && (from >> BigInt(size)) % 2n === 0n && from + (1n << BigInt(size + 1)) - 1n <= to) size++;
    prefixes.push({ octets: toOctets(from, low.length), length: bits - size });
    from += 1n << BigInt(size);
  }
  return prefixes;
}

function toBigInt(octets: Uint8Array): bigint {
  let value = 0n;
  for (const octet of octets) value = (value << 8n) | BigInt(octet);
  return value;
}

function toOctets(value: bigint, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    octets[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return octets;
}
