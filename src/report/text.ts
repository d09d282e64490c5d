// The report as text: fits 100 columns, reads without colour, never shows a raw control character of its input.
import type { RunReport } from './model.ts';
import { capturedOnSection } from './text-captured-on.ts';
import { costSection } from './text-costs.ts';
import { flowSection } from './text-flows.ts';
import { dropSection, inputSection, noteSection } from './text-input.ts';
import { rulesetSection } from './text-ruleset.ts';

/** Columns of the report. */
export const WIDTH = 100;

/** The whole report, ending in a newline. */
export function textReport(report: RunReport): string {
  const sections = [
    inputSection(report),
    capturedOnSection(report),
    costSection(report),
    dropSection(report),
    flowSection(report),
    rulesetSection(report),
    noteSection(report),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}
