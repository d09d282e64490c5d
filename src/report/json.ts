// The report as JSON, for programs: everything that the text shows and what it leaves out. `schema` names the shape;
// its number goes up when a key changes its meaning or goes away.
import { f64 } from '../base/columns.ts';
import { describePath } from '../cost/describe-path.ts';
import type { Pricing } from '../cost/pricing.ts';
import { dearestPaths, summarise } from '../cost/summary.ts';
import { REASONS } from '../event/reasons.ts';
import { REFUSALS } from '../event/refusals.ts';
import { SIMPLIFICATIONS } from '../event/simplifications.ts';
import { peakConnections } from '../replay/connection-samples.ts';
import { wrongChecksums } from './checksums.ts';
import type { RunReport } from './model.ts';
import { ruleHits } from './rule-hits.ts';
import { placedRules } from './rule-text.ts';
import { ruleTexts } from './text-ruleset.ts';

/** Name and version of the shape of jsonReport. */
export const REPORT_SCHEMA = 'nftreplay.run/1';
const DEAREST = 50;

/** A plain object that JSON.stringify takes. */
export function jsonReport(report: RunReport): object {
  const { result, router, assumptions, split } = report.replay;
  const { input, names } = result;
  return {
    schema: REPORT_SCHEMA,
    version: report.version,
    input: {
      files: input.files.map(({ wireOctets, ...file }) => ({ ...file, wireBytes: wireOctets })),
      notes: input.notes,
      packets: input.packets,
      wireBytes: input.wireOctets,
      firstTimeNs: input.firstTimeNs ?? null,
      durationNs: input.durationNs,
      cutPackets: input.cut,
      superPackets: input.superPackets,
      partialChecksums: input.partialChecksums,
      wrongChecksums: wrongChecksums(input.checksums),
      fixedChecksums: input.fixedChecksums,
      untranslatedPackets: input.untranslated,
      retranslatedPackets: input.retranslated,
      strippedFrames: input.stripped,
      leftOutPackets: input.leftOut,
    },
    ruleset: { path: report.rulesetPath, notes: report.rulesetNotes, offload: report.offload },
    router: { path: report.routerPath ?? null, ...router },
    interfaces: names.interfaces.slice(1).map((name, index) => ({
      name,
      entered: input.entered[index + 1] ?? 0,
      leftFrames: result.left[index + 1]?.frames ?? 0,
      leftBytes: result.left[index + 1]?.octets ?? 0,
    })),
    costs: report.pricings.map((pricing) => costs(report, pricing)),
    drops: result.drops.map((row) => ({
      reason: REASONS[row.reason]?.name ?? '',
      text: REASONS[row.reason]?.text ?? '',
      ...dropPlace(report, REASONS[row.reason]?.name ?? '', row.detail),
      packets: row.packets,
      bytes: row.bytes,
    })),
    flows: {
      flows: result.flows.flows,
      byReason: result.flows.byRefusal.map((row) => ({
        reason: REFUSALS[row.refusal]?.name ?? '',
        text: REFUSALS[row.refusal]?.text ?? '',
        flows: row.flows,
        packets: row.packets,
        bytes: row.bytes,
      })),
      offloadedAfterPackets: Object.fromEntries(
        result.flows.offloadedAfter.map((flows, packet) => [packet, flows] as const).filter(([, flows]) => flows > 0),
      ),
      offloadedPackets: result.flows.offloadedPackets,
      softwarePackets: result.flows.fastPackets,
      hardwarePackets: result.flows.hardwarePackets,
    },
    rules: rules(report),
    ...(result.capturedOn === undefined ? {} : { capturedOn: result.capturedOn }),
    conntrackPeak: peakConnections(result.connections),
    assumptions,
    split,
    simplified: SIMPLIFICATIONS.map((row, index) => ({ ...row, times: result.simplified[index] ?? 0 })).filter(
      (row) => row.times > 0,
    ),
  };
}

function costs(report: RunReport, pricing: Pricing): object {
  const { paths, names } = report.replay.result;
  return {
    profile: pricing.profile.name,
    title: pricing.profile.title,
    estimated: true,
    classes: summarise(paths, pricing),
    dearestPaths: dearestPaths(paths, pricing, DEAREST).map((row) => ({
      ...row,
      steps: describePath(paths, names, row.path),
    })),
  };
}

function dropPlace(report: RunReport, reason: string, detail: number): object {
  const { names } = report.replay.result;
  if (detail < 0) return {};
  if (reason === 'policy') return { chain: names.chains[detail] ?? '' };
  const rule = names.rules[detail];
  return rule === undefined ? {} : { chain: rule.chain, rule: rule.place, handle: rule.handle };
}

function rules(report: RunReport): object[] {
  const { result } = report.replay;
  const hits = ruleHits(result.paths, result.names.rules.length, result.names.chains.length);
  const texts = ruleTexts(report.ruleset);
  return placedRules(report.ruleset).map((placed, index) => ({
    family: placed.table.family,
    table: placed.table.name,
    chain: placed.chain.name,
    rule: placed.place,
    handle: placed.rule.handle,
    ...(placed.rule.location === undefined ? {} : { file: placed.rule.location.file, line: placed.rule.location.line }),
    text: texts[index] ?? '',
    saw: f64(hits.evaluated, index),
    matched: f64(hits.matched, index),
  }));
}
