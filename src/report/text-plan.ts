// The plan as text of 100 columns: what was asked, then a block for each device: the verdict in a sentence, a column for
// each kind of offload, what would help. No figure without its interval.
import type { Advice, Band, DevicePlan, ModePlan, Plan, Sweep } from '../plan/result.ts';
import type { Saturation } from '../plan/search.ts';
import { LOSS_FREE } from '../plan/search.ts';
import type { OffloadMode } from '../replay/task.ts';
import { columns, count, duration, percent, visible, wrap } from './format.ts';

const WIDTH = 100;

/** The whole report, ending in a newline. */
export function textPlan(plan: Plan): string {
  const blocks = [
    head(plan),
    ...plan.devices.map((device) => deviceBlock(plan, device)),
    ...plan.sweeps.map(sweepBlock),
    notes(plan),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function head(plan: Plan): string[] {
  const row = (label: string, text: string): string[] => wrap(text, WIDTH, label.padEnd(9), ' '.repeat(9));
  return [
    ...row(
      'Capture',
      `${plan.files.map(visible).join(', ')}: ${count(plan.packets)} packets in ${duration(plan.durationNs)}`,
    ),
    ...row(
      'Traffic',
      `${rates(plan.traffic)} on average, ${count(plan.flows)} connection${plan.flows === 1 ? '' : 's'}`,
    ),
    ...row('Ruleset', visible(plan.rulesetPath)),
    ...row('Target', `${visible(plan.target.text)}: ${rates(plan.target)}, ${scalingText(plan)}`),
    ...row(
      'Reading',
      `without loss: at most one packet in ${count(1 / LOSS_FREE)} is lost, in the busiest stretch as well; rates are means ` +
        'over the whole time. All figures are estimates: (a…b) is where the truth should lie four times of five.',
    ),
  ];
}

function scalingText({ target, mergedFlows }: Plan): string {
  const { clones, speed, copies } = target.scaling;
  const parts: string[] = [];
  if (clones === 1) parts.push('the capture as it is');
  else parts.push(`${count(clones)} times the users, each replayed with addresses and ports of its own, starts spread`);
  if (copies !== 1) parts.push(`in the queues ${figure(copies)} times that`);
  if (Math.abs(speed - 1) > 1e-9) parts.push(`${figure(speed)} times as fast`);
  if (mergedFlows > 0) parts.push(`${count(mergedFlows)} flows of clones fell together with others`);
  return parts.join('; ');
}

function deviceBlock(plan: Plan, device: DevicePlan): string[] {
  const present = device.modes.filter((mode) => mode.absent === undefined);
  const lines = [
    ...wrap(`${visible(device.profile)}: ${visible(device.title)}`, WIDTH, '', '  '),
    ...wrap(verdict(plan, device), WIDTH, '  ', '  '),
    '',
    ...columns(table(plan, present), `l${'r'.repeat(present.length)}`, '  '),
  ];
  for (const mode of device.modes) {
    const name = MODES[mode.mode];
    if (mode.absent !== undefined) lines.push(...wrap(`${name}: ${visible(mode.absent)}`, WIDTH, '  ', '    '));
    if (mode.note !== undefined) {
      lines.push(...wrap(`${name}: ${visible(mode.note)} added to the ruleset, which has none`, WIDTH, '  ', '    '));
    }
    for (const note of mode.tables) lines.push(...wrap(`${name}: ${note}`, WIDTH, '  ', '    '));
  }
  if (device.advice.length + device.useless.length > 0) lines.push('', ...adviceLines(plan, device));
  return lines;
}

const MODES: Record<OffloadMode, string> = {
  'as-ruled': 'offload as ruled',
  off: 'offload off',
  software: 'in software',
  hardware: 'in hardware',
};
const WITH: Record<OffloadMode, string> = {
  'as-ruled': 'as ruled',
  off: 'without offload',
  software: 'with software offload',
  hardware: 'with hardware offload',
};

/** "carries x3 with software offload; probably not without offload (x2.1, then core 0 is full)." */
function verdict(plan: Plan, device: DevicePlan): string {
  const { factor } = plan.target.scaling;
  const present = device.modes.filter((mode) => mode.absent === undefined);
  const groups = new Map<string, ModePlan[]>();
  for (const mode of present) {
    const key = answer(mode, factor);
    groups.set(key, [...(groups.get(key) ?? []), mode]);
  }
  const target = visible(plan.target.text);
  const sentences = [...groups].map(([key, modes]) => {
    const isEvery = modes.length === present.length && present.length > 1;
    return `${key} ${target} ${isEvery ? 'with and without offload' : list(modes.map((mode) => WITH[mode.mode]))}`;
  });
  const ends = present.map((mode) => `${WITH[mode.mode]} ${end(mode)}`);
  return `${sentence(sentences)}. At the highest load, ${ends.join('; ')}.`;
}

function sentence(parts: string[]): string {
  const text = parts.join('; ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function answer(mode: ModePlan, factor: number): string {
  const { value, low, high } = mode.capacity;
  if (low >= factor) return 'carries';
  if (value >= factor) return 'probably carries';
  return high >= factor ? 'probably does not carry' : 'does not carry';
}

function end(mode: ModePlan): string {
  if (mode.capacity.value === 0) return 'nothing gets through without loss';
  return `x${figure(mode.capacity.value)}, ${saturationText(mode.saturation)}`;
}

/** 'core 0 is full', 'bursts overflow the ring of core 0'. */
export function saturationText(saturation: Saturation): string {
  if (saturation.kind === 'none') return 'nothing is full';
  const name = visible(saturation.name);
  return saturation.bursts ? `bursts overflow the ${name}` : `${name} is full`;
}

function table(plan: Plan, modes: ModePlan[]): string[][] {
  const perUser = plan.traffic;
  const target = visible(plan.target.text);
  const row = (label: string, of: (mode: ModePlan) => string): string[] => [label, ...modes.map(of)];
  const bits = unit(Math.max(...modes.map((mode) => mode.capacity.value)) * perUser.bitsPerSecond, 'bit/s');
  const packets = unit(Math.max(...modes.map((mode) => mode.capacity.value)) * perUser.packetsPerSecond, 'packets/s');
  const times = unit(Math.max(...modes.map((mode) => mode.target.p999Ns.value)) / 1e9, 's');
  return [
    ['', ...modes.map((mode) => MODES[mode.mode])],
    row('most without loss: users', (mode) => `x${band(mode.capacity)}`),
    row(`  ${bits.name}`, (mode) => band(mode.capacity, perUser.bitsPerSecond / bits.size)),
    row(`  ${packets.name}`, (mode) => band(mode.capacity, perUser.packetsPerSecond / packets.size)),
    row('  full first', (mode) => cut(saturationName(mode.saturation))),
    row('  busiest core there, %', (mode) => band(mode.busiestCoreAtMost, 100)),
    row('packets slow/soft/hard, %', (mode) =>
      [mode.shares.slow, mode.shares.software, mode.shares.hardware].map(wholePercent).join(' / '),
    ),
    row('cycles a packet', (mode) => band(mode.cyclesPerPacket)),
    row(`at ${target}: busiest core, %`, (mode) => band(mode.target.busiestCore, 100)),
    row('  highest load / target', (mode) => band(mode.headroom)),
    row('  lost, %', (mode) => (mode.target.loss.high === 0 ? 'none' : band(mode.target.loss, 100))),
    row(`  latency p50, ${times.name}`, (mode) => band(mode.target.p50Ns, 1e-9 / times.size)),
    row(`  latency p99, ${times.name}`, (mode) => band(mode.target.p99Ns, 1e-9 / times.size)),
    row(`  latency p99.9, ${times.name}`, (mode) => band(mode.target.p999Ns, 1e-9 / times.size)),
    row(`  jitter, ${times.name}`, (mode) => band(mode.target.jitterNs, 1e-9 / times.size)),
  ];
}

function saturationName({ kind, name, bursts }: Saturation): string {
  return kind === 'none' ? 'nothing' : `${visible(name)}${bursts ? ' (bursts)' : ''}`;
}

function adviceLines(plan: Plan, device: DevicePlan): string[] {
  const base = device.modes.find((mode) => mode.mode === device.base);
  const today = base === undefined ? '' : `, against x${figure(base.capacity.value)} ${WITH[device.base]}`;
  const lines: string[] = [];
  if (device.advice.length > 0) {
    lines.push(...wrap(`What would help, each change replayed, priced and simulated${today}:`, WIDTH, '  ', '  '));
    device.advice.forEach((row, index) => {
      lines.push(...adviceText(plan, row, index + 1));
    });
  } else {
    lines.push(...wrap(`Nothing that was tried helps more than 3 %${today}.`, WIDTH, '  ', '  '));
  }
  if (device.useless.length > 0) {
    lines.push(...wrap(`Tried, gains less than 3 %: ${device.useless.map(visible).join('; ')}`, WIDTH, '  ', '    '));
  }
  return lines;
}

function adviceText(plan: Plan, row: Advice, number: number): string[] {
  const where = row.where === undefined ? '' : ` (${visible(shortPath(row.where))})`;
  const text =
    `${gainText(row)}: ${visible(row.change)}${where}: x${band(row.capacity)}; busiest core at ` +
    `${visible(plan.target.text)} ${percentBand(row.busiestCore)}`;
  const lines = wrap(text, WIDTH, `  ${String(number).padStart(2)}. `, '      ');
  const fates =
    row.changedPackets === undefined
      ? ''
      : row.changedPackets === 0
        ? `all ${count(plan.packets * plan.target.scaling.clones)} packets fare as before`
        : `${count(row.changedPackets)} packets fare otherwise than today`;
  const more = [fates, row.caveat ?? ''].filter((part) => part !== '').join('; ');
  if (more !== '') lines.push(...wrap(more, WIDTH, '      ', '      '));
  return lines;
}

function gainText({ gain, gainBand, saved, savedBand }: Advice): string {
  const part = ({ value, low, high }: Band): string =>
    `${wholePercent(value)} % (${wholePercent(low)}…${wholePercent(high)})`;
  const more = { value: -savedBand.value, low: -savedBand.high, high: -savedBand.low };
  const cycles =
    Math.abs(saved) < 0.005 ? '' : saved >= 0 ? `, ${part(savedBand)} fewer cycles` : `, ${part(more)} more cycles`;
  if (!Number.isFinite(gain)) return `from nothing${cycles}`;
  return gain >= 1.03 ? `${band(gainBand)} times the load${cycles}` : `no more load${cycles}`;
}

function shortPath(place: string): string {
  return place.split('/').pop() ?? place;
}

function sweepBlock(sweep: Sweep): string[] {
  const cell = (value: Band | string): string => (typeof value === 'string' ? value : band(value));
  const rows = sweep.rows.map((row) => [row.value, ...row.cells.map(cell)]);
  return [
    ...wrap(`${sweep.title} (${visible(sweep.profile)})`, WIDTH, '', '  '),
    ...columns([sweep.columns, ...rows], 'r'.repeat(sweep.columns.length), '  '),
    ...sweep.notes.flatMap((note) => wrap(note, WIDTH, '  ', '  ')),
  ];
}

function notes(plan: Plan): string[] {
  if (plan.assumptions.length === 0) return [];
  return ['Assumptions', ...plan.assumptions.flatMap((text) => wrap(visible(text), WIDTH, '  - ', '    '))];
}

/** '12.3 Mbit/s, 4,510 packets/s'. */
function rates({ bitsPerSecond, packetsPerSecond }: { bitsPerSecond: number; packetsPerSecond: number }): string {
  const bits = unit(bitsPerSecond, 'bit/s');
  return `${figure(bitsPerSecond / bits.size)} ${bits.name}, ${figure(packetsPerSecond)} packets/s`;
}

interface Unit {
  name: string;
  size: number;
}

function unit(value: number, base: 'bit/s' | 'packets/s' | 's'): Unit {
  if (base === 's') return value >= 2e-3 ? { name: 'ms', size: 1e-3 } : { name: 'us', size: 1e-6 };
  if (base === 'packets/s') return value >= 2e4 ? { name: 'thousand packets/s', size: 1e3 } : { name: base, size: 1 };
  if (value >= 1e9) return { name: 'Gbit/s', size: 1e9 };
  return value >= 1e6 ? { name: 'Mbit/s', size: 1e6 } : { name: 'kbit/s', size: 1e3 };
}

/** Three digits that count: '1,230', '45.6', '0.0123'. */
export function figure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  if (value >= 100) return count(Number(value.toPrecision(3)));
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}

/** '45.6 (40…52)'. */
export function band({ value, low, high }: Band, factor = 1): string {
  return `${figure(value * factor)} (${figure(low * factor)}…${figure(high * factor)})`;
}

function percentBand({ value, low, high }: Band): string {
  if (high === 0) return 'none';
  return `${share(value)} (${share(low)}…${share(high)})`;
}

/** '0', '<1', '12', '>99', '100'. */
function wholePercent(value: number): string {
  if (value > 0 && value < 0.01) return '<1';
  return value > 0.99 && value < 1 ? '>99' : String(Math.round(value * 100));
}

function share(value: number): string {
  if (value > 0 && value < 0.0005) return `${figure(value * 100)} %`;
  return percent(value);
}

function list(names: string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

const MOST_CELL = 22;

function cut(text: string): string {
  return text.length <= MOST_CELL ? text : `${text.slice(0, MOST_CELL - 1)}…`;
}
