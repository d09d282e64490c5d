// Writes a fitted table as src/cost/weights/<set>.ts.
import { writeFileSync } from 'node:fs';
import type { WeightTable } from '../../src/cost/weights/weights.ts';

/** `constant` is the exported name, e.g. X86_64_WEIGHTS. */
export function writeWeights(file: string, constant: string, table: WeightTable): void {
  const rows = Object.entries(table.rows).map(([name, row]) => {
    const note = row.note === undefined ? '' : `, note: ${JSON.stringify(row.note)}`;
    return `    ${JSON.stringify(name)}: { instructions: ${row.instructions}, basis: '${row.basis}'${note} },`;
  });
  const text = [
    `// Instructions per feature on ${table.instructionSet}. Written by scripts/calibrate.ts: do not edit, run it again.`,
    "import type { WeightTable } from './weights.ts';",
    '',
    `export const ${constant}: WeightTable = {`,
    `  instructionSet: '${table.instructionSet}',`,
    `  source: ${JSON.stringify(table.source)},`,
    `  scenarios: ${table.scenarios},`,
    `  medianError: ${table.medianError},`,
    `  worstError: ${table.worstError},`,
    `  crossValidatedRms: ${table.crossValidatedRms},`,
    '  rows: {',
    ...rows,
    '  },',
    '};',
    '',
  ].join('\n');
  writeFileSync(file, text);
}
