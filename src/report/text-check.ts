// `nftreplay check` as text: what a ruleset holds, or what is wrong with it, each with its line and a caret.
import type { NftError, SourceLocation } from '../base/errors.ts';
import type { Chain, Table } from '../bytecode/ruleset.ts';
import type { CheckedRuleset } from '../nft/check.ts';
import type { CompiledRuleset } from '../nft/compile.ts';
import { excerpt, plainMessage } from '../nft/errors.ts';
import { priorityText } from '../nft/listing-priority.ts';
import { type Finding, placeText } from './findings.ts';
import { columns, count, cut, visible, wrap } from './format.ts';
import { requirementLines } from './text-requirements.ts';

const WIDTH = 100;
/** Errors shown of one ruleset. */
export const MAX_ERRORS = 20;
const MAX_SHOWN = 40;
const MAX_PLACES = 6;
const INDENT = '    ';
const TAB = '    ';

export interface CheckTextOptions {
  /** The line of a file, for excerpts; undefined when it is not there. */
  line: (location: SourceLocation) => string | undefined;
  /** Whether notes are shown, or counted only. */
  notes: boolean;
  /** Whether to say what the ruleset needs. */
  requires: boolean;
  /** The kernel that was asked about. */
  kernel: string | undefined;
}

/** What is said about one ruleset; `findings` are its warnings and notes. */
export function checkText(checked: CheckedRuleset, findings: readonly Finding[], options: CheckTextOptions): string[] {
  if (checked.compiled === undefined) return errorLines(checked);
  const lines = [...understood(checked.path, checked.compiled), ...foreignLines(checked)];
  const shown = findings.filter((row) => options.notes || row.level !== 'note');
  for (const row of shown) lines.push('', ...findingLines(row, options));
  if (options.requires) lines.push('', ...requirementLines(checked, options.kernel));
  lines.push('', summary(findings, options.notes));
  return lines;
}

/** All errors, at most MAX_ERRORS, equal ones together; then how many there are. */
export function errorLines({ path, errors }: Pick<CheckedRuleset, 'path'> & { errors: readonly NftError[] }): string[] {
  const groups = new Map<string, NftError[]>();
  for (const error of errors) {
    const key = `${plainMessage(error)}\n${error.hint ?? ''}`;
    const group = groups.get(key) ?? [];
    group.push(error);
    groups.set(key, group);
  }
  const lines: string[] = [];
  for (const [error, ...others] of [...groups.values()].slice(0, MAX_ERRORS) as [NftError, ...NftError[]][]) {
    lines.push(...errorText(error), ...also(error, others), '');
  }
  const total = errors.length;
  const hidden = [...groups.values()].slice(MAX_ERRORS).reduce((sum, group) => sum + group.length, 0);
  const rest = hidden === 0 ? '' : `; ${count(hidden)} more are not shown: mend these first`;
  lines.push(`${visible(path)}: ${total === 1 ? '1 error' : `${count(total)} errors`}${rest}`);
  return lines;
}

function errorText(error: NftError): string[] {
  const { location, sourceLine, hint } = error;
  const place = `${visible(location.file)}:${location.line}:${location.column}`;
  const lines = wrap(`${place}: error: ${visible(plainMessage(error))}`, WIDTH, '', INDENT);
  if (sourceLine !== '') lines.push(...quote(sourceLine, location));
  if (hint !== undefined) lines.push(...wrap(visible(hint), WIDTH, `${INDENT}-> `, `${INDENT}   `));
  return lines;
}

/** The source line with carets, without the blanks that it begins with. */
function quote(sourceLine: string, location: Pick<SourceLocation, 'column' | 'endColumn'>): string[] {
  const leading = /^\s*/.exec(sourceLine)?.[0].length ?? 0;
  const trim = Math.min(leading, location.column - 1);
  const place = { column: location.column - trim, endColumn: location.endColumn - trim };
  return excerpt(sourceLine.slice(trim), place, TAB, WIDTH - 16).map((line) => `${INDENT}${line}`.trimEnd());
}

function also(first: NftError, others: readonly NftError[]): string[] {
  if (others.length === 0) return [];
  const places = others.slice(0, MAX_PLACES).map(({ location: { file, line, column } }) => {
    return `${file === first.location.file ? 'line ' : `${visible(file)}:`}${line}:${column}`;
  });
  const more = others.length > MAX_PLACES ? ` and ${count(others.length - MAX_PLACES)} more places` : '';
  return wrap(`the same in ${places.join(', ')}${more}`, WIDTH, INDENT, INDENT);
}

/** One finding like an error, with its id. */
function findingLines(row: Finding, { line }: CheckTextOptions): string[] {
  const place = row.location === undefined ? '' : `${placeText(row)}:${row.location.column}: `;
  const lines = wrap(`${place}${row.level}: ${visible(row.message)} [${row.rule}]`, WIDTH, '', INDENT);
  const text = row.location === undefined ? undefined : line(row.location);
  if (row.location !== undefined && text !== undefined) lines.push(...quote(text, row.location));
  for (const { message, location } of row.related ?? []) {
    lines.push(...wrap(`${placeText({ location })}: ${visible(message)}`, WIDTH, INDENT, `${INDENT}  `));
    const related = line(location);
    if (related !== undefined) lines.push(`${INDENT}  ${cut(visible(related.trim()), WIDTH - 6)}`);
  }
  if (row.help !== undefined) lines.push(...wrap(visible(row.help), WIDTH, `${INDENT}-> `, `${INDENT}   `));
  return lines;
}

function summary(findings: readonly Finding[], notes: boolean): string {
  const number = (level: Finding['level'], word: string): string => {
    const rows = findings.filter((row) => row.level === level).length;
    return `${rows === 0 ? 'no' : count(rows)} ${word}${rows === 1 ? '' : 's'}`;
  };
  const hidden = !notes && findings.some((row) => row.level === 'note') ? ' (--notes shows them)' : '';
  const errors = findings.some((row) => row.level === 'error') ? number('error', 'error') : 'no errors';
  const all = [errors, number('warning', 'warning'), `${number('note', 'note')}${hidden}`];
  return all.join(', ');
}

/** What the ruleset holds: a head line, then each table. */
function understood(path: string, { ruleset, files, definitions, notes }: CompiledRuleset): string[] {
  const { tables } = ruleset;
  const sum = (pick: (table: Table) => number): number => tables.reduce((total, table) => total + pick(table), 0);
  const parts = [
    plural(tables.length, 'table'),
    plural(
      sum((table) => table.chains.length),
      'chain',
    ),
    plural(
      sum((table) => table.chains.reduce((total, chain) => total + chain.rules.length, 0)),
      'rule',
    ),
    plural(
      sum((table) => table.sets.filter((set) => !set.anonymous).length),
      'set or map',
      'sets and maps',
    ),
    plural(
      sum((table) => table.objects.length),
      'object',
    ),
    plural(
      sum((table) => table.flowtables.length),
      'flowtable',
    ),
  ].filter((part) => !part.startsWith('0 '));
  const lines = wrap(
    `${visible(path)}: ${parts.length === 0 ? 'nothing: no table' : parts.join(', ')}`,
    WIDTH,
    '',
    INDENT,
  );
  const included = files.slice(1).map(visible);
  if (included.length > 0) lines.push(...wrap(`files included: ${list(included)}`, WIDTH, '  ', INDENT));
  const defined = definitions.map(({ name }) => visible(name));
  if (defined.length > 0) lines.push(...wrap(`defined: ${list(defined)}`, WIDTH, '  ', INDENT));
  for (const { message, location } of notes.slice(0, MAX_SHOWN))
    lines.push(...wrap(`${placeText({ location })}: ${visible(message)}`, WIDTH, '  ', INDENT));
  for (const table of tables) lines.push('', ...tableLines(table));
  return lines;
}

function tableLines(table: Table): string[] {
  const flags = table.flags.length === 0 ? '' : ` (${table.flags.join(', ')})`;
  const rows: string[][] = [
    ...table.flowtables.map((row) => {
      const flags = `${row.offload ? '; hardware offload' : ''}${row.counter ? '; counter' : ''}`;
      return ['flowtable', row.name, `${row.devices.length === 0 ? 'no devices' : list(row.devices)}${flags}`, ''];
    }),
    ...table.objects.map((row) => [row.type, row.name, '', '']),
    ...table.sets
      .filter((set) => !set.anonymous)
      .map((set) => {
        const data =
          set.mapTo === undefined ? '' : ` : ${set.mapTo === 'value' ? set.dataTypes.join(' . ') : set.mapTo}`;
        const flags = [set.interval && 'interval', set.dynamic && 'dynamic', set.timeout && 'timeout'].filter(Boolean);
        const type = `${set.keyTypes.join(' . ')}${data}${flags.length === 0 ? '' : `; ${flags.join(', ')}`}`;
        return [set.mapTo === undefined ? 'set' : 'map', set.name, type, plural(set.elements.length, 'element')];
      }),
    ...table.chains.map((chain) => ['chain', chain.name, hookText(table, chain), plural(chain.rules.length, 'rule')]),
  ];
  const shown = rows.slice(0, MAX_SHOWN).map((row) => row.map(visible));
  const lines = columns(shown, 'lllr', '  ').map((line) => cut(line, WIDTH));
  if (rows.length > MAX_SHOWN) lines.push(`  and ${count(rows.length - MAX_SHOWN)} more (--list shows all)`);
  return [`table ${table.family} ${visible(table.name)}${flags}`, ...lines];
}

function hookText(table: Table, { base }: Chain): string {
  if (base === undefined) return '';
  const devices = base.devices.length === 0 ? '' : ` on ${list(base.devices)}`;
  const priority = priorityText(base.priority, table.family, base.hook);
  return `${base.type}, hook ${base.hook}${devices}, priority ${priority}, policy ${base.policy}`;
}

function foreignLines({ foreign }: CheckedRuleset): string[] {
  if (foreign.length === 0) return [];
  const uses = foreign.map(({ construct, rules, location }) => {
    const where = location === undefined ? '' : `, first in ${placeText({ location })}`;
    return `${construct} (${plural(rules, 'rule')}${where})`;
  });
  return ['', ...wrap(`nftreplay run does not take this ruleset yet: ${uses.join('; ')}`, WIDTH, '', INDENT)];
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, MAX_SHOWN).join(', ');
  return names.length > MAX_SHOWN ? `${shown} and ${count(names.length - MAX_SHOWN)} more` : shown;
}

function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
