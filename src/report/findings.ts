// What audit, diff and check tell: findings, each with a stable rule id, a level and a place in the ruleset. One model for
// text, JSON, SARIF, Markdown and GitHub annotations, so that a pipeline treats all commands alike.
import type { SourceLocation } from '../base/errors.ts';
import { count, visible, wrap } from './format.ts';

export type FindingLevel = 'error' | 'warning' | 'note';

export interface RelatedPlace {
  message: string;
  location: SourceLocation;
}

export interface Finding {
  /** Stable, for suppressing and counting: 'audit/rule-stopped'. */
  rule: string;
  level: FindingLevel;
  /** One sentence or two; hostile text in it is made visible by the writers. */
  message: string;
  location?: SourceLocation;
  /** What to do about it; may have several lines (nft text). */
  help?: string;
  related?: RelatedPlace[];
  /** Figures for programs. */
  properties?: Record<string, unknown>;
}

/** What a rule id means, a row each: SARIF viewers show it beside the findings. */
export interface FindingRule {
  id: string;
  /** CamelCase, as SARIF wants names. */
  name: string;
  title: string;
  text: string;
  level: FindingLevel;
}

/** What `--fail-on` takes: errors only; errors and warnings; any difference, notes too; or never. */
export const FAIL_ON = ['error', 'warning', 'change', 'never'] as const;
export type FailOn = (typeof FAIL_ON)[number];

/** Exit code 1? */
export function failOn(findings: readonly Finding[], level: FailOn): boolean {
  if (level === 'never') return false;
  if (level === 'change') return findings.length > 0;
  return findings.some((row) => row.level === 'error' || (level === 'warning' && row.level === 'warning'));
}

/** 'no findings', '1 error, 2 warnings and 1 note'. */
export function countText(findings: readonly Finding[]): string {
  const parts = (['error', 'warning', 'note'] as const).flatMap((level) => {
    const number = findings.filter((row) => row.level === level).length;
    return number === 0 ? [] : [`${count(number)} ${level}${number === 1 ? '' : 's'}`];
  });
  if (parts.length === 0) return 'no findings';
  const last = parts.pop() as string;
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

const ORDER: Record<FindingLevel, number> = { error: 0, warning: 1, note: 2 };

/** Errors first; in a level as they came. */
export function byLevel(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => ORDER[a.level] - ORDER[b.level]);
}

/** 'fw.nft:12'. */
export function placeText({ location }: Pick<Finding, 'location'>): string {
  return location === undefined ? '' : `${visible(location.file)}:${location.line}`;
}

/** Compiler-like lines of at most `width`: 'fw.nft:12: warning: …', help and related places indented below. */
export function textFindings(findings: readonly Finding[], width = 100): string[] {
  return findings.flatMap((row) => {
    const place = placeText(row);
    const head = `${place === '' ? '' : `${place}: `}${row.level}: ${visible(row.message)}`;
    const lines = wrap(head, width, '', '    ');
    for (const place of row.related ?? []) {
      lines.push(...wrap(`${placeText(place)}: ${visible(place.message)}`, width, '    ', '      '));
    }
    if (row.help !== undefined) for (const line of row.help.split('\n')) lines.push(`    ${visible(line)}`.trimEnd());
    return lines;
  });
}

/** The findings as every JSON document carries them. */
export function jsonFindings(findings: readonly Finding[]): object[] {
  return findings.map((row) => ({
    rule: row.rule,
    level: row.level,
    message: row.message,
    ...(row.location === undefined
      ? {}
      : { file: row.location.file, line: row.location.line, column: row.location.column }),
    ...(row.help === undefined ? {} : { help: row.help }),
    ...(row.related === undefined
      ? {}
      : {
          related: row.related.map(({ message, location }) => ({ message, file: location.file, line: location.line })),
        }),
    ...(row.properties === undefined ? {} : { properties: row.properties }),
  }));
}
