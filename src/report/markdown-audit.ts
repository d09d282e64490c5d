// The audit as a Markdown summary for merge requests.
import { auditFindings } from './audit-findings.ts';
import type { AuditReport } from './audit-model.ts';
import { byLevel } from './findings.ts';
import { markdownSummary, markdownText } from './markdown.ts';
import { answer } from './text-audit.ts';

/** A heading, what breaks, the findings, and their fixes folded away. */
export function markdownAudit({ audit }: AuditReport): string {
  const findings = byLevel(auditFindings(audit));
  const lead = markdownText(answer(audit, findings).join(' '));
  return markdownSummary({ title: 'nftreplay audit', lead: [lead], findings });
}
