// Report section: packets, octets and estimated cycles by path class, for each device, and the dearest paths.
import { describePath } from '../cost/describe-path.ts';
import type { Pricing } from '../cost/pricing.ts';
import { dearestPaths, summarise } from '../cost/summary.ts';
import { columns, count, octets, percent, visible, wrap } from './format.ts';
import type { RunReport } from './model.ts';

const WIDTH = 100;
const DEAREST = 10;

/** Costs on every device, then the dearest paths on the first. */
export function costSection(report: RunReport): string[] {
  const lines: string[] = [];
  for (const pricing of report.pricings) lines.push(...deviceTable(report, pricing), '');
  const [first] = report.pricings;
  if (first !== undefined) lines.push(...dearest(report, first));
  while (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

function deviceTable(report: RunReport, pricing: Pricing): string[] {
  const rows = summarise(report.replay.result.paths, pricing).map((row) => [
    row.name,
    count(row.packets),
    percent(row.packetShare),
    octets(row.bytes),
    percent(row.byteShare),
    row.packets > 0 ? `${count(row.meanCycles)} ${band(row.low, row.high)}` : '-',
    row.packets > 0 ? count(row.p50Cycles) : '-',
    row.packets > 0 ? count(row.p99Cycles) : '-',
    percent(row.cycleShare),
  ]);
  const head = ['path', 'packets', 'share', 'bytes', 'share', 'mean', 'p50', 'p99', 'of cycles'];
  return [
    ...wrap(
      `Estimated cycles per packet on ${visible(pricing.profile.name)}: ${visible(pricing.profile.title)}`,
      WIDTH,
      '',
      '  ',
    ),
    ...columns([head, ...rows], 'lrrrrrrrr', '  '),
    '  ± should hold the truth four times of five, for p50 and p99 as for the mean of their row',
  ];
}

/** '±34 %': half the width of the interval. */
function band(low: number, high: number): string {
  return `±${Math.round(((high - low) / 2) * 100)} %`;
}

function dearest(report: RunReport, pricing: Pricing): string[] {
  const { paths, names } = report.replay.result;
  const rows = dearestPaths(paths, pricing, DEAREST);
  if (rows.length === 0) return [];
  const lines = [`The ${rows.length} dearest paths (estimated, ${visible(pricing.profile.name)})`];
  rows.forEach((row, index) => {
    const head =
      `${percent(row.cycleShare)} of cycles: ${count(row.packets)} packet${row.packets === 1 ? '' : 's'}, ` +
      `${count(row.cyclesPerPacket)} cycles each ${band(row.low, row.high)}`;
    lines.push(`${String(index + 1).padStart(3)}. ${head}`);
    lines.push(...wrap(visible(describePath(paths, names, row.path).join(' > ')), WIDTH, '     ', '     '));
  });
  return lines;
}
