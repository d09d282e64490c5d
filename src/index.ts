// nftreplay as a library: what the command line does. compile or check a ruleset, replay captures through it, price what
// happened; compare replays (audit, diff, coverage), plan capacity, run and record suites; and the reports of all of it.
// Each command is a function here (run: replayCaptures, audit: audit, diff: diffRulesets, coverage: coverRuleset, plan:
// planContext with plan and sweep, test: loadSuite with runSuite, record: recordCaptures, check: check) and a report for
// each form. Matchers for vitest stand in nftreplay/vitest.

export type { SourceLocation } from './base/errors.ts';
export {
  CaptureError,
  ConfigError,
  NftError,
  NftreplayError,
  NftSemanticError,
  NftSyntaxError,
  UnsupportedError,
} from './base/errors.ts';
export type { Expression, Verdict } from './bytecode/expression.ts';
export type { Chain, Rule, Ruleset, RulesetState, Table } from './bytecode/ruleset.ts';
export type { LiveOptions } from './capture/live.ts';
export { type Audit, type AuditMode, audit, type ModeReport } from './compare/audit/audit.ts';
export type { AuditInputs } from './compare/audit/inputs.ts';
export type { Fix } from './compare/audit/prove.ts';
export { type TurnedOn, turnOn } from './compare/audit/turn-on.ts';
export { type ColumnReplay, type PacketColumns, replayColumns } from './compare/columns.ts';
export type { DiffEntry, DiffExample } from './compare/comparison.ts';
export { compilePair, type RulesetPair } from './compare/compile-pair.ts';
export { type Coverage, type CoverState, coverRuleset, type RuleCover } from './compare/coverage.ts';
export type { DeadReason } from './compare/dead-rules.ts';
export type { Decision } from './compare/decision.ts';
export { type Diff, type DiffOptions, diffRulesets, type SwapResult } from './compare/diff.ts';
export { loadRouter, parseRouter } from './config/router-file.ts';
export { calibrate, profileFile, type ReplayedPoint } from './cost/calibrate.ts';
export { type CalibrationPoint, parsePoint, readPoints } from './cost/calibration-point.ts';
export { describePath } from './cost/describe-path.ts';
export { type Pricing, packetCycles, price } from './cost/pricing.ts';
export type { Profile } from './cost/profile.ts';
export { profile, profiles } from './cost/profiles.ts';
export { type ClassSummary, dearestPaths, summarise } from './cost/summary.ts';
export { REASONS } from './event/reasons.ts';
export type { PathTable } from './event/recorder.ts';
export { REFUSALS } from './event/refusals.ts';
export { EVENTS, type EventNames } from './event/vocabulary.ts';
export type { InterfaceSpec, NeighbourSpec, RouterSpec, RouteSpec } from './net/spec.ts';
export type { Assumptions } from './nft/assume.ts';
export { type CheckedRuleset, check } from './nft/check.ts';
export { type CompiledRuleset, type CompileOptions, compile } from './nft/compile.ts';
export { formatNftError } from './nft/errors.ts';
export { list, listJson, printRule } from './nft/listing.ts';
export { type PlanContext, type PlanOptions, type PlanResult, plan, planContext } from './plan/plan.ts';
export type { Advice, DevicePlan, ModePlan, Plan, Sweep } from './plan/result.ts';
export { SWEEPS, type SweepKind, sweep } from './plan/sweep.ts';
export { parseTarget, type Target } from './plan/target.ts';
export { EmulatedRouter, type EmulatedRouterOptions, type Passage, type SentFrame } from './replay/emulated-router.ts';
export type { EventRow } from './replay/event-rows.ts';
export type { FrameRow } from './replay/frame-rows.ts';
export { type Replay, type ReplayOptions, replayCaptures } from './replay/replay.ts';
export type { ReplayResult } from './replay/result.ts';
export type { CaptureSource, OffloadMode, Progress } from './replay/task.ts';
export type { TraceChoice, TraceResult } from './replay/trace-collector.ts';
export type { PacketTrace, TraceStep } from './replay/trace-steps.ts';
export { workingSet } from './replay/working-set.ts';
export { auditFindings } from './report/audit-findings.ts';
export type { AuditReport } from './report/audit-model.ts';
export { AUDIT_RULES } from './report/audit-rules.ts';
export { CHECK_RULES, checkFindings } from './report/check-findings.ts';
export { cobertura } from './report/cobertura.ts';
export type { CoverageReport } from './report/coverage-model.ts';
export { DIFF_RULES, DIFF_SCHEMA, diffFindings, jsonDiff } from './report/diff-findings.ts';
export type { DiffReport } from './report/diff-model.ts';
export { EventLines } from './report/events-ndjson.ts';
export {
  FAIL_ON,
  type FailOn,
  type Finding,
  type FindingRule,
  failOn,
  jsonFindings,
  textFindings,
} from './report/findings.ts';
export { githubAnnotations } from './report/github.ts';
export { jsonReport, REPORT_SCHEMA } from './report/json.ts';
export { AUDIT_SCHEMA, jsonAudit } from './report/json-audit.ts';
export { COVERAGE_SCHEMA, jsonCoverage } from './report/json-coverage.ts';
export { csvPlan, jsonPlan, PLAN_SCHEMA } from './report/json-plan.ts';
export { type JunitOptions, junitXml } from './report/junit.ts';
export { lcov } from './report/lcov.ts';
export { type MarkdownSummary, markdownSummary } from './report/markdown.ts';
export { markdownAudit } from './report/markdown-audit.ts';
export type { RunReport } from './report/model.ts';
export { writeFrames } from './report/packets-out.ts';
export { type SarifOptions, sarif } from './report/sarif.ts';
export { SUITE_REPORT_SCHEMA, suiteFindings, suiteJson, suiteMarkdown } from './report/suite-documents.ts';
export { textReport } from './report/text.ts';
export { textAudit } from './report/text-audit.ts';
export { textCoverage } from './report/text-coverage.ts';
export { textDiff } from './report/text-diff.ts';
export { textPlan } from './report/text-plan.ts';
export { textSuites } from './report/text-suite.ts';
export { compareTrace, comparisonText, type TraceComparison } from './report/trace-compare.ts';
export { type TraceJsonOptions, traceJson } from './report/trace-json.ts';
export { TraceText, type TraceTextOptions } from './report/trace-text.ts';
export { Environment } from './suite/environment.ts';
export { type RecordedCase, type RecordOptions, recordCaptures } from './suite/record.ts';
export type { CaseResult, Failure, SuiteResult } from './suite/result.ts';
export { type RunSuiteOptions, runSuite } from './suite/run-suite.ts';
export { loadSuite, parseSuite, type Suite } from './suite/suite-file.ts';
export { TestRouter, type TestRouterOptions, type TriedPacket } from './suite/test-router.ts';
