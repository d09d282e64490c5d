// The judgement as Markdown, and the fitted numbers as YAML.
import { UNPRICED } from './figures.ts';
import type { Outcome, Verdict } from './judge.ts';

/** Summary, table, and what is not in it. */
export function table({ verdicts }: Outcome): string {
  const left = verdicts.filter((row) => row.use === 'left out');
  const byCpu = left.filter((row) => !row.limited);
  const widths = byCpu.filter((row) => row.full).map(halfWidth);
  const wide = byCpu.filter((row) => row.full && halfWidth(row) > 0.25);
  return [
    `- ${verdicts.length} figures; fitted: ${verdicts.length - left.length}, ${share(verdicts.filter((row) => row.use === 'fitted'))}`,
    `- left out: ${left.length}, ${share(left)}; of those that the CPU decides: ${byCpu.length}, ${share(byCpu)}`,
    `- half width of the interval, figures left out whose source gives the full setup: ${percent(Math.min(...widths))} to ${percent(Math.max(...widths))}, median ${percent(median(widths))}; above 25 %: ${wide.length > 0 ? wide.map((row) => row.id).join(', ') : 'none'}`,
    '',
    '| id | profile | figure and setup | published | estimated | interval | inside | use |',
    '|---|---|---|---:|---:|---:|---|---|',
    ...verdicts.map(
      (row) =>
        `| ${row.id} | ${row.profile} | ${row.what}${row.full ? '' : ' (setup in part)'} | ${number(row.value)} ${row.unit} | ` +
        `${number(row.estimate)} | ${number(row.low)} to ${number(row.high)} | ${inside(row) ? 'yes' : '**no**'} | ${row.use}${row.limited ? ' (line or hardware)' : ''} |`,
    ),
    '',
    'No estimate stands beside:',
    '',
    ...UNPRICED.map(([ids, why]) => `- ${ids}: ${why}`),
  ].join('\n');
}

function inside(row: Verdict): boolean {
  return row.low <= row.value && row.value <= row.high;
}

function share(rows: Verdict[]): string {
  const held = rows.filter(inside).length;
  return `${held} inside their interval (${percent(rows.length > 0 ? held / rows.length : 0)})`;
}

function halfWidth(row: Verdict): number {
  return (row.high - row.low) / 2 / Math.max(1e-9, row.estimate);
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function percent(value: number): string {
  return `${(value * 100).toFixed(0)} %`;
}

function number(value: number): string {
  return value >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** Fitted numbers by profile, as src/cost/profiles/fitted.yaml. */
export function fittedYaml({ fitted }: Outcome): string {
  const lines = [
    '# Numbers of profiles as fitted to published figures. Written by scripts/accuracy.ts --write: do not edit.',
  ];
  for (const { profile, keys } of fitted) {
    lines.push(`${profile.name}:`);
    for (const key of keys) {
      const { value, low, high, source, confidence } = profile[key];
      lines.push(`  ${key}: ${JSON.stringify({ value, confidence, low, high, source })}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
