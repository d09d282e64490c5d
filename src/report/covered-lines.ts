// Coverage by source line, for the formats that other tools read (LCOV, Cobertura): a rule, chain or set is its first
// line; whether a rule matched, and each element of a set or map, are branches of its line.
import type { CoverageReport } from './coverage-model.ts';

export interface CoveredLine {
  line: number;
  /** Packets that matched the rules of the line, entered the chain, or elements found. */
  hits: number;
  branches: { text: string; hits: number; isReached: boolean }[];
}

export interface CoveredFunction {
  name: string;
  line: number;
  hits: number;
}

export interface CoveredFile {
  file: string;
  lines: CoveredLine[];
  /** Chains. */
  functions: CoveredFunction[];
}

/** Files in the order of their names, lines rising. */
export function coveredFiles({ coverage }: CoverageReport): CoveredFile[] {
  const { book } = coverage;
  const files = new Map<string, { lines: Map<number, CoveredLine>; functions: CoveredFunction[] }>();
  const fileOf = (name: string) => {
    let file = files.get(name);
    if (file === undefined) {
      file = { lines: new Map(), functions: [] };
      files.set(name, file);
    }
    return file;
  };
  const lineOf = (location: { file: string; line: number }): CoveredLine => {
    const { lines } = fileOf(location.file);
    let line = lines.get(location.line);
    if (line === undefined) {
      line = { line: location.line, hits: 0, branches: [] };
      lines.set(location.line, line);
    }
    return line;
  };
  for (const row of coverage.chains) {
    const chain = book.chains[row.chain];
    const location = chain?.chain.location;
    if (chain === undefined || location === undefined) continue;
    lineOf(location).hits += row.entered;
    fileOf(location.file).functions.push({ name: chain.name, line: location.line, hits: row.entered });
  }
  for (const row of coverage.rules) {
    const location = book.location(row.rule);
    if (location === undefined) continue;
    const line = lineOf(location);
    line.hits += row.matched;
    const isReached = row.evaluated > 0;
    line.branches.push(
      { text: 'matched', hits: row.matched, isReached },
      { text: 'no match', hits: row.evaluated - row.matched, isReached },
    );
  }
  for (const { set, rules, elements } of coverage.sets) {
    const [first] = rules;
    const own = set.anonymous ? undefined : set.location;
    const location = own ?? (first === undefined ? undefined : book.location(first));
    if (location === undefined) continue;
    const line = lineOf(location);
    const sum = elements.reduce((total, row) => total + row.hits, 0);
    if (own !== undefined) line.hits += sum;
    const isReached = rules.some((rule) => (coverage.rules[rule]?.evaluated ?? 0) > 0);
    for (const row of elements) line.branches.push({ text: row.text, hits: row.hits, isReached });
  }
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, { lines, functions }]) => ({
      file,
      lines: [...lines.values()].sort((a, b) => a.line - b.line),
      functions: functions.sort((a, b) => a.line - b.line),
    }));
}
