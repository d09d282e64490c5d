// Coverage as an LCOV trace file (geninfo(1)): genhtml and editors draw it on the ruleset file. Chains are functions,
// rules are lines, matches and set elements are branches.
import type { CoverageReport } from './coverage-model.ts';
import { coveredFiles } from './covered-lines.ts';

/** The whole trace file. */
export function lcov(report: CoverageReport): string {
  const out: string[] = ['TN:nftreplay'];
  for (const { file, lines, functions } of coveredFiles(report)) {
    out.push(`SF:${oneLine(file)}`);
    for (const row of functions) out.push(`FN:${row.line},${name(row.name)}`);
    for (const row of functions) out.push(`FNDA:${row.hits},${name(row.name)}`);
    out.push(`FNF:${functions.length}`, `FNH:${functions.filter((row) => row.hits > 0).length}`);
    let branches = 0;
    let taken = 0;
    for (const line of lines) {
      line.branches.forEach((row, index) => {
        branches++;
        if (row.hits > 0) taken++;
        out.push(`BRDA:${line.line},0,${index},${row.isReached ? row.hits : '-'}`);
      });
    }
    out.push(`BRF:${branches}`, `BRH:${taken}`);
    for (const line of lines) out.push(`DA:${line.line},${line.hits}`);
    out.push(`LF:${lines.length}`, `LH:${lines.filter((row) => row.hits > 0).length}`, 'end_of_record');
  }
  return `${out.join('\n')}\n`;
}

/** The format has no escapes: what would end a line becomes a blank. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}

/** A function's name: genhtml splits at commas. */
function name(text: string): string {
  return oneLine(text).replaceAll(',', ' ');
}
