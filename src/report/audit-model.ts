// What reports of an audit are made from.
import type { Audit } from '../compare/audit/audit.ts';
import type { RunReport } from './model.ts';

export interface AuditReport {
  version: string;
  rulesetPath: string;
  routerPath?: string;
  rulesetNotes: string[];
  audit: Audit;
}

/** The part that sections of other reports know: input, assumptions, places of rules. */
export function asRunReport(report: AuditReport): RunReport {
  const { version, rulesetPath, rulesetNotes, audit } = report;
  return {
    version,
    rulesetPath,
    ...(report.routerPath === undefined ? {} : { routerPath: report.routerPath }),
    ruleset: audit.inputs.replay.ruleset,
    rulesetNotes,
    offload: 'as-ruled',
    replay: audit.asRuled.replay,
    pricings: [],
  };
}
