// How audit's findings say things: extents, connections, and fixes with what proved them.
import type { SourceLocation } from '../base/errors.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Audit } from '../compare/audit/audit.ts';
import type { Extent } from '../compare/audit/differences.ts';
import type { Fix } from '../compare/audit/prove.ts';
import { printRule } from '../nft/listing.ts';
import type { AuditRuleId } from './audit-rules.ts';
import type { Finding, FindingLevel } from './findings.ts';
import { count, duration, octets, percent } from './format.ts';
import { type PlacedRule, placedRules } from './rule-text.ts';

/** A finding without keys that say nothing. */
export function finding(
  rule: AuditRuleId,
  level: FindingLevel,
  message: string,
  location: SourceLocation | undefined,
  help: string | undefined,
  properties: Record<string, unknown>,
): Finding {
  return {
    rule,
    level,
    message,
    ...(location === undefined ? {} : { location }),
    ...(help === undefined ? {} : { help }),
    properties,
  };
}

/** Of numbers. */
export function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How help that is a proved fix begins. */
export const FIX = 'Fix, proved by a replay:';

/** What the fix does, what proved it, and its text. */
export function fixText(fix: Fix): string {
  return [`${FIX} ${fix.what}.`, `  ${fixCost(fix)}`, ...fix.lines.map((line) => `    ${line}`)].join('\n');
}

function fixCost({ fastBefore, fastAfter, costBefore, costAfter, ...fix }: Fix): string {
  const fast =
    fastAfter === fastBefore
      ? `as many packets stay fast (${count(fastAfter)})`
      : `${count(fastAfter)} packets are fast instead of ${count(fastBefore)}`;
  const before = saved(costBefore);
  const after = saved(costAfter);
  const cycles =
    before === after
      ? `cycles stay about the same (${after})`
      : `offload saves ${after} of the cycles instead of ${before}`;
  return `With it this finding is gone, ${proved(fix)}, and ${fast}; ${cycles}, estimated.${missed(fix)}`;
}

/** What was compared: a fix that puts more on the fast path is bound to pass rules by. */
function proved({ isOnlyFates }: Pick<Fix, 'isOnlyFates'>): string {
  return isOnlyFates ? 'no packet passes or stops that did not before' : 'nothing else gets worse';
}

function missed({ moreMissed }: Pick<Fix, 'moreMissed'>): string {
  if (moreMissed === 0) return '';
  const rules = moreMissed === 1 ? 'one rule is' : `${count(moreMissed)} rules are`;
  return ` More is fast, so ${rules} passed by more often: audit the changed ruleset.`;
}

function saved(cost: number): string {
  return cost <= 1 ? percent(1 - cost) : `-${percent(cost - 1)}`;
}

/** All flowtables of the audited ruleset. */
export function flowtables(audit: Audit) {
  return audit.inputs.replay.ruleset.tables.flatMap((table) => table.flowtables);
}

/** '12 packets (1.2 kB, 3 connections)'. */
export function packets(row: Extent): string {
  return `${count(row.packets)} packet${row.packets === 1 ? '' : 's'} (${octets(row.bytes)}, ${flows(row.flows)})`;
}

/** '3 connections'. */
export function flows(number: number): string {
  return `${count(number)} connection${number === 1 ? '' : 's'}`;
}

/** 'first: packet 12 at 0.6 s'. */
export function first(row: Extent): string {
  return `first: packet ${row.firstPacket} at ${duration(row.firstTimeNs)}`;
}

/** For programs. */
export function extent({ packets, bytes, flows, firstPacket, firstTimeNs }: Extent): Record<string, unknown> {
  return { packets, bytes, flows, firstPacket, firstTimeNs };
}

const PLACED = new WeakMap<Ruleset, PlacedRule[]>();

/** Where a rule of the audited ruleset stands, by its global index. */
export function placedRule({ inputs }: Audit, index: number): PlacedRule | undefined {
  const { ruleset } = inputs.replay;
  const known = PLACED.get(ruleset) ?? placedRules(ruleset);
  PLACED.set(ruleset, known);
  return known[index];
}

/** Its text, without state. */
export function textOf(audit: Audit, index: number): string {
  const placed = placedRule(audit, index);
  if (placed === undefined) return '';
  return printRule(audit.inputs.replay.ruleset, placed.table, placed.chain, placed.rule, undefined, {
    stateless: true,
  });
}
