// Report sections: what was read, why packets ended, and what was assumed or simplified.
import { REASONS } from '../event/reasons.ts';
import { SIMPLIFICATIONS } from '../event/simplifications.ts';
import type { DropCount } from '../replay/result.ts';
import { checksumNotes, wrongChecksums } from './checksums.ts';
import { columns, count, duration, octets, percent, utcTime, visible, wrap } from './format.ts';
import type { RunReport } from './model.ts';
import { rulePlace } from './rule-text.ts';

const WIDTH = 100;

/** Captures, ruleset, router, and where packets entered and left. */
export function inputSection(report: RunReport): string[] {
  const { input } = report.replay.result;
  const lines: string[] = [];
  const field = (name: string, text: string): void => {
    lines.push(...wrap(text, WIDTH, name.padEnd(9), ' '.repeat(9)));
  };
  for (const file of input.files) {
    const others = file.linkTypes.filter((name) => !name.startsWith('ETHERNET '));
    const kinds = others.length > 0 ? ` (${others.join(', ')})` : '';
    field('Capture', `${visible(file.path)}: ${count(file.packets)} packets, ${octets(file.wireOctets)}${kinds}`);
    if (file.damage) field('', `DAMAGED: ${visible(file.damage.message)}; everything before was replayed`);
  }
  for (const note of input.notes) field('', visible(note));
  if (input.firstTimeNs !== undefined) {
    field('Time', `${utcTime(BigInt(input.firstTimeNs)).slice(0, 19)} UTC, ${duration(input.durationNs)} long`);
  }
  field('Ruleset', `${visible(report.rulesetPath)}: ${rulesetSummary(report)}`);
  for (const note of report.rulesetNotes) field('', visible(note));
  const router = report.routerPath === undefined ? 'inferred (see Assumptions)' : visible(report.routerPath);
  field('Router', `${router}: ${report.replay.router.interfaces.map((row) => visible(row.name)).join(', ')}`);
  field('Packets', traffic(report));
  return lines;
}

function rulesetSummary(report: RunReport): string {
  const { tables } = report.ruleset;
  const chains = tables.reduce((sum, table) => sum + table.chains.length, 0);
  const rules = tables.reduce((sum, table) => sum + table.chains.reduce((n, chain) => n + chain.rules.length, 0), 0);
  const flowtables = tables.flatMap((table) =>
    table.flowtables.map((row) => {
      const mode = report.offload === 'as-ruled' ? (row.offload ? 'hardware' : 'software') : report.offload;
      return `${visible(row.name)} (${mode}; ${row.devices.map(visible).join(', ')})`;
    }),
  );
  const parts = [plural(tables.length, 'table'), plural(chains, 'chain'), plural(rules, 'rule')];
  return `${parts.join(', ')}${flowtables.length > 0 ? `, flowtable ${flowtables.join(', ')}` : ', no flowtable'}`;
}

function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}

function traffic(report: RunReport): string {
  const { input, names, left } = report.replay.result;
  const entered = input.entered
    .map((packets, index) => ({ name: names.interfaces[index] ?? '', packets }))
    .filter((row) => row.packets > 0 && row.name !== '')
    .map((row) => `${visible(row.name)} ${count(row.packets)}`);
  const out = left
    .map((row, index) => ({ name: names.interfaces[index] ?? '', ...row }))
    .filter((row) => row.frames > 0)
    .map((row) => `${visible(row.name)} ${count(row.frames)}`);
  const leftOut = input.leftOut > 0 ? `, of which --match left out ${count(input.leftOut)}` : '';
  const sides = `${entered.length > 0 ? `; entered at ${entered.join(', ')}` : ''}${out.length > 0 ? `; left by ${out.join(', ')}` : ''}`;
  return `${count(input.packets)}, ${octets(input.wireOctets)}${leftOut}${sides}`;
}

/** Packets that did not go on, by reason and rule. */
export function dropSection(report: RunReport): string[] {
  const { drops, input } = report.replay.result;
  const waiting = drops.filter((row) => REASONS[row.reason]?.name === 'fragment-waits');
  const ended = drops.filter((row) => !waiting.includes(row));
  if (drops.length === 0) return ['Drops: none'];
  const packets = ended.reduce((sum, row) => sum + row.packets, 0);
  const entered = input.packets - input.leftOut;
  const lines = [`Drops: ${count(packets)} of ${count(entered)} packets`];
  const rows = ended
    .slice(0, 20)
    .map((row) => [
      count(row.packets),
      percent(entered > 0 ? row.packets / entered : 0),
      octets(row.bytes),
      `${REASONS[row.reason]?.text ?? ''}${rulePlace(report, REASONS[row.reason]?.name ?? '', row.detail)}`,
    ]);
  for (const line of columns([['packets', 'share', 'bytes', 'why'], ...rows], 'rrrl', '  ')) {
    lines.push(line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line);
  }
  if (ended.length > 20) lines.push(`  and ${count(ended.length - 20)} more rows (--format json has them all)`);
  for (const row of waiting) lines.push(`  ${count(row.packets)} fragments waited for the rest of their packet`);
  return lines;
}

/** What the reader must know before believing the rest. */
export function noteSection(report: RunReport): string[] {
  const { result, assumptions, split } = report.replay;
  const notes = [...assumptions];
  const { input } = result;
  if (input.leftOut > 0) {
    notes.push(
      input.leftOut === input.packets
        ? 'no packet matches --match: nothing was replayed'
        : 'only what --match means was replayed: where it means one direction of a connection, conntrack sees ' +
            'half of it (name both: tcp dport 443; tcp sport 443)',
    );
  }
  if (input.cut > 0)
    notes.push(`the capture cut ${count(input.cut)} packets short: their payload's checksum was believed`);
  if (input.superPackets > 0) {
    notes.push(`${count(input.superPackets)} packets exceed the MTU: taken as GRO super-packets, cut again on output`);
  }
  if (input.partialChecksums > 0) {
    notes.push(
      `${count(input.partialChecksums)} packets were captured before the sender's network card filled in their ` +
        'checksum: taken as good',
    );
  }
  notes.push(...checksumNotes(wrongChecksums(input.checksums), wrongHeaders(result.drops), input.fixedChecksums));
  if (input.untranslated > 0) {
    notes.push(
      `${count(input.untranslated)} answers were captured after the router had translated them back: turned into what ` +
        'must have arrived',
    );
  }
  if (input.retranslated > 0) {
    notes.push(
      `${count(input.retranslated)} answers to the router's own address were given to the inside host that asked: the ` +
        'capture shows both sides of a translation that this ruleset does not do',
    );
  }
  if (input.stripped > 0) {
    notes.push(
      `VLAN or PPPoE headers were taken off ${count(input.stripped)} frames: the inferred router has no such device`,
    );
  }
  notes.push(split);
  const simplified = SIMPLIFICATIONS.filter((_, row) => (result.simplified[row] ?? 0) > 0);
  const lines = ['Assumptions', ...notes.flatMap((note) => wrap(visible(note), WIDTH, '  - ', '    '))];
  if (result.overflowPackets > 0) {
    lines.push(
      ...wrap(
        `${count(result.overflowPackets)} packets met more different paths than are kept apart; they are counted with like ones`,
        WIDTH,
        '  - ',
        '    ',
      ),
    );
  }
  if (simplified.length > 0) {
    lines.push('', 'SIMPLIFIED: where this run differs from the kernel');
    for (const row of simplified) lines.push(...wrap(`${row.name}: ${row.effect}`, WIDTH, '  - ', '    '));
  }
  return lines;
}

function wrongHeaders(drops: readonly DropCount[]): number {
  return drops.find((row) => REASONS[row.reason]?.name === 'bad-checksum')?.packets ?? 0;
}
