// `nftreplay coverage` as JSON, for programs.
import type { SourceLocation } from '../base/errors.ts';
import { type CoverageReport, elementsOf, reasonText, tally } from './coverage-model.ts';

/** Name and version of the shape of jsonCoverage. */
export const COVERAGE_SCHEMA = 'nftreplay.coverage/1';

/** A plain object that JSON.stringify takes. */
export function jsonCoverage(report: CoverageReport): object {
  const { coverage } = report;
  const { book } = coverage;
  const { input, flows } = coverage.replay.result;
  const { elements, branches } = elementsOf(coverage.sets);
  return {
    schema: COVERAGE_SCHEMA,
    version: report.version,
    ruleset: { path: report.rulesetPath },
    router: { path: report.routerPath ?? null, ...coverage.replay.router },
    window: {
      files: input.files.map(({ wireOctets, ...file }) => ({ ...file, wireBytes: wireOctets })),
      packets: input.packets,
      flows: flows.flows,
      firstTimeNs: input.firstTimeNs ?? null,
      durationNs: input.durationNs,
    },
    summary: {
      rules: tally(coverage.rules),
      chains: tally(coverage.chains),
      elements: tally(elements),
      branches: tally(branches),
    },
    chains: coverage.chains.map((row) => ({
      chain: book.chains[row.chain]?.name ?? '',
      ...place(book.chains[row.chain]?.chain.location),
      state: row.state,
      entered: row.entered,
      policy: row.policy,
    })),
    rules: coverage.rules.map((row) => ({
      chain: book.rules[row.rule]?.chain.name ?? '',
      rule: book.rules[row.rule]?.place ?? 0,
      ...place(book.location(row.rule)),
      text: book.text(row.rule),
      state: row.state,
      evaluated: row.evaluated,
      matched: row.matched,
      bypassed: row.bypassed,
      reason:
        row.reason === undefined
          ? null
          : { kind: row.reason.kind, text: reasonText(row.reason, book), by: takers(report, row.reason) },
    })),
    sets: coverage.sets.map(({ table, set, rules, elements: rows }) => ({
      table: `${table.family} ${table.name}`,
      name: set.anonymous ? null : set.name,
      isVerdictMap: set.mapTo === 'verdict',
      ...place(set.anonymous ? book.location(rules[0] ?? -1) : set.location),
      elements: rows,
    })),
    assumptions: coverage.replay.assumptions,
  };
}

type Reason = NonNullable<CoverageReport['coverage']['rules'][number]['reason']>;

/** Rules that a reason names. */
function takers({ coverage: { book } }: CoverageReport, reason: Reason): object[] {
  const named = (rule: number, packets: number | null): object => ({
    chain: book.rules[rule]?.chain.name ?? '',
    rule: book.rules[rule]?.place ?? 0,
    ...place(book.location(rule)),
    packets,
  });
  if (reason.kind === 'shadowed') return reason.by.map((row) => named(row.rule, row.packets));
  if (reason.kind === 'after-verdict') return [named(reason.rule, null)];
  return reason.kind === 'chain-not-entered' ? reason.rules.map((rule) => named(rule, null)) : [];
}

function place(location: SourceLocation | undefined): object {
  return { file: location?.file ?? null, line: location?.line ?? null };
}
