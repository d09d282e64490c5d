// The audit as text: the first lines say what breaks when offload is turned on and what it gains, then come the findings
// with their fixes, then what the figures rest on.
import type { Audit, ModeReport } from '../compare/audit/audit.ts';
import type { DeviceReport } from '../compare/audit/devices.ts';
import type { FlowClass } from '../compare/audit/flows.ts';
import { price } from '../cost/pricing.ts';
import { summarise } from '../cost/summary.ts';
import { auditFindings } from './audit-findings.ts';
import { type AuditReport, asRunReport } from './audit-model.ts';
import { REMEDIES } from './audit-remedies.ts';
import { FIX } from './audit-words.ts';
import { byLevel, type Finding, placeText } from './findings.ts';
import { columns, count, cut, percent, visible, wrap } from './format.ts';
import { inputSection, noteSection } from './text-input.ts';

const WIDTH = 100;
const MAX_FINDINGS = 50;
const MAX_NOTES = 40;

/** The whole report, ending in a newline. */
export function textAudit(report: AuditReport): string {
  const { audit } = report;
  const findings = byLevel(auditFindings(audit));
  const sections = [
    answer(audit, findings),
    inputSection(asRunReport(report)),
    findingSection(audit, findings),
    noteList(findings.filter((row) => row.level === 'note')),
    ...(audit.hasFlowtable
      ? [modeSection(audit), costSection(audit), refusalSection(audit), ...audit.devices.map(deviceSection)]
      : []),
    noteSection(asRunReport(report)),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** What breaks, and what it gains: the lines that one reads alone. */
export function answer(audit: Audit, findings: readonly Finding[]): string[] {
  if (!audit.hasFlowtable) {
    return wrap(
      'Nothing breaks: the ruleset has no flowtable, so that nothing is ever offloaded (--turn-on audits it with one).',
      WIDTH,
      '',
      '',
    );
  }
  const { mode, costs } = audit.asRuled;
  const broken = findings.filter((row) => row.level !== 'note');
  const head =
    broken.length === 0
      ? `Nothing that matters breaks with ${mode} offload: no limit, mark, rewrite, log or drop misses a packet.`
      : `${mode[0]?.toUpperCase()}${mode.slice(1)} offload breaks ${broken.length === 1 ? 'one thing' : `${count(broken.length)} things`}: ${headlines(broken)}.`;
  const { input } = audit.asRuled.replay.result;
  const packets = input.packets - input.leftOut;
  const { fastPackets, hardwarePackets } = audit.asRuled.replay.result.flows;
  const fast = fastPackets + hardwarePackets;
  const { all } = costs;
  const change = all.cyclesOff > 0 ? (all.cyclesOff - all.cyclesOn) / all.cyclesOff : 0;
  const gain =
    `${count(fast)} of ${count(packets)} packets (${percent(packets > 0 ? fast / packets : 0)}) take the fast path; ` +
    `connections cost ${percent(Math.abs(change))} ${change >= 0 ? 'fewer' : 'more'} cycles ` +
    `(estimated, ${visible(audit.inputs.profile.name)}).`;
  return [...wrap(head, WIDTH, '', ''), ...wrap(gain, WIDTH, '', '')];
}

const SHORT: Record<string, string> = {
  'audit/traffic-passes': 'blocked traffic passes',
  'audit/traffic-stopped': 'traffic is stopped',
  'audit/frames-changed': 'frames change',
  'audit/accounting': 'conntrack accounting freezes',
  'audit/devices': 'a device never hits the flowtable',
  'audit/passed-over': 'TCP and UDP never comes to `flow add`',
  'audit/nothing-offloaded': 'nothing is offloaded at all',
  'audit/short-flows': 'short connections lose',
};

function headlines(findings: readonly Finding[]): string {
  const stopped = findings.filter((row) => row.rule === 'audit/rule-stopped');
  const effects = [...new Set(stopped.flatMap((row) => row.properties?.effects as string[]))].filter(
    (effect) => effect !== 'counter' || stopped.length === 0,
  );
  const rules =
    stopped.length === 0
      ? []
      : [
          `${stopped.length === 1 ? 'a rule stops' : `${count(stopped.length)} rules stop`} acting (${effects.join(', ')})`,
        ];
  const others = [...new Set(findings.map((row) => SHORT[row.rule]).filter((text) => text !== undefined))];
  return [...others, ...rules].join('; ');
}

function findingSection(audit: Audit, findings: readonly Finding[]): string[] {
  const rows = findings.filter((row) => row.level !== 'note');
  if (rows.length === 0) return [];
  const lines = [`What breaks (${count(rows.length)})`];
  rows.slice(0, MAX_FINDINGS).forEach((row, index) => {
    const number = `${String(index + 1).padStart(3)}. `;
    lines.push(...wrap(`${row.level}: ${head(row)}`, WIDTH, number, '     '));
    const text = row.properties?.text;
    if (typeof text === 'string') lines.push(cut(`     ${visible(text)}`, WIDTH));
    lines.push(...wrap(visible(row.message), WIDTH, '     ', '     '));
    const same = row.help?.startsWith(FIX) === true ? rows.findIndex((other) => other.help === row.help) : index;
    if (same < index) lines.push(`     Fix: the one of ${same + 1} mends this too.`);
    else if (row.help !== undefined) lines.push(...helpLines(row.help));
  });
  if (rows.length > MAX_FINDINGS) {
    lines.push(`     and ${count(rows.length - MAX_FINDINGS)} more (--format json has them)`);
  }
  if (audit.untried > 0) {
    lines.push(`     no fix was looked for in ${count(audit.untried)} cases (--fixes says how many are tried)`);
  }
  return lines;
}

function head(row: Finding): string {
  const chain = row.properties?.chain;
  const place = placeText(row);
  const where =
    typeof chain === 'string' ? `${visible(chain)} rule ${row.properties?.place}` : row.rule.replace('audit/', '');
  return place === '' ? where : `${place} (${where})`;
}

function helpLines(help: string, base = '     '): string[] {
  return help.split('\n').flatMap((line) => {
    const indent = /^ */.exec(line)?.[0] ?? '';
    if (line.startsWith('    ')) return [`${base}${visible(line)}`];
    return wrap(visible(line.trim()), WIDTH, `${base}${indent}`, `${base}${indent}`);
  });
}

function noteList(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  const lines = ['Good to know'];
  for (const row of findings.slice(0, MAX_NOTES)) {
    const place = placeText(row);
    lines.push(...wrap(`${place === '' ? '' : `${place}: `}${visible(row.message)}`, WIDTH, '  - ', '    '));
    if (row.help !== undefined) lines.push(...helpLines(row.help, '    '));
  }
  if (findings.length > MAX_NOTES)
    lines.push(`  and ${count(findings.length - MAX_NOTES)} more (--format json has them)`);
  return lines;
}

function modeSection(audit: Audit): string[] {
  const row = (name: string, replay: ModeReport['replay']): string[] => {
    const pricing = price(replay.result.paths, replay.result.names, audit.inputs.profile);
    const classes = summarise(replay.result.paths, pricing);
    const all = classes.find((entry) => entry.name === 'all');
    const share = (kind: string): string => {
      const entry = classes.find((other) => other.name === kind);
      return count(entry?.packets ?? 0);
    };
    const band = all === undefined ? '' : ` ±${Math.round(((all.high - all.low) / 2) * 100)} %`;
    return [name, share('slow'), share('software'), share('hardware'), `${count(all?.meanCycles ?? 0)}${band}`];
  };
  const { tables } = audit.inputs.replay.ruleset;
  const ruled = tables.some((table) => table.flowtables.some((entry) => entry.offload)) ? 'hardware' : 'software';
  const name = ({ mode }: ModeReport): string => `${mode}${mode === ruled ? ' (as the ruleset says)' : ''}`;
  return [
    `Packets by path, and estimated cycles per packet on ${visible(audit.inputs.profile.name)}`,
    ...columns(
      [
        ['offload', 'slow', 'software', 'hardware', 'cycles'],
        row('off', audit.off),
        row(name(audit.software), audit.software.replay),
        row(name(audit.hardware), audit.hardware.replay),
      ],
      'lrrrr',
      '  ',
    ),
  ];
}

function costSection(audit: Audit): string[] {
  const { software, hardware } = audit;
  if (software.costs.all.flows === 0) return [];
  const cycles = (row: FlowClass, on: boolean): string => {
    const sum = on ? row.cyclesOn : row.cyclesOff;
    const spread = sum > 0 ? Math.round((100 * (on ? row.spreadOn : row.spreadOff)) / sum) : 0;
    return `${count(sum / Math.max(1, row.packets))} ±${spread} %`;
  };
  const change = ({ cyclesOff, cyclesOn }: FlowClass): string =>
    cyclesOff <= 0 ? '' : `${cyclesOn <= cyclesOff ? '-' : '+'}${percent(Math.abs(cyclesOff - cyclesOn) / cyclesOff)}`;
  const rows = [...software.costs.classes, software.costs.all].map((row) => {
    const hard = [...hardware.costs.classes, hardware.costs.all].find((other) => other.name === row.name);
    const onHardware = hard === undefined ? ['-', ''] : [cycles(hard, true), change(hard)];
    const counts = [row.name, count(row.flows), count(row.packets)];
    return [...counts, cycles(row, false), cycles(row, true), change(row), ...onHardware, count(row.losers)];
  });
  const head = ['packets', 'flows', 'packets', 'off', 'software', '', 'hardware', '', 'cost more'];
  return [
    'Connections by length: estimated cycles per packet, and what offload changes',
    ...columns([head, ...rows], 'lrrrrrrrr', '  '),
  ];
}

function refusalSection(audit: Audit): string[] {
  const rows = audit.asRuled.refusals
    .filter((row) => row.name !== 'offloaded')
    .sort((a, b) => b.packets - a.packets)
    .flatMap((row) => {
      const remedy = REMEDIES[row.name];
      const shown = wrap(`${row.text}; ${remedy}`, WIDTH - 22, '', '  ');
      return shown.map((text, index) => (index === 0 ? [count(row.flows), count(row.packets), text] : ['', '', text]));
    });
  if (rows.length === 0) return [];
  return [
    'Connections that are not offloaded: why, and what can be done',
    ...columns([['flows', 'packets', ''], ...rows], 'rrl', '  '),
  ];
}

function deviceSection(report: DeviceReport): string[] {
  const rows = report.ways.map((way) => [
    way.stack.map(visible).join(' > '),
    way.hitsAt === undefined ? 'never' : `at ${visible(way.hitsAt)}`,
    way.hardware ? 'yes' : 'no',
    count(way.packets),
    way.passedBy > 0 ? count(way.passedBy) : '.',
    visible(way.why),
  ]);
  const table = columns([['way in', 'hits', 'hardware', 'packets', 'past it', ''], ...rows], 'llrrrl', '  ');
  const indent = ' '.repeat(
    Math.max(0, ...table.map((line, index) => line.length - (rows[index - 1]?.[5] ?? '').length)),
  );
  return [
    ...wrap(
      `Devices of flowtable ${visible(report.flowtable)} = { ${report.devices.map(visible).join(', ')} }: where frames can hit it`,
      WIDTH,
      '',
      '  ',
    ),
    ...table.flatMap((line) => (line.length <= WIDTH ? [line] : folded(line, indent))),
    ...(report.ways.some((way) => way.passedBy > 0)
      ? ['  past it: packets of offloaded connections that entered here and were not found']
      : []),
  ];
}

/** A line whose last column is too long goes on below that column. */
function folded(line: string, indent: string): string[] {
  const at = indent.length < WIDTH - 20 ? indent.length : 4;
  return wrap(line.slice(at), WIDTH, line.slice(0, at), ' '.repeat(at));
}
