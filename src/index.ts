// nftreplay as a library: compile a ruleset, replay captures through it, price what happened, report it. The command
// line uses nothing else for its work.

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
export { loadRouter, parseRouter } from './config/router-file.ts';
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
export { type CompiledRuleset, type CompileOptions, compile } from './nft/compile.ts';
export { list, listJson, printRule } from './nft/listing.ts';
export { EmulatedRouter, type EmulatedRouterOptions, type Passage, type SentFrame } from './replay/emulated-router.ts';
export type { EventRow } from './replay/event-rows.ts';
export type { FrameRow } from './replay/frame-rows.ts';
export { type Replay, type ReplayOptions, replayCaptures } from './replay/replay.ts';
export type { ReplayResult } from './replay/result.ts';
export type { CaptureSource, OffloadMode, Progress } from './replay/task.ts';
export type { TraceChoice, TraceResult } from './replay/trace-collector.ts';
export type { PacketTrace, TraceStep } from './replay/trace-steps.ts';
export { EventLines } from './report/events-ndjson.ts';
export { jsonReport, REPORT_SCHEMA } from './report/json.ts';
export type { RunReport } from './report/model.ts';
export { writeFrames } from './report/packets-out.ts';
export { textReport } from './report/text.ts';
export { compareTrace, comparisonText, type TraceComparison } from './report/trace-compare.ts';
export { type TraceJsonOptions, traceJson } from './report/trace-json.ts';
export { TraceText, type TraceTextOptions } from './report/trace-text.ts';
export { TestRouter, type TestRouterOptions, type TriedPacket } from './suite/test-router.ts';
