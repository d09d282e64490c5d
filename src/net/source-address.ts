// Which of its own addresses the router takes as a source: inet_select_addr (net/ipv4/devinet.c) and
// ipv6_dev_get_saddr (net/ipv6/addrconf.c, RFC 6724). Leaves out deprecated, temporary and home addresses.
import type { Address6, Interface, Interfaces } from './interfaces.ts';

/** inet_select_addr(oif, daddr, RT_SCOPE_UNIVERSE): what masquerade uses; 0 when the router has no address at all. */
export function sourceAddress4(interfaces: Interfaces, oif: Interface, daddr: number): number {
  let first = 0;
  for (let i = 0; i < oif.addresses4.length; i++) {
    const row = oif.addresses4[i];
    if (row === undefined || row.secondary || row.address >>> 24 === 127) continue;
    if (daddr === 0 || sharesPrefix4(row.address, daddr, row.prefix)) return row.address;
    if (first === 0) first = row.address;
  }
  return first !== 0 ? first : anyAddress4(interfaces);
}

function sharesPrefix4(a: number, b: number, prefix: number): boolean {
  return prefix === 0 || (a ^ b) >>> (32 - prefix) === 0;
}

function anyAddress4(interfaces: Interfaces): number {
  for (let i = 1; i < interfaces.list.length; i++) {
    const rows = interfaces.at(i).addresses4;
    for (let j = 0; j < rows.length; j++) {
      const row = rows[j];
      if (row !== undefined && !row.secondary && row.address >>> 24 !== 127) return row.address;
    }
  }
  return 0;
}

/**
 * ipv6_dev_get_saddr: the source for a destination (four words from `offset`) out of `oif`; undefined when the router
 * has none that fits. The words belong to the interface: not to be written.
 */
export function sourceAddress6(
  interfaces: Interfaces,
  oif: Interface,
  daddr: Uint32Array,
  offset: number,
): Uint32Array | undefined {
  const scope = scope6(daddr, offset);
  const onlyOif = scope !== SCOPE_GLOBAL;
  let best: Address6 | undefined;
  let bestOnOif = false;
  for (let i = 1; i < interfaces.list.length; i++) {
    const one = onlyOif ? oif : interfaces.at(i);
    // New addresses go to the head of the kernel's list: the last of equals wins.
    for (let j = one.addresses6.length - 1; j >= 0; j--) {
      const row = one.addresses6[j] as Address6;
      if (best === undefined || better(row, one === oif, best, bestOnOif, scope, daddr, offset)) {
        best = row;
        bestOnOif = one === oif;
      }
    }
    if (onlyOif) break;
  }
  return best?.address;
}

const SCOPE_HOST = 1;
const SCOPE_LINK = 2;
const SCOPE_SITE = 5;
const SCOPE_GLOBAL = 14;

function scope6(words: Uint32Array, offset: number): number {
  const first = words[offset] as number;
  if (first >>> 24 === 0xff) return (first >>> 16) & 15;
  if (first >>> 22 === 0x3fa) return SCOPE_LINK;
  if (first >>> 22 === 0x3fb) return SCOPE_SITE;
  if (first === 0 && words[offset + 1] === 0 && words[offset + 2] === 0 && words[offset + 3] === 1) return SCOPE_HOST;
  return SCOPE_GLOBAL;
}

/** The rules of ipv6_get_saddr_eval in order: same address, scope, outgoing interface, label, longest prefix. */
function better(
  a: Address6,
  aOnOif: boolean,
  b: Address6,
  bOnOif: boolean,
  scope: number,
  daddr: Uint32Array,
  offset: number,
): boolean {
  const bitsA = commonBits(a.address, daddr, offset);
  const bitsB = commonBits(b.address, daddr, offset);
  if ((bitsA === 128) !== (bitsB === 128)) return bitsA === 128;
  const distanceA = scopeDistance(scope6(a.address, 0), scope);
  const distanceB = scopeDistance(scope6(b.address, 0), scope);
  if (distanceA !== distanceB) return distanceA > distanceB;
  if (aOnOif !== bOnOif) return aOnOif;
  const wanted = label(daddr, offset);
  const labelA = label(a.address, 0) === wanted;
  const labelB = label(b.address, 0) === wanted;
  if (labelA !== labelB) return labelA;
  return Math.min(bitsA, a.prefix) > Math.min(bitsB, b.prefix);
}

function scopeDistance(own: number, wanted: number): number {
  return own >= wanted ? -own : own - 128;
}

function commonBits(a: Uint32Array, b: Uint32Array, offset: number): number {
  for (let i = 0; i < 4; i++) {
    const difference = ((a[i] as number) ^ (b[offset + i] as number)) >>> 0;
    if (difference !== 0) return i * 32 + Math.clz32(difference);
  }
  return 128;
}

/** ip6addrlbl_init_table (net/ipv6/addrlabel.c). */
function label(words: Uint32Array, offset: number): number {
  const a = words[offset] as number;
  if (a >>> 16 === 0x2002) return 2;
  if (a >>> 25 === 0x7e) return 5;
  if (a >>> 22 === 0x3fb) return 11;
  if (a >>> 16 === 0x3ffe) return 12;
  if (a === 0x20010000) return 6;
  if (a >>> 4 === 0x2001001) return 7;
  if (a === 0 && words[offset + 1] === 0) {
    const c = words[offset + 2] as number;
    if (c === 0xffff) return 4;
    if (c === 0) return words[offset + 3] === 1 ? 0 : 3;
  }
  return 1;
}
