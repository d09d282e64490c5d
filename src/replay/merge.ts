// The exact sum of the parts of a split replay: counters add up, paths that several workers met become one, and
// everything is ordered by packet number, so that the result is that of one worker.
import { f64, u8, u32 } from '../base/columns.ts';
import type { Expression } from '../bytecode/expression.ts';
import type { ExpressionState, Ruleset, RulesetState } from '../bytecode/ruleset.ts';
import { addChecksumRows } from '../event/checksum-census.ts';
import type { PathTable } from '../event/recorder.ts';
import { LENGTH_CLASSES } from '../event/recorder.ts';
import type { ProbeCount } from '../netfilter/probe.ts';
import { addConnectionCounts } from './connection-samples.ts';
import { sortDrops } from './drops.ts';
import { addWork } from './merge-work.ts';
import type { DropCount, FlowSummary, RefusalCount, ReplayResult } from './result.ts';

export interface MergedResult {
  result: ReplayResult;
  /** [part][path of the part] = path of the result: for per-packet rows that still carry a part's numbers. */
  pathOf: Uint32Array[];
}

/** Merges at least one part; every part read the whole input and replayed its own share of it. */
export function mergeResults(parts: ReplayResult[], ruleset: Ruleset): MergedResult {
  const [first] = parts;
  if (first === undefined) throw new Error('nothing to merge');
  const { paths, pathOf } = mergePaths(parts.map((part) => part.paths));
  const sum = (value: (part: ReplayResult) => number): number => parts.reduce((total, part) => total + value(part), 0);
  const result: ReplayResult = {
    input: {
      ...first.input,
      entered: addColumns(parts.map((part) => part.input.entered)),
      cut: sum((part) => part.input.cut),
      superPackets: sum((part) => part.input.superPackets),
      partialChecksums: sum((part) => part.input.partialChecksums),
      checksums: addChecksumRows(parts.map((part) => part.input.checksums)),
      fixedChecksums: sum((part) => part.input.fixedChecksums),
      untranslated: sum((part) => part.input.untranslated),
      stripped: sum((part) => part.input.stripped),
      leftOut: sum((part) => part.input.leftOut),
    },
    paths,
    names: addWork(parts.map((part) => part.names)),
    drops: mergeDrops(parts.flatMap((part) => part.drops)),
    flows: mergeFlows(parts.map((part) => part.flows)),
    left: first.left.map((_, index) => ({
      frames: sum((part) => part.left[index]?.frames ?? 0),
      octets: sum((part) => part.left[index]?.octets ?? 0),
    })),
    state: parts.map((part) => part.state).reduce((a, b) => addStates(a, b, ruleset)),
    conntrack: parts.flatMap((part) => part.conntrack).sort((a, b) => a.firstPacket - b.firstPacket),
    connections: addConnectionCounts(parts.map((part) => part.connections)),
    conntrackBound: sum((part) => part.conntrackBound),
    conntrackLimit: first.conntrackLimit,
    simplified: addColumns(parts.map((part) => part.simplified)),
    overflowPackets: sum((part) => part.overflowPackets),
    ...(first.probes === undefined ? {} : { probes: addProbes(parts.map((part) => part.probes ?? [])) }),
    ...(first.swappedBefore === undefined ? {} : { swappedBefore: first.swappedBefore }),
    // A comparison with the capture and a trace are never split.
    ...(first.capturedOn === undefined ? {} : { capturedOn: first.capturedOn }),
    ...(first.trace === undefined ? {} : { trace: first.trace }),
    isExact: parts.every((part) => part.isExact),
  };
  return { result, pathOf };
}

function addColumns(columns: number[][]): number[] {
  return (columns[0] ?? []).map((_, index) => columns.reduce((total, column) => total + (column[index] ?? 0), 0));
}

function mergePaths(tables: PathTable[]): { paths: PathTable; pathOf: Uint32Array[] } {
  const [only] = tables;
  if (tables.length === 1 && only !== undefined) {
    return { paths: only, pathOf: [Uint32Array.from(only.packets, (_, path) => path)] };
  }
  const found = new Map<string, { part: number; path: number; first: number; members: [number, number][] }>();
  tables.forEach((table, part) => {
    for (let path = 0; path < table.packets.length; path++) {
      const key = pathKey(table, path);
      const first = f64(table.firstPacket, path);
      const row = found.get(key);
      if (row === undefined) {
        found.set(key, { part, path, first, members: [[part, path]] });
      } else {
        row.members.push([part, path]);
        row.first = Math.min(row.first, first);
      }
    }
  });
  const rows = [...found.values()].sort((a, b) => a.first - b.first);
  const pathOf = tables.map((table) => new Uint32Array(table.packets.length));
  const words = rows.reduce((total, row) => total + pathLength(tables[row.part] as PathTable, row.path), 0);
  const paths: PathTable = {
    words: new Uint32Array(words),
    offsets: new Uint32Array(rows.length + 1),
    packets: new Float64Array(rows.length),
    bytes: new Float64Array(rows.length),
    lengths: new Uint32Array(rows.length * LENGTH_CLASSES),
    firstPacket: new Float64Array(rows.length),
    pathClass: new Uint8Array(rows.length),
    verdict: new Uint8Array(rows.length),
  };
  let at = 0;
  rows.forEach((row, index) => {
    const source = tables[row.part] as PathTable;
    const from = u32(source.offsets, row.path);
    const length = pathLength(source, row.path);
    paths.words.set(source.words.subarray(from, from + length), at);
    at += length;
    paths.offsets[index + 1] = at;
    paths.firstPacket[index] = row.first;
    paths.pathClass[index] = u8(source.pathClass, row.path);
    paths.verdict[index] = u8(source.verdict, row.path);
    for (const [part, path] of row.members) addPath(paths, index, tables[part] as PathTable, path, pathOf[part], path);
  });
  return { paths, pathOf };
}

function addPath(
  into: PathTable,
  index: number,
  table: PathTable,
  path: number,
  pathOf: Uint32Array | undefined,
  own: number,
): void {
  if (pathOf !== undefined) pathOf[own] = index;
  into.packets[index] = f64(into.packets, index) + f64(table.packets, path);
  into.bytes[index] = f64(into.bytes, index) + f64(table.bytes, path);
  for (let i = 0; i < LENGTH_CLASSES; i++) {
    const cell = index * LENGTH_CLASSES + i;
    into.lengths[cell] = u32(into.lengths, cell) + u32(table.lengths, path * LENGTH_CLASSES + i);
  }
}

function pathLength(table: PathTable, path: number): number {
  return u32(table.offsets, path + 1) - u32(table.offsets, path);
}

function pathKey(table: PathTable, path: number): string {
  const words = table.words.subarray(u32(table.offsets, path), u32(table.offsets, path + 1));
  return `${u8(table.pathClass, path)},${u8(table.verdict, path)},${words.join()}`;
}

function mergeDrops(rows: DropCount[]): DropCount[] {
  const merged = new Map<string, DropCount>();
  for (const row of rows) {
    const key = `${row.reason},${row.detail}`;
    const same = merged.get(key);
    if (same === undefined) merged.set(key, { ...row });
    else {
      same.packets += row.packets;
      same.bytes += row.bytes;
    }
  }
  return sortDrops([...merged.values()]);
}

function mergeFlows(parts: FlowSummary[]): FlowSummary {
  const rows = new Map<number, RefusalCount>();
  for (const row of parts.flatMap((part) => part.byRefusal)) {
    const same = rows.get(row.refusal);
    if (same === undefined) rows.set(row.refusal, { ...row });
    else {
      same.flows += row.flows;
      same.packets += row.packets;
      same.bytes += row.bytes;
    }
  }
  const sum = (value: (part: FlowSummary) => number): number => parts.reduce((total, part) => total + value(part), 0);
  return {
    flows: sum((part) => part.flows),
    byRefusal: [...rows.values()].sort((a, b) => a.refusal - b.refusal),
    offloadedAfter: addColumns(parts.map((part) => part.offloadedAfter)),
    offloadedPackets: sum((part) => part.offloadedPackets),
    fastPackets: sum((part) => part.fastPackets),
    hardwarePackets: sum((part) => part.hardwarePackets),
  };
}

/**
 * Counters add up, their start values (which every part has) once; a split replay has no other state that rules
 * change (netfilter/shardable.ts saw to that).
 */
function addStates(a: RulesetState, b: RulesetState, ruleset: Ruleset): RulesetState {
  return {
    tables: a.tables.map((table, t) => {
      const other = b.tables[t];
      const start = ruleset.tables[t];
      return {
        chains: table.chains.map((chain, c) => ({
          rules: chain.rules.map((rule, r) =>
            rule.map((state, e) =>
              addState(state, other?.chains[c]?.rules[r]?.[e] ?? null, start?.chains[c]?.rules[r]?.expressions[e]),
            ),
          ),
        })),
        sets: table.sets.map((set, s) => addSets(set, other?.sets[s] ?? null, start?.sets[s]?.elements)),
        objects: table.objects.map((state, o) =>
          addState(state, other?.objects[o] ?? null, counterOf(start?.objects[o])),
        ),
        ...(table.hits === undefined ? {} : { hits: table.hits.map((hits, s) => addHits(hits, other?.hits?.[s])) }),
      };
    }),
  };
}

function addProbes(parts: ProbeCount[][]): ProbeCount[] {
  const sums = new Map<string, ProbeCount>();
  for (const row of parts.flat()) {
    const sum = sums.get(`${row.rule} ${row.taker}`);
    if (sum === undefined) sums.set(`${row.rule} ${row.taker}`, { ...row });
    else sum.packets += row.packets;
  }
  return [...sums.values()].sort((a, b) => a.rule - b.rule || b.packets - a.packets || a.taker - b.taker);
}

function addHits(a: Float64Array | null, b: Float64Array | null | undefined): Float64Array | null {
  return a === null || b == null ? a : a.map((value, element) => value + f64(b, element));
}

type Counter = Extract<Expression, { kind: 'counter' }>;

function counterOf(object: Ruleset['tables'][number]['objects'][number] | undefined): Counter | undefined {
  return object?.type === 'counter' ? { kind: 'counter', packets: object.packets, bytes: object.bytes } : undefined;
}

function addState(
  a: ExpressionState | null,
  b: ExpressionState | null,
  start: Expression | undefined,
): ExpressionState | null {
  if (a?.kind !== 'counter' || b?.kind !== 'counter') return a;
  const base = start?.kind === 'counter' ? start : { packets: 0, bytes: 0 };
  return { kind: 'counter', packets: a.packets + b.packets - base.packets, bytes: a.bytes + b.bytes - base.bytes };
}

type Elements = Ruleset['tables'][number]['sets'][number]['elements'];
type SetStateOrNull = RulesetState['tables'][number]['sets'][number];

function addSets(a: SetStateOrNull, b: SetStateOrNull, start: Elements | undefined): SetStateOrNull {
  if (a === null || b === null) return a;
  return {
    elements: a.elements.map((element, i) => {
      const other = b.elements[i];
      if (element.expressions === undefined || other?.expressions === undefined) return element;
      return {
        ...element,
        expressions: element.expressions.map((row, e) =>
          addElementCounter(row, other.expressions?.[e], start?.[i]?.expressions?.[e]),
        ),
      };
    }),
  };
}

function addElementCounter(a: Expression, b: Expression | undefined, start: Expression | undefined): Expression {
  if (a.kind !== 'counter' || b?.kind !== 'counter') return a;
  const base = start?.kind === 'counter' ? start : { packets: 0, bytes: 0 };
  return { kind: 'counter', packets: a.packets + b.packets - base.packets, bytes: a.bytes + b.bytes - base.bytes };
}
