// Report section: packets, octets and estimated cycles by path class, for each device, and the dearest paths.
import { f64 } from '../base/columns.ts';
import { describePath } from '../cost/describe-path.ts';
import { cyclesAtBusy } from '../cost/load.ts';
import type { Pricing } from '../cost/pricing.ts';
import { dearestPaths, pathCycles, summarise } from '../cost/summary.ts';
import { workingSet } from '../replay/working-set.ts';
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
    ...loadLines(report, pricing),
  ];
}

/** A core's load at which the report says what a packet costs beside full load. */
const LIGHT_LOAD = 0.1;
/** Cache misses are worth a line from this part of the mean on. */
const LEAST_MEMORY = 0.02;

/** What the table assumes: the load of the cores, and how much state was in use. */
function loadLines({ replay: { result } }: RunReport, pricing: Pricing): string[] {
  const { profile } = pricing;
  const { paths } = result;
  let packets = 0;
  let interrupts = 0;
  let memory = 0;
  let cycles = 0;
  for (let path = 0; path < paths.packets.length; path++) {
    const times = f64(paths.packets, path);
    // The engine's packets, and those that nothing happened to.
    if (f64(pricing.cyclesFixed, path) === 0) continue;
    packets += times;
    interrupts += f64(pricing.interrupts, path) * times;
    memory += f64(pricing.memory, path) * times;
    cycles += pathCycles(paths, pricing, path);
  }
  if (packets === 0) return [];
  const lines: string[] = [];
  if (interrupts > 0) {
    const light = cyclesAtBusy(profile, (cycles - interrupts) / packets, LIGHT_LOAD);
    const shared = count(profile.packetsPerPoll.value);
    lines.push(
      `  full cores: ${shared} packets share an interrupt; at ${percent(LIGHT_LOAD)} busy the mean of slow and software is ${count(light)}`,
    );
  }
  if (memory > cycles * LEAST_MEMORY) {
    const { connections, flows } = workingSet(result);
    lines.push(
      `  ${count(connections)} connections, ${count(flows)} flows at once outgrow the caches: ${count(memory / packets)} cycles of that mean`,
    );
  }
  return lines;
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
