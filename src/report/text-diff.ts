// `nftreplay diff` as text: what changed in all, then one entry for each pair of rules that changes the fate of flows.

import type { DiffEntry } from '../compare/comparison.ts';
import type { Decision } from '../compare/decision.ts';
import type { FateName } from '../compare/fate.ts';
import type { SideFigures } from '../compare/figures.ts';
import { VERDICTS } from '../packet/packet.ts';
import type { DiffReport } from './diff-model.ts';
import { columns, count, cut, duration, octets, percent, visible, wrap } from './format.ts';

const WIDTH = 100;
const MAX_ENTRIES = 40;

/** The whole report, ending in a newline. */
export function textDiff(report: DiffReport): string {
  return `${[head(report), ...entries(report.diff.entries), ...untouched(report), notes(report)]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function head(report: DiffReport): string[] {
  const { diff } = report;
  const lines: string[] = [];
  const field = (name: string, text: string): void => {
    lines.push(...wrap(text, WIDTH, name.padEnd(9), ' '.repeat(9)));
  };
  field('Old', visible(report.oldPath));
  field('New', visible(report.newPath));
  for (const file of diff.old.result.input.files) {
    field('Capture', `${visible(file.path)}: ${count(file.packets)} packets, ${octets(file.wireOctets)}`);
    if (file.damage) field('', `DAMAGED: ${visible(file.damage.message)}; everything before was replayed`);
  }
  const names = diff.old.router.interfaces.map((row) => visible(row.name)).join(', ');
  const inferred = 'inferred from both rulesets (see Assumptions)';
  field('Router', `${report.routerPath === undefined ? inferred : visible(report.routerPath)}: ${names}`);
  if (diff.swap !== undefined) field('Swap', swapText(diff.swap));
  for (const line of report.notes) field('', visible(line));
  lines.push('', ...figures(diff.before, diff.after, diff.profile.name), '', ...wrap(verdict(report), WIDTH, '', ''));
  return lines;
}

function swapText({ before, keeps }: NonNullable<DiffReport['diff']['swap']>): string {
  if (before === undefined) return 'the capture ends before it: only the old ruleset was replayed';
  const stays = keeps
    ? 'connections stay, and flowtables that both rulesets have, with the flows in them'
    : 'connections stay, flowtables are deleted and made anew: their flows take the slow path';
  return `old until packet ${count(before - 1)}, new from packet ${count(before)} on; ${stays}`;
}

function verdict({ diff }: DiffReport): string {
  if (diff.changedPackets === 0) {
    const by = diff.otherwiseDecided > 0 ? ` (${count(diff.otherwiseDecided)} are decided by another rule, alike)` : '';
    return `No flow changes its fate: all ${count(diff.old.result.input.packets - diff.old.result.input.leftOut)} packets meet the same${by}.`;
  }
  const causes = diff.entries.length;
  const after = diff.swap === undefined ? '' : ' after the swap';
  const share = `${count(diff.changedFlows)} of ${plural(diff.flows, 'flow')} change${diff.changedFlows === 1 ? 's' : ''} fate`;
  return `${share} in ${plural(diff.changedPackets, 'packet')}${after}, for ${plural(causes, 'cause')}:`;
}

/** Verdicts, offload share and cycles of both sides. */
function figures(before: SideFigures, after: SideFigures, profile: string): string[] {
  const rows: string[][] = [['', 'old', 'new', 'change']];
  VERDICTS.forEach((name, row) => {
    const a = before.verdicts[row] ?? 0;
    const b = after.verdicts[row] ?? 0;
    if (a + b > 0) rows.push([VERDICT_TEXTS[name], count(a), count(b), signed(b - a)]);
  });
  rows.push(['through a flowtable', share(before), share(after), '']);
  const a = mean(before);
  const b = mean(after);
  rows.push([`cycles/packet (${profile})`, count(a), count(b), a > 0 ? relative(b / a - 1) : '']);
  return columns(rows, 'lrrr', '  ');
}

const VERDICT_TEXTS = {
  forward: 'packets forwarded',
  local: 'for the router itself',
  drop: 'dropped',
  consumed: 'waiting (fragments)',
} as const;

/** Running connections that a swap in the middle does not reach. */
function untouched({ diff: { swap } }: DiffReport): string[][] {
  if (swap === undefined || swap.before === undefined) return [];
  if (swap.untouched.length === 0) {
    return [wrap('The new ruleset reaches every connection that ran when it was loaded.', WIDTH, '', '')];
  }
  const text =
    `${plural(swap.untouchedFlows, 'running connection')} go${swap.untouchedFlows === 1 ? 'es' : ''} on as before ` +
    `(${plural(swap.untouchedPackets, 'packet')}), though the new ruleset alone would treat ${swap.untouchedFlows === 1 ? 'it' : 'them'} otherwise:`;
  return [wrap(text, WIDTH, '', ''), ...entries(swap.untouched, ['now', 'alone'])];
}

function entries(all: readonly DiffEntry[], sides: readonly [string, string] = ['old', 'new']): string[][] {
  const shown = all.slice(0, MAX_ENTRIES).map((row, index) => entry(row, index + 1, sides));
  if (all.length > MAX_ENTRIES) {
    shown.push([`and ${plural(all.length - MAX_ENTRIES, 'more cause')} (--format json has them all)`]);
  }
  return shown;
}

function entry(row: DiffEntry, number: number, [old, now]: readonly [string, string]): string[] {
  const size = `${plural(row.flows, 'flow')}, ${plural(row.packets, 'packet')}, ${octets(row.bytes)}`;
  const lines = wrap(`${String(number).padStart(2)}. ${fateText(row)}: ${size}`, WIDTH, '', '    ');
  const width = Math.max(old.length, now.length);
  lines.push(...decision(old.padEnd(width), row.old), ...decision(now.padEnd(width), row.new));
  const flows = row.flows === 1 ? 'this flow' : 'these flows';
  const a = mean(row.before);
  const b = mean(row.after);
  const change = a > 0 ? ` (${relative(b / a - 1)})` : '';
  const offload =
    row.before.fastPackets + row.after.fastPackets > 0
      ? `; through a flowtable ${share(row.before)} -> ${share(row.after)}`
      : '';
  lines.push(
    ...wrap(`all of ${flows}: ${count(a)} -> ${count(b)} cycles/packet${change}${offload}`, WIDTH, '    ', '      '),
  );
  for (const one of row.consequences) {
    const text = `in consequence: ${fateText(one)}: ${plural(one.packets, 'packet')} of ${plural(one.flows, 'flow')}`;
    lines.push(...wrap(text, WIDTH, '    ', '      '));
  }
  row.examples.forEach((one, index) => {
    const at = `#${one.packet} at ${duration(one.timeNs)}`;
    lines.push(cut(`    ${index === 0 ? 'e.g.' : '    '} ${at}  ${visible(one.tuple)}`, WIDTH));
    if (one.change !== undefined) lines.push(...wrap(visible(one.change), WIDTH, '           ', '           '));
  });
  return lines;
}

function decision(side: string, row: Decision): string[] {
  const indent = ' '.repeat(side.length + 6);
  const lines = wrap(decisionText(row), WIDTH, `    ${side}  `, indent);
  if (row.via !== undefined) lines.push(...wrap(`from ${visible(row.via)}`, WIDTH, indent, indent));
  if (row.note !== undefined) lines.push(...wrap(`(${visible(row.note)})`, WIDTH, indent, `${indent} `));
  return lines;
}

/** 'fw.nft:12: inet fw4 forward rule 3: tcp dport 22 accept', for people. */
export function decisionText(row: Decision): string {
  const where = row.location === undefined ? '' : `${visible(row.location.file)}:${row.location.line}: `;
  const place = row.place === '' ? '' : `${visible(row.place)}: `;
  return `${where}${place}${visible(row.text)}${row.kind === 'unmatched' ? ' (did not match)' : ''}`;
}

/** 'forwarded -> dropped'. */
export function fateText(row: Pick<DiffEntry, 'fate' | 'from' | 'to'>): string {
  const title = FATE_TEXTS[row.fate];
  if (row.fate === 'verdict') return `${STATES[row.from] ?? row.from} -> ${STATES[row.to] ?? row.to}`;
  if (row.fate === 'path') return `${STATES[row.from] ?? row.from} -> ${STATES[row.to] ?? row.to}`;
  if (row.fate === 'mark' || (row.fate === 'frames' && row.from !== row.to))
    return `${title}: ${row.from} -> ${row.to}`;
  return title;
}

const STATES: Readonly<Record<string, string>> = {
  forward: 'forwarded',
  local: 'delivered to the router',
  drop: 'dropped',
  consumed: 'kept waiting',
  slow: 'slow path',
  software: 'flowtable',
  hardware: 'hardware flowtable',
};

const FATE_TEXTS: Readonly<Record<FateName, string>> = {
  verdict: 'another verdict',
  translation: 'translated otherwise',
  interface: 'leaves by another interface',
  mark: 'marked otherwise',
  path: 'another path',
  frames: 'other frames leave',
};

function notes({ diff }: DiffReport): string[] {
  const assumptions = [...new Set([...diff.old.assumptions, ...diff.new.assumptions])];
  if (assumptions.length === 0) return [];
  return ['Assumptions', ...assumptions.flatMap((note) => wrap(visible(note), WIDTH, '  - ', '    '))];
}

function share({ packets, fastPackets }: SideFigures): string {
  return percent(packets > 0 ? fastPackets / packets : 0);
}

function mean({ packets, cycles }: SideFigures): number {
  return packets > 0 ? cycles / packets : 0;
}

function signed(value: number): string {
  return value === 0 ? '' : `${value > 0 ? '+' : '-'}${count(Math.abs(value))}`;
}

function relative(value: number): string {
  const text = (Math.abs(value) * 100).toFixed(1);
  return text === '0.0' ? 'same' : `${value > 0 ? '+' : '-'}${text} %`;
}

function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}
