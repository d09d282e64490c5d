// The audit as JSON, for programs. `schema` names the shape; its number goes up when a key changes its meaning or goes away.
import type { Audit, ModeReport } from '../compare/audit/audit.ts';
import { auditFindings } from './audit-findings.ts';
import type { AuditReport } from './audit-model.ts';
import { REMEDIES } from './audit-remedies.ts';
import { jsonFindings } from './findings.ts';

/** Name and version of the shape of jsonAudit. */
export const AUDIT_SCHEMA = 'nftreplay.audit/1';

/** A plain object that JSON.stringify takes. */
export function jsonAudit(report: AuditReport): object {
  const { audit } = report;
  const { input } = audit.off.result;
  return {
    schema: AUDIT_SCHEMA,
    version: report.version,
    ruleset: { path: report.rulesetPath, notes: report.rulesetNotes, hasFlowtable: audit.hasFlowtable },
    router: { path: report.routerPath ?? null, interfaces: audit.off.router.interfaces.map((row) => row.name) },
    input: { files: input.files.map(({ path, packets }) => ({ path, packets })), packets: input.packets },
    profile: audit.inputs.profile.name,
    mode: audit.asRuled.mode,
    findings: jsonFindings(auditFindings(audit)),
    fixes: fixes(audit),
    untriedFixes: audit.untried,
    software: mode(audit.software),
    hardware: mode(audit.hardware),
    changedFields: audit.fields,
    devices: audit.devices.map(({ flowtable, devices, ways, wanted }) => ({
      flowtable,
      devices,
      wanted: wanted ?? null,
      ways: ways.map(({ hitsAt, ...way }) => ({ ...way, hitsAt: hitsAt ?? null })),
    })),
    assumptions: audit.asRuled.replay.assumptions,
  };
}

function fixes(audit: Audit): object[] {
  const rows = [
    ...audit.fates.map((row) => row.fix),
    ...audit.stopped.map((row) => row.fix),
    audit.accountingFix,
    ...audit.deviceFixes.values(),
    audit.thresholdFix,
  ];
  return [...new Set(rows.filter((row) => row !== undefined))].map(
    ({ kind, what, lines, fastBefore, fastAfter, costBefore, costAfter, text }) => ({
      kind,
      what,
      lines,
      fastPacketsBefore: fastBefore,
      fastPacketsAfter: fastAfter,
      estimatedCostBefore: costBefore,
      estimatedCostAfter: costAfter,
      ruleset: text,
    }),
  );
}

function mode({ replay, refusals, costs, connections, again }: ModeReport): object {
  const { flows } = replay.result;
  const { shorter, longer, states, marks, onlyOff, onlyOn, common } = connections;
  return {
    softwarePackets: flows.fastPackets,
    hardwarePackets: flows.hardwarePackets,
    offloadedFlows: flows.offloadedAfter.reduce((sum, number) => sum + number, 0),
    flows: flows.flows,
    notOffloaded: refusals
      .filter((row) => row.name !== 'offloaded')
      .map((row) => ({ ...row, remedy: REMEDIES[row.name] })),
    offloadedAgain: again,
    connections: { common, shorter, longer, states, marks, onlyOff, onlyOn },
    estimatedCosts: { classes: costs.classes, all: costs.all, paysFromPackets: costs.paysFrom ?? null },
  };
}
