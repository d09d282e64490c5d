// The addresses and ports that a ruleset names, as the edges between which it makes no difference: what lies between two
// neighbouring edges meets the same rules. Read from all constants of two, four and sixteen octets (and shorter prefixes of
// addresses): an edge too many does no harm.
import type { Expression } from '../bytecode/expression.ts';
import type { NftSet, Ruleset } from '../bytecode/ruleset.ts';

export interface NamedConstants {
  /** Ports that stand in the ruleset by themselves. */
  ports: number[];
  /** Ascending; values at and after an edge differ from those before it. */
  portEdges: number[];
  edges4: number[];
  edges6: bigint[];
}

/** All of them. */
export function namedConstants(ruleset: Ruleset): NamedConstants {
  const found = {
    ports: new Set<number>(),
    portEdges: new Set<number>(),
    edges4: new Set<number>(),
    edges6: new Set<bigint>(),
  };
  const add = (low: Uint8Array, high: Uint8Array): void => {
    const { length } = low;
    if (length === 0 || length > 16 || high.length !== length) return;
    if (length === 2) {
      const from = Number(number(low));
      const to = Number(number(high));
      if (from === to) found.ports.add(from);
      found.portEdges.add(from).add(to + 1);
    }
    if (length <= 4) {
      const unit = 2 ** (8 * (4 - length));
      found.edges4.add(Number(number(low)) * unit).add((Number(number(high)) + 1) * unit);
    }
    const unit = 1n << BigInt(8 * (16 - length));
    found.edges6.add(number(low) * unit).add((number(high) + 1n) * unit);
  };
  for (const table of ruleset.tables) {
    for (const chain of table.chains) for (const rule of chain.rules) visitRule(rule.expressions, add);
    for (const set of table.sets) visitSet(set, add);
  }
  return {
    ports: [...found.ports].sort((a, b) => a - b),
    portEdges: [...found.portEdges].sort((a, b) => a - b),
    edges4: [...found.edges4].sort((a, b) => a - b),
    edges6: [...found.edges6].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  };
}

type Add = (low: Uint8Array, high: Uint8Array) => void;

function visitRule(expressions: Expression[], add: Add): void {
  let mask: Uint8Array | undefined;
  for (const row of expressions) {
    if (row.kind === 'cmp') add(row.data, masked(row.data, mask));
    else if (row.kind === 'immediate') add(row.data, row.data);
    else if (row.kind === 'range') add(row.from, row.to);
    mask = row.kind === 'bitwise' && row.op === 'mask-xor' ? row.mask : undefined;
  }
}

/** The highest value that compares equal under a mask. */
function masked(data: Uint8Array, mask: Uint8Array | undefined): Uint8Array {
  if (mask === undefined || mask.length !== data.length) return data;
  return data.map((octet, index) => octet | (~(mask[index] as number) & 0xff));
}

function visitSet(set: NftSet, add: Add): void {
  for (const element of set.elements) {
    let at = 0;
    for (const length of set.keyFieldLengths) {
      add(element.key.subarray(at, at + length), (element.keyEnd ?? element.key).subarray(at, at + length));
      at += Math.ceil(length / 4) * 4;
    }
    if (element.data !== undefined) add(element.data, element.dataEnd ?? element.data);
  }
}

function number(octets: Uint8Array): bigint {
  let value = 0n;
  for (const octet of octets) value = value * 256n + BigInt(octet);
  return value;
}

/** The edges around a value: [from, to). */
export function between(edges: number[], value: number, lowest: number, end: number): [number, number] {
  let from = lowest;
  let to = end;
  for (const edge of edges) {
    if (edge <= value) from = Math.max(from, edge);
    else {
      to = Math.min(to, edge);
      break;
    }
  }
  return [from, to];
}

/** The same for IPv6 addresses. */
export function between6(edges: bigint[], value: bigint, lowest: bigint, end: bigint): [bigint, bigint] {
  let from = lowest;
  let to = end;
  for (const edge of edges) {
    if (edge > value) {
      if (edge < to) to = edge;
      break;
    }
    if (edge > from) from = edge;
  }
  return [from, to];
}
