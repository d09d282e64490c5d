// What cases run on: rulesets and routers by their settings, each read and compiled once however many cases use it. Paths
// are relative to the suite's folder.
import { dirname, isAbsolute, join } from 'node:path';
import { readText } from '../base/yaml-file.ts';
import { loadRouter, parseRouter } from '../config/router-file.ts';
import type { Profile } from '../cost/profile.ts';
import { profile as profileByName } from '../cost/profiles.ts';
import type { RouterSpec } from '../net/spec.ts';
import { type CompiledRuleset, compile } from '../nft/compile.ts';
import { RuleRefs } from './rule-refs.ts';
import type { Settings } from './schema.ts';
import type { KeyPath, SuiteSource } from './suite-source.ts';

const MAX_RULESET_OCTETS = 64 * 1024 * 1024;
const DEFAULT_PROFILE = 'generic-x86-64';

export interface LoadedRuleset {
  /** As the suite names it, or 'SUITE: ruleset' when it stands in the suite. */
  name: string;
  compiled: CompiledRuleset;
  refs: RuleRefs;
}

export class Environment {
  /** All files read so far, for --watch. */
  readonly files = new Set<string>();
  readonly #rulesets = new Map<string, LoadedRuleset>();
  readonly #routers = new Map<string, RouterSpec>();

  /** Throws NftError and ConfigError for a ruleset that cannot be used. */
  ruleset(settings: Settings, suiteFile: string): LoadedRuleset {
    const { ruleset = '', include = [], define = {}, assume = {} } = settings;
    const folder = dirname(suiteFile);
    const key = JSON.stringify([folder, ruleset, include, define, assume, isInline(ruleset) ? suiteFile : '']);
    const known = this.#rulesets.get(key);
    if (known !== undefined) return known;
    const path = isInline(ruleset) ? `${suiteFile}: ruleset` : under(folder, ruleset);
    if (!isInline(ruleset)) this.files.add(path);
    const compiled = compile({
      path,
      ...textOption(isInline(ruleset) ? ruleset : undefined, define, path),
      includePaths: include.map((one) => under(folder, one)),
      assume,
    });
    for (const file of compiled.files) if (!isInline(ruleset)) this.files.add(file);
    const loaded = { name: isInline(ruleset) ? suiteFile : path, compiled, refs: new RuleRefs(compiled.ruleset) };
    this.#rulesets.set(key, loaded);
    return loaded;
  }

  /** undefined: to be inferred. Throws ConfigError. */
  router(settings: Settings, suiteFile: string): RouterSpec | undefined {
    const { router } = settings;
    if (router === undefined) return undefined;
    const isFile = typeof router === 'string';
    const key = isFile ? under(dirname(suiteFile), router) : JSON.stringify(router);
    const known = this.#routers.get(key);
    if (known !== undefined) return known;
    if (isFile) this.files.add(key);
    const spec = isFile ? loadRouter(key) : parseRouter(JSON.stringify(router), `${suiteFile}: router`);
    this.#routers.set(key, spec);
    return spec;
  }

  profile(settings: Settings): Profile {
    return profileByName(settings.profile ?? DEFAULT_PROFILE);
  }

  /** The files of a case's captures. */
  captures(rows: { file: string; in?: string }[], suiteFile: string): { path: string; ingress?: string }[] {
    return rows.map((row) => {
      const path = under(dirname(suiteFile), row.file);
      this.files.add(path);
      return row.in === undefined ? { path } : { path, ingress: row.in };
    });
  }
}

/** A ruleset of several lines, or with a brace, is text: a path has neither. */
export function isInline(ruleset: string): boolean {
  return /[\n{]/.test(ruleset);
}

function under(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

/** Definitions stand before the first line, so that places in the ruleset keep their line numbers. */
function textOption(
  text: string | undefined,
  define: Record<string, string | number>,
  path: string,
): { text?: string } {
  const lines = Object.entries(define).map(([name, value]) => `define ${name} = ${value}; `);
  if (lines.length === 0) return text === undefined ? {} : { text };
  return { text: lines.join('') + (text ?? readText(path, MAX_RULESET_OCTETS, 'ruleset')) };
}

/** 'YYYY-MM-DD HH:MM:SS' (UTC) in nanoseconds since 1970. Throws NftError with the key's place. */
export function clockNs(settings: Settings, source: SuiteSource, path: KeyPath): bigint {
  if (settings.clock === undefined) return 0n;
  const match = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?$/.exec(settings.clock);
  const time = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2] ?? '00:00'}Z`);
  if (!Number.isNaN(time)) return BigInt(time) * 1_000_000n;
  throw source.error([...path, 'clock'], `'${settings.clock}' is no time`, "write '2026-01-31 08:00:00' (UTC)");
}
