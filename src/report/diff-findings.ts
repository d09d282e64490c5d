// The entries of `nftreplay diff` as findings and as JSON.

import type { DiffEntry } from '../compare/comparison.ts';
import type { Decision } from '../compare/decision.ts';
import type { FateName } from '../compare/fate.ts';
import type { SideFigures } from '../compare/figures.ts';
import { VERDICTS } from '../packet/packet.ts';
import type { DiffReport } from './diff-model.ts';
import type { Finding, FindingRule } from './findings.ts';
import { count, octets } from './format.ts';
import { fateText } from './text-diff.ts';

/** Name and version of the shape of jsonDiff. */
export const DIFF_SCHEMA = 'nftreplay.diff/1';

/** What the rule ids of diff mean. */
export const DIFF_RULES: FindingRule[] = [
  rule('verdict', 'VerdictChanged', 'Packets end differently', 'warning'),
  rule('translation', 'TranslationChanged', 'Connections are translated otherwise', 'warning'),
  rule('interface', 'InterfaceChanged', 'Packets leave by another interface', 'warning'),
  rule('mark', 'MarkChanged', 'Packets or connections carry another mark', 'warning'),
  rule('path', 'PathChanged', 'Packets take another path: slow, flowtable, hardware', 'note'),
  rule('frames', 'FramesChanged', 'Other octets leave the router', 'warning'),
  {
    id: 'diff/untouched',
    name: 'RunningConnectionsUntouched',
    title: 'A change does not reach running connections',
    text: 'Connections that ran when the new ruleset was loaded go on as before, by the flowtable or as established ones.',
    level: 'warning',
  },
];

function rule(fate: FateName, name: string, title: string, level: FindingRule['level']): FindingRule {
  const text = `${title} under the new ruleset than under the old one, for the packets of the capture.`;
  return { id: `diff/${fate}`, name, title, text, level };
}

/** A finding for each entry, at the new rule when there is one. */
export function diffFindings({ diff }: DiffReport): Finding[] {
  return [...diff.entries.map(changed), ...(diff.swap?.untouched ?? []).map(untouched)];
}

/** A running connection that a swap does not reach: told where the rule stands that would. */
function untouched(row: DiffEntry): Finding {
  const finding = changed(row);
  return {
    ...finding,
    rule: 'diff/untouched',
    level: 'warning',
    message: `running connections go on as before: ${finding.message.replace('; old: ', '; now: ').replace('; new: ', '; alone: ')}`,
  };
}

function changed(row: DiffEntry): Finding {
  const location = row.new.location ?? row.old.location;
  const related = [
    ...(row.old.location === undefined ? [] : [{ message: `old: ${words(row.old)}`, location: row.old.location }]),
    ...(row.new.location === undefined ? [] : [{ message: `new: ${words(row.new)}`, location: row.new.location }]),
  ];
  const size = `${count(row.flows)} flow${row.flows === 1 ? '' : 's'}, ${count(row.packets)} packet${row.packets === 1 ? '' : 's'}, ${octets(row.bytes)}`;
  const [example] = row.examples;
  return {
    rule: `diff/${row.fate}`,
    level: row.fate === 'path' ? 'note' : 'warning',
    message:
      `${fateText(row)}: ${size}; old: ${words(row.old)}; new: ${words(row.new)}` +
      (example === undefined ? '' : `; first: packet ${example.packet}, ${example.tuple}`),
    ...(location === undefined ? {} : { location }),
    related,
    properties: { flows: row.flows, packets: row.packets, bytes: row.bytes },
  };
}

function words(row: Decision): string {
  const text = row.place === '' ? row.text : `${row.place}: ${row.text}`;
  return row.kind === 'unmatched' ? `${text} (did not match)` : text;
}

/** A plain object that JSON.stringify takes. */
export function jsonDiff(report: DiffReport): object {
  const { diff } = report;
  return {
    schema: DIFF_SCHEMA,
    version: report.version,
    old: { path: report.oldPath },
    new: { path: report.newPath },
    router: { path: report.routerPath ?? null, ...diff.old.router },
    notes: report.notes,
    captures: diff.old.result.input.files.map(({ wireOctets, ...file }) => ({ ...file, wireBytes: wireOctets })),
    profile: diff.profile.name,
    estimated: true,
    packets: diff.old.result.input.packets,
    flows: diff.flows,
    changedPackets: diff.changedPackets,
    changedFlows: diff.changedFlows,
    otherwiseDecidedPackets: diff.otherwiseDecided,
    before: figures(diff.before),
    after: figures(diff.after),
    entries: diff.entries.map(entry),
    swap:
      diff.swap === undefined
        ? null
        : {
            beforePacket: diff.swap.before ?? null,
            keepsFlowtables: diff.swap.keeps,
            untouchedFlows: diff.swap.untouchedFlows,
            untouchedPackets: diff.swap.untouchedPackets,
            untouched: diff.swap.untouched.map(entry),
          },
    assumptions: [...new Set([...diff.old.assumptions, ...diff.new.assumptions])],
  };
}

function entry(row: DiffEntry): object {
  return {
    fate: row.fate,
    from: row.from,
    to: row.to,
    old: decision(row.old),
    new: decision(row.new),
    flows: row.flows,
    packets: row.packets,
    bytes: row.bytes,
    before: figures(row.before),
    after: figures(row.after),
    consequences: row.consequences,
    examples: row.examples,
  };
}

function decision(row: Decision): object {
  return {
    kind: row.kind,
    place: row.place,
    text: row.text,
    file: row.location?.file ?? null,
    line: row.location?.line ?? null,
    via: row.via ?? null,
    note: row.note ?? null,
  };
}

function figures(row: SideFigures): object {
  return {
    packets: row.packets,
    bytes: row.bytes,
    cycles: row.cycles,
    offloadedPackets: row.fastPackets,
    ...Object.fromEntries(VERDICTS.map((name, verdict) => [VERDICT_KEYS[name], row.verdicts[verdict] ?? 0])),
  };
}

const VERDICT_KEYS = { forward: 'forwarded', local: 'local', drop: 'dropped', consumed: 'waiting' } as const;
