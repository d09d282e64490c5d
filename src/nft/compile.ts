// Text to bytecode: the front door of the language half. Reads a ruleset and what it includes, and returns what the kernel would
// hold after `nft -f` into an empty system; what nft or the kernel would refuse is an NftError with its place.
import { NftError } from '../base/errors.ts';
import type { Expression } from '../bytecode/expression.ts';
import type { Chain, Flowtable, Rule, Ruleset, StatefulObject, Table } from '../bytecode/ruleset.ts';
import { applyCommands } from './apply-commands.ts';
import { type Assumptions, assume } from './assume.ts';
import type { Command } from './ast-commands.ts';
import type { DraftChain, DraftObject, DraftRuleset, DraftTable } from './draft-ruleset.ts';
import { finishSet } from './finish-set.ts';
import { isJson } from './json-reader.ts';
import { parseJsonRuleset } from './parse-json.ts';
import { parseRuleset } from './parse-ruleset.ts';
import { type Definition, type NftNote, type NftWarning, type SourceOptions, Sources } from './source.ts';
import { validate } from './validate.ts';

/** What to compile: `text` stands for the file's content when given; `includePaths` are searched and allowed for `include`. */
export interface CompileOptions extends SourceOptions {
  assume?: Assumptions;
}

export interface CompiledRuleset {
  ruleset: Ruleset;
  /** Accepted, yet worth knowing: old spellings. */
  warnings: NftWarning[];
  /** What was left out: includes that were not read, commands that only show something. */
  notes: NftNote[];
  /** What `define` binds, and whether something uses it. */
  definitions: Definition[];
  /** All files read. */
  files: string[];
  /** Loading it takes away what was there: `flush ruleset`, or a table or flowtable that it deletes. */
  replaces: boolean;
}

/** Compiles a ruleset. Throws NftError: NftSyntaxError, NftSemanticError, or UnsupportedError for what the engine does not run yet. */
export function compile(options: CompileOptions): CompiledRuleset {
  return translate(options, true);
}

/** As compile, `runnable` false: constructs that the engine does not run are kept (src/nft/linear.ts), for `--debug netlink`. */
export function translate(options: CompileOptions, runnable: boolean): CompiledRuleset {
  const sources = new Sources(options);
  try {
    const commands = isJson(sources) ? parseJsonRuleset(sources) : parseRuleset(sources);
    const draft = applyCommands(sources, commands);
    assume(draft, options.assume ?? {});
    validate(sources, draft, runnable);
    sources.faults.throwAll(sources.files);
    return {
      ruleset: finish(draft, sources),
      warnings: sources.warnings,
      notes: sources.notes,
      definitions: [...sources.definitions.values()],
      files: sources.files,
      replaces: commands.some(takesAway),
    };
  } catch (error) {
    // Input that nests more than the limits foresee must not look like a bug of ours.
    if (error instanceof RangeError && !(error instanceof NftError)) {
      throw sources.error('the ruleset nests too deeply or is too large', { source: 0, start: 0, end: 1 });
    }
    throw error;
  }
}

function takesAway({ op, object }: Command): boolean {
  if (op === 'flush') return object === 'ruleset';
  return (op === 'delete' || op === 'destroy') && (object === 'table' || object === 'flowtable');
}

function finish(draft: DraftRuleset, sources: Sources): Ruleset {
  return { tables: draft.tables.map((table) => finishTable(table, sources)), interfaceNames: draft.interfaces.names };
}

function finishTable(table: DraftTable, sources: Sources): Table {
  const result: Table = {
    family: table.family,
    name: table.name,
    handle: table.handle,
    flags: [...table.flags],
    chains: [...table.chains.values()].map((chain) => finishChain(chain, sources)),
    sets: [...table.sets.values()].map((set) => finishSet(set, sources)),
    objects: table.objects.map((object) => finishObject(object, sources)),
    flowtables: [...table.flowtables.values()].map(
      ({ span, ...flowtable }): Flowtable => ({ ...flowtable, location: sources.location(span) }),
    ),
  };
  if (table.comment !== undefined) result.comment = table.comment;
  return result;
}

function finishChain(chain: DraftChain, sources: Sources): Chain {
  const rules = chain.rules.map((rule): Rule => {
    const result: Rule = {
      handle: rule.handle,
      expressions: rule.expressions as Expression[],
      location: sources.location(rule.span),
    };
    if (rule.comment !== undefined) result.comment = rule.comment;
    return result;
  });
  const result: Chain = { name: chain.name, handle: chain.handle, rules, location: sources.location(chain.span) };
  if (chain.base !== undefined) result.base = chain.base;
  if (chain.comment !== undefined) result.comment = chain.comment;
  return result;
}

function finishObject({ span, ...object }: DraftObject, sources: Sources): StatefulObject {
  return { ...object, location: sources.location(span) } as StatefulObject;
}
