// Names of hook priorities, as a listing writes them: `filter`, `srcnat + 5`, `-150` (nftables src/rule.c std_prios).
import type { Family, Hook } from '../bytecode/ruleset.ts';

const INET_PRIORITIES: readonly (readonly [name: string, priority: number])[] = [
  ['raw', -300],
  ['mangle', -150],
  ['dstnat', -100],
  ['filter', 0],
  ['security', 50],
  ['srcnat', 100],
];
const BRIDGE_PRIORITIES: readonly (readonly [name: string, priority: number])[] = [
  ['dstnat', -300],
  ['filter', -200],
  ['out', 100],
  ['srcnat', 300],
];
/** How far from a named priority one is still written relative to it. */
const REACH = 10;

/** A priority's text in a family and hook. */
export function priorityText(priority: number, family: Family, hook: Hook): string {
  const named = family === 'bridge' ? BRIDGE_PRIORITIES : INET_PRIORITIES;
  const near = named.find(([, value]) => Math.abs(priority - value) <= REACH);
  if (near === undefined || !isNamedIn(near[0], family, hook)) return String(priority);
  const offset = priority - near[1];
  if (offset === 0) return near[0];
  return `${near[0]} ${offset > 0 ? '+' : '-'} ${Math.abs(offset)}`;
}

/** A name means its priority only in the families and hooks that have it. */
function isNamedIn(name: string, family: Family, hook: Hook): boolean {
  const isDestination = name === 'dstnat' && hook === 'prerouting';
  const isSource = name === 'srcnat' && hook === 'postrouting';
  if (family === 'bridge')
    return isDestination || isSource || name === 'filter' || (name === 'out' && hook === 'output');
  if (name === 'filter') return true;
  if (family === 'arp' || family === 'netdev') return false;
  return name === 'dstnat' || name === 'srcnat' ? isDestination || isSource : true;
}
