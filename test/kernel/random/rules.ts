// Rules and chains of the random rulesets, from pieces that go together.
import type { Draw } from './draw.ts';
import { ENDS, type Hook, MATCHES, type Piece, REJECTS, STATEMENTS } from './pieces.ts';

export interface Place {
  /** Of the table. */
  family: 'inet' | 'ip' | 'ip6' | 'netdev' | 'bridge';
  /** Absent: a chain that is jumped to. */
  hook?: Hook;
  /** Base chains jump to side, which goes to other. */
  jumps: readonly string[];
  /** Names of chains are of this table. */
  rejects: boolean;
}

/** Up to `most` rules. */
export function rules(draw: Draw, place: Place, most: number): string[] {
  return Array.from({ length: draw.below(most + 1) }, () => rule(draw, place));
}

function rule(draw: Draw, place: Place): string {
  for (;;) {
    const parts = [
      draw.pick(MATCHES),
      ...(draw.oneIn(3) ? [draw.pick(MATCHES)] : []),
      draw.pick(STATEMENTS),
      ...(draw.oneIn(3) ? [draw.pick(STATEMENTS)] : []),
      place.rejects && draw.oneIn(6) ? draw.pick(REJECTS) : draw.pick(ENDS),
    ].filter((part) => part.text !== '');
    const text = parts.map((part) => part.text).join(' ');
    if (!parts.every((part) => isAllowed(part, place)) || !goTogether(parts, text) || !jumpsFit(text, place)) continue;
    // A meter's set is its own.
    return text.replace('meter m4', `meter m${draw.below(100_000)}`);
  }
}

function isAllowed(piece: Piece, place: Place): boolean {
  const { family, hook } = place;
  if (piece.inetOnly && (family === 'netdev' || family === 'bridge')) return false;
  if (piece.six === true && family === 'ip') return false;
  if (piece.six === false && family === 'ip6') return false;
  if (/nfproto|l3proto|icmpx/.test(piece.text) && family !== 'inet') return false;
  if (/ether/.test(piece.text) && (family === 'ip' || family === 'ip6' || hook === 'output' || hook === undefined))
    return false;
  return piece.hooks === undefined || (hook !== undefined && piece.hooks.includes(hook));
}

/** One family, one transport protocol, nothing twice that nft refuses or folds. */
function goTogether(parts: Piece[], text: string): boolean {
  const families = new Set(parts.map((part) => part.six).filter((six) => six !== undefined));
  const protocols = new Set(parts.map((part) => part.protocol).filter((one) => one !== undefined));
  if (families.size > 1 || protocols.size > 1) return false;
  const count = (pattern: RegExp): number => (text.match(pattern) ?? []).length;
  const namesProtocol = /l4proto|ip protocol|nexthdr|ip version/.test(text);
  if (namesProtocol && (protocols.size > 0 || count(/l4proto|ip protocol|nexthdr/g) > 1)) return false;
  const namesFamily = count(/meta protocol|nfproto|l3proto|ether type|ip version/g);
  if (namesFamily > 1 || (namesFamily === 1 && (families.size > 0 || protocols.has('icmp') || protocols.has('icmpv6'))))
    return false;
  // rt ip nexthop and log before it pin a family too.
  if (/rt ip/.test(text) && (families.has(true) || namesFamily > 0)) return false;
  if (/icmpx|reject$/.test(text) && (protocols.size > 0 || families.size > 0 || namesFamily > 0)) return false;
  return count(/vmap/g) <= 1 && count(/meter /g) <= 1 && count(/ct count/g) <= 1;
}

function jumpsFit(text: string, place: Place): boolean {
  // Elements of these jump to side.
  if (/vmap @/.test(text) && !place.jumps.includes('side')) return false;
  return [...text.matchAll(/\b(?:jump|goto) (\w+)/g)].every((match) => place.jumps.includes(match[1] ?? ''));
}

/** A chain's text; `base` is its type line, absent for a chain that is jumped to. */
export function chain(name: string, base: string | undefined, body: string[]): string {
  return [`\tchain ${name} {`, ...(base === undefined ? [] : [base]), ...body].join('\n\t\t').concat('\n\t}');
}
