// A suite from its first case to its last.
import { Environment } from './environment.ts';
import type { CaseResult, SuiteResult } from './result.ts';
import { runCase } from './run-case.ts';
import type { Suite } from './suite-file.ts';

export interface RunSuiteOptions {
  /** Only cases whose name has this text in it. */
  filter?: string;
  environment?: Environment;
  /** Told of each case as it ends. */
  onCase?: (result: CaseResult) => void;
}

/** Runs a suite's cases. Throws NftreplayError for a ruleset, router or capture that cannot be used. */
export async function runSuite(suite: Suite, options: RunSuiteOptions = {}): Promise<SuiteResult> {
  const environment = options.environment ?? new Environment();
  const cases: CaseResult[] = [];
  for (const one of suite.cases) {
    if (options.filter !== undefined && !one.name.includes(options.filter)) continue;
    const result = await runCase(suite, one, environment);
    cases.push(result);
    options.onCase?.(result);
  }
  return { file: suite.file, name: suite.name, cases };
}
