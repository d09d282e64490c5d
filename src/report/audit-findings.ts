// An audit as findings: one for each thing that offload changes, at its place in the ruleset, with the fix that a replay
// proved. Every figure in a message is a count of the replays.
import { type Audit, type FateRow, matters, type StoppedRule } from '../compare/audit/audit.ts';
import type { MissedAction } from '../compare/audit/differences.ts';
import { isCosmetic as isCosmeticField } from '../compare/audit/frames.ts';
import { REASONS } from '../event/reasons.ts';
import { offloadFindings } from './audit-offload-findings.ts';
import { extent, finding, first, fixText, flows, flowtables, packets, placedRule, textOf } from './audit-words.ts';
import type { Finding } from './findings.ts';
import { count, octets } from './format.ts';

/** All findings, in the order of the report: fates, rules, frames, accounting, devices, flows. */
export function auditFindings(audit: Audit): Finding[] {
  if (!audit.hasFlowtable) return [];
  return [
    ...audit.fates.map((row) => fateFinding(audit, row)),
    ...audit.stopped.filter((row) => !letsThrough(audit, row)).map((row) => ruleFinding(audit, row)),
    ...framesFinding(audit),
    ...accountingFinding(audit),
    ...connectionsFinding(audit),
    ...offloadFindings(audit),
    ...hardwareFindings(audit),
  ];
}

/** Its packets pass: that finding says the rest too. */
function letsThrough({ fates }: Audit, { rule }: StoppedRule): boolean {
  return fates.some((row) => row.passes && row.detail === rule && REASONS[row.reason]?.name !== 'policy');
}

function fateFinding(audit: Audit, row: FateRow): Finding {
  const reason = REASONS[row.reason];
  const isPolicy = reason?.name === 'policy';
  const { names } = audit.off.result;
  const rule = isPolicy ? undefined : placedRule(audit, row.detail);
  const chain = isPolicy ? audit.inputs.replay.ruleset.tables.flatMap((table) => table.chains)[row.detail] : undefined;
  const who = isPolicy
    ? `the policy of ${names.chains[row.detail] ?? ''}`
    : rule !== undefined
      ? `this rule of ${rule.table.family} ${rule.table.name} ${rule.chain.name}`
      : `the router (${reason?.text ?? ''})`;
  const stopped = rule === undefined ? undefined : audit.stopped.find((other) => other.rule === row.detail);
  const lead = stopped === undefined ? undefined : leadOf(stopped.missed);
  const acts =
    lead === undefined || !row.passes ? '' : `; it stops acting on ${count(lead.packets)} of ${count(lead.of)} packets`;
  const message = row.passes
    ? `${packets(row)} that ${who} stops pass with ${audit.asRuled.mode} offload (${first(row)})${acts}`
    : `${packets(row)} that pass without offload are stopped by ${who} with ${audit.asRuled.mode} offload (${first(row)})`;
  const fix = row.fix ?? stopped?.fix;
  const invalid =
    row.invalid * 2 < row.packets
      ? ''
      : `; conntrack calls ${row.invalid === row.packets ? 'them' : count(row.invalid)} invalid, and the fast path does not ask it`;
  // What the kernel itself would stop, or only because a window was missed, is no rule that somebody relies on.
  const isOurs = rule !== undefined || isPolicy;
  return finding(
    row.passes ? 'audit/traffic-passes' : 'audit/traffic-stopped',
    isOurs && row.invalid < row.packets ? 'error' : 'warning',
    message + invalid,
    rule?.rule.location ?? chain?.location,
    fix === undefined ? undefined : fixText(fix),
    {
      ...extent(row),
      reason: reason?.name ?? '',
      ...(rule === undefined ? {} : { text: textOf(audit, row.detail) }),
    },
  );
}

function ruleFinding(audit: Audit, { rule, missed, fix }: StoppedRule): Finding {
  const placed = placedRule(audit, rule);
  const needed = missed.filter(matters);
  const lead = leadOf(missed);
  const losses = [...new Set([...needed, ...missed].map((row) => loss(audit, row)))];
  const message =
    `this rule stops acting on ${count(lead.packets)} of ${count(lead.of)} packets (${octets(lead.bytes)}, ` +
    `${flows(lead.flows)}; ${first(lead)}): ${losses.join('; ')}`;
  return finding(
    'audit/rule-stopped',
    needed.length > 0 ? 'warning' : 'note',
    message,
    placed?.rule.location,
    fix === undefined ? undefined : fixText(fix),
    {
      ...extent(lead),
      of: lead.of,
      effects: missed.map((row) => row.effect.kind),
      changedFrames: Math.max(...missed.map((row) => row.changedFrames)),
      chain: placed === undefined ? '' : `${placed.table.family} ${placed.table.name} ${placed.chain.name}`,
      place: placed?.place ?? 0,
      text: textOf(audit, rule),
    },
  );
}

/** The statement that missed most, of those that matter if any does. */
function leadOf(missed: readonly MissedAction[]): MissedAction {
  const needed = missed.filter(matters);
  return [...(needed.length > 0 ? needed : missed)].sort((a, b) => b.packets - a.packets)[0] as MissedAction;
}

function loss(audit: Audit, row: MissedAction): string {
  const { effect } = row;
  if (effect.need === 'connection' && row.unseen === 0) return `${effect.kind} was set before, and stays`;
  if (effect.kind !== 'header rewrite' && effect.kind !== 'TCP option rewrite') return effect.loss;
  if (row.changedFrames === 0) return `${effect.loss}, which changes no frame here`;
  const fields = audit.fields.fields
    .slice(0, 3)
    .map(({ name, example }) => (example === '' ? name : `${name} ${example}`));
  const what = fields.length === 0 ? '' : `: ${fields.join(', ')}`;
  return `${effect.loss} (${count(row.changedFrames)} frames leave different${what})`;
}

function framesFinding(audit: Audit): Finding[] {
  const { unexplained, invalid } = audit.asRuled.differences.frames;
  const found: Finding[] = [];
  if (unexplained.packets > 0) {
    const { frames, cosmetic, fields } = audit.fields;
    const isCosmetic = frames > 0 && cosmetic === frames;
    const names = fields
      .filter((row) => isCosmetic || !isCosmeticField(row.name))
      .map((row) => row.name)
      .slice(0, 5);
    const why = isCosmetic ? '; the slow path trims padding and mends checksums that the capture holds open' : '';
    const message = `${packets(unexplained)} leave different (${first(unexplained)})${names.length > 0 ? `: ${names.join(', ')}` : ''}${why}`;
    const level = isCosmetic ? 'note' : 'warning';
    found.push(finding('audit/frames-changed', level, message, undefined, undefined, extent(unexplained)));
  }
  if (invalid.packets > 0) {
    const message =
      `${packets(invalid)} leave different (${first(invalid)}): conntrack calls them invalid and does not translate them; ` +
      'the fast path does not ask, and does';
    found.push(finding('audit/frames-changed', 'note', message, undefined, undefined, extent(invalid)));
  }
  return found;
}

function accountingFinding(audit: Audit): Finding[] {
  const { uncounted, counted } = audit.asRuled.differences;
  if (uncounted.packets === 0) return [];
  const [example] = audit.asRuled.connections.counted;
  const shown =
    example === undefined ? '' : `; e.g. conntrack shows ${example.packetsOn} instead of ${example.packetsOff} packets`;
  const message =
    `conntrack counts ${count(counted - uncounted.packets)} instead of ${count(counted)} packets ` +
    `(${octets(uncounted.bytes)} uncounted, ${flows(uncounted.flows)}; ${first(uncounted)})${shown}`;
  const flowtable = flowtables(audit).find((row) => !row.counter);
  const help = audit.accountingFix === undefined ? undefined : fixText(audit.accountingFix);
  return [
    finding('audit/accounting', 'warning', message, flowtable?.location, help, { ...extent(uncounted), of: counted }),
  ];
}

function connectionsFinding(audit: Audit): Finding[] {
  const { shorter, longer, states, onlyOff, onlyOn, common } = audit.asRuled.connections;
  const parts = [
    [shorter, 'time out earlier'],
    [longer, 'time out later'],
    [states, 'end in another state'],
    [onlyOff, 'are gone already'],
    [onlyOn, 'are still there'],
  ] as const;
  const said = parts.filter(([number]) => number > 0).map(([number, text]) => `${count(number)} ${text}`);
  if (said.length === 0) return [];
  const message = `of ${count(common)} connections left at the end, ${said.join(', ')}`;
  return [
    finding('audit/connections', 'note', message, undefined, undefined, {
      common,
      shorter,
      longer,
      states,
      onlyOff,
      onlyOn,
    }),
  ];
}

/** Rules that software offload leaves alone and hardware would not. */
function hardwareFindings(audit: Audit): Finding[] {
  if (audit.asRuled.mode === 'hardware') return [];
  const known = new Set(audit.stopped.map((row) => row.rule));
  const rows = new Map<number, MissedAction>();
  for (const row of audit.hardware.differences.missed) if (!known.has(row.rule)) rows.set(row.rule, row);
  return [...rows.values()].map((row) => {
    const placed = placedRule(audit, row.rule);
    const message = `with flags offload this rule would stop acting on ${count(row.packets)} of ${count(row.of)} packets: ${row.effect.loss}`;
    return finding('audit/hardware-only', 'note', message, placed?.rule.location, undefined, {
      ...extent(row),
      of: row.of,
      text: textOf(audit, row.rule),
    });
  });
}
